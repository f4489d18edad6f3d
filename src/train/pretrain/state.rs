//! Everything that training changes, to and from the bytes of a checkpoint.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use safetensors::{SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::network::Network;
use crate::train::{
    device::{Cpu, Device, TrainCpu},
    model::{Linear, Tensors, WeightsError, floats, load_weights, tensors},
    optimizer::{Memory, Optimizer},
    watch::EpochReport,
};

/// The state of training after a step. Random numbers need no state: their streams depend on epoch and image only.
pub(super) struct State {
    pub network: Network<TrainCpu>,
    pub optimizer: Optimizer<Cpu>,
    /// The online probe with its optimizer.
    pub probe: Option<(Probe<TrainCpu>, Optimizer<Cpu>)>,
    pub progress: Progress,
}

/// The online probe; the field's name exempts it from layer-wise adaptation.
#[derive(burn::module::Module, Debug)]
pub(super) struct Probe<B: crate::train::ops::Ops> {
    pub classifier: Linear<B>,
}

/// How far training is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Which program trained on which images; nothing else may go on.
    pub origin: String,
    /// Steps done.
    pub step: usize,
    /// Sums over the steps of the present epoch: loss, contrastive accuracy and entropy, online accuracy.
    pub sums: [f64; 4],
    /// The epochs that are done.
    pub reports: Vec<EpochReport>,
}

/// The program, as far as it can tell itself apart from others.
pub(super) const PROGRAM: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("ABLATE_COMMIT"));
/// Name of the entry that holds [`Progress`] as JSON.
const PROGRESS: &str = "progress";
const NETWORK: &str = "network.";
const PROBE: &str = "probe.";

impl State {
    /// The state as bytes, from which [`State::restore`] goes on bit for bit.
    pub fn save(&self) -> Result<Vec<u8>, WeightsError> {
        let mut all = tensors(&self.network, NETWORK);
        remember(&mut all, "optimizer", &self.optimizer);
        if let Some((probe, optimizer)) = &self.probe {
            all.extend(tensors(probe, PROBE));
            remember(&mut all, "probe-optimizer", optimizer);
        }
        let failed = |error: &dyn std::fmt::Display| WeightsError::new(format!("cannot encode the state: {error}"));
        let progress = serde_json::to_string(&self.progress).map_err(|error| failed(&error))?;
        let views = all
            .iter()
            .map(|(name, (shape, bytes))| Ok((name, TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|error| failed(&error))?;
        let metadata = [(PROGRESS.to_owned(), progress)].into_iter().collect();
        safetensors::serialize(views, Some(metadata)).map_err(|error| failed(&error))
    }

    /// Replaces this state, which is that of the same job before its first step, by a saved one.
    pub fn restore(self, bytes: &[u8]) -> Result<Self, WeightsError> {
        let broken = |error: &dyn std::fmt::Display| WeightsError::new(format!("not a readable checkpoint: {error}"));
        let file = SafeTensors::deserialize(bytes).map_err(|error| broken(&error))?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| broken(&error))?;
        let progress = header.metadata().as_ref().and_then(|entries| entries.get(PROGRESS));
        let progress: Progress = serde_json::from_str(progress.ok_or_else(|| broken(&"it tells no progress"))?)
            .map_err(|error| broken(&error))?;
        if progress.origin != self.progress.origin {
            return Err(broken(&"it is of another program or of other images"));
        }
        let recall = |name: &str, optimizer: Optimizer<Cpu>| Optimizer {
            memory: recalled(&file, name, progress.step),
            ..optimizer
        };
        let optimizer = recall("optimizer", self.optimizer);
        if progress.step > 0 && optimizer.memory.is_empty() {
            return Err(broken(&"it lacks the optimizer's memory"));
        }
        Ok(Self {
            network: load_weights(self.network, NETWORK, bytes)?,
            optimizer,
            probe: match self.probe {
                None => None,
                Some((probe, optimizer)) => {
                    Some((load_weights(probe, PROBE, bytes)?, recall("probe-optimizer", optimizer)))
                }
            },
            progress,
        })
    }
}

/// Adds what an optimizer remembers.
fn remember(all: &mut Tensors, prefix: &str, optimizer: &Optimizer<Cpu>) {
    for (name, memory) in &optimizer.memory {
        for (part, tensor) in [("first", Some(&memory.first)), ("second", memory.second.as_ref())] {
            if let Some(tensor) = tensor {
                let values: Vec<f32> = tensor.to_data().iter::<f32>().collect();
                let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                all.insert(format!("{prefix}.{part}.{name}"), (vec![values.len()], bytes));
            }
        }
    }
}

/// What an optimizer remembered after `updates` steps.
fn recalled(file: &SafeTensors<'_>, prefix: &str, updates: usize) -> BTreeMap<String, Memory<Cpu>> {
    let tensor = |name: &str| {
        let view = file.tensor(name).ok()?;
        let values: Vec<f32> = floats(view.data()).collect();
        let length = values.len();
        Some(Tensor::<Cpu, 1>::from_data(TensorData::new(values, [length]), &Device::default()))
    };
    let start = format!("{prefix}.first.");
    let names = file.names();
    let names = names.iter().filter_map(|name| name.strip_prefix(start.as_str()));
    names
        .filter_map(|name| {
            let first = tensor(&format!("{start}{name}"))?;
            let second = tensor(&format!("{prefix}.second.{name}"));
            Some((name.to_owned(), Memory { first, second, updates }))
        })
        .collect()
}
