//! What a run writes into the journal and onto the screen when a job changes its state.

use indicatif::DecimalBytes;

use super::{CliError, display::Display};
use crate::{
    report::Outcome,
    schedule::{Change, JobState, Remedy},
    store::{JobEvent, Snapshot, Store},
};

/// What the journal should say of a change; nothing for changes that a crash may forget.
pub fn event(change: &Change, store: &Store) -> Result<Option<JobEvent>, CliError> {
    Ok(match &change.to {
        JobState::Running(launch) => Some(JobEvent::Started {
            attempt: u32::try_from(launch.attempt).unwrap_or(u32::MAX),
            pid: None,
            slot: launch.slots.first().copied().unwrap_or_default(),
            memory: launch.memory,
            cuts: launch.cuts as u64,
            together: launch.together as u64,
        }),
        JobState::Done { reused: false } => {
            let record = store.record(change.job)?.ok_or_else(|| {
                CliError::failed(format!("the record of job {} is gone from the store", change.job.short()))
            })?;
            Some(JobEvent::Succeeded { record: record.into() })
        }
        JobState::Failed(failure) | JobState::Delayed { failure, .. } => {
            let again = matches!(change.to, JobState::Delayed { .. });
            Some(JobEvent::Failed { class: failure.class.to_string(), message: failure.message.clone(), again })
        }
        JobState::Skipped { because } => Some(JobEvent::Skipped { because: *because }),
        JobState::Interrupted if matches!(change.from, JobState::Running(_) | JobState::Delayed { .. }) => {
            Some(JobEvent::Interrupted)
        }
        _ => None,
    })
}

/// Shows a change that the snapshot knows already.
pub fn show(display: &mut Display, change: &Change, snapshot: &Snapshot) {
    let job = change.job;
    match &change.to {
        JobState::Running(launch) => display.started(launch),
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
        JobState::Delayed { failure, remedy, .. } => {
            let next = match remedy {
                Remedy::Wait => "it is tried again".to_owned(),
                Remedy::MoreMemory { memory } => {
                    format!("it is tried again with {} to itself, as will be others like it", DecimalBytes(*memory))
                }
                Remedy::SmallerParts => {
                    "it is tried again with its batch in smaller parts (micro-batches), as will be \
                                         others like it: the same gradient, but batch normalization sees the parts"
                        .to_owned()
                }
            };
            display.retried(job, &format!("retry   {}: {failure}; {next}", job.short()));
        }
        JobState::Skipped { because } => {
            display.ended(job, &Outcome::Skipped { because: format!("job {} failed", because.short()) });
        }
        JobState::Interrupted => display.say(&format!("stopped {}", job.short())),
        JobState::Waiting { .. } | JobState::Ready => {}
    }
}
