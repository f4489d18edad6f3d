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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        recipe::Algorithm,
        train::{
            device::{Cpu, Device, TrainCpu},
            model::{Linear, Mode, Norm, save_weights},
            optimizer::{WrongGradients, gradients},
            random::{Purpose, Stream},
        },
    };

    fn rule() -> Rule {
        Rule { algorithm: Algorithm::Sgd { nesterov: false }, momentum: 0.9, weight_decay: 0.0 }
    }

    fn linear(bias: bool) -> Trainee<Cpu, Linear<TrainCpu>> {
        let mut stream = Stream::new(1, Purpose::Probe, [0, 0], 0);
        Trainee::new(Linear::new(3, 2, bias, &mut stream, &Device::default()), rule())
    }

    fn gradients_of(trainee: &Trainee<Cpu, Linear<TrainCpu>>) -> Gradients<Cpu> {
        gradients(&trainee.module, &trainee.module.forward(Tensor::ones([4, 3], &Device::default())).sum())
    }

    #[test]
    fn a_step_moves_everything_or_nothing() {
        let mut trainee = linear(true);
        let all = gradients_of(&trainee);
        let weights = |trainee: &Trainee<Cpu, Linear<TrainCpu>>| save_weights(&trainee.module).unwrap();
        let before = weights(&trainee);
        for (change, missing, unexpected) in [("weight", vec!["weight"], vec![]), ("scale", vec![], vec!["scale"])] {
            let mut gradients = all.clone();
            if gradients.remove(change).is_none() {
                gradients.insert(change.to_owned(), all["bias"].clone());
            }
            let error = trainee.step(0.1, gradients).unwrap_err();
            let [missing, unexpected] =
                [missing, unexpected].map(|names| names.into_iter().map(String::from).collect());
            assert!(matches!(error, Error::WrongGradients(wrong) if wrong == WrongGradients { missing, unexpected }));
            assert!(weights(&trainee) == before && trainee.optimizer.memory.is_empty());
        }
        trainee.step(0.1, all).unwrap();
        assert!(weights(&trainee) != before);
        assert!(trainee.optimizer.memory.keys().eq(["bias", "weight"]));
    }

    #[test]
    fn modules_that_were_made_without_gradients_are_trained_and_their_statistics_are_not() {
        let norm = Norm::<Cpu>::new(2, 1.0, true, &Device::default());
        let mut trainee = Trainee::new(<Norm<TrainCpu> as AutodiffModule<TrainCpu>>::from_inner(norm), rule());
        assert!(trainee.optimizer.trained.iter().eq(["bias", "weight"]));
        let views = Tensor::<TrainCpu, 2>::from_floats([[1.0, 2.0], [3.0, 5.0], [4.0, -1.0]], &Device::default());
        let output = trainee.module.forward(views.clone(), None, false, Mode::BatchStatistics);
        let gradients = gradients(&trainee.module, &(output * views).sum());
        trainee.step(0.1, gradients).unwrap();
        let Norm { weight, bias, running_mean, running_var } = trainee.module.valid();
        let moved = |tensor: Tensor<Cpu, 1>, from: f32| tensor.into_data().iter::<f32>().all(|value| value != from);
        assert!(moved(weight.val(), 1.0) && moved(bias.unwrap().val(), 0.0));
        assert!(!moved(running_mean.val(), 0.0) && !moved(running_var.val(), 1.0));
    }

    #[test]
    fn the_memory_of_other_parameters_is_refused() {
        const NAMES: (&str, &str) = ("module.", "optimizer");
        let mut trainee = linear(true);
        let gradients = gradients_of(&trainee);
        trainee.step(0.1, gradients).unwrap();
        let bytes = trainee.save_finite(NAMES).unwrap().encode("", &()).unwrap();
        let checkpoint = Checkpoint::open(&bytes, "").unwrap();
        let same = linear(true).restore(&checkpoint, NAMES, 1).unwrap();
        assert!(same.optimizer.memory.keys().eq(["bias", "weight"]));
        let error = linear(false).restore(&checkpoint, NAMES, 1).unwrap_err().to_string();
        assert!(error.contains("not that of the parameters that it trains"), "{error}");
    }
}
