//! Data sets of the transformation probes: which transformation was applied to an image (paper Table 3)?
//!
//! Every image appears once. Classes have exact shares, so that guessing the largest one gives exactly the chance level
//! of the table; which image gets which class, and what an operation draws, depends on seed, split and image only.

use rayon::prelude::*;

use crate::train::random::{Purpose, Stream};

/// Transformed images and what was done to each.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeImages {
    /// Height and width in pixels.
    pub size: usize,
    /// Pixels, `[n, size, size, 3]`.
    pub pixels: Vec<f32>,
    /// Class of each image: which transformation.
    pub labels: Vec<u16>,
    /// Number of classes.
    pub classes: usize,
}

/// The images of a split, `[n, size, size, 3]`, and what makes its draws differ from those of other splits.
#[derive(Clone, Copy, Debug)]
pub struct PlainImages<'a> {
    /// Height and width in pixels.
    pub size: usize,
    /// Pixels, image by image, row by row.
    pub pixels: &'a [f32],
    /// Seed of all draws.
    pub seed: u64,
    /// Number of the split, such as 0 for training and 1 for testing.
    pub split: u32,
}

/// Color (class 0, 80 % of the images) against grayscale (class 1, 20 %, the share of color drop in pretraining).
pub fn color_or_grayscale(images: PlainImages<'_>, grayscale: impl Fn(&mut [f32]) + Sync) -> ProbeImages {
    transformed(images, &[4, 1], |image, class, _| {
        if class == 1 {
            grayscale(image);
        }
    })
}

/// Rotation by 0, 90, 180 or 270 degrees counterclockwise (classes 0 to 3), a quarter of the images each.
pub fn rotations(images: PlainImages<'_>) -> ProbeImages {
    transformed(images, &[1; 4], |image, class, _| rotate(image, images.size, class))
}

/// Original (class 0) against the result of `operation` (class 1), half of the images each: Gaussian noise, Sobel.
pub fn original_or(images: PlainImages<'_>, operation: impl Fn(&mut [f32], &mut Stream) + Sync) -> ProbeImages {
    transformed(images, &[1; 2], |image, class, stream| {
        if class == 1 {
            operation(image, stream);
        }
    })
}

/// Applies `transform(image, class, stream)` to every image, classes being dealt out in the given proportions.
fn transformed(
    images: PlainImages<'_>,
    shares: &[usize],
    transform: impl Fn(&mut [f32], u16, &mut Stream) + Sync,
) -> ProbeImages {
    let PlainImages { size, pixels, seed, split } = images;
    let length = size * size * 3;
    let labels = deal(pixels.len() / length, shares, &mut Stream::new(seed, Purpose::Probe, [0, 1], split));
    let mut pixels = pixels.to_vec();
    pixels.par_chunks_exact_mut(length).zip(&labels).enumerate().for_each(|(index, (image, &class))| {
        transform(image, class, &mut Stream::new(seed, Purpose::Probe, [index as u64, 2], split));
    });
    ProbeImages { size, pixels, labels, classes: shares.len() }
}

/// `count` classes in the given proportions, rounded, in random order.
fn deal(count: usize, shares: &[usize], stream: &mut Stream) -> Vec<u16> {
    let one_round = shares.iter().enumerate().flat_map(|(class, &share)| std::iter::repeat_n(class as u16, share));
    let mut labels: Vec<u16> = one_round.cycle().take(count).collect();
    stream.shuffle(&mut labels);
    labels
}

/// Turns an image `[size, size, 3]` counterclockwise by so many quarters.
fn rotate(image: &mut [f32], size: usize, quarters: u16) {
    for _ in 0..quarters {
        let source = image.to_vec();
        for (row, pixels) in image.chunks_exact_mut(size * 3).enumerate() {
            for (column, pixel) in pixels.chunks_exact_mut(3).enumerate() {
                // What was on the right is on top.
                pixel.copy_from_slice(&source[(column * size + size - 1 - row) * 3..][..3]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images whose pixels are all different.
    fn images(count: usize, size: usize) -> Vec<f32> {
        (0..count * size * size * 3).map(|index| index as f32).collect()
    }

    #[test]
    fn rotation_turns_the_right_edge_to_the_top() {
        // a b      b d
        // c d  →   a c
        let mut image = [0.0, 0.0, 0.5, 1.0, 1.0, 1.5, 2.0, 2.0, 2.5, 3.0, 3.0, 3.5];
        let original = image;
        rotate(&mut image, 2, 1);
        assert_eq!(image, [1.0, 1.0, 1.5, 3.0, 3.0, 3.5, 0.0, 0.0, 0.5, 2.0, 2.0, 2.5]);
        rotate(&mut image, 2, 3);
        assert_eq!(image, original);
        let mut image = images(1, 3);
        rotate(&mut image, 3, 2);
        let pixels: Vec<f32> = image.chunks(3).map(|pixel| pixel[0] / 3.0).collect();
        assert_eq!(pixels, [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
    }

    #[test]
    fn classes_have_the_chance_levels_of_the_table() {
        let pixels = images(100, 1);
        let plain = PlainImages { size: 1, pixels: &pixels, seed: 3, split: 0 };
        let counts = |images: &ProbeImages| -> Vec<usize> {
            (0..images.classes)
                .map(|class| images.labels.iter().filter(|&&l| usize::from(l) == class).count())
                .collect()
        };
        assert_eq!(counts(&color_or_grayscale(plain, |image| image.fill(0.0))), [80, 20]);
        assert_eq!(counts(&rotations(plain)), [25; 4]);
        assert_eq!(counts(&original_or(plain, |_, _| {})), [50, 50]);
    }

    #[test]
    fn labels_say_what_was_done_and_nothing_else_changes() {
        let pixels = images(40, 2);
        let plain = PlainImages { size: 2, pixels: &pixels, seed: 3, split: 0 };
        let made = original_or(plain, |image, stream| image.fill(-1.0 - stream.unit()));
        for ((image, original), label) in made.pixels.chunks(12).zip(pixels.chunks(12)).zip(&made.labels) {
            assert_eq!(*label == 0, image == original);
            assert_eq!(*label == 1, image.iter().all(|&value| value < 0.0));
        }
        // Every image draws its own numbers.
        let mut drawn: Vec<u32> = made.pixels.iter().filter(|value| **value < 0.0).map(|v| v.to_bits()).collect();
        drawn.dedup();
        assert_eq!(drawn.len(), 20);
        let turned = rotations(plain);
        for ((image, original), &label) in turned.pixels.chunks(12).zip(pixels.chunks(12)).zip(&turned.labels) {
            let mut expected = original.to_vec();
            rotate(&mut expected, 2, label);
            assert_eq!(image, expected);
        }
    }

    #[test]
    fn draws_depend_on_seed_and_split() {
        let pixels = images(64, 1);
        let labels = |seed, split| rotations(PlainImages { size: 1, pixels: &pixels, seed, split }).labels;
        assert_eq!(labels(1, 0), labels(1, 0));
        assert_ne!(labels(1, 0), labels(2, 0));
        assert_ne!(labels(1, 0), labels(1, 1));
        // The classes are shuffled, not dealt in turn.
        assert!(labels(1, 0).windows(2).any(|pair| pair[0] == pair[1]));
    }
}
