//! `ablate` turns a declarative sweep file into a paper table.
//!
//! **Bird's-eye view.** The table is the build target. A sweep file ([`sweep`]) holds a complete [`recipe`], axes that
//! change it and tables to fill. Its trials become jobs with content-hashed ids ([`plan`]); jobs whose record is in
//! the results folder ([`store`]) are done, the others run ([`schedule`]), each in a process of its own that trains
//! and evaluates ([`train`]). Records become cells and cells become tables ([`report`]). [`cli`] wires all this up.
//!
//! **Who may import whom**, kept by `tests/it/tidy.rs`:
//!
//! ```text
//! main → cli → report → schedule → plan → sweep → recipe
//!              report → store → plan
//!        cli → train → recipe
//! ```
//!
//! **Invariants.**
//! - `recipe`, `sweep` and `plan` touch no file, clock or environment; `report` returns text and pictures and prints nothing.
//! - The scheduler is a pure state machine: events and the time go in, actions come out.
//! - Only `store` knows the layout of the results folder, and what it has acknowledged survives a crash.
//! - `train` has never heard of sweeps; it meets the store in `cli::job` alone.
//! - Results depend on the recipe and the seed only: not on threads, on the order of jobs or on that of data files. One
//!   exception: where the memory does not hold a batch, batch normalization sees the micro-batch; the protocol says so.
//!   On a GPU kernels are chosen by time, so there bits may differ; records say what was computed on.
//!
//! **Files on disk.** `sweeps/*.ron` are sweep files, `results/` is the default store (see [`store`]).

pub mod recipe;
pub mod sweep;

pub mod plan;

pub mod schedule;
pub mod store;

pub mod report;
pub mod train;

pub mod cli;
