//! The operations that dominate a training step, each one autodiff node with hand-written CPU kernels.
//!
//! Images are channels-last: `[batch, height, width, channels]`. [`Kernels`] are the raw forward and backward
//! computations of a backend, [`Ops`] the differentiable operations on top; [`plain`] says the same in burn's own
//! operations, as the reference that the kernels are tested against and what stands in for them where
//! [`Implementation`] says so, and `composed` is what the kernels are on a GPU. All
//! kernels give the same bits whatever the number of threads: work is cut by shape, never by thread count, and partial
//! sums are added in order.

mod buffer;
#[cfg(any(feature = "cuda", test))]
mod composed;
mod conv;
mod conv_direct;
mod conv_kernels;
mod conv_layout;
mod conv_norm;
mod conv_tiles;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
mod cuda_kernels;
mod exponentials;
mod flex;
mod norm;
mod norm_kernels;
mod norm_statistics;
pub mod plain;
mod precision;
mod product;
mod simd;
mod switch;
#[cfg(test)]
mod tests;
mod winograd;
mod winograd_transforms;

pub use conv::conv2d;
pub use conv_norm::conv_norm;
pub use exponentials::{largest, pair_of_exponentials, sum_of_exponentials};
pub use norm::{BatchStatistics, batch_norm, normalize};
pub use precision::{Arithmetic, Precise, conv2d_in, product_in, untracked_product};
pub use product::{Matrix, Real, add_product};
pub use switch::Implementation;

use burn::tensor::ops::FloatTensor;

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
    /// With respect to the residual, if there is one: the output's gradient where the ReLU let it through.
    pub residual: Option<T>,
}

/// Gradients of a convolution and the batch normalization behind it.
pub struct ConvNormGrads<T> {
    /// With respect to the convolution's input, if it was wanted.
    pub input: Option<T>,
    /// With respect to the convolution's weights.
    pub weight: T,
    /// With respect to the scale γ.
    pub gamma: T,
    /// With respect to the shift β.
    pub beta: T,
    /// With respect to the residual, if there is one.
    pub residual: Option<T>,
}

/// What a convolution is computed from.
#[derive(Clone, Debug)]
pub struct Conv<T> {
    /// `[n, h, w, c]`.
    pub x: T,
    /// `[k, k, c, o]`.
    pub weight: T,
    /// What slides over `x`.
    pub window: Window,
}

/// Raw computations of a backend, without gradients.
///
/// Shapes: `x` is `[n, h, w, c]`, `weight` is `[k, k, c, o]`, per-channel tensors are `[c]`.
pub trait Kernels: Arithmetic {
    /// The convolution: `[n, h', w', o]`.
    fn convolve(conv: &Conv<FloatTensor<Self>>) -> FloatTensor<Self>;

    /// Gradients of [`Kernels::convolve`] with respect to `x`, if it is wanted, and the weights.
    fn convolve_grads(
        conv: &Conv<FloatTensor<Self>>,
        grad: &FloatTensor<Self>,
        input_too: bool,
    ) -> (Option<FloatTensor<Self>>, FloatTensor<Self>);

    /// [`Kernels::convolve`] and the [`Kernels::channel_statistics`] of its result.
    fn convolve_and_measure(conv: &Conv<FloatTensor<Self>>) -> [FloatTensor<Self>; 3] {
        let output = Self::convolve(conv);
        let (mean, variance) = Self::channel_statistics(&output);
        [output, mean, variance]
    }

    /// Gradients of a convolution behind which `norm` normalizes with its result's own statistics; `output` is what came
    /// out at the end.
    fn conv_norm_grads(
        conv: &Conv<FloatTensor<Self>>,
        norm: &Norm<FloatTensor<Self>>,
        output: &FloatTensor<Self>,
        grad: &FloatTensor<Self>,
        input_too: bool,
    ) -> ConvNormGrads<FloatTensor<Self>> {
        let NormGrads { input, gamma, beta, residual } = Self::normalize_grads(norm, output, grad);
        let (input, weight) = Self::convolve_grads(conv, &input, input_too);
        ConvNormGrads { input, weight, gamma, beta, residual }
    }

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
    /// See [`normalize`]: statistics are constants.
    fn normalize(args: Norm<FloatTensor<Self>>) -> FloatTensor<Self>;

    /// See [`batch_norm`]: `args.mean` and `args.variance` are the statistics of `args.x` and are differentiated
    /// through.
    fn batch_norm(args: Norm<FloatTensor<Self>>) -> FloatTensor<Self>;

    /// See [`conv_norm`]: the output, mean and variance, of which only the first is tracked.
    fn conv_norm(conv: Conv<FloatTensor<Self>>, follow: Follow<FloatTensor<Self>>) -> [FloatTensor<Self>; 3];

    /// See [`Kernels::channel_statistics`]; the result is not tracked.
    fn channel_statistics(x: &FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// What follows a convolution: batch normalization, then perhaps a residual and a ReLU.
#[derive(Clone, Debug)]
pub struct Follow<T> {
    /// Scale γ per channel.
    pub gamma: T,
    /// Shift β per channel.
    pub beta: T,
    /// Added before the ReLU; of the output's shape.
    pub residual: Option<T>,
    /// Whether negative outputs become zero.
    pub relu: bool,
    /// ε under the square root.
    pub epsilon: f64,
}

impl<T> Follow<T> {
    /// The normalization of `x`, whose statistics are given.
    pub fn of(self, x: T, mean: T, variance: T) -> Norm<T> {
        let Self { gamma, beta, residual, relu, epsilon } = self;
        Norm { x, mean, variance, gamma, beta, residual, relu, epsilon }
    }
}
