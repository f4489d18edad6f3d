//! Linear evaluation: a softmax classifier on the frozen network's features, by gradient steps (paper appendix B.6).

use burn::{
    module::{AutodiffModule, Module},
    tensor::{Int, Tensor},
};
use rayon::prelude::*;

use super::{
    extract::Frozen,
    steps::{self, Batch},
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

/// Trains the classifier on features of `images`.
pub(super) fn train(
    training: &ClassifierTraining,
    seed: u64,
    network: &mut Frozen,
    images: &Images,
    watch: &mut dyn Watch,
) -> Result<Linear<Cpu>, Error> {
    // Without augmentation an image has the same features in every epoch.
    let fixed = training.augmentation.is_empty().then(|| network.features(images));
    let dimension = match &fixed {
        Some(features) => features.dims()[1],
        None => network.features(&images.select(&[0])).dims()[1],
    };
    let device = Device::default();
    let mut trained = Trained { classifier: Linear::<TrainCpu>::zeros(dimension, images.classes, &device) };
    let mut optimizer = Optimizer::new(steps::rule(training));
    let step = |batch: &Batch<'_>| {
        let features = match &fixed {
            Some(features) => {
                let indices: Vec<i64> = batch.indices.iter().map(|&index| index as i64).collect();
                features.clone().select(0, Tensor::<Cpu, 1, Int>::from_ints(indices.as_slice(), &device))
            }
            None => network.features_of(views(images, batch, &training.augmentation, seed), images.size),
        };
        let labels: Vec<u16> = batch.indices.iter().map(|&index| images.labels[index]).collect();
        let loss = cross_entropy(trained.classifier.forward(Tensor::from_inner(features)), &labels);
        let gradients = gradients(&trained, &loss);
        trained = optimizer.step(batch.learning_rate, trained.clone(), gradients);
        scalar(loss)
    };
    steps::run(training, images.len(), seed, "classifier's", watch, step)?;
    Ok(trained.classifier.valid())
}

/// Augmented views of a batch, `[n, size, size, 3]`.
pub(super) fn views(images: &Images, batch: &Batch<'_>, transforms: &[Transform], seed: u64) -> Vec<f32> {
    let length = images.size * images.size * 3;
    let mut views = vec![0.0; batch.indices.len() * length];
    views.par_chunks_exact_mut(length).zip(batch.indices).for_each(|(view, &index)| {
        let numbers = [batch.epoch as u64, index as u64];
        let mut stream = Stream::new(seed, Purpose::EvaluationAugmentation, numbers, 0);
        augment(images.picture(index), images.size, transforms, &mut stream, view);
    });
    views
}
