//! Reads the published numbers of a table, which have its shape.

use super::{
    Published, TableSpec,
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::Section,
    outline::{Outline, elements, line},
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

fn values(node: &Node, table: &TableSpec, outline: &Outline, findings: &mut Findings) -> Option<Vec<Vec<Option<f64>>>> {
    let size =
        |axes: &[usize]| axes.iter().fold(1_usize, |size, &axis| size.saturating_mul(outline.axes[axis].values.len()));
    let (rows, columns) = (size(&table.rows), size(&table.columns).saturating_add(table.average.into()));
    let width = columns.saturating_mul(table.metrics.len());
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
                where nothing is published";
    Diagnostic::new(node.mark.clone(), message, "does not fit the table").help(help)
}
