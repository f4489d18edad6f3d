//! AutoAugment's operations on 8 bits, as in `augment::auto`: each of a view's two operations is one of five kinds, all
//! of which are made on all views, with numbers that change nothing where another one is due.

use burn::tensor::{ElementConversion, Int, Tensor, backend::Backend, ops::PadMode};

use super::{
    choices::Families,
    color::channels,
    filter::padded,
    levels::{HALF, equalized, from_levels, stretched_levels, to_levels},
    numbers::{OPERATION, PATH},
    table::{Columns, count},
};

/// Rounds to 8 bits, makes both operations, and goes back to [0, 1]; views without any stay as they are.
pub(super) fn auto_augment<B: Backend>(
    images: Tensor<B, 4>,
    columns: &Columns<'_, B>,
    families: [Families; 2],
    stretch_table: impl Fn() -> Tensor<B, 1, Int>,
) -> Tensor<B, 4> {
    let mut levels = to_levels(images.clone());
    for (slot, families) in families.into_iter().enumerate() {
        let number = |column: usize| columns.number(1 + slot * OPERATION + column);
        if families.path {
            let path = [0, 1].map(|axis| {
                let integer = |column: usize| columns.integer(slot * PATH + 2 * column + axis);
                [integer(0), integer(1), integer(2)]
            });
            levels = moved(levels, path);
        }
        if families.blend {
            levels = blended(levels, number);
        }
        if families.levels {
            let step = number(4);
            levels = (levels / step.clone()).floor() * step;
            let inverted = levels.clone() * -1.0 + 255.0;
            let is_inverted = levels.clone().greater_equal(number(5).expand(levels.dims()));
            levels = levels.mask_where(is_inverted, inverted);
        }
        if families.stretch {
            let stretched = stretched_levels(levels.clone(), stretch_table());
            levels = levels.mask_where(number(6).greater_elem(0.0), stretched);
        }
        if families.equalize {
            let equalized = equalized(levels.clone());
            levels = levels.mask_where(number(7).greater_elem(0.0), equalized);
        }
    }
    images.mask_where(columns.flag(0), from_levels(levels))
}

/// Takes every pixel from where the path says, for x and for y: start, along x and along y, in 16.16 fixed point; black
/// from outside.
fn moved<B: Backend>(levels: Tensor<B, 4>, path: [[Tensor<B, 4, Int>; 3]; 2]) -> Tensor<B, 4> {
    let [rows, size, channels, _] = levels.dims();
    let device = levels.device();
    let (column, row) = (count::<B>(3, size, &device).int(), count::<B>(1, size, &device).int());
    let [x, y] = path.map(|[start, along_x, along_y]| {
        let place = along_x * column.clone() + along_y * row.clone() + start;
        // An arithmetic shift, which rounds down.
        place.bitwise_right_shift_scalar(16.elem())
    });
    let outside =
        |place: &Tensor<B, 4, Int>| place.clone().lower_elem(0).bool_or(place.clone().greater_equal_elem(size as i32));
    let outside = outside(&x).bool_or(outside(&y));
    let (x, y) = (x.mask_fill(outside.clone(), 0), y.mask_fill(outside.clone(), 0));
    let channel = count::<B>(2, channels, &device).int();
    let place = (y * channels as i32 + channel) * size as i32 + x;
    let length = size * channels * size;
    let values = levels.reshape([rows, length]).gather(1, place.reshape([rows, length]));
    let shape = [rows, size, channels, size];
    values.reshape(shape).mask_fill(outside.expand(shape), 0.0)
}

/// Blends with black, with gray, with the mean of gray or with the smoothed image.
fn blended<B: Backend>(levels: Tensor<B, 4>, number: impl Fn(usize) -> Tensor<B, 4>) -> Tensor<B, 4> {
    let [_, size, _, _] = levels.dims();
    let [red, green, blue] = channels(&levels);
    // PIL's weights in sixteenths of bits; every number here is whole and below 2²⁴.
    let gray = ((red * 19_595.0 + green * 38_470.0 + blue * 7_471.0 + 32_768.0) / 65_536.0).floor();
    let pixels = (size * size) as f32;
    let sum = gray.clone().sum_dim(3).sum_dim(1);
    let mean = ((sum + ((pixels / 2.0).floor() + HALF)) / pixels).floor();
    let from = gray * number(1) + mean * number(2) + smoothed(levels.clone()) * number(3);
    let blended = (levels - from.clone()) * number(0) + from;
    blended.clamp(0.0, 255.0).floor()
}

/// The mean of 3 × 3 pixels in which the middle counts five times, rounded; pixels at the edges stay.
fn smoothed<B: Backend>(levels: Tensor<B, 4>) -> Tensor<B, 4> {
    let [_, size, _, _] = levels.dims();
    if size < 3 {
        return levels;
    }
    let inner = levels.clone().narrow(1, 1, size - 2).narrow(3, 1, size - 2);
    let across = |start: usize| levels.clone().narrow(3, start, size - 2);
    let across = across(0) + across(1) + across(2);
    let down = |start: usize| across.clone().narrow(1, start, size - 2);
    let sum = down(0) + down(1) + down(2) + inner * 4.0;
    // A thirteenth, rounded; thirteen being odd, there are no ties.
    let smooth =
        padded(padded(((sum + 6.5) / 13.0).floor(), 1, 1, PadMode::Constant(0.0)), 3, 1, PadMode::Constant(0.0));
    let device = levels.device();
    let edge = |dimension: usize| {
        let place = count::<B>(dimension, size, &device);
        place.clone().lower_elem(0.5).bool_or(place.greater_elem(size as f32 - 1.5))
    };
    let shape = levels.dims();
    let is_edge = edge(1).expand(shape).bool_or(edge(3).expand(shape));
    smooth.mask_where(is_edge, levels)
}
