//! `run`: runs the missing jobs of sweep files, then prints and exports their tables.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
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
    args::{Keep, RunArgs},
    changes,
    children::{ChildJobs, Orders},
    cluster::{self, Handover},
    display::{Display, Look},
    durations::{self, Others},
    error::chain,
    events::Events,
    gc, lock, machine,
    prepare::{self, Prepared},
    results::{self, Results},
    room::{is_full, until_room},
    sweeps::{self, Planned},
    tables, tell,
    todo::{self, Todo},
};
use crate::{
    plan,
    report::{self, Table},
    schedule::{self, Change, Event, Executor, LocalExecutor, Notice, drive},
    store::{Entry, JobEvent, JournalWriter, Snapshot, Store},
    sweep::Cluster,
};

/// Runs sweep files.
pub fn run(args: &RunArgs) -> Result<(), CliError> {
    let cluster = cluster::read(&args.cluster)?;
    if args.cluster.detach {
        return cluster::detach(args);
    }
    if args.cluster.detached {
        rustix::process::setsid().map_err(|error| CliError::failed(format!("cannot leave the terminal: {error}")))?;
    }
    let planned = sweeps::read(&args.sweeps.files, args.sweeps.profile.as_deref())?;
    let root = &args.sweeps.store;
    let began_unix_ms = machine::unix_ms();
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
    let Todo { jobs, needs, without_data, chosen, done, unchosen } =
        todo::todo(args, cluster.as_ref(), &planned, &snapshot, &store)?;
    let places = prepare::places(args, cluster.as_ref(), &planned, &jobs, &snapshot)?;
    let prepare = || Prepared::new(args, &planned, &jobs, (needs, places), (&snapshot, &store));
    let prepared = if jobs.is_empty() { None } else { Some(prepare()?) };
    if let Some(cluster) = cluster.as_ref().filter(|_| args.cluster.dry_run) {
        return cluster::dry_run(args, cluster, &planned, &store, prepared);
    }
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
    let mut summary = None;
    if let Some(prepared) = prepared {
        for job in jobs.iter().filter_map(|&job| planned.plan.job(job)) {
            store.write_job(job)?;
        }
        if !args.quiet {
            prepared.tell();
        }
        let mut run = Run {
            args,
            cluster: cluster.as_ref(),
            planned: &planned,
            store: &store,
            events: &events,
            snapshot,
            journal,
            unwritten: vec![],
            began_unix_ms,
        };
        summary = Some(run.work(prepared)?);
        (snapshot, journal) = (run.snapshot, run.journal);
    }
    if args.keep == Keep::None {
        gc::remove_spent_encoders(&store, journal.lock(), &snapshot, &planned.plan.jobs().map(|job| job.id).collect())?;
    }
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

/// A run at work.
struct Run<'a> {
    args: &'a RunArgs,
    /// Where its jobs go, if not onto this machine.
    cluster: Option<&'a Cluster>,
    planned: &'a Planned,
    store: &'a Store,
    events: &'a Events,
    snapshot: Snapshot,
    journal: JournalWriter,
    /// What the journal does not hold yet, since the disk is full and the run is stopped.
    unwritten: Vec<Entry>,
    /// In milliseconds since 1970.
    began_unix_ms: u64,
}

impl Run<'_> {
    /// Runs the jobs; every change is journaled before it is acted upon.
    fn work(&mut self, prepared: Prepared) -> Result<schedule::Summary, CliError> {
        let (args, plan) = (self.args, &self.planned.plan);
        let Prepared { scheduler, places, needs, costs, expected, others, .. } = prepared;
        let (sender, receiver) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        forward_signals(sender.clone(), Arc::clone(&stop), self.cluster.is_some())?;
        let orders = Orders::new(args, needs);
        let mut executor: Box<dyn Executor> = match self.cluster {
            Some(cluster) => {
                self.store.make_cluster_folder()?;
                cluster::remove_request(self.store)?;
                cluster::watch_requests(self.store, sender.clone(), Arc::clone(&stop));
                let handover = Handover::new(cluster, self.store, plan, orders, expected)?;
                Box::new(handover.executor(sender, Arc::clone(&stop))?)
            }
            None => {
                cluster::take_back(&costs.keys().copied().collect::<Vec<_>>(), self.store)?;
                let program = std::env::current_exe()
                    .map_err(|error| CliError::failed(format!("cannot find the program itself: {error}")))?;
                let (store, places) = (self.store.clone(), Arc::clone(&places));
                Box::new(LocalExecutor::new(Arc::new(ChildJobs { program, store, places, orders }), sender))
            }
        };
        let begin = Instant::now();
        let labels = report::job_labels(&self.planned.sweeps, plan);
        let mut display = Display::new(plan, labels, &costs, Arc::clone(&places), args.quiet);
        self.look(&mut display, &others)?;
        let result = drive(scheduler, &mut *executor, &receiver, &|| begin.elapsed(), &mut |notice| {
            self.notice(notice, (&mut display, &others), &stop)
        });
        display.finish();
        self.journal.append(&self.unwritten)?;
        result.map_err(|error: CliError| {
            let jobs = if self.cluster.is_some() { "stay on the cluster" } else { "were ended" };
            CliError::failed(format!("{error}; the running jobs {jobs}, everything finished before is kept"))
        })
    }

    fn notice(
        &mut self,
        notice: &Notice,
        (display, others): (&mut Display, &Others),
        stop: &AtomicBool,
    ) -> Result<(), CliError> {
        match notice {
            Notice::Progress { job, progress } => {
                display.progressed(*job, progress);
                self.events.progress(*job, progress)
            }
            Notice::Lost { device } => {
                let name = display.lost(*device);
                self.events.lost(&name)
            }
            Notice::Changes(changes) => {
                self.note(changes, display, stop)?;
                for change in changes {
                    changes::show(display, change, &self.snapshot);
                    let (kind, label) = display.label(change.job);
                    self.events.change(change, (kind, &label), &self.snapshot)?;
                }
                Ok(())
            }
            Notice::Settled => self.look(display, others),
        }
    }

    /// Shows the tables as they are now and how long the rest will take, if it is time.
    fn look(&self, display: &mut Display, others: &Others) -> Result<(), CliError> {
        let (planned, store) = (self.planned, self.store);
        display.look(|place, style| {
            let results = Results::amid(self.snapshot.clone(), store, planned, self.began_unix_ms)?;
            let outlook = durations::outlook_at(planned, &results, others, place);
            let tables = tables::all(planned, &results).into_iter().flatten();
            // What stands below a table is worth reading when it is complete.
            let bare = |table| report::terminal(&Table { notes: vec![], ..table }, style.0, style.1);
            let tables = style.2.then(|| tables.map(bare).collect::<Vec<_>>().join("\n"));
            Ok(Look { tables: tables.unwrap_or_default(), left: (outlook.unknown == 0).then_some(outlook.end) })
        })
    }

    /// Writes changes into the journal, all at once, since each writing waits for the disk; on a full one until there is
    /// room.
    fn note(&mut self, changes: &[Change], display: &Display, stop: &AtomicBool) -> Result<(), CliError> {
        let mut entries = Vec::new();
        for change in changes {
            if let Some(event) = changes::event(change, self.store)? {
                entries.push(Entry { time_unix_ms: machine::unix_ms(), job: change.job, event });
            }
        }
        entries.iter().for_each(|entry| self.snapshot.apply(entry));
        self.unwritten.extend(entries);
        match until_room(stop, |why| display.say(why), || self.journal.append(&self.unwritten)) {
            // Jobs that were told to stop get their time; what they finish is found by the next run.
            Err(error) if is_full(&error) => Ok(()),
            result => {
                self.unwritten.clear();
                Ok(result?)
            }
        }
    }
}

/// Turns SIGINT and SIGTERM into stops: the first lets jobs stop by themselves, the second kills them; those on a cluster
/// go on without the run.
fn forward_signals(sender: Sender<Event>, stop: Arc<AtomicBool>, on_cluster: bool) -> Result<(), CliError> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).map_err(|error| CliError::failed(format!("cannot handle signals: {error}")))?;
    thread::spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            stop.store(true, Ordering::Relaxed);
            if sender.send(Event::Stop).is_err() {
                // The jobs have ended already, so there is nothing left to be gentle with.
                let _ = emulate_default_handler(signal);
            }
            tell(match count {
                _ if on_cluster => {
                    "ending: the jobs stay on the cluster; the same command goes on from where they then are, `ablate cancel` cancels them"
                }
                0 => {
                    "stopping: training keeps a checkpoint, other jobs start again next time; once more to end the jobs at once"
                }
                _ => "ending the running jobs",
            });
        }
    });
    Ok(())
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
