//! How long pretraining runs and how the learning rate moves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patch::{patchable, replaceable};

patchable! {
    /// Length, batch size and learning-rate curve of pretraining.
    pub struct Schedule patched by SchedulePatch {
        /// Passes over the training images; the last incomplete batch of each is dropped.
        pub epochs: usize,
        /// Images per step, N; each gives two views, so the loss sees 2N.
        pub batch_size: usize,
        /// Images that go through the encoder at a time; must divide `batch_size`. `None`, as it is unless written: all
        /// of them. The loss sees the whole batch either way and its gradient is the same (two passes, Gao et al.
        /// 2021), but batch normalization sees the micro-batch.
        #[serde(default)]
        pub micro_batch: Option<usize>,
        /// Epochs of linear warm-up from zero; the paper uses 10.
        pub warmup_epochs: usize,
        /// What follows the warm-up.
        pub decay: Decay,
    }
}

/// The learning rate after warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum Decay {
    /// Half a cosine down to zero, without restarts (Loshchilov & Hutter 2017; paper §2.3).
    Cosine,
    /// Stays at the peak.
    Constant,
    /// Multiplied by a factor at the start of some epochs.
    Step {
        /// The epochs after which the rate drops, in increasing order.
        epochs: Vec<usize>,
        /// What it is multiplied by each time.
        factor: f64,
    },
}

replaceable!(Decay, Option<usize>);
