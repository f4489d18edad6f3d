//! A table as a heat map in SVG, numbers in its cells, as the paper's Figure 5.

use super::{
    absent::{notes, number, published, tooltip},
    drawing::{Anchor, Drawing, LABEL, Point, Style, TITLE},
    font,
    frame::{self, MARGIN},
    palette::{gradient, hex},
    panels::{column_label, row_label},
    scale::range,
};
use crate::{
    recipe::Metric,
    report::{cell::Cell, standing::CellState, table::Table},
};

/// Size of a cell in pixels.
const CELL: Point = (62.0, 32.0);
/// Longest label of a row, and of a column that is turned.
const LONGEST: f64 = 220.0;
/// Size of the numbers in cells.
const NUMBER: f64 = 12.0;

/// The heat map of a table of one metric; colors span its numbers, averages included. `source` is where its published
/// numbers stand.
pub(super) fn heat_map(table: &Table, source: Option<&str>) -> String {
    let fit = |label: String| font::fit_label(&label, LABEL, LONGEST);
    let rows: Vec<String> = table.rows.iter().map(row_label).map(fit).collect();
    let columns: Vec<String> = table.columns.iter().map(column_label).map(fit).collect();
    let widest = font::widest(columns.iter().map(String::as_str), LABEL);
    let turned = widest > CELL.0 - 4.0;
    let left = MARGIN + TITLE + 12.0 + font::widest(rows.iter().map(String::as_str), LABEL) + 8.0;
    let over = if turned { 0.71 * widest + 14.0 } else { 18.0 };
    let top = MARGIN + if table.column_axes.is_empty() { 0.0 } else { TITLE + 8.0 } + over;
    let size = (CELL.0 * columns.len() as f64, CELL.1 * rows.len() as f64);
    let (right, bottom) = (left + size.0, top + size.1);

    let mut drawing = Drawing::default();
    let title = Style::new(TITLE, Anchor::Middle);
    let axes = font::fit(&table.column_axes.join(", "), TITLE, size.0 + left);
    drawing.text((left + size.0 / 2.0, MARGIN + TITLE / 2.0), title, &axes);
    frame::upright_title(&mut drawing, (top, bottom), &table.row_axes.join(", "));
    for (index, label) in columns.iter().enumerate() {
        let x = left + (index as f64 + 0.5) * CELL.0;
        if turned {
            drawing.text((x - 2.0, top - 8.0), Style::new(LABEL, Anchor::Start).turn(-45.0), label);
        } else {
            drawing.text((x, top - 10.0), Style::new(LABEL, Anchor::Middle), label);
        }
    }
    let span = range(table.cells().filter_map(number));
    for (index, (row, label)) in table.rows.iter().zip(&rows).enumerate() {
        let y = top + index as f64 * CELL.1;
        drawing.text((left - 8.0, y + CELL.1 / 2.0), Style::new(LABEL, Anchor::End), label);
        for (column, cell) in row.cells.iter().enumerate() {
            let text = tooltip(&[&rows[index], &columns[column]], cell);
            drawing.explained(&text, |drawing| draw(drawing, (left + column as f64 * CELL.0, y), cell, span));
        }
    }
    let (legend, needed) = legend(&mut drawing, (left, bottom + 14.0), size.0.clamp(120.0, 220.0), span, table);
    let foot = bottom + 14.0 + legend;
    // Labels that are turned lean over the right edge.
    let width = (right + if turned { over } else { 0.0 }).max(needed).max(left + 220.0) + MARGIN;
    let mut notes = notes(table, false);
    if let (Some(source), true) = (source, table.cells().any(|cell| published(cell).is_some())) {
        notes.push(format!("small: {source}"));
    }
    let height = frame::notes(&mut drawing, (MARGIN, foot), width - 2.0 * MARGIN, &notes);
    drawing.finish((width, foot + height + MARGIN), &table.caption)
}

/// A cell: its number on its color, or its state on gray; nothing where the sweep asks for nothing.
fn draw(drawing: &mut Drawing, (x, y): Point, cell: &Cell, span: Option<(f64, f64)>) {
    if cell.state == CellState::NotPlanned {
        return;
    }
    let (shown, fill, ink) = match (number(cell), span) {
        (Some(mean), Some(span)) => {
            let color = color(mean, span);
            let bright = luminance(color) > EQUAL_CONTRAST;
            (in_digits(mean, cell.metric), hex(color), if bright { "black" } else { "white" })
        }
        _ => {
            // The mean of some seeds is none of the cell's.
            let words = match &cell.state {
                CellState::Partial { done, of, .. } => format!("{done} of {of}"),
                _ => {
                    let words = cell.text().plain();
                    words.split(" (").next().unwrap_or_default().to_owned()
                }
            };
            (words, "#e0e0e0".to_owned(), "#505050")
        }
    };
    drawing.rectangle((x, y), CELL, &fill, " stroke=\"white\"");
    let (middle, room) = ((x + CELL.0 / 2.0, y + CELL.1 / 2.0), CELL.0 - 2.0);
    let size = [NUMBER, 9.0, 7.5].into_iter().find(|&size| font::width(&shown, size) <= room).unwrap_or(7.5);
    let style = Style::new(size, Anchor::Middle).color(ink);
    let up = if let Some(value) = published(cell) {
        let paper = in_digits(value, cell.metric);
        drawing.text((middle.0, middle.1 + 9.0), Style::new(8.0, Anchor::Middle).color(ink), &paper);
        5.0
    } else {
        0.0
    };
    drawing.text((middle.0, middle.1 - up), style, &font::fit(&shown, size, room));
}

/// A value with as many digits as tables show, and a true minus.
fn in_digits(value: f64, metric: Metric) -> String {
    format!("{value:.*}", metric.decimals()).replace('-', "−")
}

/// Which color means how much; returns its height and where it ends on the right.
fn legend(drawing: &mut Drawing, (x, y): Point, width: f64, span: Option<(f64, f64)>, table: &Table) -> (f64, f64) {
    let (Some(column), Some((low, high))) = (table.columns.first(), span) else { return (0.0, x) };
    let steps = 40;
    for step in 0..steps {
        let color = hex(gradient(f64::from(step) / f64::from(steps - 1)));
        let left = x + f64::from(step) * width / f64::from(steps);
        drawing.rectangle((left, y), (width / f64::from(steps) + 0.5, 10.0), &color, "");
    }
    let metric = column.shows.metric;
    drawing.text((x, y + 20.0), Style::new(LABEL, Anchor::Start), &in_digits(low, metric));
    drawing.text((x + width, y + 20.0), Style::new(LABEL, Anchor::End), &in_digits(high, metric));
    drawing.text((x + width + 8.0, y + 5.0), Style::new(LABEL, Anchor::Start), metric.heading());
    (34.0, x + width + 8.0 + font::width(metric.heading(), LABEL))
}

/// Luminance on which black and white text have the same contrast (Web Content Accessibility Guidelines 2).
const EQUAL_CONTRAST: f64 = 0.179;

/// Relative luminance of a color (Rec. 709, sRGB).
fn luminance(color: [f64; 3]) -> f64 {
    let [red, green, blue] = color.map(|channel| {
        let share = channel / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn color(value: f64, (low, high): (f64, f64)) -> [f64; 3] {
    gradient(if high > low { (value - low) / (high - low) } else { 0.5 })
}
