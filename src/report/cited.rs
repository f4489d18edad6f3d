//! Rows whose numbers are taken from papers: shown above those of the sweep, marked, and never compared with anything.

use super::{
    cell::Cell,
    lines::one_line,
    standing::CellState,
    table::{Choice, Row},
};
use crate::{
    recipe::Metric,
    sweep::{CitedRow, Sweep, TableSpec},
};

/// The marks of the sources, in the order in which footnotes use them.
const MARKS: [&str; 4] = ["†", "‡", "§", "¶"];

/// The mark of each source of a table, in the order of their first rows.
fn sources<'s>(sweep: &Sweep, spec: &'s TableSpec) -> Vec<(&'s str, String)> {
    let mut sources: Vec<(&str, String)> = vec![];
    for row in sweep.cited(spec) {
        if sources.iter().all(|(source, _)| *source != row.source) {
            let number = sources.len();
            sources.push((&row.source, MARKS[number % MARKS.len()].repeat(number / MARKS.len() + 1)));
        }
    }
    sources
}

/// The rows. `places` says of each column of the table where it stands among the values of a cited row.
pub(super) fn rows(sweep: &Sweep, spec: &TableSpec, places: &[usize]) -> Vec<Row> {
    let sources = sources(sweep, spec);
    let row = |cited: &CitedRow| {
        let mark = sources.iter().find(|(source, _)| *source == cited.source).map_or("", |(_, mark)| mark);
        let cell = |&place: &usize| {
            let metric = spec.metrics[place % spec.metrics.len()].metric;
            let value = cited.values.get(place).copied().flatten();
            value.map_or_else(|| Cell::not_planned(metric), |value| Cell::cited(metric, value, mark))
        };
        let labels = cited.labels.iter().map(|label| one_line(label));
        Row { labels: labels.collect(), cells: places.iter().map(cell).collect() }
    };
    sweep.cited(spec).iter().map(row).collect()
}

/// What the marks mean.
pub(super) fn notes(sweep: &Sweep, spec: &TableSpec) -> Vec<String> {
    let note = |(source, mark): (&str, String)| format!("{mark} cited from {source}; not measured here");
    sources(sweep, spec).into_iter().map(note).collect()
}

/// One number of a cited row.
pub(super) struct Citation<'s> {
    /// Its label on each axis of the sweep.
    pub labels: Vec<&'s str>,
    /// The evaluation; none of metrics of pretraining.
    pub evaluation: Option<usize>,
    /// What it measures.
    pub metric: Metric,
    /// The number.
    pub value: f64,
    /// Where it stands.
    pub source: &'s str,
}

/// All cited numbers of a table but averages.
pub(super) fn citations<'s>(sweep: &'s Sweep, spec: &'s TableSpec) -> Vec<Citation<'s>> {
    let mut found = vec![];
    if sweep.cited(spec).is_empty() {
        return found;
    }
    let columns = all_choices(sweep, &spec.columns);
    for row in sweep.cited(spec) {
        let cells = columns.iter().flat_map(|choice| spec.metrics.iter().map(move |shows| (choice, shows)));
        for ((choice, shows), value) in cells.zip(&row.values) {
            let Some(value) = *value else { continue };
            let mut labels = vec![""; sweep.axes.len()];
            spec.rows.iter().zip(&row.labels).for_each(|(&axis, label)| labels[axis] = label);
            choice.iter().for_each(|&(axis, value)| labels[axis] = &sweep.axes[axis].values[value].label);
            let (evaluation, metric) = (shows.evaluation, shows.metric);
            found.push(Citation { labels, evaluation, metric, value, source: &row.source });
        }
    }
    found
}

/// Every combination of the values of some axes, the last axis varying fastest; of no axes, the empty combination.
fn all_choices(sweep: &Sweep, axes: &[usize]) -> Vec<Choice> {
    axes.iter().fold(vec![vec![]], |choices, &axis| {
        let values = 0..sweep.axes[axis].values.len();
        let with = |choice: &Choice| {
            let choice = choice.clone();
            values.clone().map(move |value| [choice.as_slice(), &[(axis, value)]].concat())
        };
        choices.iter().flat_map(with).collect()
    })
}

impl Cell {
    /// A number from a paper.
    fn cited(metric: Metric, value: f64, mark: &str) -> Self {
        Self { state: CellState::Cited(mark.to_owned()), mean: Some(value), ..Self::not_planned(metric) }
    }
}
