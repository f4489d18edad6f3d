//! What pretraining minimizes.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patch::replaceable;

/// The pretraining objective.
///
/// Contrastive objectives are means over anchors: every view of the batch in turn, whose positive is the other view of
/// its image (paper Table 2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum Objective {
    /// Normalized temperature-scaled cross-entropy (paper §2.1, equation 1).
    NtXent {
        /// Temperature τ; the paper uses 0.1 on ImageNet and 0.5 on CIFAR-10.
        temperature: f64,
        /// Whether similarity is that of unit vectors; `true` unless written. Without it, it is the plain dot product
        /// (Table 5).
        #[serde(default = "yes")]
        normalize: bool,
        /// Which views repel the anchor; `BothViews` unless written.
        #[serde(default)]
        negatives: Negatives,
    },
    /// Logistic loss on scaled similarities (Table 2): log σ(s⁺/τ) of the positive plus the mean of log σ(−s⁻/τ) over
    /// the negatives. How several negatives are weighed is not said in the paper; the mean keeps the table's balance of
    /// one to one.
    NtLogistic {
        /// Temperature τ; the paper tried 0.1, 0.2, 0.5 and 1 (appendix B.10).
        temperature: f64,
        /// As for [`Objective::NtXent`].
        #[serde(default = "yes")]
        normalize: bool,
        /// As for [`Objective::NtXent`].
        #[serde(default)]
        negatives: Negatives,
        /// Which negatives count; `All` unless written.
        #[serde(default)]
        mining: Mining,
    },
    /// Triplet loss (Table 2): the mean of max(s⁻ − s⁺ + m, 0) over the negatives.
    MarginTriplet {
        /// Margin m; the paper tried 0, 0.4, 0.8 and 1.6 (appendix B.10).
        margin: f64,
        /// As for [`Objective::NtXent`].
        #[serde(default = "yes")]
        normalize: bool,
        /// As for [`Objective::NtXent`].
        #[serde(default)]
        negatives: Negatives,
        /// Which negatives count; `All` unless written.
        #[serde(default)]
        mining: Mining,
    },
    /// Cross-entropy of a linear classifier on h, with labels, on one view of each image; the head is not used.
    Supervised,
    /// No pretraining here: the encoder's weights are those of a safetensors file with torchvision's names.
    Pretrained {
        /// The file. Where it lies does not affect the result, so it is not part of the job's identity.
        #[serde(skip_serializing)]
        file: PathBuf,
        /// BLAKE3 hash of the file, 64 hexadecimal digits, which `ablate` and `b3sum` print.
        blake3: String,
    },
    /// No pretraining at all: the encoder keeps its random initial weights, as a control.
    Untrained,
}

/// Which views of other images are an anchor's negatives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Negatives {
    /// Both views: 2N − 2 negatives (Algorithm 1).
    #[default]
    BothViews,
    /// Only the views made in the other branch: N − 1 negatives (Table 4).
    OneView,
}

/// Which negatives of an anchor count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mining {
    /// All of them.
    #[default]
    All,
    /// The most similar one of those that are less similar than the positive, and, with a margin, within it (Schroff
    /// et al. 2015; Table 4, "sh"). An anchor without such a negative has none.
    SemiHard,
}

/// The parts that contrastive objectives have in common, and what tells them apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrastive {
    /// What is made of the similarities of an anchor.
    pub loss: Loss,
    /// Whether similarity is that of unit vectors.
    pub normalize: bool,
    /// Which views are negatives.
    pub negatives: Negatives,
}

/// What a contrastive objective makes of the similarities of an anchor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// See [`Objective::NtXent`].
    NtXent {
        /// Temperature τ.
        temperature: f64,
    },
    /// See [`Objective::NtLogistic`].
    NtLogistic {
        /// Temperature τ.
        temperature: f64,
        /// Which negatives count.
        mining: Mining,
    },
    /// See [`Objective::MarginTriplet`].
    MarginTriplet {
        /// Margin m.
        margin: f64,
        /// Which negatives count.
        mining: Mining,
    },
}

impl Objective {
    /// The method's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NtXent { .. } => "NT-Xent",
            Self::NtLogistic { .. } => "NT-Logistic",
            Self::MarginTriplet { .. } => "margin triplet",
            Self::Supervised => "supervised",
            Self::Pretrained { .. } => "pretrained elsewhere",
            Self::Untrained => "untrained",
        }
    }

    /// The contrastive objective, if it is one.
    pub fn contrastive(&self) -> Option<Contrastive> {
        let (loss, normalize, negatives) = match *self {
            Self::NtXent { temperature, normalize, negatives } => (Loss::NtXent { temperature }, normalize, negatives),
            Self::NtLogistic { temperature, normalize, negatives, mining } => {
                (Loss::NtLogistic { temperature, mining }, normalize, negatives)
            }
            Self::MarginTriplet { margin, normalize, negatives, mining } => {
                (Loss::MarginTriplet { margin, mining }, normalize, negatives)
            }
            Self::Supervised | Self::Pretrained { .. } | Self::Untrained => return None,
        };
        Some(Contrastive { loss, normalize, negatives })
    }
}

fn yes() -> bool {
    true
}

replaceable!(Objective);
