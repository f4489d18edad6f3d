//! Cutting out and resizing, as `augment::resize` does it.

use burn::tensor::{Tensor, backend::Backend};

use super::{
    super::resize::TABLE,
    table::{Columns, count},
};
use crate::recipe::Interpolation;

/// Source pixels that make one target pixel in each direction.
const TAPS: usize = 4;

/// Cuts a rectangle out of each image `[rows, height, 3, width]` and resizes it: `[rows, size, 3, size]`.
pub(super) fn crop<B: Backend>(
    images: Tensor<B, 4>,
    columns: &Columns<'_, B>,
    interpolation: Interpolation,
    size: usize,
) -> Tensor<B, 4> {
    let [rows, height, channels, width] = images.dims();
    let (places, weights) = taps(columns, rows, interpolation, size);
    // [direction, tap, row, target]; the first direction is down, the second across.
    let tap = |direction: usize, tap: usize, shape: [usize; 3]| {
        let at = [direction..direction + 1, tap..tap + 1];
        (places.clone().slice(at.clone()).reshape(shape).int(), weights.clone().slice(at).reshape(shape))
    };
    let across = images.reshape([rows, height * channels, width]);
    let across = sum(|number| {
        let (place, weight) = tap(1, number, [rows, 1, size]);
        across.clone().gather(2, place.expand([rows, height * channels, size])) * weight
    });
    let down = across.reshape([rows, height, channels * size]);
    let resized = sum(|number| {
        let (place, weight) = tap(0, number, [rows, size, 1]);
        down.clone().gather(1, place.expand([rows, size, channels * size])) * weight
    });
    let resized = resized.reshape([rows, size, channels, size]);
    match interpolation {
        Interpolation::Bilinear => resized,
        // Cubic interpolation overshoots at edges.
        Interpolation::Bicubic | Interpolation::BicubicTf1 => resized.clamp(0.0, 1.0),
    }
}

/// Places and weights of the taps, `[2, TAPS, rows, size]`.
fn taps<B: Backend>(
    columns: &Columns<'_, B>,
    rows: usize,
    interpolation: Interpolation,
    size: usize,
) -> (Tensor<B, 4>, Tensor<B, 4>) {
    let device = columns.device();
    let pair = |first: usize| columns.numbers(first, 2).reshape([2, 1, rows, 1]);
    let (begin, length, mirrored) = (pair(0), pair(2), pair(4));
    let target = count::<B>(3, size, &device);
    let target = mirrored * (target.clone() * -2.0 + (size as f64 - 1.0)) + target;
    if interpolation == Interpolation::BicubicTf1 {
        return tf1_taps(target, begin, length, size);
    }
    // The center of target t lies at (t + 1/2) · length / size − 1/2. Its numerator over 2 · size is a whole number that
    // float32 holds exactly, so that nothing is rounded before the last division.
    let numerator = (target * 2.0 + 1.0) * length.clone() - size as f64;
    let divisor = 2.0 * size as f64;
    let floor = (numerator.clone() / divisor).floor();
    let fraction = (numerator - floor.clone() * divisor) / divisor;
    let offset = count::<B>(1, TAPS, &device) - 1.0;
    let distance = (fraction - offset.clone()).abs();
    let place = floor + offset;
    let below = place.clone().lower_elem(0.0);
    let outside = below.bool_or(place.clone().greater_equal(length.expand(place.dims())));
    let weight = match interpolation {
        Interpolation::Bilinear => (distance * -1.0 + 1.0).clamp_min(0.0),
        _ => keys(distance),
    };
    let weight = weight.mask_fill(outside.clone(), 0.0);
    let sum = weight.clone().sum_dim(1);
    (place.mask_fill(outside, 0.0) + begin, weight / sum)
}

/// As `augment::resize` has them for `BicubicTf1`, by the same float32 operations.
fn tf1_taps<B: Backend>(
    target: Tensor<B, 4>,
    begin: Tensor<B, 4>,
    length: Tensor<B, 4>,
    size: usize,
) -> (Tensor<B, 4>, Tensor<B, 4>) {
    let center = target * (length.clone() / size as f64);
    let floor = center.clone().floor();
    let fraction = ((center - floor.clone()) * TABLE).round() / TABLE;
    let rest = fraction.clone() * -1.0 + 1.0;
    let near = |x: Tensor<B, 4>| (x.clone() * 1.25 - 2.25) * x.clone() * x + 1.0;
    let far = |x: Tensor<B, 4>| ((x.clone() * -0.75 + 3.75) * x.clone() - 6.0) * x + 3.0;
    let weights = [far(fraction.clone() + 1.0), near(fraction), near(rest.clone()), far(rest + 1.0)];
    let place = floor + (count::<B>(1, TAPS, &begin.device()) - 1.0);
    let last = (length - 1.0).expand(place.dims());
    (place.clamp_min(0.0).min_pair(last) + begin, Tensor::cat(weights.to_vec(), 1))
}

/// Keys' kernel with a = -0.5 at distances from 0 to 2, with its zero at 1 as a factor, for accuracy near it.
fn keys<B: Backend>(distance: Tensor<B, 4>) -> Tensor<B, 4> {
    let near = distance.clone() * (distance.clone() * -1.5 + 1.0) + 1.0;
    let far = (distance.clone() * -1.0 + 2.0).powi_scalar(2) * 0.5;
    let is_far = distance.clone().greater_elem(1.0);
    near.mask_where(is_far, far) * (distance * -1.0 + 1.0)
}

/// The sum of the taps, in their order.
fn sum<B: Backend, const D: usize>(tap: impl FnMut(usize) -> Tensor<B, D>) -> Tensor<B, D> {
    let [first, second, third, fourth] = std::array::from_fn::<_, TAPS, _>(tap);
    first + second + third + fourth
}
