//! The second pass: derivatives of the mean loss with respect to the similarities.

use burn::tensor::{FloatDType, Tensor, backend::Backend};

use super::{
    block::{Block, numbers},
    look::{HIGHEST, IS_MINED, MINED, POSITIVE, SUM, VIOLATIONS, column},
};
use crate::recipe::{Loss, Mining};

/// Replaces similarities `[anchors, columns]` by the derivatives of the mean loss, both with the row and with the
/// column as the anchor; `known` is what is known of all views.
pub(super) fn slopes<B: Backend>(
    loss: Loss,
    block: &Block,
    similarities: Tensor<B, 2>,
    known: &Tensor<B, 2>,
) -> Tensor<B, 2> {
    let masks = block.masks::<B>(&similarities.device());
    let shape = similarities.dims();
    let of_rows = |number: usize| column(known, number).slice([block.rows.clone()]);
    let of_columns = |number: usize| column(known, number).slice([block.columns.clone()]).transpose();
    let mean = 1.0 / (2.0 * block.pairs as f64);
    // How often a negative is the one that counts: for its anchor in the row, and for that in the column.
    let is_mined = || {
        let device = similarities.device();
        let columns = numbers::<B>(&block.columns, &device).cast(FloatDType::F32).reshape([1, shape[1]]);
        let rows = numbers::<B>(&block.rows, &device).cast(FloatDType::F32).reshape([shape[0], 1]);
        let equal = |mined: Tensor<B, 2>, number: Tensor<B, 2>| {
            mined.expand(shape).equal(number.expand(shape)).cast(FloatDType::F32)
        };
        equal(of_rows(MINED), columns) + equal(of_columns(MINED), rows)
    };
    let of_others = |negative: Tensor<B, 2>, positive: Tensor<B, 2>| {
        negative.mask_where(masks.partner.clone(), positive).mask_fill(masks.itself.clone(), 0.0)
    };
    match loss {
        Loss::NtXent { temperature } => {
            // Probabilities from differences to the highest, which are right even where exponents are large.
            let probability =
                |highest: Tensor<B, 2>, sum: Tensor<B, 2>| ((similarities.clone() - highest) / temperature).exp() / sum;
            let both = probability(of_rows(HIGHEST), of_rows(SUM)) + probability(of_columns(HIGHEST), of_columns(SUM));
            of_others(both.clone(), both - 2.0) * (mean / temperature)
        }
        Loss::NtLogistic { temperature, mining } => {
            let scaled = similarities.clone() / temperature;
            let positive = sigmoid(scaled.clone() * -1.0) * -2.0;
            let negative = match mining {
                Mining::All => sigmoid(scaled) * (2.0 / block.negatives()),
                Mining::SemiHard => sigmoid(scaled) * is_mined(),
            };
            of_others(negative, positive) * (mean / temperature)
        }
        Loss::MarginTriplet { margin, mining: Mining::All } => {
            let within = |positive: Tensor<B, 2>| {
                (similarities.clone() - positive + margin).greater_elem(0.0).cast(FloatDType::F32)
            };
            let negative = within(of_rows(POSITIVE)) + within(of_columns(POSITIVE));
            let positive = (of_rows(VIOLATIONS) + of_columns(VIOLATIONS)) * -1.0;
            of_others(negative, positive) * (mean / block.negatives())
        }
        Loss::MarginTriplet { mining: Mining::SemiHard, .. } => {
            let positive = (of_rows(IS_MINED) + of_columns(IS_MINED)) * -1.0;
            of_others(is_mined(), positive) * mean
        }
    }
}

/// 1 / (1 + e⁻ˣ) without overflow.
fn sigmoid<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    let exponential = (x.clone().abs() * -1.0).exp();
    x.clamp_max(0.0).exp() / (exponential + 1.0)
}
