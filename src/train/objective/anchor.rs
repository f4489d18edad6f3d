//! One anchor of a contrastive objective: its loss, and the derivative with respect to each similarity.

use std::ops::Range;

use crate::{
    recipe::{Loss, Mining, Negatives},
    train::ops::{largest, sum_of_exponentials},
};

/// The rows of a batch of N pairs: row i and row N + i are the views of image i.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pairs {
    /// Number of pairs N.
    pub pairs: usize,
    /// Which views are negatives.
    pub negatives: Negatives,
}

impl Pairs {
    /// The other view of the same image.
    pub fn partner(self, view: usize) -> usize {
        (view + self.pairs) % (2 * self.pairs)
    }

    /// Whether `other` is a negative of `anchor`.
    pub fn is_negative(self, anchor: usize, other: usize) -> bool {
        let same_branch = (anchor < self.pairs) == (other < self.pairs);
        anchor != other && other != self.partner(anchor) && (self.negatives == Negatives::BothViews || !same_branch)
    }

    /// The views that NT-Xent's softmax of `anchor` goes over, in one or two ranges: positive and negatives.
    pub fn candidates(self, anchor: usize) -> [Range<usize>; 2] {
        let (views, first) = (2 * self.pairs, anchor < self.pairs);
        match self.negatives {
            Negatives::BothViews => [0..anchor, anchor + 1..views],
            Negatives::OneView if first => [self.pairs..views, views..views],
            Negatives::OneView => [0..self.pairs, views..views],
        }
    }

    /// Number of negatives of each anchor.
    fn negatives(self) -> f64 {
        match self.negatives {
            Negatives::BothViews => 2.0 * self.pairs as f64 - 2.0,
            Negatives::OneView => self.pairs as f64 - 1.0,
        }
    }
}

/// What is known of an anchor after looking at all of its similarities.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    /// Its loss.
    pub loss: f64,
    /// Similarity of the positive.
    positive: f32,
    /// NT-Xent: the logarithm of the sum of exponentials over positive and negatives.
    pub log_sum: f64,
    /// With mining: the one negative that counts, if there is one.
    mined: Option<usize>,
    /// Triplet: number of negatives within the margin.
    violations: f64,
}

impl Anchor {
    /// Looks at the similarities of `anchor` to every view.
    pub fn new(loss: Loss, pairs: Pairs, anchor: usize, similarities: &[f32]) -> Self {
        let positive = similarities[pairs.partner(anchor)];
        let mut state = Self { loss: 0.0, positive, log_sum: 0.0, mined: None, violations: 0.0 };
        let negatives = || similarities.iter().enumerate().filter(move |&(other, _)| pairs.is_negative(anchor, other));
        match loss {
            Loss::NtXent { temperature } => {
                let candidates = pairs.candidates(anchor).map(|range| &similarities[range]);
                let [one, two] = candidates.map(largest);
                let highest = if one > two { one } else { two };
                let scale = (1.0 / temperature) as f32;
                let sum: f64 = candidates.iter().map(|part| sum_of_exponentials(part, scale, highest)).sum();
                state.log_sum = f64::from(highest) / temperature + sum.ln();
                state.loss = state.log_sum - f64::from(positive) / temperature;
            }
            Loss::NtLogistic { temperature, mining } => {
                let scaled = |similarity: f32| f64::from(similarity) / temperature;
                state.mined = semi_hard(mining, negatives(), positive, f32::NEG_INFINITY);
                let repulsion = match (mining, state.mined) {
                    (Mining::All, _) => {
                        negatives().map(|(_, &similarity)| softplus(scaled(similarity))).sum::<f64>()
                            / pairs.negatives()
                    }
                    (Mining::SemiHard, Some(other)) => softplus(scaled(similarities[other])),
                    (Mining::SemiHard, None) => 0.0,
                };
                state.loss = softplus(-scaled(positive)) + repulsion;
            }
            Loss::MarginTriplet { margin, mining } => {
                let excess = |similarity: f32| f64::from(similarity) - f64::from(positive) + margin;
                state.mined = semi_hard(mining, negatives(), positive, (f64::from(positive) - margin) as f32);
                match (mining, state.mined) {
                    (Mining::All, _) => {
                        let within = || negatives().map(|(_, &similarity)| excess(similarity)).filter(|&e| e > 0.0);
                        state.violations = within().count() as f64;
                        state.loss = within().sum::<f64>() / pairs.negatives();
                    }
                    (Mining::SemiHard, Some(other)) => state.loss = excess(similarities[other]),
                    (Mining::SemiHard, None) => {}
                }
            }
        }
        state
    }

    /// Derivative of this anchor's loss with respect to its similarity to `other`.
    pub fn derivative(&self, loss: Loss, pairs: Pairs, anchor: usize, other: usize, similarity: f32) -> f64 {
        let positive = other == pairs.partner(anchor);
        if !positive && !pairs.is_negative(anchor, other) {
            return 0.0;
        }
        // The weight of a negative: all alike, or the mined one alone.
        let weight = |mining| match mining {
            Mining::All => 1.0 / pairs.negatives(),
            Mining::SemiHard => f64::from(u8::from(self.mined == Some(other))),
        };
        match loss {
            Loss::NtXent { temperature } => {
                let probability = (f64::from(similarity) / temperature - self.log_sum).exp();
                (probability - f64::from(u8::from(positive))) / temperature
            }
            Loss::NtLogistic { temperature, mining } => {
                let scaled = f64::from(similarity) / temperature;
                if positive { -sigmoid(-scaled) / temperature } else { weight(mining) * sigmoid(scaled) / temperature }
            }
            Loss::MarginTriplet { margin, mining } => {
                if positive {
                    return match mining {
                        Mining::All => -self.violations / pairs.negatives(),
                        Mining::SemiHard => -f64::from(u8::from(self.mined.is_some())),
                    };
                }
                let within = f64::from(similarity) - f64::from(self.positive) + margin > 0.0;
                if within { weight(mining) } else { 0.0 }
            }
        }
    }
}

/// The most similar negative that is less similar than the positive and more similar than `floor`; the first of equals.
fn semi_hard<'s>(
    mining: Mining,
    negatives: impl Iterator<Item = (usize, &'s f32)>,
    positive: f32,
    floor: f32,
) -> Option<usize> {
    if mining == Mining::All {
        return None;
    }
    let mut best: Option<(usize, f32)> = None;
    for (other, &similarity) in negatives {
        if similarity < positive && similarity > floor && best.is_none_or(|(_, best)| similarity > best) {
            best = Some((other, similarity));
        }
    }
    best.map(|(other, _)| other)
}

/// log(1 + eˣ) without overflow: minus the logarithm of σ(−x).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}
