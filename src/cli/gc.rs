//! `gc`: removes from a store what no sweep asks for any more.

use std::collections::BTreeSet;

use indicatif::DecimalBytes;

use super::{CliError, args::GcArgs, lock, print, results, shell::quoted, tell};
use crate::{
    plan::JobId,
    report::count,
    store::{Asked, Garbage, RunLock, Snapshot, Store},
};

/// Says what can be removed, and removes it if told so.
pub fn gc(args: &GcArgs) -> Result<(), CliError> {
    let store = results::open(&args.store)?;
    let place = args.store.display();
    // Only looking is possible while a run is at work, so that one that waits for room can be helped.
    let lock = args.delete.then(|| lock::take(&store)).transpose()?;
    let snapshot = store.load()?;
    let sweeps = Sweeps::read(args, &store)?;
    if args.unknown && sweeps.kept.is_empty() && args.forget.is_empty() {
        return Err(CliError::input(format!(
            "{place} does not know which sweeps ran in it, so that --unknown would remove everything: `ablate run FILE \
             --store {}` first, for each sweep to keep",
            quoted(&place.to_string())
        )));
    }
    let others = &store.all_jobs(&snapshot)? - &sweeps.asked;
    let unknown = &others - &sweeps.dropped;
    let jobs = if args.unknown { others } else { &others - &unknown };
    let encoders = if args.encoders { spent_encoders(&store, &snapshot, &sweeps.asked)? } else { BTreeSet::new() };
    let garbage = store.garbage(jobs, &encoders)?;
    let mut kept = match sweeps.kept.len() {
        0 => String::new(),
        _ => format!("kept: what {} asked for when last run\n", sweeps.kept.join(", ")),
    };
    if !args.unknown && !unknown.is_empty() {
        let many = count(unknown.len(), "job");
        kept += &format!("kept: {many} of which no sweep is known that asked for them; --unknown removes them, too\n");
    }
    if lock.is_none() && store.in_use_since()?.is_some() {
        kept += "a run is at work: --delete has to wait for its end\n";
    }
    let forget: BTreeSet<&String> = args.forget.iter().collect();
    if garbage.jobs.is_empty() && garbage.encoders.is_empty() {
        forget.iter().filter(|_| args.delete).try_for_each(|name| store.forget_asked(name))?;
        let still = if args.delete || forget.is_empty() { "" } else { "--delete forgets the sweeps\n" };
        return print(&format!("nothing to remove\n{kept}{still}"));
    }
    let (what, list) = (summary(&garbage, &snapshot), list(&garbage, &snapshot, &store));
    let Some(lock) = lock else {
        return print(&format!("would remove {what}\n{list}{kept}--delete removes it\n"));
    };
    store.remove_garbage(&lock, &garbage)?;
    // Last, so that a removal that was cut off can be done again.
    forget.iter().try_for_each(|name| store.forget_asked(name))?;
    print(&format!("removed {what}\n{list}{kept}"))
}

/// Removes the encoders of a run's `own` jobs that every job which needs them, of whatever sweep, has used, and says how
/// many; for a run that was told to keep none.
pub fn remove_spent_encoders(
    store: &Store,
    lock: &RunLock,
    snapshot: &Snapshot,
    own: &BTreeSet<JobId>,
) -> Result<(), CliError> {
    let mut asked = BTreeSet::new();
    for name in store.asking_sweeps()? {
        asked.extend(store.asked(&name)?.unwrap_or_default().jobs());
    }
    // Of other sweeps' encoders nobody said that they may go.
    let spent = &spent_encoders(store, snapshot, &asked)? & own;
    let garbage = store.garbage(BTreeSet::new(), &spent)?;
    if !garbage.encoders.is_empty() {
        store.remove_garbage(lock, &garbage)?;
        let many = encoders(&garbage, snapshot);
        tell(&format!("removed {many} that no job needs any more, {}", DecimalBytes(garbage.bytes)));
    }
    Ok(())
}

/// What sweeps ask for.
struct Sweeps {
    /// The names of those that are not to be forgotten.
    kept: Vec<String>,
    /// The jobs that these asked for when they last ran.
    asked: BTreeSet<JobId>,
    /// The jobs that any asked for once, and that are not asked for.
    dropped: BTreeSet<JobId>,
}

impl Sweeps {
    /// Reads the lists of a store. A damaged one is an error: it might ask for anything.
    fn read(args: &GcArgs, store: &Store) -> Result<Self, CliError> {
        let names = store.asking_sweeps()?;
        if let Some(name) = args.forget.iter().find(|name| !names.contains(name)) {
            let known = if names.is_empty() { "none is known".to_owned() } else { names.join(", ") };
            let place = store.root().display();
            return Err(CliError::input(format!("no sweep {name} ran in {place}; those that did: {known}")));
        }
        let mut sweeps = Self { kept: vec![], asked: BTreeSet::new(), dropped: BTreeSet::new() };
        for name in names {
            let asked: Asked = store.asked(&name)?.unwrap_or_default();
            sweeps.dropped.extend(&asked.dropped);
            if args.forget.contains(&name) {
                sweeps.dropped.extend(asked.jobs());
            } else {
                sweeps.asked.extend(asked.jobs());
                sweeps.kept.push(name);
            }
        }
        Ok(sweeps)
    }
}

/// The finished jobs whose encoder every job that needs it has used.
fn spent_encoders(store: &Store, snapshot: &Snapshot, asked: &BTreeSet<JobId>) -> Result<BTreeSet<JobId>, CliError> {
    let finished = |job: &JobId| snapshot.record(*job).is_some();
    let mut spent: BTreeSet<JobId> = asked.iter().filter(|job| finished(job)).copied().collect();
    for &job in asked.iter().filter(|job| !finished(job)) {
        let Ok(job) = store.job(job) else {
            tell("all encoders stay: some jobs that sweeps ask for were never started, so what they need is not known");
            return Ok(BTreeSet::new());
        };
        for parent in &job.parents {
            spent.remove(parent);
        }
    }
    Ok(spent)
}

/// What there is to remove, in a few words.
fn summary(garbage: &Garbage, snapshot: &Snapshot) -> String {
    let jobs = format!("{} that no sweep asks for", count(garbage.jobs.len(), "job"));
    let encoders = format!("{} that no job needs any more", encoders(garbage, snapshot));
    let what = match (garbage.jobs.is_empty(), garbage.encoders.is_empty()) {
        (_, true) => jobs,
        (true, false) => encoders,
        (false, false) => format!("{jobs} and {encoders}"),
    };
    format!("{what}, {}", DecimalBytes(garbage.bytes))
}

/// What goes of jobs that stay, in a few words; the checkpoint of a pretraining goes with its encoder.
fn encoders(garbage: &Garbage, snapshot: &Snapshot) -> String {
    let encoders = garbage.encoders.iter().filter(|&&job| made_encoder(job, snapshot)).count();
    let counts = [(encoders, "encoder"), (garbage.encoders.len() - encoders, "checkpoint")];
    let counts = counts.into_iter().filter(|&(many, _)| many > 0).map(|(many, what)| count(many, what));
    counts.collect::<Vec<_>>().join(" and ")
}

/// Whether a finished job is one that leaves an encoder.
fn made_encoder(job: JobId, snapshot: &Snapshot) -> bool {
    snapshot.record(job).is_some_and(|record| record.kind == "pretrain")
}

/// What there is to remove, line by line.
fn list(garbage: &Garbage, snapshot: &Snapshot, store: &Store) -> String {
    let of_spec = |job| store.job(job).map_or("job", |job| job.spec.kind()).to_owned();
    let kind = |job| snapshot.record(job).map_or_else(|| of_spec(job), |record| record.kind.clone());
    let jobs = garbage.jobs.iter().map(|&job| {
        let state = if snapshot.record(job).is_some() { "done" } else { "not finished" };
        format!("  {} {}, {state}\n", kind(job), job.short())
    });
    let encoders = garbage.encoders.iter().map(|&job| {
        let what = if made_encoder(job, snapshot) { "encoder" } else { "checkpoint" };
        format!("  {what} of {} {}\n", kind(job), job.short())
    });
    jobs.chain(encoders).collect()
}
