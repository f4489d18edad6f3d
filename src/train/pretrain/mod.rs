//! Pretraining (paper Algorithm 1, or supervised): job and images in, encoder and metrics out.

mod loader;
mod network;
mod source;
mod state;
mod step;

use std::{
    thread,
    time::{Duration, Instant},
};

use burn::{backend::Autodiff, module::AutodiffModule, tensor::Tensor};

use self::{
    loader::{Views, micro_batches},
    network::Network,
    source::Source,
    state::{Guesses, Probe, Progress, State},
    step::{Measured, contrast, supervise},
};
#[cfg(feature = "cuda")]
use super::device;
use super::{
    Error,
    data::Images,
    device::{Compute, Cpu, Device, Processor},
    kind_of_device,
    model::{Linear, Mode, ResNet, WeightsError, are_finite, encode, load_weights},
    objective::cross_entropy,
    optimizer::{Rule, gradients},
    prefetch::Prefetch,
    schedule::LearningRateCurve,
    trainee::Trainee,
    watch::{EpochReport, Watch, Wish, tell_again, went_on},
};
use crate::recipe::{Algorithm, Metric, Metrics, PretrainJob, Trained, Training};

/// The result of pretraining.
pub struct Pretrained {
    /// The encoder, with the head or classifier that was trained with it, as a safetensors file.
    pub file: Vec<u8>,
    /// Means over the last epoch; empty for an untrained encoder.
    pub metrics: Metrics,
    /// Source images seen.
    pub images: usize,
    /// Time spent before the checkpoint that training went on from.
    pub earlier: Duration,
    /// What there is to say about how it went, one sentence each.
    pub remarks: Vec<String>,
}

/// Runs the job on `images`, which are the job's training images; `checkpoint` is one that [`Watch::checkpoint`] took
/// of the same job, to go on from there.
pub fn pretrain(
    processor: Processor,
    job: &PretrainJob,
    images: &Images,
    checkpoint: Option<&[u8]>,
    watch: &mut dyn Watch,
) -> Result<Pretrained, Error> {
    match processor {
        Processor::Cpu => pretrain_on::<Cpu>(job, images, checkpoint, watch),
        #[cfg(feature = "cuda")]
        Processor::Cuda => device::guarded(|| pretrain_on::<device::Gpu>(job, images, checkpoint, watch)),
    }
}

fn pretrain_on<B: Compute>(
    job: &PretrainJob,
    images: &Images,
    checkpoint: Option<&[u8]>,
    watch: &mut dyn Watch,
) -> Result<Pretrained, Error> {
    let device = B::Device::default();
    let Training::Trained(trained) = &job.training else {
        return Err(Error::Bug { what: "a job that trains nothing was to be trained" });
    };
    let batch_size = trained.schedule.batch_size;
    if images.len() < batch_size {
        return Err(Error::TooFewImages { images: images.len(), batch_size });
    }
    let fresh = initial::<B>(job, trained, images, &device);
    let mut state = match checkpoint {
        Some(bytes) => fresh.restore(bytes).map_err(Error::Checkpoint)?,
        None => fresh,
    };
    let (first_step, earlier) = (state.progress.step, Duration::from_secs_f64(state.progress.seconds));
    tell_again(watch, &state.progress.reports)?;
    let source = Source::new(images, &device);
    thread::scope(|scope| {
        let views = micro_batches(images, trained, job.seed, first_step, source.makes_views());
        train(&mut state, trained, images, &source, &mut Prefetch::start(scope, views), watch)
    })?;
    let weights = network::named(&state.network.module.valid());
    if !are_finite(&weights) {
        return Err(Error::NonFiniteResult { what: "a weight" });
    }
    Ok(Pretrained {
        file: encode(&weights)?,
        metrics: state.progress.reports.last().map(metrics).unwrap_or_default(),
        images: state.progress.step * trained.schedule.batch_size,
        earlier,
        remarks: (first_step > 0).then(|| went_on(first_step)).into_iter().chain(source.remark(images)).collect(),
    })
}

/// The file of an encoder that is not trained at all.
pub fn initialize(job: &PretrainJob) -> Result<Vec<u8>, Error> {
    let device = Device::default();
    let encoder = ResNet::<Cpu>::new(&job.encoder, job.seed, &device);
    Ok(encode(&network::named(&Network::bare(encoder, &device)))?)
}

/// Takes over weights that were pretrained elsewhere: a safetensors file with torchvision's names, of which only the
/// encoder's are read.
pub fn take_over(job: &PretrainJob, file: &[u8]) -> Result<Pretrained, Error> {
    let device = Device::default();
    let encoder = load_weights(ResNet::<Cpu>::new(&job.encoder, job.seed, &device), "", file)?;
    let weights = network::named(&Network::bare(encoder, &device));
    if !are_finite(&weights) {
        return Err(Error::Weights(WeightsError::new("a weight is infinite or not a number".to_owned())));
    }
    let remark = "images go into the encoder with values in [0, 1], without subtracting a mean; if its weights expect \
                  otherwise, as torchvision's do, set encoder.input_normalization";
    let remarks = if job.encoder.input_normalization.is_none() { vec![remark.to_owned()] } else { vec![] };
    Ok(Pretrained { file: encode(&weights)?, metrics: Metrics::new(), images: 0, earlier: Duration::ZERO, remarks })
}

fn initial<B: Compute>(job: &PretrainJob, trained: &Trained, images: &Images, device: &B::Device) -> State<B> {
    let classes = images.classes;
    let probe = trained.online_probe.as_ref().map(|probe| {
        let classifier = Linear::zeros(job.encoder.dimension(), classes, device);
        let algorithm = Algorithm::Sgd { nesterov: false };
        let rule = Rule { algorithm, momentum: probe.momentum, weight_decay: 0.0 };
        Trainee::new(Probe { classifier }, rule)
    });
    State {
        network: Trainee::new(Network::new(job, trained, classes, device), Rule::from(&trained.optimizer)),
        probe,
        progress: Progress::default(),
        guesses: None,
        data: format!("{} {:?}{}", images.fingerprint(), trained.schedule.micro_batch, kind_of_device::<B>()),
    }
}

/// Runs the steps that remain.
fn train<B: Compute>(
    state: &mut State<B>,
    trained: &Trained,
    images: &Images,
    source: &Source<B>,
    views: &mut Prefetch<Views>,
    watch: &mut dyn Watch,
) -> Result<(), Error> {
    let schedule = &trained.schedule;
    let curve = LearningRateCurve::new(schedule, trained.optimizer.learning_rate, images.len());
    let steps = images.len() / schedule.batch_size;
    let (begin, earlier) = (Instant::now(), state.progress.seconds);
    let (mut start, mut steps_since) = (begin, 0_usize);
    while state.progress.step < steps * schedule.epochs {
        let learning_rate = curve.at(state.progress.step);
        one_step(state, trained, source, views, learning_rate, watch)?;
        state.progress.step += 1;
        steps_since += 1;
        if state.progress.step.is_multiple_of(steps) {
            state.settle();
            let seconds = start.elapsed().as_secs_f64();
            let report = report(
                &state.progress,
                trained,
                learning_rate,
                (steps_since * schedule.batch_size) as f64 / seconds,
                100.0 * views.take_waited().as_secs_f64() / seconds,
            );
            (start, steps_since) = (Instant::now(), 0);
            let answer = watch.epoch(&report);
            state.progress.reports.push(report);
            state.progress.sums = [0.0; 4];
            if answer.is_break() {
                return Err(Error::Stopped);
            }
        }
        let (wish, last) = (watch.wish(), state.progress.step == steps * schedule.epochs);
        // After the last step, ending is faster than stopping.
        if wish == Wish::Checkpoint || wish == Wish::Stop && !last {
            state.progress.seconds = earlier + begin.elapsed().as_secs_f64();
            let checkpoint = state.save().map_err(|error| error.after(state.progress.step, learning_rate))?;
            let kept = watch.checkpoint(&checkpoint);
            if kept.is_break() || wish == Wish::Stop {
                return Err(Error::Stopped);
            }
        }
    }
    Ok(())
}

fn one_step<B: Compute>(
    state: &mut State<B>,
    trained: &Trained,
    source: &Source<B>,
    views: &mut Prefetch<Views>,
    rate: f64,
    watch: &mut dyn Watch,
) -> Result<(), Error> {
    let schedule = &trained.schedule;
    let batch = (schedule.batch_size, schedule.micro_batch.unwrap_or(schedule.batch_size));
    let measured = match trained.objective.contrastive() {
        Some(objective) => contrast(&mut state.network.module, &objective, views, batch, source, Mode::Train, watch),
        None => supervise(&mut state.network.module, views, schedule.batch_size, source, watch),
    };
    let Some(Measured { loss, contrastive, top1, features, labels, gradients }) = measured else {
        return Err(Error::Bug { what: "a step has no views or no objective" });
    };
    if !loss.is_finite() {
        let step = state.progress.step + 1;
        let epoch = state.progress.reports.len() + 1;
        return Err(Error::NonFinite { what: "pretraining", step, epoch, learning_rate: rate, loss });
    }
    if let Some(probe) = &mut state.probe {
        let share = rate / trained.optimizer.learning_rate.peak(schedule.batch_size);
        let peak = trained.online_probe.as_ref().map_or(0.0, |probe| probe.learning_rate);
        let rate = share * peak * schedule.batch_size as f64 / 256.0;
        let guesses = probe_step(probe, features, labels, rate)?;
        state.settle();
        state.guesses = Some(guesses);
    }
    state.network.step(rate, gradients)?;
    let (accuracy, entropy) = contrastive.unwrap_or_default();
    for (sum, value) in state.progress.sums.iter_mut().zip([loss, accuracy, entropy, top1.unwrap_or_default()]) {
        *sum += value;
    }
    Ok(())
}

/// One step of the online probe; returns what it said of the views before.
fn probe_step<B: Compute>(
    probe: &mut Trainee<B, Probe<Autodiff<B>>>,
    features: Tensor<B, 2>,
    labels: Vec<u16>,
    rate: f64,
) -> Result<Guesses<B>, Error> {
    let rows = features.dims()[0];
    // Both views of an image have its label.
    let labels: Vec<u16> = labels.iter().cycle().take(rows).copied().collect();
    let logits = probe.module.classifier.forward(Tensor::from_inner(features));
    let said = logits.clone().inner();
    let gradients = gradients(&probe.module, &cross_entropy(logits, &labels));
    probe.step(rate, gradients)?;
    Ok(Guesses { logits: said, labels })
}

fn report(
    progress: &Progress,
    trained: &Trained,
    learning_rate: f64,
    images_per_second: f64,
    waiting_percent: f64,
) -> EpochReport {
    let schedule = &trained.schedule;
    let epoch = progress.reports.len() + 1;
    let steps = progress.step / epoch;
    let [loss, accuracy, entropy, top1] = progress.sums.map(|sum| sum / steps as f64);
    let contrastive = trained.objective.contrastive().is_some();
    EpochReport {
        epoch,
        epochs: schedule.epochs,
        loss,
        contrastive_accuracy: contrastive.then_some(accuracy),
        contrastive_entropy: contrastive.then_some(entropy),
        online_top1: (!contrastive || trained.online_probe.is_some()).then_some(top1),
        learning_rate,
        images_per_second,
        waiting_percent,
    }
}

/// The metrics that a pretraining job reports: those of its last epoch.
fn metrics(report: &EpochReport) -> Metrics {
    let optional = [
        (Metric::ContrastiveAccuracy, report.contrastive_accuracy),
        (Metric::ContrastiveEntropy, report.contrastive_entropy),
        (Metric::OnlineTop1, report.online_top1),
    ];
    let optional = optional.into_iter().filter_map(|(metric, value)| Some((metric, value?)));
    optional.chain([(Metric::Loss, report.loss)]).collect()
}
