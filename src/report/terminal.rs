//! A table for a terminal: box drawing, aligned on the decimal point and the ±, fitted to a width.

use super::{
    cell::Cell,
    layout::{BodyRow, Layout},
    lines::{center, pad_left, pad_right, wrap},
    rank::Rank,
    standing::CellState,
    table::Table,
    widths::Widths,
};

/// Most lines that a label or heading is wrapped into before it is cut.
const LABEL_LINES: usize = 3;

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const YELLOW: &str = "33";

/// The table in at most `width` columns, where its numbers fit; columns that do not fit beside each other go below
/// each other. `color` adds ANSI styles.
pub fn terminal(table: &Table, width: usize, color: bool) -> String {
    let mut out = String::new();
    for line in wrap(&table.caption, width, usize::MAX) {
        out += &format!("{}\n", styled(&line, BOLD, color));
    }
    let columns = Widths::of(&Layout::new(table, 0..table.columns.len()));
    for panel in columns.panels(width) {
        let layout = Layout::new(table, panel);
        let mut widths = Widths::of(&layout);
        widths.fit(width);
        out += &draw(&layout, &widths, color);
    }
    for note in &table.notes {
        for line in wrap(note, width, usize::MAX) {
            out += &format!("{}\n", styled(&line, DIM, color));
        }
    }
    out
}

/// A row of the drawing: blocks of lines, each over one or more columns.
struct Band {
    /// Lines, and number of columns covered.
    blocks: Vec<(Vec<String>, usize)>,
    /// ANSI style of each block.
    styles: Vec<&'static str>,
}

impl Band {
    /// Which of the borders, from the leftmost to the rightmost, this row draws.
    fn borders(&self) -> Vec<bool> {
        let mut borders = vec![true];
        for (_, columns) in &self.blocks {
            borders.extend(std::iter::repeat_n(false, columns - 1));
            borders.push(true);
        }
        borders
    }
}

fn draw(layout: &Layout, widths: &Widths, color: bool) -> String {
    let mut header = Vec::new();
    for row in &layout.header {
        let stub = row.stub.iter().zip(&widths.column).map(|(text, &width)| (label_block(text, width), 1));
        let mut first = layout.stub;
        let spans = row.spans.iter().map(|span| {
            let width = widths.span(first..first + span.columns);
            first += span.columns;
            let lines = wrap(span.text, width, LABEL_LINES);
            (lines.iter().map(|line| center(line, width)).collect(), span.columns)
        });
        let blocks: Vec<_> = stub.chain(spans).collect();
        header.push(Band { styles: vec![BOLD; blocks.len()], blocks });
    }
    let body: Vec<Band> = layout.body.iter().map(|row| body_band(row, widths)).collect();

    let no_borders = vec![false; widths.column.len() + 1];
    let mut out = String::new();
    let mut above = no_borders.clone();
    for (level, band) in header.iter().enumerate() {
        // Row labels have no rule between the header's rows: only the last row heads them.
        let stub_rule = level == 0;
        out += &rule(widths, &above, &band.borders(), stub_rule);
        out += &band_lines(band, widths, color);
        above = band.borders();
    }
    for (index, band) in body.iter().enumerate() {
        if index == 0 {
            out += &rule(widths, &above, &band.borders(), true);
        }
        out += &band_lines(band, widths, color);
        above = band.borders();
    }
    out + &rule(widths, &above, &no_borders, true)
}

fn body_band(row: &BodyRow, widths: &Widths) -> Band {
    let labels = row.labels.iter().zip(&widths.column).map(|(text, &width)| (label_block(text, width), 1));
    let columns = widths.numbers.iter().zip(&widths.column[widths.stub..]);
    let cells = row
        .cells
        .iter()
        .zip(columns)
        .map(|(cell, (numbers, &width))| (vec![pad_left(&numbers.align(&cell.text()), width)], 1));
    let styles = row.labels.iter().map(|_| "").chain(row.cells.iter().map(|cell| style(cell)));
    Band { blocks: labels.chain(cells).collect(), styles: styles.collect() }
}

fn label_block(text: &str, width: usize) -> Vec<String> {
    wrap(text, width, LABEL_LINES).iter().map(|line| pad_right(line, width)).collect()
}

fn band_lines(band: &Band, widths: &Widths, color: bool) -> String {
    let height = band.blocks.iter().map(|(lines, _)| lines.len()).max().unwrap_or(0);
    let mut out = String::new();
    for line in 0..height {
        let mut first = 0;
        for ((lines, columns), style) in band.blocks.iter().zip(&band.styles) {
            let text = match lines.get(line) {
                Some(text) => styled(text, style, color),
                None => " ".repeat(widths.span(first..first + columns)),
            };
            first += columns;
            out += &format!("│ {text} ");
        }
        out += "│\n";
    }
    out
}

/// A horizontal rule between two rows with the given borders; `stub_rule` draws it under the row labels, too.
fn rule(widths: &Widths, above: &[bool], below: &[bool], stub_rule: bool) -> String {
    let horizontal: Vec<bool> = (0..widths.column.len()).map(|index| stub_rule || index >= widths.stub).collect();
    let mut out = String::new();
    for border in 0..=widths.column.len() {
        let left = border.checked_sub(1).is_some_and(|index| horizontal[index]);
        let right = horizontal.get(border).copied().unwrap_or(false);
        out.push(junction(above[border], below[border], left, right));
        if let Some(width) = widths.column.get(border) {
            out += &if right { "─" } else { " " }.repeat(width + 2);
        }
    }
    out + "\n"
}

/// The box-drawing character with arms in the given directions.
fn junction(up: bool, down: bool, left: bool, right: bool) -> char {
    match (up, down, left, right) {
        (true, true, true, true) => '┼',
        (true, true, true, false) => '┤',
        (true, true, false, true) => '├',
        (true, true, false, false) => '│',
        (true, false, true, true) => '┴',
        (true, false, true, false) => '┘',
        (true, false, false, _) => '└',
        (false, true, true, true) => '┬',
        (false, true, true, false) => '┐',
        (false, true, false, _) => '┌',
        (false, false, false, false) => ' ',
        (false, false, _, _) => '─',
    }
}

fn style(cell: &Cell) -> &'static str {
    match cell.state {
        CellState::Done if cell.reproduces() == Some(false) => RED,
        CellState::Done if cell.rank == Some(Rank::Best) => BOLD,
        CellState::Done | CellState::Cited(_) => "",
        CellState::Partial { .. } | CellState::Running { .. } | CellState::Stale(_) => YELLOW,
        CellState::Queued
        | CellState::NoData(_)
        | CellState::Missing
        | CellState::NotPlanned
        | CellState::Skipped(_)
        | CellState::NotMeasured => DIM,
        CellState::Failed(_) | CellState::NotComparable(_) => RED,
    }
}

fn styled(text: &str, style: &str, color: bool) -> String {
    if color && !style.is_empty() { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
}
