//! Blur and edges, as in `augment::blur` and `augment::sobel`: sums of shifted images.

use burn::tensor::{Tensor, backend::Backend, ops::PadMode};

use super::table::Columns;

/// The dimensions along which images are filtered: across, then down.
const DIRECTIONS: [usize; 2] = [3, 1];

/// Convolves with each image's kernel, with zeros around; a kernel of one in the middle changes nothing.
pub(super) fn blur<B: Backend>(images: Tensor<B, 4>, columns: &Columns<'_, B>, radius: usize) -> Tensor<B, 4> {
    let size = images.dims()[1];
    // Further away than the image is wide, there is nothing.
    let reach = radius.min(size - 1);
    let blurred = DIRECTIONS.into_iter().fold(images, |images, dimension| {
        let padded = padded(images, dimension, reach, PadMode::Constant(0.0));
        let shifted = |start: usize| padded.clone().narrow(dimension, start, size);
        (1..=reach).fold(shifted(reach) * columns.number(0), |sum, distance| {
            sum + (shifted(reach - distance) + shifted(reach + distance)) * columns.number(distance)
        })
    });
    blurred.clamp(0.0, 1.0)
}

/// Replaces every value by a quarter of the length of its channel's gradient, clipped to 1.
pub(super) fn sobel<B: Backend>(images: Tensor<B, 4>, columns: &Columns<'_, B>) -> Tensor<B, 4> {
    let size = images.dims()[1];
    if size < 2 {
        return images.mask_fill(columns.flag(0), 0.0);
    }
    let filtered = |images: Tensor<B, 4>, dimension: usize, smooth: bool| {
        let padded = padded(images, dimension, 1, PadMode::Reflect);
        let [before, middle, after] = [0, 1, 2].map(|start| padded.clone().narrow(dimension, start, size));
        if smooth { before + middle * 2.0 + after } else { after - before }
    };
    let across = filtered(filtered(images.clone(), 1, true), 3, false);
    let down = filtered(filtered(images.clone(), 1, false), 3, true);
    let length = (across.powi_scalar(2) + down.powi_scalar(2)).sqrt() * 0.25;
    images.mask_where(columns.flag(0), length.clamp(0.0, 1.0))
}

/// With as many pixels more at both ends of a dimension.
pub(super) fn padded<B: Backend>(images: Tensor<B, 4>, dimension: usize, pixels: usize, mode: PadMode) -> Tensor<B, 4> {
    let mut padding = [(0, 0); 4];
    padding[dimension] = (pixels, pixels);
    images.pad(padding, mode)
}
