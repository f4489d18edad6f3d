//! All tables of a sweep as one HTML page that needs nothing else: every cell opens to show where its number comes from.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    cell::{Cell, CellText},
    figure::{Curves, figure},
    layout::Layout,
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
    view: &dyn Fn(JobId) -> JobView,
    log: &dyn Fn(JobId) -> Option<String>,
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
td.best { font-weight: bold; } td.second { text-decoration: underline; }
td.off, td.bad { color: #a00; } td.open { color: #777; }
summary { cursor: pointer; list-style: none; }
pre { text-align: left; font-size: 12px; background: #f6f6f6; padding: .7em; margin: .5em 0; }
ul { color: #555; font-size: 13px; }
svg { max-width: 100%; height: auto; }
footer { color: #777; margin-top: 3em; font-size: 13px; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; } pre { background: #222; } ul { color: #aaa; } }
";

fn section(sweep: &Sweep, table: &Table, behind: &dyn Fn(&[usize]) -> String) -> String {
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
    for row in &layout.body {
        out += "<tr>";
        for label in &row.labels {
            let _ = write!(out, "<th class=\"row\" scope=\"row\">{}</th>", escape(label));
        }
        for cell in &row.cells {
            let text = escape(&cell.text().plain());
            let content = match &cell.point {
                Some(point) => format!("<details><summary>{text}</summary><pre>{}</pre></details>", behind(point)),
                None => text,
            };
            let _ = write!(out, "<td class=\"{}\">{content}</td>", class(cell));
        }
        out += "</tr>\n";
    }
    out += "</tbody>\n</table></div>\n<ul>\n";
    for note in &table.notes {
        let _ = writeln!(out, "<li>{}</li>", escape(note));
    }
    out += "</ul>\n";
    out + &inline(figure(sweep, table).unwrap_or_default())
}

/// A drawing as a part of a page, which needs no name of its language.
fn inline(svg: String) -> String {
    svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1)
}

/// How a cell looks.
fn class(cell: &Cell) -> &'static str {
    match (&cell.state, cell.text()) {
        (CellState::Done, _) if cell.reproduces() == Some(false) => "off",
        (CellState::Done, CellText::Number { rank: Some(Rank::Best), .. }) => "best",
        (CellState::Done, CellText::Number { rank: Some(Rank::Second), .. }) => "second",
        (CellState::Done, _) => "done",
        (CellState::Failed(_) | CellState::NotComparable(_), _) => "bad",
        _ => "open",
    }
}

/// The text with everything that HTML would take for markup made literal.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
