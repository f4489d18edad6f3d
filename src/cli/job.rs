//! `job`: one job in a process of its own; the only place where training and the store meet.

use std::{
    fs::{self, File},
    io::{self, Write},
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use signal_hook::consts::SIGTERM;

use super::{CliError, args::JobArgs, error::chain, machine, tell};
use crate::{
    plan::Job,
    recipe::{JobSpec, LinearEvaluationJob, Metrics, PretrainJob},
    schedule::{Epoch, Failure, FailureClass, JobMessage},
    store::{Record, Store},
    train::{
        self, EpochReport,
        data::{self, Images, Split},
        device,
        model::{ResNet, load_weights, save_weights},
    },
};

/// Shortest time between two messages about epochs.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(200);

/// How the metrics of pretraining are obtained.
const PRETRAINING_PROTOCOL: &str = "means over the batches of the last epoch, augmented training images";

/// Runs the job and tells how it went on standard output, one JSON message a line.
pub fn run(args: &JobArgs) -> Result<(), CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, Arc::clone(&stop))
        .map_err(|error| CliError::failed(format!("cannot handle signals: {error}")))?;
    match work(args, &stop) {
        Ok(()) => {
            send(&JobMessage::Done {}).map_err(|error| CliError::failed(format!("nobody listens: {error}")))?;
            Ok(())
        }
        Err(JobError::Stopped) if stop.load(Ordering::Relaxed) => {
            tell("stopped on request");
            // End by the signal itself, so that whoever sees the process end knows why.
            signal_hook::low_level::emulate_default_handler(SIGTERM)
                .map_err(|error| CliError::failed(format!("cannot end by SIGTERM: {error}")))
        }
        Err(JobError::Stopped) => Err(CliError::failed("nobody listens any more")),
        Err(JobError::Failed(failure)) => {
            tell(&format!("failed ({}): {}", failure.class, failure.message));
            // Whoever listens learns it from here; if nobody does, the exit code has to do.
            let told = send(&JobMessage::Failed(failure));
            told.map_err(|error| CliError::failed(format!("nobody listens: {error}")))?;
            Err(CliError::silent())
        }
    }
}

enum JobError {
    Stopped,
    Failed(Failure),
}

impl From<train::Error> for JobError {
    fn from(error: train::Error) -> Self {
        let class = match error {
            train::Error::Stopped => return Self::Stopped,
            train::Error::Data(_) | train::Error::Weights(_) => FailureClass::BadData,
            train::Error::NonFinite { .. } => FailureClass::NonFinite,
            train::Error::NotFrozen => FailureClass::Bug,
        };
        Self::Failed(Failure::new(class, chain(&error)))
    }
}

impl From<data::Error> for JobError {
    fn from(error: data::Error) -> Self {
        train::Error::from(error).into()
    }
}

impl From<crate::store::Error> for JobError {
    fn from(error: crate::store::Error) -> Self {
        Self::Failed(Failure::new(FailureClass::Storage, chain(&error)))
    }
}

fn send(message: &JobMessage) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{message}")?;
    out.flush()
}

/// What a job measured, and what it was measured on.
struct Measured {
    metrics: Metrics,
    protocol: String,
    data: String,
    images: usize,
    encoder: Option<Vec<u8>>,
}

fn work(args: &JobArgs, stop: &AtomicBool) -> Result<(), JobError> {
    let (started_unix, begin) = (machine::unix_ms() / 1000, Instant::now());
    let bug = |message: String| JobError::Failed(Failure::new(FailureClass::Bug, message));
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()
        .map_err(|error| bug(format!("cannot start {} threads: {error}", args.threads)))?;
    let store = Store::create(&args.store)?;
    let job = store.job(args.id)?;
    let folder = args.data_dir.clone().or_else(|| job.folder.clone());
    tell(&format!("{} {} on {}, {} threads", job.spec.kind(), job.id, machine::processor(), args.threads));
    let mut log = EpochLog::create(&store, &job, stop)?;
    let (measured, seed) = match &job.spec {
        JobSpec::Pretrain(spec) => (pretrain(spec, folder, &mut log)?, spec.seed),
        JobSpec::LinearEvaluation(spec) => (evaluate(spec, &store, &job, folder, &mut log)?, spec.seed),
    };
    let wall_seconds = begin.elapsed().as_secs_f64();
    let record = Record {
        job: job.id,
        kind: job.spec.kind().to_owned(),
        seed,
        metrics: measured.metrics,
        protocol: measured.protocol,
        data: measured.data,
        device: machine::processor(),
        backend: device::BACKEND.to_owned(),
        threads: args.threads,
        host: machine::host(),
        code: machine::code(),
        started_unix,
        wall_seconds,
        images_per_second: measured.images as f64 / wall_seconds,
        checkpoint: None,
    };
    let record = store.publish(record, measured.encoder.as_deref())?;
    tell(&format!("done in {wall_seconds:.1} s: {:?}", record.metrics));
    Ok(())
}

fn pretrain(spec: &PretrainJob, folder: Option<PathBuf>, log: &mut EpochLog<'_>) -> Result<Measured, JobError> {
    let images = data::load(spec.data.source, Split::Train, spec.data.images, folder.as_deref())?;
    let result = train::pretrain(spec, &images, &mut |report| log.epoch(report));
    log.check()?;
    let pretrained = result?;
    let encoder = save_weights(&pretrained.encoder).map_err(train::Error::from)?;
    Ok(Measured {
        metrics: pretrained.metrics,
        protocol: PRETRAINING_PROTOCOL.to_owned(),
        data: short_fingerprint(&images),
        images: pretrained.images,
        encoder: Some(encoder),
    })
}

fn evaluate(
    spec: &LinearEvaluationJob,
    store: &Store,
    job: &Job,
    folder: Option<PathBuf>,
    log: &mut EpochLog<'_>,
) -> Result<Measured, JobError> {
    let bug = |message: &str| JobError::Failed(Failure::new(FailureClass::Bug, message));
    let [parent] = job.parents[..] else {
        return Err(bug("an evaluation needs one pretraining job"));
    };
    let JobSpec::Pretrain(pretraining) = store.job(parent)?.spec else {
        return Err(bug("the parent of an evaluation must be a pretraining job"));
    };
    let encoder = ResNet::<device::Cpu>::new(&pretraining.encoder, pretraining.seed, &device::Device::default());
    let encoder = load_weights(encoder, &store.encoder(parent)?).map_err(train::Error::from)?;
    let source = spec.data.source;
    let training = data::load(source, Split::Train, spec.data.train_images, folder.as_deref())?;
    let test = data::load(source, Split::Test, spec.data.test_images, folder.as_deref())?;
    let result = train::linear_evaluation(spec, encoder, &training, &test, &mut |report| log.epoch(report));
    log.check()?;
    Ok(Measured {
        metrics: result?,
        protocol: spec.evaluation.protocol(),
        data: format!("{}/{}", short_fingerprint(&training), short_fingerprint(&test)),
        images: training.len() + test.len(),
        encoder: None,
    })
}

/// The first 16 digits of the images' fingerprint.
fn short_fingerprint(images: &Images) -> String {
    images.fingerprint().chars().take(16).collect()
}

/// Writes `metrics.csv` and the log, and tells whoever listens.
struct EpochLog<'a> {
    csv: csv::Writer<File>,
    path: PathBuf,
    stop: &'a AtomicBool,
    said: Option<Instant>,
    problem: Option<String>,
}

impl<'a> EpochLog<'a> {
    fn create(store: &Store, job: &Job, stop: &'a AtomicBool) -> Result<Self, JobError> {
        let path = store.metrics_path(job.id);
        let storage = |error: io::Error| {
            let message = format!("cannot write {}: {error}", path.display());
            JobError::Failed(Failure::new(FailureClass::Storage, message))
        };
        fs::create_dir_all(store.job_folder(job.id)).map_err(storage)?;
        let mut csv = csv::Writer::from_path(&path).map_err(|error| storage(error.into()))?;
        csv.write_record([
            "epoch",
            "loss_nats",
            "contrastive_accuracy_percent",
            "contrastive_entropy_nats",
            "learning_rate",
            "images_per_second",
        ])
        .map_err(|error| storage(error.into()))?;
        Ok(Self { csv, path, stop, said: None, problem: None })
    }

    /// Notes an epoch; breaks if the job should stop.
    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<()> {
        let optional = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let row = [
            report.epoch.to_string(),
            report.loss.to_string(),
            optional(report.contrastive_accuracy),
            optional(report.contrastive_entropy),
            report.learning_rate.to_string(),
            report.images_per_second.to_string(),
        ];
        if let Err(error) = self.csv.write_record(row).map_err(io::Error::from).and_then(|()| self.csv.flush()) {
            self.problem = Some(format!("cannot write {}: {error}", self.path.display()));
            return ControlFlow::Break(());
        }
        let last = report.epoch == report.epochs;
        if last || self.said.is_none_or(|said| said.elapsed() >= MESSAGE_INTERVAL) {
            self.said = Some(Instant::now());
            tell(&format!(
                "epoch {}/{}: loss {:.4}, lr {:.4e}, {:.0} images/s",
                report.epoch, report.epochs, report.loss, report.learning_rate, report.images_per_second
            ));
            let epoch = Epoch {
                epoch: report.epoch,
                epochs: report.epochs,
                loss: report.loss,
                images_per_second: report.images_per_second,
            };
            if send(&JobMessage::Epoch(epoch)).is_err() {
                // Whoever started this job is gone, and with it the reason to go on.
                return ControlFlow::Break(());
            }
        }
        if self.stop.load(Ordering::Relaxed) && !last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// The reason why the log itself stopped the job, if it did.
    fn check(&mut self) -> Result<(), JobError> {
        match self.problem.take() {
            Some(message) => Err(JobError::Failed(Failure::new(FailureClass::Storage, message))),
            None => Ok(()),
        }
    }
}
