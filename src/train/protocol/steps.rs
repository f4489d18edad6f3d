//! The loop of gradient steps that classifiers, probes and fine-tuning have in common.

use std::{
    thread,
    time::{Duration, Instant},
};

use burn::{backend::Autodiff, module::AutodiffModule, tensor::Tensor};
use serde::{Deserialize, Serialize};

use super::targets::Targets;
use crate::{
    recipe::ClassifierTraining,
    train::{
        Error,
        augment::{self, device::Choices},
        checkpoint::Checkpoint,
        data::Images,
        device::Compute,
        model::WeightsError,
        optimizer::{Gradients, Rule, accumulate, gradients},
        prefetch::Prefetch,
        random::{Purpose, Stream},
        scalar,
        schedule::LearningRateCurve,
        trainee::Trainee,
        views::{Pixels, ViewMaker},
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
    /// The views that are made; none if features are known already.
    pub views: Option<ViewsOf<'a>>,
    /// Images whose gradient is computed at a time.
    pub part: usize,
    /// Whether a checkpoint is kept after the last step, since what follows takes long.
    pub kept_at_end: bool,
    /// What it may go on from.
    pub resumption: Resumption<'a>,
}

/// Views of images by the course's augmentation.
#[derive(Clone, Copy)]
pub(super) struct ViewsOf<'a> {
    /// The images.
    pub images: &'a Images,
    /// Whether a device makes the views, so that their random numbers are enough.
    pub on_device: bool,
    /// Views that go through the network at a time.
    pub at_a_time: usize,
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
    /// Augmented views of all images, so many at a time as the course says; none where features are known.
    pub views: Vec<Pixels>,
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

/// The state of training after a step.
struct State<B: Compute, M> {
    trainee: Trainee<B, M>,
    progress: Progress,
}

/// Names in a checkpoint.
const TRAINEE: (&str, &str) = ("module.", "optimizer");

/// Trains `module` by the loss of the `logits` that it gives for a part of a batch, `None` if it cannot; that which takes
/// long tells the watch that it is under way.
///
/// The images pass in one endless order, shuffled anew for each epoch; batches are cut from it regardless of where an
/// epoch ends, as the reference code does, so that no image is dropped and a batch may be larger than the data. The rate
/// falls by a cosine from `learning_rate` × `batch_size` / 256 to zero.
pub(super) fn train<B: Compute, M: AutodiffModule<Autodiff<B>>>(
    course: &Course<'_>,
    module: M,
    mut logits: impl FnMut(&mut M, Part, &mut dyn Watch) -> Option<Tensor<Autodiff<B>, 2>>,
    watch: &mut dyn Watch,
) -> Result<Outcome<M>, Error> {
    let (images, batch_size) = (course.targets.len(), course.training.batch_size);
    let total = images * course.training.epochs / batch_size;
    if total == 0 {
        return Err(Error::TooFewImages { images, batch_size });
    }
    let mut state = State::new(course, module).map_err(Error::Checkpoint)?;
    let Progress { step: first_step, seconds: earlier, .. } = state.progress;
    tell_again(watch, &state.progress.reports)?;
    let curve = LearningRateCurve::cosine(course.training.learning_rate * batch_size as f64 / 256.0, total);
    let begin = Instant::now();
    thread::scope(|scope| {
        let mut parts = Prefetch::start(scope, course.parts(first_step..total));
        let (mut start, mut steps_here) = (begin, 0);
        while state.progress.step < total {
            let (epoch, rate) = (state.progress.step * batch_size / images, curve.at(state.progress.step));
            state.step(course, &mut parts, &mut logits, rate, watch)?;
            steps_here += 1;
            let (done, last) = (state.progress.step * batch_size / images, state.progress.step == total);
            if done > epoch || last {
                let number = if last { course.training.epochs } else { done };
                let (seconds, waited) = (start.elapsed().as_secs_f64(), parts.take_waited().as_secs_f64());
                let report = EpochReport {
                    learning_rate: rate,
                    images_per_second: (steps_here * batch_size) as f64 / seconds,
                    waiting_percent: 100.0 * waited / seconds,
                    ..state.progress.close(number, course.training.epochs)
                };
                (start, steps_here) = (Instant::now(), 0);
                let answer = watch.epoch(&report);
                state.progress.reports.push(report);
                if answer.is_break() {
                    return Err(Error::Stopped);
                }
            }
            let wish = watch.wish();
            // What follows the last step may take long and be stopped, too.
            if wish != Wish::GoOn || last && course.kept_at_end {
                state.progress.seconds = earlier + begin.elapsed().as_secs_f64();
                let checkpoint = state.save(course.resumption.data);
                let checkpoint = checkpoint.map_err(|error| error.after(state.progress.step, rate))?;
                let kept = watch.checkpoint(&checkpoint);
                if kept.is_break() || wish == Wish::Stop && !last {
                    return Err(Error::Stopped);
                }
            }
        }
        Ok(())
    })?;
    let resumed = (first_step > 0).then(|| (first_step, Duration::from_secs_f64(earlier)));
    Ok(Outcome { module: state.trainee.module, images: total * batch_size, resumed })
}

impl<B: Compute, M: AutodiffModule<Autodiff<B>>> State<B, M> {
    /// At the beginning of the course, or where its checkpoint left off.
    fn new(course: &Course<'_>, module: M) -> Result<Self, WeightsError> {
        let ClassifierTraining { solver, momentum, weight_decay, .. } = course.training;
        let rule = Rule { algorithm: solver.clone(), momentum: *momentum, weight_decay: *weight_decay };
        let trainee = Trainee::new(module, rule);
        let Some(bytes) = course.resumption.checkpoint else {
            return Ok(Self { trainee, progress: Progress::default() });
        };
        let checkpoint = Checkpoint::open(bytes, course.resumption.data)?;
        let progress: Progress = checkpoint.progress()?;
        Ok(Self { trainee: trainee.restore(&checkpoint, TRAINEE, progress.step)?, progress })
    }

    /// The state as bytes, from which [`State::new`] goes on bit for bit.
    fn save(&self, data: &str) -> Result<Vec<u8>, Error> {
        Ok(self.trainee.save_finite(TRAINEE)?.encode(data, &self.progress)?)
    }

    /// A gradient step on the next batch.
    fn step(
        &mut self,
        course: &Course<'_>,
        parts: &mut Prefetch<Part>,
        logits: &mut impl FnMut(&mut M, Part, &mut dyn Watch) -> Option<Tensor<Autodiff<B>, 2>>,
        learning_rate: f64,
        watch: &mut dyn Watch,
    ) -> Result<(), Error> {
        let batch_size = course.training.batch_size;
        let (mut losses, mut sum) = (Vec::new(), Gradients::new());
        for _ in 0..batch_size.div_ceil(course.part) {
            let part = parts.next().ok_or(Error::Bug { what: "a step has no images" })?;
            let indices: Vec<usize> = part.images.iter().map(|&(index, _)| index).collect();
            let share = indices.len() as f64 / batch_size as f64;
            let logits =
                logits(&mut self.trainee.module, part, watch).ok_or(Error::Bug { what: "a step has no views" })?;
            let of_part = course.targets.loss(logits, indices.into_iter()) * share;
            accumulate(&mut sum, gradients(&self.trainee.module, &of_part));
            losses.push(of_part.inner());
            watch.alive();
        }
        self.trainee.step(learning_rate, sum)?;
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
    pub fn parts(&self, steps: std::ops::Range<usize>) -> impl Iterator<Item = Part> + Send + '_ {
        let (images, batch_size) = (self.targets.len(), self.training.batch_size);
        let mut order = Order { images, seed: self.seed, epoch: 0, shuffled: Vec::new() };
        steps.flat_map(move |step| {
            let batch: Vec<_> = (step * batch_size..(step + 1) * batch_size).map(|place| order.at(place)).collect();
            let parts: Vec<_> = batch.chunks(self.part).map(<[_]>::to_vec).collect();
            parts.into_iter().map(|part| {
                let views = self.views.map(|of| part.chunks(of.at_a_time).map(|part| self.views(of, part)).collect());
                Part { views: views.unwrap_or_default(), images: part }
            })
        })
    }

    /// Views of images, each made for the epoch that it is seen in.
    fn views(&self, of: ViewsOf<'_>, part: &[(usize, usize)]) -> Pixels {
        let transforms = &self.training.augmentation;
        let row = |row: usize| {
            let (index, epoch) = part[row];
            (index, Stream::new(self.seed, Purpose::EvaluationAugmentation, [epoch as u64, index as u64], 0))
        };
        if of.on_device {
            return Pixels::Chosen(Choices::of_views(of.images, part.len(), row, transforms));
        }
        Pixels::Made(augment::views(of.images, part.len(), |number| {
            let (index, stream) = row(number);
            (index, transforms, stream)
        }))
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

impl Part {
    /// All views of the part; `None` if there are none, or numbers that `maker` cannot make any of.
    pub fn all_views<B: Compute>(self, maker: &ViewMaker<B>) -> Option<Tensor<B, 4>> {
        let views: Vec<_> = self.views.into_iter().map(|pixels| maker.views(pixels)).collect::<Option<_>>()?;
        (!views.is_empty()).then(|| Tensor::cat(views, 0))
    }

    /// The part's own of all images' features `[images, dimension]`: `[n, dimension]`.
    pub fn rows<B: Compute>(&self, all: &Tensor<B, 2>) -> Tensor<B, 2> {
        let indices: Vec<i64> = self.images.iter().map(|&(index, _)| index as i64).collect();
        all.clone().select(0, Tensor::<B, 1, burn::tensor::Int>::from_ints(indices.as_slice(), &all.device()))
    }
}

#[cfg(test)]
mod tests;
