//! Views made by batched tensor operations, on whatever device burn has a backend for, from images that lie there.
//!
//! [`Choices`] are drawn on the host by the code that the CPU's views come from; they and nothing else cross the bus.
//! [`ResidentImages::views`] then makes the views that [`augment`](super::augment) would, up to rounding. On the way
//! they are `[rows, height, 3, width]`: within a row of pixels one channel after the other, so that both passes of
//! every separable operation run over neighbors in memory or over whole rows, without a copy in between.
//!
//! Resizing takes four gathered taps per direction instead of products with small matrices: CubeCL computes float32
//! products on tensor cores in TF32, which would cost three digits.

mod auto;
mod choices;
mod color;
mod crop;
mod filter;
mod geometry;
mod layout;
mod levels;
mod numbers;
mod table;

use std::sync::OnceLock;

use burn::tensor::{DType, FloatDType, Int, Tensor, TensorData, backend::Backend};

use crate::train::data::Images;
use choices::{Step, What};
use table::Table;

pub use choices::Choices;

/// Images on a device, 8 bits per value.
#[derive(Clone, Debug)]
pub struct ResidentImages<B: Backend> {
    /// `[images, height · 3 · width]`.
    pixels: Tensor<B, 2, Int>,
    height: usize,
    width: usize,
    /// See [`levels::stretch_table`]; made when first needed.
    stretch: OnceLock<Tensor<B, 1, Int>>,
}

/// Why views of these images cannot be made on a device; `None` if they can.
///
/// It is never for a transformation: all that a recipe can say runs there.
pub fn obstacle(images: &Images) -> Option<&'static str> {
    let extent = |index| {
        let picture = images.picture(index);
        (picture.height, picture.width)
    };
    match images.len() {
        0 => Some("there are no images"),
        count if (1..count).any(|index| extent(index) != extent(0)) => Some("images have different sizes"),
        _ => None,
    }
}

impl<B: Backend> ResidentImages<B> {
    /// Sends all images to the device, where they take as many bytes as [`ResidentImages::bytes`] says; `None` if there
    /// is an [`obstacle`].
    pub fn upload(images: &Images, device: &B::Device) -> Option<Self> {
        if obstacle(images).is_some() {
            return None;
        }
        let (height, width) = (images.picture(0).height, images.picture(0).width);
        let mut bytes: Vec<u8> = Vec::with_capacity(Self::bytes(images));
        for index in 0..images.len() {
            for row in images.picture(index).pixels.chunks_exact(3 * width) {
                for channel in 0..3 {
                    bytes.extend(row[channel..].iter().step_by(3));
                }
            }
        }
        let data = TensorData::new(bytes, [images.len(), height * 3 * width]);
        let pixels = Tensor::from_data(data, (device, DType::U8));
        Some(Self { pixels, height, width, stretch: OnceLock::new() })
    }

    /// How much memory the images take.
    pub fn bytes(images: &Images) -> usize {
        if images.is_empty() { 0 } else { images.len() * images.picture(0).pixels.len() }
    }

    /// The views, `[rows, size, size, 3]` float32 in [0, 1]; the images are those that the choices were drawn for.
    ///
    /// Every operation works on all views at once, with a few intermediate results of their size.
    pub fn views(&self, choices: &Choices) -> Tensor<B, 4> {
        let table = Table::new(choices, &self.pixels.device());
        let pixels = self.pixels.clone().select(0, table.images()).cast(FloatDType::F32);
        let mut views = pixels.div_scalar(255.0).reshape([choices.rows, self.height, 3, self.width]);
        for step in &choices.shared {
            views = self.apply(step, views, &table);
        }
        if choices.own.iter().any(|steps| !steps.is_empty()) {
            let half = choices.rows / 2;
            let halves = [0, half].into_iter().zip(&choices.own).map(|(start, steps)| {
                let half = views.clone().narrow(0, start, half);
                steps.iter().fold(half, |views, step| self.apply(step, views, &table))
            });
            views = Tensor::cat(halves.collect(), 0);
        }
        views.permute([0, 1, 3, 2])
    }

    fn stretch_table(&self) -> Tensor<B, 1, Int> {
        self.stretch.get_or_init(|| levels::stretch_table(&self.pixels.device())).clone()
    }

    fn apply(&self, step: &Step, views: Tensor<B, 4>, table: &Table<B>) -> Tensor<B, 4> {
        let columns = table.columns(step, views.dims()[0]);
        match step.what {
            What::Crop(interpolation) => crop::crop(views, &columns, interpolation, table.size),
            What::Flip => geometry::flip(views, &columns),
            What::Jitter(adjusted) => color::jitter(views, &columns, adjusted),
            What::Grayscale => color::grayscale(views, &columns),
            What::Blur { radius } => filter::blur(views, &columns, radius),
            What::Cutout => geometry::cutout(views, &columns),
            What::Rotate => geometry::rotate(views, &columns),
            What::Sobel => filter::sobel(views, &columns),
            What::Noise => color::noise(views, &columns),
            What::Equalize => levels::equalize(views, &columns),
            What::Solarize { threshold } => color::solarize(views, &columns, threshold),
            What::AutoAugment(families) => auto::auto_augment(views, &columns, families, || self.stretch_table()),
        }
    }
}
