//! The projection head z = g(h) (paper §4.2), with batch normalization as in the reference code or without.

use burn::{module::Module, tensor::Tensor};

use super::layers::{Linear, Mode, Norm};
use crate::{
    recipe::{Head, HeadKind},
    train::{
        ops::Ops,
        random::{Purpose, Stream},
    },
};

/// One or two linear layers. With batch normalization no layer has a bias and the last normalization has no shift;
/// without it every layer has a bias.
#[derive(Module, Debug)]
pub struct ProjectionHead<B: Ops> {
    hidden: Option<Linear<B>>,
    hidden_norm: Option<Norm<B>>,
    output: Linear<B>,
    output_norm: Option<Norm<B>>,
}

impl<B: Ops> ProjectionHead<B> {
    /// A head on features of `inputs` dimensions; the hidden layer is as wide.
    pub fn new(recipe: &Head, inputs: usize, seed: u64, device: &B::Device) -> Self {
        let stream = |layer| Stream::new(seed, Purpose::Head, [layer, 0], 0);
        let bias = !recipe.batch_norm;
        let nonlinear = recipe.kind == HeadKind::Nonlinear;
        Self {
            hidden: nonlinear.then(|| Linear::new(inputs, inputs, bias, &mut stream(1), device)),
            hidden_norm: (nonlinear && recipe.batch_norm).then(|| Norm::new(inputs, 1.0, true, device)),
            output: Linear::new(inputs, recipe.dimension, bias, &mut stream(2), device),
            output_norm: recipe.batch_norm.then(|| Norm::new(recipe.dimension, 1.0, false, device)),
        }
    }

    /// h `[n, inputs]` → z `[n, dimension]`, not yet of unit length.
    pub fn forward(&mut self, h: Tensor<B, 2>, mode: Mode) -> Tensor<B, 2> {
        let mut x = h;
        if let Some(hidden) = &self.hidden {
            x = hidden.forward(x);
            x = match &mut self.hidden_norm {
                Some(norm) => norm.forward(x, None, true, mode),
                None => burn::tensor::activation::relu(x),
            };
        }
        x = self.output.forward(x);
        match &mut self.output_norm {
            Some(norm) => norm.forward(x, None, false, mode),
            None => x,
        }
    }
}
