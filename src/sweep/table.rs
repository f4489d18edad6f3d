//! The tables a sweep file asks for.

use crate::recipe::Metric;

/// A table: which axes make its rows and columns, and what stands in the cells.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSpec {
    /// File name of the exported table; letters, digits, `-` and `_`.
    pub name: String,
    /// The caption.
    pub title: String,
    /// Axes whose product makes the rows, as indices into `Sweep::axes`; at least one.
    pub rows: Vec<usize>,
    /// Axes whose product makes the columns; may be empty. Every axis of the sweep is in `rows` or `columns`, once.
    pub columns: Vec<usize>,
    /// The innermost columns; at least one.
    pub metrics: Vec<MetricColumn>,
}

/// One metric shown by a table.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricColumn {
    /// What is shown.
    pub metric: Metric,
    /// The evaluation it comes from, as an index into `Sweep::evaluations`; `None` for metrics of pretraining.
    pub evaluation: Option<usize>,
}
