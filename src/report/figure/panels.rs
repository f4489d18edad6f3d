//! The cells of a table as bars: in groups, and in one panel for each combination of the outer axes of the groups.

use crate::{
    report::{
        cell::Cell,
        table::{Column, Row, Table},
    },
    sweep::Side,
};

/// Everything that bars show.
pub(super) struct Panels<'t> {
    /// The panels in their order.
    pub panels: Vec<Panel<'t>>,
    /// What the bars of each group are.
    pub bars: Vec<String>,
    /// The axes that the bars of a group stand for.
    pub bars_axis: String,
    /// The axis that the groups of a panel stand for.
    pub axis: String,
    /// How many panels belong side by side.
    pub across: usize,
}

/// Groups that share their outer labels.
pub(super) struct Panel<'t> {
    /// The outer labels with their axes; empty if there are none.
    pub title: String,
    /// The groups, left to right.
    pub groups: Vec<Group<'t>>,
}

/// Bars that stand together.
pub(super) struct Group<'t> {
    /// Its label.
    pub label: String,
    /// One cell per bar.
    pub cells: Vec<&'t Cell>,
}

/// Panels side by side at most.
const MOST_ACROSS: usize = 4;

impl<'t> Panels<'t> {
    /// The panels of a table of one metric, whose rows or columns are the groups.
    pub fn new(table: &'t Table, groups: Side) -> Self {
        let by_row = || table.rows.iter().map(|row| (&row.labels, row.cells.iter().collect::<Vec<_>>()));
        let by_column = || {
            let cells = |index: usize| table.rows.iter().filter_map(move |row| row.cells.get(index)).collect();
            table.columns.iter().enumerate().map(move |(index, column)| (&column.labels, cells(index)))
        };
        let (axes, others) = match groups {
            Side::Rows => (&table.row_axes, &table.column_axes),
            Side::Columns => (&table.column_axes, &table.row_axes),
        };
        let (labelled, bars): (Vec<_>, Vec<String>) = match groups {
            Side::Rows => (by_row().collect(), table.columns.iter().map(column_label).collect()),
            Side::Columns => (by_column().collect(), table.rows.iter().map(row_label).collect()),
        };
        let mut panels: Vec<(Vec<String>, Panel)> = Vec::new();
        for (labels, cells) in labelled {
            let (inner, outer) = labels.split_last().map_or((String::new(), vec![]), |(inner, outer)| {
                // The average has a label for the outermost axis only.
                if inner.is_empty() { (labels[0].clone(), vec![]) } else { (inner.clone(), outer.to_vec()) }
            });
            let group = Group { label: inner, cells };
            match panels.last_mut() {
                Some((of, panel)) if *of == outer => panel.groups.push(group),
                _ => {
                    let title = axes.iter().zip(&outer).map(|(axis, label)| format!("{axis} {label}"));
                    panels.push((
                        outer.clone(),
                        Panel { title: title.collect::<Vec<_>>().join(", "), groups: vec![group] },
                    ));
                }
            }
        }
        let across = across(&panels.iter().map(|(outer, _)| outer.as_slice()).collect::<Vec<_>>());
        Self {
            panels: panels.into_iter().map(|(_, panel)| panel).collect(),
            bars,
            bars_axis: others.join(", "),
            axis: axes.last().cloned().unwrap_or_default(),
            across,
        }
    }
}

/// How many panels stand side by side: those that differ in the innermost of several axes, or as many as fit.
fn across(outer: &[&[String]]) -> usize {
    let of_first = outer
        .iter()
        .take_while(|labels| labels.split_last().map(|(_, rest)| rest) == outer[0].split_last().map(|(_, rest)| rest));
    let alike = of_first.count();
    if (2..=MOST_ACROSS).contains(&alike) { alike } else { outer.len().min(MOST_ACROSS - 1) }
}

/// The labels of a column on one line; those of an average are empty below the first.
pub(super) fn column_label(column: &Column) -> String {
    joined(&column.labels)
}

/// The labels of a row on one line.
pub(super) fn row_label(row: &Row) -> String {
    joined(&row.labels)
}

fn joined(labels: &[String]) -> String {
    labels.iter().filter(|label| !label.is_empty()).cloned().collect::<Vec<_>>().join(", ")
}
