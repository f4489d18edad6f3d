//! What pretraining minimizes.

use serde::{Deserialize, Serialize};

use super::patch::replaceable;

/// The pretraining objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Objective {
    /// Normalized temperature-scaled cross-entropy over 2N views with 2N − 2 negatives (paper §2.1, equation 1).
    NtXent {
        /// Temperature τ; the paper uses 0.1 on ImageNet and 0.5 on CIFAR-10.
        temperature: f64,
    },
    /// No pretraining at all: the encoder keeps its random initial weights, as a control.
    Untrained,
}

replaceable!(Objective);
