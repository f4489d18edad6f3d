//! Starts `ablate job` processes for the executor, and checks what they claim.

use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};

use super::{error::chain, needs::Needs, places::Places, shapes::Shapes};
use crate::{
    plan::JobId,
    schedule::{Failure, FailureClass, Launch, LocalJobs, Outcome},
    store::Store,
};

/// Starts `ablate job` processes.
pub struct ChildJobs {
    /// This program.
    pub program: PathBuf,
    /// Where results go.
    pub store: Store,
    /// What jobs need.
    pub needs: Needs,
    /// Where they run.
    pub places: Arc<Places>,
    /// Time between checkpoints.
    pub checkpoint_every: Duration,
    /// Epochs between checkpoints, if there are to be more for their sake.
    pub checkpoint_epochs: Option<u32>,
    /// Time between signs of life.
    pub alive_every: Duration,
    /// Whether the last checkpoint of a job stays when it is done.
    pub keep_last: bool,
    /// Which jobs need as much memory as each other.
    pub shapes: Shapes,
}

/// How many milliseconds the allocator waits before it gives freed memory back to the kernel; never, if negative. A step
/// frees and takes the same large blocks as the one before, and the kernel would clean them anew (docs/performance.md).
const KEEP_FREED: &str = "MIMALLOC_PURGE_DELAY";

impl LocalJobs for ChildJobs {
    fn command(&self, launch: &Launch) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("job").arg(launch.job.to_string()).arg("--store").arg(self.store.root());
        self.places.equip(&mut command, launch);
        if std::env::var_os(KEEP_FREED).is_none() {
            command.env(KEEP_FREED, "-1");
        }
        command.arg("--checkpoint-every").arg((self.checkpoint_every.as_secs_f64() / 60.0).to_string());
        if let Some(epochs) = self.checkpoint_epochs {
            command.arg("--checkpoint-epochs").arg(epochs.to_string());
        }
        command.arg("--alive-every").arg(self.alive_every.as_secs_f64().to_string());
        if self.keep_last {
            command.arg("--keep-checkpoint");
        }
        if let Some(folder) = self.needs.folders.get(&launch.job) {
            command.arg("--data-dir").arg(folder);
        }
        if let Some(images) = self.needs.micro_batch(launch.job, launch.cuts) {
            command.arg("--micro-batch").arg(images.to_string());
        }
        if self.kin(launch).is_some() {
            command.arg("--stay");
        }
        command
    }

    /// On a GPU, where a process takes long to begin, jobs in the same place that take as much memory: what one process has
    /// once reserved it keeps.
    fn kin(&self, launch: &Launch) -> Option<String> {
        let gpu = self.places.gpu_memory.is_some();
        gpu.then(|| format!("{:?} {} {}", launch.slots, self.shapes.index(launch.job), launch.cuts))
    }

    fn log(&self, job: JobId) -> PathBuf {
        self.store.log_path(job)
    }

    fn judge(&self, job: JobId) -> Outcome {
        let failure = |message: String| Outcome::Failed(Failure::new(FailureClass::Storage, message));
        match self.store.record(job) {
            Ok(Some(_)) => Outcome::Succeeded,
            Ok(None) => failure("the job said it was done, but its record is not in the store".to_owned()),
            Err(error) => failure(chain(&error)),
        }
    }
}
