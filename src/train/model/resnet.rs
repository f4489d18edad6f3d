//! Residual networks, channels last (He et al. 2016; the reference code's post-activation variant).

use burn::{
    module::Module,
    tensor::{Tensor, module::max_pool2d},
};

use super::layers::{Conv, Mode, Norm, conv_norm};
use crate::{
    recipe::{BlockKind, Encoder, Stem},
    train::{
        ops::{Ops, Window},
        random::{Purpose, Stream},
    },
};

/// The encoder f(·).
#[derive(Module, Debug)]
pub struct ResNet<B: Ops> {
    conv1: Conv<B>,
    bn1: Norm<B>,
    layers: Vec<Vec<Block<B>>>,
    pooled_stem: bool,
    /// Mean and deviation of each channel, if images are normalized.
    normalization: Option<([f32; 3], [f32; 3])>,
}

/// Two convolutions, or three in a bottleneck, and a way around them.
#[derive(Module, Debug)]
struct Block<B: Ops> {
    conv1: Conv<B>,
    bn1: Norm<B>,
    conv2: Conv<B>,
    bn2: Norm<B>,
    conv3: Option<Conv<B>>,
    bn3: Option<Norm<B>>,
    downsample: Option<Shortcut<B>>,
}

/// A projection: a 1 × 1 convolution, strided where the block is.
#[derive(Module, Debug)]
struct Shortcut<B: Ops> {
    conv: Conv<B>,
    bn: Norm<B>,
}

impl<B: Ops> ResNet<B> {
    /// A randomly initialized network; the weights depend on `seed` and the recipe only.
    pub fn new(recipe: &Encoder, seed: u64, device: &B::Device) -> Self {
        let numbered_conv = |number: u64, kernel, stride, inputs, outputs| {
            let mut stream = Stream::new(seed, Purpose::Encoder, [number, 0], 0);
            Conv::new(Window { kernel, stride }, inputs, outputs, recipe.precision, &mut stream, device)
        };
        let mut layer = 0;
        let mut conv = |kernel, stride, inputs, outputs| {
            layer += 1;
            numbered_conv(layer, kernel, stride, inputs, outputs)
        };
        let norm = |channels, gamma| Norm::new(channels, gamma, true, device);
        let channels = recipe.stage_channels();
        let kind = recipe.architecture.block_kind();
        let last_gamma = if recipe.zero_init_residual { 0.0 } else { 1.0 };
        let conv1 = match recipe.stem {
            Stem::Cifar => conv(3, 1, 3, channels[0]),
            Stem::ImageNet => conv(7, 2, 3, channels[0]),
        };
        let mut inputs = channels[0];
        let mut layers = Vec::new();
        for (stage, (&channels, &blocks)) in channels.iter().zip(recipe.architecture.blocks()).enumerate() {
            let outputs = channels * kind.expansion();
            let mut blocks_of_stage = Vec::new();
            for number in 0..blocks {
                let stride = if stage > 0 && number == 0 { 2 } else { 1 };
                let mut block = match kind {
                    BlockKind::Basic => Block {
                        conv1: conv(3, stride, inputs, channels),
                        bn1: norm(channels, 1.0),
                        conv2: conv(3, 1, channels, outputs),
                        bn2: norm(outputs, last_gamma),
                        conv3: None,
                        bn3: None,
                        downsample: None,
                    },
                    BlockKind::Bottleneck => Block {
                        conv1: conv(1, 1, inputs, channels),
                        bn1: norm(channels, 1.0),
                        conv2: conv(3, stride, channels, channels),
                        bn2: norm(channels, 1.0),
                        conv3: Some(conv(1, 1, channels, outputs)),
                        bn3: Some(norm(outputs, last_gamma)),
                        downsample: None,
                    },
                };
                block.downsample = recipe.has_projection(stage, number).then(|| {
                    let conv = if stride == 1 && inputs == outputs {
                        // One that need not be is not counted: all others start with the weights they have without it.
                        numbered_conv(0, 1, stride, inputs, outputs)
                    } else {
                        conv(1, stride, inputs, outputs)
                    };
                    Shortcut { conv, bn: norm(outputs, 1.0) }
                });
                blocks_of_stage.push(block);
                inputs = outputs;
            }
            layers.push(blocks_of_stage);
        }
        let numbers = |(red, green, blue): (f64, f64, f64)| [red as f32, green as f32, blue as f32];
        let normalization = recipe.input_normalization.map(|n| (numbers(n.mean), numbers(n.deviation)));
        let pooled_stem = recipe.stem == Stem::ImageNet;
        Self { conv1, bn1: norm(channels[0], 1.0), layers, pooled_stem, normalization }
    }

    /// Images `[n, h, w, 3]` in [0, 1] → features h `[n, dimension]`.
    pub fn forward(&mut self, images: Tensor<B, 4>, mode: Mode) -> Tensor<B, 2> {
        let images = match self.normalization {
            Some((mean, deviation)) => {
                let device = images.device();
                let [mean, deviation] =
                    [mean, deviation].map(|values| Tensor::<B, 1>::from_floats(values, &device).reshape([1, 1, 1, 3]));
                (images - mean) / deviation
            }
            None => images,
        };
        let mut x = conv_norm(&self.conv1, &mut self.bn1, images, None, true, mode);
        if self.pooled_stem {
            x = max_pool2d(x.permute([0, 3, 1, 2]), [3, 3], [2, 2], [1, 1], [1, 1], false).permute([0, 2, 3, 1]);
        }
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
            Some(Shortcut { conv, bn }) => conv_norm(conv, bn, x.clone(), None, false, mode),
            None => x.clone(),
        };
        let x = conv_norm(&self.conv1, &mut self.bn1, x, None, true, mode);
        match (&self.conv3, &mut self.bn3) {
            (Some(conv3), Some(bn3)) => {
                let x = conv_norm(&self.conv2, &mut self.bn2, x, None, true, mode);
                conv_norm(conv3, bn3, x, Some(shortcut), true, mode)
            }
            _ => conv_norm(&self.conv2, &mut self.bn2, x, Some(shortcut), true, mode),
        }
    }
}
