//! The job graph: trials become jobs with content-hashed ids, and equal jobs become one. No clock, no file system.

mod graph;
mod job;

pub use graph::{Plan, PlannedTrial};
pub use job::{Job, JobId, ParseJobIdError};
