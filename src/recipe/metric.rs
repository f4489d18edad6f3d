//! The numbers that jobs report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A quantity measured by a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Metric {
    /// Share of test images whose class is the classifier's first choice, in percent.
    Top1,
    /// Share of test images whose class is among the classifier's first five choices, in percent.
    Top5,
    /// Mean over the classes of the share of their test images that are classified right, in percent (Table 8).
    MeanPerClass,
    /// Mean over the classes of the 11-point interpolated average precision, in percent (VOC 2007; Table 8).
    MeanAveragePrecision,
    /// Share of training images whose class is the classifier's first choice, in percent.
    TrainTop1,
    /// Mean pretraining loss over the last epoch, in nats.
    Loss,
    /// Share of views whose partner is nearest among the other view's batch, last epoch, in percent (Table 5).
    ContrastiveAccuracy,
    /// Entropy of the softmax over the other view's batch, last epoch, in nats (Table 5).
    ContrastiveEntropy,
    /// Share of views whose class is the first choice of the classifier that is trained beside the encoder, before it
    /// learns from them, last epoch, in percent.
    OnlineTop1,
}

impl Metric {
    /// All metrics, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Top1,
        Self::Top5,
        Self::MeanPerClass,
        Self::MeanAveragePrecision,
        Self::TrainTop1,
        Self::Loss,
        Self::ContrastiveAccuracy,
        Self::ContrastiveEntropy,
        Self::OnlineTop1,
    ];

    /// The name as it is written in sweep files and CSV columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Top1 => "Top1",
            Self::Top5 => "Top5",
            Self::MeanPerClass => "MeanPerClass",
            Self::MeanAveragePrecision => "MeanAveragePrecision",
            Self::TrainTop1 => "TrainTop1",
            Self::Loss => "Loss",
            Self::ContrastiveAccuracy => "ContrastiveAccuracy",
            Self::ContrastiveEntropy => "ContrastiveEntropy",
            Self::OnlineTop1 => "OnlineTop1",
        }
    }

    /// The heading of a table column, with its unit.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Top1 => "top-1 (%)",
            Self::Top5 => "top-5 (%)",
            Self::MeanPerClass => "mean per class (%)",
            Self::MeanAveragePrecision => "mAP (%)",
            Self::TrainTop1 => "train top-1 (%)",
            Self::Loss => "loss (nats)",
            Self::ContrastiveAccuracy => "contrastive acc. (%)",
            Self::ContrastiveEntropy => "entropy (nats)",
            Self::OnlineTop1 => "online top-1 (%)",
        }
    }

    /// The unit, for machine-readable output.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Loss | Self::ContrastiveEntropy => "nats",
            _ => "percent",
        }
    }

    /// Digits after the decimal point in tables.
    pub fn decimals(self) -> usize {
        match self {
            Self::Loss | Self::ContrastiveEntropy => 2,
            _ => 1,
        }
    }

    /// Whether more of it is better; `None` if neither more nor less is.
    pub fn more_is_better(self) -> Option<bool> {
        match self {
            Self::Loss => Some(false),
            Self::ContrastiveEntropy => None,
            _ => Some(true),
        }
    }

    /// Whether pretraining jobs report it (evaluation jobs report the others).
    pub fn of_pretraining(self) -> bool {
        match self {
            Self::Top1 | Self::Top5 | Self::MeanPerClass | Self::MeanAveragePrecision | Self::TrainTop1 => false,
            Self::Loss | Self::ContrastiveAccuracy | Self::ContrastiveEntropy | Self::OnlineTop1 => true,
        }
    }
}

/// The metrics of one job; every value is finite.
pub type Metrics = BTreeMap<Metric, f64>;
