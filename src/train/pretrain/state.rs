//! Everything that pretraining changes, to and from a checkpoint.

use burn::{backend::Autodiff, tensor::Tensor};
use serde::{Deserialize, Serialize};

use super::{network::Network, step::share_right};
use crate::train::{
    Error,
    checkpoint::{Checkpoint, Parts},
    device::Compute,
    model::{Linear, WeightsError},
    ops::Ops,
    optimizer::Optimizer,
    watch::EpochReport,
};

/// The state of training after a step.
pub(super) struct State<B: Compute> {
    pub network: Network<Autodiff<B>>,
    pub optimizer: Optimizer<B>,
    /// The online probe with its optimizer.
    pub probe: Option<(Probe<Autodiff<B>>, Optimizer<B>)>,
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

const NETWORK: &str = "network.";
const OPTIMIZER: &str = "optimizer";
const PROBE: &str = "probe.";
const PROBE_OPTIMIZER: &str = "probe-optimizer";

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
        let network = Parts::default().module(NETWORK, &self.network).finite()?;
        let mut parts = network.optimizer(OPTIMIZER, &self.optimizer);
        if let Some((probe, optimizer)) = &self.probe {
            parts = parts.module(PROBE, probe).optimizer(PROBE_OPTIMIZER, optimizer);
        }
        Ok(parts.encode(&self.data, &self.progress)?)
    }

    /// Replaces this state, which is that of the same job before its first step, by a saved one.
    pub fn restore(self, bytes: &[u8]) -> Result<Self, WeightsError> {
        let checkpoint = Checkpoint::open(bytes, &self.data)?;
        let progress: Progress = checkpoint.progress()?;
        let probe = self.probe.map(|(probe, optimizer)| {
            let optimizer = checkpoint.optimizer(PROBE_OPTIMIZER, optimizer, progress.step)?;
            Ok((checkpoint.module(PROBE, probe)?, optimizer))
        });
        Ok(Self {
            network: checkpoint.module(NETWORK, self.network)?,
            optimizer: checkpoint.optimizer(OPTIMIZER, self.optimizer, progress.step)?,
            probe: probe.transpose()?,
            progress,
            guesses: None,
            data: self.data,
        })
    }
}
