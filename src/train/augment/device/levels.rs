//! Images of 8 bits, and what replaces their levels by tables, as in `augment::auto::levels`: levels are whole numbers
//! from 0 to 255 in float32, so that everything is exact.

use burn::tensor::{DType, FloatDType, IndexingUpdateOp, Int, Tensor, TensorData, backend::Backend};

use super::{super::auto::stretched, table::Columns};

/// Number of levels.
const LEVELS: usize = 256;
/// Added to a whole number before a division that is rounded down, so that no rounding of a quotient of whole numbers
/// matters.
pub(super) const HALF: f32 = 0.5;

/// Rounded to 8 bits.
pub(super) fn to_levels<B: Backend>(images: Tensor<B, 4>) -> Tensor<B, 4> {
    (images * 255.0 + HALF).floor().clamp(0.0, 255.0)
}

/// Back to [0, 1].
pub(super) fn from_levels<B: Backend>(levels: Tensor<B, 4>) -> Tensor<B, 4> {
    levels.div_scalar(255.0)
}

/// Makes the histogram of each channel flat.
pub(super) fn equalize<B: Backend>(images: Tensor<B, 4>, columns: &Columns<'_, B>) -> Tensor<B, 4> {
    let equalized = from_levels(equalized(to_levels(images.clone())));
    images.mask_where(columns.flag(0), equalized)
}

/// The same of levels.
pub(super) fn equalized<B: Backend>(levels: Tensor<B, 4>) -> Tensor<B, 4> {
    let shape = levels.dims();
    let values = by_channel(levels);
    let [channels, pixels] = values.dims();
    let places = values.clone().int();
    let counts = Tensor::<B, 2>::zeros([channels, LEVELS], (&values.device(), DType::F32)).scatter(
        1,
        places.clone(),
        values.ones_like(),
        IndexingUpdateOp::Add,
    );
    let highest = values.clone().max_dim(1).int();
    let last = counts.clone().gather(1, highest);
    // ⌊(pixels − last) / 255⌋
    let step = ((last * -1.0 + (pixels as f32 + HALF)) / 255.0).floor();
    let none = step.clone().lower_elem(0.5);
    let below = counts.clone().cumsum(1) - counts + (step.clone() / 2.0).floor();
    let table = ((below + HALF) / step.clamp_min(1.0)).floor().clamp(0.0, 255.0);
    let replaced = table.gather(1, places).mask_where(none, values);
    from_channels(replaced, shape)
}

/// Stretches each channel to the full range.
pub(super) fn stretched_levels<B: Backend>(levels: Tensor<B, 4>, table: Tensor<B, 1, Int>) -> Tensor<B, 4> {
    let shape = levels.dims();
    let values = by_channel(levels);
    let [channels, pixels] = values.dims();
    let (low, high) = (values.clone().min_dim(1), values.clone().max_dim(1));
    // At most 2²⁴ − 1, which float32 still holds.
    let place = (low * LEVELS as f32 + high) * LEVELS as f32 + values;
    let replaced = table.select(0, place.reshape([channels * pixels]).int()).cast(FloatDType::F32);
    from_channels(replaced.reshape([channels, pixels]), shape)
}

/// What each level becomes by stretching, for every lowest and highest level: 16 MiB, because the rounding of float64
/// that makes some results a level less would not come out the same on every device.
pub(super) fn stretch_table<B: Backend>(device: &B::Device) -> Tensor<B, 1, Int> {
    let of_range = |(low, high): (u8, u8)| -> Vec<u8> {
        if low < high { (0..LEVELS).map(stretched(low, high)).collect() } else { (0..=255).collect() }
    };
    let ranges = (0..=255).flat_map(|low| (0..=255).map(move |high| (low, high)));
    let bytes: Vec<u8> = ranges.flat_map(of_range).collect();
    let length = bytes.len();
    Tensor::from_data(TensorData::new(bytes, [length]), (device, DType::U8))
}

/// `[rows · 3, size · size]`.
fn by_channel<B: Backend>(images: Tensor<B, 4>) -> Tensor<B, 2> {
    let [rows, size, channels, _] = images.dims();
    images.permute([0, 2, 1, 3]).reshape([rows * channels, size * size])
}

fn from_channels<B: Backend>(values: Tensor<B, 2>, shape: [usize; 4]) -> Tensor<B, 4> {
    let [rows, size, channels, _] = shape;
    values.reshape([rows, channels, size, size]).permute([0, 2, 1, 3])
}
