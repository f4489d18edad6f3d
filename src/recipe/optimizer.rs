//! How pretraining updates the weights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patch::{patchable, replaceable};

patchable! {
    /// A first-order optimizer with momentum.
    pub struct Optimizer patched by OptimizerPatch {
        /// The update rule.
        pub algorithm: Algorithm,
        /// Peak learning rate, reached after warm-up.
        pub learning_rate: LearningRate,
        /// Momentum coefficient, β₁ of AdamW; the paper uses 0.9.
        pub momentum: f64,
        /// L2 weight decay (decoupled with AdamW), not applied to biases and batch normalization; the paper uses 1e-6.
        pub weight_decay: f64,
    }
}

/// An update rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum Algorithm {
    /// Stochastic gradient descent with momentum (the learning rate outside the momentum buffer, as in PyTorch).
    Sgd {
        /// Nesterov's look-ahead.
        nesterov: bool,
    },
    /// Layer-wise adaptive rate scaling as in the reference code: the learning rate inside the momentum buffer;
    /// biases and batch normalization take plain momentum steps (You et al. 2017; paper §2.2).
    Lars {
        /// Trust coefficient η; the reference code uses 0.001.
        trust_coefficient: f64,
    },
    /// Adam with decoupled weight decay: the weights shrink by learning rate × weight decay at each step (Loshchilov &
    /// Hutter 2019, as in PyTorch).
    AdamW {
        /// β₂, the memory of squared gradients; 0.999 is common.
        beta2: f64,
        /// ε beside the root of the squared gradients; 1e-8 is common.
        epsilon: f64,
    },
}

/// The peak learning rate as a function of the batch size N (paper appendix B.1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum LearningRate {
    /// The rate itself, whatever the batch size.
    Fixed(f64),
    /// rate × N / 256; the paper uses 0.3.
    LinearScaling(f64),
    /// rate × √N; the paper uses 0.075.
    SquareRootScaling(f64),
}

impl LearningRate {
    /// The factor written in the recipe.
    pub fn factor(self) -> f64 {
        match self {
            Self::Fixed(rate) | Self::LinearScaling(rate) | Self::SquareRootScaling(rate) => rate,
        }
    }

    /// The peak learning rate for batches of `batch_size` images.
    pub fn peak(self, batch_size: usize) -> f64 {
        match self {
            Self::Fixed(rate) => rate,
            Self::LinearScaling(rate) => rate * batch_size as f64 / 256.0,
            Self::SquareRootScaling(rate) => rate * (batch_size as f64).sqrt(),
        }
    }
}

/// A linear classifier that learns on h while the encoder is pretrained, by momentum SGD at the encoder's schedule; it
/// sees labels, the encoder does not (paper appendix B.6: "a stop_gradient is used").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnlineProbe {
    /// Peak learning rate per 256 images.
    pub learning_rate: f64,
    /// Momentum coefficient.
    pub momentum: f64,
}

replaceable!(Algorithm, LearningRate, Option<OnlineProbe>);
