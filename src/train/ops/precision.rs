//! Convolutions and matrix products in the precision that a recipe asks for, each one autodiff node.
//!
//! With [`Precision::BFloat16`] operands and results are rounded and sums are float32, in the forward pass and in both
//! products of the backward pass. The gradients of operands come back as float32, since others are added to them.

use burn::{
    backend::{
        autodiff::{
            Autodiff,
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops as BackwardOps, OpsKind},
        },
        flex::Flex,
    },
    tensor::{
        FloatDType, Tensor,
        backend::Backend,
        ops::{FloatTensor, FloatTensorOps},
    },
};

use super::{
    Conv, Implementation, Kernels, Ops, Window,
    conv::tracked_conv2d,
    norm::{float, primitive},
    plain,
};
use crate::recipe::Precision;

/// What the tensors of a backend can be besides float32, and how they are multiplied.
pub trait Arithmetic: Backend {
    /// Whether tensors lie in the processor's own memory, so that a look at one waits for nothing.
    const ON_HOST: bool;

    /// Values rounded to bfloat16, in the type that the backend's kernels want such operands in.
    fn rounded(tensor: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The same values as float32.
    fn float32(tensor: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `[.., m, k]` times `[.., k, n]`, both float32 or both rounded; sums are float32. The result has the operands' type
    /// and may be rounded like them.
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Arithmetic for Flex {
    const ON_HOST: bool = true;

    fn rounded(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_cast(Self::float_cast(tensor, FloatDType::BF16), FloatDType::F32)
    }

    fn float32(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        tensor
    }

    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_matmul(a, b)
    }
}

/// The differentiable operations of networks that have a precision.
pub trait Precise: Backend {
    /// See [`conv2d_in`].
    fn convolution_in(conv: Conv<FloatTensor<Self>>, precision: Precision) -> FloatTensor<Self>;

    /// See [`product_in`].
    fn product_in(a: FloatTensor<Self>, b: FloatTensor<Self>, precision: Precision) -> FloatTensor<Self>;
}

/// As [`super::conv2d`], in a precision; the result is of the type that [`Arithmetic::rounded`] gives, and batch
/// normalization takes it as it is.
pub fn conv2d_in<B: Ops>(x: Tensor<B, 4>, weight: Tensor<B, 4>, window: Window, precision: Precision) -> Tensor<B, 4> {
    if Implementation::chosen() == Implementation::Burn {
        return plain::conv2d(x, weight, window);
    }
    float(B::convolution_in(Conv { x: primitive(x), weight: primitive(weight), window }, precision))
}

/// The matrix product of `a` `[m, k]` and `b` `[k, n]` in a precision; the result is float32.
pub fn product_in<B: Ops>(a: Tensor<B, 2>, b: Tensor<B, 2>, precision: Precision) -> Tensor<B, 2> {
    if Implementation::chosen() == Implementation::Burn {
        return plain::product(a, b);
    }
    float(B::product_in(primitive(a), primitive(b), precision))
}

/// `[.., m, k]` times `[.., k, n]`, as in [`Arithmetic::product`]: without gradients, and on a GPU by kernels that are
/// right, which `Tensor::matmul` there is not for all shapes.
pub fn untracked_product<B: Arithmetic, const D: usize>(a: Tensor<B, D>, b: Tensor<B, D>) -> Tensor<B, D> {
    float(B::product(primitive(a), primitive(b)))
}

/// An operand of that precision.
fn operand<B: Arithmetic>(tensor: FloatTensor<B>, precision: Precision) -> FloatTensor<B> {
    match precision {
        Precision::Float32 => tensor,
        Precision::BFloat16 => B::rounded(tensor),
    }
}

/// [`Precise::convolution_in`] of a backend without gradients.
pub(super) fn convolution<B: Kernels>(conv: Conv<FloatTensor<B>>, precision: Precision) -> FloatTensor<B> {
    let [x, weight] = [conv.x, conv.weight].map(|tensor| operand::<B>(tensor, precision));
    operand::<B>(B::convolve(&Conv { x, weight, window: conv.window }), precision)
}

/// [`Precise::product_in`] of a backend without gradients.
pub(super) fn product<B: Arithmetic>(a: FloatTensor<B>, b: FloatTensor<B>, precision: Precision) -> FloatTensor<B> {
    let [a, b] = [a, b].map(|tensor| operand::<B>(tensor, precision));
    B::float32(operand::<B>(B::product(a, b), precision))
}

impl Precise for Flex {
    fn convolution_in(conv: Conv<FloatTensor<Self>>, precision: Precision) -> FloatTensor<Self> {
        convolution::<Self>(conv, precision)
    }

    fn product_in(a: FloatTensor<Self>, b: FloatTensor<Self>, precision: Precision) -> FloatTensor<Self> {
        product::<Self>(a, b, precision)
    }
}

#[derive(Debug)]
struct RoundedConvolutionBackward;

/// Parents: x, weight. State: both rounded.
impl<B: Kernels> Backward<B, 2> for RoundedConvolutionBackward {
    type State = Conv<FloatTensor<B>>;

    fn backward(self, ops: BackwardOps<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = B::rounded(grads.consume::<B>(&ops.node));
        let [x, weight] = ops.parents;
        let (input, weights) = B::convolve_grads(&ops.state, &grad, x.is_some());
        for (node, grad) in [(x, input), (weight, Some(weights))] {
            if let (Some(node), Some(grad)) = (node, grad) {
                grads.register::<B>(node.id, B::float32(B::rounded(grad)));
            }
        }
    }
}

#[derive(Debug)]
struct ProductBackward;

/// Parents and, as the product took them, state: the factors.
impl<B: Kernels> Backward<B, 2> for ProductBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, Precision);

    fn backward(self, ops: BackwardOps<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [a_node, b_node] = ops.parents;
        let (a, b, precision) = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        if let Some(node) = a_node {
            grads.register::<B>(node.id, product::<B>(grad.clone(), B::float_transpose(b), precision));
        }
        if let Some(node) = b_node {
            grads.register::<B>(node.id, product::<B>(B::float_transpose(a), grad, precision));
        }
    }
}

impl<B: Kernels, C: CheckpointStrategy> Precise for Autodiff<B, C> {
    fn convolution_in(conv: Conv<FloatTensor<Self>>, precision: Precision) -> FloatTensor<Self> {
        if precision == Precision::Float32 {
            return tracked_conv2d::<B, C>(conv);
        }
        let [x, weight] = [&conv.x, &conv.weight].map(|tensor| B::rounded(tensor.primitive.clone()));
        let rounded = Conv { x, weight, window: conv.window };
        let output = B::rounded(B::convolve(&rounded));
        match RoundedConvolutionBackward.prepare::<C>([conv.x.node, conv.weight.node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(rounded, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn product_in(a: FloatTensor<Self>, b: FloatTensor<Self>, precision: Precision) -> FloatTensor<Self> {
        let [a_operand, b_operand] = [&a, &b].map(|tensor| operand::<B>(tensor.primitive.clone(), precision));
        let output = product::<B>(a_operand.clone(), b_operand.clone(), precision);
        match ProductBackward.prepare::<C>([a.node, b.node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((a_operand, b_operand, precision), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}

#[cfg(test)]
mod tests;
