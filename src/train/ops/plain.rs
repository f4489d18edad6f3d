//! The same operations in burn's own vocabulary, for any backend: the reference that the kernels are tested against.

use burn::tensor::{Tensor, activation::relu, backend::Backend, module, ops::ConvOptions};

use super::Window;

/// See [`super::conv2d`].
pub fn conv2d<B: Backend>(x: Tensor<B, 4>, weight: Tensor<B, 4>, window: Window) -> Tensor<B, 4> {
    let padding = window.padding();
    let options = ConvOptions::new([window.stride; 2], [padding; 2], [1, 1], 1);
    let (x, weight) = (x.permute([0, 3, 1, 2]), weight.permute([3, 2, 0, 1]));
    module::conv2d(x, weight, None, options).permute([0, 2, 3, 1])
}

/// See [`super::batch_norm`]; `x` is `[rows, c]`.
pub fn batch_norm<B: Backend>(
    x: Tensor<B, 2>,
    gamma: Tensor<B, 1>,
    beta: Tensor<B, 1>,
    residual: Option<Tensor<B, 2>>,
    rectify: bool,
    epsilon: f64,
) -> Tensor<B, 2> {
    let mean = x.clone().mean_dim(0);
    let centered = x - mean;
    let variance = centered.clone().powf_scalar(2.0).mean_dim(0);
    let normalized = centered / (variance + epsilon).sqrt();
    let mut output = normalized * gamma.unsqueeze() + beta.unsqueeze();
    if let Some(residual) = residual {
        output = output + residual;
    }
    if rectify { relu(output) } else { output }
}
