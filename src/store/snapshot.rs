//! The state of all jobs at one moment, replayed from the journal.

use std::{collections::BTreeMap, sync::Arc};

use super::{Entry, JobEvent, Record};
use crate::plan::JobId;

/// The state of all jobs that the journal mentions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The jobs.
    pub jobs: BTreeMap<JobId, JobStatus>,
    /// What could not be read and what that means, one sentence each, for people.
    pub problems: Vec<String>,
}

/// The state of one job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStatus {
    /// The last event; that it was queued only if it was never started: until it is, why it failed before is worth more.
    pub state: JobEvent,
    /// When that was, in milliseconds since 1970 (UTC).
    pub time_unix_ms: u64,
    /// When a run queued it, in milliseconds since 1970 (UTC), if nothing happened to it since.
    pub queued_unix_ms: Option<u64>,
    /// The latest success, even if the job was started again since then to repair its checkpoint.
    pub record: Option<Arc<Record>>,
    /// How many times it was started.
    pub attempts: u32,
}

impl Snapshot {
    /// The outcome of a job, if it ever succeeded.
    pub fn record(&self, id: JobId) -> Option<&Record> {
        self.jobs.get(&id)?.record.as_deref()
    }

    /// Follows one event.
    pub fn apply(&mut self, entry: &Entry) {
        let Entry { time_unix_ms, job, event } = entry.clone();
        if let (JobEvent::Queued, Some(status)) = (&event, self.jobs.get_mut(&job)) {
            status.queued_unix_ms = Some(time_unix_ms);
            return;
        }
        let before = self.jobs.remove(&job);
        let attempts = before.as_ref().map_or(0, |status| status.attempts);
        let status = JobStatus {
            time_unix_ms,
            queued_unix_ms: (event == JobEvent::Queued).then_some(time_unix_ms),
            record: match &event {
                JobEvent::Succeeded { record } => Some(Arc::clone(record)),
                _ => before.and_then(|status| status.record),
            },
            attempts: attempts.saturating_add(u32::from(matches!(event, JobEvent::Started { .. }))),
            state: event,
        };
        self.jobs.insert(job, status);
    }
}
