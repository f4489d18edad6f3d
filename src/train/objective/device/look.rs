//! The first pass: what is known of each anchor after looking at all of its similarities.

use burn::tensor::{FloatDType, Tensor, backend::Backend};

use super::block::{Block, numbers};
use crate::recipe::{Loss, Mining};

/// Stands for the similarity of what does not count.
const LOWEST: f32 = f32::MIN;

/// Columns of [`Look::known`]: the loss of the anchor, the similarity of its positive, and two whose meaning is the
/// loss's own.
pub(super) const LOSS: usize = 0;
pub(super) const POSITIVE: usize = 1;
/// NT-Xent: the highest similarity, and the sum of exponentials after subtracting it.
pub(super) const HIGHEST: usize = 2;
pub(super) const SUM: usize = 3;
/// With mining: the view that counts, or -1, and whether there is one.
pub(super) const MINED: usize = 2;
pub(super) const IS_MINED: usize = 3;
/// Triplet: number of negatives within the margin.
pub(super) const VIOLATIONS: usize = 2;

/// What is known of the anchors of a block.
pub(super) struct Look<B: Backend> {
    /// `[anchors, 4]`
    pub known: Tensor<B, 2>,
    /// For anchors of the first branch, 100 if the partner is the most similar of the second branch's views and 0
    /// otherwise, and the entropy over these views: `[anchors, 2]`.
    pub guess: Option<Tensor<B, 2>>,
}

/// Looks at similarities `[anchors, columns]`.
pub(super) fn look<B: Backend>(loss: Loss, block: &Block, similarities: &Tensor<B, 2>) -> Look<B> {
    let masks = block.masks::<B>(&similarities.device());
    let positive = similarities.clone().mask_fill(masks.partner.clone().bool_not(), 0.0).sum_dim(1);
    let negatives = |values: Tensor<B, 2>, instead: f32| values.mask_fill(masks.others(), instead);
    let known = match loss {
        Loss::NtXent { temperature } => {
            let candidates = similarities.clone().mask_fill(masks.itself.clone(), LOWEST);
            let highest = candidates.clone().max_dim(1);
            let sum = ((candidates - highest.clone()) / temperature).exp().sum_dim(1);
            let loss = sum.clone().log() + (highest.clone() - positive.clone()) / temperature;
            vec![loss, positive, highest, sum]
        }
        Loss::NtLogistic { temperature, mining: Mining::All } => {
            let repulsion = negatives(softplus(similarities.clone() / temperature), 0.0).sum_dim(1);
            let loss = softplus(positive.clone() / -temperature) + repulsion / block.negatives();
            let nothing = positive.zeros_like();
            vec![loss, positive, nothing.clone(), nothing]
        }
        Loss::NtLogistic { temperature, mining: Mining::SemiHard } => {
            let Mined { similarity, view, exists } =
                mined(block, negatives(similarities.clone(), LOWEST), &positive, None);
            let repulsion = softplus(similarity / temperature) * exists.clone();
            vec![softplus(positive.clone() / -temperature) + repulsion, positive, view, exists]
        }
        Loss::MarginTriplet { margin, mining: Mining::All } => {
            let excess = similarities.clone() - positive.clone() + margin;
            let excess = negatives(excess.clamp_min(0.0), 0.0);
            let violations = excess.clone().greater_elem(0.0).cast(FloatDType::F32).sum_dim(1);
            let nothing = positive.zeros_like();
            vec![excess.sum_dim(1) / block.negatives(), positive, violations, nothing]
        }
        Loss::MarginTriplet { margin, mining: Mining::SemiHard } => {
            let floor = positive.clone() - margin;
            let Mined { similarity, view, exists } =
                mined(block, negatives(similarities.clone(), LOWEST), &positive, Some(floor));
            let loss = (similarity - positive.clone() + margin) * exists.clone();
            vec![loss, positive, view, exists]
        }
    };
    let guess = block.is_first().then(|| guess(loss, block, similarities));
    Look { known: Tensor::cat(known, 1), guess }
}

/// The negative that counts for each anchor, `[anchors, 1]` each.
struct Mined<B: Backend> {
    /// 0 where there is none.
    similarity: Tensor<B, 2>,
    /// Its number among all views, or -1; float32 holds numbers up to 2²⁴.
    view: Tensor<B, 2>,
    /// One or zero.
    exists: Tensor<B, 2>,
}

/// The most similar of the negatives that are less similar than the positive and more similar than the floor.
fn mined<B: Backend>(
    block: &Block,
    negatives: Tensor<B, 2>,
    positive: &Tensor<B, 2>,
    floor: Option<Tensor<B, 2>>,
) -> Mined<B> {
    let shape = negatives.dims();
    let mut outside = negatives.clone().greater_equal(positive.clone().expand(shape));
    if let Some(floor) = floor {
        outside = outside.bool_or(negatives.clone().lower_equal(floor.expand(shape)));
    }
    let candidates = negatives.mask_fill(outside, LOWEST);
    let none = candidates.clone().max_dim(1).lower_equal_elem(LOWEST);
    let (similarity, view) = (candidates.clone().max_dim(1), candidates.argmax(1));
    Mined {
        similarity: similarity.mask_fill(none.clone(), 0.0),
        view: (view.cast(FloatDType::F32) + block.columns.start as f32).mask_fill(none.clone(), -1.0),
        exists: none.bool_not().cast(FloatDType::F32),
    }
}

/// How anchors of the first branch see the views of the second.
fn guess<B: Backend>(loss: Loss, block: &Block, similarities: &Tensor<B, 2>) -> Tensor<B, 2> {
    let temperature = match loss {
        Loss::NtXent { temperature } | Loss::NtLogistic { temperature, .. } => temperature,
        Loss::MarginTriplet { .. } => 1.0,
    };
    let second = block.second_branch();
    let others = similarities.clone().narrow(1, second.start, second.len());
    let own = numbers::<B>(&block.rows, &others.device()).reshape([block.rows.len(), 1]);
    let right = others.clone().argmax(1).equal(own).cast(FloatDType::F32) * 100.0;
    let shifted = (others.clone() - others.max_dim(1)) / temperature;
    let exponentials = shifted.clone().exp();
    let sum = exponentials.clone().sum_dim(1);
    // H = log Σ eˣ − Σ p x.
    let entropy = sum.clone().log() - (shifted * exponentials).sum_dim(1) / sum;
    Tensor::cat(vec![right, entropy], 1)
}

/// A column of what is known, `[anchors, 1]`.
pub(super) fn column<B: Backend>(known: &Tensor<B, 2>, column: usize) -> Tensor<B, 2> {
    known.clone().narrow(1, column, 1)
}

/// log(1 + eˣ) without overflow.
fn softplus<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    x.clone().clamp_min(0.0) + (x.abs() * -1.0).exp().log1p()
}
