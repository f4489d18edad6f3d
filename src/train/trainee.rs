//! A module in training: its weights, and the optimizer that moves every one of them.

use std::collections::BTreeSet;

use burn::{
    backend::Autodiff,
    module::{AutodiffModule, ModuleMapper, Param},
    tensor::Tensor,
};

use super::{
    Error,
    checkpoint::{Checkpoint, Parts},
    device::Compute,
    model::{WeightsError, is_statistic},
    optimizer::{Gradients, Optimizer, Rule},
};

/// A module all of whose parameters are trained, running statistics left aside.
#[derive(Debug)]
pub struct Trainee<B: Compute, M> {
    /// Weights and statistics.
    pub module: M,
    optimizer: Optimizer<B>,
}

impl<B: Compute, M: AutodiffModule<Autodiff<B>>> Trainee<B, M> {
    /// The one place where a module becomes trainable: whatever was made of its tensors before, from here on all but
    /// running statistics have gradients, and [`Self::step`] insists on each.
    pub fn new(module: M, rule: Rule) -> Self {
        let mut marker = Marker { path: Vec::new(), trained: BTreeSet::new() };
        let module = module.map(&mut marker);
        Self { module, optimizer: Optimizer::new(rule, marker.trained) }
    }

    /// Takes one step; fails, with the module as it was, if a parameter has no gradient or something else has one.
    pub fn step(&mut self, rate: f64, gradients: Gradients<B>) -> Result<(), Error> {
        self.module = self.optimizer.step(rate, self.module.clone(), gradients)?;
        Ok(())
    }

    /// Adds weights, statistics and the optimizer's memory to a checkpoint.
    pub(super) fn save(&self, parts: Parts, (module, optimizer): (&str, &str)) -> Parts {
        parts.module(module, &self.module).optimizer(optimizer, &self.optimizer)
    }

    /// A checkpoint of this alone; refused as [`Parts::finite`] says.
    pub(super) fn save_finite(&self, (module, optimizer): (&str, &str)) -> Result<Parts, Error> {
        Ok(Parts::default().module(module, &self.module).finite()?.optimizer(optimizer, &self.optimizer))
    }

    /// The same after `updates` steps, as [`Self::save`] kept it under the same names.
    pub(super) fn restore(
        self,
        checkpoint: &Checkpoint<'_>,
        (module, optimizer): (&str, &str),
        updates: usize,
    ) -> Result<Self, WeightsError> {
        Ok(Self {
            module: checkpoint.module(module, self.module)?,
            optimizer: checkpoint.optimizer(optimizer, self.optimizer, updates)?,
        })
    }
}

/// Lets parameters have gradients, and running statistics none.
struct Marker {
    path: Vec<String>,
    trained: BTreeSet<String>,
}

impl<B: Compute> ModuleMapper<Autodiff<B>> for Marker {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<Autodiff<B>, D>>) -> Param<Tensor<Autodiff<B>, D>> {
        let trained = !self.path.last().is_some_and(|name| is_statistic(name));
        if trained {
            self.trained.insert(self.path.join("."));
        }
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, tensor.detach().set_require_grad(trained), mapper)
    }
}
