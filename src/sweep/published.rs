//! Reads the published numbers of a table, which have its shape, and the rows that it cites.

use std::collections::BTreeMap;

use super::{
    CitedRow, Published, TableSpec,
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::Section,
    outline::{Outline, RENAME, elements, line, repeated},
    syntax::{Kind, Node},
};

/// `(source: "…", tolerance: 1.0, values: [[64.5, None], …])`.
pub(super) fn read(node: &Node, table: &TableSpec, outline: &Outline, findings: &mut Findings) -> Option<Published> {
    let section = Section::open(node, "`published`", &["source", "tolerance", "values"], &[], findings);
    let source = section.get("source").and_then(|node| line(node, "`source`", findings));
    let tolerance = section.get("tolerance").and_then(|node| tolerances(node, table.metrics.len(), findings));
    let values = section.get("values").and_then(|node| values(node, table, outline, findings));
    Some(Published { source: source?.to_owned(), tolerance: tolerance?, values: values? })
}

/// One tolerance for all metrics, or a list of one for each.
fn tolerances(node: &Node, metrics: usize, findings: &mut Findings) -> Option<Vec<f64>> {
    let nodes = if let Kind::List(nodes) = &node.kind { nodes.as_slice() } else { std::slice::from_ref(node) };
    if nodes.len() != 1 && nodes.len() != metrics {
        let message = format!("there are {} tolerances for {metrics} metrics", nodes.len());
        let help = "write one number, or a list with one number for each metric";
        findings.push(Diagnostic::new(node.mark.clone(), message, "one for each, or one for all").help(help));
        return None;
    }
    let mut read = |node: &Node| {
        let tolerance = decode::<f64>(node, "`tolerance`", findings)?;
        if tolerance < 0.0 {
            let message = "a tolerance must not be negative";
            findings.push(Diagnostic::new(node.mark.clone(), message, "not possible").help("write 0 or more"));
        }
        Some(tolerance)
    };
    nodes.iter().map(&mut read).collect()
}

/// `[(row: "…", source: "…", values: [60.6, None]), …]`; the row of a table with several row axes has as many labels.
pub(super) fn cited(node: &Node, table: &TableSpec, outline: &Outline, findings: &mut Findings) -> Vec<CitedRow> {
    let (_, width) = shape(table, outline);
    let mut seen = BTreeMap::new();
    let mut rows = vec![];
    for node in elements(node, "`cited`", "row", findings) {
        if findings.is_full() {
            break;
        }
        let section = Section::open(node, "this cited row", &["row", "source", "values"], &[], findings);
        let labels = section.get("row").and_then(|node| {
            let labels = labels(node, table, findings)?;
            findings.extend(repeated(
                &mut seen,
                labels.clone(),
                &node.mark,
                "two cited rows have the same labels",
                RENAME,
            ));
            Some(labels)
        });
        let source = section.get("source").and_then(|node| line(node, "`source`", findings)).map(str::to_owned);
        let values = section.get("values").and_then(|node| {
            match &node.kind {
                Kind::List(numbers) if numbers.len() != width => {
                    findings.push(wrong_shape(node, numbers.len(), "numbers in this row", width));
                }
                _ => {}
            }
            decode(node, "`values`", findings)
        });
        if let (Some(labels), Some(source), Some(values)) = (labels, source, values) {
            rows.push(CitedRow { labels, source, values });
        }
    }
    rows
}

fn labels(node: &Node, table: &TableSpec, findings: &mut Findings) -> Option<Vec<String>> {
    let nodes = if let Kind::List(nodes) = &node.kind { nodes.as_slice() } else { std::slice::from_ref(node) };
    if nodes.len() != table.rows.len() {
        let message = format!("there are {} labels, but {} axes make the rows", nodes.len(), table.rows.len());
        let help = "write one label for each axis in `rows`: `row: \"label\"`, or `row: [\"label\", \"label\"]`";
        findings.push(Diagnostic::new(node.mark.clone(), message, "does not fit the table").help(help));
        return None;
    }
    nodes.iter().map(|node| line(node, "the label of a cited row", findings).map(str::to_owned)).collect()
}

/// Number of rows of a table, and of numbers in each.
fn shape(table: &TableSpec, outline: &Outline) -> (usize, usize) {
    let size =
        |axes: &[usize]| axes.iter().fold(1_usize, |size, &axis| size.saturating_mul(outline.axes[axis].values.len()));
    let columns = size(&table.columns).saturating_add(table.average.into());
    (size(&table.rows), columns.saturating_mul(table.metrics.len()))
}

fn values(node: &Node, table: &TableSpec, outline: &Outline, findings: &mut Findings) -> Option<Vec<Vec<Option<f64>>>> {
    let (rows, width) = shape(table, outline);
    let lists = elements(node, "`values`", "row", findings);
    if lists.len() != rows {
        findings.push(wrong_shape(node, lists.len(), "rows", rows));
    }
    for list in lists {
        if let Kind::List(numbers) = &list.kind
            && numbers.len() != width
        {
            findings.push(wrong_shape(list, numbers.len(), "numbers in this row", width));
        }
    }
    decode(node, "`values`", findings)
}

fn wrong_shape(node: &Node, found: usize, what: &str, wanted: usize) -> Diagnostic {
    let message = format!("there are {found} {what}, but the table has {wanted}");
    let help = "write one list per row of the table and one number per column, metrics innermost, averages last; `None` \
                where nothing is published; combinations that `only` and `exclude` leave out count, too";
    Diagnostic::new(node.mark.clone(), message, "does not fit the table").help(help)
}
