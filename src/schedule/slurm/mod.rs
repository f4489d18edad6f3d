//! Slurm: jobs of the plan as jobs of a cluster.
//!
//! [`Client`] is the only place where Slurm's commands are run and their output is read.

mod client;
mod command;
mod error;
mod id;
mod listing;
mod partition;
mod state;

pub use client::{Client, Submission};
pub use error::ClientError;
pub use id::{ParseSlurmIdError, SlurmId};
pub use listing::{Exit, Listed};
pub use partition::{Gres, Partition};
pub use state::SlurmState;
