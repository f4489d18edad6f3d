//! The numbers of a batch's choices on the device, of which every step sees its columns.

use burn::tensor::{Bool, DType, FloatDType, Int, Tensor, TensorData, backend::Backend};

use super::choices::{Choices, Step};

/// All numbers of a batch, sent in one piece each.
pub(super) struct Table<B: Backend> {
    /// Height and width of the views.
    pub size: usize,
    rows: usize,
    floats: Tensor<B, 1>,
    integers: Tensor<B, 1, Int>,
    noise: Option<Tensor<B, 2>>,
}

impl<B: Backend> Table<B> {
    pub fn new(choices: &Choices, device: &B::Device) -> Self {
        let Choices { size, rows, floats, integers, noise, .. } = choices;
        let length = 3 * size * size;
        Self {
            size: *size,
            rows: *rows,
            // Not every device has tensors without any number.
            floats: if floats.is_empty() {
                matrix(&[0.0], [1], device)
            } else {
                matrix(floats, [floats.len()], device)
            },
            integers: Tensor::from_data(TensorData::new(integers.clone(), [integers.len()]), device),
            noise: (!noise.is_empty()).then(|| matrix(noise, [noise.len() / length, length], device)),
        }
    }

    /// The image of each view.
    pub fn images(&self) -> Tensor<B, 1, Int> {
        self.integers.clone().narrow(0, 0, self.rows)
    }

    /// The columns of a step, which has a number for each of `rows` views.
    pub fn columns<'t>(&'t self, step: &'t Step, rows: usize) -> Columns<'t, B> {
        Columns { table: self, step, rows }
    }
}

/// The columns of a step.
pub(super) struct Columns<'t, B: Backend> {
    table: &'t Table<B>,
    step: &'t Step,
    rows: usize,
}

impl<B: Backend> Columns<'_, B> {
    pub fn device(&self) -> B::Device {
        self.table.floats.device()
    }

    /// One number per view, `[rows, 1, 1, 1]`.
    pub fn number(&self, column: usize) -> Tensor<B, 4> {
        self.numbers(column, 1).reshape([self.rows, 1, 1, 1])
    }

    /// Several neighboring columns, `[count, rows]`.
    pub fn numbers(&self, column: usize, count: usize) -> Tensor<B, 2> {
        let start = self.step.floats + column * self.rows;
        self.table.floats.clone().narrow(0, start, count * self.rows).reshape([count, self.rows])
    }

    /// Whether the column's number is above zero, `[rows, 1, 1, 1]`.
    pub fn flag(&self, column: usize) -> Tensor<B, 4, Bool> {
        self.number(column).greater_elem(0.0)
    }

    /// One integer per view, `[rows, 1, 1, 1]`.
    pub fn integer(&self, column: usize) -> Tensor<B, 4, Int> {
        let start = self.step.integers + column * self.rows;
        self.table.integers.clone().narrow(0, start, self.rows).reshape([self.rows, 1, 1, 1])
    }

    /// All noise of the batch, one row for each view that has some.
    pub fn noise(&self) -> Option<Tensor<B, 2>> {
        self.table.noise.clone()
    }
}

/// Numbers on the device, in float32 whatever the device's usual type.
fn matrix<B: Backend, const D: usize>(values: &[f32], shape: [usize; D], device: &B::Device) -> Tensor<B, D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (device, DType::F32))
}

/// 0, 1, 2, … along one of four dimensions, in float32.
pub(super) fn count<B: Backend>(dimension: usize, length: usize, device: &B::Device) -> Tensor<B, 4> {
    let mut shape = [1; 4];
    shape[dimension] = length;
    Tensor::<B, 1, Int>::arange(0..length as i64, device).cast(FloatDType::F32).reshape(shape)
}
