//! The projection head z = g(h) (paper §4.2), with batch normalization as in the reference code or without.

use burn::{
    module::Module,
    tensor::{Tensor, activation::relu},
};

use super::layers::{Linear, Mode, Norm};
use crate::{
    recipe::{self, Precision},
    train::{
        ops::Ops,
        random::{Purpose, Stream},
    },
};

/// Linear layers with ReLUs between them. With batch normalization no layer has a bias and the last normalization has
/// no shift; without it every layer has a bias.
#[derive(Module, Debug)]
pub struct ProjectionHead<B: Ops> {
    layers: Vec<Layer<B>>,
}

#[derive(Module, Debug)]
struct Layer<B: Ops> {
    linear: Linear<B>,
    norm: Option<Norm<B>>,
}

impl<B: Ops> ProjectionHead<B> {
    /// A head on features of `inputs` dimensions; hidden layers are as wide. Without a recipe it is the identity.
    pub fn new(
        recipe: Option<&recipe::ProjectionHead>,
        inputs: usize,
        precision: Precision,
        seed: u64,
        device: &B::Device,
    ) -> Self {
        let Some(recipe) = recipe else { return Self { layers: vec![] } };
        let layer = |index: usize| {
            let last = index == recipe.hidden_layers;
            let outputs = if last { recipe.dimension } else { inputs };
            // The output layer keeps its stream, number 2, whatever the depth.
            let number = if last {
                2
            } else if index == 0 {
                1
            } else {
                2 + index as u64
            };
            let mut stream = Stream::new(seed, Purpose::Head, [number, 0], 0);
            Layer {
                linear: Linear::new(inputs, outputs, !recipe.batch_norm, &mut stream, device).with_precision(precision),
                norm: recipe.batch_norm.then(|| Norm::new(outputs, 1.0, !last, device)),
            }
        };
        Self { layers: (0..=recipe.hidden_layers).map(layer).collect() }
    }

    /// h `[n, inputs]` → z `[n, dimension]`, not yet of unit length.
    pub fn forward(&mut self, h: Tensor<B, 2>, mode: Mode) -> Tensor<B, 2> {
        let last = self.layers.len().saturating_sub(1);
        let mut x = h;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let rectify = index < last;
            x = layer.linear.forward(x);
            x = match &mut layer.norm {
                Some(norm) => norm.forward(x, None, rectify, mode),
                None if rectify => relu(x),
                None => x,
            };
        }
        x
    }
}
