//! What pretraining minimizes: contrastive objectives on pairs of views, and cross-entropy on labels.

mod anchor;
mod contrastive;
mod cross_entropy;
mod device;

pub use contrastive::{Batch, contrastive};
pub use cross_entropy::{binary_cross_entropy, cross_entropy};
pub use device::{DeviceBatch, contrastive_on_device};
