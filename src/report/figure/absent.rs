//! Cells that are no numbers: they leave a sign where their number would be, and are counted below the drawing.

use std::collections::BTreeMap;

use super::{
    drawing::{Anchor, Drawing, Point, SOFT, Style},
    scale::range,
};
use crate::report::{cell::Cell, standing::CellState, table::Table};

/// The number of a cell that all its seeds stand for.
pub(super) fn number(cell: &Cell) -> Option<f64> {
    cell.mean.filter(|mean| cell.state == CellState::Done && mean.is_finite())
}

/// The published number of a cell.
pub(super) fn published(cell: &Cell) -> Option<f64> {
    cell.published.map(|published| published.value).filter(|value| value.is_finite())
}

/// Smallest and largest value that a drawing shows for a cell: its number with the spread, and what was published.
fn extent(cell: &Cell) -> impl Iterator<Item = f64> {
    let (mean, spread) = (number(cell), cell.deviation.unwrap_or(0.0));
    [mean.map(|mean| mean - spread), mean.map(|mean| mean + spread), published(cell)].into_iter().flatten()
}

/// The range of everything that a table's drawing shows; that of the unit while there is nothing.
pub(super) fn table_range(table: &Table) -> (f64, f64) {
    let percent = table.columns.first().is_some_and(|column| column.shows.metric.unit() == "percent");
    range(table.cells().flat_map(extent)).unwrap_or((0.0, if percent { 100.0 } else { 1.0 }))
}

/// Sign, order and words for a cell that is asked for and has no number.
pub(super) fn absence(cell: &Cell) -> Option<(&'static str, usize, &'static str)> {
    Some(match &cell.state {
        CellState::NotPlanned | CellState::Cited(_) => return None,
        CellState::Done if number(cell).is_some() => return None,
        CellState::Failed(_) => ("×", 0, "failed"),
        CellState::Skipped(_) => ("×", 1, "skipped"),
        CellState::NotComparable(_) => ("×", 2, "not comparable"),
        CellState::NotMeasured | CellState::Done => ("×", 3, "not measured"),
        CellState::NoData(_) => ("×", 4, "without data"),
        CellState::Partial { .. } => ("?", 5, "some seeds to come"),
        CellState::Running { .. } => ("?", 6, "running"),
        CellState::Queued => ("?", 7, "queued"),
        CellState::Stale(_) => ("?", 8, "not run yet as the sweep now asks for it"),
        CellState::Missing => ("?", 9, "not run yet"),
    })
}

/// Draws the sign of a cell that has no number, where there is `room` for it.
pub(super) fn sign(drawing: &mut Drawing, at: Point, cell: &Cell, room: f64) {
    if let Some((sign, ..)) = absence(cell) {
        drawing.text(at, Style::new((1.6 * room).min(11.0), Anchor::Middle).color(SOFT), sign);
    }
}

/// What stands below every drawing of a table: what its numbers are, and how many cells are none.
pub(super) fn notes(table: &Table, signs: bool) -> Vec<String> {
    table.setting.iter().cloned().chain(note(table, signs)).collect()
}

/// How many cells are no numbers, and why, with their signs if the drawing shows these; nothing if all are.
fn note(table: &Table, signs: bool) -> Option<String> {
    let cells = table.cells().filter(|cell| cell.state != CellState::NotPlanned && !cell.is_average());
    let (mut all, mut reasons) = (0, BTreeMap::new());
    for cell in cells {
        all += 1;
        if let Some((sign, order, words)) = absence(cell) {
            *reasons.entry((order, words, sign)).or_insert(0) += 1;
        }
    }
    let absent: usize = reasons.values().sum();
    let reason = |((_, words, sign), count)| match signs {
        true => format!("{count} {words} ({sign})"),
        false => format!("{count} {words}"),
    };
    let reasons: Vec<String> = reasons.into_iter().map(reason).collect();
    let (are, numbers) = if absent == 1 { ("is", "number") } else { ("are", "numbers") };
    (absent > 0).then(|| format!("{absent} of {all} cells {are} no {numbers}: {}", reasons.join(", ")))
}

/// What the pointer shows over a cell.
pub(super) fn tooltip(labels: &[&str], cell: &Cell) -> String {
    let labels: Vec<&str> = labels.iter().copied().filter(|label| !label.is_empty()).collect();
    format!("{}: {}", labels.join(", "), cell.text().plain())
}
