//! Cutting out a rectangle and resizing it to a square, as TensorFlow 2's `image.resize` does with half-pixel centers
//! and without antialiasing, or as TensorFlow 1's `image.resize_bicubic` does.

use super::{
    crop::CropBox,
    planes::{Planes, clip},
};
use crate::{recipe::Interpolation, train::data::Picture};

/// A pixel with a fourth value of zero: four values at a time are what processors like.
type Pixel = [f32; 4];

/// Channel values 0 to 255 as fractions.
const UNIT: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte as f32 / 255.0;
        byte += 1;
    }
    table
};

/// The rectangle of a picture, resized; pixels outside of it do not count, as if it were cut out first.
pub fn crop_picture(picture: Picture<'_>, cut: CropBox, interpolation: Interpolation, size: usize) -> Planes {
    resize(cut, interpolation, size, |row, pixels| {
        let from = &picture.pixels[(row * picture.width + cut.left) * 3..][..cut.width * 3];
        for (pixel, bytes) in pixels.iter_mut().zip(from.chunks_exact(3)) {
            *pixel = [UNIT[usize::from(bytes[0])], UNIT[usize::from(bytes[1])], UNIT[usize::from(bytes[2])], 0.0];
        }
    })
}

/// The rectangle of an image, resized to the image's size; pixels outside of it do not count.
pub fn crop_planes(image: &Planes, cut: CropBox, interpolation: Interpolation) -> Planes {
    let channels = image.channels();
    resize(cut, interpolation, image.size, |row, pixels| {
        let start = row * image.size + cut.left;
        let [red, green, blue] = channels.map(|channel| &channel[start..][..cut.width]);
        for (pixel, ((red, green), blue)) in pixels.iter_mut().zip(red.iter().zip(green).zip(blue)) {
            *pixel = [*red, *green, *blue, 0.0];
        }
    })
}

/// The whole picture as a square: as it is where it already has that size, otherwise its central square, resized.
pub fn square(picture: Picture<'_>, size: usize) -> Planes {
    center(picture, size, 1.0)
}

/// The view for evaluation, `[size, size, 3]`: the central square with `proportion` of the shorter side, resized by
/// bicubic interpolation; the reference code takes 0.875. A picture of that size already is taken as it is, as the
/// reference code does on CIFAR-10.
pub fn center_view(picture: Picture<'_>, size: usize, proportion: f64) -> Vec<f32> {
    let mut view = vec![0.0; 3 * size * size];
    center(picture, size, proportion).interleave(&mut view);
    view
}

fn center(picture: Picture<'_>, size: usize, proportion: f64) -> Planes {
    if (picture.height, picture.width) == (size, size) {
        let unit: Vec<f32> = picture.pixels.iter().map(|&byte| UNIT[usize::from(byte)]).collect();
        return Planes::from_interleaved(size, &unit);
    }
    crop_picture(picture, CropBox::center(picture.height, picture.width, proportion), Interpolation::Bicubic, size)
}

/// Resizes a rectangle whose rows `read` writes; each row is read at most once, and none that is not needed.
fn resize(cut: CropBox, interpolation: Interpolation, size: usize, read: impl Fn(usize, &mut [Pixel])) -> Planes {
    let columns = taps(cut.width, size, interpolation);
    let mut source = vec![Pixel::default(); cut.width];
    // The last four rows of the rectangle that were needed, resized horizontally.
    let mut recent: [Vec<Pixel>; 4] = std::array::from_fn(|_| vec![Pixel::default(); size]);
    let mut held = [usize::MAX; 4];
    let mut mixed = vec![Pixel::default(); size];
    let mut image = Planes::zeros(size);
    for (target, tap) in taps(cut.height, size, interpolation).iter().enumerate() {
        for row in tap.places {
            let slot = row % 4;
            if held[slot] != row {
                held[slot] = row;
                read(cut.top + row, &mut source);
                mix_columns(&source, &columns, &mut recent[slot]);
            }
        }
        mix_rows(tap.places.map(|row| recent[row % 4].as_slice()), tap.weights, &mut mixed);
        for (channel, values) in image.channels_mut().into_iter().enumerate() {
            for (value, pixel) in values[target * size..][..size].iter_mut().zip(&mixed) {
                *value = pixel[channel];
            }
        }
    }
    if interpolation != Interpolation::Bilinear {
        // Cubic interpolation overshoots at edges. The reference clips only later (docs/fidelity.md, "clipping").
        clip(&mut image.values);
    }
    image
}

fn mix_columns(source: &[Pixel], taps: &[Tap], target: &mut [Pixel]) {
    for (pixel, tap) in target.iter_mut().zip(taps) {
        *pixel = mix(tap.places.map(|place| &source[place]), tap.weights);
    }
}

fn mix_rows(rows: [&[Pixel]; 4], weights: [f32; 4], target: &mut [Pixel]) {
    let [first, second, third, fourth] = rows.map(|row| &row[..target.len()]);
    for (column, pixel) in target.iter_mut().enumerate() {
        *pixel = mix([&first[column], &second[column], &third[column], &fourth[column]], weights);
    }
}

/// The weighted sum of four pixels.
#[inline]
fn mix(pixels: [&Pixel; 4], weights: [f32; 4]) -> Pixel {
    let mut sum = Pixel::default();
    for (pixel, weight) in pixels.into_iter().zip(weights) {
        for (sum, value) in sum.iter_mut().zip(pixel) {
            *sum += weight * value;
        }
    }
    sum
}

/// The four neighboring source pixels that make one target pixel; those outside the source weigh nothing.
struct Tap {
    places: [usize; 4],
    weights: [f32; 4],
}

/// Taps for resizing `from` pixels to `to`.
fn taps(from: usize, to: usize, interpolation: Interpolation) -> Vec<Tap> {
    match interpolation {
        Interpolation::Bilinear => kernel_taps(from, to, triangle),
        Interpolation::Bicubic => kernel_taps(from, to, keys),
        Interpolation::BicubicTf1 => tf1_taps(from, to),
    }
}

/// Taps with half-pixel centers; the weights of those inside the source are scaled to sum to one.
fn kernel_taps(from: usize, to: usize, kernel: fn(f64) -> f64) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let tap = |target| {
        let center = (target as f64 + 0.5) * scale - 0.5;
        let places: [i64; 4] = std::array::from_fn(|tap| center.floor() as i64 - 1 + tap as i64);
        let weight = |place: i64| if (0..from as i64).contains(&place) { kernel(center - place as f64) } else { 0.0 };
        let weights = places.map(weight);
        let sum: f64 = weights.iter().sum();
        Tap {
            places: places.map(|place| place.clamp(0, from as i64 - 1) as usize),
            weights: weights.map(|weight| (weight / sum) as f32),
        }
    };
    (0..to).map(tap).collect()
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Keys' cubic convolution kernel with a = -0.5.
fn keys(x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// Entries of TensorFlow's table of weights per pixel.
pub(super) const TABLE: f32 = 1024.0;

/// What TensorFlow 1's `resize_bicubic` computes, in its float32: target t lies at t · from / to, the place between two
/// pixels is rounded to a 1024th, and pixels at the edges stand for those beyond.
fn tf1_taps(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f32 / to as f32;
    let tap = |target| {
        let center = target as f32 * scale;
        let fraction = ((center - center.floor()) * TABLE).round_ties_even() / TABLE;
        let places = std::array::from_fn(|tap| center.floor() as i64 - 1 + tap as i64);
        Tap {
            places: places.map(|place| place.clamp(0, from as i64 - 1) as usize),
            weights: [
                tf1_far(fraction + 1.0),
                tf1_near(fraction),
                tf1_near(1.0 - fraction),
                tf1_far(1.0 - fraction + 1.0),
            ],
        }
    };
    (0..to).map(tap).collect()
}

/// The cubic convolution kernel with a = -0.75 at distances from 0 to 1.
fn tf1_near(x: f32) -> f32 {
    (1.25 * x - 2.25) * x * x + 1.0
}

/// The same at distances from 1 to 2.
fn tf1_far(x: f32) -> f32 {
    ((-0.75 * x + 3.75) * x - 6.0) * x + 3.0
}
