//! Random views of images: the recipe's transformations, applied in order (paper §3 and appendix A).
//!
//! Every operation is a function with explicit parameters; [`augment`] draws these from the view's random stream, on
//! which alone a view depends. Views are `[size, size, 3]` float32 in [0, 1]; on the way there they are [`Planes`].

mod auto;
mod blur;
mod color;
mod crop;
mod geometry;
mod noise;
mod planes;
mod resize;
mod sobel;

use rayon::prelude::*;

use super::{
    data::{Images, Picture},
    random::{Purpose, Stream},
};
use crate::recipe::{Augmentation, Transform};

pub use auto::{Bytes, Kind, Operation, Step, apply, auto_augment, equalize, sub_policies};
pub use blur::{blur, blur_radius};
pub use color::{Adjustment, Jitter, Shift, grayscale, jitter};
pub use crop::{CropBox, random_box};
pub use geometry::{Hole, cutout, flip, rotate};
pub use noise::{noise, solarize};
pub use planes::Planes;
pub use resize::{center_view, crop_picture, crop_planes, square};
pub use sobel::sobel;

/// One view of a picture, written to `view` `[size, size, 3]`.
///
/// A leading random crop cuts from the whole picture; otherwise the picture is first made a square of that size.
pub fn augment<'t>(
    picture: Picture<'_>,
    size: usize,
    transforms: impl IntoIterator<Item = &'t Transform>,
    stream: &mut Stream,
    view: &mut [f32],
) {
    let mut transforms = transforms.into_iter().peekable();
    let mut image = match transforms.peek() {
        Some(&&Transform::RandomResizedCrop { area, aspect, sampling, interpolation }) => {
            transforms.next();
            let cut = random_box((picture.height, picture.width), area, aspect, sampling, stream);
            crop_picture(picture, cut, interpolation, size)
        }
        _ => square(picture, size),
    };
    transforms.for_each(|transform| change(&mut image, transform, stream));
    image.interleave(view);
}

/// Draws the parameters of one transformation and applies it.
fn change(image: &mut Planes, transform: &Transform, stream: &mut Stream) {
    match *transform {
        Transform::RandomResizedCrop { area, aspect, sampling, interpolation } => {
            let cut = random_box((image.size, image.size), area, aspect, sampling, stream);
            *image = crop_planes(image, cut, interpolation);
        }
        Transform::HorizontalFlip { probability } => {
            if stream.chance(probability) {
                flip(image);
            }
        }
        Transform::ColorJitter { strength, probability, order, brightness } => {
            if stream.chance(probability) {
                jitter(image, &Jitter::random(strength as f32, order, brightness, stream));
            }
        }
        Transform::Grayscale { probability } => {
            if stream.chance(probability) {
                grayscale(image);
            }
        }
        Transform::GaussianBlur { kernel, sigma, probability } => {
            if stream.chance(probability) {
                let sigma = stream.uniform(sigma.0 as f32, sigma.1 as f32);
                blur(image, f64::from(sigma), blur_radius(image.size, kernel));
            }
        }
        Transform::Cutout { size, probability } => {
            if stream.chance(probability) {
                cutout(image, Hole::random(image.size, size, stream));
            }
        }
        Transform::Rotate { probability } => {
            if stream.chance(probability) {
                rotate(image, 1 + stream.below(3));
            }
        }
        Transform::Sobel { probability } => {
            if stream.chance(probability) {
                sobel(image);
            }
        }
        Transform::GaussianNoise { sigma, probability } => {
            if stream.chance(probability) {
                noise(image, stream.uniform(sigma.0 as f32, sigma.1 as f32), stream);
            }
        }
        Transform::Equalize { probability } => {
            if stream.chance(probability) {
                equalize(image);
            }
        }
        Transform::Solarize { threshold, probability } => {
            if stream.chance(probability) {
                solarize(image, threshold as f32);
            }
        }
        Transform::AutoAugment { policy } => auto_augment(image, policy, stream),
    }
}

/// Both views of a batch, `[2n, size, size, 3]`: first the first view of every image, then the second.
pub fn view_pairs(images: &Images, batch: &[usize], augmentation: &Augmentation, seed: u64, epoch: usize) -> Vec<f32> {
    views(images, 2 * batch.len(), |row| {
        let index = batch[row % batch.len()];
        let number = (row / batch.len()) as u32;
        let stream = Stream::new(seed, Purpose::Augmentation, [epoch as u64, index as u64], number);
        (index, augmentation.of_view(number), stream)
    })
}

/// Views made in parallel, `[rows, size, size, 3]`; `of_row` tells for each row the image's index, what is applied to
/// it and the view's random stream.
pub fn views<'t, T: IntoIterator<Item = &'t Transform>>(
    images: &Images,
    rows: usize,
    of_row: impl Fn(usize) -> (usize, T, Stream) + Sync,
) -> Vec<f32> {
    let length = images.size * images.size * 3;
    let mut views = vec![0.0; rows * length];
    views.par_chunks_exact_mut(length).enumerate().for_each(|(row, view)| {
        let (index, transforms, mut stream) = of_row(row);
        augment(images.picture(index), images.size, transforms, &mut stream, view);
    });
    views
}

/// A batch as evaluation sees it, without augmentation, `[n, size, size, 3]`: see [`center_view`].
pub fn plain_batch(images: &Images, batch: std::ops::Range<usize>) -> Vec<f32> {
    let view = |index| center_view(images.picture(index), images.size, images.center_crop);
    batch.into_par_iter().flat_map_iter(view).collect()
}
