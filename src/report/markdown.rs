//! A table for GitHub's Markdown.

use super::{
    cell::CellText,
    layout::Layout,
    lines::{pad_left, pad_right, width_of},
    rank::Rank,
    table::Table,
};

/// The caption, the table and its notes. Markdown has one header row, so headings of several levels are joined.
pub fn markdown(table: &Table) -> String {
    let layout = Layout::new(table, 0..table.columns.len());
    let mut lines: Vec<Vec<String>> = vec![table.row_axes.iter().map(|axis| escape(axis)).collect()];
    lines[0].extend(table.columns.iter().map(|column| escape(&column.title())));
    for row in &layout.body {
        let labels = row.labels.iter().map(|label| escape(label));
        lines.push(labels.chain(row.cells.iter().map(|cell| cell_text(&cell.text()))).collect());
    }

    let columns = lines[0].len();
    let widths: Vec<usize> =
        (0..columns).map(|column| lines.iter().map(|line| width_of(&line[column])).max().unwrap_or(0).max(3)).collect();
    let mut out = format!("**{}**\n\n", escape(&table.caption));
    for (index, line) in lines.iter().enumerate() {
        for (column, (text, &width)) in line.iter().zip(&widths).enumerate() {
            let padded = if column < layout.stub { pad_right(text, width) } else { pad_left(text, width) };
            out += &format!("| {padded} ");
        }
        out += "|\n";
        if index == 0 {
            for (column, &width) in widths.iter().enumerate() {
                let dashes = "-".repeat(width - 1);
                out += &if column < layout.stub { format!("| :{dashes} ") } else { format!("| {dashes}: ") };
            }
            out += "|\n";
        }
    }
    out += "\n";
    for note in &table.notes {
        out += &format!("- {}\n", escape(note));
    }
    out
}

/// A cell with the mark of its rank; the best is bold, too.
fn cell_text(text: &CellText) -> String {
    let plain = escape(&text.plain());
    match text {
        CellText::Number { rank: Some(Rank::Best), .. } => format!("**{plain}**{}", Rank::Best.mark()),
        CellText::Number { rank: Some(rank), .. } => format!("{plain}{}", rank.mark()),
        _ => plain,
    }
}

/// The text with everything that Markdown would take for markup made literal.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '~' | '&' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
