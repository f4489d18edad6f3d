//! Linear evaluation: a softmax classifier on the frozen network's features, by gradient steps (paper appendix B.6).

use std::time::{Duration, Instant};

use burn::{
    module::{AutodiffModule, Module},
    tensor::{Int, Tensor},
};
use rayon::prelude::*;

use super::{
    extract::Frozen,
    steps::{self, Batch, Stepped},
};
use crate::{
    recipe::{ClassifierTraining, Transform},
    train::{
        Error,
        augment::augment,
        data::Images,
        device::{Cpu, Device, TrainCpu},
        model::Linear,
        objective::cross_entropy,
        ops::Ops,
        optimizer::{Optimizer, gradients},
        random::{Purpose, Stream},
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
            let indices: Vec<i64> = batch.images.iter().map(|&(index, _)| index as i64).collect();
            plain.clone().select(0, Tensor::<Cpu, 1, Int>::from_ints(indices.as_slice(), &device))
        } else {
            let views = views(images, batch, &training.augmentation, seed);
            waited = start.elapsed();
            network.features_of(views, images.size)
        };
        let labels: Vec<u16> = batch.images.iter().map(|&(index, _)| images.labels[index]).collect();
        let loss = cross_entropy(trained.classifier.forward(Tensor::from_inner(features)), &labels);
        let gradients = gradients(&trained, &loss);
        trained = optimizer.step(batch.learning_rate, trained.clone(), gradients);
        Stepped { loss: scalar(loss), waited }
    };
    steps::run(training, images.len(), seed, "classifier's", watch, step)?;
    Ok(trained.classifier.valid())
}

/// Augmented views of a batch, `[n, size, size, 3]`.
pub(super) fn views(images: &Images, batch: &Batch<'_>, transforms: &[Transform], seed: u64) -> Vec<f32> {
    let length = images.size * images.size * 3;
    let mut views = vec![0.0; batch.images.len() * length];
    views.par_chunks_exact_mut(length).zip(batch.images).for_each(|(view, &(index, epoch))| {
        let numbers = [epoch as u64, index as u64];
        let mut stream = Stream::new(seed, Purpose::EvaluationAugmentation, numbers, 0);
        augment(images.picture(index), images.size, transforms, &mut stream, view);
    });
    views
}
