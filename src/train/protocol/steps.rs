//! The loop of gradient steps that classifiers and fine-tuning have in common.

use std::time::{Duration, Instant};

use burn::tensor::{Int, Tensor};

use crate::{
    recipe::{ClassifierTraining, Transform},
    train::{
        Error, augment,
        data::Images,
        device::Cpu,
        optimizer::Rule,
        random::{Purpose, Stream},
        schedule::LearningRateCurve,
        watch::{EpochReport, Watch, Wish},
    },
};

/// A batch, and what a step needs to know of its place.
pub(super) struct Batch<'a> {
    /// The images, each with the epoch that it is seen in, counted from 0.
    pub images: &'a [(usize, usize)],
    pub learning_rate: f64,
}

impl Batch<'_> {
    /// The batch's own of all images' classes.
    pub fn labels(&self, all: &[u16]) -> Vec<u16> {
        self.images.iter().map(|&(index, _)| all[index]).collect()
    }

    /// The batch's own of all images' features `[images, dimension]`: `[n, dimension]`.
    pub fn rows(&self, all: &Tensor<Cpu, 2>) -> Tensor<Cpu, 2> {
        let indices: Vec<i64> = self.images.iter().map(|&(index, _)| index as i64).collect();
        all.clone().select(0, Tensor::<Cpu, 1, Int>::from_ints(indices.as_slice(), &all.device()))
    }

    /// Augmented views, `[n, size, size, 3]`.
    pub fn views(&self, images: &Images, transforms: &[Transform], seed: u64) -> Vec<f32> {
        augment::views(images, self.images.len(), |row| {
            let (index, epoch) = self.images[row];
            let numbers = [epoch as u64, index as u64];
            (index, transforms, Stream::new(seed, Purpose::EvaluationAugmentation, numbers, 0))
        })
    }
}

/// What a step tells.
pub(super) struct Stepped {
    /// The loss, in nats.
    pub loss: f64,
    /// How long it took to make the views.
    pub waited: Duration,
}

/// Calls `step`, which returns the loss in nats, for every batch.
///
/// The images pass in one endless order, shuffled anew for each epoch; batches are cut from it regardless of where an
/// epoch ends, as the reference code does, so that no image is dropped and a batch may be larger than the data. The rate
/// falls by a cosine from `learning_rate` × `batch_size` / 256 to zero.
pub(super) fn run(
    training: &ClassifierTraining,
    images: usize,
    seed: u64,
    what: &'static str,
    watch: &mut dyn Watch,
    mut step: impl FnMut(&Batch<'_>) -> Stepped,
) -> Result<(), Error> {
    let total = images * training.epochs / training.batch_size;
    if total == 0 {
        return Err(Error::TooFewImages { images, batch_size: training.batch_size });
    }
    let peak = training.learning_rate * training.batch_size as f64 / 256.0;
    let curve = LearningRateCurve::cosine(peak, total);
    let (mut order, mut shuffled_epochs): (Vec<(usize, usize)>, _) = (Vec::new(), 0);
    let (mut start, mut sum, mut steps_since, mut reported) = (Instant::now(), 0.0, 0_usize, 0);
    let mut waiting = Duration::ZERO;
    for number in 0..total {
        let epoch = number * training.batch_size / images;
        while order.len() < training.batch_size {
            let mut next: Vec<usize> = (0..images).collect();
            Stream::new(seed, Purpose::EvaluationOrder, [shuffled_epochs as u64, 0], 0).shuffle(&mut next);
            order.extend(next.into_iter().map(|image| (image, shuffled_epochs)));
            shuffled_epochs += 1;
        }
        let learning_rate = curve.at(number);
        let Stepped { loss, waited } = step(&Batch { images: &order[..training.batch_size], learning_rate });
        order.drain(..training.batch_size);
        if !loss.is_finite() {
            return Err(Error::NonFinite { what, step: number + 1, epoch: epoch + 1, learning_rate, loss });
        }
        sum += loss;
        waiting += waited;
        steps_since += 1;
        let done = (number + 1) * training.batch_size / images;
        if done > reported || number + 1 == total {
            let report = EpochReport {
                epoch: if number + 1 == total { training.epochs } else { done },
                epochs: training.epochs,
                loss: sum / steps_since as f64,
                contrastive_accuracy: None,
                contrastive_entropy: None,
                online_top1: None,
                learning_rate,
                images_per_second: (steps_since * training.batch_size) as f64 / start.elapsed().as_secs_f64(),
                waiting_percent: 100.0 * waiting.as_secs_f64() / start.elapsed().as_secs_f64(),
            };
            (start, sum, steps_since, reported) = (Instant::now(), 0.0, 0, done);
            waiting = Duration::ZERO;
            if watch.epoch(&report).is_break() {
                return Err(Error::Stopped);
            }
        }
        // Evaluations are short: stopped ones start again, without a checkpoint.
        if watch.wish() == Wish::Stop && number + 1 < total {
            return Err(Error::Stopped);
        }
    }
    Ok(())
}

/// The update rule of a classifier.
pub(super) fn rule(training: &ClassifierTraining) -> Rule {
    Rule { algorithm: training.solver.clone(), momentum: training.momentum, weight_decay: training.weight_decay }
}
