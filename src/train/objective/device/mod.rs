//! Contrastive objectives as tensor operations on any device: value, gradient and what else is told of a batch, with
//! nothing read back before the caller asks.
//!
//! As on the CPU there are two passes over blocks of anchors: the first looks at every anchor's similarities, the
//! second computes them again and turns them into the gradient, in which the similarity of i and j counts twice. All is
//! float32 (the CPU adds up in float64), which costs one or two units in the sixth digit.

mod block;
mod look;
mod slopes;
#[cfg(test)]
mod tests;

use burn::tensor::{FloatDType, Tensor, backend::Backend};

use self::block::Block;
use crate::{
    recipe::Contrastive,
    train::ops::{Arithmetic, untracked_product},
};

/// As on the CPU.
const SHORTEST: f32 = super::contrastive::SHORTEST as f32;
/// Instead of zero as a divisor.
const TINY: f32 = 1e-30;

/// The objective on one batch, on the device.
#[derive(Clone, Debug)]
pub struct DeviceBatch<B: Backend> {
    /// Mean loss in nats, contrastive accuracy in percent, entropy in nats, as in [`Batch`](super::Batch): `[3]`.
    pub measured: Tensor<B, 1>,
    /// Gradient of the mean loss with respect to the projections, `[2n, d]`, float32.
    pub gradient: Tensor<B, 2>,
}

/// The objective of projections `z` `[2n, d]`, not normalized: rows i and n + i are the views of image i. The same as
/// [`contrastive`](super::contrastive) up to rounding. The gradient is in closed form: call this without autodiff, with
/// the inner tensor.
pub fn contrastive_on_device<B: Arithmetic>(objective: &Contrastive, z: Tensor<B, 2>) -> DeviceBatch<B> {
    in_blocks(objective, z, block::MOST)
}

/// The objective with at most `most` similarities at a time, if one row has no more.
fn in_blocks<B: Arithmetic>(objective: &Contrastive, z: Tensor<B, 2>, most: usize) -> DeviceBatch<B> {
    let z = z.cast(FloatDType::F32);
    let views = z.dims()[0];
    // Scaled before squaring, so that no square overflows.
    let largest = z.clone().abs().max_dim(1).clamp_min(TINY);
    let lengths = largest.clone() * (z.clone() / largest).powi_scalar(2).sum_dim(1).sqrt();
    let divisors = lengths.clone().clamp_min(SHORTEST);
    let unit = if objective.normalize { z / divisors.clone() } else { z };

    let blocks = Block::cut(views / 2, objective.negatives, most);
    let looks: Vec<_> =
        blocks.iter().map(|block| look::look(objective.loss, block, &block.similarities(&unit))).collect();
    let guesses: Vec<_> = looks.iter().filter_map(|look| look.guess.clone()).collect();
    let known = Tensor::cat(looks.into_iter().map(|look| look.known).collect(), 0);
    let gradient: Vec<_> = blocks
        .iter()
        .map(|block| {
            let slopes = slopes::slopes(objective.loss, block, block.similarities(&unit), &known);
            untracked_product(slopes, unit.clone().slice([block.columns.clone()]))
        })
        .collect();
    let gradient = Tensor::cat(gradient, 0);

    // Comparisons would pass over what is not a number, and infinities over each other.
    let sound = lengths.clone().sum().reshape([1]) * 0.0;
    let loss = look::column(&known, look::LOSS).mean().reshape([1]) + sound;
    let guessed = Tensor::cat(guesses, 0).mean_dim(0).reshape([2]);
    DeviceBatch {
        measured: Tensor::cat(vec![loss, guessed], 0),
        gradient: if objective.normalize { through_normalization(gradient, unit, lengths) } else { gradient },
    }
}

/// The gradient with respect to z from that with respect to u = z / ‖z‖: (g − (g · u) u) / ‖z‖.
fn through_normalization<B: Backend>(
    gradient: Tensor<B, 2>,
    unit: Tensor<B, 2>,
    lengths: Tensor<B, 2>,
) -> Tensor<B, 2> {
    let along = (gradient.clone() * unit.clone()).sum_dim(1);
    let along = along.mask_fill(lengths.clone().lower_equal_elem(SHORTEST), 0.0);
    (gradient - unit * along) / lengths.clamp_min(SHORTEST)
}
