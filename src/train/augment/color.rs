//! Color distortion: jitter of brightness, contrast, saturation and hue, and color drop (paper appendix A).
//!
//! The four adjustments are TensorFlow's, which the reference code uses.

use super::planes::{Planes, clip};
use crate::{
    recipe::{Brightness, JitterOrder},
    train::random::Stream,
};

/// Explicit parameters of one color jitter.
#[derive(Clone, Debug, PartialEq)]
pub struct Jitter {
    /// What happens to every value.
    pub brightness: Shift,
    /// Factor about each channel's mean.
    pub contrast: f32,
    /// Factor of the saturation in HSV, at least 0.
    pub saturation: f32,
    /// Added to the hue, in turns.
    pub hue: f32,
    /// What comes first.
    pub order: [Adjustment; 4],
}

/// A change of brightness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shift {
    /// Adds this to every value.
    Add(f32),
    /// Multiplies every value by this.
    Multiply(f32),
}

/// One of the four parts of a color jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// See [`Jitter::brightness`].
    Brightness,
    /// See [`Jitter::contrast`].
    Contrast,
    /// See [`Jitter::saturation`].
    Saturation,
    /// See [`Jitter::hue`].
    Hue,
}

impl Adjustment {
    /// The fixed order of the paper's appendix A.
    pub const ALL: [Self; 4] = [Self::Brightness, Self::Contrast, Self::Saturation, Self::Hue];
}

impl Jitter {
    /// Draws brightness from ±0.8 s or from 1 ± 0.8 s, contrast and saturation from 1 ± 0.8 s (factors not below 0),
    /// hue from ±0.2 s, and the order unless it is fixed.
    pub fn random(strength: f32, order: JitterOrder, brightness: Brightness, stream: &mut Stream) -> Self {
        let reach = 0.8 * strength;
        let low = (1.0 - reach).max(0.0);
        let mut adjustments = Adjustment::ALL;
        if order == JitterOrder::Random {
            stream.shuffle(&mut adjustments);
        }
        Self {
            brightness: match brightness {
                Brightness::Additive => Shift::Add(stream.uniform(-reach, reach)),
                Brightness::Multiplicative => Shift::Multiply(stream.uniform(low, 1.0 + reach)),
            },
            contrast: stream.uniform(low, 1.0 + reach),
            saturation: stream.uniform(low, 1.0 + reach),
            hue: stream.uniform(-0.2 * strength, 0.2 * strength),
            order: adjustments,
        }
    }
}

/// Makes the adjustments in their order, clipping to [0, 1] after each.
pub fn jitter(image: &mut Planes, jitter: &Jitter) {
    for adjustment in jitter.order {
        match adjustment {
            Adjustment::Brightness => match jitter.brightness {
                Shift::Add(amount) => image.values.iter_mut().for_each(|value| *value += amount),
                Shift::Multiply(factor) => image.values.iter_mut().for_each(|value| *value *= factor),
            },
            Adjustment::Contrast => contrast(image, jitter.contrast),
            Adjustment::Saturation => saturation(image, jitter.saturation),
            Adjustment::Hue => hue(image, jitter.hue),
        }
        clip(&mut image.values);
    }
}

/// Replaces every pixel by its luminance (ITU-R BT.601), as `tf.image.rgb_to_grayscale` does.
pub fn grayscale(image: &mut Planes) {
    each_pixel(image, |[red, green, blue]| [0.2989 * red + 0.587 * green + 0.114 * blue; 3]);
}

/// Replaces every pixel by a function of its red, green and blue.
#[inline(always)]
fn each_pixel(image: &mut Planes, change: impl Fn([f32; 3]) -> [f32; 3]) {
    let [reds, greens, blues] = image.channels_mut();
    for ((red, green), blue) in reds.iter_mut().zip(greens).zip(blues) {
        [*red, *green, *blue] = change([*red, *green, *blue]);
    }
}

fn contrast(image: &mut Planes, factor: f32) {
    for channel in image.channels_mut() {
        let mean = mean(channel);
        channel.iter_mut().for_each(|value| *value = (*value - mean) * factor + mean);
    }
}

/// The mean, by sums of every eighth value, which the processor can add side by side.
fn mean(values: &[f32]) -> f32 {
    let mut sums = [0.0_f64; 8];
    let chunks = values.chunks_exact(sums.len());
    let rest: f64 = chunks.remainder().iter().map(|&value| f64::from(value)).sum();
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(value);
        }
    }
    ((sums.iter().sum::<f64>() + rest) / values.len() as f64) as f32
}

/// Stands in for a chroma of zero in a divisor; then the result is multiplied by that zero.
const TINY: f32 = 1e-30;

/// Scaling S in HSV keeps V and the hue: every channel moves along the line to V, by S · factor but at most 1.
fn saturation(image: &mut Planes, factor: f32) {
    each_pixel(image, |pixel| {
        let (low, high) = bounds(pixel);
        let scale = smaller(factor, high / larger(high - low, TINY));
        pixel.map(|value| high - (high - value) * scale)
    });
}

/// Adds to H in HSV. Written without branches and calls, for the vectorizer.
fn hue(image: &mut Planes, turns: f32) {
    // In sixths of a turn, from 0 to 6.
    let shift = (6.0 * turns).rem_euclid(6.0);
    each_pixel(image, |pixel| {
        let (low, high) = bounds(pixel);
        let [red, green, blue] = pixel;
        let chroma = high - low;
        let (difference, offset) = if high == red {
            (green - blue, 0.0)
        } else if high == green {
            (blue - red, 2.0)
        } else {
            (red - green, 4.0)
        };
        let hue = difference / larger(chroma, TINY) + offset + shift;
        [5.0, 3.0, 1.0].map(|place| {
            // value = V - chroma · max(0, min(k, 4 - k, 1)) with k = (place + hue) mod 6; place + hue is in 0..16.
            let k = place + hue;
            let k = if k >= 6.0 { k - 6.0 } else { k };
            let k = if k >= 6.0 { k - 6.0 } else { k };
            high - chroma * larger(smaller(smaller(k, 4.0 - k), 1.0), 0.0)
        })
    });
}

#[inline(always)]
fn bounds([red, green, blue]: [f32; 3]) -> (f32, f32) {
    (smaller(smaller(red, green), blue), larger(larger(red, green), blue))
}

/// Like `f32::min` but for NaN, of which it makes one instruction instead of several.
#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}
