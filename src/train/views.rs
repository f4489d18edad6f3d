//! Views on their way to a network: made by the processor, or on the device of images that lie there.

use burn::tensor::Tensor;

use super::{
    augment::device::{Choices, ResidentImages, obstacle},
    data::Images,
    device::Compute,
    view_tensor,
};

/// Views, or what they are to be made of.
pub(super) enum Pixels {
    /// `[rows, size, size, 3]`.
    Made(Vec<f32>),
    /// Their random numbers: a device makes the views.
    Chosen(Choices),
}

/// What turns [`Pixels`] into tensors.
pub(super) struct ViewMaker<B: Compute> {
    /// Height and width of a view.
    size: usize,
    /// The images, if views are made where they lie.
    resident: Option<ResidentImages<B>>,
}

impl<B: Compute> ViewMaker<B> {
    /// Takes what the processor makes.
    pub fn by_processor(images: &Images) -> Self {
        Self { size: images.size, resident: None }
    }

    /// Makes views on the device, where all images have the same size.
    pub fn on_device(images: &Images, device: &B::Device) -> Self {
        Self { size: images.size, resident: ResidentImages::upload(images, device) }
    }

    /// On a device of its own if the backend has one.
    pub fn new(images: &Images, device: &B::Device) -> Self {
        if B::ON_HOST { Self::by_processor(images) } else { Self::on_device(images, device) }
    }

    /// Whether the views' random numbers are enough, for the device makes the views.
    pub fn makes_views(&self) -> bool {
        self.resident.is_some()
    }

    /// The views `[rows, size, size, 3]`; `None` of numbers that this cannot make any of.
    pub fn views(&self, pixels: Pixels) -> Option<Tensor<B, 4>> {
        match (pixels, &self.resident) {
            (Pixels::Made(pixels), _) => Some(view_tensor(pixels, self.size)),
            (Pixels::Chosen(choices), Some(resident)) => Some(resident.views(&choices)),
            (Pixels::Chosen(_), None) => None,
        }
    }
}

/// What there is to say about where views of these images are made if that should be on a device.
pub(super) fn remark(images: &Images) -> Option<String> {
    obstacle(images).map(|why| format!("views are made by the processor, not on the GPU: {why}"))
}
