//! PIL's `ImageEnhance`: blends of an image with a degenerate version of it.

use super::Bytes;

/// Blends with black.
pub(super) fn brightness(image: &mut Bytes, factor: f32) {
    image.values.iter_mut().for_each(|value| *value = blend(0, *value, factor));
}

/// Blends with the gray image.
pub(super) fn color(image: &mut Bytes, factor: f32) {
    let gray = gray(image);
    for channel in image.channels_mut() {
        channel.iter_mut().zip(&gray).for_each(|(value, &gray)| *value = blend(gray, *value, factor));
    }
}

/// Blends with the mean of the gray image, rounded.
pub(super) fn contrast(image: &mut Bytes, factor: f32) {
    let gray = gray(image);
    let sum: u64 = gray.iter().map(|&value| u64::from(value)).sum();
    let mean = (sum as f64 / gray.len() as f64 + 0.5) as u8;
    image.values.iter_mut().for_each(|value| *value = blend(mean, *value, factor));
}

/// Blends with the mean of 3 × 3 pixels in which the middle counts five times; pixels at the edges stay.
pub(super) fn sharpness(image: &mut Bytes, factor: f32) {
    let size = image.size;
    for channel in image.channels_mut() {
        let source = channel.to_vec();
        for row in 1..size.saturating_sub(1) {
            for column in 1..size - 1 {
                let middle = row * size + column;
                let around = [middle - size - 1, middle - 1, middle + size - 1];
                let sum: u32 = around.iter().flat_map(|&start| &source[start..start + 3]).map(|&v| u32::from(v)).sum();
                let sum = sum + 4 * u32::from(source[middle]);
                // A thirteenth, rounded; thirteen being odd, there are no ties.
                let smooth = (sum + 6) / 13;
                channel[middle] = blend(smooth as u8, source[middle], factor);
            }
        }
    }
}

/// Luminance as PIL's conversion to `L` computes it.
fn gray(image: &Bytes) -> Vec<u8> {
    let [reds, greens, blues] = image.channels();
    let luminance = |((red, green), blue): ((&u8, &u8), &u8)| {
        let weighted = 19_595 * u32::from(*red) + 38_470 * u32::from(*green) + 7_471 * u32::from(*blue);
        ((weighted + 0x8000) >> 16) as u8
    };
    reds.iter().zip(greens).zip(blues).map(luminance).collect()
}

/// `from` at 0, `to` at 1, and on in both directions; fractions are cut off, as PIL's `Image.blend` does.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    // The conversion saturates, which is PIL's clipping.
    (from + factor * (to - from)) as u8
}
