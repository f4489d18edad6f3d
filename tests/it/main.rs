//! The integration tests: one binary, one module per subject.

/// Data sets: real CIFAR where it is at hand.
mod data;
/// Results as text: tables in every format, status, plan and progress.
mod report;
mod schedule;
mod sweep;
