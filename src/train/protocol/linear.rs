//! Linear evaluation: a softmax classifier on the frozen network's features, by gradient steps (paper appendix B.6).

use std::time::{Duration, Instant};

use burn::{
    module::{AutodiffModule, Module},
    tensor::Tensor,
};

use super::{
    extract::Frozen,
    steps::{self, Batch, Stepped},
};
use crate::{
    recipe::ClassifierTraining,
    train::{
        Error,
        data::Images,
        device::{Cpu, Device, TrainCpu},
        model::Linear,
        objective::cross_entropy,
        ops::Ops,
        optimizer::{Optimizer, gradients},
        scalar,
        watch::Watch,
    },
};

/// A classifier; the field's name exempts it from layer-wise adaptation, as in the reference code.
#[derive(Module, Debug)]
struct Trained<B: Ops> {
    classifier: Linear<B>,
}

/// Trains the classifier on features of `images`, which are `plain` where they are not augmented.
pub(super) fn train(
    training: &ClassifierTraining,
    seed: u64,
    network: &mut Frozen,
    plain: &Tensor<Cpu, 2>,
    images: &Images,
    watch: &mut dyn Watch,
) -> Result<Linear<Cpu>, Error> {
    let device = Device::default();
    let mut trained = Trained { classifier: Linear::<TrainCpu>::zeros(plain.dims()[1], images.classes, &device) };
    let mut optimizer = Optimizer::new(steps::rule(training));
    let step = |batch: &Batch<'_>| {
        let start = Instant::now();
        let mut waited = Duration::ZERO;
        let features = if training.augmentation.is_empty() {
            batch.rows(plain)
        } else {
            let views = batch.views(images, &training.augmentation, seed);
            waited = start.elapsed();
            network.features_of(views, images.size)
        };
        let logits = trained.classifier.forward(Tensor::from_inner(features));
        let loss = cross_entropy(logits, &batch.labels(&images.labels));
        let gradients = gradients(&trained, &loss);
        trained = optimizer.step(batch.learning_rate, trained.clone(), gradients);
        Stepped { loss: scalar(loss), waited }
    };
    steps::run(training, images.len(), seed, "classifier's", watch, step)?;
    Ok(trained.classifier.valid())
}
