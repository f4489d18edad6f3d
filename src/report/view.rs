//! What a report needs to know of a job; whoever reads the store fills it in.

use std::sync::Arc;

use crate::recipe::Metrics;

/// Where a job stands.
#[derive(Clone, Debug, PartialEq)]
pub enum JobView {
    /// Nothing is known of it: it never ran.
    Missing,
    /// It waits for its parents or for a device.
    Queued,
    /// It runs.
    Running {
        /// Share that is done, between 0 and 1, if known.
        progress: Option<f64>,
    },
    /// It ended well.
    Done(Arc<DoneView>),
    /// It ended badly.
    Failed {
        /// The kind of failure, such as "out of memory".
        class: String,
        /// What the job said last.
        message: String,
    },
    /// It cannot run here.
    WithoutData {
        /// Which files are absent.
        message: String,
    },
    /// It never ran, but what its cell asked for before the sweep or the program was changed did.
    Stale {
        /// What has changed since then.
        why: String,
    },
    /// It will not run.
    Skipped {
        /// Why not, such as "pretrain 3f2a9c01 failed".
        because: String,
    },
}

/// The record of a job that ended well.
#[derive(Clone, Debug, PartialEq)]
pub struct DoneView {
    /// What it measured.
    pub metrics: Metrics,
    /// How the metrics were obtained, in one line.
    pub protocol: String,
    /// Fingerprint of the images it saw; empty if it saw none.
    pub data: String,
    /// Version of the code that ran.
    pub code: String,
    /// The commit it was built from, if known, and whether there were further changes.
    pub commit: String,
    /// The device it ran on.
    pub device: String,
    /// What computed its networks; empty if it has none or computed nothing.
    pub backend: String,
    /// Duration in seconds.
    pub wall_seconds: f64,
    /// Throughput.
    pub images_per_second: f64,
    /// When it started, in seconds since 1970-01-01 UTC.
    pub started_unix: u64,
    /// CPU threads it used.
    pub threads: usize,
    /// The machine it ran on.
    pub host: String,
    /// BLAKE3 hash of the encoder that it made, if it made one.
    pub checkpoint: Option<String>,
    /// What there is to say about how its numbers came about.
    pub remarks: Vec<String>,
}

impl JobView {
    /// The record, if the job is done.
    pub fn record(&self) -> Option<&DoneView> {
        match self {
            Self::Done(record) => Some(record),
            _ => None,
        }
    }

    /// The state in one word, for CSV and for counting.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Queued => "queued",
            Self::Running { .. } => "running",
            Self::Done(_) => "done",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::WithoutData { .. } => "no data",
            Self::Stale { .. } => "stale",
        }
    }
}
