//! What training has to remember between steps, to and from the bytes of a checkpoint: a safetensors file that holds
//! modules, optimizers and, as JSON in its header, how far training is.
//!
//! Random numbers need no state: their streams depend on seed, epoch and image only.

use std::collections::{BTreeMap, HashMap};

use burn::{
    module::Module,
    tensor::{Tensor, TensorData, backend::Backend},
};
use safetensors::SafeTensors;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Error,
    model::{Tensors, WeightsError, are_finite, encode_with, floats, load_weights, tensors},
    ops::Ops,
    optimizer::{Memory, Optimizer},
};

/// The program, as far as it can tell itself apart from others.
const PROGRAM: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("ABLATE_COMMIT"));
/// Entry of the header that says which program trained on what.
const ORIGIN: &str = "origin";
/// Entry of the header that says how far training is.
const PROGRESS: &str = "progress";

/// A checkpoint that is being put together.
#[derive(Default)]
pub struct Parts(Tensors);

impl Parts {
    /// With the weights and running statistics of a module.
    pub fn module<B: Ops, M: Module<B>>(mut self, prefix: &str, module: &M) -> Self {
        self.0.extend(tensors(module, prefix));
        self
    }

    /// Refuses weights from which nothing could go on: they may have become infinite at the last step, whose loss was
    /// that of the weights before.
    pub fn finite(self) -> Result<Self, Error> {
        if are_finite(&self.0) { Ok(self) } else { Err(Error::NonFiniteResult { what: "a weight" }) }
    }

    /// With what an optimizer remembers.
    pub fn optimizer<B: Backend>(mut self, name: &str, optimizer: &Optimizer<B>) -> Self {
        for (parameter, memory) in &optimizer.memory {
            for (part, tensor) in [("first", Some(&memory.first)), ("second", memory.second.as_ref())] {
                if let Some(tensor) = tensor {
                    let values: Vec<f32> = tensor.to_data().iter::<f32>().collect();
                    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                    self.0.insert(format!("{name}.{part}.{parameter}"), (vec![values.len()], bytes));
                }
            }
        }
        self
    }

    /// The bytes; `data` identifies what was trained on.
    pub fn encode(self, data: &str, progress: &impl Serialize) -> Result<Vec<u8>, WeightsError> {
        let progress = serde_json::to_string(progress)
            .map_err(|error| WeightsError::new(format!("cannot encode the state: {error}")))?;
        let entries = [(ORIGIN.to_owned(), origin(data)), (PROGRESS.to_owned(), progress)];
        encode_with(&self.0, Some(HashMap::from(entries)))
    }
}

fn origin(data: &str) -> String {
    format!("{PROGRAM} {data}")
}

/// A checkpoint of this program.
pub struct Checkpoint<'a> {
    bytes: &'a [u8],
    file: SafeTensors<'a>,
    progress: String,
}

impl<'a> Checkpoint<'a> {
    /// Reads the bytes of [`Parts::encode`]; nothing but the same program goes on, and with the same `data` only.
    pub fn open(bytes: &'a [u8], data: &str) -> Result<Self, WeightsError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| broken(&error))?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| broken(&error))?;
        let entry = |name: &str| header.metadata().as_ref().and_then(|entries| entries.get(name)).cloned();
        if entry(ORIGIN) != Some(origin(data)) {
            return Err(broken(
                &"it is of another program, other images, other micro-batches or another kind of device",
            ));
        }
        let progress = entry(PROGRESS).ok_or_else(|| broken(&"it tells no progress"))?;
        Ok(Self { bytes, file, progress })
    }

    /// How far training is.
    pub fn progress<P: DeserializeOwned>(&self) -> Result<P, WeightsError> {
        serde_json::from_str(&self.progress).map_err(|error| broken(&error))
    }

    /// `module` with the weights and running statistics of the checkpoint.
    pub fn module<B: Ops, M: Module<B>>(&self, prefix: &str, module: M) -> Result<M, WeightsError> {
        load_weights(module, prefix, self.bytes)
    }

    /// `optimizer` with what it remembered after `updates` steps: of all parameters that it trains, and of nothing else.
    pub fn optimizer<B: Backend>(
        &self,
        name: &str,
        optimizer: Optimizer<B>,
        updates: usize,
    ) -> Result<Optimizer<B>, WeightsError> {
        let start = format!("{name}.first.");
        let names = self.file.names();
        let parameters = names.iter().filter_map(|name| name.strip_prefix(start.as_str()));
        let memory: BTreeMap<String, Memory<B>> = parameters
            .filter_map(|parameter| {
                let first = self.vector(&format!("{start}{parameter}"))?;
                let second = self.vector(&format!("{name}.second.{parameter}"));
                Some((parameter.to_owned(), Memory { first, second, updates }))
            })
            .collect();
        if updates > 0 && !memory.keys().eq(&optimizer.trained) {
            return Err(broken(&"an optimizer's memory is not that of the parameters that it trains"));
        }
        Ok(Optimizer { memory, ..optimizer })
    }

    fn vector<B: Backend>(&self, name: &str) -> Option<Tensor<B, 1>> {
        let values: Vec<f32> = floats(self.file.tensor(name).ok()?.data()).collect();
        let length = values.len();
        Some(Tensor::from_data(TensorData::new(values, [length]), &B::Device::default()))
    }
}

fn broken(error: &dyn std::fmt::Display) -> WeightsError {
    WeightsError::new(format!("not a readable checkpoint: {error}"))
}
