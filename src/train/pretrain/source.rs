//! Where views and losses are computed: by the processor, or on the device that trains.
//!
//! A GPU would wait for views that the processor makes, and for projections that go to the processor and come back as
//! gradients. So its images lie in its own memory, views are made there of the numbers that the processor draws, and the
//! objective is computed there, too. Both ways draw the same numbers; the results agree up to rounding.

use burn::tensor::{Tensor, TensorData};

use super::loader::Views;
use crate::{
    recipe::Contrastive,
    train::{
        data::Images,
        device::Compute,
        matrix_values,
        objective::{contrastive, contrastive_on_device},
        views::{self, ViewMaker},
    },
};

/// What makes views and measures projections.
pub(super) struct Source<B: Compute> {
    maker: ViewMaker<B>,
    /// Whether the objective is computed on the device.
    on_device: bool,
}

/// A contrastive objective on one batch.
pub(super) struct Contrast<B: Compute> {
    /// Loss in nats, accuracy in percent, entropy in nats.
    measured: Numbers<B>,
    /// Gradient with respect to the projections, `[2n, d]`.
    pub gradient: Tensor<B, 2>,
}

/// Three numbers here or, until somebody looks, on the device.
enum Numbers<B: Compute> {
    Here([f64; 3]),
    There(Tensor<B, 1>),
}

impl<B: Compute> Contrast<B> {
    /// Loss, accuracy and entropy; waits for the device, so it comes when all else is under way.
    pub fn measured(self) -> [f64; 3] {
        match self.measured {
            Numbers::Here(numbers) => numbers,
            Numbers::There(numbers) => {
                let mut all = numbers.into_data().iter::<f64>().collect::<Vec<_>>().into_iter();
                std::array::from_fn(|_| all.next().unwrap_or(f64::NAN))
            }
        }
    }
}

impl<B: Compute> Source<B> {
    /// The source for a backend: on a device of its own if it has one.
    pub fn new(images: &Images, device: &B::Device) -> Self {
        if B::ON_HOST { Self::by_processor(images) } else { Self::on_device(images, device) }
    }

    /// Views and losses by the processor.
    pub fn by_processor(images: &Images) -> Self {
        Self { maker: ViewMaker::by_processor(images), on_device: false }
    }

    /// Losses on the device, and views where all images have the same size.
    pub fn on_device(images: &Images, device: &B::Device) -> Self {
        Self { maker: ViewMaker::on_device(images, device), on_device: true }
    }

    /// Whether the views' random numbers are enough, for the device makes the views.
    pub fn makes_views(&self) -> bool {
        self.maker.makes_views()
    }

    /// What there is to say about where views are made.
    pub fn remark(&self, images: &Images) -> Option<String> {
        views::remark(images).filter(|_| self.on_device)
    }

    /// The views `[rows, size, size, 3]` and the class of each image.
    pub fn views(&self, views: Views) -> Option<(Tensor<B, 4>, Vec<u16>)> {
        Some((self.maker.views(views.pixels)?, views.labels))
    }

    /// The objective of projections `[2n, d]`.
    pub fn contrast(&self, objective: &Contrastive, z: Tensor<B, 2>) -> Contrast<B> {
        if self.on_device {
            let batch = contrastive_on_device(objective, z);
            return Contrast { measured: Numbers::There(batch.measured), gradient: batch.gradient };
        }
        let (shape, device) = (z.dims(), z.device());
        let batch = contrastive(objective, &matrix_values(z), shape[1]);
        Contrast {
            measured: Numbers::Here([batch.loss, batch.accuracy, batch.entropy]),
            gradient: Tensor::from_data(TensorData::new(batch.gradient, shape), &device),
        }
    }
}
