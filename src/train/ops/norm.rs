//! Batch normalization, residual addition and ReLU as one autodiff node.

use burn::{
    backend::autodiff::{
        Autodiff,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops as BackwardOps, OpsKind},
    },
    tensor::{Tensor, TensorPrimitive, backend::Backend, ops::FloatTensor},
};

use super::{Conv, Follow, Implementation, Kernels, Norm, Ops, conv_norm::tracked_conv_norm, plain};

/// Mean and biased variance of each channel of a batch, not tracked by autodiff.
#[derive(Clone, Debug)]
pub struct BatchStatistics<B: Backend> {
    /// `[c]`.
    pub mean: Tensor<B, 1>,
    /// `[c]`.
    pub variance: Tensor<B, 1>,
}

/// Normalizes `args.x` with its own statistics and returns them for the running averages (Ioffe & Szegedy 2015).
///
/// `args.mean` and `args.variance` are ignored. Shapes: `x` `[.., c]`, the rest `[c]`.
pub fn batch_norm<B: Ops, const D: usize>(
    x: Tensor<B, D>,
    gamma: Tensor<B, 1>,
    beta: Tensor<B, 1>,
    residual: Option<Tensor<B, D>>,
    relu: bool,
    epsilon: f64,
) -> (Tensor<B, D>, BatchStatistics<B>) {
    if Implementation::chosen() == Implementation::Burn {
        return plain::batch_norm(x, gamma, beta, residual, relu, epsilon);
    }
    let x = primitive(x);
    let (mean, variance) = B::channel_statistics(&x);
    let statistics = BatchStatistics { mean: float(mean.clone()), variance: float(variance.clone()) };
    let output = B::batch_norm(Norm {
        x,
        mean,
        variance,
        gamma: primitive(gamma),
        beta: primitive(beta),
        residual: residual.map(primitive),
        relu,
        epsilon,
    });
    (float(output), statistics)
}

/// Normalizes `x` with the given statistics, as batch normalization does in inference mode.
pub fn normalize<B: Ops, const D: usize>(
    x: Tensor<B, D>,
    statistics: BatchStatistics<B>,
    gamma: Tensor<B, 1>,
    beta: Tensor<B, 1>,
    residual: Option<Tensor<B, D>>,
    relu: bool,
    epsilon: f64,
) -> Tensor<B, D> {
    if Implementation::chosen() == Implementation::Burn {
        return plain::normalize(x, &statistics, gamma, beta, residual, relu, epsilon);
    }
    float(B::normalize(Norm {
        x: primitive(x),
        mean: primitive(statistics.mean),
        variance: primitive(statistics.variance),
        gamma: primitive(gamma),
        beta: primitive(beta),
        residual: residual.map(primitive),
        relu,
        epsilon,
    }))
}

pub(super) fn primitive<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> FloatTensor<B> {
    tensor.into_primitive().tensor()
}

pub(super) fn float<B: Backend, const D: usize>(tensor: FloatTensor<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(tensor))
}

#[derive(Debug)]
struct BatchNormBackward;

/// Parents: x, γ, β and, with a residual, the residual.
impl<B: Kernels, const N: usize> Backward<B, N> for BatchNormBackward {
    type State = (Norm<FloatTensor<B>>, FloatTensor<B>);

    fn backward(self, ops: BackwardOps<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let (args, output) = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let result = B::normalize_grads(&args, &output, &grad);
        let each = [Some(result.input), Some(result.gamma), Some(result.beta), result.residual];
        for (node, grad) in ops.parents.into_iter().zip(each) {
            if let (Some(node), Some(grad)) = (node, grad) {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

impl<B: Kernels, C: CheckpointStrategy> Ops for Autodiff<B, C> {
    fn normalize(args: Norm<FloatTensor<Self>>) -> FloatTensor<Self> {
        // Inference only: no job trains through fixed statistics, and an untracked result cannot train silently.
        FloatTensor::<Self>::new(B::normalize(&untracked::<B, C>(&args)))
    }

    fn batch_norm(args: Norm<FloatTensor<Self>>) -> FloatTensor<Self> {
        let inner = untracked::<B, C>(&args);
        let output = B::normalize(&inner);
        let nodes = [args.x.node.clone(), args.gamma.node.clone(), args.beta.node.clone()];
        match args.residual {
            None => match BatchNormBackward.prepare::<C>(nodes).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish((inner, output.clone()), output),
                OpsKind::UnTracked(prep) => prep.finish(output),
            },
            Some(residual) => {
                let [x, gamma, beta] = nodes;
                let nodes = [x, gamma, beta, residual.node.clone()];
                match BatchNormBackward.prepare::<C>(nodes).compute_bound().stateful() {
                    OpsKind::Tracked(prep) => prep.finish((inner, output.clone()), output),
                    OpsKind::UnTracked(prep) => prep.finish(output),
                }
            }
        }
    }

    fn conv_norm(conv: Conv<FloatTensor<Self>>, follow: Follow<FloatTensor<Self>>) -> [FloatTensor<Self>; 3] {
        tracked_conv_norm::<B, C>(conv, follow)
    }

    fn channel_statistics(x: &FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (mean, variance) = B::channel_statistics(&x.primitive);
        (FloatTensor::<Self>::new(mean), FloatTensor::<Self>::new(variance))
    }
}

fn untracked<B: Kernels, C: CheckpointStrategy>(args: &Norm<FloatTensor<Autodiff<B, C>>>) -> Norm<FloatTensor<B>> {
    Norm {
        x: args.x.primitive.clone(),
        mean: args.mean.primitive.clone(),
        variance: args.variance.primitive.clone(),
        gamma: args.gamma.primitive.clone(),
        beta: args.beta.primitive.clone(),
        residual: args.residual.as_ref().map(|residual| residual.primitive.clone()),
        relu: args.relu,
        epsilon: args.epsilon,
    }
}
