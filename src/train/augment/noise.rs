//! Gaussian noise and solarization, which treat every value by itself.

use super::planes::{Planes, clip};
use crate::train::random::Stream;

/// Adds independent normal noise of standard deviation `sigma` and clips to [0, 1].
pub fn noise(image: &mut Planes, sigma: f32, stream: &mut Stream) {
    let values = normal(image.values.len(), sigma, stream);
    add(image, &values);
}

/// Independent normal numbers of standard deviation `sigma`.
pub(super) fn normal(count: usize, sigma: f32, stream: &mut Stream) -> Vec<f32> {
    let mut values = vec![0.0; count];
    for pair in values.chunks_mut(2) {
        // Box and Muller's transformation makes two numbers at a time; 1 - u is in (0, 1].
        let radius = sigma * (-2.0 * (1.0 - stream.unit()).ln()).sqrt();
        let (sine, cosine) = (std::f32::consts::TAU * stream.unit()).sin_cos();
        pair.iter_mut().zip([cosine, sine]).for_each(|(value, direction)| *value = radius * direction);
    }
    values
}

/// Adds a number to each value and clips to [0, 1].
pub(super) fn add(image: &mut Planes, numbers: &[f32]) {
    image.values.iter_mut().zip(numbers).for_each(|(value, number)| *value += number);
    clip(&mut image.values);
}

/// Inverts the values that are not below the threshold.
pub fn solarize(image: &mut Planes, threshold: f32) {
    image.values.iter_mut().for_each(|value| *value = if *value < threshold { *value } else { 1.0 - *value });
}
