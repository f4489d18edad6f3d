//! `ablate` turns a declarative sweep file into a paper table.

pub mod cli;
pub mod plan;
pub mod recipe;
pub mod report;
pub mod schedule;
pub mod store;
pub mod sweep;
pub mod train;
