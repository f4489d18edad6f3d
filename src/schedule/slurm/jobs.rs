//! What the executor for Slurm asks about the jobs it runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::SlurmId;
use crate::{
    plan::JobId,
    schedule::{Failure, Launch, Outcome},
    sweep::Resources,
};

/// A job as it was handed to Slurm. Written before that is done, so that a run that is cut off finds it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// Counted from 1 for each job.
    pub number: u64,
    /// The name in Slurm, which no other submission of the store has.
    pub name: String,
    /// Its task, if that is a job array.
    pub task: Option<u32>,
    /// Jobs in the same allocation, this one included.
    pub together: usize,
    /// Whether it may run as long as the cluster's file allows, not only as long as was expected of it.
    pub full_time: bool,
    /// Whether it was seen to be over, without a result.
    pub ended: bool,
    /// Slurm's number for it, kept once it was seen in the queue under its name: by it accounting is asked. Jobs are
    /// never cancelled by it, since a controller that lost its memory gives numbers again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slurm: Option<u64>,
}

impl Handed {
    /// Slurm's id for it, if its number was kept.
    pub(super) fn id(&self) -> Option<SlurmId> {
        self.slurm.map(|job| SlurmId { job, task: self.task })
    }
}

/// What the executor asks about the jobs it runs.
pub trait SlurmJobs: Send {
    /// What a job asks of the cluster.
    fn resources(&self, job: JobId) -> &Resources;

    /// The longest that a job should run, in minutes; `full` is as long as the cluster's file allows.
    fn minutes(&self, job: JobId, full: bool) -> Option<u64>;

    /// What `ablate job` is told besides the job, the store, the submission and the number of threads.
    fn arguments(&self, launch: &Launch) -> Vec<String>;

    /// What was handed to Slurm of a job last.
    fn handed(&self, job: JobId) -> Result<Option<Handed>, Failure>;

    /// Keeps that, durably.
    fn keep_handed(&self, job: JobId, handed: &Handed) -> Result<(), Failure>;

    /// Keeps all copies of a submission from writing results; they end when they notice.
    fn revoke(&self, job: JobId, number: u64) -> Result<(), Failure>;

    /// Where a start of a submission writes [`JobMessage`](crate::schedule::JobMessage)s.
    fn messages(&self, job: JobId, number: u64, restart: u32) -> PathBuf;

    /// Where its standard error goes.
    fn log(&self, job: JobId) -> PathBuf;

    /// Checks the claim of a job's process that the job's record is in the store; with its encoder, if `wholly`.
    fn judge(&self, job: JobId, wholly: bool) -> Outcome;
}
