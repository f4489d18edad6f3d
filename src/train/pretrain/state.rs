//! Everything that pretraining changes, to and from a checkpoint.

use burn::{backend::Autodiff, tensor::Tensor};
use serde::{Deserialize, Serialize};

use super::{network::Network, step::share_right};
use crate::train::{
    Error,
    checkpoint::Checkpoint,
    device::Compute,
    model::{Linear, WeightsError},
    ops::Ops,
    trainee::Trainee,
    watch::EpochReport,
};

/// The state of training after a step.
pub(super) struct State<B: Compute> {
    pub network: Trainee<B, Network<Autodiff<B>>>,
    /// The online probe.
    pub probe: Option<Trainee<B, Probe<Autodiff<B>>>>,
    pub progress: Progress,
    /// What the probe said at the last step; looked at when the device has got so far anyway.
    pub guesses: Option<Guesses<B>>,
    /// Identifies the images, and how many go through the encoder at a time.
    pub data: String,
}

/// The online probe; the field's name exempts it from layer-wise adaptation.
#[derive(burn::module::Module, Debug)]
pub(super) struct Probe<B: Ops> {
    pub classifier: Linear<B>,
}

/// How far training is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Steps done.
    pub step: usize,
    /// Sums over the steps of the present epoch: loss, contrastive accuracy and entropy, online accuracy.
    pub sums: [f64; 4],
    /// The epochs that are done.
    pub reports: Vec<EpochReport>,
    /// Time spent so far, in seconds.
    pub seconds: f64,
}

const NETWORK: (&str, &str) = ("network.", "optimizer");
const PROBE: (&str, &str) = ("probe.", "probe-optimizer");

/// Logits of views, and the classes of their images.
pub(super) struct Guesses<B: Compute> {
    /// `[rows, classes]`.
    pub logits: Tensor<B, 2>,
    pub labels: Vec<u16>,
}

impl<B: Compute> State<B> {
    /// Counts what the probe said at the last step.
    pub fn settle(&mut self) {
        if let Some(Guesses { logits, labels }) = self.guesses.take() {
            self.progress.sums[3] += share_right(logits, &labels);
        }
    }

    /// The state as bytes, from which [`State::restore`] goes on bit for bit.
    pub fn save(&mut self) -> Result<Vec<u8>, Error> {
        self.settle();
        // The probe may fail by itself, so that it is not asked for.
        let mut parts = self.network.save_finite(NETWORK)?;
        if let Some(probe) = &self.probe {
            parts = probe.save(parts, PROBE);
        }
        Ok(parts.encode(&self.data, &self.progress)?)
    }

    /// Replaces this state, which is that of the same job before its first step, by a saved one.
    pub fn restore(self, bytes: &[u8]) -> Result<Self, WeightsError> {
        let checkpoint = Checkpoint::open(bytes, &self.data)?;
        let progress: Progress = checkpoint.progress()?;
        let probe = self.probe.map(|probe| probe.restore(&checkpoint, PROBE, progress.step));
        Ok(Self {
            network: self.network.restore(&checkpoint, NETWORK, progress.step)?,
            probe: probe.transpose()?,
            progress,
            guesses: None,
            data: self.data,
        })
    }
}
