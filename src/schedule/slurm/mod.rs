//! Slurm: jobs of the plan as jobs of a cluster.
//!
//! [`SlurmExecutor`] runs jobs. A thread of its own submits them, looks at the queue and at what jobs write into the
//! store, and finds out what has become of them; what it needs to know outlives it in the store ([`Handed`]), so that the
//! next run goes on where this one ends, wherever and however. [`Client`] is the only place where Slurm's commands are run and their output is read.

mod client;
mod cluster;
mod command;
mod error;
mod executor;
mod follow;
mod id;
mod jobs;
mod judge;
mod listing;
mod nodes;
mod pack;
mod partition;
mod poll;
mod queue;
mod script;
mod state;
mod submit;
#[cfg(test)]
mod tests;

pub use client::{Client, Submission};
pub use error::ClientError;
pub use executor::{Patience, SlurmExecutor};
pub use id::{ParseSlurmIdError, SlurmId};
pub use jobs::{Handed, SlurmJobs};
pub use listing::{Exit, Listed};
pub use partition::{Gres, Partition};
pub use queue::Queue;
pub use script::{Site, asked, prefix};
pub use state::SlurmState;
pub use submit::scripts;
