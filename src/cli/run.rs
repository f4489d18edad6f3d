//! `run`: runs the missing jobs of sweep files, then prints and exports their tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
    time::Instant,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

use super::{
    CliError,
    args::RunArgs,
    display::Display,
    error::chain,
    events::Events,
    lock, machine,
    needs::Needs,
    results::{self, Results},
    sweeps::{self, Planned},
    tables, tell,
    todo::{self, Todo},
};
use crate::{
    plan::{self, JobId, Plan},
    report::{self, Outcome},
    schedule::{
        self, Change, Event, Failure, FailureClass, JobState, Launch, LocalExecutor, LocalJobs, Node, Notice, Policy,
        Scheduler, drive, parallel_jobs, share_cores,
    },
    store::{Entry, JobEvent, JournalWriter, Snapshot, Store},
};

/// Runs sweep files.
pub fn run(args: &RunArgs) -> Result<(), CliError> {
    let planned = sweeps::read(&args.sweeps.files, args.sweeps.profile.as_deref())?;
    let root = &args.sweeps.store;
    let store = Store::create(root).map_err(|error| CliError::input(chain(&error)))?;
    let lock = lock::take(&store)?;
    let (mut snapshot, mut journal) = store.journal(lock)?;
    results::warn(&snapshot);
    let ids = planned.plan.jobs().map(|job| job.id);
    let adopted = store.adopt(&mut journal, &mut snapshot, ids, machine::unix_ms())?;
    if !adopted.is_empty() && !args.quiet {
        tell(&format!("taken over from an interrupted run: {} finished jobs", adopted.len()));
    }
    if let Some(hash) = machine::code().patch {
        store.keep_patch(&hash, machine::PATCH)?;
    }
    let Todo { jobs, needs, without_data, chosen, done, unchosen } = todo::todo(args, &planned, &snapshot, &store)?;
    // Nothing is refused from here on: what the sweeps ask for now replaces what they asked for before.
    keep_asked(&planned, &store, &snapshot)?;
    let entry = |(job, event)| Entry { time_unix_ms: machine::unix_ms(), job, event };
    let queued = jobs.iter().map(|&job| (job, JobEvent::Queued));
    let entries: Vec<Entry> = without_data.into_iter().chain(queued).map(entry).collect();
    journal.append(&entries)?;
    entries.iter().for_each(|entry| snapshot.apply(entry));
    if !args.quiet {
        let of = if args.only.is_empty() { "" } else { "chosen " };
        let not_chosen = if unchosen == 0 { String::new() } else { format!("; {unchosen} are not chosen") };
        tell(&match jobs.len() {
            0 if done == chosen => {
                format!("nothing to do: all {chosen} {of}jobs are in {}{not_chosen}", root.display())
            }
            0 => format!("nothing to do: {done} of {chosen} {of}jobs are in {}{not_chosen}", root.display()),
            jobs => format!("{jobs} of {chosen} {of}jobs to run, {done} done already{not_chosen}"),
        });
    }
    let events = Events { wanted: args.json };
    events.begin(jobs.len(), done)?;
    let summary = if jobs.is_empty() {
        None
    } else {
        for job in jobs.iter().filter_map(|&job| planned.plan.job(job)) {
            store.write_job(job)?;
        }
        Some(work(args, &planned, &store, (&jobs, needs), &events, &mut snapshot, &mut journal)?)
    };
    let results = Results::of(snapshot, &store, &planned)?;
    let tables = tables::all(&planned, &results);
    if !args.json {
        tables::print_all(&tables)?;
    }
    tables::write_to_store(&planned, &tables, &results, &store)?;
    let place = tables::place(root, &planned.names).to_string();
    events.finish(summary.as_ref(), &place)?;
    if !args.quiet {
        tell(&format!("tables and jobs.csv are in {place}"));
    }
    match summary {
        Some(summary) if !summary.failed.is_empty() || summary.skipped > 0 || summary.interrupted > 0 => {
            report_trouble(&summary, &store);
            Err(CliError::silent())
        }
        _ => tables::verify(&tables.iter().flatten().collect::<Vec<_>>(), false),
    }
}

/// Keeps in mind which job each cell asks for: that tells later what has become stale, and what nobody asks for.
fn keep_asked(planned: &Planned, store: &Store, snapshot: &Snapshot) -> Result<(), CliError> {
    for (index, (name, sweep)) in planned.names.iter().zip(&planned.sweeps).enumerate() {
        let source = planned.source(index, store);
        let before = results::asked(store, name)?;
        let cells = plan::cells(sweep, index, &planned.plan);
        let asked = before.next(source, cells, snapshot);
        let lost = before.jobs().difference(&asked.jobs()).count();
        if before.source != asked.source && lost > 0 {
            tell(&format!(
                "{name} was {} when it last ran in {}: its tables are replaced, and {} that it asked for may be left \
                 to `ablate gc`",
                before.source,
                store.root().display(),
                report::count(lost, "job")
            ));
        }
        if asked != before {
            store.keep_asked(name, &asked)?;
        }
    }
    Ok(())
}

/// Runs the jobs; every change is journaled before it is acted upon.
fn work(
    args: &RunArgs,
    planned: &Planned,
    store: &Store,
    (todo, needs): (&[JobId], Needs),
    events: &Events,
    snapshot: &mut Snapshot,
    journal: &mut JournalWriter,
) -> Result<schedule::Summary, CliError> {
    let plan = &planned.plan;
    let cores = args.cores.map_or_else(machine::cores, usize::from);
    // No more slots than jobs: an empty one would keep its cores to itself.
    let slots = match args.jobs {
        Some(jobs) => usize::from(jobs).min(todo.len()),
        None => parallel_jobs(cores, todo.len()).min(needs.jobs_at_a_time),
    };
    let policy = Policy { fail_fast: args.fail_fast, ..Policy::default() };
    let scheduler = Scheduler::new(nodes(plan, todo), slots, policy)
        .map_err(|error| CliError::failed(format!("cannot schedule the jobs: {error}")))?;
    let (sender, receiver) = mpsc::channel();
    forward_signals(sender.clone())?;
    let program = std::env::current_exe()
        .map_err(|error| CliError::failed(format!("cannot find the program itself: {error}")))?;
    let jobs = Arc::new(ChildJobs { program, store: store.clone(), needs });
    let mut executor = LocalExecutor::new(jobs, share_cores(cores, slots), sender);
    let begin = Instant::now();
    let labels = report::job_labels(&planned.sweeps, plan);
    let mut display = Display::new(plan, labels, todo, args.quiet);
    let result = drive(scheduler, &mut executor, &receiver, &|| begin.elapsed(), &mut |notice| {
        match notice {
            Notice::Progress { job, progress } => {
                display.progressed(*job, progress);
                events.progress(*job, progress)?;
            }
            Notice::Change(change) => {
                if let Some(event) = event(change, store)? {
                    let entry = Entry { time_unix_ms: machine::unix_ms(), job: change.job, event };
                    journal.append(std::slice::from_ref(&entry))?;
                    snapshot.apply(&entry);
                }
                show(&mut display, change, snapshot);
                let (kind, label) = display.label(change.job);
                events.change(change, (kind, &label), snapshot)?;
            }
        }
        Ok(())
    });
    display.finish();
    result.map_err(|error: CliError| {
        CliError::failed(format!("{error}; the running jobs were ended, everything finished before is kept"))
    })
}

/// The scheduler's nodes of the jobs to run; parents outside are done.
fn nodes(plan: &Plan, todo: &[JobId]) -> Vec<Node> {
    let todo: BTreeSet<JobId> = todo.iter().copied().collect();
    let priorities = plan.priorities(|job| if todo.contains(&job.id) { plan.cost(job.id).macs } else { 0.0 });
    let rounds = rounds(plan);
    plan.jobs()
        .filter(|job| todo.contains(&job.id))
        .map(|job| Node {
            job: job.id,
            parents: job.parents.iter().copied().filter(|parent| todo.contains(parent)).collect(),
            priority: priorities.get(&job.id).copied().unwrap_or_default(),
            round: rounds.get(&job.id).copied().unwrap_or_default(),
            done: false,
        })
        .collect()
}

/// For each job the first seed, by position in its sweep, that asks for it.
fn rounds(plan: &Plan) -> BTreeMap<JobId, usize> {
    let mut rounds = BTreeMap::new();
    let mut seeds: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for trial in &plan.trials {
        let seeds = seeds.entry(trial.sweep).or_default();
        let round = seeds.iter().position(|&seed| seed == trial.seed).unwrap_or_else(|| {
            seeds.push(trial.seed);
            seeds.len() - 1
        });
        for job in trial.evaluations.iter().chain([&trial.pretrain]) {
            let first = rounds.entry(*job).or_insert(round);
            *first = round.min(*first);
        }
    }
    rounds
}

/// What the journal should say of a change; nothing for changes that a crash may forget.
fn event(change: &Change, store: &Store) -> Result<Option<JobEvent>, CliError> {
    Ok(match &change.to {
        JobState::Running { slot, attempt } => {
            Some(JobEvent::Started { attempt: u32::try_from(*attempt).unwrap_or(u32::MAX), pid: None, slot: *slot })
        }
        JobState::Done { reused: false } => {
            let record = store.record(change.job)?.ok_or_else(|| {
                CliError::failed(format!("the record of job {} is gone from the store", change.job.short()))
            })?;
            Some(JobEvent::Succeeded { record: record.into() })
        }
        JobState::Failed(failure) | JobState::Delayed { failure, .. } => {
            Some(JobEvent::Failed { class: failure.class.to_string(), message: failure.message.clone() })
        }
        JobState::Skipped { because } => Some(JobEvent::Skipped { because: *because }),
        JobState::Interrupted if matches!(change.from, JobState::Running { .. }) => Some(JobEvent::Interrupted),
        _ => None,
    })
}

fn show(display: &mut Display, change: &Change, snapshot: &Snapshot) {
    let job = change.job;
    match &change.to {
        JobState::Running { .. } => display.started(job),
        JobState::Done { .. } => {
            if let Some(record) = snapshot.record(job) {
                let outcome = Outcome::Done { metrics: record.metrics.clone(), wall_seconds: record.wall_seconds };
                display.ended(job, &outcome);
            }
        }
        JobState::Failed(failure) => {
            let (class, message) = (failure.class.to_string(), failure.message.clone());
            display.ended(job, &Outcome::Failed { class, message });
        }
        JobState::Delayed { failure, until, .. } => {
            display.say(&format!("retry   {}: {}; again at {} s", job.short(), failure.message, until.as_secs()));
        }
        JobState::Skipped { because } => {
            display.ended(job, &Outcome::Skipped { because: format!("job {} failed", because.short()) });
        }
        JobState::Interrupted => display.say(&format!("stopped {}", job.short())),
        JobState::Waiting { .. } | JobState::Ready => {}
    }
}

/// Turns SIGINT and SIGTERM into stops: the first lets jobs stop by themselves, the second kills them.
fn forward_signals(sender: Sender<Event>) -> Result<(), CliError> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).map_err(|error| CliError::failed(format!("cannot handle signals: {error}")))?;
    thread::spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if sender.send(Event::Stop).is_err() {
                // The jobs have ended already, so there is nothing left to be gentle with.
                let _ = emulate_default_handler(signal);
            }
            tell(match count {
                0 => {
                    "stopping: training keeps a checkpoint, other jobs start again next time; once more to end the jobs at once"
                }
                _ => "ending the running jobs",
            });
        }
    });
    Ok(())
}

/// Starts `ablate job` processes.
struct ChildJobs {
    program: PathBuf,
    store: Store,
    needs: Needs,
}

impl LocalJobs for ChildJobs {
    fn command(&self, launch: Launch, threads: usize) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("job").arg(launch.job.to_string()).arg("--store").arg(self.store.root());
        command.arg("--threads").arg(threads.to_string());
        if let Some(folder) = self.needs.folders.get(&launch.job) {
            command.arg("--data-dir").arg(folder);
        }
        if let Some(images) = self.needs.micro_batches.get(&launch.job) {
            command.arg("--micro-batch").arg(images.to_string());
        }
        command
    }

    fn log(&self, job: JobId) -> PathBuf {
        self.store.log_path(job)
    }

    fn judge(&self, job: JobId) -> schedule::Outcome {
        let failure = |message: String| schedule::Outcome::Failed(Failure::new(FailureClass::Storage, message));
        match self.store.record(job) {
            Ok(Some(_)) => schedule::Outcome::Succeeded,
            Ok(None) => failure("the job said it was done, but its record is not in the store".to_owned()),
            Err(error) => failure(chain(&error)),
        }
    }
}

fn report_trouble(summary: &schedule::Summary, store: &Store) {
    for (job, failure) in &summary.failed {
        tell(&format!("failed: job {} ({}): {}", job.short(), failure.class, failure.message));
        tell(&format!("        log: {}", store.log_path(*job).display()));
    }
    if summary.skipped > 0 {
        tell(&format!("skipped: {} jobs that need a failed one", summary.skipped));
    }
    if summary.interrupted > 0 {
        tell(&format!("stopped: {} jobs were not finished; everything else is kept", summary.interrupted));
    }
    tell("run the same command again to go on with what is missing");
}
