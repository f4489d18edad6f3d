//! The random choices of a batch of views, as the numbers that a device needs to make them.
//!
//! Each view draws from its own stream, by the code that the CPU's views come from; what it drew is then laid out
//! transformation by transformation. A step's numbers stand in columns, one number per view; views on which a
//! transformation does not act have numbers that change nothing, or a flag.

use rayon::prelude::*;

use super::{
    super::{changes, view_stream},
    layout,
};
use crate::{
    recipe::{Augmentation, Interpolation, Transform},
    train::{data::Images, random::Stream},
};

/// What is to be done to some views, and where its numbers begin.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub what: What,
    /// First of the floats.
    pub floats: usize,
    /// First of the integers.
    pub integers: usize,
}

/// One transformation of many views, with the meaning of its columns.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// Top, left, height and width of the rectangle, zero, and whether left and right are exchanged.
    Crop(Interpolation),
    /// A flag.
    Flip,
    /// For each place in the order, those of [`numbers::jitter`](super::numbers::jitter) and what stands there in any
    /// view.
    Jitter([Adjusted; 4]),
    /// A flag.
    Grayscale,
    /// Weights of the pixels at distances 0 to the radius.
    Blur {
        /// In pixels.
        radius: usize,
    },
    /// Top, left and side of the hole.
    Cutout,
    /// Number of quarter turns.
    Rotate,
    /// A flag.
    Sobel,
    /// Row in the noise, or a negative number.
    Noise,
    /// A flag.
    Equalize,
    /// A flag.
    Solarize {
        /// Values from here upwards are inverted.
        threshold: f32,
    },
    /// A flag; then, for each of the two operations, those of [`numbers::operation`](super::numbers::operation) and, as
    /// integers, of [`numbers::path`](super::numbers::path).
    AutoAugment([Families; 2]),
}

/// What happens at a place of the jitters' order in any view.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Adjusted {
    pub contrast: bool,
    pub saturation: bool,
    pub hue: bool,
}

/// Which kinds of AutoAugment's operations happen in any view.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Families {
    /// Pixels move.
    pub path: bool,
    /// Blends with another image.
    pub blend: bool,
    /// Posterizes, solarizes or inverts.
    pub levels: bool,
    pub stretch: bool,
    pub equalize: bool,
}

/// All that a device has to be told to make a batch of views: some hundred bytes a view, unless there is noise, which
/// is drawn on the host.
#[derive(Clone, Debug)]
pub struct Choices {
    /// Height and width of the views.
    pub(super) size: usize,
    /// Number of views.
    pub(super) rows: usize,
    /// Steps for all views, one after the other.
    pub(super) shared: Vec<Step>,
    /// Further steps for the first half of the views and for the second.
    pub(super) own: [Vec<Step>; 2],
    pub(super) floats: Vec<f32>,
    /// First the image of each view.
    pub(super) integers: Vec<i32>,
    /// `[noisy views, 3, size, size]`.
    pub(super) noise: Vec<f32>,
}

impl Choices {
    /// Those of both views of each image in `batch`, first the first view of every image, then the second: the views of
    /// [`view_pairs`](crate::train::augment::view_pairs).
    pub fn of_pairs(images: &Images, batch: &[usize], augmentation: &Augmentation, seed: u64, epoch: usize) -> Self {
        let row = |row: usize| {
            let (index, number) = (batch[row % batch.len()], (row / batch.len()) as u32);
            (index, augmentation.of_view(number), view_stream(seed, epoch, index, number))
        };
        let own = [&augmentation.first[..], &augmentation.second[..]];
        Self::drawn(images, 2 * batch.len(), row, (&augmentation.both, own))
    }

    /// Those of the first view alone of each image in `batch`.
    pub fn of_first_views(
        images: &Images,
        batch: &[usize],
        augmentation: &Augmentation,
        seed: u64,
        epoch: usize,
    ) -> Self {
        let all: Vec<Transform> = augmentation.of_view(0).cloned().collect();
        let row = |row: usize| (batch[row], view_stream(seed, epoch, batch[row], 0));
        Self::of_views(images, batch.len(), row, &all)
    }

    /// Those of views that all are made by the same transformations; `of_row` tells for each row the image's index and the
    /// view's random stream, as for [`views`](crate::train::augment::views).
    pub fn of_views(
        images: &Images,
        rows: usize,
        of_row: impl Fn(usize) -> (usize, Stream) + Sync,
        transforms: &[Transform],
    ) -> Self {
        let row = |row: usize| {
            let (index, stream) = of_row(row);
            (index, transforms, stream)
        };
        Self::drawn(images, rows, row, (transforms, [&[], &[]]))
    }

    /// How much goes to the device.
    pub fn bytes(&self) -> usize {
        4 * (self.floats.len() + self.integers.len() + self.noise.len())
    }

    /// Draws every view and lays the draws out; `of_row` tells its image, what is applied to it and its random stream,
    /// `shared` and `own` are the lists that make up those of the views.
    fn drawn<'t, T: IntoIterator<Item = &'t Transform>>(
        images: &Images,
        rows: usize,
        of_row: impl Fn(usize) -> (usize, T, Stream) + Sync,
        (shared, own): (&[Transform], [&[Transform]; 2]),
    ) -> Self {
        let draw = |row| {
            let (index, transforms, mut stream) = of_row(row);
            let picture = images.picture(index);
            changes(transforms, (picture.height, picture.width), images.size, &mut stream).collect()
        };
        let drawn: Vec<_> = (0..rows).into_par_iter().map(draw).collect();
        let mut choices = Self {
            size: images.size,
            rows,
            shared: Vec::new(),
            own: [Vec::new(), Vec::new()],
            floats: Vec::new(),
            integers: (0..rows).map(|row| of_row(row).0 as i32).collect(),
            noise: Vec::new(),
        };
        if rows > 0 {
            let picture = images.picture(of_row(0).0);
            layout::lay_out(&mut choices, &drawn, (picture.height, picture.width), shared, own);
        }
        choices
    }
}
