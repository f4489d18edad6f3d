//! Convolution, batch normalization, residual addition and ReLU as one autodiff node, so that the gradient between
//! convolution and normalization need not be written to memory.

use burn::{
    backend::autodiff::{
        Autodiff,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops as BackwardOps, OpsKind},
    },
    tensor::{Tensor, ops::FloatTensor},
};

use super::{
    BatchStatistics, Conv, Follow, Implementation, Kernels, Norm, Ops, Window, conv,
    norm::{float, primitive},
    plain,
};

/// [`super::conv2d`], then [`super::batch_norm`].
#[allow(clippy::too_many_arguments, reason = "as many as the two have together")]
pub fn conv_norm<B: Ops>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    window: Window,
    gamma: Tensor<B, 1>,
    beta: Tensor<B, 1>,
    residual: Option<Tensor<B, 4>>,
    relu: bool,
    epsilon: f64,
) -> (Tensor<B, 4>, BatchStatistics<B>) {
    if Implementation::chosen() == Implementation::Burn {
        return plain::batch_norm(plain::conv2d(x, weight, window), gamma, beta, residual, relu, epsilon);
    }
    let [output, mean, variance] = B::conv_norm(
        Conv { x: primitive(x), weight: primitive(weight), window },
        Follow { gamma: primitive(gamma), beta: primitive(beta), residual: residual.map(primitive), relu, epsilon },
    );
    (float(output), BatchStatistics { mean: float(mean), variance: float(variance) })
}

/// [`Ops::conv_norm`] of a backend without gradients.
pub(super) fn one_after_the_other<B: Kernels>(
    conv: &Conv<FloatTensor<B>>,
    follow: Follow<FloatTensor<B>>,
) -> [FloatTensor<B>; 3] {
    let [y, mean, variance] = B::convolve_and_measure(conv);
    let output = B::normalize(&follow.of(y, mean.clone(), variance.clone()));
    [output, mean, variance]
}

#[derive(Debug)]
struct ConvNormBackward;

/// Parents: x, weight, γ, β and, with a residual, the residual.
impl<B: Kernels, const N: usize> Backward<B, N> for ConvNormBackward {
    type State = (Conv<FloatTensor<B>>, Norm<FloatTensor<B>>, FloatTensor<B>);

    fn backward(self, ops: BackwardOps<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let (conv, norm, output) = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let input_too = matches!(ops.parents.first(), Some(Some(_)));
        let result = B::conv_norm_grads(&conv, &norm, &output, &grad, input_too);
        let each = [result.input, Some(result.weight), Some(result.gamma), Some(result.beta), result.residual];
        for (node, grad) in ops.parents.into_iter().zip(each) {
            if let (Some(node), Some(grad)) = (node, grad) {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

/// The forward half of [`Ops::conv_norm`] under autodiff.
pub(super) fn tracked_conv_norm<B: Kernels, C: CheckpointStrategy>(
    conv: Conv<FloatTensor<Autodiff<B, C>>>,
    follow: Follow<FloatTensor<Autodiff<B, C>>>,
) -> [FloatTensor<Autodiff<B, C>>; 3] {
    // The inputs stay until the node is registered: autodiff frees what no tensor refers to, also from other threads.
    let inner = conv::untracked::<B, C>(&conv);
    let [y, mean, variance] = B::convolve_and_measure(&inner);
    let norm = Norm {
        x: y,
        mean: mean.clone(),
        variance: variance.clone(),
        gamma: follow.gamma.primitive.clone(),
        beta: follow.beta.primitive.clone(),
        residual: follow.residual.as_ref().map(|residual| residual.primitive.clone()),
        relu: follow.relu,
        epsilon: follow.epsilon,
    };
    let output = B::normalize(&norm);
    let state = (inner, norm, output.clone());
    let nodes = [&conv.x, &conv.weight, &follow.gamma, &follow.beta].map(|tensor| tensor.node.clone());
    let tracked = match &follow.residual {
        None => match ConvNormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(state, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        },
        Some(residual) => {
            let [x, weight, gamma, beta] = nodes;
            let nodes = [x, weight, gamma, beta, residual.node.clone()];
            match ConvNormBackward.prepare::<C>(nodes).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish(state, output),
                OpsKind::UnTracked(prep) => prep.finish(output),
            }
        }
    };
    [tracked, FloatTensor::<Autodiff<B, C>>::new(mean), FloatTensor::<Autodiff<B, C>>::new(variance)]
}
