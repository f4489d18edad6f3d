//! The states of a job, and how many jobs ended in which.

use std::time::Duration;

use super::Failure;
use crate::plan::JobId;

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Some parents are not done.
    Waiting {
        /// How many.
        unfinished: usize,
    },
    /// Nothing but a free slot is missing.
    Ready,
    /// An executor has it.
    Running {
        /// The slot it occupies.
        slot: usize,
        /// Which start this is, counted from 1.
        attempt: usize,
    },
    /// It failed in a way that may pass, and will be ready again.
    Delayed {
        /// When.
        until: Duration,
        /// Which start that will be.
        attempt: usize,
        /// Why the last attempt failed.
        failure: Failure,
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
            Self::Waiting { .. } | Self::Ready | Self::Running { .. } | Self::Delayed { .. } => false,
            Self::Done { .. } | Self::Failed(_) | Self::Skipped { .. } | Self::Interrupted => true,
        }
    }
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
