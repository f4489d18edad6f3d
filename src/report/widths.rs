//! How wide the columns of a table are on a terminal, and which of them fit beside each other.

use std::ops::Range;

use super::{
    cell::CellText,
    layout::Layout,
    lines::{pad_left, pad_right, width_of},
    rank::Rank,
};

/// A column of labels or headings is not made narrower than this to fit the terminal.
const NARROWEST: usize = 8;
/// Columns that a border and the spaces beside it take.
const BORDER: usize = 3;

/// Widths of the columns, the row labels' first.
pub(super) struct Widths {
    /// Number of columns with row labels.
    pub stub: usize,
    /// The width of each column: at first the one that needs no wrapping.
    pub column: Vec<usize>,
    /// The width that still holds the numbers.
    least: Vec<usize>,
    /// How the numbers of each column of cells are aligned.
    pub numbers: Vec<Numbers>,
}

/// Widths of the parts of a column's numbers; zero if no cell has that part.
#[derive(Default)]
pub(super) struct Numbers {
    mean: usize,
    spread: usize,
    suffix: usize,
}

impl Widths {
    /// The widths that a layout needs if nothing is wrapped.
    pub fn of(layout: &Layout) -> Self {
        let mut widths = Self { stub: layout.stub, column: vec![], least: vec![], numbers: vec![] };
        for index in 0..layout.stub {
            let texts = layout.header.iter().map(|row| row.stub[index]);
            let texts = texts.chain(layout.body.iter().map(|row| row.labels[index]));
            let natural = texts.map(width_of).max().unwrap_or(0).max(1);
            widths.column.push(natural);
            widths.least.push(natural.min(NARROWEST));
        }
        let headings = layout.header.last().map_or(&[][..], |row| &row.spans);
        // A heading over several columns makes none of them wide by itself.
        let headings = headings.iter().flat_map(|span| {
            let text = if span.columns == 1 { span.text } else { "" };
            std::iter::repeat_n(text, span.columns)
        });
        for (index, heading) in headings.enumerate() {
            let mut numbers = Numbers::default();
            let mut words = 1;
            for row in &layout.body {
                match row.cells[index].text() {
                    CellText::Word(word) => words = words.max(width_of(&word)),
                    CellText::Number { mean, spread, rank, suffix } => {
                        let suffix = behind(rank, &suffix);
                        numbers.mean = numbers.mean.max(width_of(&mean));
                        numbers.spread = numbers.spread.max(spread.as_deref().map_or(0, width_of));
                        numbers.suffix = numbers.suffix.max(width_of(&suffix));
                    }
                }
            }
            let cells = numbers.width().max(words);
            let natural = width_of(heading).max(cells);
            widths.column.push(natural);
            widths.least.push(cells.max(natural.min(NARROWEST)));
            widths.numbers.push(numbers);
        }
        widths.widen_for_spans(layout);
        widths
    }

    /// Gives the columns under a heading the space that it needs.
    fn widen_for_spans(&mut self, layout: &Layout) {
        for row in layout.header.iter().rev() {
            let mut first = self.stub;
            for span in &row.spans {
                let columns = first..first + span.columns;
                let mut index = columns.start;
                while self.span(columns.clone()) < width_of(span.text) {
                    self.column[index] += 1;
                    index = if index + 1 < columns.end { index + 1 } else { columns.start };
                }
                first = columns.end;
            }
        }
    }

    /// Width inside the borders of several columns taken together.
    pub fn span(&self, columns: Range<usize>) -> usize {
        let borders = BORDER * (columns.len() - 1);
        self.column[columns].iter().sum::<usize>() + borders
    }

    /// Splits the columns of cells into groups that fit the width one by one, each beside the row labels.
    pub fn panels(&self, width: usize) -> Vec<Range<usize>> {
        let (stub, cells) = self.least.split_at(self.stub);
        let outside = 1 + stub.iter().map(|width| width + BORDER).sum::<usize>();
        let mut panels = Vec::new();
        let (mut start, mut used) = (0, outside);
        for (index, cell) in cells.iter().enumerate() {
            if index > start && used + cell + BORDER > width {
                panels.push(start..index);
                (start, used) = (index, outside);
            }
            used += cell + BORDER;
        }
        panels.push(start..cells.len());
        panels
    }

    /// Narrows the widest columns until the table fits, but none below its least width.
    pub fn fit(&mut self, width: usize) {
        let mut total = 1 + self.column.iter().map(|width| width + BORDER).sum::<usize>();
        while total > width {
            let shrinkable = (0..self.column.len()).filter(|&index| self.column[index] > self.least[index]);
            let Some(widest) = shrinkable.max_by_key(|&index| self.column[index]) else { return };
            self.column[widest] -= 1;
            total -= 1;
        }
    }
}

impl Numbers {
    fn width(&self) -> usize {
        self.mean + if self.spread > 0 { 3 + self.spread } else { 0 } + self.suffix
    }

    /// The cell's text with its parts under those of the column's other cells.
    pub fn align(&self, text: &CellText) -> String {
        match text {
            CellText::Word(word) => word.clone(),
            CellText::Number { mean, spread, rank, suffix } => {
                let mut out = pad_left(mean, self.mean);
                // The mark of a cited number stands right behind it.
                if spread.is_none() && self.spread > 0 && suffix.starts_with(|first| first != ' ') {
                    return out + &pad_right(suffix, 3 + self.spread + self.suffix);
                }
                match spread {
                    Some(spread) => out += &format!(" ± {}", pad_left(spread, self.spread)),
                    None if self.spread > 0 => out += &" ".repeat(3 + self.spread),
                    None => {}
                }
                out + &pad_right(&behind(*rank, suffix), self.suffix)
            }
        }
    }
}

/// What stands behind a number and its spread.
fn behind(rank: Option<Rank>, suffix: &str) -> String {
    format!("{}{suffix}", rank.map_or("", Rank::mark))
}
