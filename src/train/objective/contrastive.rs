//! Contrastive objectives of a whole batch in two passes over blocks of similarities, so that memory grows with the
//! number of views and not with its square.
//!
//! The first pass looks at every anchor's similarities once; the second computes them again and turns them into the
//! gradient, for which the similarity of i and j counts twice: with i as the anchor and with j. Nothing is added up
//! across blocks, so the bits do not depend on the number of threads.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::anchor::{Anchor, Pairs};
use crate::{
    recipe::{Contrastive, Loss},
    train::{
        device::{Cpu, Device},
        ops::{pair_of_exponentials, untracked_product},
    },
};

/// Views per block.
const BLOCK: usize = 128;
/// Below this, a projection counts as zero and keeps its direction, as in the reference code: √1e-12.
pub(super) const SHORTEST: f64 = 1e-6;

/// The objective on one batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Mean loss over the 2N anchors, in nats for the logarithmic losses.
    pub loss: f64,
    /// Its gradient with respect to the projections, `[2n, d]`.
    pub gradient: Vec<f32>,
    /// Contrastive accuracy in percent: how often the partner is the most similar of the other branch's views, for
    /// anchors of the first branch (Table 5, as in the reference code).
    pub accuracy: f64,
    /// Mean entropy in nats of the softmax over the other branch's views, for the same anchors (Table 5); at temperature
    /// 1 for the triplet loss, which has none.
    pub entropy: f64,
}

/// The objective of projections `z` `[2n, d]`, not normalized: rows i and n + i are the views of image i.
///
/// NT-Xent is the mean over all 2N views (Algorithm 1); the reference code's loss is twice this.
pub fn contrastive(objective: &Contrastive, z: &[f32], dimension: usize) -> Batch {
    let views = z.len() / dimension;
    let pairs = Pairs { pairs: views / 2, negatives: objective.negatives };
    let lengths: Vec<f64> = z.par_chunks_exact(dimension).map(length).collect();
    let unit = if objective.normalize { normalized(z, &lengths, dimension) } else { z.to_vec() };
    let all = matrix(&unit, dimension);

    let looked: Vec<(Anchor, Option<Guess>)> = unit
        .par_chunks(BLOCK * dimension)
        .enumerate()
        .flat_map_iter(|(block, rows)| {
            let similarities = values(untracked_product(matrix(rows, dimension), all.clone().transpose()));
            let anchors: Vec<_> = similarities
                .chunks_exact(views)
                .enumerate()
                .map(|(row, similarities)| {
                    let anchor = block * BLOCK + row;
                    let guess = (anchor < pairs.pairs).then(|| Guess::new(objective.loss, anchor, similarities));
                    (Anchor::new(objective.loss, pairs, anchor, similarities), guess)
                })
                .collect();
            anchors
        })
        .collect();

    let anchors: Vec<Anchor> = looked.iter().map(|(anchor, _)| *anchor).collect();
    let log_sums: Vec<f32> = anchors.iter().map(|anchor| anchor.log_sum as f32).collect();
    let gradient: Vec<f32> = unit
        .par_chunks(BLOCK * dimension)
        .enumerate()
        .flat_map_iter(|(block, rows)| {
            let mut slopes = values(untracked_product(matrix(rows, dimension), all.clone().transpose()));
            for (row, slopes) in slopes.chunks_exact_mut(views).enumerate() {
                let anchor = block * BLOCK + row;
                match objective.loss {
                    // Exponents of plain dot products may be too large for float32.
                    Loss::NtXent { temperature } if objective.normalize => {
                        softmax_slopes(temperature, pairs, anchor, &log_sums, slopes)
                    }
                    loss => plain_slopes(loss, pairs, anchor, &anchors, slopes),
                }
            }
            let shape = [rows.len() / dimension, views];
            let slopes = Tensor::<Cpu, 2>::from_data(TensorData::new(slopes, shape), &Device::default());
            values(untracked_product(slopes, all.clone()))
        })
        .collect();
    let gradient =
        if objective.normalize { through_normalization(&gradient, &unit, &lengths, dimension) } else { gradient };

    // The comparisons of the triplet loss would pass over what is not a number.
    let sound = lengths.iter().all(|length| length.is_finite());
    let guesses = || looked.iter().filter_map(|(_, guess)| guess.as_ref());
    let mean = |sum: f64| sum / pairs.pairs as f64;
    Batch {
        loss: if sound { looked.iter().map(|(anchor, _)| anchor.loss).sum::<f64>() / views as f64 } else { f64::NAN },
        gradient,
        accuracy: 100.0 * mean(guesses().filter(|guess| guess.right).count() as f64),
        entropy: mean(guesses().map(|guess| guess.entropy).sum()),
    }
}

/// Replaces the similarities of `anchor` by the derivatives of the mean loss, both with it and with the other as the
/// anchor.
fn plain_slopes(loss: Loss, pairs: Pairs, anchor: usize, anchors: &[Anchor], row: &mut [f32]) {
    let slope = |a: usize, b: usize, value| anchors[a].derivative(loss, pairs, a, b, value);
    for (other, value) in row.iter_mut().enumerate() {
        let sum = slope(anchor, other, *value) + slope(other, anchor, *value);
        *value = (sum / anchors.len() as f64) as f32;
    }
}

/// The same for NT-Xent, many similarities at a time: the probabilities of both softmaxes, less one at the positive.
fn softmax_slopes(temperature: f64, pairs: Pairs, anchor: usize, log_sums: &[f32], row: &mut [f32]) {
    let scale = (1.0 / temperature) as f32;
    let factor = (1.0 / (temperature * log_sums.len() as f64)) as f32;
    let mut done = 0;
    for range in pairs.candidates(anchor) {
        row[done..range.start].fill(0.0);
        done = range.end;
        pair_of_exponentials(&mut row[range.clone()], scale, log_sums[anchor], &log_sums[range], factor);
    }
    row[done..].fill(0.0);
    row[pairs.partner(anchor)] -= 2.0 * factor;
}

/// How an anchor of the first branch sees the views of the second.
struct Guess {
    right: bool,
    entropy: f64,
}

impl Guess {
    fn new(loss: Loss, anchor: usize, similarities: &[f32]) -> Self {
        let temperature = match loss {
            Loss::NtXent { temperature } | Loss::NtLogistic { temperature, .. } => temperature,
            Loss::MarginTriplet { .. } => 1.0,
        };
        let others = &similarities[similarities.len() / 2..];
        let mut best = 0;
        for (index, similarity) in others.iter().enumerate() {
            if *similarity > others[best] {
                best = index;
            }
        }
        let highest = f64::from(others[best]) / temperature;
        let shifted = || others.iter().map(|&similarity| f64::from(similarity) / temperature - highest);
        let sum: f64 = shifted().map(f64::exp).sum();
        // H = log Σ eˣ − Σ p x.
        let mean: f64 = shifted().map(|x| x * x.exp()).sum::<f64>() / sum;
        Self { right: best == anchor, entropy: sum.ln() - mean }
    }
}

fn length(row: &[f32]) -> f64 {
    row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// Rows of unit length.
fn normalized(z: &[f32], lengths: &[f64], dimension: usize) -> Vec<f32> {
    let rows = z.chunks_exact(dimension).zip(lengths);
    rows.flat_map(|(row, &length)| row.iter().map(move |&value| (f64::from(value) / length.max(SHORTEST)) as f32))
        .collect()
}

/// The gradient with respect to z from that with respect to u = z / ‖z‖: (g − (g · u) u) / ‖z‖.
fn through_normalization(gradient: &[f32], unit: &[f32], lengths: &[f64], dimension: usize) -> Vec<f32> {
    let rows = gradient.chunks_exact(dimension).zip(unit.chunks_exact(dimension)).zip(lengths);
    rows.flat_map(|((gradient, unit), &length)| {
        let along: f64 = gradient.iter().zip(unit).map(|(&g, &u)| f64::from(g) * f64::from(u)).sum();
        let along = if length > SHORTEST { along } else { 0.0 };
        gradient
            .iter()
            .zip(unit)
            .map(move |(&g, &u)| ((f64::from(g) - along * f64::from(u)) / length.max(SHORTEST)) as f32)
    })
    .collect()
}

fn matrix(rows: &[f32], dimension: usize) -> Tensor<Cpu, 2> {
    let shape = [rows.len() / dimension, dimension];
    Tensor::from_data(TensorData::new(rows.to_vec(), shape), &Device::default())
}

fn values(tensor: Tensor<Cpu, 2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Negatives;

    #[test]
    fn many_at_a_time_are_what_one_at_a_time_are() {
        let (loss, temperature) = (Loss::NtXent { temperature: 0.2 }, 0.2);
        let pairs = 23;
        let similarities: Vec<f32> = (0..4 * pairs * pairs).map(|index| (index as f32 * 0.37).sin()).collect();
        for negatives in [Negatives::BothViews, Negatives::OneView] {
            let pairs = Pairs { pairs, negatives };
            let rows = || similarities.chunks_exact(46).enumerate();
            let anchors: Vec<Anchor> = rows().map(|(anchor, row)| Anchor::new(loss, pairs, anchor, row)).collect();
            let log_sums: Vec<f32> = anchors.iter().map(|anchor| anchor.log_sum as f32).collect();
            for (anchor, row) in rows() {
                let (mut fast, mut plain) = (row.to_vec(), row.to_vec());
                softmax_slopes(temperature, pairs, anchor, &log_sums, &mut fast);
                plain_slopes(loss, pairs, anchor, &anchors, &mut plain);
                // Slopes are at most 2 / (0.2 · 46) = 0.22; exponents up to 10 are rounded in float32.
                assert!(fast.iter().zip(&plain).all(|(fast, plain)| (fast - plain).abs() < 1e-6), "{anchor}");
            }
        }
    }
}
