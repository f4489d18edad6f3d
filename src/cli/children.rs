//! Starts `ablate job` processes for the executor, and checks what they claim.

use std::{ffi::OsString, path::PathBuf, process::Command, sync::Arc, time::Duration};

use super::{
    args::{Keep, RunArgs},
    error::chain,
    needs::Needs,
    nodes::minutes,
    places::Places,
    shapes::Shapes,
};
use crate::{
    plan::JobId,
    schedule::{Failure, FailureClass, Launch, LocalJobs, Outcome},
    store::{self, Record, Store},
};

/// Longest time between two signs of life of a job that gets on.
const ALIVE: Duration = Duration::from_secs(5);

/// Starts `ablate job` processes.
pub struct ChildJobs {
    /// This program.
    pub program: PathBuf,
    /// Where results go.
    pub store: Store,
    /// Where they run.
    pub places: Arc<Places>,
    /// What they are told.
    pub orders: Orders,
    /// Which jobs need as much memory as each other.
    pub shapes: Shapes,
}

/// What jobs are told that does not depend on where they run.
pub struct Orders {
    /// What jobs need.
    pub needs: Needs,
    /// Time between checkpoints.
    pub checkpoint_every: Duration,
    /// Epochs between checkpoints, if there are to be more for their sake.
    pub checkpoint_epochs: Option<u32>,
    /// Time between signs of life.
    pub alive_every: Duration,
    /// Whether the last checkpoint of a job stays when it is done.
    pub keep_last: bool,
}

/// How many milliseconds the allocator waits before it gives freed memory back to the kernel; never, if negative. A step
/// frees and takes the same large blocks as the one before, and the kernel would clean them anew (docs/performance.md).
const KEEP_FREED: &str = "MIMALLOC_PURGE_DELAY";

impl Orders {
    /// What the run was told to tell them.
    pub fn new(args: &RunArgs, needs: Needs) -> Self {
        Self {
            needs,
            checkpoint_every: minutes(args.checkpoint_every),
            checkpoint_epochs: args.checkpoint_epochs,
            alive_every: (minutes(args.hung_after) / 4).min(ALIVE),
            keep_last: args.keep == Keep::Last,
        }
    }

    /// The arguments of `ablate job` that say it.
    pub fn arguments(&self, launch: &Launch) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut say = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        say("--checkpoint-every", (self.checkpoint_every.as_secs_f64() / 60.0).to_string().into());
        say("--alive-every", self.alive_every.as_secs_f64().to_string().into());
        if let Some(epochs) = self.checkpoint_epochs {
            say("--checkpoint-epochs", epochs.to_string().into());
        }
        if let Some(folder) = self.needs.folders.get(&launch.job) {
            say("--data-dir", folder.into());
        }
        if let Some(images) = self.needs.micro_batch(launch.job, launch.cuts) {
            say("--micro-batch", images.to_string().into());
        }
        if self.keep_last {
            arguments.push("--keep-checkpoint".into());
        }
        arguments
    }
}

impl LocalJobs for ChildJobs {
    fn command(&self, launch: &Launch) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("job").arg(launch.job.to_string()).arg("--store").arg(self.store.root());
        self.places.equip(&mut command, launch);
        if std::env::var_os(KEEP_FREED).is_none() {
            command.env(KEEP_FREED, "-1");
        }
        command.args(self.orders.arguments(launch));
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
        judged(self.store.record(job))
    }
}

/// What becomes of a job that says it is done, by what the store has of it.
pub fn judged(found: Result<Option<Record>, store::Error>) -> Outcome {
    let failure = |message: String| Outcome::Failed(Failure::new(FailureClass::Storage, message));
    match found {
        Ok(Some(_)) => Outcome::Succeeded,
        Ok(None) => failure("the job said it was done, but its record is not in the store".to_owned()),
        Err(error) => failure(chain(&error)),
    }
}
