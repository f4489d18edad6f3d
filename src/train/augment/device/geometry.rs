//! Mirroring, quarter turns and holes, as in `augment::geometry`.

use burn::tensor::{Bool, Tensor, backend::Backend};

use super::table::{Columns, count};

/// Mirrors left and right.
pub(super) fn flip<B: Backend>(images: Tensor<B, 4>, columns: &Columns<'_, B>) -> Tensor<B, 4> {
    let mirrored = images.clone().flip([3]);
    images.mask_where(columns.flag(0), mirrored)
}

/// Turns counterclockwise: one quarter is a transposition, then top and bottom exchanged; two exchange both pairs of
/// sides; three are a transposition, then left and right exchanged.
pub(super) fn rotate<B: Backend>(images: Tensor<B, 4>, columns: &Columns<'_, B>) -> Tensor<B, 4> {
    let quarters = columns.number(0);
    let is = |number: f32| quarters.clone().equal_elem(number);
    let either = |one: Tensor<B, 4, Bool>, other| one.bool_or(other);
    let transposed = images.clone().swap_dims(1, 3);
    let images = images.mask_where(either(is(1.0), is(3.0)), transposed);
    let upside_down = images.clone().flip([1]);
    let images = images.mask_where(either(is(1.0), is(2.0)), upside_down);
    let mirrored = images.clone().flip([3]);
    images.mask_where(either(is(2.0), is(3.0)), mirrored)
}

/// Blackens the part of a square that lies in the image.
pub(super) fn cutout<B: Backend>(images: Tensor<B, 4>, columns: &Columns<'_, B>) -> Tensor<B, 4> {
    let [rows, size, channels, _] = images.dims();
    let device = columns.device();
    let side = columns.number(2);
    // Whether a row or column is outside of the hole.
    let outside = |first: Tensor<B, 4>, dimension: usize| {
        let mut shape = [rows, 1, 1, 1];
        shape[dimension] = size;
        let place = count::<B>(dimension, size, &device).expand(shape);
        let end = first.clone() + side.clone();
        place.clone().lower(first.expand(shape)).bool_or(place.greater_equal(end.expand(shape)))
    };
    let shape = [rows, size, channels, size];
    let (above_or_below, beside) = (outside(columns.number(0), 1), outside(columns.number(1), 3));
    let hole = above_or_below.expand(shape).bool_or(beside.expand(shape)).bool_not();
    images.mask_fill(hole, 0.0)
}
