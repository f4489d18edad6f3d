//! The random transformations that turn an image into a view.

use serde::{Deserialize, Serialize};

use super::patch::replaceable;

/// One random transformation of an image with values in [0, 1] (paper §3 and appendix A).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Transform {
    /// Cuts out a random rectangle and resizes it back to the image's size (the Inception crop).
    RandomResizedCrop {
        /// Smallest and largest area of the rectangle, as a fraction of the image; the paper uses (0.08, 1.0).
        area: (f64, f64),
        /// Smallest and largest ratio of width to height; the paper uses (3/4, 4/3).
        aspect: (f64, f64),
        /// How pixels between the source's are computed; the reference code uses `Bicubic`.
        interpolation: Interpolation,
    },
    /// Mirrors left and right.
    HorizontalFlip {
        /// Chance of mirroring; the paper uses 0.5.
        probability: f64,
    },
    /// Changes brightness, contrast, saturation (each ±0.8 s) and hue (±0.2 s of a turn), in random order, clipping
    /// to [0, 1] after each. Brightness is additive, as in the paper's appendix A.
    ColorJitter {
        /// Strength s; the paper uses 1.0 on ImageNet and 0.5 on CIFAR-10.
        strength: f64,
        /// Chance of applying the jitter at all; the paper uses 0.8.
        probability: f64,
    },
    /// Replaces the image by its luminance in all three channels ("color drop").
    Grayscale {
        /// Chance of applying; the paper uses 0.2.
        probability: f64,
    },
}

/// How pixel values between the pixels of an image are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interpolation {
    /// Linear in both directions.
    Bilinear,
    /// Keys' cubic convolution with a = -0.5, clipped to [0, 1].
    Bicubic,
}

replaceable!(Vec<Transform>);
