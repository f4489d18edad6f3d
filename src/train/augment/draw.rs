//! The random choices of a view, apart from what they do to it: whoever makes views, here or on a GPU, draws them here,
//! in the same order from the same stream.

use super::{
    CropBox, Hole, Jitter, Operation, Planes, auto, blur, blur_radius, crop_planes, cutout, equalize, flip, grayscale,
    jitter,
    noise::{add, normal},
    random_box, rotate, sobel, solarize,
};
use crate::{
    recipe::{Interpolation, Transform},
    train::random::Stream,
};

/// A transformation with all of its random choices made.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Cuts out a rectangle and resizes it to the size of a view.
    Crop(CropBox, Interpolation),
    /// Mirrors left and right.
    Flip,
    /// See [`jitter`].
    Jitter(Jitter),
    /// See [`grayscale`].
    Grayscale,
    /// See [`blur`].
    Blur {
        /// Standard deviation in pixels.
        sigma: f64,
        /// Where the kernel ends.
        radius: usize,
    },
    /// See [`cutout`].
    Cutout(Hole),
    /// Turns by as many times 90 degrees; see [`rotate`].
    Rotate(u32),
    /// See [`sobel`].
    Sobel,
    /// Adds these numbers, one for each value in the order of [`Planes`], and clips.
    Noise(Vec<f32>),
    /// See [`equalize`].
    Equalize,
    /// Inverts from this threshold upwards.
    Solarize(f32),
    /// The operations of a sub-policy that happen, one after the other, in 8 bits.
    AutoAugment([Option<Operation>; 2]),
}

/// Draws the changes of one view, one for each transformation, as the iterator is advanced; none where chance has it
/// that nothing happens.
///
/// A leading random crop cuts from a picture of `height` and `width`; all else sees a square of `size` pixels.
pub fn changes<'t>(
    transforms: impl IntoIterator<Item = &'t Transform>,
    (height, width): (usize, usize),
    size: usize,
    stream: &mut Stream,
) -> impl Iterator<Item = Option<Change>> {
    let mut extent = (height, width);
    transforms.into_iter().map(move |transform| {
        let seen = std::mem::replace(&mut extent, (size, size));
        let is_crop = matches!(transform, Transform::RandomResizedCrop { .. });
        draw(transform, if is_crop { seen } else { (size, size) }, stream)
    })
}

impl Change {
    /// Makes the change.
    pub fn apply(&self, image: &mut Planes) {
        match self {
            Self::Crop(cut, interpolation) => *image = crop_planes(image, *cut, *interpolation),
            Self::Flip => flip(image),
            Self::Jitter(parameters) => jitter(image, parameters),
            Self::Grayscale => grayscale(image),
            Self::Blur { sigma, radius } => blur(image, *sigma, *radius),
            Self::Cutout(hole) => cutout(image, *hole),
            Self::Rotate(quarters) => rotate(image, *quarters),
            Self::Sobel => sobel(image),
            Self::Noise(values) => add(image, values),
            Self::Equalize => equalize(image),
            Self::Solarize(threshold) => solarize(image, *threshold),
            Self::AutoAugment(operations) => auto::apply_in_bytes(image, operations),
        }
    }
}

/// Draws the parameters of one transformation of an image of this height and width.
fn draw(transform: &Transform, (height, width): (usize, usize), stream: &mut Stream) -> Option<Change> {
    // All but a leading crop see a square.
    let size = height;
    match *transform {
        Transform::RandomResizedCrop { area, aspect, sampling, interpolation } => {
            Some(Change::Crop(random_box((height, width), area, aspect, sampling, stream), interpolation))
        }
        Transform::HorizontalFlip { probability } => stream.chance(probability).then_some(Change::Flip),
        Transform::ColorJitter { strength, probability, order, brightness } => stream
            .chance(probability)
            .then(|| Change::Jitter(Jitter::random(strength as f32, order, brightness, stream))),
        Transform::Grayscale { probability } => stream.chance(probability).then_some(Change::Grayscale),
        Transform::GaussianBlur { kernel, sigma, probability } => stream.chance(probability).then(|| {
            let sigma = stream.uniform(sigma.0 as f32, sigma.1 as f32);
            Change::Blur { sigma: f64::from(sigma), radius: blur_radius(size, kernel) }
        }),
        Transform::Cutout { size: fraction, probability } => {
            stream.chance(probability).then(|| Change::Cutout(Hole::random(size, fraction, stream)))
        }
        Transform::Rotate { probability } => stream.chance(probability).then(|| Change::Rotate(1 + stream.below(3))),
        Transform::Sobel { probability } => stream.chance(probability).then_some(Change::Sobel),
        Transform::GaussianNoise { sigma, probability } => stream.chance(probability).then(|| {
            let sigma = stream.uniform(sigma.0 as f32, sigma.1 as f32);
            Change::Noise(normal(3 * size * size, sigma, stream))
        }),
        Transform::Equalize { probability } => stream.chance(probability).then_some(Change::Equalize),
        Transform::Solarize { threshold, probability } => {
            stream.chance(probability).then_some(Change::Solarize(threshold as f32))
        }
        Transform::AutoAugment { policy } => {
            let drawn = auto::draw(policy, size, stream);
            drawn.iter().any(Option::is_some).then_some(Change::AutoAugment(drawn))
        }
    }
}
