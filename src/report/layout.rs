//! The one layout of a table, for all renderers: header rows with spans, and a body without repeated labels.

use std::ops::Range;

use super::{cell::Cell, table::Table};

/// Some columns of a table, laid out.
pub(super) struct Layout<'t> {
    /// Number of columns with row labels.
    pub stub: usize,
    /// The header, top to bottom: one row per column axis, then the metrics.
    pub header: Vec<HeaderRow<'t>>,
    /// The body, top to bottom.
    pub body: Vec<BodyRow<'t>>,
}

/// One row of the header.
pub(super) struct HeaderRow<'t> {
    /// Texts over the row labels: the name of the row's column axis; in the last row, the names of the row axes.
    pub stub: Vec<&'t str>,
    /// Texts over the cells.
    pub spans: Vec<Span<'t>>,
}

/// A heading over adjacent columns.
pub(super) struct Span<'t> {
    /// The heading.
    pub text: &'t str,
    /// Number of columns.
    pub columns: usize,
}

/// One row of the body.
pub(super) struct BodyRow<'t> {
    /// The row's labels; empty where the row above says the same.
    pub labels: Vec<&'t str>,
    /// The cells.
    pub cells: Vec<&'t Cell>,
}

impl<'t> Layout<'t> {
    /// Lays out the given columns of a table.
    pub fn new(table: &'t Table, columns: Range<usize>) -> Self {
        let stub = table.row_axes.len();
        let mut header: Vec<HeaderRow> = table
            .column_axes
            .iter()
            .enumerate()
            .map(|(level, axis)| {
                let mut over_labels = vec![""; stub];
                if let Some(last) = over_labels.last_mut() {
                    *last = axis.as_str();
                }
                HeaderRow { stub: over_labels, spans: spans(table, level, columns.clone()) }
            })
            .collect();
        header.push(HeaderRow {
            stub: table.row_axes.iter().map(String::as_str).collect(),
            spans: headings(table, columns.clone()),
        });
        let body = (0..table.rows.len())
            .map(|row| BodyRow {
                labels: labels(table, row),
                cells: table.rows[row].cells[columns.clone()].iter().collect(),
            })
            .collect();
        Self { stub, header, body }
    }
}

/// The headings of the columns; one over all if it is the same and labels tell the columns apart.
fn headings(table: &Table, columns: Range<usize>) -> Vec<Span<'_>> {
    let columns = &table.columns[columns];
    let same = columns.windows(2).all(|pair| pair[0].heading == pair[1].heading);
    match columns.first() {
        Some(first) if same && !table.column_axes.is_empty() => {
            vec![Span { text: &first.heading, columns: columns.len() }]
        }
        _ => columns.iter().map(|column| Span { text: &column.heading, columns: 1 }).collect(),
    }
}

/// The labels on one column axis, adjacent ones merged under equal outer labels.
fn spans(table: &Table, level: usize, columns: Range<usize>) -> Vec<Span<'_>> {
    table.columns[columns]
        .chunk_by(|left, right| left.labels[..=level] == right.labels[..=level])
        .map(|chunk| Span { text: &chunk[0].labels[level], columns: chunk.len() })
        .collect()
}

/// The labels of a row, except the outer ones that it shares with the row above.
fn labels(table: &Table, row: usize) -> Vec<&str> {
    let own = &table.rows[row].labels;
    let above = row.checked_sub(1).map_or(&[][..], |above| &table.rows[above].labels);
    let shared = own.iter().zip(above).take_while(|(own, above)| own == above).count();
    own.iter().enumerate().map(|(index, label)| if index < shared { "" } else { label.as_str() }).collect()
}
