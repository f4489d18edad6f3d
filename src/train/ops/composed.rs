//! The computations of [`super::Kernels`] out of a backend's own operations, for backends without hand-written kernels.
//!
//! Images stay channels-last all the way. Reductions go over the pixels of each image first and then over images: a
//! reduction of all rows at once would leave a GPU with as many threads as there are channels. Statistics and all that
//! batch normalization computes are float32, whatever type the images have.

use burn::tensor::{FloatDType, Shape, Slice, Tensor, TensorMetadata, TensorPrimitive, ops::FloatTensor};

use super::{
    Conv, Norm, NormGrads, Window,
    precision::{Arithmetic, untracked_product as product},
};

/// Values of the columns that a convolution takes at a time: 1 GiB, and few in tests.
const COLUMNS: usize = if cfg!(test) { 1 << 10 } else { 1 << 28 };
/// Partial sums of a weight gradient, which keep a GPU busy where the gradient itself has few values.
const PARTIAL_SUMS: usize = 64;
/// Values that all partial sums may have together.
const PARTIAL_VALUES: usize = 1 << 26;

/// A convolution with a window of more than one pixel.
pub(super) type Wide<B> = fn(Tensor<B, 4>, Tensor<B, 4>, Window) -> Tensor<B, 4>;
/// The gradient of one with respect to its weight.
pub(super) type WideWeightGrad<B> = fn(Tensor<B, 4>, Tensor<B, 4>, Window) -> Tensor<B, 4>;

/// See [`super::Kernels::convolve`]; a window of one pixel is a matrix product, others are for `wide`.
pub(super) fn convolve<B: Arithmetic>(conv: &Conv<FloatTensor<B>>, wide: Wide<B>) -> FloatTensor<B> {
    let (x, weight, window) = (tensor::<B, 4>(&conv.x), tensor::<B, 4>(&conv.weight), conv.window);
    if window.kernel > 1 {
        return primitive(wide(x, weight, window));
    }
    let x = every(x, window.stride);
    let ([n, h, w, c], [.., o]) = (x.dims(), weight.dims());
    primitive(product(x.reshape([n * h * w, c]), weight.reshape([c, o])).reshape([n, h, w, o]))
}

/// The first of [`super::Kernels::convolve_grads`]: the convolution of the gradient, with zeros between its pixels where the
/// window moves by more than one, with the mirrored weight.
pub(super) fn convolve_input_grad<B: Arithmetic>(
    conv: &Conv<FloatTensor<B>>,
    grad: &FloatTensor<B>,
    wide: Wide<B>,
) -> FloatTensor<B> {
    let (weight, grad, window) = (tensor::<B, 4>(&conv.weight), tensor::<B, 4>(grad), conv.window);
    let [_, height, width, _] = tensor::<B, 4>(&conv.x).dims();
    if window.kernel > 1 {
        let mirrored = weight.flip([0, 1]).swap_dims(2, 3);
        let grad = spread(grad, window.stride, height, width);
        return primitive(wide(grad, mirrored, Window { stride: 1, ..window }));
    }
    let ([n, h, w, o], [.., c, _]) = (grad.dims(), weight.dims());
    let result = product(grad.reshape([n * h * w, o]), weight.reshape([c, o]).transpose());
    primitive(spread(result.reshape([n, h, w, c]), window.stride, height, width))
}

/// The second of [`super::Kernels::convolve_grads`].
pub(super) fn convolve_weight_grad<B: Arithmetic>(
    conv: &Conv<FloatTensor<B>>,
    grad: &FloatTensor<B>,
    wide: WideWeightGrad<B>,
) -> FloatTensor<B> {
    let (x, grad, window) = (tensor::<B, 4>(&conv.x), tensor::<B, 4>(grad), conv.window);
    if window.kernel > 1 {
        return primitive(wide(x, grad, window));
    }
    let x = every(x, window.stride);
    let ([n, h, w, c], [.., o]) = (x.dims(), grad.dims());
    let sum = summed_product(x.reshape([n, h * w, c]), grad.reshape([n, h * w, o]));
    primitive(sum.reshape([1, 1, c, o]))
}

/// A convolution as the matrix product of columns: each row holds what the window sees at one place.
pub(super) fn by_columns<B: Arithmetic>(x: Tensor<B, 4>, weight: Tensor<B, 4>, window: Window) -> Tensor<B, 4> {
    let ([n, h, w, _], [kernel, _, c, o]) = (x.dims(), weight.dims());
    let [height, width] = [h, w].map(|size| window.output_size(size));
    let weight = weight.reshape([kernel * kernel * c, o]);
    let of_part = |x: Tensor<B, 4>| {
        let columns = columns(x, window);
        let [images, places, values] = columns.dims();
        product(columns.reshape([images * places, values]), weight.clone()).reshape([images, height, width, o])
    };
    let parts = parts(n, height * width * kernel * kernel * c);
    Tensor::cat(parts.map(|range| of_part(images(&x, range))).collect(), 0)
}

/// The gradient of [`by_columns`] with respect to the weight.
pub(super) fn weight_grad_by_columns<B: Arithmetic>(
    x: Tensor<B, 4>,
    grad: Tensor<B, 4>,
    window: Window,
) -> Tensor<B, 4> {
    let ([n, .., c], [_, height, width, o], kernel) = (x.dims(), grad.dims(), window.kernel);
    let of_part = |range: std::ops::Range<usize>| {
        let grad = images(&grad, range.clone()).reshape([range.len(), height * width, o]);
        summed_product(columns(images(&x, range), window), grad)
    };
    let parts = parts(n, height * width * kernel * kernel * c).map(of_part);
    let sum = parts.reduce(|sum, part| sum + part);
    sum.map_or_else(|| Tensor::zeros([kernel, kernel, c, o], &x.device()), |sum| sum.reshape([kernel, kernel, c, o]))
}

/// Images cut so that each part has at most [`COLUMNS`] values, of which an image has `values`.
fn parts(n: usize, values: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let at_a_time = (COLUMNS / values.max(1)).max(1);
    (0..n).step_by(at_a_time).map(move |start| start..(start + at_a_time).min(n))
}

fn images<B: Arithmetic>(all: &Tensor<B, 4>, range: std::ops::Range<usize>) -> Tensor<B, 4> {
    if range.len() == all.dims()[0] { all.clone() } else { all.clone().narrow(0, range.start, range.len()) }
}

/// `[n, places, kernel * kernel * c]`: what the window sees of each image, place by place.
fn columns<B: Arithmetic>(x: Tensor<B, 4>, window: Window) -> Tensor<B, 3> {
    let ([n, h, w, c], padding) = (x.dims(), window.padding());
    let [height, width] = [h, w].map(|size| window.output_size(size));
    let around = Tensor::zeros([n, h + 2 * padding, w + 2 * padding, c], &x.device());
    let padded = around.slice_assign([0..n, padding..padding + h, padding..padding + w, 0..c], x);
    let seen = |start: usize, size: usize| stepped(start, (size - 1) * window.stride + 1, window.stride);
    let shifts = (0..window.kernel).flat_map(|row| (0..window.kernel).map(move |column| (row, column)));
    let views = shifts.map(|(row, column)| {
        padded.clone().slice([stepped(0, n, 1), seen(row, height), seen(column, width), stepped(0, c, 1)])
    });
    Tensor::cat(views.collect(), 3).reshape([n, height * width, window.kernel * window.kernel * c])
}

fn stepped(start: usize, length: usize, step: usize) -> Slice {
    Slice::new(start as isize, Some((start + length) as isize), step as isize)
}

/// Every so many rows and columns of images.
fn every<B: Arithmetic>(x: Tensor<B, 4>, stride: usize) -> Tensor<B, 4> {
    if stride == 1 {
        return x;
    }
    let [n, h, w, c] = x.dims();
    x.slice([stepped(0, n, 1), stepped(0, h, stride), stepped(0, w, stride), stepped(0, c, 1)])
}

/// The inverse of [`every`], with zeros for what it leaves out.
fn spread<B: Arithmetic>(x: Tensor<B, 4>, stride: usize, height: usize, width: usize) -> Tensor<B, 4> {
    if stride == 1 {
        return x;
    }
    let [n, h, w, c] = x.dims();
    let zeros = |shape: [usize; 6]| Tensor::<B, 6>::zeros(shape, &x.device()).cast(FloatDType::from(x.dtype()));
    let (below, beside) = (zeros([n, h, stride - 1, w, stride, c]), zeros([n, h, 1, w, stride - 1, c]));
    let row = Tensor::cat(vec![x.reshape([n, h, 1, w, 1, c]), beside], 4);
    let all = Tensor::cat(vec![row, below], 2).reshape([n, h * stride, w * stride, c]);
    all.slice([0..n, 0..height, 0..width, 0..c])
}

/// The sum over `n` and `rows` of the products of `a` `[n, rows, i]` and `b` `[n, rows, j]`: `[i, j]`, in partial sums
/// that are added in order.
fn summed_product<B: Arithmetic>(a: Tensor<B, 3>, b: Tensor<B, 3>) -> Tensor<B, 2> {
    let ([n, rows, i], [.., j]) = (a.dims(), b.dims());
    let most = (PARTIAL_VALUES / (i * j).max(1)).clamp(1, PARTIAL_SUMS);
    let sums = (1..=most.min(n)).rev().find(|sums| n.is_multiple_of(*sums)).unwrap_or(1);
    let [a, b] = [(a, i), (b, j)].map(|(tensor, width)| tensor.reshape([sums, n / sums * rows, width]));
    let products: Tensor<B, 3> = product(a.swap_dims(1, 2), b);
    float32(products).sum_dim(0).reshape([i, j])
}

/// See [`super::Kernels::channel_statistics`].
pub(super) fn channel_statistics<B: Arithmetic>(x: &FloatTensor<B>) -> (FloatTensor<B>, FloatTensor<B>) {
    let x = rows::<B>(x);
    let [n, pixels, _] = x.dims();
    let count = (n * pixels) as f64;
    let mean = over_rows(x.clone()) / count;
    let centered = x - mean.clone();
    let variance = over_rows(centered.clone() * centered) / count;
    (primitive(channels(mean)), primitive(channels(variance)))
}

/// See [`super::Kernels::normalize`].
pub(super) fn normalize<B: Arithmetic>(args: &Norm<FloatTensor<B>>) -> FloatTensor<B> {
    let (x, shape) = (rows::<B>(&args.x), args.x.shape());
    let scale = per_channel::<B>(&args.gamma) * inverse_deviation::<B>(args);
    let shift = per_channel::<B>(&args.beta) - per_channel::<B>(&args.mean) * scale.clone();
    let mut output = x * scale + shift;
    if let Some(residual) = &args.residual {
        output = output + rows::<B>(residual);
    }
    if args.relu {
        output = burn::tensor::activation::relu(output);
    }
    B::float_reshape(primitive(output), shape)
}

/// See [`super::Kernels::normalize_grads`].
pub(super) fn normalize_grads<B: Arithmetic>(
    args: &Norm<FloatTensor<B>>,
    output: &FloatTensor<B>,
    grad: &FloatTensor<B>,
) -> NormGrads<FloatTensor<B>> {
    let (x, shape) = (rows::<B>(&args.x), args.x.shape());
    let mut grad = rows::<B>(grad);
    if args.relu {
        grad = grad.mask_fill(rows::<B>(output).lower_equal_elem(0.0), 0.0);
    }
    let [n, pixels, _] = x.dims();
    let count = (n * pixels) as f64;
    let inverse = inverse_deviation::<B>(args);
    let normalized = (x - per_channel::<B>(&args.mean)) * inverse.clone();
    let (beta, gamma) = (over_rows(grad.clone()), over_rows(grad.clone() * normalized.clone()));
    let scale = per_channel::<B>(&args.gamma) * inverse;
    let along = beta.clone() / count + normalized * (gamma.clone() / count);
    let input = (grad.clone() - along) * scale;
    NormGrads {
        input: B::float_reshape(primitive(input), shape.clone()),
        gamma: primitive(channels(gamma)),
        beta: primitive(channels(beta)),
        residual: args.residual.is_some().then(|| B::float_reshape(primitive(grad), shape)),
    }
}

fn inverse_deviation<B: Arithmetic>(args: &Norm<FloatTensor<B>>) -> Tensor<B, 3> {
    (per_channel::<B>(&args.variance) + args.epsilon).sqrt().recip()
}

/// Sums over images and pixels: `[1, 1, c]`.
fn over_rows<B: Arithmetic>(x: Tensor<B, 3>) -> Tensor<B, 3> {
    x.sum_dim(1).sum_dim(0)
}

/// Images, or rows, of any shape as float32 `[n, pixels, c]`.
fn rows<B: Arithmetic>(x: &FloatTensor<B>) -> Tensor<B, 3> {
    let shape = x.shape();
    let (n, c) = (shape[0], shape[shape.num_dims() - 1]);
    let pixels = shape.num_elements() / (n * c).max(1);
    tensor(&B::float_reshape(B::float32(x.clone()), Shape::from([n, pixels, c])))
}

/// A vector of channels as `[1, 1, c]`.
fn per_channel<B: Arithmetic>(x: &FloatTensor<B>) -> Tensor<B, 3> {
    tensor::<B, 1>(x).unsqueeze()
}

fn channels<B: Arithmetic>(x: Tensor<B, 3>) -> Tensor<B, 1> {
    let [.., c] = x.dims();
    x.reshape([c])
}

fn float32<B: Arithmetic, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(B::float32(primitive(x))))
}

fn tensor<B: Arithmetic, const D: usize>(x: &FloatTensor<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(x.clone()))
}

fn primitive<B: Arithmetic, const D: usize>(x: Tensor<B, D>) -> FloatTensor<B> {
    x.into_primitive().tensor()
}

#[cfg(test)]
mod tests;
