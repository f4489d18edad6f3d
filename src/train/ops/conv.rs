//! Convolution as one autodiff node.

use burn::{
    backend::autodiff::{
        Autodiff, NodeId,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops as BackwardOps, OpsKind},
    },
    tensor::{Shape, Tensor, TensorMetadata, TensorPrimitive, ops::FloatTensor},
};

use super::{Kernels, Ops, Window};

/// Convolves `x` `[n, h, w, c]` with `weight` `[k, k, c, o]`: `[n, ⌈h / stride⌉, ⌈w / stride⌉, o]`.
pub fn conv2d<B: Ops>(x: Tensor<B, 4>, weight: Tensor<B, 4>, window: Window) -> Tensor<B, 4> {
    let output = B::convolution(x.into_primitive().tensor(), weight.into_primitive().tensor(), window);
    Tensor::from_primitive(TensorPrimitive::Float(output))
}

#[derive(Debug)]
struct Conv2dBackward;

impl<B: Kernels> Backward<B, 2> for Conv2dBackward {
    type State = (NodeId, NodeId, Shape, Window);

    fn backward(self, ops: BackwardOps<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [x_node, weight_node] = ops.parents;
        let (x, weight, shape, window) = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        if let Some(node) = x_node {
            let weight: FloatTensor<B> = checkpointer.retrieve_node_output(weight);
            grads.register::<B>(node.id, B::convolve_input_grad(&weight, &grad, shape, window));
        }
        if let Some(node) = weight_node {
            let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
            grads.register::<B>(node.id, B::convolve_weight_grad(&x, &grad, window));
        }
    }
}

/// The forward half of [`Ops::convolution`] under autodiff.
pub(super) fn tracked_conv2d<B: Kernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    window: Window,
) -> FloatTensor<Autodiff<B, C>> {
    let output = B::convolve(&x.primitive, &weight.primitive, window);
    match Conv2dBackward.prepare::<C>([x.node.clone(), weight.node.clone()]).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let state = (prep.checkpoint(&x), prep.checkpoint(&weight), x.primitive.shape(), window);
            prep.finish(state, output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    }
}
