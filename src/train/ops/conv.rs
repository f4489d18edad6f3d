//! Convolution as one autodiff node.

use burn::{
    backend::autodiff::{
        Autodiff, NodeId,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops as BackwardOps, OpsKind},
    },
    tensor::{Tensor, TensorMetadata, TensorPrimitive, ops::FloatTensor},
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
    type State = (NodeId, NodeId, Window);

    fn backward(self, ops: BackwardOps<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [x_node, weight_node] = ops.parents;
        let (x, weight, window) = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let (x, weight): (FloatTensor<B>, FloatTensor<B>) =
            (checkpointer.retrieve_node_output(x), checkpointer.retrieve_node_output(weight));
        let (input, weights) = match weight_node {
            Some(_) => {
                let (input, weights) = B::convolve_grads(&x, &weight, &grad, window, x_node.is_some());
                (input, Some(weights))
            }
            None => (Some(B::convolve_input_grad(&weight, &grad, x.shape(), window)), None),
        };
        for (node, grad) in [(x_node, input), (weight_node, weights)] {
            if let (Some(node), Some(grad)) = (node, grad) {
                grads.register::<B>(node.id, grad);
            }
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
            let state = (prep.checkpoint(&x), prep.checkpoint(&weight), window);
            prep.finish(state, output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    }
}
