//! The encoder f(·) and the projection head g(·).

use serde::{Deserialize, Serialize};

use super::patch::{patchable, replaceable};

patchable! {
    /// A residual network without its classifier; its output h is the average-pooled last feature map.
    pub struct Encoder patched by EncoderPatch {
        /// Depth and kind of the residual blocks.
        pub architecture: Architecture,
        /// Multiplies the number of channels of every layer (paper §4.1); 1 is the standard network.
        pub width: f64,
        /// The first layers.
        pub stem: Stem,
        /// Starts the last scale (gamma) of each residual block at zero, as the reference code does.
        pub zero_init_residual: bool,
    }
}

/// Depth of a residual network made of basic blocks (two 3 × 3 convolutions each).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Architecture {
    /// Three stages of one block, 16-32-64 channels.
    ResNet8,
    /// Three stages of two blocks, 16-32-64 channels.
    ResNet14,
    /// Three stages of three blocks, 16-32-64 channels (He et al. 2016, §4.2).
    ResNet20,
    /// Four stages of two blocks, 64-128-256-512 channels.
    ResNet18,
    /// Four stages of 3, 4, 6 and 3 blocks, 64-128-256-512 channels.
    ResNet34,
}

impl Architecture {
    /// Number of residual blocks in each stage.
    pub fn blocks(self) -> &'static [usize] {
        match self {
            Self::ResNet8 => &[1, 1, 1],
            Self::ResNet14 => &[2, 2, 2],
            Self::ResNet20 => &[3, 3, 3],
            Self::ResNet18 => &[2, 2, 2, 2],
            Self::ResNet34 => &[3, 4, 6, 3],
        }
    }

    /// Channels of the first stage at width 1; each later stage has twice as many.
    pub fn channels(self) -> usize {
        match self {
            Self::ResNet8 | Self::ResNet14 | Self::ResNet20 => 16,
            Self::ResNet18 | Self::ResNet34 => 64,
        }
    }
}

/// The layers before the first residual block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stem {
    /// One 3 × 3 convolution with stride 1 and no pooling (paper appendix B.9).
    Cifar,
}

impl Encoder {
    /// Channels of each stage; the last is the dimension of h.
    pub fn stage_channels(&self) -> Vec<usize> {
        let first = self.architecture.channels() as f64 * self.width;
        (0..self.architecture.blocks().len()).map(|stage| (first * f64::from(1 << stage)).round() as usize).collect()
    }

    /// Dimension of h.
    pub fn dimension(&self) -> usize {
        self.stage_channels().last().copied().unwrap_or_default()
    }
}

patchable! {
    /// The projection head z = g(h) (paper §4.2, Figure 8); the hidden width is the dimension of h.
    pub struct Head patched by HeadPatch {
        /// Its layers.
        pub kind: HeadKind,
        /// Dimension of z; the paper uses 128.
        pub dimension: usize,
        /// Batch normalization after every layer, the last without shift, as in the reference code.
        pub batch_norm: bool,
    }
}

/// Layers of the projection head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeadKind {
    /// One linear layer.
    Linear,
    /// Linear, ReLU, linear: the paper's default.
    Nonlinear,
}

replaceable!(Architecture, Stem, HeadKind);
