//! Mean and variance of channels on the CPU, and how the passes over rows of channels are cut.
//!
//! Rows are taken in chunks of a fixed size; within a chunk a few rows are viewed as one long row, so that narrow
//! layers fill vector registers too. Chunk sums are combined in order, in float64.

use rayon::prelude::*;

use super::simd::{mul_add, vectorized};

/// Shortest row that the loops run over, in elements.
const SPAN: usize = 64;
/// Elements per chunk, about the size of a second-level cache's share.
const CHUNK: usize = 16 * 1024;

/// How many elements a chunk holds: whole spans of whole rows.
pub(super) fn chunk(channels: usize) -> usize {
    span(channels) * (CHUNK / span(channels)).max(1)
}

/// A whole number of rows with at least `SPAN` elements.
pub(super) fn span(channels: usize) -> usize {
    channels * SPAN.div_ceil(channels)
}

/// Repeats per-channel values over a span.
pub(super) fn spread(values: &[f32]) -> Vec<f32> {
    values.iter().copied().cycle().take(span(values.len())).collect()
}

/// Adds the entries of a span that belong to the same channel.
pub(super) fn fold(sums: &[f32], channels: usize) -> Vec<f64> {
    let mut folded = vec![0.0; channels];
    for (index, &sum) in sums.iter().enumerate() {
        folded[index % channels] += f64::from(sum);
    }
    folded
}

/// What a part of the rows says of each channel.
pub(super) struct Part {
    rows: f64,
    mean: Vec<f64>,
    /// Sum of squares about the mean.
    squares: Vec<f64>,
}

impl Part {
    /// Of `x` `[rows, channels]`.
    pub(super) fn of(x: &[f32], channels: usize) -> Self {
        let rows = (x.len() / channels) as f64;
        let mut sums = vec![0.0; span(channels)];
        sum(x, &mut sums);
        let mean: Vec<f64> = fold(&sums, channels).iter().map(|sum| sum / rows).collect();
        let center: Vec<f32> = mean.iter().map(|&mean| mean as f32).collect();
        sums.fill(0.0);
        sum_squares(x, &spread(&center), &mut sums);
        // The sum was taken about the rounded mean; move it to the mean itself.
        let squares = fold(&sums, channels)
            .iter()
            .zip(mean.iter().zip(&center))
            .map(|(square, (mean, &center))| square - rows * (mean - f64::from(center)).powi(2))
            .collect();
        Self { rows, mean, squares }
    }
}

/// Mean and biased variance of each channel; `x` is `[rows, channels]`.
pub(super) fn statistics(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let parts: Vec<Part> = x.par_chunks(chunk(channels)).map(|x| Part::of(x, channels)).collect();
    combined(&parts, channels)
}

/// Mean and biased variance of each channel over all parts, in order.
pub(super) fn combined(parts: &[Part], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut rows, mut mean, mut squares) = (0.0, vec![0.0; channels], vec![0.0; channels]);
    for part in parts {
        let total = rows + part.rows;
        for channel in 0..channels {
            // Chan et al.'s update of mean and sum of squares by another sample.
            let delta = part.mean[channel] - mean[channel];
            mean[channel] += delta * part.rows / total;
            squares[channel] += part.squares[channel] + delta * delta * rows * part.rows / total;
        }
        rows = total;
    }
    let variance = squares.iter().map(|square| (square / rows) as f32).collect();
    (mean.iter().map(|&mean| mean as f32).collect(), variance)
}

vectorized! {
    fn sum(x: &[f32], sums: &mut [f32]) {
        for row in x.chunks(sums.len()) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += x;
            }
        }
    }
}

vectorized! {
    fn sum_squares(x: &[f32], center: &[f32], sums: &mut [f32]) {
        for row in x.chunks(sums.len()) {
            for ((sum, x), center) in sums.iter_mut().zip(row).zip(center) {
                *sum = mul_add::<FMA>(x - center, x - center, *sum);
            }
        }
    }
}
