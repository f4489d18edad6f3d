//! SGD, LARS and AdamW for all parameters of a module.
//!
//! Tensors of rank 1 (biases, batch normalization) are excluded from weight decay and from layer-wise adaptation, and a
//! supervised classifier from adaptation, as in the reference code. State is kept by the parameters' names, so that it
//! can be stored and loaded.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use burn::{
    module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{
        Tensor,
        backend::{AutodiffBackend, Backend},
    },
};

use super::{ops::Arithmetic, scalar};
use crate::recipe::{self, Algorithm};

/// Name of the module field that holds a supervised classifier.
const CLASSIFIER: &str = "classifier";

/// Gradients of flattened parameters by name.
pub type Gradients<B> = BTreeMap<String, Tensor<B, 1>>;

/// An update rule, the parameters that it moves, and what it remembers of each.
#[derive(Clone, Debug)]
pub struct Optimizer<B: Backend> {
    /// The rule.
    pub rule: Rule,
    /// Names of the parameters that every step moves.
    pub trained: BTreeSet<String>,
    /// Memory by parameter name: of all that are trained, or of none before the first step.
    pub memory: BTreeMap<String, Memory<B>>,
}

/// The gradients of a step are not those of the parameters that are trained: a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongGradients {
    /// Parameters that are trained and have no gradient.
    pub missing: Vec<String>,
    /// What has a gradient and is not trained.
    pub unexpected: Vec<String>,
}

impl fmt::Display for WrongGradients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let (missing, unexpected) = (list(&self.missing), list(&self.unexpected));
        write!(f, "a step lacks gradients (of: {missing}) or has some that it should not have (of: {unexpected})")
    }
}

impl std::error::Error for WrongGradients {}

/// One update rule for every tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Momentum coefficient, β₁ of AdamW.
    pub momentum: f64,
    /// Weight decay.
    pub weight_decay: f64,
}

/// What is remembered of a flattened parameter between steps.
#[derive(Clone, Debug)]
pub struct Memory<B: Backend> {
    /// The momentum buffer; the mean of gradients in AdamW.
    pub first: Tensor<B, 1>,
    /// The mean of squared gradients in AdamW.
    pub second: Option<Tensor<B, 1>>,
    /// Number of updates so far.
    pub updates: usize,
}

/// Which parts of a rule a parameter is exempt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemptions {
    /// No weight decay.
    pub decay: bool,
    /// No layer-wise adaptation.
    pub adaptation: bool,
}

impl Exemptions {
    /// Those of the parameter with this name and rank.
    fn of(name: &str, rank: usize) -> Self {
        let vector = rank == 1;
        Self { decay: vector, adaptation: vector || name.split('.').any(|part| part == CLASSIFIER) }
    }
}

impl From<&recipe::Optimizer> for Rule {
    fn from(recipe: &recipe::Optimizer) -> Self {
        Self { algorithm: recipe.algorithm.clone(), momentum: recipe.momentum, weight_decay: recipe.weight_decay }
    }
}

impl Rule {
    /// The weight after one step at learning rate `rate`, and what to remember.
    pub fn update<B: Arithmetic>(
        &self,
        rate: f64,
        weight: Tensor<B, 1>,
        gradient: Tensor<B, 1>,
        memory: Option<Memory<B>>,
        exempt: Exemptions,
    ) -> (Tensor<B, 1>, Memory<B>) {
        let decay = if exempt.decay { 0.0 } else { self.weight_decay };
        let updates = memory.as_ref().map_or(0, |memory| memory.updates) + 1;
        let with_momentum = |memory: Option<Memory<B>>, step: Tensor<B, 1>| match memory {
            Some(memory) => memory.first * self.momentum + step,
            None => step,
        };
        match self.algorithm {
            Algorithm::Sgd { nesterov } => {
                let gradient = decayed(gradient, &weight, decay);
                let velocity = with_momentum(memory, gradient.clone());
                let step = if nesterov { gradient + velocity.clone() * self.momentum } else { velocity.clone() };
                (weight - step * rate, Memory { first: velocity, second: None, updates })
            }
            Algorithm::Lars { trust_coefficient } => {
                let gradient = decayed(gradient, &weight, decay);
                let step = if exempt.adaptation {
                    gradient * rate
                } else if B::ON_HOST {
                    let trust = trust(trust_coefficient, &weight, &gradient);
                    gradient * (rate * trust)
                } else {
                    let trust = trust_on_device(trust_coefficient, &weight, &gradient);
                    gradient * (trust * rate)
                };
                let velocity = with_momentum(memory, step);
                (weight - velocity.clone(), Memory { first: velocity, second: None, updates })
            }
            Algorithm::AdamW { beta2, epsilon } => {
                let (first, second) = match memory {
                    Some(Memory { first, second, .. }) => (first * self.momentum, second.map(|second| second * beta2)),
                    None => (gradient.zeros_like(), None),
                };
                let first = first + gradient.clone() * (1.0 - self.momentum);
                let squared = gradient.clone() * gradient * (1.0 - beta2);
                let second = match second {
                    Some(second) => second + squared,
                    None => squared,
                };
                // Both means start at zero; the corrections make up for it.
                let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(updates).unwrap_or(i32::MAX));
                let root = (second.clone() / correction(beta2)).sqrt() + epsilon;
                let step = first.clone() / correction(self.momentum) / root;
                let weight = weight * (1.0 - rate * decay) - step * rate;
                (weight, Memory { first, second: Some(second), updates })
            }
        }
    }
}

/// The gradient of the loss plus decay / 2 · ‖w‖².
fn decayed<B: Backend>(gradient: Tensor<B, 1>, weight: &Tensor<B, 1>, decay: f64) -> Tensor<B, 1> {
    if decay > 0.0 { gradient + weight.clone() * decay } else { gradient }
}

/// LARS's trust ratio η ‖w‖ / ‖g‖ with the weight decay in g; 1 where a norm is zero.
fn trust<B: Backend>(coefficient: f64, weight: &Tensor<B, 1>, gradient: &Tensor<B, 1>) -> f64 {
    let norm = |tensor: &Tensor<B, 1>| scalar((tensor.clone() * tensor.clone()).sum()).sqrt();
    let (weight, gradient) = (norm(weight), norm(gradient));
    if weight > 0.0 && gradient > 0.0 { coefficient * weight / gradient } else { 1.0 }
}

/// [`trust`] without a look at it, which would wait for the device once for every tensor of the network: `[1]`.
fn trust_on_device<B: Backend>(coefficient: f64, weight: &Tensor<B, 1>, gradient: &Tensor<B, 1>) -> Tensor<B, 1> {
    let norm = |tensor: &Tensor<B, 1>| (tensor.clone() * tensor.clone()).sum().sqrt();
    let (weight, gradient) = (norm(weight), norm(gradient));
    let both = weight.clone().greater_elem(0.0).bool_and(gradient.clone().greater_elem(0.0));
    (weight / gradient * coefficient).mask_fill(both.bool_not(), 1.0)
}

impl<B: Backend> Optimizer<B> {
    /// An optimizer of the parameters with these names that remembers nothing yet.
    pub fn new(rule: Rule, trained: BTreeSet<String>) -> Self {
        Self { rule, trained, memory: BTreeMap::new() }
    }

    /// The module after one step, which moves exactly the parameters that are trained; fails if they are not exactly
    /// those that have a gradient.
    pub fn step<A, M>(&mut self, rate: f64, module: M, gradients: Gradients<B>) -> Result<M, WrongGradients>
    where
        B: Arithmetic,
        A: AutodiffBackend<InnerBackend = B>,
        M: AutodiffModule<A>,
    {
        if !gradients.keys().eq(&self.trained) {
            let missing = self.trained.iter().filter(|&name| !gradients.contains_key(name)).cloned().collect();
            let unexpected = gradients.keys().filter(|&name| !self.trained.contains(name)).cloned().collect();
            return Err(WrongGradients { missing, unexpected });
        }
        Ok(module.map(&mut Stepper { optimizer: self, rate, gradients, path: Vec::new() }))
    }
}

struct Stepper<'a, B: Backend> {
    optimizer: &'a mut Optimizer<B>,
    rate: f64,
    gradients: Gradients<B>,
    path: Vec<String>,
}

impl<A: AutodiffBackend<InnerBackend: Arithmetic>> ModuleMapper<A> for Stepper<'_, A::InnerBackend> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<A, D>>) -> Param<Tensor<A, D>> {
        let name = self.path.join(".");
        let (id, tensor, mapper) = param.consume();
        let Some(gradient) = self.gradients.remove(&name) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let shape = tensor.shape();
        let exempt = Exemptions::of(&name, D);
        let weight = tensor.inner().flatten(0, D - 1);
        let memory = self.optimizer.memory.remove(&name);
        let (weight, memory) = self.optimizer.rule.update(self.rate, weight, gradient, memory, exempt);
        self.optimizer.memory.insert(name, memory);
        Param::from_mapped_value(id, Tensor::from_inner(weight.reshape(shape)).require_grad(), mapper)
    }
}

/// The gradients of `loss` with respect to the parameters of `module`.
pub fn gradients<A: AutodiffBackend, M: Module<A>>(module: &M, loss: &Tensor<A, 1>) -> Gradients<A::InnerBackend> {
    let mut collector = Collector { gradients: loss.backward(), path: Vec::new(), found: BTreeMap::new() };
    module.visit(&mut collector);
    collector.found
}

/// Adds gradients of another part of the batch.
pub fn accumulate<B: Backend>(sum: &mut Gradients<B>, part: Gradients<B>) {
    for (name, gradient) in part {
        let total = match sum.remove(&name) {
            Some(before) => before + gradient,
            None => gradient,
        };
        sum.insert(name, total);
    }
}

struct Collector<A: AutodiffBackend> {
    gradients: A::Gradients,
    path: Vec<String>,
    found: Gradients<A::InnerBackend>,
}

impl<A: AutodiffBackend> ModuleVisitor<A> for Collector<A> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<A, D>>) {
        if let Some(gradient) = param.val().grad_remove(&mut self.gradients) {
            self.found.insert(self.path.join("."), gradient.flatten(0, D - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::flex::Flex;

    use super::*;

    #[test]
    fn the_trust_ratio_of_a_device_is_that_of_the_processor() {
        let vector = |values: &[f32]| Tensor::<Flex, 1>::from_floats(values, &Default::default());
        let cases: [(&[f32], &[f32]); 5] = [
            (&[3.0, 4.0], &[0.5, -1.2]),
            (&[0.0, 0.0], &[0.5, -1.2]),
            (&[3.0, 4.0], &[0.0, 0.0]),
            (&[0.0], &[0.0]),
            (&[3.0, 4.0], &[f32::NAN, 1.0]),
        ];
        for (weight, gradient) in cases.map(|(weight, gradient)| (vector(weight), vector(gradient))) {
            let expected = trust(0.001, &weight, &gradient);
            let found = scalar(trust_on_device(0.001, &weight, &gradient));
            // The norms are of float32 on a device, of float64 on the processor.
            assert!((found - expected).abs() <= 1e-6 * expected, "{found} and {expected}");
        }
    }
}
