//! `gc`: removes from a store what no sweep asks for any more.

use std::collections::BTreeSet;

use indicatif::DecimalBytes;

use super::{CliError, args::GcArgs, lock, print, tell};
use crate::{
    plan::JobId,
    store::{Asked, Snapshot, Store},
};

/// Says what can be removed, and removes it if told so.
pub fn gc(args: &GcArgs) -> Result<(), CliError> {
    let place = args.store.display();
    let store = Store::open(&args.store)?.ok_or_else(|| CliError::input(format!("there are no results in {place}")))?;
    let lock = lock::take(&store)?;
    let mut names = store.asking_sweeps()?;
    for name in &args.forget {
        if !names.contains(name) {
            let known = names.join(", ");
            return Err(CliError::input(format!("no sweep {name} ran in {place}; those that did: {known}")));
        }
        names.retain(|other| other != name);
    }
    if names.is_empty() && args.forget.is_empty() {
        return Err(CliError::input(format!(
            "{place} does not know which sweeps ran in it, so everything would go: `ablate run FILE --store {place}` for \
             each sweep to keep, or `--forget SWEEP`"
        )));
    }
    let keep = asked_jobs(&store, &names)?;
    let encoders = if args.encoders { spent_encoders(&store, &keep)? } else { BTreeSet::new() };
    let garbage = store.garbage(&keep, &encoders)?;
    let list = |jobs: &BTreeSet<JobId>| jobs.iter().map(|job| format!("  {job}\n")).collect::<String>();
    let of_jobs = match garbage.encoders.len() {
        0 => String::new(),
        encoders => format!(" and {encoders} encoders that no job needs any more"),
    };
    let kept = names.join(", ");
    let what = format!(
        "{} jobs that no sweep asks for{of_jobs}, {}; kept: what {} asked for when they last ran",
        garbage.jobs.len(),
        DecimalBytes(garbage.bytes),
        if kept.is_empty() { "no sweep" } else { &kept }
    );
    if !args.delete {
        print(&format!("{}would remove {what}\n`--delete` removes it\n", list(&garbage.jobs)))?;
        return Ok(());
    }
    args.forget.iter().try_for_each(|name| store.forget_asked(name))?;
    store.remove_garbage(&lock, &garbage)?;
    print(&format!("removed {what}\n"))
}

/// All jobs that sweeps asked for when they last ran. A damaged list is an error: it might ask for anything.
fn asked_jobs(store: &Store, names: &[String]) -> Result<BTreeSet<JobId>, CliError> {
    let mut jobs = BTreeSet::new();
    for name in names {
        let Asked { cells, .. } = store.asked(name)?.unwrap_or_default();
        jobs.extend(cells.values().map(|asked| asked.job));
    }
    Ok(jobs)
}

/// The finished jobs whose encoder every job that needs it has used.
fn spent_encoders(store: &Store, asked: &BTreeSet<JobId>) -> Result<BTreeSet<JobId>, CliError> {
    let snapshot: Snapshot = store.load()?;
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
