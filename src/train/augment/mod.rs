//! Random views of images: the recipe's transformations, applied in order (paper §3 and appendix A).
//!
//! Images are `[h, w, 3]` float32 in [0, 1]. What a view looks like depends on its random stream only.

mod color;
mod crop;

use rayon::prelude::*;

use super::{
    data::Images,
    random::{Purpose, Stream},
};
use crate::recipe::Transform;

pub use color::{Jitter, grayscale, jitter};
pub use crop::{CropBox, crop_and_resize, random_box};

/// One view of image `index` in `epoch`, written to `view` `[size, size, 3]`.
pub fn augment(images: &Images, index: usize, transforms: &[Transform], stream: &mut Stream, view: &mut [f32]) {
    for (value, &byte) in view.iter_mut().zip(images.image(index)) {
        *value = f32::from(byte) / 255.0;
    }
    let size = images.size;
    for transform in transforms {
        match *transform {
            Transform::RandomResizedCrop { area, aspect, interpolation } => {
                let cut = random_box(size, area, aspect, stream);
                let source = view.to_vec();
                crop_and_resize(&source, size, cut, interpolation, view);
            }
            Transform::HorizontalFlip { probability } => {
                if stream.chance(probability) {
                    flip(view, size);
                }
            }
            Transform::ColorJitter { strength, probability } => {
                if stream.chance(probability) {
                    jitter(view, &Jitter::random(strength as f32, stream));
                }
            }
            Transform::Grayscale { probability } => {
                if stream.chance(probability) {
                    grayscale(view);
                }
            }
        }
    }
}

/// Both views of a batch, `[2n, size, size, 3]`: first the first view of every image, then the second.
pub fn view_pairs(images: &Images, batch: &[usize], transforms: &[Transform], seed: u64, epoch: usize) -> Vec<f32> {
    let pixels = images.size * images.size * 3;
    let mut views = vec![0.0; 2 * batch.len() * pixels];
    views.par_chunks_exact_mut(pixels).enumerate().for_each(|(row, view)| {
        let index = batch[row % batch.len()];
        let number = (row / batch.len()) as u32;
        let mut stream = Stream::new(seed, Purpose::Augmentation, [epoch as u64, index as u64], number);
        augment(images, index, transforms, &mut stream, view);
    });
    views
}

/// A batch without augmentation, `[n, size, size, 3]`.
pub fn plain_batch(images: &Images, batch: std::ops::Range<usize>) -> Vec<f32> {
    let pixels = images.size * images.size * 3;
    images.pixels[batch.start * pixels..batch.end * pixels].iter().map(|&byte| f32::from(byte) / 255.0).collect()
}

/// Mirrors left and right in place.
pub fn flip(image: &mut [f32], size: usize) {
    for row in image.chunks_exact_mut(size * 3) {
        for left in 0..size / 2 {
            let right = size - 1 - left;
            for channel in 0..3 {
                row.swap(left * 3 + channel, right * 3 + channel);
            }
        }
    }
}
