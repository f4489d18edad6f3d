//! `run --json`: what happens, as one line of JSON per event on standard output, for other programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CliError, machine, print};
use crate::{
    plan::JobId,
    recipe::Metric,
    schedule::{Change, JobState, Progress, Summary},
    store::Snapshot,
};

/// A line. Fields may be added, never renamed: programs read them.
#[derive(Serialize)]
struct Line<'a> {
    /// Milliseconds since 1970 (UTC).
    time_unix_ms: u64,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    /// The run is about to begin: how many jobs it has to do.
    Run { jobs: usize, done_before: usize },
    /// A job started.
    Started { job: JobId, kind: &'a str, label: &'a str, attempt: usize, slot: usize, memory: u64 },
    /// A running job finished an epoch.
    Epoch { job: JobId, epoch: usize, epochs: usize, loss: f64, images_per_second: f64, memory: Option<u64> },
    /// A running job began something else.
    Phase { job: JobId, name: &'a str },
    /// A running job says something that a person should know, such as what it waits for.
    Note { job: JobId, name: &'a str },
    /// A job waits in the queue of a cluster.
    Queued { job: JobId, name: &'a str },
    /// A device is out of the run, since jobs failed on it.
    DeviceLost { device: &'a str },
    /// A job is done.
    Done { job: JobId, metrics: BTreeMap<&'a str, f64>, wall_seconds: f64 },
    /// A job failed and will be tried again.
    Delayed { job: JobId, class: String, message: &'a str },
    /// A job failed.
    Failed { job: JobId, class: String, message: &'a str },
    /// A job will not run, since another failed.
    Skipped { job: JobId, because: JobId },
    /// A job was stopped, or will not start any more.
    Interrupted { job: JobId },
    /// The run is over.
    Finished { done: usize, failed: usize, skipped: usize, interrupted: usize, tables: &'a str },
}

/// Where events go, if anybody wants them.
pub struct Events {
    /// Whether anybody does.
    pub wanted: bool,
}

impl Events {
    fn write(&self, event: Event<'_>) -> Result<(), CliError> {
        if !self.wanted {
            return Ok(());
        }
        let line = serde_json::to_string(&Line { time_unix_ms: machine::unix_ms(), event })
            .map_err(|error| CliError::failed(format!("cannot write an event as JSON: {error}")))?;
        print(&(line + "\n"))
    }

    /// The run is about to begin.
    pub fn begin(&self, jobs: usize, done_before: usize) -> Result<(), CliError> {
        self.write(Event::Run { jobs, done_before })
    }

    /// A running job got on.
    pub fn progress(&self, job: JobId, progress: &Progress) -> Result<(), CliError> {
        self.write(match progress {
            Progress::Epoch(epoch) => Event::Epoch {
                job,
                epoch: epoch.epoch,
                epochs: epoch.epochs,
                loss: epoch.loss,
                images_per_second: epoch.images_per_second,
                memory: epoch.memory,
            },
            Progress::Phase(phase) => Event::Phase { job, name: &phase.name },
            Progress::Note(phase) => Event::Note { job, name: &phase.name },
            Progress::Queued(phase) => Event::Queued { job, name: &phase.name },
            Progress::Alive(_) => return Ok(()),
        })
    }

    /// A device is out of the run.
    pub fn lost(&self, device: &str) -> Result<(), CliError> {
        self.write(Event::DeviceLost { device })
    }

    /// A job of this kind and label is in another state, which the snapshot knows already.
    pub fn change(&self, change: &Change, (kind, label): (&str, &str), snapshot: &Snapshot) -> Result<(), CliError> {
        let job = change.job;
        match &change.to {
            JobState::Running(launch) => {
                let (attempt, memory) = (launch.attempt, launch.memory);
                let slot = launch.slots.first().copied().unwrap_or_default();
                self.write(Event::Started { job, kind, label, attempt, slot, memory })
            }
            JobState::Done { .. } => {
                let Some(record) = snapshot.record(job) else { return Ok(()) };
                let name = |(metric, &value): (&Metric, &f64)| (metric.name(), value);
                let metrics = record.metrics.iter().map(name).collect();
                self.write(Event::Done { job, metrics, wall_seconds: record.wall_seconds })
            }
            JobState::Delayed { failure, .. } => {
                self.write(Event::Delayed { job, class: failure.class.to_string(), message: &failure.message })
            }
            JobState::Failed(failure) => {
                self.write(Event::Failed { job, class: failure.class.to_string(), message: &failure.message })
            }
            JobState::Skipped { because } => self.write(Event::Skipped { job, because: *because }),
            JobState::Interrupted => self.write(Event::Interrupted { job }),
            JobState::Waiting { .. } | JobState::Ready => Ok(()),
        }
    }

    /// The run is over, and its tables are in a folder.
    pub fn finish(&self, summary: Option<&Summary>, tables: &str) -> Result<(), CliError> {
        let none = Summary::default();
        let Summary { done, failed, skipped, interrupted, .. } = summary.unwrap_or(&none);
        let (done, failed, skipped, interrupted) = (*done, failed.len(), *skipped, *interrupted);
        self.write(Event::Finished { done, failed, skipped, interrupted, tables })
    }
}
