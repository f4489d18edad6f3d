//! Gaussian blur as the reference code's `gaussian_blur`: two passes with SAME padding, that is with zeros around.

use super::planes::{Planes, clip};

/// Pixels on each side of the middle of a kernel whose length is `kernel` times the image's side: ⌊⌊size · kernel⌋ / 2⌋.
pub fn blur_radius(size: usize, kernel: f64) -> usize {
    // A product that should be whole may come out a little below it.
    (size as f64 * kernel + 1e-9).floor() as usize / 2
}

/// Weights of the pixels at distances 0 to `radius`; over both sides they sum to one.
pub(super) fn gaussian(sigma: f64, radius: usize) -> Vec<f32> {
    let weights: Vec<f64> = (0..=radius).map(|x| (-((x * x) as f64) / (2.0 * sigma * sigma)).exp()).collect();
    let sum = 2.0 * weights.iter().sum::<f64>() - weights[0];
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

/// Convolves with a Gaussian of standard deviation `sigma`, cut off beyond `radius`, both in pixels.
pub fn blur(image: &mut Planes, sigma: f64, radius: usize) {
    let size = image.size;
    let weights = gaussian(sigma, radius);
    let source = image.values.clone();
    for (from, to) in source.chunks_exact(size).zip(image.values.chunks_exact_mut(size)) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = weights[0] * from);
        for (distance, &weight) in weights.iter().enumerate().skip(1).take_while(|&(distance, _)| distance < size) {
            add(&mut to[distance..], &from[..size - distance], weight);
            add(&mut to[..size - distance], &from[distance..], weight);
        }
    }
    let source = image.values.clone();
    for (from, to) in source.chunks_exact(size * size).zip(image.channels_mut()) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = weights[0] * from);
        for (distance, &weight) in weights.iter().enumerate().skip(1).take_while(|&(distance, _)| distance < size) {
            let shift = distance * size;
            add(&mut to[shift..], &from[..from.len() - shift], weight);
            add(&mut to[..from.len() - shift], &from[shift..], weight);
        }
    }
    clip(&mut image.values);
}

/// `to += weight · from`.
fn add(to: &mut [f32], from: &[f32], weight: f32) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
}
