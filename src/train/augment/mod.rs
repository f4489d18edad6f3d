//! Random views of images: the recipe's transformations, applied in order (paper §3 and appendix A).
//!
//! Every operation is a function with explicit parameters; [`changes`] draws these from the view's random stream, on
//! which alone a view depends, and [`Change::apply`] calls it. Views are `[size, size, 3]` float32 in [0, 1]; on the
//! way there they are [`Planes`]. [`device`] makes the same views of the same draws by tensor operations.

mod auto;
mod blur;
mod color;
mod crop;
pub mod device;
mod draw;
mod geometry;
mod noise;
mod planes;
mod resize;
mod sobel;

use rayon::prelude::*;

use super::{
    data::{Images, Picture},
    random::{Purpose, Stream},
};
use crate::recipe::{Augmentation, Transform};

pub use auto::{Bytes, Kind, Operation, Step, apply, equalize, sub_policies};
pub use blur::{blur, blur_radius};
pub use color::{Adjustment, Jitter, Shift, grayscale, jitter};
pub use crop::{CropBox, random_box};
pub use draw::{Change, changes};
pub use geometry::{Hole, cutout, flip, rotate};
pub use noise::{noise, solarize};
pub use planes::Planes;
pub use resize::{center_view, crop_picture, crop_planes, square};
pub use sobel::sobel;

/// One view of a picture, written to `view` `[size, size, 3]`.
///
/// A leading random crop cuts from the whole picture; otherwise the picture is first made a square of that size.
pub fn augment<'t>(
    picture: Picture<'_>,
    size: usize,
    transforms: impl IntoIterator<Item = &'t Transform>,
    stream: &mut Stream,
    view: &mut [f32],
) {
    let mut changes = changes(transforms, (picture.height, picture.width), size, stream);
    let mut image = match changes.next().flatten() {
        Some(Change::Crop(cut, interpolation)) => crop_picture(picture, cut, interpolation, size),
        first => {
            let mut image = square(picture, size);
            first.iter().for_each(|change| change.apply(&mut image));
            image
        }
    };
    changes.flatten().for_each(|change| change.apply(&mut image));
    image.interleave(view);
}

/// Both views of a batch, `[2n, size, size, 3]`: first the first view of every image, then the second.
pub fn view_pairs(images: &Images, batch: &[usize], augmentation: &Augmentation, seed: u64, epoch: usize) -> Vec<f32> {
    views(images, 2 * batch.len(), |row| {
        let index = batch[row % batch.len()];
        let number = (row / batch.len()) as u32;
        (index, augmentation.of_view(number), view_stream(seed, epoch, index, number))
    })
}

/// The random stream of the first view (0) or the second (1) of an image.
fn view_stream(seed: u64, epoch: usize, index: usize, number: u32) -> Stream {
    Stream::new(seed, Purpose::Augmentation, [epoch as u64, index as u64], number)
}

/// Views made in parallel, `[rows, size, size, 3]`; `of_row` tells for each row the image's index, what is applied to
/// it and the view's random stream.
pub fn views<'t, T: IntoIterator<Item = &'t Transform>>(
    images: &Images,
    rows: usize,
    of_row: impl Fn(usize) -> (usize, T, Stream) + Sync,
) -> Vec<f32> {
    let length = images.size * images.size * 3;
    let mut views = vec![0.0; rows * length];
    views.par_chunks_exact_mut(length).enumerate().for_each(|(row, view)| {
        let (index, transforms, mut stream) = of_row(row);
        augment(images.picture(index), images.size, transforms, &mut stream, view);
    });
    views
}

/// A batch as evaluation sees it, without augmentation, `[n, size, size, 3]`: see [`center_view`].
pub fn plain_batch(images: &Images, batch: std::ops::Range<usize>) -> Vec<f32> {
    let view = |index| center_view(images.picture(index), images.size, images.center_crop);
    batch.into_par_iter().flat_map_iter(view).collect()
}
