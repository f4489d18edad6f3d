//! The loop of gradient steps that classifiers, probes and fine-tuning have in common.

use std::{
    thread,
    time::{Duration, Instant},
};

use burn::{backend::Autodiff, module::AutodiffModule, tensor::Tensor};
use serde::{Deserialize, Serialize};

use super::targets::Targets;
use crate::{
    recipe::{ClassifierTraining, Transform},
    train::{
        Error, augment,
        checkpoint::{Checkpoint, Parts},
        data::Images,
        device::Compute,
        model::WeightsError,
        optimizer::{Gradients, Optimizer, Rule, accumulate, gradients},
        prefetch::Prefetch,
        random::{Purpose, Stream},
        scalar,
        schedule::LearningRateCurve,
        watch::{EpochReport, Watch, Wish, tell_again},
    },
};

/// How a module is trained to tell the classes of images.
pub(super) struct Course<'a> {
    /// Solver and schedule.
    pub training: &'a ClassifierTraining,
    /// Seed of the order of images and of their views.
    pub seed: u64,
    /// What is trained, as messages say it.
    pub what: &'static str,
    /// What is to be learned of each image.
    pub targets: Targets<'a>,
    /// The images of which views are made; none if features are known already.
    pub views_of: Option<&'a Images>,
    /// Images whose gradient is computed at a time.
    pub part: usize,
    /// Whether a checkpoint is kept after the last step, since what follows takes long.
    pub kept_at_end: bool,
    /// What it may go on from.
    pub resumption: Resumption<'a>,
}

/// What training may go on from.
#[derive(Clone, Copy)]
pub(super) struct Resumption<'a> {
    /// Bytes that [`Watch::checkpoint`] took.
    pub checkpoint: Option<&'a [u8]>,
    /// Identifies the images and the encoder.
    pub data: &'a str,
}

/// Images whose gradient is computed together: a batch, or a part of one.
pub(super) struct Part {
    /// The images, each with the epoch that it is seen in, counted from 0.
    pub images: Vec<(usize, usize)>,
    /// Augmented views, `[n, size, size, 3]`; empty where features are known.
    pub views: Vec<f32>,
}

/// A trained module, and how it came about.
pub(super) struct Outcome<M> {
    pub module: M,
    /// Images that went into steps.
    pub images: usize,
    /// Steps before the checkpoint that training went on from, and the time they took.
    pub resumed: Option<(usize, Duration)>,
}

/// How far training is.
#[derive(Default, Serialize, Deserialize)]
struct Progress {
    /// Steps done.
    step: usize,
    /// Sum of the losses since the last report.
    sum: f64,
    /// Steps since the last report.
    steps_since: usize,
    /// What was reported.
    reports: Vec<EpochReport>,
    /// Time spent so far, in seconds.
    seconds: f64,
}

/// A module in training.
struct Trainee<B: Compute, M> {
    module: M,
    optimizer: Optimizer<B>,
    progress: Progress,
}

const MODULE: &str = "module.";
const OPTIMIZER: &str = "optimizer";

/// Trains `module` by the loss of the `logits` that it gives for a part of a batch; that which takes long tells the
/// watch that it is under way.
///
/// The images pass in one endless order, shuffled anew for each epoch; batches are cut from it regardless of where an
/// epoch ends, as the reference code does, so that no image is dropped and a batch may be larger than the data. The rate
/// falls by a cosine from `learning_rate` × `batch_size` / 256 to zero.
pub(super) fn train<B: Compute, M: AutodiffModule<Autodiff<B>>>(
    course: &Course<'_>,
    module: M,
    mut logits: impl FnMut(&mut M, Part, &mut dyn Watch) -> Tensor<Autodiff<B>, 2>,
    watch: &mut dyn Watch,
) -> Result<Outcome<M>, Error> {
    let (images, batch_size) = (course.targets.len(), course.training.batch_size);
    let total = images * course.training.epochs / batch_size;
    if total == 0 {
        return Err(Error::TooFewImages { images, batch_size });
    }
    let mut trainee = Trainee::new(course, module).map_err(Error::Checkpoint)?;
    let Progress { step: first_step, seconds: earlier, .. } = trainee.progress;
    tell_again(watch, &trainee.progress.reports)?;
    let curve = LearningRateCurve::cosine(course.training.learning_rate * batch_size as f64 / 256.0, total);
    let begin = Instant::now();
    thread::scope(|scope| {
        let mut parts = Prefetch::start(scope, course.parts(first_step..total));
        let (mut start, mut steps_here) = (begin, 0);
        while trainee.progress.step < total {
            let (epoch, rate) = (trainee.progress.step * batch_size / images, curve.at(trainee.progress.step));
            trainee.step(course, &mut parts, &mut logits, rate, watch)?;
            steps_here += 1;
            let (done, last) = (trainee.progress.step * batch_size / images, trainee.progress.step == total);
            if done > epoch || last {
                let number = if last { course.training.epochs } else { done };
                let (seconds, waited) = (start.elapsed().as_secs_f64(), parts.take_waited().as_secs_f64());
                let report = EpochReport {
                    learning_rate: rate,
                    images_per_second: (steps_here * batch_size) as f64 / seconds,
                    waiting_percent: 100.0 * waited / seconds,
                    ..trainee.progress.close(number, course.training.epochs)
                };
                (start, steps_here) = (Instant::now(), 0);
                let answer = watch.epoch(&report);
                trainee.progress.reports.push(report);
                if answer.is_break() {
                    return Err(Error::Stopped);
                }
            }
            let wish = watch.wish();
            // What follows the last step may take long and be stopped, too.
            if wish != Wish::GoOn || last && course.kept_at_end {
                trainee.progress.seconds = earlier + begin.elapsed().as_secs_f64();
                let checkpoint = trainee.save(course.resumption.data);
                let checkpoint = checkpoint.map_err(|error| error.after(trainee.progress.step, rate))?;
                let kept = watch.checkpoint(&checkpoint);
                if kept.is_break() || wish == Wish::Stop && !last {
                    return Err(Error::Stopped);
                }
            }
        }
        Ok(())
    })?;
    let resumed = (first_step > 0).then(|| (first_step, Duration::from_secs_f64(earlier)));
    Ok(Outcome { module: trainee.module, images: total * batch_size, resumed })
}

impl<B: Compute, M: AutodiffModule<Autodiff<B>>> Trainee<B, M> {
    /// At the beginning of the course, or where its checkpoint left off.
    fn new(course: &Course<'_>, module: M) -> Result<Self, WeightsError> {
        let ClassifierTraining { solver, momentum, weight_decay, .. } = course.training;
        let rule = Rule { algorithm: solver.clone(), momentum: *momentum, weight_decay: *weight_decay };
        let optimizer = Optimizer::new(rule);
        let Some(bytes) = course.resumption.checkpoint else {
            return Ok(Self { module, optimizer, progress: Progress::default() });
        };
        let checkpoint = Checkpoint::open(bytes, course.resumption.data)?;
        let progress: Progress = checkpoint.progress()?;
        Ok(Self {
            module: checkpoint.module(MODULE, module)?,
            optimizer: checkpoint.optimizer(OPTIMIZER, optimizer, progress.step)?,
            progress,
        })
    }

    /// The state as bytes, from which [`Trainee::new`] goes on bit for bit.
    fn save(&self, data: &str) -> Result<Vec<u8>, Error> {
        let module = Parts::default().module(MODULE, &self.module).finite()?;
        Ok(module.optimizer(OPTIMIZER, &self.optimizer).encode(data, &self.progress)?)
    }

    /// A gradient step on the next batch.
    fn step(
        &mut self,
        course: &Course<'_>,
        parts: &mut Prefetch<Part>,
        logits: &mut impl FnMut(&mut M, Part, &mut dyn Watch) -> Tensor<Autodiff<B>, 2>,
        learning_rate: f64,
        watch: &mut dyn Watch,
    ) -> Result<(), Error> {
        let batch_size = course.training.batch_size;
        let (mut losses, mut sum) = (Vec::new(), Gradients::new());
        for _ in 0..batch_size.div_ceil(course.part) {
            let part = parts.next().ok_or(Error::Bug { what: "a step has no images" })?;
            let indices: Vec<usize> = part.images.iter().map(|&(index, _)| index).collect();
            let share = indices.len() as f64 / batch_size as f64;
            let of_part = course.targets.loss(logits(&mut self.module, part, watch), indices.into_iter()) * share;
            accumulate(&mut sum, gradients(&self.module, &of_part));
            losses.push(of_part.inner());
            watch.alive();
        }
        self.module = self.optimizer.step(learning_rate, self.module.clone(), sum);
        // A look at a number waits for the device, so it comes when all is under way.
        let loss: f64 = losses.into_iter().map(scalar).sum();
        if !loss.is_finite() {
            let (what, step) = (course.what, self.progress.step + 1);
            let epoch = self.progress.step * batch_size / course.targets.len() + 1;
            return Err(Error::NonFinite { what, step, epoch, learning_rate, loss });
        }
        self.progress.step += 1;
        self.progress.sum += loss;
        self.progress.steps_since += 1;
        Ok(())
    }
}

impl Progress {
    /// What there is to report of the steps since the last time.
    fn close(&mut self, epoch: usize, epochs: usize) -> EpochReport {
        let loss = self.sum / self.steps_since as f64;
        (self.sum, self.steps_since) = (0.0, 0);
        EpochReport { epoch, epochs, loss, ..EpochReport::default() }
    }
}

impl<M> Outcome<M> {
    /// How it came about.
    pub fn without_module(self) -> Outcome<()> {
        Outcome { module: (), images: self.images, resumed: self.resumed }
    }
}

impl Course<'_> {
    /// The parts of the batches of some steps, in order.
    fn parts(&self, steps: std::ops::Range<usize>) -> impl Iterator<Item = Part> + Send + '_ {
        let (images, batch_size) = (self.targets.len(), self.training.batch_size);
        let mut order = Order { images, seed: self.seed, epoch: 0, shuffled: Vec::new() };
        steps.flat_map(move |step| {
            let batch: Vec<_> = (step * batch_size..(step + 1) * batch_size).map(|place| order.at(place)).collect();
            let parts: Vec<_> = batch.chunks(self.part).map(<[_]>::to_vec).collect();
            parts.into_iter().map(|part| {
                let views = self.views_of.map(|all| views(all, &part, &self.training.augmentation, self.seed));
                Part { images: part, views: views.unwrap_or_default() }
            })
        })
    }
}

/// The endless order of images.
struct Order {
    images: usize,
    seed: u64,
    /// The epoch that was shuffled last.
    epoch: usize,
    shuffled: Vec<usize>,
}

impl Order {
    /// The image at a place, and the epoch that this belongs to.
    fn at(&mut self, place: usize) -> (usize, usize) {
        let epoch = place / self.images;
        if self.shuffled.is_empty() || self.epoch != epoch {
            self.epoch = epoch;
            self.shuffled = (0..self.images).collect();
            Stream::new(self.seed, Purpose::EvaluationOrder, [epoch as u64, 0], 0).shuffle(&mut self.shuffled);
        }
        (self.shuffled[place % self.images], epoch)
    }
}

/// Views of images, each made for the epoch that it is seen in.
fn views(all: &Images, images: &[(usize, usize)], transforms: &[Transform], seed: u64) -> Vec<f32> {
    augment::views(all, images.len(), |row| {
        let (index, epoch) = images[row];
        let numbers = [epoch as u64, index as u64];
        (index, transforms, Stream::new(seed, Purpose::EvaluationAugmentation, numbers, 0))
    })
}

impl Part {
    /// The part's own of all images' features `[images, dimension]`: `[n, dimension]`.
    pub fn rows<B: Compute>(&self, all: &Tensor<B, 2>) -> Tensor<B, 2> {
        let indices: Vec<i64> = self.images.iter().map(|&(index, _)| index as i64).collect();
        all.clone().select(0, Tensor::<B, 1, burn::tensor::Int>::from_ints(indices.as_slice(), &all.device()))
    }
}
