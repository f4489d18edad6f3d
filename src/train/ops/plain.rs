//! The same operations in burn's own vocabulary, for any backend: the reference that the kernels are tested against.

use burn::tensor::{Tensor, activation::relu, backend::Backend, module, ops::ConvOptions};

use super::{BatchStatistics, Window};

/// See [`super::conv2d`].
pub fn conv2d<B: Backend>(x: Tensor<B, 4>, weight: Tensor<B, 4>, window: Window) -> Tensor<B, 4> {
    let padding = window.padding();
    let options = ConvOptions::new([window.stride; 2], [padding; 2], [1, 1], 1);
    let (x, weight) = (x.permute([0, 3, 1, 2]), weight.permute([3, 2, 0, 1]));
    module::conv2d(x, weight, None, options).permute([0, 2, 3, 1])
}

/// See [`super::product_in`].
pub fn product<B: Backend>(a: Tensor<B, 2>, b: Tensor<B, 2>) -> Tensor<B, 2> {
    a.matmul(b)
}

/// See [`super::batch_norm`].
pub fn batch_norm<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    gamma: Tensor<B, 1>,
    beta: Tensor<B, 1>,
    residual: Option<Tensor<B, D>>,
    rectify: bool,
    epsilon: f64,
) -> (Tensor<B, D>, BatchStatistics<B>) {
    let rows = rows(x.clone());
    let mean = rows.clone().mean_dim(0);
    let variance = (rows - mean.clone()).powf_scalar(2.0).mean_dim(0);
    let [mean, variance] = [mean, variance].map(|values| values.squeeze_dim::<1>(0));
    let statistics = BatchStatistics { mean: mean.clone(), variance: variance.clone() };
    let output = normalize(x, &statistics, gamma, beta, residual, rectify, epsilon);
    (output, BatchStatistics { mean: mean.detach(), variance: variance.detach() })
}

/// See [`super::normalize`]; differentiable in all its arguments.
pub fn normalize<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    statistics: &BatchStatistics<B>,
    gamma: Tensor<B, 1>,
    beta: Tensor<B, 1>,
    residual: Option<Tensor<B, D>>,
    rectify: bool,
    epsilon: f64,
) -> Tensor<B, D> {
    let deviation = (statistics.variance.clone() + epsilon).sqrt().unsqueeze();
    let mut output = (x - statistics.mean.clone().unsqueeze()) / deviation * gamma.unsqueeze() + beta.unsqueeze();
    if let Some(residual) = residual {
        output = output + residual;
    }
    if rectify { relu(output) } else { output }
}

/// `[rows, c]`.
fn rows<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, 2> {
    let channels = x.dims()[D - 1];
    x.reshape([-1, channels as i32])
}
