//! What the store knows, as reports want to see it.

use super::{CliError, tell};
use crate::{
    plan::JobId,
    report::{DoneView, JobView},
    store::{CodeVersion, JobEvent, Record, Snapshot, Store},
};

/// The state of all jobs of a store, for reports.
pub struct Results {
    snapshot: Snapshot,
    /// When the run at work began, in milliseconds since 1970: what was started since then may still be running, what
    /// an earlier run started and did not finish is not.
    live_since: Option<u64>,
}

impl Results {
    /// Reads a store; a missing one is one without results. Damage is said on standard error.
    pub fn read(store: Option<&Store>) -> Result<Self, CliError> {
        let Some(store) = store else {
            return Ok(Self { snapshot: Snapshot::default(), live_since: None });
        };
        let live_since = store.in_use_since()?.map(|seconds| 1000 * seconds);
        let snapshot = store.load()?;
        warn(&snapshot);
        Ok(Self { snapshot, live_since })
    }

    /// The state as it is at the end of a run.
    pub fn of(snapshot: Snapshot) -> Self {
        Self { snapshot, live_since: None }
    }

    /// The view of one job.
    pub fn view(&self, job: JobId) -> JobView {
        let Some(status) = self.snapshot.jobs.get(&job) else {
            return JobView::Missing;
        };
        if let Some(record) = &status.record {
            return JobView::Done(done(record));
        }
        match &status.state {
            JobEvent::Started { .. } if self.live_since.is_some_and(|since| status.time_unix_ms >= since) => {
                JobView::Running { progress: None }
            }
            JobEvent::Failed { class, message } => JobView::Failed { class: class.clone(), message: message.clone() },
            JobEvent::Skipped { because } => JobView::Skipped { because: format!("job {} failed", because.short()) },
            JobEvent::Started { .. } | JobEvent::Interrupted | JobEvent::Succeeded { .. } => JobView::Missing,
        }
    }
}

/// Says what could not be read.
pub fn warn(snapshot: &Snapshot) {
    for problem in &snapshot.problems {
        tell(&format!("warning: {problem}"));
    }
}

fn done(record: &Record) -> DoneView {
    DoneView {
        metrics: record.metrics.clone(),
        protocol: record.protocol.clone(),
        data: record.data.clone(),
        // Commits are shown but not compared: what makes numbers incomparable is part of every job's id.
        code: format!("ablate {}", record.code.version),
        commit: match &record.code {
            CodeVersion { commit: Some(commit), dirty: true, .. } => format!("{commit} with changes"),
            CodeVersion { commit, .. } => commit.clone().unwrap_or_default(),
        },
        device: record.device.clone(),
        wall_seconds: record.wall_seconds,
        images_per_second: record.images_per_second,
        started_unix: record.started_unix,
        threads: record.threads,
        host: record.host.clone(),
        checkpoint: record.checkpoint.clone(),
        remarks: record.remarks.clone(),
    }
}
