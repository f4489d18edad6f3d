//! Blocks of anchors, and their similarities to the views that matter to them.

use std::ops::Range;

use burn::tensor::{Bool, Int, Tensor, backend::Backend};

use super::TINY;
use crate::recipe::{Contrastive, Negatives};

/// Similarities in a block: 64 MiB, of which half a dozen are in memory at a time. Up to a batch of 2048 pairs all
/// anchors of a branch are one block.
pub(super) const MOST: usize = 1 << 24;

/// Some anchors of one branch.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Number of pairs N in the batch.
    pub pairs: usize,
    /// Which views are negatives.
    pub negatives: Negatives,
    /// The anchors.
    pub rows: Range<usize>,
    /// The views whose similarity to the anchors counts: all, or those of the other branch.
    pub columns: Range<usize>,
}

impl Block {
    /// Blocks of at most `most` similarities that together have all anchors in their order.
    pub fn cut(pairs: usize, negatives: Negatives, most: usize) -> Vec<Self> {
        let mut blocks = Vec::new();
        for branch in 0..2 {
            let (own, other) = (branch * pairs, (1 - branch) * pairs);
            let columns = match negatives {
                Negatives::BothViews => 0..2 * pairs,
                Negatives::OneView => other..other + pairs,
            };
            let length = (most / columns.len().max(1)).max(1);
            for start in (0..pairs).step_by(length) {
                let rows = own + start..own + (start + length).min(pairs);
                blocks.push(Self { pairs, negatives, rows, columns: columns.clone() });
            }
        }
        blocks
    }

    /// Number of negatives of each anchor.
    pub fn negatives(&self) -> f64 {
        match self.negatives {
            Negatives::BothViews => 2.0 * self.pairs as f64 - 2.0,
            Negatives::OneView => self.pairs as f64 - 1.0,
        }
    }

    /// Whether the anchors are of the first branch, for which accuracy and entropy are measured.
    pub fn is_first(&self) -> bool {
        self.rows.start < self.pairs
    }

    /// The columns that are views of the second branch, counted from the first column.
    pub fn second_branch(&self) -> Range<usize> {
        self.pairs - self.columns.start.min(self.pairs)..self.columns.len()
    }

    /// Which entries are anchors with themselves and which with their partners, `[rows, columns]`.
    pub fn masks<B: Backend>(&self, device: &B::Device) -> Masks<B> {
        let shape = [self.rows.len(), self.columns.len()];
        let columns = numbers::<B>(&self.columns, device).reshape([1, self.columns.len()]).expand(shape);
        let are = |rows: Range<usize>| {
            numbers::<B>(&rows, device).reshape([self.rows.len(), 1]).expand(shape).equal(columns.clone())
        };
        let start = (self.rows.start + self.pairs) % (2 * self.pairs);
        Masks { itself: are(self.rows.clone()), partner: are(start..start + self.rows.len()) }
    }
}

/// The numbers of some views.
pub(super) fn numbers<B: Backend>(range: &Range<usize>, device: &B::Device) -> Tensor<B, 1, Int> {
    Tensor::arange(range.start as i64..range.end as i64, device)
}

/// Entries of a block that are no negatives.
pub(super) struct Masks<B: Backend> {
    /// The anchor with itself.
    pub itself: Tensor<B, 2, Bool>,
    /// The anchor with the other view of its image.
    pub partner: Tensor<B, 2, Bool>,
}

impl<B: Backend> Masks<B> {
    /// All entries that are no negatives.
    pub fn others(&self) -> Tensor<B, 2, Bool> {
        self.itself.clone().bool_or(self.partner.clone())
    }
}

/// All views' vectors, ready for products that are right to float32.
///
/// CubeCL's products of float32 matrices run on tensor cores in TF32, with 11 bits. So each number is cut in two, a
/// multiple of 2⁻¹⁰ and the rest, which both have room in 11 bits or nearly, and the products of the parts are added
/// up: [a, a, b, b] · [a, b, a, b]. Where products are in float32, that takes nothing away.
pub(super) struct Rows<B: Backend> {
    left: Tensor<B, 2>,
    right: Tensor<B, 2>,
    /// What similarities are to be multiplied by.
    scale: Option<Tensor<B, 2>>,
}

impl<B: Backend> Rows<B> {
    /// Of vectors `[views, d]`.
    pub fn new(vectors: Tensor<B, 2>, objective: &Contrastive) -> Self {
        // Parts are those of numbers from -1 to 1.
        let largest =
            (!objective.normalize).then(|| vectors.clone().abs().max().reshape([1, 1]).clamp_min(TINY.sqrt()));
        let vectors = match &largest {
            Some(largest) => vectors / largest.clone(),
            None => vectors,
        };
        let coarse = (vectors.clone() * 1024.0).round() / 1024.0;
        let fine = vectors - coarse.clone();
        Self {
            left: Tensor::cat(vec![coarse.clone(), coarse.clone(), fine.clone(), fine.clone()], 1),
            right: Tensor::cat(vec![coarse.clone(), fine.clone(), coarse, fine], 1),
            scale: largest.map(|largest| largest.clone() * largest),
        }
    }

    /// `[rows, columns]` of a block.
    pub fn similarities(&self, block: &Block) -> Tensor<B, 2> {
        let (left, right) = (self.left.clone(), self.right.clone());
        let product = left.slice([block.rows.clone()]).matmul(right.slice([block.columns.clone()]).transpose());
        match &self.scale {
            Some(scale) => product * scale.clone(),
            None => product,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::{
        recipe::Loss,
        train::{
            device::{Cpu, Device},
            random::{Purpose, Stream},
        },
    };

    /// Rounded to the 11 bits of TF32.
    fn tf32(x: f32) -> f64 {
        f64::from(f32::from_bits((x.to_bits() + (1 << 12)) & !((1 << 13) - 1)))
    }

    #[test]
    fn products_are_right_even_in_tf32() {
        let (views, dimension) = (20, 64);
        let mut stream = Stream::new(5, Purpose::Shapes, [0, 0], 0);
        let z: Vec<f32> = (0..views * dimension).map(|_| stream.normal()).collect();
        let z = Tensor::<Cpu, 2>::from_data(TensorData::new(z, [views, dimension]), &Device::default());
        let unit = z.clone() / z.powi_scalar(2).sum_dim(1).sqrt();
        let loss = Loss::NtXent { temperature: 0.1 };
        let objective = Contrastive { loss, normalize: true, negatives: Negatives::BothViews };
        let rows = Rows::new(unit.clone(), &objective);
        let values = |tensor: Tensor<Cpu, 2>| tensor.into_data().iter::<f32>().collect::<Vec<_>>();
        let (unit, left, right) = (values(unit), values(rows.left), values(rows.right));
        let (mut worst, mut plain) = (0.0_f64, 0.0_f64);
        for (one, other) in (0..views).flat_map(|one| (0..views).map(move |other| (one, other))) {
            let product = |a: &[f32], b: &[f32], length: usize, rounded: fn(f32) -> f64| -> f64 {
                let rows = a[one * length..][..length].iter().zip(&b[other * length..][..length]);
                rows.map(|(&a, &b)| rounded(a) * rounded(b)).sum()
            };
            let exact = product(&unit, &unit, dimension, f64::from);
            worst = worst.max((product(&left, &right, 4 * dimension, tf32) - exact).abs());
            plain = plain.max((product(&unit, &unit, dimension, tf32) - exact).abs());
        }
        assert!(worst < 3e-7 && plain > 1e-5, "{worst} {plain}");
    }
}
