//! Batch normalization on the CPU, channels last: memory-bound passes over rows of channels.
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
fn chunk(channels: usize) -> usize {
    span(channels) * (CHUNK / span(channels)).max(1)
}

/// A whole number of rows with at least `SPAN` elements.
fn span(channels: usize) -> usize {
    channels * SPAN.div_ceil(channels)
}

/// Repeats per-channel values over a span.
fn spread(values: &[f32]) -> Vec<f32> {
    values.iter().copied().cycle().take(span(values.len())).collect()
}

/// Adds the entries of a span that belong to the same channel.
fn fold(sums: &[f32], channels: usize) -> Vec<f64> {
    let mut folded = vec![0.0; channels];
    for (index, &sum) in sums.iter().enumerate() {
        folded[index % channels] += f64::from(sum);
    }
    folded
}

/// Mean and biased variance of each channel; `x` is `[rows, channels]`.
pub(super) fn statistics(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let parts: Vec<(f64, Vec<f64>, Vec<f64>)> = x
        .par_chunks(chunk(channels))
        .map(|x| {
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
            (rows, mean, squares)
        })
        .collect();
    let (mut rows, mut mean, mut squares) = (0.0, vec![0.0; channels], vec![0.0; channels]);
    for (part_rows, part_mean, part_squares) in parts {
        let total = rows + part_rows;
        for channel in 0..channels {
            // Chan et al.'s update of mean and sum of squares by another sample.
            let delta = part_mean[channel] - mean[channel];
            mean[channel] += delta * part_rows / total;
            squares[channel] += part_squares[channel] + delta * delta * rows * part_rows / total;
        }
        rows = total;
    }
    let variance = squares.iter().map(|square| (square / rows) as f32).collect();
    (mean.iter().map(|&mean| mean as f32).collect(), variance)
}

/// `x * scale + shift`, plus `residual`, then ReLU.
pub(super) fn apply(x: &[f32], scale: &[f32], shift: &[f32], residual: Option<&[f32]>, relu: bool) -> Vec<f32> {
    let size = chunk(scale.len());
    let (scale, shift) = (spread(scale), spread(shift));
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    let mut output = vec![0.0; x.len()];
    let chunks = output.par_chunks_mut(size).zip(x.par_chunks(size));
    match residual {
        None => chunks.for_each(|(output, x)| affine(x, &scale, &shift, floor, output)),
        Some(residual) => chunks
            .zip(residual.par_chunks(size))
            .for_each(|((output, x), residual)| affine_residual(x, &scale, &shift, residual, floor, output)),
    }
    output
}

/// What [`grads`] returns, each `[rows, channels]` or `[channels]`.
pub(super) struct Grads {
    pub input: Vec<f32>,
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    pub residual: Vec<f32>,
}

/// Gradients of batch normalization through its own statistics; `output` masks the ReLU when given.
pub(super) fn grads(
    x: &[f32],
    mean: &[f32],
    inverse_deviation: &[f32],
    gamma: &[f32],
    output: Option<&[f32]>,
    grad: &[f32],
) -> Grads {
    let channels = mean.len();
    let size = chunk(channels);
    let residual = match output {
        None => grad.to_vec(),
        Some(output) => {
            let mut masked = vec![0.0; grad.len()];
            masked
                .par_chunks_mut(size)
                .zip(grad.par_chunks(size).zip(output.par_chunks(size)))
                .for_each(|(masked, (grad, output))| mask(grad, output, masked));
            masked
        }
    };
    let (center, inverse) = (spread(mean), spread(inverse_deviation));
    let parts: Vec<(Vec<f64>, Vec<f64>)> = x
        .par_chunks(size)
        .zip(residual.par_chunks(size))
        .map(|(x, grad)| {
            let (mut plain, mut weighted) = (vec![0.0; span(channels)], vec![0.0; span(channels)]);
            sum_grads(x, grad, &center, &inverse, &mut plain, &mut weighted);
            (fold(&plain, channels), fold(&weighted, channels))
        })
        .collect();
    let (mut beta, mut scale) = (vec![0.0; channels], vec![0.0; channels]);
    for (plain, weighted) in parts {
        for channel in 0..channels {
            beta[channel] += plain[channel];
            scale[channel] += weighted[channel];
        }
    }
    let rows = (x.len() / channels) as f64;
    // dx = γ/σ (g - Σg/m - x̂ Σ(g x̂)/m) = a g + b x + c with one multiply-add per factor.
    let mut factors = [vec![0.0; channels], vec![0.0; channels], vec![0.0; channels]];
    for channel in 0..channels {
        let inverse = f64::from(inverse_deviation[channel]);
        let a = f64::from(gamma[channel]) * inverse;
        let b = -a * inverse * scale[channel] / rows;
        factors[0][channel] = a as f32;
        factors[1][channel] = b as f32;
        factors[2][channel] = (-a * beta[channel] / rows) as f32;
    }
    let [a, b, c] = factors.map(|factor| spread(&factor));
    let mut input = vec![0.0; x.len()];
    input
        .par_chunks_mut(size)
        .zip(x.par_chunks(size).zip(residual.par_chunks(size)))
        .for_each(|(input, (x, grad))| combine(x, grad, &center, &a, &b, &c, input));
    let round = |sums: Vec<f64>| sums.iter().map(|&sum| sum as f32).collect();
    Grads { input, gamma: round(scale), beta: round(beta), residual }
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

vectorized! {
    fn affine(x: &[f32], scale: &[f32], shift: &[f32], floor: f32, output: &mut [f32]) {
        for (output, x) in output.chunks_mut(scale.len()).zip(x.chunks(scale.len())) {
            for (((output, x), scale), shift) in output.iter_mut().zip(x).zip(scale).zip(shift) {
                let value = mul_add::<FMA>(*x, *scale, *shift);
                // Not f32::max, which would turn NaN into the floor and hide a diverged run.
                *output = if value < floor { floor } else { value };
            }
        }
    }
}

vectorized! {
    fn affine_residual(
        x: &[f32],
        scale: &[f32],
        shift: &[f32],
        residual: &[f32],
        floor: f32,
        output: &mut [f32],
    ) {
        let span = scale.len();
        for ((output, x), residual) in output.chunks_mut(span).zip(x.chunks(span)).zip(residual.chunks(span)) {
            for ((((output, x), residual), scale), shift) in
                output.iter_mut().zip(x).zip(residual).zip(scale).zip(shift)
            {
                let value = mul_add::<FMA>(*x, *scale, *shift) + residual;
                *output = if value < floor { floor } else { value };
            }
        }
    }
}

vectorized! {
    fn mask(grad: &[f32], output: &[f32], masked: &mut [f32]) {
        for ((masked, grad), output) in masked.iter_mut().zip(grad).zip(output) {
            *masked = if *output > 0.0 { *grad } else { 0.0 };
        }
    }
}

vectorized! {
    fn sum_grads(
        x: &[f32],
        grad: &[f32],
        center: &[f32],
        inverse: &[f32],
        plain: &mut [f32],
        weighted: &mut [f32],
    ) {
        let span = plain.len();
        for (x, grad) in x.chunks(span).zip(grad.chunks(span)) {
            for (index, (x, grad)) in x.iter().zip(grad).enumerate() {
                plain[index] += grad;
                weighted[index] = mul_add::<FMA>((x - center[index]) * inverse[index], *grad, weighted[index]);
            }
        }
    }
}

vectorized! {
    fn combine(x: &[f32], grad: &[f32], center: &[f32], a: &[f32], b: &[f32], c: &[f32], input: &mut [f32]) {
        let span = a.len();
        for ((input, x), grad) in input.chunks_mut(span).zip(x.chunks(span)).zip(grad.chunks(span)) {
            for (index, ((input, x), grad)) in input.iter_mut().zip(x).zip(grad).enumerate() {
                let centered = x - center[index];
                *input = mul_add::<FMA>(a[index], *grad, mul_add::<FMA>(b[index], centered, c[index]));
            }
        }
    }
}
