//! What the store knows, as reports want to see it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use rayon::prelude::*;

use super::{CliError, error::chain, sweeps::Planned, tell};
use crate::{
    plan::{self, Job, JobId},
    report::{self, DoneView, JobView},
    store::{Asked, CodeVersion, ErrorKind, JobEvent, Record, Snapshot, Store},
};

/// The state of the jobs of some sweeps, for reports.
pub struct Results {
    snapshot: Snapshot,
    store: Option<Store>,
    /// The records of the jobs that are done, which many cells share.
    done: BTreeMap<JobId, Arc<DoneView>>,
    /// When the run at work began, in milliseconds since 1970: what was started since then may still be running, what
    /// an earlier run started and did not finish is not.
    live_since: Option<u64>,
    /// Of planned jobs without a record, the finished ones that their cells asked for before the sweep was changed.
    earlier: BTreeMap<JobId, JobId>,
    /// What has changed since then.
    changes: BTreeMap<JobId, String>,
    /// Epochs of planned jobs.
    epochs: BTreeMap<JobId, usize>,
}

/// The store in a folder, which must be there.
pub fn open(root: &Path) -> Result<Store, CliError> {
    Store::open(root)?.ok_or_else(|| CliError::input(format!("there are no results in {}", root.display())))
}

impl Results {
    /// Reads what a store knows of planned jobs; a missing one is one without results. Damage is said on standard error.
    pub fn read(store: Option<&Store>, planned: &Planned) -> Result<Self, CliError> {
        let Some(store) = store else { return Self::new(Snapshot::default(), None, None, planned) };
        let (snapshot, live_since) = look(store)?;
        warn(&snapshot);
        Self::new(snapshot, Some(store), live_since, planned)
    }

    /// As [`Self::read`], without a word of damage.
    pub fn glance(store: &Store, planned: &Planned) -> Result<Self, CliError> {
        let (snapshot, live_since) = look(store)?;
        Self::new(snapshot, Some(store), live_since, planned)
    }

    /// The state as it is at the end of a run.
    pub fn of(snapshot: Snapshot, store: &Store, planned: &Planned) -> Result<Self, CliError> {
        Self::new(snapshot, Some(store), None, planned)
    }

    /// The state in the midst of a run that began at `since`, in milliseconds since 1970. What has become stale is not
    /// looked for.
    pub fn amid(snapshot: Snapshot, store: &Store, planned: &Planned, since: u64) -> Result<Self, CliError> {
        Ok(Self { store: Some(store.clone()), ..Self::new(snapshot, None, Some(since), planned)? })
    }

    fn new(
        snapshot: Snapshot,
        store: Option<&Store>,
        live_since: Option<u64>,
        planned: &Planned,
    ) -> Result<Self, CliError> {
        let records = snapshot.jobs.par_iter().filter_map(|(&job, status)| Some((job, status.record.as_ref()?)));
        let mut results = Self {
            done: records.map(|(job, record)| (job, Arc::new(done(record)))).collect(),
            store: store.cloned(),
            live_since,
            earlier: BTreeMap::new(),
            changes: BTreeMap::new(),
            epochs: BTreeMap::new(),
            snapshot,
        };
        if live_since.is_some() {
            let epochs = planned.plan.jobs().filter_map(|job| Some((job.id, job.spec.epochs()?)));
            results.epochs = epochs.collect();
        }
        if let Some(store) = store
            && planned.plan.jobs().any(|job| results.snapshot.record(job.id).is_none())
        {
            results.find_earlier(store, planned)?;
        }
        Ok(results)
    }

    fn find_earlier(&mut self, store: &Store, planned: &Planned) -> Result<(), CliError> {
        for (index, (name, sweep)) in planned.names.iter().zip(&planned.sweeps).enumerate() {
            let (asked, source) = (asked(store, name)?, planned.source(index, store));
            for (cell, job) in plan::cells(sweep, index, &planned.plan) {
                if self.snapshot.record(job).is_none()
                    && let Some(earlier) = asked.earlier(&source, &cell, job, &self.snapshot)
                {
                    self.earlier.entry(job).or_insert(earlier);
                }
            }
        }
        for (&job, &earlier) in &self.earlier {
            let why = changes(store, planned, job, earlier)
                .map_or_else(|| "by another version of ablate".to_owned(), |found| found.join("; "));
            self.changes.insert(job, why);
        }
        Ok(())
    }

    /// What the store knew.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The finished job that the cells of `job` asked for before the sweep was changed, if `job` is not done itself.
    pub fn earlier(&self, job: JobId) -> Option<JobId> {
        self.earlier.get(&job).copied()
    }

    /// The view of one job.
    pub fn view(&self, job: JobId) -> JobView {
        let missing = || match self.changes.get(&job) {
            Some(why) => JobView::Stale { why: why.clone() },
            None => JobView::Missing,
        };
        let Some(status) = self.snapshot.jobs.get(&job) else { return missing() };
        if let Some(record) = self.done.get(&job) {
            return JobView::Done(Arc::clone(record));
        }
        let live = |time: u64| self.live_since.is_some_and(|since| time >= since);
        if status.queued_unix_ms.is_some_and(live) {
            return JobView::Queued;
        }
        match &status.state {
            JobEvent::Started { .. } if live(status.time_unix_ms) => JobView::Running { progress: self.progress(job) },
            // It waits for its next attempt.
            JobEvent::Failed { again: true, .. } if live(status.time_unix_ms) => JobView::Queued,
            JobEvent::Failed { class, message, again: false } => {
                JobView::Failed { class: class.clone(), message: message.clone() }
            }
            // What it was skipped for may have been repaired since.
            JobEvent::Skipped { because } => match self.view(*because) {
                view @ JobView::WithoutData { .. } => view,
                JobView::Failed { .. } | JobView::Skipped { .. } => {
                    JobView::Skipped { because: format!("job {} failed", because.short()) }
                }
                _ => missing(),
            },
            JobEvent::WithoutData { message } => JobView::WithoutData { message: message.clone() },
            JobEvent::Queued
            | JobEvent::Started { .. }
            | JobEvent::Failed { again: true, .. }
            | JobEvent::Interrupted
            | JobEvent::Succeeded { .. } => missing(),
        }
    }

    /// Share of the epochs of a running job that are over, by its file of metrics.
    fn progress(&self, job: JobId) -> Option<f64> {
        let found = self.store.as_ref()?.epochs(job).ok()??;
        Some(*found.epochs.last()? as f64 / (*self.epochs.get(&job)?).max(1) as f64)
    }
}

/// What a store knows, and since when the run at work has been there, in milliseconds since 1970.
fn look(store: &Store) -> Result<(Snapshot, Option<u64>), CliError> {
    // Asked first: what a run that begins in between does is then taken for that of an earlier one, not the reverse.
    let live_since = store.in_use_since()?.map(|seconds| 1000 * seconds);
    Ok((store.load()?, live_since))
}

/// What a sweep asked for when it last ran. Damage is said on standard error; it costs only the memory of what has
/// changed.
pub fn asked(store: &Store, sweep: &str) -> Result<Asked, CliError> {
    match store.asked(sweep) {
        Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. }) => {
            tell(&format!("warning: {}", chain(&error)));
            Ok(Asked::default())
        }
        result => Ok(result?.unwrap_or_default()),
    }
}

/// In what a planned job differs from an earlier one; `None` if what that one did cannot be read any more.
fn changes(store: &Store, planned: &Planned, job: JobId, earlier: JobId) -> Option<Vec<String>> {
    let job = planned.plan.job(job)?;
    let parents: Vec<Job> = job.parents.iter().filter_map(|&parent| planned.plan.job(parent).cloned()).collect();
    let (earlier, earlier_parents) = with_parents(store, earlier)?;
    Some(report::job_differences((&earlier, &earlier_parents), (job, &parents)))
}

/// A job of the store and its parents; `None` if they cannot be read.
fn with_parents(store: &Store, job: JobId) -> Option<(Job, Vec<Job>)> {
    let job = store.job(job).ok()?;
    let parents = job.parents.iter().map(|&parent| store.job(parent).ok()).collect::<Option<_>>()?;
    Some((job, parents))
}

/// Says what could not be read.
pub fn warn(snapshot: &Snapshot) {
    for problem in &snapshot.problems {
        tell(&format!("warning: {problem}"));
    }
}

/// A record as reports want it.
pub fn done(record: &Record) -> DoneView {
    DoneView {
        metrics: record.metrics.clone(),
        protocol: record.protocol.clone(),
        data: record.data.clone(),
        // Commits are shown but not compared: what makes numbers incomparable is part of every job's id.
        code: format!("ablate {}", record.code.version),
        commit: match &record.code {
            CodeVersion { commit: Some(commit), patch: Some(hash), .. } => {
                format!("{commit} with changes {}", &hash[..hash.len().min(16)])
            }
            CodeVersion { commit: Some(commit), dirty: true, .. } => format!("{commit} with changes"),
            CodeVersion { commit, .. } => commit.clone().unwrap_or_default(),
        },
        device: record.device.clone(),
        backend: record.backend.clone(),
        wall_seconds: record.wall_seconds,
        images_per_second: record.images_per_second,
        started_unix: record.started_unix,
        threads: record.threads,
        host: record.host.clone(),
        checkpoint: record.checkpoint.clone(),
        remarks: record.remarks.clone(),
    }
}
