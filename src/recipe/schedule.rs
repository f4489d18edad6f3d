//! How long pretraining runs and how the learning rate moves.

use serde::{Deserialize, Serialize};

use super::patch::{patchable, replaceable};

patchable! {
    /// Length, batch size and learning-rate curve of pretraining.
    pub struct Schedule patched by SchedulePatch {
        /// Passes over the training images; the last incomplete batch of each is dropped.
        pub epochs: usize,
        /// Images per step, N; each gives two views, so the loss sees 2N.
        pub batch_size: usize,
        /// Epochs of linear warm-up from zero; the paper uses 10.
        pub warmup_epochs: usize,
        /// What follows the warm-up.
        pub decay: Decay,
    }
}

/// The learning rate after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decay {
    /// Half a cosine down to zero, without restarts (Loshchilov & Hutter 2017; paper §2.3).
    Cosine,
    /// Stays at the peak.
    Constant,
}

replaceable!(Decay);
