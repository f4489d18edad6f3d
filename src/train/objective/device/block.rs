//! Blocks of anchors, and their similarities to the views that matter to them.

use std::ops::Range;

use burn::tensor::{Bool, Int, Tensor, backend::Backend};

use crate::{
    recipe::Negatives,
    train::ops::{Arithmetic, untracked_product},
};

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

    /// Dot products of the anchors with the columns, of all views' vectors `[views, d]` in float32: `[rows, columns]`.
    pub fn similarities<B: Arithmetic>(&self, vectors: &Tensor<B, 2>) -> Tensor<B, 2> {
        let [rows, columns] = [&self.rows, &self.columns].map(|range| vectors.clone().slice([range.clone()]));
        untracked_product(rows, columns.transpose())
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
