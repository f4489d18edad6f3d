//! The integration tests: one binary, one module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and one that skips says so"
)]

/// Augmentation against independent values.
mod augmentation;
/// The program as a user runs it: commands, exit codes, crashes.
mod cli;
/// Data sets: real CIFAR where it is at hand.
mod data;
/// Evaluation protocols against scikit-learn and NumPy.
mod evaluation;
/// What trains moves, what is frozen stays.
mod learning;
/// Losses, optimizers, schedules and layers against float64 values.
mod numerics;
/// The exported page in a browser.
mod page;
/// Evaluations as a whole.
mod protocol;
/// Impossible recipes.
mod recipe;
/// Recipes for tests.
mod recipes;
/// Results as text: tables in every format, status, plan and progress.
mod report;
/// Encoders against torchvision.
mod resnet;
/// The local executor with real processes.
mod schedule;
/// Slurm: private clusters.
mod slurm;
/// Softmax regression in float64.
mod softmax;
/// Sweep files, right and wrong.
mod sweep;
/// The architecture itself.
mod tidy;
/// Training as a whole.
mod train;
/// Watchers of jobs.
mod watching;
