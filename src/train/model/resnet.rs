//! Residual networks of basic blocks, channels last (He et al. 2016; the reference code's post-activation variant).

use burn::{module::Module, tensor::Tensor};

use super::layers::{Conv, Mode, Norm};
use crate::{
    recipe::{Encoder, Stem},
    train::{
        ops::{Ops, Window},
        random::{Purpose, Stream},
    },
};

/// The encoder f(·); field names follow torchvision.
#[derive(Module, Debug)]
pub struct ResNet<B: Ops> {
    conv1: Conv<B>,
    bn1: Norm<B>,
    layers: Vec<Vec<Block<B>>>,
}

/// Two 3 × 3 convolutions and a way around them.
#[derive(Module, Debug)]
struct Block<B: Ops> {
    conv1: Conv<B>,
    bn1: Norm<B>,
    conv2: Conv<B>,
    bn2: Norm<B>,
    downsample: Option<Shortcut<B>>,
}

/// A strided 1 × 1 convolution where the shape changes.
#[derive(Module, Debug)]
struct Shortcut<B: Ops> {
    conv: Conv<B>,
    bn: Norm<B>,
}

impl<B: Ops> ResNet<B> {
    /// A randomly initialized network; the weights depend on `seed` and the recipe only.
    pub fn new(recipe: &Encoder, seed: u64, device: &B::Device) -> Self {
        let mut layer = 0;
        let mut conv = |kernel, stride, inputs, outputs| {
            layer += 1;
            let mut stream = Stream::new(seed, Purpose::Encoder, [layer, 0], 0);
            Conv::new(Window { kernel, stride }, inputs, outputs, &mut stream, device)
        };
        let channels = recipe.stage_channels();
        let Stem::Cifar = recipe.stem;
        let conv1 = conv(3, 1, 3, channels[0]);
        let last_gamma = if recipe.zero_init_residual { 0.0 } else { 1.0 };
        let norm = |channels, gamma| Norm::new(channels, gamma, true, device);
        let mut inputs = channels[0];
        let mut layers = Vec::new();
        for (stage, (&outputs, &blocks)) in channels.iter().zip(recipe.architecture.blocks()).enumerate() {
            let mut blocks_of_stage = Vec::new();
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                blocks_of_stage.push(Block {
                    conv1: conv(3, stride, inputs, outputs),
                    bn1: norm(outputs, 1.0),
                    conv2: conv(3, 1, outputs, outputs),
                    bn2: norm(outputs, last_gamma),
                    downsample: (stride != 1 || inputs != outputs)
                        .then(|| Shortcut { conv: conv(1, stride, inputs, outputs), bn: norm(outputs, 1.0) }),
                });
                inputs = outputs;
            }
            layers.push(blocks_of_stage);
        }
        Self { conv1, bn1: norm(channels[0], 1.0), layers }
    }

    /// Images `[n, h, w, 3]` in [0, 1] → features h `[n, dimension]`.
    pub fn forward(&mut self, images: Tensor<B, 4>, mode: Mode) -> Tensor<B, 2> {
        let mut x = self.bn1.forward(self.conv1.forward(images), None, true, mode);
        for block in self.layers.iter_mut().flatten() {
            x = block.forward(x, mode);
        }
        let [n, h, w, c] = x.dims();
        x.reshape([n, h * w, c]).mean_dim(1).reshape([n, c])
    }
}

impl<B: Ops> Block<B> {
    fn forward(&mut self, x: Tensor<B, 4>, mode: Mode) -> Tensor<B, 4> {
        let shortcut = match &mut self.downsample {
            Some(Shortcut { conv, bn }) => bn.forward(conv.forward(x.clone()), None, false, mode),
            None => x.clone(),
        };
        let x = self.bn1.forward(self.conv1.forward(x), None, true, mode);
        self.bn2.forward(self.conv2.forward(x), Some(shortcut), true, mode)
    }
}
