//! A table as a heat map in SVG, numbers in its cells, as the paper's Figure 5.

use std::fmt::Write as _;

use super::{cell::Cell, html::escape, lines::width_of, standing::CellState, table::Table};

/// Size of a cell in pixels.
const CELL: (f64, f64) = (64.0, 34.0);
/// Width that a character of a label takes, roughly.
const CHARACTER: f64 = 7.2;
/// Longest column label, in characters, that stands upright over its cells.
const UPRIGHT: usize = 9;
/// Space around everything.
const MARGIN: f64 = 16.0;
/// Colors from the smallest to the largest number (viridis by van der Walt and Smith, CC0), as red, green and blue.
const COLORS: [[f64; 3]; 5] =
    [[68.0, 1.0, 84.0], [59.0, 82.0, 139.0], [33.0, 145.0, 140.0], [94.0, 201.0, 98.0], [253.0, 231.0, 37.0]];

/// The heat map of a table of one metric; colors span its numbers, averages included.
pub fn heat_map(table: &Table) -> String {
    let rows: Vec<String> = table.rows.iter().map(|row| row.labels.join(", ")).collect();
    let columns: Vec<String> = table.columns.iter().map(|column| joined(&column.labels)).collect();
    let longest = |labels: &[String]| labels.iter().map(|label| width_of(label)).max().unwrap_or(0);
    let turned = longest(&columns) > UPRIGHT;
    let row_axes = table.row_axes.join(", ");
    let left = MARGIN + CHARACTER * longest(&rows).max(width_of(&row_axes)) as f64 + 8.0;
    let over = if turned { CHARACTER * 0.71 * longest(&columns) as f64 + 10.0 } else { 20.0 };
    let top = MARGIN + 48.0 + over;
    let (grid_width, grid_height) = (CELL.0 * columns.len() as f64, CELL.1 * rows.len() as f64);
    // Labels that are turned lean over the right edge.
    let width = (left + grid_width + if turned { over } else { 0.0 } + MARGIN)
        .max(2.0 * MARGIN + CHARACTER * width_of(&table.caption) as f64);
    let height = top + grid_height + MARGIN + 40.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let text = |out: &mut String, x: f64, y: f64, more: &str, text: &str| {
        let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\"{more}>{}</text>", escape(text));
    };
    text(&mut out, MARGIN, MARGIN + 12.0, " font-weight=\"bold\"", &table.caption);
    text(&mut out, left + grid_width / 2.0, MARGIN + 36.0, " text-anchor=\"middle\"", &table.column_axes.join(", "));
    text(&mut out, left - 8.0, top - 6.0, " text-anchor=\"end\" font-style=\"italic\"", &row_axes);
    for (index, label) in columns.iter().enumerate() {
        let (x, y) = (left + (index as f64 + 0.5) * CELL.0, top - 6.0);
        let turn = format!(" transform=\"rotate(-45 {x:.1} {y:.1})\"");
        text(&mut out, x, y, if turned { &turn } else { " text-anchor=\"middle\"" }, label);
    }
    let numbers: Vec<f64> = table.cells().filter_map(number).collect();
    let range = (
        numbers.iter().copied().fold(f64::INFINITY, f64::min),
        numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
    for (row, label) in table.rows.iter().zip(&rows).enumerate().map(|(index, (row, label))| ((index, row), label)) {
        let y = top + row.0 as f64 * CELL.1;
        text(&mut out, left - 8.0, y + CELL.1 / 2.0 + 4.5, " text-anchor=\"end\"", label);
        for (column, cell) in row.1.cells.iter().enumerate() {
            draw(&mut out, (left + column as f64 * CELL.0, y), cell, range);
        }
    }
    legend(&mut out, (left, top + grid_height + 14.0), grid_width.min(200.0), range, table);
    out + "</svg>\n"
}

/// The labels of a column; those of an average are empty below the first.
fn joined(labels: &[String]) -> String {
    labels.iter().filter(|label| !label.is_empty()).cloned().collect::<Vec<_>>().join(", ")
}

fn number(cell: &Cell) -> Option<f64> {
    cell.mean.filter(|_| cell.state == CellState::Done)
}

/// A cell: its number on its color, or its state on gray; nothing where the sweep asks for nothing.
fn draw(out: &mut String, (x, y): (f64, f64), cell: &Cell, range: (f64, f64)) {
    if cell.state == CellState::NotPlanned {
        return;
    }
    let (shown, fill, ink) = match number(cell) {
        Some(mean) => {
            let color = color(mean, range);
            // Luminance by Rec. 709: black on bright cells, white on dark ones.
            let bright = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2] > 140.0;
            (format!("{mean:.*}", cell.metric.decimals()), hex(color), if bright { "black" } else { "white" })
        }
        None => {
            let mut words = cell.text().plain();
            if let Some(end) = words.find(" (") {
                words.truncate(end);
            }
            (words, "#e0e0e0".to_owned(), "#606060")
        }
    };
    let (width, height) = CELL;
    let _ = writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\" stroke=\"white\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{ink}\">{}</text>",
        x + width / 2.0,
        y + height / 2.0 + 4.5,
        escape(&shown)
    );
}

/// Which color means how much.
fn legend(out: &mut String, (x, y): (f64, f64), width: f64, range: (f64, f64), table: &Table) {
    let (Some(column), true) = (table.columns.first(), range.0 <= range.1) else { return };
    let steps = 40;
    for step in 0..steps {
        let share = f64::from(step) / f64::from(steps - 1);
        let color = hex(color(range.0 + share * (range.1 - range.0), range));
        let (left, step_width) = (x + f64::from(step) * width / f64::from(steps), width / f64::from(steps) + 0.5);
        let _ = writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{step_width:.1}\" height=\"10\" fill=\"{color}\"/>"
        );
    }
    let decimals = column.shows.metric.decimals();
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"11\">{:.decimals$}</text>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" text-anchor=\"end\">{:.decimals$} {}</text>",
        y + 24.0,
        range.0,
        x + width,
        y + 24.0,
        range.1,
        escape(column.shows.metric.heading())
    );
}

fn color(value: f64, (low, high): (f64, f64)) -> [f64; 3] {
    let share = if high > low { (value - low) / (high - low) } else { 0.5 };
    let place = share.clamp(0.0, 1.0) * (COLORS.len() - 1) as f64;
    let index = (place as usize).min(COLORS.len() - 2);
    std::array::from_fn(|channel| {
        let (before, after) = (COLORS[index][channel], COLORS[index + 1][channel]);
        before + (place - index as f64) * (after - before)
    })
}

fn hex(color: [f64; 3]) -> String {
    let [red, green, blue] = color.map(|channel| channel.round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_run_from_dark_to_bright() {
        let at = |value| hex(color(value, (10.0, 50.0)));
        assert_eq!([at(10.0), at(30.0), at(50.0)], ["#440154", "#21918c", "#fde725"]);
        assert_eq!(hex(color(3.0, (3.0, 3.0))), "#21918c", "a single number is in the middle");
    }
}
