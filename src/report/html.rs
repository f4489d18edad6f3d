//! All tables of a sweep as one HTML page that needs nothing else: every cell opens a
//! panel that shows where its number comes from.

use std::{collections::BTreeMap, fmt::Write as _};

use rayon::prelude::*;

use super::{
    cell::{Cell, CellText},
    figure::{Curves, figure},
    layout::{BodyRow, Layout},
    lineage::lineage,
    rank::Rank,
    standing::CellState,
    table::Table,
    view::JobView,
};
use crate::{
    plan::{JobId, Plan, PlannedTrial},
    sweep::Sweep,
};

/// The page of one sweep. `sweep_index` is its place among those planned together, `tables` and `curves` are what it
/// shows; `view` and `log` are those of [`lineage`].
pub fn html(
    sweep: &Sweep,
    sweep_index: usize,
    plan: &Plan,
    tables: &[Table],
    curves: &[Curves],
    view: &(dyn Fn(JobId) -> JobView + Sync),
    log: &(dyn Fn(JobId) -> Option<String> + Sync),
) -> String {
    let title = escape(&sweep.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    let mut planned: BTreeMap<&[usize], Vec<&PlannedTrial>> = BTreeMap::new();
    for trial in plan.trials.iter().filter(|trial| trial.sweep == sweep_index) {
        planned.entry(&trial.point).or_default().push(trial);
    }
    let behind = |point: &[usize]| {
        let planned = planned.get(point).map_or(&[][..], Vec::as_slice);
        escape(&lineage(sweep, plan, &sweep.trial_at(point.to_vec()), planned, view, log))
    };
    for table in tables {
        out += &section(sweep, table, &behind);
    }
    if !curves.is_empty() {
        out += "<h2 id=\"curves\">Learning curves</h2>\n";
        curves.iter().for_each(|curves| out += &inline(curves.svg.clone()));
    }
    let _ = writeln!(out, "<footer>written by ablate {}</footer>\n</body>\n</html>", env!("CARGO_PKG_VERSION"));
    out
}

const STYLE: &str = "\
body { font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em; color: #222; background: #fff; }
h2 { font-size: 1.1em; margin-top: 2em; }
div.table { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .25em .7em; text-align: right; vertical-align: top; border-bottom: 1px solid #ddd; white-space: nowrap; }
th { text-align: center; } th.row { text-align: left; font-weight: normal; }
td.best { font-weight: bold; }
td.off, td.bad { color: #a00; } td.open { color: #777; }
button { all: unset; cursor: pointer; border-bottom: 1px dotted #999; }
button:hover, button:focus-visible { background: #cde4ff; color: #000; }
[popover] { max-width: 90vw; max-height: 80vh; padding: .7em 1em; border: 1px solid #888; box-shadow: 0 4px 16px #0005; color: #222; background: #f8f8f8; }
pre { font-size: 12px; margin: 0; white-space: pre-wrap; }
ul { color: #555; font-size: 13px; }
svg { max-width: 100%; height: auto; }
footer { color: #777; margin-top: 3em; font-size: 13px; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; } [popover] { color: #ddd; background: #222; } ul { color: #aaa; } td.off, td.bad { color: #ff8a80; } td.open { color: #999; } figure, svg { background: #fff; } }
";

fn section(sweep: &Sweep, table: &Table, behind: &(dyn Fn(&[usize]) -> String + Sync)) -> String {
    let layout = Layout::new(table, 0..table.columns.len());
    let mut out =
        format!("<h2 id=\"{}\">{}</h2>\n<div class=\"table\"><table>\n<thead>\n", table.name, escape(&table.caption));
    for row in &layout.header {
        out += "<tr>";
        for text in &row.stub {
            let _ = write!(out, "<th class=\"row\">{}</th>", escape(text));
        }
        for span in &row.spans {
            let _ = write!(out, "<th colspan=\"{}\">{}</th>", span.columns, escape(span.text));
        }
        out += "</tr>\n";
    }
    out += "</thead>\n<tbody>\n";
    // A table may have thousands of cells, with a page of text behind each.
    let rows: Vec<(String, String)> = layout.body.par_iter().enumerate().map(|row| body(table, row, behind)).collect();
    let (lines, panels): (Vec<String>, Vec<String>) = rows.into_iter().unzip();
    lines.iter().for_each(|line| out += line);
    out += "</tbody>\n</table></div>\n";
    panels.iter().for_each(|panel| out += panel);
    out += "<ul>\n";
    for note in &table.notes {
        let _ = writeln!(out, "<li>{}</li>", escape(note));
    }
    out += "</ul>\n";
    out + &inline(figure(sweep, table).unwrap_or_default())
}

/// A row of a table's body, and the panels of its cells.
fn body(
    table: &Table,
    (index, row): (usize, &BodyRow),
    behind: &(dyn Fn(&[usize]) -> String + Sync),
) -> (String, String) {
    let (mut line, mut panels) = ("<tr>".to_owned(), String::new());
    for label in &row.labels {
        let _ = write!(line, "<th class=\"row\" scope=\"row\">{}</th>", escape(label));
    }
    for (column, cell) in row.cells.iter().enumerate() {
        let text = cell.text();
        let rank = if let CellText::Number { rank: Some(rank), .. } = text { rank.mark() } else { "" };
        let mut content = escape(&text.plain()) + rank;
        if !cell.points.is_empty() {
            let id = format!("{}-{index}-{column}", table.name);
            let behind = cell.points.iter().map(|point| behind(point)).collect::<Vec<_>>().join("\n");
            let _ = writeln!(panels, "<div popover id=\"{id}\"><pre>{behind}</pre></div>");
            content = format!("<button popovertarget=\"{id}\">{content}</button>");
        }
        let _ = write!(line, "<td class=\"{}\">{content}</td>", class(cell));
    }
    line += "</tr>\n";
    (line, panels)
}

/// A drawing as a part of a page, which needs no name of its language.
fn inline(svg: String) -> String {
    svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1)
}

/// How a cell looks.
fn class(cell: &Cell) -> &'static str {
    match (&cell.state, cell.reproduces() == Some(false), cell.rank) {
        (CellState::Done, true, Some(Rank::Best)) => "off best",
        (CellState::Done, true, _) => "off",
        (CellState::Done, false, Some(Rank::Best)) => "best",
        (CellState::Done, ..) => "done",
        (CellState::Cited(_), ..) => "cited",
        (CellState::Failed(_) | CellState::NotComparable(_), ..) => "bad",
        _ => "open",
    }
}

/// The text with everything that HTML would take for markup made literal.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 16);
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"']) {
        escaped += &rest[..at];
        escaped += match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            _ => "&quot;",
        };
        rest = &rest[at + 1..];
    }
    escaped + rest
}
