//! What happens to jobs, as the journal keeps it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Record;
use crate::plan::JobId;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened, in milliseconds since 1970 (UTC).
    pub time_unix_ms: u64,
    /// The job.
    pub job: JobId,
    /// What happened to it.
    pub event: JobEvent,
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum JobEvent {
    /// A run is going to start it.
    Queued,
    /// An executor started it.
    Started {
        /// The number of the attempt, from 1.
        attempt: u32,
        /// Its process, where there is one on this machine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
        /// The first slot it occupies.
        slot: usize,
        /// Bytes of memory that were set aside for it; 0 if its needs were not known.
        #[serde(default, skip_serializing_if = "is_zero")]
        memory: u64,
        /// How often its batch was cut into smaller parts, since larger ones did not fit.
        #[serde(default, skip_serializing_if = "is_zero")]
        cuts: u64,
        /// Jobs that shared its device from then on, this one included, where jobs compete for one.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        together: u64,
    },
    /// It finished, and its record is published.
    Succeeded {
        /// The outcome, so that tables need no other file.
        #[serde(with = "shared")]
        record: Arc<Record>,
    },
    /// It ended without a result.
    Failed {
        /// The class of failure in one word, for example `out-of-memory`.
        class: String,
        /// What went wrong, for people.
        message: String,
        /// Whether the run that is at work is going to try it again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// It was stopped from outside; nothing is wrong with it.
    Interrupted,
    /// The run was told to go on without the jobs whose data files are absent, and this is one of them.
    WithoutData {
        /// Which files are absent, for people.
        message: String,
    },
    /// It cannot run because a job that it needs failed.
    Skipped {
        /// The job that failed.
        because: JobId,
    },
}

fn one() -> u64 {
    1
}

fn is_one(number: &u64) -> bool {
    *number == 1
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A record is written and read like one that is not shared.
mod shared {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(record: &Arc<Record>, serializer: S) -> Result<S::Ok, S::Error> {
        record.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Record>, D::Error> {
        Record::deserialize(deserializer).map(Arc::new)
    }
}
