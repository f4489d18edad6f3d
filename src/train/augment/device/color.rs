//! Color distortion as in `augment::color`, noise and solarization.

use burn::tensor::{Tensor, backend::Backend};

use super::{
    choices::Adjusted,
    numbers::JITTER,
    table::{Columns, count},
};

/// Stands in for a chroma of zero in a divisor; then the result is multiplied by that zero.
const TINY: f32 = 1e-30;

/// Makes the four adjustments of each image in the image's own order: at every place of the order, each kind of
/// adjustment is made on all images, with numbers or a choice that leave alone those which have another kind there.
pub(super) fn jitter<B: Backend>(
    images: Tensor<B, 4>,
    columns: &Columns<'_, B>,
    adjusted: [Adjusted; 4],
) -> Tensor<B, 4> {
    let places = adjusted.into_iter().enumerate();
    places.fold(images, |images, (place, adjusted)| {
        let column = |number| columns.number(place * JITTER + number);
        let mut added = column(1);
        if adjusted.contrast {
            // [rows, 1, 3, 1]
            let mean = images.clone().mean_dim(3).mean_dim(1);
            added = mean * column(2) + added;
        }
        let mut images = (images * column(0) + added).clamp(0.0, 1.0);
        if adjusted.saturation {
            let factor = column(3);
            let none = factor.clone().lower_elem(0.0);
            let changed = saturation(images.clone(), factor);
            images = changed.mask_where(none, images);
        }
        if adjusted.hue {
            let shift = column(4);
            let none = shift.clone().lower_elem(0.0);
            let changed = hue(images.clone(), shift);
            images = changed.mask_where(none, images);
        }
        images
    })
}

/// Moves every channel along the line to V, by S · factor but at most 1.
fn saturation<B: Backend>(images: Tensor<B, 4>, factor: Tensor<B, 4>) -> Tensor<B, 4> {
    let (low, high) = bounds(channels(&images));
    let most = high.clone() / (high.clone() - low).clamp_min(TINY);
    let scale = most.clone().min_pair(factor.expand(most.dims()));
    (high.clone() - (high - images) * scale).clamp(0.0, 1.0)
}

/// Adds to H in HSV, in sixths of a turn.
fn hue<B: Backend>(images: Tensor<B, 4>, shift: Tensor<B, 4>) -> Tensor<B, 4> {
    let [red, green, blue] = channels(&images);
    let (low, high) = bounds([red.clone(), green.clone(), blue.clone()]);
    let chroma = high.clone() - low;
    let (is_red, is_green) = (red.clone().equal(high.clone()), green.clone().equal(high.clone()));
    let divisor = chroma.clone().clamp_min(TINY);
    let sector = |difference: Tensor<B, 4>, offset: f32| difference / divisor.clone() + offset;
    let of_blue = sector(red.clone() - green.clone(), 4.0);
    let of_others = of_blue.mask_where(is_green, sector(blue.clone() - red, 2.0));
    let hue = of_others.mask_where(is_red, sector(green - blue, 0.0)) + shift;
    // value = V - chroma · max(0, min(k, 4 - k, 1)) with k = (place + hue) mod 6 for the places 5, 3, 1.
    let place = count::<B>(2, 3, &images.device()) * -2.0 + 5.0;
    let k = hue + place;
    let k = k.clone() - (k / 6.0).floor() * 6.0;
    let share = k.clone().min_pair(k * -1.0 + 4.0).clamp(0.0, 1.0);
    (high - chroma * share).clamp(0.0, 1.0)
}

/// Replaces every pixel by its luminance.
pub(super) fn grayscale<B: Backend>(images: Tensor<B, 4>, columns: &Columns<'_, B>) -> Tensor<B, 4> {
    let [red, green, blue] = channels(&images);
    let gray = red * 0.2989 + green * 0.587 + blue * 0.114;
    let gray = gray.expand(images.dims());
    images.mask_where(columns.flag(0), gray)
}

/// Adds noise that was drawn on the host.
pub(super) fn noise<B: Backend>(images: Tensor<B, 4>, columns: &Columns<'_, B>) -> Tensor<B, 4> {
    let Some(noise) = columns.noise() else { return images };
    let [rows, size, channels, _] = images.dims();
    let place = columns.number(0);
    let none = place.clone().lower_elem(0.0);
    let noise = noise.select(0, place.clamp_min(0.0).reshape([rows]).int());
    let noise = noise.reshape([rows, channels, size, size]).permute([0, 2, 1, 3]);
    let noisy = (images.clone() + noise).clamp(0.0, 1.0);
    noisy.mask_where(none, images)
}

/// Inverts the values that are not below the threshold.
pub(super) fn solarize<B: Backend>(images: Tensor<B, 4>, columns: &Columns<'_, B>, threshold: f32) -> Tensor<B, 4> {
    let inverted = images.clone() * -1.0 + 1.0;
    let bright = images.clone().greater_equal_elem(threshold);
    let is_inverted = bright.bool_and(columns.flag(0).expand(images.dims()));
    images.mask_where(is_inverted, inverted)
}

/// Red, green and blue, `[rows, height, 1, width]` each.
pub(super) fn channels<B: Backend>(images: &Tensor<B, 4>) -> [Tensor<B, 4>; 3] {
    [0, 1, 2].map(|channel| images.clone().narrow(2, channel, 1))
}

fn bounds<B: Backend>([red, green, blue]: [Tensor<B, 4>; 3]) -> (Tensor<B, 4>, Tensor<B, 4>) {
    let low = red.clone().min_pair(green.clone()).min_pair(blue.clone());
    (low, red.max_pair(green).max_pair(blue))
}
