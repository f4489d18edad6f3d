//! Reads what a sweep file says about its tables, and checks it against the axes and evaluations.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Figure, MetricColumn, Side, TableSpec,
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::Section,
    outline::{DELETE, Outline, RENAME, elements, line, repeated},
    published,
    selection::conditions,
    syntax::{Kind, Node},
    vocabulary::{listing, suggestion},
};
use crate::recipe::Metric;

/// The parts that a table may do without.
const OPTIONAL: [&str; 8] = ["over", "only", "average", "best", "figure", "published", "cited", "note"];

/// The tables of a sweep; incomplete if anything was reported.
pub(super) fn read(node: &Node, outline: &Outline, findings: &mut Findings) -> Vec<TableSpec> {
    let mut names = BTreeMap::new();
    let mut tables = vec![];
    for node in elements(node, "`tables`", "table", findings) {
        if findings.is_full() {
            break;
        }
        let fields = ["name", "title", "rows", "columns", "metrics"];
        let section = Section::open(node, "this table", &fields, &OPTIONAL, findings);
        let name = section.get("name").and_then(|node| file_stem(node, &mut names, findings));
        let title = section.get("title").and_then(|node| line(node, "the title of this table", findings));
        let [rows, columns, over] = read_axes(section, outline, findings);
        let only = section.get("only").map(|node| conditions(node, "only", outline, findings)).unwrap_or_default();
        let metrics = section.get("metrics").map(|node| read_metrics(node, outline, findings)).unwrap_or_default();
        let average = section.get("average").and_then(|node| decode(node, "`average`", findings)).unwrap_or(false);
        if let (Some(name), Some(title)) = (name, title) {
            let title = title.to_owned();
            let best = section.get("best").and_then(|node| decode(node, "`best`", findings));
            let figure = section.get("figure").and_then(|node| decode(node, "`figure`", findings));
            let mut table = TableSpec {
                name,
                title,
                rows,
                columns,
                over,
                only,
                metrics,
                average,
                best,
                figure,
                published: None,
                cited: vec![],
                note: None,
            };
            table.note = section.get("note").and_then(|node| line(node, "`note`", findings)).map(str::to_owned);
            if let (Some(node), true, true) = (section.get("average"), average, !table.over.is_empty()) {
                let message = "a table whose cells average over axes has no averages of rows";
                findings.push(
                    Diagnostic::new(node.mark.clone(), message, "averages of averages")
                        .help("leave out `average`, or write the axes of `over` as rows or columns"),
                );
            }
            if let (Some(node), true) = (section.get("figure"), findings.is_empty()) {
                findings.extend(undrawable(&table, node, outline));
            }
            // The numbers can only be counted if all that they stand beside is right.
            if findings.is_empty() {
                let published = section.get("published");
                table.published = published.and_then(|node| published::read(node, &table, outline, findings));
                let cited = section.get("cited").map(|node| published::cited(node, &table, outline, findings));
                table.cited = cited.unwrap_or_default();
            }
            tables.push(table);
        }
    }
    tables
}

/// Why a table cannot be drawn as it asks for.
fn undrawable(table: &TableSpec, node: &Node, outline: &Outline) -> Option<Diagnostic> {
    let wrong =
        |message: &str, help: &str| Some(Diagnostic::new(node.mark.clone(), message, "not of this table").help(help));
    if table.metrics.len() != 1 {
        let message = format!("a figure shows one metric, and this table has {}", table.metrics.len());
        return wrong(&message, "make a second table with the metric to draw");
    }
    let several = |axes: &[usize]| axes.iter().any(|&axis| outline.axes[axis].values.len() > 1);
    match table.figure? {
        Figure::Bars { groups: Side::Columns } if table.columns.is_empty() => {
            wrong("this table has no columns to make groups of", "write `figure: Bars(groups: Rows)`")
        }
        Figure::Scatter { series: Side::Rows } if !several(&table.columns) => wrong(
            "each row is a series of points, and this table has one column",
            "write `figure: Scatter(series: Columns)`",
        ),
        Figure::Scatter { .. } if !table.over.is_empty() => wrong(
            "a cell that averages over axes has no encoder whose size could be drawn",
            "write the axes of `over` as rows or columns, or draw `figure: Bars(groups: Rows)`",
        ),
        Figure::Scatter { .. } if table.average => wrong(
            "averages have no encoder whose size could be drawn",
            "leave out `average`, or write `figure: HeatMap`",
        ),
        _ => None,
    }
}

/// The name of the file with one row per job and metric, which stands beside the tables.
const TAKEN: &str = "jobs";
/// How the names of learning curves begin, which stand there, too.
const CURVES: &str = "curves-";
/// Longest name of a table; file systems allow a little more, and endings follow.
const LONGEST_NAME: usize = 100;

/// The name of a table, which is also the name of a file; case does not tell files apart everywhere.
fn file_stem(node: &Node, seen: &mut BTreeMap<String, Range<usize>>, findings: &mut Findings) -> Option<String> {
    let name = line(node, "the name of this table", findings)?;
    if name.len() > LONGEST_NAME {
        let message = "the name of a table becomes a file name";
        let label = format!("longer than {LONGEST_NAME} characters");
        let help = "write a shorter name; the title may be long";
        findings.push(Diagnostic::new(node.mark.clone(), message, label).help(help));
        return None;
    }
    if name.eq_ignore_ascii_case(TAKEN) {
        findings.push(
            Diagnostic::new(node.mark.clone(), "the name of a table becomes a file name", "this one is taken")
                .help(format!("choose another name: `{TAKEN}.csv` holds the numbers of all jobs")),
        );
        return None;
    }
    if name.to_ascii_lowercase().starts_with(CURVES) {
        findings.push(
            Diagnostic::new(node.mark.clone(), "the name of a table becomes a file name", "this one is taken")
                .help(format!("choose another name: those of learning curves begin with `{CURVES}`")),
        );
        return None;
    }
    if name.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '_')) {
        findings.extend(repeated(seen, name.to_ascii_lowercase(), &node.mark, "two tables have the same name", RENAME));
        return Some(name.to_owned());
    }
    let plain: String = name
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' })
        .collect();
    findings.push(
        Diagnostic::new(node.mark.clone(), "the name of a table becomes a file name", "has other characters")
            .help(format!("use letters, digits, `-` and `_` only: `\"{}\"`; the title may contain anything", plain)),
    );
    None
}

/// The axes of the rows and of the columns, as indices; every axis must be used once.
fn read_axes(section: Section, outline: &Outline, findings: &mut Findings) -> [Vec<usize>; 3] {
    let names: Vec<_> = outline.axes.iter().map(|axis| axis.name).collect();
    let places = &outline.axis_places;
    // Without usable axes, complaints about references to them would only repeat what is reported already.
    let all_named = !names.is_empty() && !names.contains(&"") && places.len() == names.len();
    let mut used = BTreeMap::new();
    let mut complete = all_named;
    let sides = ["rows", "columns", "over"].map(|side| {
        let Some(node) = section.get(side) else {
            complete &= side == "over";
            return vec![];
        };
        let nodes = match &node.kind {
            Kind::List(nodes) if side == "columns" => nodes,
            _ => elements(node, &format!("`{side}`"), "axis", findings),
        };
        let mut indices = vec![];
        for node in nodes {
            let index = line(node, "the name of an axis", findings).and_then(|name| {
                places.get(name).copied().or_else(|| {
                    if all_named {
                        findings.push(unknown(node, name, "axis", "axes", &names));
                    }
                    None
                })
            });
            complete &= index.is_some();
            if let Some(index) = index {
                if let Some(first) = used.insert(index, node.mark.clone()) {
                    let message = format!("axis `{}` is used twice by this table", names[index]);
                    let diagnostic = Diagnostic::new(node.mark.clone(), message, "again here");
                    findings.push(diagnostic.related(first, "first here").help(DELETE));
                }
                indices.push(index);
            }
        }
        indices
    });
    let absent: Vec<_> =
        names.iter().enumerate().filter(|(index, _)| !used.contains_key(index)).map(|(_, name)| name).collect();
    if let (true, false, Some(rows)) = (complete, absent.is_empty(), section.get("rows")) {
        let axes = listing(&absent, "and");
        findings.push(
            Diagnostic::new(rows.mark.clone(), format!("this table leaves out {axes}"), "every axis must be used once")
                .help(format!("add {axes} to `rows` or `columns`, or to `over` to average over them")),
        );
    }
    sides
}

fn read_metrics(node: &Node, outline: &Outline, findings: &mut Findings) -> Vec<MetricColumn> {
    let mut seen = BTreeMap::new();
    let mut columns = vec![];
    for node in elements(node, "`metrics`", "metric", findings) {
        if findings.is_full() {
            break;
        }
        let section = Section::open(node, "this metric", &["metric"], &["evaluation"], findings);
        let Some(metric) = section.get("metric").and_then(|node| decode::<Metric>(node, "`metric`", findings)) else {
            continue;
        };
        let Ok(evaluation) = read_evaluation(node, metric, section.get("evaluation"), outline, findings) else {
            continue;
        };
        findings.extend(repeated(
            &mut seen,
            (metric, evaluation),
            &node.mark,
            "a metric is shown twice by this table",
            DELETE,
        ));
        columns.push(MetricColumn { metric, evaluation });
    }
    columns
}

/// The evaluation that a metric comes from, as an index; `Err` if it is reported as wrong.
fn read_evaluation(
    node: &Node,
    metric: Metric,
    evaluation: Option<&Node>,
    outline: &Outline,
    findings: &mut Findings,
) -> Result<Option<usize>, ()> {
    let (name, place) = match (metric.of_pretraining(), evaluation) {
        (true, None) => return Ok(None),
        (true, Some(place)) => {
            let message = format!("`{}` is measured while pretraining, not by an evaluation", metric.name());
            let help = format!("write `(metric: {})`", metric.name());
            findings.push(Diagnostic::new(place.mark.clone(), message, "not expected").help(help));
            return Err(());
        }
        (false, None) => {
            let message = format!("`{}` needs the evaluation it comes from", metric.name());
            let name = outline.evaluations.first().map_or("…", |entry| entry.label);
            let help = format!("write `(metric: {}, evaluation: \"{name}\")`", metric.name());
            findings.push(Diagnostic::new(node.mark.clone(), message, "no evaluation is named").help(help));
            return Err(());
        }
        (false, Some(place)) => (line(place, "`evaluation`", findings).ok_or(())?, place),
    };
    if let Some(&index) = outline.evaluation_places.get(name) {
        return Ok(Some(index));
    }
    if !outline.evaluations.is_empty() {
        let names: Vec<_> = outline.evaluations.iter().map(|entry| entry.label).collect();
        findings.push(unknown(place, name, "evaluation", "evaluations", &names));
    }
    Err(())
}

fn unknown(node: &Node, name: &str, what: &str, all: &str, names: &[&str]) -> Diagnostic {
    Diagnostic::new(node.mark.clone(), format!("there is no {what} `{name}`"), format!("unknown {what}"))
        .help(suggestion(name, names, all))
}
