//! What pretraining minimizes: contrastive objectives on pairs of views, and cross-entropy on labels.

mod anchor;
mod contrastive;
mod cross_entropy;

pub use contrastive::{Batch, contrastive};
pub use cross_entropy::{binary_cross_entropy, cross_entropy};
