//! PIL's `ImageOps` that replace each level of a channel by another: tables of 256 entries.

use super::Bytes;

/// Keeps the highest `bits` of 8.
pub(super) fn posterize(image: &mut Bytes, bits: u32) {
    let mask = !(0xff_u32 >> bits.min(8)) as u8;
    image.values.iter_mut().for_each(|value| *value &= mask);
}

/// Inverts the values from the threshold upwards.
pub(super) fn solarize(image: &mut Bytes, threshold: f64) {
    image.values.iter_mut().for_each(|value| *value = if f64::from(*value) < threshold { *value } else { !*value });
}

/// Inverts all values.
pub(super) fn invert(image: &mut Bytes) {
    image.values.iter_mut().for_each(|value| *value = !*value);
}

/// Stretches each channel so that its lowest value becomes 0 and its highest 255.
pub(super) fn autocontrast(image: &mut Bytes) {
    for channel in image.channels_mut() {
        let (low, high) = channel.iter().fold((255, 0), |(low, high), &value| (value.min(low), value.max(high)));
        if low < high {
            replace(channel, stretched(low, high));
        }
    }
}

/// What a level becomes when `low` becomes 0 and `high`, which is larger, 255.
pub fn stretched(low: u8, high: u8) -> impl Fn(usize) -> u8 {
    let scale = 255.0 / f64::from(high - low);
    let offset = -f64::from(low) * scale;
    move |level| (level as f64 * scale + offset) as u8
}

/// Makes the cumulative histogram of each channel as straight as it can be.
pub(super) fn equalize(image: &mut Bytes) {
    for channel in image.channels_mut() {
        let mut counts = [0_usize; 256];
        channel.iter().for_each(|&value| counts[usize::from(value)] += 1);
        let last = counts.iter().rev().find(|&&count| count > 0).copied().unwrap_or(0);
        let step = (channel.len() - last) / 255;
        if step > 0 {
            let mut below = step / 2;
            let table = counts.map(|count| {
                let level = below / step;
                below += count;
                level.min(255) as u8
            });
            replace(channel, |level| table[level]);
        }
    }
}

/// Replaces every level by a function of it.
fn replace(channel: &mut [u8], change: impl Fn(usize) -> u8) {
    let table: [u8; 256] = std::array::from_fn(change);
    channel.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
}
