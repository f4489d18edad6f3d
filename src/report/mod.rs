//! Results become text: tables, status, plans and progress lines. Never prints, never touches files, has no clock.
//!
//! What is known about a job enters as a [`JobView`]; every renderer is a function from data to `String`, so equal
//! inputs give equal bytes.

mod cell;
mod csv;
mod labels;
mod latex;
mod layout;
mod lines;
mod markdown;
mod notes;
mod plan_text;
mod progress;
mod statistics;
mod summary;
mod table;
mod terminal;
mod tidy;
mod time;
mod view;
mod widths;

pub use self::{
    cell::{Cell, CellState, CellText, PublishedValue, SeedResult},
    csv::table_csv,
    labels::job_labels,
    latex::latex,
    markdown::markdown,
    plan_text::plan_text,
    progress::{Outcome, Progress},
    statistics::{mean, sample_deviation},
    summary::summary,
    table::{Column, Row, Table},
    terminal::terminal,
    tidy::tidy_csv,
    time::{date, rfc3339},
    view::{DoneView, JobView},
};
