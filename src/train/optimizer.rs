//! SGD and LARS for all parameters of a module; tensors of rank 1 (biases, batch normalization) are excluded from
//! weight decay and from layer-wise adaptation, as in the reference code.

use burn::{
    module::AutodiffModule,
    optim::{SimpleOptimizer, adaptor::OptimizerAdaptor},
    record::Record,
    tensor::{
        Tensor,
        backend::{AutodiffBackend, Backend},
    },
};

use super::objective::scalar;
use crate::recipe::{Algorithm, Optimizer};

/// One update rule for every tensor.
#[derive(Clone, Debug)]
pub struct Momentum {
    algorithm: Algorithm,
    momentum: f64,
    weight_decay: f64,
}

/// The momentum buffer v.
#[derive(Record, Clone, Debug)]
pub struct MomentumState<B: Backend, const D: usize> {
    velocity: Tensor<B, D>,
}

impl Momentum {
    /// The optimizer of a recipe.
    pub fn new(recipe: &Optimizer) -> Self {
        Self { algorithm: recipe.algorithm.clone(), momentum: recipe.momentum, weight_decay: recipe.weight_decay }
    }

    /// Nesterov SGD, for linear evaluation.
    pub fn nesterov(momentum: f64, weight_decay: f64) -> Self {
        Self { algorithm: Algorithm::Sgd { nesterov: true }, momentum, weight_decay }
    }

    /// An optimizer for a module of type `M`.
    pub fn init<B: AutodiffBackend, M: AutodiffModule<B>>(self) -> OptimizerAdaptor<Self, M, B> {
        OptimizerAdaptor::from(self)
    }

    /// LARS's trust ratio η ‖w‖ / ‖g‖ with the weight decay in g; 1 where a norm is zero.
    fn trust<B: Backend, const D: usize>(coefficient: f64, weight: &Tensor<B, D>, grad: &Tensor<B, D>) -> f64 {
        let norm = |tensor: &Tensor<B, D>| scalar(tensor.clone().powf_scalar(2.0).sum()).sqrt();
        let (weight, grad) = (norm(weight), norm(grad));
        if weight > 0.0 && grad > 0.0 { coefficient * weight / grad } else { 1.0 }
    }
}

impl<B: Backend> SimpleOptimizer<B> for Momentum {
    type State<const D: usize> = MomentumState<B, D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        weight: Tensor<B, D>,
        mut grad: Tensor<B, D>,
        state: Option<MomentumState<B, D>>,
    ) -> (Tensor<B, D>, Option<MomentumState<B, D>>) {
        let excluded = D == 1;
        if !excluded && self.weight_decay > 0.0 {
            grad = grad + weight.clone() * self.weight_decay;
        }
        let accumulate = |grad: Tensor<B, D>| match state {
            Some(MomentumState { velocity }) => velocity * self.momentum + grad,
            None => grad,
        };
        match self.algorithm {
            Algorithm::Sgd { nesterov } => {
                let velocity = accumulate(grad.clone());
                let step = if nesterov { grad + velocity.clone() * self.momentum } else { velocity.clone() };
                (weight - step * lr, Some(MomentumState { velocity }))
            }
            Algorithm::Lars { trust_coefficient } => {
                let trust = if excluded { 1.0 } else { Self::trust(trust_coefficient, &weight, &grad) };
                let velocity = accumulate(grad * (lr * trust));
                (weight - velocity.clone(), Some(MomentumState { velocity }))
            }
        }
    }

    fn to_device<const D: usize>(mut state: MomentumState<B, D>, device: &B::Device) -> MomentumState<B, D> {
        state.velocity = state.velocity.to_device(device);
        state
    }
}
