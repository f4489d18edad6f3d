//! Color distortion: jitter of brightness, contrast, saturation and hue, and color drop (paper appendix A).
//!
//! The four jitter operations are TensorFlow's, which the reference code uses; images are `[.., 3]` in [0, 1].

use crate::train::random::Stream;

/// Explicit parameters of one color jitter.
#[derive(Clone, Debug, PartialEq)]
pub struct Jitter {
    /// Added to every value.
    pub brightness: f32,
    /// Factor about each channel's mean.
    pub contrast: f32,
    /// Factor of the saturation in HSV.
    pub saturation: f32,
    /// Added to the hue, in turns.
    pub hue: f32,
    /// The order of the operations: brightness 0, contrast 1, saturation 2, hue 3.
    pub order: [u8; 4],
}

impl Jitter {
    /// Draws brightness from ±0.8 s, contrast and saturation from 1 ± 0.8 s (not below 0), hue from ±0.2 s, and a
    /// random order.
    pub fn random(strength: f32, stream: &mut Stream) -> Self {
        let reach = 0.8 * strength;
        let low = (1.0 - reach).max(0.0);
        let mut order = [0, 1, 2, 3];
        stream.shuffle(&mut order);
        Self {
            brightness: stream.uniform(-reach, reach),
            contrast: stream.uniform(low, 1.0 + reach),
            saturation: stream.uniform(low, 1.0 + reach),
            hue: stream.uniform(-0.2 * strength, 0.2 * strength),
            order,
        }
    }
}

/// Applies the operations in their order, clipping to [0, 1] after each.
pub fn jitter(image: &mut [f32], jitter: &Jitter) {
    for operation in jitter.order {
        match operation {
            0 => image.iter_mut().for_each(|value| *value += jitter.brightness),
            1 => contrast(image, jitter.contrast),
            2 => saturation(image, jitter.saturation),
            _ => hue(image, jitter.hue),
        }
        image.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    }
}

/// Replaces every pixel by its luminance (ITU-R BT.601), as `tf.image.rgb_to_grayscale` does.
pub fn grayscale(image: &mut [f32]) {
    for pixel in image.chunks_exact_mut(3) {
        pixel.fill(0.2989 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]);
    }
}

fn contrast(image: &mut [f32], factor: f32) {
    let pixels = (image.len() / 3) as f64;
    let mut mean = [0.0_f64; 3];
    for pixel in image.chunks_exact(3) {
        for (mean, &value) in mean.iter_mut().zip(pixel) {
            *mean += f64::from(value) / pixels;
        }
    }
    for pixel in image.chunks_exact_mut(3) {
        for (value, &mean) in pixel.iter_mut().zip(&mean) {
            *value = (*value - mean as f32) * factor + mean as f32;
        }
    }
}

fn saturation(image: &mut [f32], factor: f32) {
    for pixel in image.chunks_exact_mut(3) {
        let (low, high) = bounds(pixel);
        if high > low && high > 0.0 {
            // Scaling S in HSV keeps V and the hue: every channel moves along the line to V.
            let old = (high - low) / high;
            let scale = (old * factor).clamp(0.0, 1.0) / old;
            pixel.iter_mut().for_each(|value| *value = high - (high - *value) * scale);
        }
    }
}

fn hue(image: &mut [f32], turns: f32) {
    for pixel in image.chunks_exact_mut(3) {
        let (low, high) = bounds(pixel);
        let chroma = high - low;
        if chroma <= 0.0 {
            continue;
        }
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]];
        // Hue in sixths of a turn.
        let sector = if high == r {
            (g - b) / chroma
        } else if high == g {
            (b - r) / chroma + 2.0
        } else {
            (r - g) / chroma + 4.0
        };
        let sector = (sector + 6.0 * turns).rem_euclid(6.0);
        for (value, offset) in pixel.iter_mut().zip([5.0, 3.0, 1.0]) {
            // value = V - chroma · max(0, min(k, 4 - k, 1)) with k = (offset + sector) mod 6.
            let k = (offset + sector).rem_euclid(6.0);
            *value = high - chroma * k.min(4.0 - k).clamp(0.0, 1.0);
        }
    }
}

fn bounds(pixel: &[f32]) -> (f32, f32) {
    (pixel[0].min(pixel[1]).min(pixel[2]), pixel[0].max(pixel[1]).max(pixel[2]))
}
