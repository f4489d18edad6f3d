//! The objective of logistic regression: mean cross-entropy plus λ/2 ‖W‖², and its gradient, in float64.

use rayon::prelude::*;

use super::{features::Labeled, lbfgs::dot};
use crate::train::ops::{Matrix, add_product};

/// Parts of the images whose gradients are summed side by side and then added in order.
const PARTS: usize = 32;
/// Most values of all parts' gradients together: 128 MiB.
const GRADIENT_VALUES: usize = 1 << 24;
/// Values of a block of features as float64: half of a usual second-level cache.
const BLOCK_VALUES: usize = 1 << 16;

/// Loss at `parameters`, whose gradient is written to `gradient`; both are `[d + 1, classes]`, the last row the biases.
///
/// The biases are not regularized. Panics if the lengths are not (d + 1) · classes.
pub fn loss_and_gradient(data: Labeled<'_>, lambda: f64, parameters: &[f64], gradient: &mut [f64]) -> f64 {
    let (dimension, classes) = (data.features.dimension(), data.classes());
    assert_eq!(parameters.len(), (dimension + 1) * classes, "parameters of a classifier");
    let weights = &parameters[..dimension * classes];
    let images = data.features.images();
    let parts = (GRADIENT_VALUES / parameters.len()).clamp(1, PARTS);
    let per_part = images.div_ceil(parts);
    let sums: Vec<(f64, Vec<f64>)> = data
        .features
        .values()
        .par_chunks(per_part * dimension)
        .zip(data.labels().par_chunks(per_part))
        .map(|(features, labels)| part(features, labels, dimension, classes, parameters))
        .collect();
    let scale = 1.0 / images as f64;
    gradient.fill(0.0);
    let mut loss = 0.0;
    for (part_loss, part_gradient) in &sums {
        loss += part_loss;
        gradient.iter_mut().zip(part_gradient).for_each(|(sum, value)| *sum += value);
    }
    gradient.iter_mut().for_each(|value| *value *= scale);
    gradient.iter_mut().zip(weights).for_each(|(value, weight)| *value += lambda * weight);
    loss * scale + lambda / 2.0 * dot(weights, weights)
}

/// Sums of the cross-entropy and of its gradient over some images, in order.
fn part(features: &[f32], labels: &[u16], dimension: usize, classes: usize, parameters: &[f64]) -> (f64, Vec<f64>) {
    let (weights, biases) = parameters.split_at(dimension * classes);
    let mut gradient = vec![0.0; parameters.len()];
    let (weight_gradient, bias_gradient) = gradient.split_at_mut(dimension * classes);
    let weights = Matrix::new(weights, dimension, classes);
    let rows = block_rows(dimension);
    let (mut x, mut residuals) = (Vec::new(), Vec::new());
    let mut loss = 0.0;
    for (features, labels) in features.chunks(rows * dimension).zip(labels.chunks(rows)) {
        logits(features, dimension, weights, biases, &mut x, &mut residuals);
        for (row, &label) in residuals.chunks_exact_mut(classes).zip(labels) {
            loss += subtract_target(row, usize::from(label));
            bias_gradient.iter_mut().zip(row).for_each(|(sum, residual)| *sum += *residual);
        }
        let x = Matrix::new(&x, labels.len(), dimension);
        add_product(weight_gradient, x.transposed(), Matrix::new(&residuals, labels.len(), classes));
    }
    (loss, gradient)
}

/// Images whose features are multiplied at once.
pub(super) fn block_rows(dimension: usize) -> usize {
    (BLOCK_VALUES / dimension).clamp(16, 1024)
}

/// Writes the features to `x` in float64 and W x + b to `logits`.
pub(super) fn logits(
    features: &[f32],
    dimension: usize,
    weights: Matrix<'_, f64>,
    biases: &[f64],
    x: &mut Vec<f64>,
    logits: &mut Vec<f64>,
) {
    x.clear();
    x.extend(features.iter().map(|&value| f64::from(value)));
    logits.clear();
    for _ in 0..features.len() / dimension {
        logits.extend_from_slice(biases);
    }
    add_product(logits, Matrix::new(x, features.len() / dimension, dimension), weights);
}

/// Turns the logits of an image into softmax minus target, and returns the cross-entropy.
fn subtract_target(row: &mut [f64], label: usize) -> f64 {
    // The largest logit is taken off first, so that no exponential overflows.
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let own = row[label] - largest;
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value = (*value - largest).exp();
        sum += *value;
    }
    row.iter_mut().for_each(|value| *value /= sum);
    row[label] -= 1.0;
    sum.ln() - own
}
