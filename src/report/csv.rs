//! A table as CSV, as it is shown; and what all CSV files have in common.

use csv::Writer;

use super::table::Table;

/// The table as shown: one row per row of the table, each with all its labels. For analysis take
/// [`tidy_csv`](super::tidy_csv), which keeps full precision.
pub fn table_csv(table: &Table) -> String {
    let mut lines: Vec<Vec<String>> = Vec::with_capacity(table.rows.len() + 1);
    let titles = table.columns.iter().map(|column| column.title());
    lines.push(table.row_axes.iter().cloned().chain(titles).map(|text| safe(&text)).collect());
    for row in &table.rows {
        let labels = row.labels.iter().map(|label| safe(label));
        // Cells need no `safe`: they are numbers or our own words.
        lines.push(labels.chain(row.cells.iter().map(|cell| cell.text().plain())).collect());
    }
    write(lines)
}

/// Lines of CSV (RFC 4180 quoting, `\n` between lines).
#[expect(clippy::expect_used, reason = "writing to memory cannot fail")]
pub(super) fn write(lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    for line in lines {
        writer.write_record(line).expect("memory takes every line, and all lines are equally long");
    }
    let bytes = writer.into_inner().expect("memory takes every line");
    String::from_utf8(bytes).expect("strings were written")
}

/// The text such that no spreadsheet takes it for a formula: one that begins like a formula gets an apostrophe.
pub(super) fn safe(text: &str) -> String {
    let number = text.parse::<f64>().is_ok_and(f64::is_finite);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !number { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_disarmed_and_numbers_stay() {
        let text = ["=1+1", "+cmd", "-x", "@f", "\tx", "-0.5", "+1e-3", "-inf", "a=b", ""].map(safe);
        assert_eq!(text, ["'=1+1", "'+cmd", "'-x", "'@f", "'\tx", "-0.5", "+1e-3", "'-inf", "a=b", ""]);
    }
}
