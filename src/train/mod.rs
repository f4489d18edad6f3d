//! One job on one device; knows nothing of sweeps.

pub mod augment;
mod checkpoint;
pub mod contact_sheet;
pub mod data;
pub mod device;
mod error;
pub mod evaluation;
pub mod histogram;
pub mod model;
pub mod objective;
pub mod ops;
pub mod optimizer;
mod prefetch;
mod pretrain;
pub mod protocol;
pub mod random;
pub mod schedule;
pub mod trainee;
mod views;
mod watch;

pub use error::Error;
pub use pretrain::{Pretrained, initialize, pretrain, take_over};
pub use watch::{EpochReport, Watch, Wish};

use burn::tensor::{Tensor, TensorData, backend::Backend};

use device::Compute;
use ops::{Implementation, Ops};

/// The value of a one-element tensor.
pub fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> f64 {
    tensor.into_data().iter::<f64>().next().unwrap_or(f64::NAN)
}

/// What tells apart the checkpoints of the processor's kernels, of GPUs and of burn's own operations: a job does not go on
/// on another of these, since its numbers would be those of neither.
fn kind_of_device<B: Compute>() -> String {
    let place = if B::ON_HOST { "" } else { " on a GPU" };
    let means = if Implementation::chosen() == Implementation::Burn { " by burn's own operations" } else { "" };
    format!("{place}{means}")
}

/// Views `[n, size, size, 3]`, one after the other, as a tensor.
fn view_tensor<B: Ops>(views: Vec<f32>, size: usize) -> Tensor<B, 4> {
    let shape = [views.len() / (size * size * 3), size, size, 3];
    Tensor::from_data(TensorData::new(views, shape), &B::Device::default())
}

/// The values of a matrix, row by row.
fn matrix_values<B: Backend>(tensor: Tensor<B, 2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
