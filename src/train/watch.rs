//! What a job tells whoever watches it, and how it is told to stop.

use std::ops::ControlFlow;

/// The state of training after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochReport {
    /// Epochs done.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Mean loss over the epoch, in nats.
    pub loss: f64,
    /// Contrastive accuracy over the epoch, in percent; none while a classifier is trained.
    pub contrastive_accuracy: Option<f64>,
    /// Contrastive entropy over the epoch, in nats; none while a classifier is trained.
    pub contrastive_entropy: Option<f64>,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Source images per second over the epoch.
    pub images_per_second: f64,
}

/// Is told after every epoch and answers whether to go on.
pub type Watch<'a> = dyn FnMut(&EpochReport) -> ControlFlow<()> + 'a;
