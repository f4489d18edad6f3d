//! The state of all jobs at one moment, replayed from the journal.

use std::{collections::BTreeMap, sync::Arc};

use super::{Entry, JobEvent, Record};
use crate::plan::JobId;

/// The class of failure of a job that had too little memory, as the journal names it.
const OUT_OF_MEMORY: &str = "out of memory";

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
    /// Bytes of memory that were set aside for it and were not enough; 0 if that never happened.
    pub too_little: u64,
    /// How often its batch was cut when it was last started.
    pub cuts: u64,
    /// Bytes of memory that were set aside for it then.
    pub cut_with: u64,
    /// Jobs that shared its device when it was last started, this one included.
    pub together: u64,
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
        let mut too_little = before.as_ref().map_or(0, |status| status.too_little);
        let (mut cuts, mut cut_with, mut together) =
            before.as_ref().map_or((0, 0, 1), |status| (status.cuts, status.cut_with, status.together));
        match (&event, before.as_ref().map(|status| &status.state)) {
            (JobEvent::Failed { class, .. }, Some(JobEvent::Started { memory, .. })) if class == OUT_OF_MEMORY => {
                too_little = too_little.max(*memory);
            }
            (JobEvent::Started { cuts: now, memory, together: company, .. }, _) => {
                (cuts, cut_with, together) = (*now, *memory, *company);
            }
            _ => {}
        }
        let status = JobStatus {
            time_unix_ms,
            queued_unix_ms: (event == JobEvent::Queued).then_some(time_unix_ms),
            record: match &event {
                JobEvent::Succeeded { record } => Some(Arc::clone(record)),
                _ => before.and_then(|status| status.record),
            },
            attempts: attempts.saturating_add(u32::from(matches!(event, JobEvent::Started { .. }))),
            too_little,
            cuts,
            cut_with,
            together,
            state: event,
        };
        self.jobs.insert(job, status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    #[test]
    fn what_was_too_little_memory_is_remembered() {
        let job = fixture::id(1);
        let mut snapshot = Snapshot::default();
        let mut apply = |event| snapshot.apply(&Entry { time_unix_ms: 1, job, event });
        let started = |memory, cuts| JobEvent::Started { attempt: 1, pid: None, slot: 0, memory, cuts, together: 2 };
        let failed =
            |class: &str| JobEvent::Failed { class: class.into(), message: String::new(), again: class != "killed" };
        for event in [started(500, 0), failed("out of memory"), started(900, 1), failed("killed"), started(400, 1)] {
            apply(event);
        }
        apply(JobEvent::Succeeded { record: fixture::record(1).into() });
        let status = &snapshot.jobs[&job];
        assert_eq!((status.too_little, status.cuts, status.cut_with), (500, 1, 400));
        assert_eq!((status.together, status.attempts), (2, 3));
    }
}
