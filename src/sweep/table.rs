//! The tables a sweep file asks for.

use serde::Deserialize;

use super::selection::Condition;
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
    /// Axes whose product makes the columns; may be empty. Every axis of the sweep is in `rows`, `columns` or `over`,
    /// once.
    pub columns: Vec<usize>,
    /// Axes over whose values a cell averages, as over seeds (Figures B.7 and B.8).
    pub over: Vec<usize>,
    /// Which trials it shows: those that meet one of the conditions, or all without any.
    pub only: Vec<Condition>,
    /// The innermost columns; at least one.
    pub metrics: Vec<MetricColumn>,
    /// Whether the columns end with the average of each row, for each metric (Figure 5).
    pub average: bool,
    /// How the table is also drawn.
    pub figure: Option<Figure>,
    /// Among which cells the best and the second best are marked, for each metric.
    pub best: Option<Best>,
    /// What the paper found.
    pub published: Option<Published>,
    /// Rows of numbers that others found, above those of the sweep.
    pub cited: Vec<CitedRow>,
    /// What readers of the table should know besides.
    pub note: Option<String>,
}

impl TableSpec {
    /// Whether the trial at a point is shown.
    pub fn shows(&self, point: &[usize]) -> bool {
        self.only.is_empty() || self.only.iter().any(|condition| condition.takes(point))
    }
}

/// A drawing of a table with one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Figure {
    /// Colored cells with their numbers, as the paper's Figure 5.
    HeatMap,
    /// Grouped bars, as the paper's Figures 8 and 9.
    Bars {
        /// What makes the groups; the other side makes the bars of each group. Of several axes, the innermost makes
        /// the groups and the others make panels.
        groups: Side,
    },
    /// Points over the number of the encoder's parameters, as the paper's Figure 7.
    Scatter {
        /// What makes the series; the other side makes the points of each series.
        series: Side,
    },
}

/// A side of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Side {
    /// Its rows.
    Rows,
    /// Its columns.
    Columns,
}

/// Cells that are compared with each other: the best and the second best are marked, and whether the best is better than
/// the second by more than chance, by the two-sided paired t-test over the seeds. Its p is not corrected for the two
/// having been chosen by the same numbers; a lead that is the same for every seed has no spread and is not tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Best {
    /// Those of each row.
    Row,
    /// Those of each column.
    Column,
    /// Those of the whole table.
    Table,
}

/// Published numbers beside which the cells are set.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Where they stand, such as "SimCLR, Table 1".
    pub source: String,
    /// How far a cell may be from its number and still count as reproduced, in the metric's unit: one for each metric of
    /// the table, or one for all.
    pub tolerance: Vec<f64>,
    /// One list per row of the table, one number per column, the averages last; none where nothing is published.
    pub values: Vec<Vec<Option<f64>>>,
}

impl Published {
    /// The profile whose results are the paper's experiments, beside the base as it is.
    pub const PROFILE: &str = "paper";
}

/// A row whose numbers are taken from a paper; nothing is compared with them.
#[derive(Clone, Debug, PartialEq)]
pub struct CitedRow {
    /// Its labels, one for each axis that makes rows.
    pub labels: Vec<String>,
    /// Where the numbers stand, such as "SimCLR, Table 6".
    pub source: String,
    /// One number per column, the averages last; none where nothing is given.
    pub values: Vec<Option<f64>>,
}

/// One metric shown by a table.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricColumn {
    /// What is shown.
    pub metric: Metric,
    /// The evaluation it comes from, as an index into `Sweep::evaluations`; `None` for metrics of pretraining.
    pub evaluation: Option<usize>,
}
