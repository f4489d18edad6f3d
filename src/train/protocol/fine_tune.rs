//! Fine-tuning: the whole network is trained with a new classifier (paper §6.2, appendix B.5).

use burn::{
    backend::Autodiff,
    module::{AutodiffModule, Module},
    tensor::Tensor,
};

use super::{
    extract::in_batches,
    steps::{self, Course, Outcome},
};
use crate::train::{
    Error,
    augment::plain_batch,
    data::Images,
    device::Compute,
    matrix_values,
    model::{Linear, Mode, ResNet},
    ops::Ops,
    views::ViewMaker,
    watch::Watch,
};

/// An encoder with a classifier on h; the field's name exempts it from layer-wise adaptation, as in the reference code.
#[derive(Module, Debug)]
pub(super) struct Classified<B: Ops> {
    pub encoder: ResNet<B>,
    pub classifier: Linear<B>,
}

impl<B: Compute> Classified<B> {
    /// Logits of all images without augmentation, `[n, classes]` row by row.
    pub fn logits(&mut self, images: &Images, watch: &mut dyn Watch) -> Result<Vec<f32>, Error> {
        let plain = |range| plain_batch(images, range);
        let parts = in_batches(images.len(), images.size, plain, watch, |views| {
            matrix_values(self.classifier.forward(self.encoder.forward(views, Mode::Inference)))
        })?;
        Ok(parts.concat())
    }
}

/// Trains `encoder` and a new classifier on the course's views. Batch normalization uses and records the statistics of what goes
/// through the encoder at a time.
pub(super) fn train<B: Compute>(
    course: &Course<'_>,
    encoder: ResNet<B>,
    (dimension, classes): (usize, usize),
    maker: &ViewMaker<B>,
    watch: &mut dyn Watch,
) -> Result<Outcome<Classified<Autodiff<B>>>, Error> {
    let network = Classified {
        encoder: AutodiffModule::from_inner(encoder),
        classifier: Linear::zeros(dimension, classes, &B::Device::default()),
    };
    let logits = |network: &mut Classified<Autodiff<B>>, part: steps::Part, _: &mut dyn Watch| {
        let h = network.encoder.forward(Tensor::from_inner(part.all_views(maker)?), Mode::Train);
        Some(network.classifier.forward(h))
    };
    steps::train(course, network, logits, watch)
}
