//! Runs jobs on a cluster: hands decisions of the scheduler to the thread that deals with Slurm.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::AtomicBool,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{Queue, Site, SlurmJobs, cluster::Cluster};
use crate::{
    plan::JobId,
    schedule::{Event, Executor, Launch, StartError, StartErrorKind},
};

/// How patient the executor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Least time between two looks at what jobs say.
    pub look: Duration,
    /// Least and longest time between two calls of squeue.
    pub poll: (Duration, Duration),
    /// How long a job may be unknown to Slurm and say nothing before it counts as lost.
    pub lost: Duration,
    /// How long what a job wrote on another machine may take to appear here.
    pub settle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            look: Duration::from_millis(50),
            poll: (Duration::from_secs(1), Duration::from_secs(15)),
            lost: Duration::from_secs(20),
            settle: Duration::from_secs(10),
        }
    }
}

/// What the run tells the thread.
pub(super) enum Command {
    Start(Launch),
    /// All that are to start now were said.
    Flush,
    Cancel(JobId),
    Kill(JobId),
}

/// Runs every job as a job of Slurm. What it started goes on when it is dropped: a later one finds it.
pub struct SlurmExecutor {
    /// `None` once the thread has been told to end.
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl SlurmExecutor {
    /// An executor which sends its events to `sender`. When `leaving` is set, jobs that are to be cancelled are left
    /// alone instead, and count as interrupted.
    pub fn new(
        site: Site,
        queue: Box<dyn Queue>,
        jobs: Box<dyn SlurmJobs>,
        patience: Patience,
        sender: Sender<Event>,
        leaving: Arc<AtomicBool>,
    ) -> Result<Self, StartError> {
        let (commands, receiver) = mpsc::channel();
        let mut cluster = Cluster::new(site, queue, jobs, patience, sender, leaving);
        let work = move || {
            // A panic must not keep the ends of jobs from being reported.
            if catch_unwind(AssertUnwindSafe(|| cluster.run(&receiver))).is_err() {
                cluster.give_up();
            }
        };
        let thread = thread::Builder::new().name("slurm".to_owned()).spawn(work);
        let thread = thread.map_err(|source| StartError { kind: StartErrorKind::Thread, source })?;
        Ok(Self { commands: Some(commands), thread: Some(thread) })
    }

    /// Answers whether there is somebody to tell. If the thread is gone, it has reported the ends of all jobs.
    fn tell(&self, command: Command) -> bool {
        self.commands.as_ref().is_some_and(|commands| commands.send(command).is_ok())
    }
}

impl Executor for SlurmExecutor {
    fn start(&mut self, launch: &Launch) -> Result<(), StartError> {
        if self.tell(Command::Start(launch.clone())) {
            return Ok(());
        }
        Err(StartError {
            kind: StartErrorKind::Thread,
            source: io::Error::other("the thread that deals with Slurm ended"),
        })
    }

    fn cancel(&mut self, job: JobId) {
        self.tell(Command::Cancel(job));
    }

    fn kill(&mut self, job: JobId) {
        self.tell(Command::Kill(job));
    }

    fn flush(&mut self) {
        self.tell(Command::Flush);
    }

    /// A cluster's jobs do without the run, and the next one finds them.
    fn abandon(&mut self, _job: JobId) {}
}

impl Drop for SlurmExecutor {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // It has caught its panic.
            let _ = thread.join();
        }
    }
}
