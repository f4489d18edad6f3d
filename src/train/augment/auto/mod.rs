//! AutoAugment (Cubuk et al. 2019): learned policies of operations on 8-bit values, which are PIL's.
//!
//! An image is rounded to 8 bits before the first operation of a sub-policy and stays so until its end. Magnitudes are
//! those of torchvision's implementation: ten even steps per operation, enhancements by 1 ± 0.1 m, black outside the
//! image, nearest pixels. (Cubuk's own code enhances by 0.1 + 0.18 m instead.)

mod affine;
mod enhance;
mod levels;
mod policies;

use super::planes::Planes;
use crate::{recipe::Policy, train::random::Stream};

pub(super) use affine::Path;
pub(super) use levels::stretched;
pub use policies::{Kind, Step, sub_policies};

/// A square color image of 8 bits per channel.
pub type Bytes = Planes<u8>;

/// An operation of PIL with explicit parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    /// Moves each row by this factor of its distance from the upper edge, to the left.
    ShearX(f64),
    /// Moves each column by this factor of its distance from the left edge, upwards.
    ShearY(f64),
    /// Moves right by so many pixels.
    TranslateX(i64),
    /// Moves down by so many pixels.
    TranslateY(i64),
    /// Turns counterclockwise by so many degrees.
    Rotate(f64),
    /// Away from black by this factor; 1 changes nothing.
    Brightness(f32),
    /// Away from the gray image by this factor.
    Color(f32),
    /// Away from the mean gray level by this factor.
    Contrast(f32),
    /// Away from the smoothed image by this factor.
    Sharpness(f32),
    /// Keeps so many of the highest bits.
    Posterize(u32),
    /// Inverts the values from this threshold of 0 to 255 upwards.
    Solarize(f64),
    /// Stretches each channel to the full range.
    AutoContrast,
    /// Makes the histogram of each channel flat.
    Equalize,
    /// Inverts all values.
    Invert,
}

impl Operation {
    /// How pixels move in an image of `size` pixels, if this is what the operation does.
    pub(super) fn path(self, size: usize) -> Option<Path> {
        match self {
            Self::ShearX(factor) => Some(Path::new([1.0, factor, 0.0, 0.0, 1.0, 0.0])),
            Self::ShearY(factor) => Some(Path::new([1.0, 0.0, 0.0, factor, 1.0, 0.0])),
            Self::TranslateX(pixels) => Some(Path::new([1.0, 0.0, -pixels as f64, 0.0, 1.0, 0.0])),
            Self::TranslateY(pixels) => Some(Path::new([1.0, 0.0, 0.0, 0.0, 1.0, -pixels as f64])),
            Self::Rotate(degrees) => Some(Path::rotation(degrees, size)),
            _ => None,
        }
    }
}

/// Applies one operation.
pub fn apply(image: &mut Bytes, operation: Operation) {
    match operation {
        Operation::ShearX(_)
        | Operation::ShearY(_)
        | Operation::TranslateX(_)
        | Operation::TranslateY(_)
        | Operation::Rotate(_) => {
            if let Some(path) = operation.path(image.size) {
                affine::transform(image, path);
            }
        }
        Operation::Brightness(factor) => enhance::brightness(image, factor),
        Operation::Color(factor) => enhance::color(image, factor),
        Operation::Contrast(factor) => enhance::contrast(image, factor),
        Operation::Sharpness(factor) => enhance::sharpness(image, factor),
        Operation::Posterize(bits) => levels::posterize(image, bits),
        Operation::Solarize(threshold) => levels::solarize(image, threshold),
        Operation::AutoContrast => levels::autocontrast(image),
        Operation::Equalize => levels::equalize(image),
        Operation::Invert => levels::invert(image),
    }
}

/// Draws one of the policy's sub-policies and, for each of its two steps, whether it happens and its sign.
pub(super) fn draw(policy: Policy, size: usize, stream: &mut Stream) -> [Option<Operation>; 2] {
    let sub_policies = sub_policies(policy);
    let steps = &sub_policies[stream.below(sub_policies.len() as u32) as usize];
    steps.map(|step| {
        let (applied, negative) = (stream.chance(step.probability), stream.chance(0.5));
        applied.then(|| step.operation(negative, size))
    })
}

/// Applies operations one after the other, in 8 bits.
pub(super) fn apply_in_bytes(image: &mut Planes, operations: &[Option<Operation>]) {
    in_bytes(image, |bytes| operations.iter().flatten().for_each(|&operation| apply(bytes, operation)));
}

/// Makes the histogram of each channel flat, in 8 bits.
pub fn equalize(image: &mut Planes) {
    in_bytes(image, levels::equalize);
}

/// Rounds to 8 bits, changes that image, and converts it back.
fn in_bytes(image: &mut Planes, change: impl FnOnce(&mut Bytes)) {
    let values = image.values.iter().map(|value| (value * 255.0).round() as u8).collect();
    let mut bytes = Bytes { size: image.size, values };
    change(&mut bytes);
    for (value, &byte) in image.values.iter_mut().zip(&bytes.values) {
        *value = f32::from(byte) / 255.0;
    }
}
