//! Random resized crop: the box as TensorFlow's `sample_distorted_bounding_box` draws it, the resize as its
//! `image.resize` with half-pixel centers.

use crate::{recipe::Interpolation, train::random::Stream};

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CropBox {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

/// Attempts before the whole image is taken, as in the reference code.
const ATTEMPTS: usize = 100;

/// A box with area and aspect ratio drawn uniformly from their ranges; the whole image if 100 draws do not fit.
pub fn random_box(size: usize, area: (f64, f64), aspect: (f64, f64), stream: &mut Stream) -> CropBox {
    for _ in 0..ATTEMPTS {
        let area = f64::from(stream.uniform(area.0 as f32, area.1 as f32)) * (size * size) as f64;
        let aspect = f64::from(stream.uniform(aspect.0 as f32, aspect.1 as f32));
        let height = (area / aspect).sqrt().round() as usize;
        let width = (area * aspect).sqrt().round() as usize;
        if (1..=size).contains(&height) && (1..=size).contains(&width) {
            let top = stream.below((size - height) as u32 + 1) as usize;
            let left = stream.below((size - width) as u32 + 1) as usize;
            return CropBox { top, left, height, width };
        }
    }
    CropBox { top: 0, left: 0, height: size, width: size }
}

/// Resizes the box of `source` `[size, size, 3]` to fill `target` `[size, size, 3]`; pixels outside the box do not
/// count, as if it were cut out first.
pub fn crop_and_resize(source: &[f32], size: usize, cut: CropBox, interpolation: Interpolation, target: &mut [f32]) {
    let rows = taps(cut.height, size, interpolation);
    let cols = taps(cut.width, size, interpolation);
    let mut wide = vec![0.0; cut.height * size * 3];
    for (row, wide) in wide.chunks_exact_mut(size * 3).enumerate() {
        let start = ((cut.top + row) * size + cut.left) * 3;
        let source = &source[start..start + cut.width * 3];
        for (pixel, tap) in wide.chunks_exact_mut(3).zip(&cols) {
            for (offset, weight) in tap.weights[..tap.count].iter().enumerate() {
                let from = &source[(tap.first + offset) * 3..][..3];
                for (value, from) in pixel.iter_mut().zip(from) {
                    *value += weight * from;
                }
            }
        }
    }
    for (target, tap) in target.chunks_exact_mut(size * 3).zip(&rows) {
        target.fill(0.0);
        for (offset, &weight) in tap.weights[..tap.count].iter().enumerate() {
            let from = &wide[(tap.first + offset) * size * 3..][..size * 3];
            for (value, from) in target.iter_mut().zip(from) {
                *value += weight * from;
            }
        }
    }
    if interpolation == Interpolation::Bicubic {
        // Cubic interpolation overshoots at edges; the reference clips the finished view to [0, 1].
        target.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    }
}

/// The source pixels that make one target pixel.
struct Tap {
    first: usize,
    count: usize,
    weights: [f32; 4],
}

/// Taps for resizing `from` pixels to `to`; those outside the source are dropped and the rest scaled to sum to one.
fn taps(from: usize, to: usize, interpolation: Interpolation) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let (before, kernel): (i64, fn(f64) -> f64) = match interpolation {
        Interpolation::Bilinear => (0, |x| (1.0 - x.abs()).max(0.0)),
        Interpolation::Bicubic => (1, keys),
    };
    (0..to)
        .map(|target| {
            let center = (target as f64 + 0.5) * scale - 0.5;
            let floor = center.floor() as i64;
            let inside = (floor - before).max(0)..=(floor + 1 + before).min(from as i64 - 1);
            let mut tap = Tap { first: *inside.start() as usize, count: 0, weights: [0.0; 4] };
            let weights: Vec<f64> = inside.map(|index| kernel(center - index as f64)).collect();
            let sum: f64 = weights.iter().sum();
            for weight in weights {
                tap.weights[tap.count] = (weight / sum) as f32;
                tap.count += 1;
            }
            tap
        })
        .collect()
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
