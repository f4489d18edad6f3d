//! The random transformations that turn an image into the two views of a pair.

mod check;

pub(super) use check::check_list;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patch::{patchable, replaceable};

patchable! {
    /// How the two views of an image are made (paper §3). SimCLR itself lists everything in `both`. The asymmetric
    /// protocol of the paper's Figure 5 has the crop in `both`, the transformations under test in `first` and nothing
    /// in `second`.
    pub struct Augmentation patched by AugmentationPatch {
        /// Applied to each view, in order, with random draws of its own.
        pub both: Vec<Transform>,
        /// Applied after `both`, to the first view only; nothing unless written.
        #[serde(default)]
        pub first: Vec<Transform>,
        /// Applied after `both`, to the second view only; nothing unless written.
        #[serde(default)]
        pub second: Vec<Transform>,
    }
}

impl Augmentation {
    /// The same transformations for both views.
    pub fn symmetric(both: Vec<Transform>) -> Self {
        Self { both, first: Vec::new(), second: Vec::new() }
    }

    /// What is applied to the first view (0) or the second (any other number), in order.
    pub fn of_view(&self, number: u32) -> impl Iterator<Item = &Transform> {
        self.both.iter().chain(if number == 0 { &self.first } else { &self.second })
    }
}

/// One random transformation of an image with values in [0, 1] (paper §3, Figure 4 and appendix A).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum Transform {
    /// Cuts out a random rectangle and resizes it to the size of a view (the Inception crop). As the first
    /// transformation of a view it cuts from the picture as it lies in the data set, at full resolution.
    RandomResizedCrop {
        /// Smallest and largest area of the rectangle, as a fraction of the image; the paper uses (0.08, 1.0).
        area: (f64, f64),
        /// Smallest and largest ratio of width to height; the paper uses (3/4, 4/3).
        aspect: (f64, f64),
        /// How the rectangle's size is drawn; the paper says `UniformArea`, the reference code does `UniformHeight`,
        /// torchvision `UniformAreaLogAspect`. `UniformArea` unless written.
        #[serde(default)]
        sampling: BoxSampling,
        /// How pixels between the source's are computed; the reference code uses `Bicubic` with TensorFlow 2 and
        /// `BicubicTf1` with TensorFlow 1, as the paper did.
        interpolation: Interpolation,
    },
    /// Mirrors left and right.
    HorizontalFlip {
        /// Chance of mirroring; the paper uses 0.5.
        probability: f64,
    },
    /// Changes brightness, contrast, saturation (each ±0.8 s) and hue (±0.2 s of a turn), clipping to [0, 1] after
    /// each. As in the reference code, contrast is about each channel's mean, and saturation and hue are those of HSV.
    ColorJitter {
        /// Strength s; the paper uses 1.0 on ImageNet and 0.5 on CIFAR-10.
        strength: f64,
        /// Chance of applying the jitter at all; the paper uses 0.8.
        probability: f64,
        /// In which order the four changes are made; the reference code uses `Random`, which the paper allows.
        /// `Random` unless written.
        #[serde(default)]
        order: JitterOrder,
        /// What a change of brightness is; the paper uses `Additive`, which holds
        /// unless written.
        #[serde(default)]
        brightness: Brightness,
    },
    /// Replaces the image by its luminance in all three channels ("color drop").
    Grayscale {
        /// Chance of applying; the paper uses 0.2.
        probability: f64,
    },
    /// Convolves with a Gaussian, taking pixels outside the image as black, as the reference code does.
    GaussianBlur {
        /// Length of the kernel as a fraction of the image's side, made odd: 2⌊⌊side · kernel⌋ / 2⌋ + 1 pixels; the
        /// paper uses 0.1, which is 23 pixels at 224 and 3 at 32.
        kernel: f64,
        /// Smallest and largest standard deviation in pixels, drawn uniformly; the paper uses (0.1, 2.0).
        sigma: (f64, f64),
        /// Chance of applying; the paper uses 0.5.
        probability: f64,
    },
    /// Blackens a square whose center is drawn uniformly from all pixels, cut off at the edges (DeVries & Taylor
    /// 2017). The paper does not say its size, chance or filling.
    Cutout {
        /// Side of the square as a fraction of the image's side; DeVries & Taylor use 0.5 on CIFAR-10.
        size: f64,
        /// Chance of applying.
        probability: f64,
    },
    /// Turns by 90, 180 or 270 degrees, each equally likely. The paper does not say the chance.
    Rotate {
        /// Chance of turning; 0.75 makes all four angles equally likely.
        probability: f64,
    },
    /// Replaces each channel by a quarter of the length of its gradient, from the two windows of
    /// `tf.image.sobel_edges`, clipped to 1: a straight step over the whole range is white. The paper says neither
    /// how the two gradients become an image nor the chance.
    Sobel {
        /// Chance of applying.
        probability: f64,
    },
    /// Adds independent normal noise to every value and clips to [0, 1]. The paper does not say the deviation.
    GaussianNoise {
        /// Smallest and largest standard deviation, drawn uniformly; values are in [0, 1].
        sigma: (f64, f64),
        /// Chance of applying.
        probability: f64,
    },
    /// Equalizes the histogram of each channel, in 8 bits, as PIL does.
    Equalize {
        /// Chance of applying.
        probability: f64,
    },
    /// Inverts the values that are not below a threshold.
    Solarize {
        /// The threshold in [0, 1]; BYOL (Grill et al. 2020) uses 0.5.
        threshold: f64,
        /// Chance of applying; BYOL uses 0.2, in one of the two views.
        probability: f64,
    },
    /// Applies one of 25 learned sub-policies of two operations (Cubuk et al. 2019; the paper's Table 1), in 8 bits.
    AutoAugment {
        /// What the policy was learned on; the paper uses ImageNet's.
        policy: Policy,
    },
}

impl Transform {
    /// The name in words, most of them those of the paper's Figure 4.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RandomResizedCrop { .. } => "crop and resize",
            Self::HorizontalFlip { .. } => "flip",
            Self::ColorJitter { .. } => "color jitter",
            Self::Grayscale { .. } => "color drop",
            Self::GaussianBlur { .. } => "blur",
            Self::Cutout { .. } => "cutout",
            Self::Rotate { .. } => "rotate",
            Self::Sobel { .. } => "sobel",
            Self::GaussianNoise { .. } => "noise",
            Self::Equalize { .. } => "equalize",
            Self::Solarize { .. } => "solarize",
            Self::AutoAugment { .. } => "autoaugment",
        }
    }
}

/// How the size of a random crop is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BoxSampling {
    /// Area and aspect ratio are uniform, as the paper's appendix A says; the whole image if 100 draws do not fit.
    #[default]
    UniformArea,
    /// The area and the logarithm of the aspect ratio are uniform, so that upright boxes are as likely as lying ones:
    /// what torchvision's `RandomResizedCrop` draws. If 10 draws do not fit, a central box as large as the image and
    /// the range of aspect ratios allow.
    UniformAreaLogAspect,
    /// The aspect ratio is uniform, then the height among all that fit, and boxes of less than a tenth of the image
    /// are drawn again: TensorFlow's `sample_distorted_bounding_box` with the reference code's settings. The whole image
    /// if 100 draws do not fit.
    UniformHeight,
}

/// How pixel values between the pixels of an image are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Interpolation {
    /// Linear in both directions.
    Bilinear,
    /// Keys' cubic convolution with a = -0.5, clipped to [0, 1]; centers of pixels lie at halves, and weights outside the
    /// rectangle are shared out among those inside: `tf.image.resize` of TensorFlow 2.
    Bicubic,
    /// Cubic convolution with a = -0.75, clipped to [0, 1]; centers of pixels lie at whole numbers, which moves what is
    /// enlarged up and to the left, pixels at the edge are repeated, and weights come from a table of 1024 fractions of a
    /// pixel: `tf.image.resize_bicubic` of TensorFlow 1. Test pictures are resized by `Bicubic` all the same.
    BicubicTf1,
}

/// The order of a color jitter's four changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JitterOrder {
    /// A new one for every view.
    #[default]
    Random,
    /// Brightness, contrast, saturation, hue, as in the pseudo-code of the paper's appendix A.
    Fixed,
}

/// What a change of brightness by strength s is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Brightness {
    /// A number from ±0.8 s is added to every value: the paper, and `simclrv1` in the reference code.
    #[default]
    Additive,
    /// Every value is multiplied by a number from [max(1 − 0.8 s, 0), 1 + 0.8 s]: the reference code's later default,
    /// `simclrv2`.
    Multiplicative,
}

/// The data set that an AutoAugment policy was learned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Policy {
    /// ImageNet.
    ImageNet,
    /// CIFAR-10.
    Cifar10,
}

replaceable!(Vec<Transform>);
