//! What the scheduler hears and what it answers.

use std::time::Duration;

use super::{Failure, JobState, Progress};
use crate::plan::JobId;

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The run begins.
    Begin,
    /// A running job got on, or lives at least.
    Progress {
        /// The job.
        job: JobId,
        /// How far it is.
        progress: Progress,
    },
    /// An executor has nothing more to do with a job it was told to start.
    Ended {
        /// The job.
        job: JobId,
        /// The attempt that ended, so that a late report is not taken for one of the next attempt.
        attempt: usize,
        /// How it ended.
        outcome: Outcome,
    },
    /// Time passed.
    Tick,
    /// Someone wants the run to end: the first time gently, the second time at once.
    Stop,
}

/// How one attempt at a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The job's record is in the store.
    Succeeded,
    /// It failed.
    Failed(Failure),
    /// It stopped because it was told to.
    Interrupted,
}

/// The scheduler's answer to one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// Which jobs changed state, in this order. A job that waits for one parent less is not mentioned.
    pub changes: Vec<Change>,
    /// Devices that are out of the run from now on, since jobs failed on them for no fault of their own.
    pub lost: Vec<usize>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a job.
    Start(Launch),
    /// Ask a running job to stop.
    Cancel {
        /// The job.
        job: JobId,
    },
    /// End a running job at once.
    Kill {
        /// The job.
        job: JobId,
    },
    /// Send [`Event::Tick`] at this time. Holds until the next step, which says so again if it is still needed.
    WakeAt(Duration),
    /// Every job has ended.
    Finished,
}

/// One start of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The job.
    pub job: JobId,
    /// The slots it occupies until it ends; no other running job has one of them. At least one.
    pub slots: Vec<usize>,
    /// Which start this is, counted from 1.
    pub attempt: usize,
    /// Bytes that are set aside for it on each of its devices.
    pub memory: u64,
    /// How often its batch is to be cut into smaller parts.
    pub cuts: usize,
    /// Jobs that share a contended device from then on, this one included; 1 on other devices.
    pub together: usize,
}

/// A job went from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The job.
    pub job: JobId,
    /// The state it left.
    pub from: JobState,
    /// The state it is in.
    pub to: JobState,
}
