//! What the executor for Slurm asks about the jobs of a run.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    cli::{
        children::{Orders, judged},
        error::chain,
    },
    plan::JobId,
    schedule::{
        Failure, FailureClass, Launch, Outcome,
        slurm::{Handed, SlurmJobs},
    },
    store::{self, Store, Token},
    sweep::{Cluster, Resources},
};

/// A job gets so many times as long as jobs like it took, since nodes differ and share what they have.
const MARGIN: f64 = 3.0;
/// And so many minutes more, to load data and to write results.
const EXTRA: f64 = 10.0;

/// The jobs of a run on a cluster.
pub(super) struct ClusterJobs {
    pub(super) store: Store,
    pub(super) cluster: Cluster,
    pub(super) kinds: BTreeMap<JobId, &'static str>,
    /// How long they will take in seconds, as far as that is known.
    pub(super) expected: BTreeMap<JobId, f64>,
    pub(super) orders: Orders,
}

impl SlurmJobs for ClusterJobs {
    fn resources(&self, job: JobId) -> &Resources {
        self.cluster.resources(self.kinds.get(&job).copied().unwrap_or_default())
    }

    fn minutes(&self, job: JobId, full: bool) -> Option<u64> {
        let most = self.resources(job).time;
        match self.expected.get(&job) {
            Some(seconds) if !full => {
                // In steps, so that jobs like each other become one array.
                let learned = ((MARGIN * seconds / 60.0 + EXTRA) / 10.0).ceil() as u64 * 10;
                // The warning must not come at the beginning.
                let learned = learned.max(self.cluster.warning.div_ceil(20));
                Some(most.map_or(learned, |most| most.min(learned)))
            }
            _ => most,
        }
    }

    fn arguments(&self, launch: &Launch) -> Vec<String> {
        let arguments = self.orders.arguments(launch);
        // Paths that are not UTF-8 are refused before: the store holds them as JSON.
        let mut arguments: Vec<String> = arguments.into_iter().map(|it| it.to_string_lossy().into_owned()).collect();
        if self.resources(launch.job).gpu {
            arguments.push("--gpu".to_owned());
        }
        arguments
    }

    fn handed(&self, job: JobId) -> Result<Option<Handed>, Failure> {
        self.store.submission(job).map_err(|error| failure(&error))
    }

    fn keep_handed(&self, job: JobId, handed: &Handed) -> Result<(), Failure> {
        self.store.keep_submission(job, handed).map_err(|error| failure(&error))
    }

    fn revoke(&self, job: JobId, number: u64) -> Result<(), Failure> {
        self.store.revoke(job, number).map_err(|error| failure(&error))
    }

    fn messages(&self, job: JobId, submission: u64, restart: u32) -> PathBuf {
        self.store.messages_path(job, Token { submission, restart })
    }

    fn log(&self, job: JobId) -> PathBuf {
        self.store.log_path(job)
    }

    fn judge(&self, job: JobId, wholly: bool) -> Outcome {
        judged(if wholly { self.store.verify(job) } else { self.store.record(job) })
    }
}

fn failure(error: &store::Error) -> Failure {
    Failure::new(FailureClass::Storage, chain(error))
}
