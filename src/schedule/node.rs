//! What there is to schedule and to schedule it on.

use std::{fmt, time::Duration};

use crate::plan::JobId;

/// A job as the scheduler sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its identity.
    pub job: JobId,
    /// The jobs that must be done before it starts.
    pub parents: Vec<JobId>,
    /// Of two ready jobs, the one with the larger priority starts first.
    pub priority: f64,
    /// Of two ready jobs of the same priority, the one with the smaller round starts first: one seed of every cell before
    /// the second of any.
    pub round: usize,
    /// Of two ready jobs of the same round, the one on which the longer chain of work hangs starts first.
    pub chain: f64,
    /// Position of its shape among the shapes.
    pub shape: usize,
    /// How long it is expected to run, if that is known.
    pub expected: Option<Duration>,
    /// The longest it may run; a job that goes on from a checkpoint has as much again.
    pub time_limit: Option<Duration>,
    /// Whether its record is in the store already.
    pub done: bool,
}

impl Node {
    /// A job of the first shape that goes neither before nor after others.
    pub fn new(job: JobId, parents: Vec<JobId>) -> Self {
        Self {
            job,
            parents,
            priority: 0.0,
            round: 0,
            chain: 0.0,
            shape: 0,
            expected: None,
            time_limit: None,
            done: false,
        }
    }
}

impl Shape {
    /// The shape of jobs of whose memory nothing is known.
    pub const UNKNOWN: Self = Self {
        demand: Demand::Shared { memory: 0 },
        measured: 0,
        least: 0,
        cuts: 0,
        most_cuts: 0,
        together: Vec::new(),
    };
}

/// What jobs have in common that need as much memory as each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// What each of them takes while it runs, as far as is known before.
    pub demand: Demand,
    /// The most bytes that one of its jobs was seen to take in an earlier run; 0 if none was.
    pub measured: u64,
    /// Bytes below which its jobs are known to fail; 0 if that is not known.
    pub least: u64,
    /// How often its batches are cut into smaller parts, since an earlier run found that they do not fit.
    pub cuts: usize,
    /// How often they can be cut when they do not fit a whole device.
    pub most_cuts: usize,
    /// Images per second of one, two, … of its jobs together on a contended device, as far as earlier runs tell.
    pub together: Vec<f64>,
}

/// What a job takes while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// One slot of one device and so many bytes of its memory; others may run beside it.
    Shared {
        /// In bytes; 0 if nothing is known. More than any device has counts as all that the largest has.
        memory: u64,
    },
    /// So many devices for itself.
    Whole {
        /// At least one.
        devices: usize,
    },
}

/// What jobs run on. Slots are numbered through all devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its parts; each belongs to one job at a time.
    pub slots: usize,
    /// Jobs that may run on it at the same time; no more than slots.
    pub jobs: usize,
    /// Bytes that these may take together.
    pub memory: u64,
    /// What its slots are.
    pub sharing: Sharing,
}

/// What the slots of a device are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Places, of which each job has one.
    Places,
    /// The cores of a processor: those that are free are divided among the jobs that are ready, and a job gets at least
    /// the share of all that it takes of the memory.
    Cores,
    /// Places on a device for all of which jobs compete, as on a GPU: more of them are let onto it only while that gets
    /// more work done.
    Contended,
    /// Places in an allocation of a cluster, which is asked for with all the jobs that are to share it: others come to it
    /// only when all of them have ended.
    Packed,
}

/// What is set aside for a job by the bytes that one like it took.
pub fn with_margin(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 10)
}

/// What to do about failures, silence and stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How often a job is started at most when its failures may pass; at least once.
    pub attempts: usize,
    /// How long to wait before the second attempt; each further one waits twice as long.
    pub backoff: Duration,
    /// Whether the first job that fails for good keeps all others from starting.
    pub fail_fast: bool,
    /// How long a job that was asked to stop may take to keep its work.
    pub grace: Duration,
    /// How long a job may say nothing before it counts as hung; for ever if `None`.
    pub silence: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Duration::from_secs(5),
            fail_fast: false,
            grace: Duration::from_secs(10),
            silence: None,
        }
    }
}

/// The nodes cannot be scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphError {
    /// There is nowhere to run anything.
    NoSlots,
    /// Two nodes are the same job.
    Twice {
        /// The job.
        job: JobId,
    },
    /// A parent is missing, or comes after its child.
    ParentNotBefore {
        /// The child.
        job: JobId,
        /// The parent.
        parent: JobId,
    },
    /// A node names a shape that is not there.
    NoShape {
        /// The job.
        job: JobId,
    },
    /// A job wants more devices for itself than there are.
    TooFewDevices {
        /// The job.
        job: JobId,
        /// How many it wants.
        wanted: usize,
        /// How many there are.
        there: usize,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlots => f.write_str("no job can run with zero slots; allow at least one"),
            Self::Twice { job } => write!(f, "job {job} is planned twice"),
            Self::ParentNotBefore { job, parent } => {
                write!(f, "job {job} needs job {parent}, which does not come before it in the plan")
            }
            Self::NoShape { job } => write!(f, "job {job} is of a shape that was not given"),
            Self::TooFewDevices { job, wanted, there } => {
                write!(f, "job {job} needs {wanted} devices and there are {there}: give it fewer, or add devices")
            }
        }
    }
}

impl std::error::Error for GraphError {}
