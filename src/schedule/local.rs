//! Runs every job as a child process on this machine, so that whatever happens to a job happens to one process.

use std::{
    path::PathBuf,
    process::Command,
    sync::{Arc, mpsc::Sender},
};

use super::{
    Event, Executor, Launch, NextJob, Outcome, StartError,
    worker::{Attempt, Worker},
};
use crate::plan::JobId;

/// What the local executor asks about the jobs it runs.
pub trait LocalJobs: Send + Sync {
    /// The command that does a job on the slots that it was given and writes [`JobMessage`](super::JobMessage) lines to
    /// its standard output. Its standard streams are set by the executor.
    ///
    /// SIGTERM asks the process to save its work and end. It should end by that signal and not by an exit code, so
    /// that a request from elsewhere counts as [`FailureClass::Killed`](super::FailureClass::Killed) and is retried.
    fn command(&self, launch: &Launch) -> Command;

    /// What a job shares with those that its process can do after it: place, settings and memory. `None` if the process
    /// ends with its job. One that stays says that its job is done and then reads a [`NextJob`] from its standard input;
    /// after a failure it ends.
    fn kin(&self, launch: &Launch) -> Option<String>;

    /// The file that the job's standard error is appended to; its folder exists.
    fn log(&self, job: JobId) -> PathBuf;

    /// Checks the claim of a job's process that the job's record is in the store.
    fn judge(&self, job: JobId) -> Outcome;
}

/// Runs every job as a child process.
pub struct LocalExecutor {
    jobs: Arc<dyn LocalJobs>,
    sender: Sender<Event>,
    workers: Vec<Worker>,
}

impl LocalExecutor {
    /// An executor which sends its events to `sender`.
    pub fn new(jobs: Arc<dyn LocalJobs>, sender: Sender<Event>) -> Self {
        Self { jobs, sender, workers: Vec::new() }
    }

    /// Lets an idle process of the job's kind do it; gives the attempt back if none does.
    fn hand_over(&mut self, mut attempt: Attempt, command: &Command, kin: &str, log: PathBuf) -> Option<Attempt> {
        let arguments = command.get_args().map(|argument| argument.to_str().map(str::to_owned));
        let Some(arguments) = arguments.collect() else { return Some(attempt) };
        let next = NextJob { arguments, log };
        for worker in self.workers.iter_mut().filter(|worker| worker.waits_for(kin)) {
            match worker.go_on(attempt, &next) {
                Ok(()) => return None,
                // It has died meanwhile, or is about to be ended with the other idle ones.
                Err((back, _)) => attempt = back,
            }
        }
        Some(attempt)
    }
}

impl Executor for LocalExecutor {
    fn start(&mut self, launch: &Launch) -> Result<(), StartError> {
        self.workers.retain(|worker| !worker.has_ended());
        let (log, command, kin) = (self.jobs.log(launch.job), self.jobs.command(launch), self.jobs.kin(launch));
        let mut attempt = Attempt::new(launch, &log)?;
        if let Some(kin) = &kin {
            match self.hand_over(attempt, &command, kin, log) {
                None => return Ok(()),
                Some(back) => attempt = back,
            }
        }
        // What idle processes hold of a device's memory may be needed now.
        self.workers.extract_if(.., |worker| worker.is_idle()).for_each(Worker::dismiss);
        let worker = Worker::start(attempt, command, kin, Arc::clone(&self.jobs), self.sender.clone())?;
        self.workers.push(worker);
        Ok(())
    }

    fn cancel(&mut self, job: JobId) {
        self.workers.iter().filter(|worker| worker.does(job)).for_each(Worker::cancel);
    }

    fn kill(&mut self, job: JobId) {
        self.workers.iter().filter(|worker| worker.does(job)).for_each(Worker::kill);
    }
}

impl Drop for LocalExecutor {
    fn drop(&mut self) {
        self.workers.iter().for_each(Worker::kill);
    }
}
