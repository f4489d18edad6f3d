//! The states of a job, and how many jobs ended in which.

use std::time::Duration;

use super::{Failure, Launch};
use crate::plan::JobId;

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Some parents are not done.
    Waiting {
        /// How many.
        unfinished: usize,
    },
    /// Nothing but room on a device is missing.
    Ready,
    /// An executor has it.
    Running(Launch),
    /// It failed in a way that may pass, and will be ready again.
    Delayed {
        /// When.
        until: Duration,
        /// Why the last attempt failed.
        failure: Failure,
        /// What will be different next time.
        remedy: Remedy,
    },
    /// Its record is in the store. Final.
    Done {
        /// Whether it was there from the beginning.
        reused: bool,
    },
    /// It failed for good. Final.
    Failed(Failure),
    /// It needs a job that failed. Final.
    Skipped {
        /// The job that failed itself, however far up the graph.
        because: JobId,
    },
    /// The run was stopped before it could end or start; the next run takes it up. Final.
    Interrupted,
}

impl JobState {
    /// Whether the job will not leave this state within this run.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Waiting { .. } | Self::Ready | Self::Running(_) | Self::Delayed { .. } => false,
            Self::Done { .. } | Self::Failed(_) | Self::Skipped { .. } | Self::Interrupted => true,
        }
    }
}

/// What is done about a failure before the job is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing but waiting.
    Wait,
    /// It gets more memory, and with it all jobs of its shape.
    MoreMemory {
        /// In bytes.
        memory: u64,
    },
    /// Its batch goes through the network in smaller parts, and with it those of all jobs of its shape.
    SmallerParts,
}

/// How the jobs of a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of jobs that this run brought to their end.
    pub done: usize,
    /// Number of jobs that were done before.
    pub reused: usize,
    /// The jobs that failed, in plan order, and why.
    pub failed: Vec<(JobId, Failure)>,
    /// Number of jobs that need a failed one.
    pub skipped: usize,
    /// Number of jobs that were stopped or never started.
    pub interrupted: usize,
}

impl Summary {
    /// Counts one job that ended in `state`; one that has not ended counts as interrupted.
    pub(super) fn count(&mut self, job: JobId, state: &JobState) {
        match state {
            JobState::Done { reused: false } => self.done += 1,
            JobState::Done { reused: true } => self.reused += 1,
            JobState::Failed(failure) => self.failed.push((job, failure.clone())),
            JobState::Skipped { .. } => self.skipped += 1,
            _ => self.interrupted += 1,
        }
    }
}
