//! Decides which job runs when, and runs it: a pure state machine, the executors it commands, and the loop between.
//!
//! [`Scheduler`] decides and never acts. [`drive()`] hands its decisions to an [`Executor`] and the executor's events
//! back to it. Nothing here knows what a job computes.

mod crowd;
mod drive;
mod ending;
mod event;
mod executor;
mod failure;
mod gpus;
mod job_log;
mod local;
mod message;
mod node;
mod pool;
mod process;
mod scheduler;
mod scripted;
pub mod slurm;
mod state;
#[cfg(test)]
mod tests;
mod worker;

pub use drive::{Notice, drive};
pub use event::{Action, Change, Event, Launch, Outcome, Step};
pub use executor::{Executor, StartError, StartErrorKind};
pub use failure::{Failure, FailureClass, ParseFailureClassError};
pub use gpus::{ForeignProcess, Gpu, GpuError, Gpus, Slowdown, gpus, own_bytes};
pub use local::{LocalExecutor, LocalJobs};
pub use message::{Alive, Epoch, JobMessage, NextJob, Phase, Progress, STOPPED};
pub use node::{Demand, Device, GraphError, Node, Policy, Shape, Sharing, with_margin};
pub use scheduler::Scheduler;
pub use scripted::{Scripted, Take, simulate};
pub use state::{JobState, Remedy, Summary};
