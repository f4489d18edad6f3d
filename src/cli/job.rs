//! `job`: one job in a process of its own, or several of a kind; the only place where training and the store meet.

mod failing;
mod stay;

use std::{
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use signal_hook::consts::{SIGTERM, SIGUSR1};

use self::failing::{JobError, with_checkpoint};
use super::{
    CliError,
    args::JobArgs,
    computer::{self, Computer},
    copy,
    epoch_log::{EpochLog, Habits, note},
    error::chain,
    machine,
    room::until_room,
    tell, weights,
};
use crate::{
    plan::Job,
    recipe::{EvaluationJob, EvaluationTask, JobSpec, Metrics, Precision, PretrainJob, Training},
    schedule::{Alive, Failure, FailureClass, JobMessage},
    store::{ErrorKind, Record, Store},
    train::{
        self,
        data::{self, Images, Loaded, Part, Split},
        device::Processor,
        protocol::{self, Encoded, Sets},
    },
};

/// Remark of what the processor makes of [`Precision::BFloat16`].
const ROUNDED: &str = "operands and results of convolutions and matrix products were rounded to bfloat16, and multiplied \
                       in float32, as the tensor cores of a GPU do it";

/// Runs the job and tells how it went on standard output, one JSON message a line.
pub fn run(args: &JobArgs) -> Result<(), CliError> {
    let [stop, warned] = [(), ()].map(|()| Arc::new(AtomicBool::new(false)));
    let register = |signal, flag| {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .map_err(|error| CliError::failed(format!("cannot handle signals: {error}")))
    };
    register(SIGTERM, &stop)?;
    if args.submission.is_some() {
        // Comes from the script that started this job, some time before the cluster ends both.
        register(SIGUSR1, &stop)?;
        register(SIGUSR1, &warned)?;
    }
    if !args.stay {
        return run_one(args, &mut None, &stop, &warned);
    }
    let (mut next, mut process) = (Some(args.clone()), None);
    while let Some(args) = next {
        run_one(&args, &mut process, &stop, &warned)?;
        next = stay::next_job(&stop)?;
    }
    Ok(())
}

/// Runs one of the jobs of a process and says how it went.
fn run_one(
    args: &JobArgs,
    process: &mut Option<Process>,
    stop: &AtomicBool,
    warned: &AtomicBool,
) -> Result<(), CliError> {
    match work(args, process, stop) {
        Ok(()) => send(&JobMessage::Done {}).map_err(|error| CliError::failed(format!("nobody listens: {error}"))),
        Err(JobError::Stopped { kept: false }) if warned.load(Ordering::Relaxed) => fail(copy::out_of_time(), args),
        Err(JobError::Stopped { .. }) if stop.load(Ordering::Relaxed) => {
            tell("stopped on request");
            if args.submission.is_some() {
                return Err(CliError::stopped());
            }
            // End by the signal itself, so that whoever sees the process end knows why.
            signal_hook::low_level::emulate_default_handler(SIGTERM)
                .map_err(|error| CliError::failed(format!("cannot end by SIGTERM: {error}")))
        }
        Err(JobError::Stopped { .. }) => Err(CliError::failed("nobody listens any more")),
        Err(JobError::Failed(failure)) => fail(failure, args),
    }
}

fn fail(failure: Failure, args: &JobArgs) -> Result<(), CliError> {
    let failure = with_checkpoint(failure, args);
    tell(&format!("failed ({}): {}", failure.class, failure.message));
    // Whoever listens learns it from here; if nobody does, the exit code has to do.
    let told = send(&JobMessage::Failed(failure));
    told.map_err(|error| CliError::failed(format!("nobody listens: {error}")))?;
    Err(CliError::silent())
}

pub(super) fn send(message: &JobMessage) -> io::Result<()> {
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
    remarks: Vec<String>,
    /// What the networks computed with.
    precision: Precision,
    /// Time spent before the checkpoint that the job went on from.
    earlier: Duration,
}

/// What the jobs of a process have in common.
struct Process {
    store: Store,
    computer: Computer,
}

impl Process {
    /// Takes the cores, threads and device of the first job.
    fn begin(args: &JobArgs) -> Result<Self, JobError> {
        if !args.cores.is_empty()
            && let Err(error) = machine::pin(&args.cores)
        {
            tell(&format!("warning: cannot stay on cores {:?}: {error}", args.cores));
        }
        // This thread works along, so that it need not be woken after each operation. Not alone: views are made in the
        // background, by threads of the pool, while it waits for them.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads);
        let pool = if args.threads > 1 { pool.use_current_thread() } else { pool };
        pool.build_global().map_err(|error| {
            let message = format!("cannot start {} threads: {error}", args.threads);
            JobError::Failed(Failure::new(FailureClass::Bug, message))
        })?;
        let store = Store::create(&args.store)?;
        let computer = Computer::of(args.gpu, &store.job(args.id)?.spec, &store).map_err(JobError::Failed)?;
        Ok(Self { store, computer })
    }
}

fn work(args: &JobArgs, process: &mut Option<Process>, stop: &AtomicBool) -> Result<(), JobError> {
    let (started_unix, begin) = (machine::unix_ms() / 1000, Instant::now());
    let failure = |class, message| JobError::Failed(Failure::new(class, message));
    let Process { store, computer } = match process {
        Some(process) => process,
        None => process.insert(Process::begin(args)?),
    };
    let Some(store) = copy::claim(store.clone(), args)? else { return Ok(()) };
    let job = store.job(args.id)?;
    if !job.is_current() {
        let message = "another version of ablate planned this job and would find other numbers: run the sweep again";
        return Err(failure(FailureClass::BadInput, message.to_owned()));
    }
    let folder = args.data_dir.clone().or_else(|| job.folder.clone());
    tell(&format!("{} {} on {}, {} threads", job.spec.kind(), job.id, computer.name, args.threads));
    let habits = Habits {
        alive_every: Duration::from_secs_f64(args.alive_every),
        checkpoint_every: Duration::from_secs_f64(60.0 * args.checkpoint_every),
        checkpoint_epochs: args.checkpoint_epochs,
        keep_last: args.keep_checkpoint,
        processor: computer.processor,
    };
    let log = EpochLog::create(&store, &job, stop, habits);
    let mut log = log.map_err(|message| failure(FailureClass::Storage, message))?;
    let spec = match args.micro_batch {
        Some(images) => JobSpec::clone(&job.spec).in_micro_batches(images).ok_or_else(|| {
            failure(
                FailureClass::BadData,
                format!("micro-batches of {images} images are no divisor of this job's batch"),
            )
        })?,
        None => JobSpec::clone(&job.spec),
    };
    let on = computer.processor;
    let (result, seed) = match &spec {
        JobSpec::Pretrain(spec) => (pretrain(spec, &store, &job, folder.as_deref(), &mut log, on), spec.seed),
        JobSpec::Evaluate(spec) => (evaluate(spec, &store, &job, folder.as_deref(), &mut log, on), spec.seed),
    };
    if let Some(problem) = log.take_problem() {
        return Err(failure(FailureClass::Storage, problem));
    }
    let measured = result.map_err(|error| match error {
        JobError::Stopped { .. } => JobError::Stopped { kept: log.has_kept() },
        failed => failed,
    })?;
    let mut remarks = measured.remarks;
    if (on, measured.precision) == (Processor::Cpu, Precision::BFloat16) {
        remarks.push(ROUNDED.to_owned());
    }
    remarks.iter().for_each(|remark| tell(remark));
    let wall_seconds = (measured.earlier + begin.elapsed()).as_secs_f64();
    let record = Record {
        job: job.id,
        kind: job.spec.kind().to_owned(),
        seed,
        metrics: measured.metrics,
        protocol: measured.protocol,
        remarks,
        data: measured.data,
        device: computer.name.clone(),
        // Nothing computed an encoder that was only made or taken over.
        backend: if measured.images > 0 { on.backend(measured.precision).to_owned() } else { String::new() },
        threads: args.threads,
        host: machine::host(),
        code: machine::code(),
        started_unix,
        wall_seconds,
        images_per_second: measured.images as f64 / wall_seconds,
        micro_batch: args.micro_batch,
        peak_memory: log.memory(),
        submission: None,
        checkpoint: None,
    };
    let publish = || store.publish(record.clone(), measured.encoder.as_deref());
    let record = until_room(stop, note, publish)?;
    if !args.keep_checkpoint {
        store.drop_checkpoint(job.id)?;
    }
    // Jobs without epochs have told nothing of their memory. Whether somebody listens is found out by the next message.
    let _ = send(&JobMessage::Alive(Alive { memory: record.peak_memory }));
    tell(&format!("done in {wall_seconds:.1} s: {:?}", record.metrics));
    Ok(())
}

fn pretrain(
    spec: &PretrainJob,
    store: &Store,
    job: &Job,
    folder: Option<&Path>,
    log: &mut EpochLog<'_>,
    on: Processor,
) -> Result<Measured, JobError> {
    if let Training::Pretrained { blake3 } = &spec.training {
        let bad = |message| JobError::Failed(Failure::new(FailureClass::BadData, message));
        let file = weights::read(job.folder.as_deref(), blake3).map_err(bad)?;
        let pretrained = train::take_over(spec, &file)?;
        return Ok(Measured {
            metrics: pretrained.metrics,
            protocol: protocol::describe_pretraining(spec),
            data: "unknown".to_owned(),
            images: pretrained.images,
            encoder: Some(pretrained.file),
            precision: Precision::Float32,
            earlier: pretrained.earlier,
            remarks: [vec![format!("weights of the file with BLAKE3 hash {blake3}")], pretrained.remarks].concat(),
        });
    }
    let Some(data) = &spec.data else {
        let file = train::initialize(spec)?;
        return Ok(Measured {
            metrics: Metrics::new(),
            protocol: protocol::describe_pretraining(spec),
            data: String::new(),
            images: 0,
            encoder: Some(file),
            precision: Precision::Float32,
            earlier: Duration::ZERO,
            remarks: vec![],
        });
    };
    computer::takes(spec.encoder.precision).map_err(JobError::Failed)?;
    let mut remarks = Vec::new();
    let images = load(&Part::train(data), folder, &mut remarks, log)?;
    let pretrained = going_on(store, job, |checkpoint| train::pretrain(on, spec, &images, checkpoint, log))?;
    Ok(Measured {
        metrics: pretrained.metrics,
        protocol: protocol::describe_pretraining(spec),
        data: short_fingerprint(&images),
        images: pretrained.images,
        encoder: Some(pretrained.file),
        precision: spec.encoder.precision,
        earlier: pretrained.earlier,
        remarks: [remarks, pretrained.remarks].concat(),
    })
}

/// Does a job's work from the checkpoint that it left, if there is one that can be gone on from, else from its beginning.
fn going_on<T>(
    store: &Store,
    job: &Job,
    mut work: impl FnMut(Option<&[u8]>) -> Result<T, train::Error>,
) -> Result<T, JobError> {
    let from_the_beginning = |error: &dyn std::error::Error| {
        note(&format!("{}; the job starts from its beginning", chain(error)));
    };
    let checkpoint = match store.kept_checkpoint(job.id) {
        Ok(checkpoint) => checkpoint,
        Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. }) => {
            from_the_beginning(&error);
            None
        }
        Err(error) => return Err(error.into()),
    };
    if checkpoint.is_some() {
        tell("going on from a checkpoint");
    }
    match work(checkpoint.as_deref()) {
        Err(error @ train::Error::Checkpoint(_)) => {
            from_the_beginning(&error);
            Ok(work(None)?)
        }
        result => Ok(result?),
    }
}

fn evaluate(
    spec: &EvaluationJob,
    store: &Store,
    job: &Job,
    folder: Option<&Path>,
    log: &mut EpochLog<'_>,
    on: Processor,
) -> Result<Measured, JobError> {
    let bug = |message: &str| JobError::Failed(Failure::new(FailureClass::Bug, message));
    let [parent] = job.parents[..] else {
        return Err(bug("an evaluation needs one pretraining job"));
    };
    let made_by = store.job(parent)?;
    let JobSpec::Pretrain(pretraining) = &*made_by.spec else {
        return Err(bug("the parent of an evaluation must be a pretraining job"));
    };
    computer::takes(pretraining.encoder.precision).map_err(JobError::Failed)?;
    let mut remarks = Vec::new();
    let mut load = |split| load(&Part::of(&spec.data, split), folder, &mut remarks, log);
    let (all, test) = (load(Split::Train)?, load(Split::Test)?);
    let chooses = matches!(spec.task, EvaluationTask::LogisticRegression { .. });
    let validation = if chooses { Some(load(Split::Validation)?) } else { None };
    let train = if spec.label_fraction < 1.0 {
        all.select(&data::labeled(&all, spec.label_fraction, spec.data.subset_seed))
    } else {
        all
    };
    let sets = Sets { train: &train, validation: validation.as_ref(), test: &test };
    let encoder = store.encoder(parent)?;
    let encoded = Encoded { job: pretraining, file: &encoder };
    let evaluated = going_on(store, job, |checkpoint| protocol::evaluate(on, spec, encoded, sets, checkpoint, log))?;
    let mut protocol = protocol::describe(spec);
    // A network whose batches this machine had to cut is no longer quite the one of the recipe.
    if let Some(record) = store.record(parent)?
        && record.protocol != protocol::describe_pretraining(pretraining)
    {
        protocol = format!("{protocol}; pretraining: {}", record.protocol);
    }
    Ok(Measured {
        metrics: evaluated.metrics,
        protocol,
        data: [Some(&train), validation.as_ref(), Some(&test)]
            .into_iter()
            .flatten()
            .map(short_fingerprint)
            .collect::<Vec<_>>()
            .join("/"),
        images: evaluated.images,
        encoder: None,
        precision: pretraining.encoder.precision,
        earlier: evaluated.earlier,
        remarks: [remarks, evaluated.remarks].concat(),
    })
}

/// Loads a part of the data; what is said about it is told and remembered.
fn load(
    part: &Part,
    folder: Option<&Path>,
    remarks: &mut Vec<String>,
    log: &mut EpochLog<'_>,
) -> Result<Images, JobError> {
    let Loaded { images, left_out, notes } = data::load(part, folder, &mut |progress| log.pictures(progress))?;
    notes.iter().for_each(|note| tell(note));
    remarks.extend(left_out.iter().map(|image| format!("left out, since it is corrupt: {image}")));
    Ok(images)
}

/// The first 16 digits of the images' fingerprint.
fn short_fingerprint(images: &Images) -> String {
    images.fingerprint().chars().take(16).collect()
}
