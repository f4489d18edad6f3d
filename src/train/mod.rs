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
mod watch;

pub use error::Error;
pub use pretrain::{Pretrained, initialize, pretrain, take_over};
pub use watch::{EpochReport, Watch, Wish};

use burn::tensor::{Tensor, backend::Backend};

/// The value of a one-element tensor.
pub fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> f64 {
    tensor.into_data().iter::<f64>().next().unwrap_or(f64::NAN)
}
