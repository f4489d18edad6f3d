//! The operations that dominate a training step, each one autodiff node with hand-written CPU kernels.
//!
//! Images are channels-last: `[batch, height, width, channels]`. [`Kernels`] are the raw forward and backward
//! computations of a backend, [`Ops`] the differentiable operations on top; [`plain`] says the same in burn's own
//! operations, as the reference that the kernels are tested against, and `composed` is what stands for them on a GPU. All
//! kernels give the same bits whatever the number of threads: work is cut by shape, never by thread count, and partial
//! sums are added in order.

#[cfg(any(feature = "cuda", test))]
mod composed;
mod conv;
mod conv_kernels;
mod conv_layout;
#[cfg(feature = "cuda")]
mod cuda;
mod exponentials;
mod flex;
mod norm;
mod norm_kernels;
pub mod plain;
mod precision;
mod product;
mod simd;
#[cfg(test)]
mod tests;

pub use conv::conv2d;
pub use exponentials::{largest, pair_of_exponentials, sum_of_exponentials};
pub use norm::{BatchStatistics, batch_norm, normalize};
pub use precision::{Arithmetic, Precise, conv2d_in, product_in};
pub use product::{Matrix, Real, add_product};

use burn::tensor::{Shape, ops::FloatTensor};

/// A square convolution window with "same" padding: `kernel / 2` zeros on each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width in pixels, odd.
    pub kernel: usize,
    /// Step between neighboring outputs in pixels.
    pub stride: usize,
}

impl Window {
    /// Zeros added on each side.
    pub fn padding(self) -> usize {
        self.kernel / 2
    }

    /// Height or width of the output for an input of `size` pixels.
    pub fn output_size(self, size: usize) -> usize {
        size.div_ceil(self.stride)
    }
}

/// Gradients of batch normalization.
pub struct NormGrads<T> {
    /// With respect to the input.
    pub input: T,
    /// With respect to the scale γ.
    pub gamma: T,
    /// With respect to the shift β.
    pub beta: T,
    /// With respect to the residual: the output's gradient where the ReLU let it through.
    pub residual: T,
}

/// Raw computations of a backend, without gradients.
///
/// Shapes: `x` is `[n, h, w, c]`, `weight` is `[k, k, c, o]`, per-channel tensors are `[c]`.
pub trait Kernels: Arithmetic {
    /// Convolution of `x` with `weight`: `[n, h', w', o]`.
    fn convolve(x: &FloatTensor<Self>, weight: &FloatTensor<Self>, window: Window) -> FloatTensor<Self>;

    /// Gradient of [`Kernels::convolve`] with respect to `x`, which has the given shape.
    fn convolve_input_grad(
        weight: &FloatTensor<Self>,
        grad: &FloatTensor<Self>,
        shape: Shape,
        window: Window,
    ) -> FloatTensor<Self>;

    /// Gradient of [`Kernels::convolve`] with respect to `weight`.
    fn convolve_weight_grad(x: &FloatTensor<Self>, grad: &FloatTensor<Self>, window: Window) -> FloatTensor<Self>;

    /// Mean and biased variance of each channel over batch and pixels.
    fn channel_statistics(x: &FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `γ (x - mean) / √(variance + ε) + β`, plus `residual` if given, then ReLU if asked for.
    fn normalize(args: &Norm<FloatTensor<Self>>) -> FloatTensor<Self>;

    /// Gradients of [`Kernels::normalize`] when mean and variance are those of `x` itself; `output` is its result.
    fn normalize_grads(
        args: &Norm<FloatTensor<Self>>,
        output: &FloatTensor<Self>,
        grad: &FloatTensor<Self>,
    ) -> NormGrads<FloatTensor<Self>>;
}

/// Arguments of [`Kernels::normalize`].
#[derive(Clone, Debug)]
pub struct Norm<T> {
    /// Input, channels last.
    pub x: T,
    /// Mean per channel.
    pub mean: T,
    /// Variance per channel.
    pub variance: T,
    /// Scale γ per channel.
    pub gamma: T,
    /// Shift β per channel.
    pub beta: T,
    /// Added before the ReLU; same shape as `x`.
    pub residual: Option<T>,
    /// Whether negative outputs become zero.
    pub relu: bool,
    /// ε under the square root.
    pub epsilon: f64,
}

/// Differentiable operations; a model that is generic over `Ops` runs with and without autodiff.
pub trait Ops: Precise {
    /// See [`conv2d`].
    fn convolution(x: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self>;

    /// See [`normalize`]: statistics are constants.
    fn normalize(args: Norm<FloatTensor<Self>>) -> FloatTensor<Self>;

    /// See [`batch_norm`]: `args.mean` and `args.variance` are the statistics of `args.x` and are differentiated
    /// through.
    fn batch_norm(args: Norm<FloatTensor<Self>>) -> FloatTensor<Self>;

    /// See [`Kernels::channel_statistics`]; the result is not tracked.
    fn channel_statistics(x: &FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);
}
