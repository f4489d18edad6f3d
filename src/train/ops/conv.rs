//! Convolution as one autodiff node.

use burn::{
    backend::autodiff::{
        Autodiff,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops as BackwardOps, OpsKind},
    },
    tensor::{Tensor, ops::FloatTensor},
};

use super::{Conv, Kernels, Ops, Window, conv2d_in};
use crate::recipe::Precision;

/// Convolves `x` `[n, h, w, c]` with `weight` `[k, k, c, o]`: `[n, ⌈h / stride⌉, ⌈w / stride⌉, o]`.
pub fn conv2d<B: Ops>(x: Tensor<B, 4>, weight: Tensor<B, 4>, window: Window) -> Tensor<B, 4> {
    conv2d_in(x, weight, window, Precision::Float32)
}

#[derive(Debug)]
struct ConvBackward;

impl<B: Kernels> Backward<B, 2> for ConvBackward {
    type State = Conv<FloatTensor<B>>;

    fn backward(self, ops: BackwardOps<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight] = ops.parents;
        let (input, weights) = B::convolve_grads(&ops.state, &grad, x.is_some());
        for (node, grad) in [(x, input), (weight, Some(weights))] {
            if let (Some(node), Some(grad)) = (node, grad) {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

/// A convolution in float32 under autodiff.
pub(super) fn tracked_conv2d<B: Kernels, C: CheckpointStrategy>(
    conv: Conv<FloatTensor<Autodiff<B, C>>>,
) -> FloatTensor<Autodiff<B, C>> {
    // The inputs stay until the node is registered: autodiff frees what no tensor refers to, also from other threads.
    let inner = untracked::<B, C>(&conv);
    let output = B::convolve(&inner);
    match ConvBackward.prepare::<C>([conv.x.node.clone(), conv.weight.node.clone()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(inner, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    }
}

/// The same without what autodiff remembers.
pub(super) fn untracked<B: Kernels, C: CheckpointStrategy>(
    conv: &Conv<FloatTensor<Autodiff<B, C>>>,
) -> Conv<FloatTensor<B>> {
    Conv { x: conv.x.primitive.clone(), weight: conv.weight.primitive.clone(), window: conv.window }
}
