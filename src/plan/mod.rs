//! The job graph: trials become jobs with content-hashed ids, and equal jobs become one. No clock, no file system.

mod cells;
mod cost;
mod duration;
mod estimate;
mod form;
mod graph;
mod job;
mod memory;
mod priority;
mod render;
mod timeline;
mod version;

#[cfg(test)]
pub(crate) mod fixture;

pub use cells::cells;
pub use cost::{Cost, forward_macs, parameters};
pub use duration::{Durations, Level, Likeness, Measured, Sample};
pub use estimate::Estimate;
pub use graph::{Plan, PlannedTrial};
pub use job::{Job, JobId, ParseJobIdError};
pub use memory::{Batch, cut_batch, evaluation_bytes};
pub use priority::Turn;
pub use version::Versions;
