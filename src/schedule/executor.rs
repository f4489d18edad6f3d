//! What the scheduler needs of whatever runs the jobs.

use std::{fmt, io, path::PathBuf};

use super::{Failure, FailureClass, Launch};
use crate::plan::JobId;

/// Runs jobs. For every job it started it sends exactly one [`Event::Ended`](super::Event::Ended), as its last word
/// on that attempt.
pub trait Executor {
    /// Starts a job and returns without waiting for it. A job that could not be started sends no events.
    fn start(&mut self, launch: &Launch) -> Result<(), StartError>;

    /// Asks a running job to stop as soon as it has saved its work.
    fn cancel(&mut self, job: JobId);

    /// Ends a running job at once.
    fn kill(&mut self, job: JobId);

    /// All jobs that are to start now were said, so that those that go together can.
    fn flush(&mut self) {}

    /// The run is given up in the midst of its work. Ends a running job, unless it can do without the run.
    fn abandon(&mut self, job: JobId) {
        self.kill(job);
    }
}

/// A job could not be started.
#[derive(Debug)]
pub struct StartError {
    /// What could not be done.
    pub kind: StartErrorKind,
    /// What the system said.
    pub source: io::Error,
}

/// What could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartErrorKind {
    /// Open the job's log.
    Log {
        /// The file.
        path: PathBuf,
    },
    /// Start the job's process.
    Process {
        /// The program.
        program: String,
    },
    /// Start the thread that waits for the process.
    Thread,
}

impl StartError {
    /// The failure of the job that could not be started.
    pub fn failure(&self) -> Failure {
        let class = match (self.source.kind(), &self.kind) {
            (io::ErrorKind::OutOfMemory, _) => FailureClass::OutOfMemory,
            (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => FailureClass::DiskFull,
            // Too many processes for the moment.
            (io::ErrorKind::WouldBlock, _) => FailureClass::Killed,
            (_, StartErrorKind::Log { .. }) => FailureClass::Storage,
            (_, StartErrorKind::Process { .. } | StartErrorKind::Thread) => FailureClass::Bug,
        };
        Failure::new(class, format!("{self}: {}", self.source))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            StartErrorKind::Log { path } => write!(f, "cannot open the log {}", path.display()),
            StartErrorKind::Process { program } => write!(f, "cannot start a process of {program}"),
            StartErrorKind::Thread => f.write_str("cannot start a thread that waits for the process"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
