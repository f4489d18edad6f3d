//! One job on one device; knows nothing of sweeps.

pub mod augment;
pub mod contact_sheet;
pub mod data;
pub mod device;
mod error;
mod linear;
pub mod model;
pub mod objective;
pub mod ops;
pub mod optimizer;
mod pretrain;
pub mod random;
pub mod schedule;
mod watch;

pub use error::Error;
pub use linear::{features, linear_evaluation};
pub use pretrain::{Pretrained, pretrain};
pub use watch::{EpochReport, Watch};
