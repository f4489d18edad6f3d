//! Fine-tuning: the whole network is trained with a new classifier (paper §6.2, appendix B.5).

use std::time::Instant;

use burn::{
    module::{AutodiffModule, Module},
    tensor::{Tensor, TensorData},
};

use super::{
    extract::BATCH,
    steps::{self, Batch, Stepped},
};
use crate::{
    recipe::ClassifierTraining,
    train::{
        Error,
        augment::plain_batch,
        data::Images,
        device::{Cpu, Device, TrainCpu},
        model::{Linear, Mode, ResNet},
        objective::cross_entropy,
        ops::Ops,
        optimizer::{Optimizer, gradients},
        scalar,
        watch::Watch,
    },
};

/// An encoder with a classifier on h; the field's name exempts it from layer-wise adaptation, as in the reference code.
#[derive(Module, Debug)]
pub(super) struct Classified<B: Ops> {
    pub encoder: ResNet<B>,
    pub classifier: Linear<B>,
}

impl Classified<Cpu> {
    /// Logits of all images without augmentation, `[n, classes]` row by row.
    pub fn logits(&mut self, images: &Images) -> Vec<f32> {
        let starts = (0..images.len()).step_by(BATCH);
        starts
            .flat_map(|start| {
                let end = (start + BATCH).min(images.len());
                let shape = [end - start, images.size, images.size, 3];
                let batch = TensorData::new(plain_batch(images, start..end), shape);
                let h = self.encoder.forward(Tensor::from_data(batch, &Device::default()), Mode::Inference);
                self.classifier.forward(h).into_data().iter::<f32>().collect::<Vec<_>>()
            })
            .collect()
    }
}

/// Trains `encoder` and a new classifier on `images`. Batch normalization uses and records the batches' statistics.
pub(super) fn train(
    training: &ClassifierTraining,
    seed: u64,
    encoder: ResNet<Cpu>,
    dimension: usize,
    images: &Images,
    watch: &mut dyn Watch,
) -> Result<Classified<Cpu>, Error> {
    let device = Device::default();
    let mut network = Classified::<TrainCpu> {
        encoder: AutodiffModule::from_inner(encoder),
        classifier: Linear::zeros(dimension, images.classes, &device),
    };
    let mut optimizer = Optimizer::new(steps::rule(training));
    let step = |batch: &Batch<'_>| {
        let start = Instant::now();
        let pixels = batch.views(images, &training.augmentation, seed);
        let waited = start.elapsed();
        let shape = [batch.images.len(), images.size, images.size, 3];
        let h = network.encoder.forward(Tensor::from_data(TensorData::new(pixels, shape), &device), Mode::Train);
        let loss = cross_entropy(network.classifier.forward(h), &batch.labels(&images.labels));
        let gradients = gradients(&network, &loss);
        network = optimizer.step(batch.learning_rate, network.clone(), gradients);
        Stepped { loss: scalar(loss), waited }
    };
    steps::run(training, images.len(), seed, "fine-tuning", watch, step)?;
    Ok(network.valid())
}
