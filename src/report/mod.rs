//! Results become text and drawings: tables, figures, status, plans and progress lines. Never prints, never touches
//! files, has no clock.
//!
//! What is known about a job enters as a [`JobView`]; every renderer is a function from data to `String`, so equal
//! inputs give equal bytes.

mod cell;
mod cited;
mod compare;
mod csv;
mod differences;
mod field_text;
mod figure;
mod html;
mod labels;
mod latex;
mod layout;
mod lineage;
mod lines;
mod markdown;
mod notes;
mod outlook;
mod plan_text;
mod progress;
mod rank;
mod standing;
mod statistics;
mod summary;
mod table;
mod terminal;
mod tidy;
mod time;
mod view;
mod widths;

pub use self::{
    cell::{Cell, CellText, PublishedValue},
    compare::{ComparedJob, Comparison, compare_jobs, compare_stores, compare_tables, lonely_table},
    csv::table_csv,
    differences::job_differences,
    field_text::field_text,
    figure::{Curves, curves, figure, not_drawn, png},
    html::html,
    labels::job_labels,
    latex::latex,
    lineage::{lineage, neighborhood, staleness},
    markdown::markdown,
    outlook::{Outlook, Place},
    plan_text::plan_text,
    progress::{Outcome, Progress},
    rank::Rank,
    standing::{CellState, SeedResult},
    statistics::{mean, sample_deviation},
    summary::{count, summary},
    table::{Column, Row, Table},
    terminal::terminal,
    tidy::tidy_csv,
    time::{date, rfc3339},
    view::{DoneView, JobView},
};
