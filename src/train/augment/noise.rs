//! Gaussian noise and solarization, which treat every value by itself.

use super::planes::{Planes, clip};
use crate::train::random::Stream;

/// Adds independent normal noise of standard deviation `sigma` and clips to [0, 1].
pub fn noise(image: &mut Planes, sigma: f32, stream: &mut Stream) {
    for pair in image.values.chunks_mut(2) {
        // Box and Muller's transformation makes two numbers at a time; 1 - u is in (0, 1].
        let radius = sigma * (-2.0 * (1.0 - stream.unit()).ln()).sqrt();
        let (sine, cosine) = (std::f32::consts::TAU * stream.unit()).sin_cos();
        for (value, direction) in pair.iter_mut().zip([cosine, sine]) {
            *value += radius * direction;
        }
    }
    clip(&mut image.values);
}

/// Inverts the values that are not below the threshold.
pub fn solarize(image: &mut Planes, threshold: f32) {
    image.values.iter_mut().for_each(|value| *value = if *value < threshold { *value } else { 1.0 - *value });
}
