//! The encoder f(·) and the projection head g(·).

use schemars::JsonSchema;
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
        /// Which blocks have a projection for a shortcut; `WhereShapeChanges` unless written, as in torchvision and in He
        /// et al. 2016. The reference code does `EveryStage`, which differs in ResNet-8, 14, 18, 20 and 34.
        #[serde(default, skip_serializing_if = "ProjectionShortcut::is_where_shape_changes")]
        #[schemars(extend("default" = "WhereShapeChanges"))]
        pub projection_shortcut: ProjectionShortcut,
        /// What is subtracted from the channel values in [0, 1] and what the rest is divided by. `None`, as it is unless
        /// written: nothing, as in the reference code. Weights from torchvision expect
        /// `(mean: (0.485, 0.456, 0.406), deviation: (0.229, 0.224, 0.225))`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub input_normalization: Option<InputNormalization>,
        /// What convolutions of the encoder and matrix products of the projection head compute with, wherever the network
        /// is trained or evaluated; `Float32` unless written. Weights, batch normalization, losses, optimizers and
        /// classifiers are in float32 whatever it is.
        #[serde(default, skip_serializing_if = "Precision::is_float32")]
        #[schemars(extend("default" = "Float32"))]
        pub precision: Precision,
    }
}

/// What convolutions and matrix products compute with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Precision {
    /// Operands and sums in float32, on a GPU too, whose tensor cores then have nothing to do: TensorFloat32, which cuts
    /// operands to 11 bits, is never used in its place.
    #[default]
    Float32,
    /// Operands and results rounded to bfloat16, which has 8 bits; sums in float32. So do the tensor cores of GPUs,
    /// which is much faster there; a processor computes the same with rounded float32 numbers, which is slower.
    BFloat16,
}

impl Precision {
    /// Its name, as the names of types are written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::BFloat16 => "bfloat16",
        }
    }

    /// Whether it is that of a recipe that does not say.
    pub fn is_float32(&self) -> bool {
        *self == Self::Float32
    }
}

/// Which residual blocks add a projection of what they read, a 1 × 1 convolution with batch normalization, and not what
/// they read itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProjectionShortcut {
    /// Those that change the number of channels or the resolution (He et al. 2016, "option B").
    #[default]
    WhereShapeChanges,
    /// The first block of every stage, also of the first, where networks of basic blocks change neither: 4,224 weights
    /// more in ResNet-18 and 34.
    EveryStage,
}

impl ProjectionShortcut {
    /// Whether it is that of a recipe that does not say.
    pub fn is_where_shape_changes(&self) -> bool {
        *self == Self::WhereShapeChanges
    }
}

/// Mean and standard deviation of the red, green and blue channel values, in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputNormalization {
    /// The means.
    pub mean: (f64, f64, f64),
    /// The standard deviations.
    pub deviation: (f64, f64, f64),
}

/// Depth of a residual network, and with it the kind of its blocks (He et al. 2016).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
    /// As many bottleneck blocks as ResNet-34 has basic ones, 256-512-1024-2048 channels between them.
    ResNet50,
    /// Four stages of 3, 4, 23 and 3 bottleneck blocks.
    ResNet101,
    /// Four stages of 3, 8, 36 and 3 bottleneck blocks.
    ResNet152,
}

/// What a residual block is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Two 3 × 3 convolutions.
    Basic,
    /// A 1 × 1 convolution, a 3 × 3 convolution that takes the block's stride, and a 1 × 1 convolution to four times
    /// the channels.
    Bottleneck,
}

impl BlockKind {
    /// Channels that a block returns, as a multiple of those of its 3 × 3 convolutions.
    pub fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

impl Architecture {
    /// Number of residual blocks in each stage.
    pub fn blocks(self) -> &'static [usize] {
        match self {
            Self::ResNet8 => &[1, 1, 1],
            Self::ResNet14 => &[2, 2, 2],
            Self::ResNet20 => &[3, 3, 3],
            Self::ResNet18 => &[2, 2, 2, 2],
            Self::ResNet34 | Self::ResNet50 => &[3, 4, 6, 3],
            Self::ResNet101 => &[3, 4, 23, 3],
            Self::ResNet152 => &[3, 8, 36, 3],
        }
    }

    /// What each block is made of.
    pub fn block_kind(self) -> BlockKind {
        match self {
            Self::ResNet50 | Self::ResNet101 | Self::ResNet152 => BlockKind::Bottleneck,
            _ => BlockKind::Basic,
        }
    }

    /// Channels of the stem and of the first stage's 3 × 3 convolutions at width 1; each later stage has twice as many.
    pub fn channels(self) -> usize {
        match self {
            Self::ResNet8 | Self::ResNet14 | Self::ResNet20 => 16,
            _ => 64,
        }
    }
}

/// The layers before the first residual block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stem {
    /// One 3 × 3 convolution with stride 1 and no pooling (paper appendix B.9).
    Cifar,
    /// One 7 × 7 convolution and one 3 × 3 max pooling, each with stride 2 (He et al. 2016, Table 1).
    ImageNet,
}

impl Encoder {
    /// Channels of each stage's 3 × 3 convolutions; those of the first stage are also the stem's.
    pub fn stage_channels(&self) -> Vec<usize> {
        let first = self.architecture.channels() as f64 * self.width;
        (0..self.architecture.blocks().len()).map(|stage| (first * f64::from(1 << stage)).round() as usize).collect()
    }

    /// Whether a block, both counted from 0, adds a projection of what it reads.
    pub fn has_projection(&self, stage: usize, block: usize) -> bool {
        let changes_shape = stage > 0 || self.architecture.block_kind() == BlockKind::Bottleneck;
        block == 0 && (changes_shape || self.projection_shortcut == ProjectionShortcut::EveryStage)
    }

    /// The same network without settings that have no effect on it.
    pub fn normalized(&self) -> Self {
        let projection_shortcut = match self.architecture.block_kind() {
            BlockKind::Basic => self.projection_shortcut,
            BlockKind::Bottleneck => ProjectionShortcut::WhereShapeChanges,
        };
        Self { projection_shortcut, ..self.clone() }
    }

    /// Dimension of h.
    pub fn dimension(&self) -> usize {
        self.stage_channels().last().copied().unwrap_or_default() * self.architecture.block_kind().expansion()
    }
}

patchable! {
    /// The projection head z = g(h) (paper §4.2, Figure 8); hidden layers are as wide as h.
    pub struct Head patched by HeadPatch {
        /// Its layers.
        pub kind: HeadKind,
        /// Number of hidden layers of a nonlinear head; 1 unless written, as in the paper.
        #[serde(default = "one")]
        pub hidden_layers: usize,
        /// Dimension of z; the paper uses 128.
        pub dimension: usize,
        /// Batch normalization after every layer, the last without shift, as in the reference code.
        pub batch_norm: bool,
    }
}

fn one() -> usize {
    1
}

/// Layers of the projection head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HeadKind {
    /// No head: z = h (Figure 8, "none"); `dimension` and `batch_norm` have no effect.
    Identity,
    /// One linear layer.
    Linear,
    /// Hidden layers with ReLU, then a linear layer: the paper's default.
    Nonlinear,
}

replaceable!(Architecture, Stem, HeadKind, Option<InputNormalization>, Precision, ProjectionShortcut);
