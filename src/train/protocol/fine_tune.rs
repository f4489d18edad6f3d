//! Fine-tuning: the whole network is trained with a new classifier (paper §6.2, appendix B.5).

use burn::module::{AutodiffModule, Module};

use super::{
    extract::in_batches,
    steps::{self, Course, Outcome},
};
use crate::train::{
    Error,
    augment::plain_batch,
    data::Images,
    device::{Cpu, Device, TrainCpu},
    matrix_values,
    model::{Linear, Mode, ResNet},
    ops::Ops,
    view_tensor,
    watch::Watch,
};

/// An encoder with a classifier on h; the field's name exempts it from layer-wise adaptation, as in the reference code.
#[derive(Module, Debug)]
pub(super) struct Classified<B: Ops> {
    pub encoder: ResNet<B>,
    pub classifier: Linear<B>,
}

impl Classified<Cpu> {
    /// Logits of all images without augmentation, `[n, classes]` row by row.
    pub fn logits(&mut self, images: &Images, watch: &mut dyn Watch) -> Result<Vec<f32>, Error> {
        let plain = |range| plain_batch(images, range);
        let parts = in_batches(images.len(), images.size, plain, watch, |views| {
            matrix_values(self.classifier.forward(self.encoder.forward(views, Mode::Inference)))
        })?;
        Ok(parts.concat())
    }
}

/// Trains `encoder` and a new classifier on `images`. Batch normalization uses and records the statistics of what goes
/// through the encoder at a time.
pub(super) fn train(
    course: &Course<'_>,
    encoder: ResNet<Cpu>,
    dimension: usize,
    images: &Images,
    watch: &mut dyn Watch,
) -> Result<Outcome<Classified<TrainCpu>>, Error> {
    let network = Classified {
        encoder: AutodiffModule::from_inner(encoder),
        classifier: Linear::zeros(dimension, images.classes, &Device::default()),
    };
    let logits = |network: &mut Classified<TrainCpu>, part: steps::Part, _: &mut dyn Watch| {
        let h = network.encoder.forward(view_tensor(part.views, images.size), Mode::Train);
        network.classifier.forward(h)
    };
    steps::train(course, network, logits, watch)
}
