//! What a job tells whoever watches it, and what it is told.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::Error;

/// The state of training after an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Epochs done.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Mean loss over the epoch, in nats.
    pub loss: f64,
    /// Contrastive accuracy over the epoch, in percent; only of contrastive objectives.
    pub contrastive_accuracy: Option<f64>,
    /// Contrastive entropy over the epoch, in nats; only of contrastive objectives.
    pub contrastive_entropy: Option<f64>,
    /// Share of the epoch's views that the classifier beside the encoder gets right before it learns from them, in
    /// percent; only with a supervised objective or an online probe.
    pub online_top1: Option<f64>,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Source images per second over the epoch.
    pub images_per_second: f64,
    /// Share of the epoch's time that training waited for data, in percent.
    pub waiting_percent: f64,
}

/// What is to happen after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing special.
    GoOn,
    /// A checkpoint, and then the next step.
    Checkpoint,
    /// A checkpoint, and then the end.
    Stop,
}

/// Whoever watches a job.
pub trait Watch {
    /// Is told after every epoch and answers whether to go on.
    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<()>;

    /// Is told again of an epoch before the checkpoint that the job goes on from, as of any other.
    fn again(&mut self, report: &EpochReport) -> ControlFlow<()> {
        self.epoch(report)
    }

    /// Is asked after every step.
    fn wish(&mut self) -> Wish {
        Wish::GoOn
    }

    /// Is told while a step is under way.
    fn alive(&mut self) {}

    /// Takes a checkpoint that was wished for; breaks if it cannot be kept.
    fn checkpoint(&mut self, _bytes: &[u8]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&EpochReport) -> ControlFlow<()>> Watch for F {
    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<()> {
        self(report)
    }
}

/// Tells the epochs before the checkpoint that a job goes on from.
pub(super) fn tell_again(watch: &mut dyn Watch, reports: &[EpochReport]) -> Result<(), Error> {
    match reports.iter().try_for_each(|report| watch.again(report)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped),
    }
}

/// What a record says of a job that went on from a checkpoint.
pub(super) fn went_on(step: usize) -> String {
    format!("went on from a checkpoint after step {step}; its time counts earlier training up to there")
}
