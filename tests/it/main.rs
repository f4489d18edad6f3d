//! The integration tests: one binary, one module per subject.

/// Results as text: tables in every format, status, plan and progress.
mod report;
