//! A table for LaTeX with the packages booktabs and siunitx, whose `S` columns align numbers.

use super::{
    cell::{Cell, CellText},
    layout::{HeaderRow, Layout},
    lines::width_of,
    rank::Rank,
    table::Table,
};

/// A complete `table` environment with caption, label and notes.
pub fn latex(table: &Table) -> String {
    let layout = Layout::new(table, 0..table.columns.len());
    let columns: Vec<Column> = (0..table.columns.len())
        .map(|index| Column::of(table.rows.iter().map(|row| row.cells[index].text())))
        .collect();
    let mut out = format!(
        "% Table \"{}\", written by ablate {VERSION}; needs \\usepackage{{booktabs}} and \\usepackage{{siunitx}}.\n",
        table.name
    );
    for note in &table.notes {
        out += &format!("% {note}\n");
    }
    out += "\\begin{table}\n  \\centering\n  \\sisetup{detect-weight=true}\n";
    out += &format!("  \\caption{{{}}}\n  \\label{{tab:{}}}\n", escape(&table.caption), table.name);
    out += &format!("  \\begin{{tabular}}{{\n    {}\n", "l".repeat(layout.stub));
    for column in &columns {
        out += &format!("    {}\n", column.specification());
    }
    out += "  }\n    \\toprule\n";
    for (level, row) in layout.header.iter().enumerate() {
        out += &header_line(row);
        if level + 1 < layout.header.len() {
            out += &rules_under(row, layout.stub);
        }
    }
    out += "    \\midrule\n";
    for row in &layout.body {
        let labels = row.labels.iter().map(|label| escape(label));
        let cells = row.cells.iter().zip(&columns).map(|(cell, column)| column.cell_text(cell));
        out += &line(labels.chain(cells));
    }
    out += "    \\bottomrule\n  \\end{tabular}\n";
    out += "  \\par\\smallskip\\footnotesize\\raggedright\n";
    for note in &table.notes {
        out += &format!("  {}\\par\n", escape(note));
    }
    out + "\\end{table}\n"
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a column has to hold.
#[derive(Default)]
struct Column {
    /// Whether a number is negative.
    negative: bool,
    /// Most digits before the decimal point; 0 in a column without numbers.
    whole: usize,
    /// Digits behind it.
    decimals: usize,
    /// The longest text behind a number.
    behind: String,
}

impl Column {
    fn of(texts: impl Iterator<Item = CellText>) -> Self {
        let (mut column, mut longest) = (Self::default(), 0);
        for text in texts {
            let CellText::Number { mean, spread, rank, suffix } = text else { continue };
            let (whole, decimals) = mean.split_once('.').unwrap_or((&mean, ""));
            column.negative |= mean.starts_with('-');
            column.whole = column.whole.max(digits(whole));
            column.decimals = column.decimals.max(decimals.len());
            let behind = behind(spread.as_deref(), rank, &suffix);
            // Bold digits are wider.
            let width = width_of(&behind) + usize::from(rank == Some(Rank::Best));
            if width > longest {
                longest = width;
                column.behind = if rank == Some(Rank::Best) { bold_behind(spread.as_deref(), &suffix) } else { behind };
            }
        }
        column
    }

    /// How the `tabular` describes it.
    fn specification(&self) -> String {
        if self.whole == 0 {
            return "c".to_owned();
        }
        let sign = if self.negative { "-" } else { "" };
        let format = format!("table-format={sign}{}.{}", self.whole, self.decimals);
        match self.behind.as_str() {
            "" => format!("S[{format}]"),
            behind => format!("S[{format}, table-space-text-post={{{behind}}}, table-align-text-post=false]"),
        }
    }

    /// A number as siunitx reads it, with its spread as a text behind it, as siunitx sets the sign of a spread in tables
    /// too close to the number; or a text in braces.
    fn cell_text(&self, cell: &Cell) -> String {
        let CellText::Number { mean, spread, rank, suffix } = cell.text() else {
            return format!("{{{}}}", escape(&cell.text().plain()));
        };
        let spread = spread.as_deref();
        match rank {
            Some(Rank::Best) => format!("\\bfseries {mean} {{{}}}", bold_behind(spread, &suffix)),
            Some(Rank::Second) => {
                let number = format!("\\underline{{{}{}}}", escape(&mean), spread.map(deviation).unwrap_or_default());
                self.in_place(&mean, &format!("{number}{}", behind(None, rank, &suffix)))
            }
            Some(Rank::NotSignificantlyBest) | None => match behind(spread, rank, &suffix).as_str() {
                "" => mean,
                behind => format!("{mean} {{{behind}}}"),
            },
        }
    }

    /// A text that begins with `mean`, set where siunitx would set the number: it centers texts, so this one gets the
    /// width of the column.
    fn in_place(&self, mean: &str, text: &str) -> String {
        let sign = if self.negative { "$-$" } else { "" };
        let missing = if mean.starts_with('-') { "" } else { sign };
        let zeros = "0".repeat(self.whole.saturating_sub(digits(mean.split('.').next().unwrap_or_default())));
        let space = if missing.is_empty() && zeros.is_empty() {
            String::new()
        } else {
            format!("\\hphantom{{{missing}{zeros}}}")
        };
        let (whole, decimals) = ("0".repeat(self.whole), "0".repeat(self.decimals));
        format!("{{\\rlap{{{space}{text}}}\\hphantom{{{sign}{whole}.{decimals}{}}}}}", self.behind)
    }
}

/// Number of digits of a number without a decimal point.
fn digits(number: &str) -> usize {
    number.trim_start_matches('-').len()
}

/// A spread behind its number.
fn deviation(spread: &str) -> String {
    format!("${{}}\\pm {spread}$")
}

/// What stands behind a number: its spread, that it is not significantly the best, and what the cell says besides.
fn behind(spread: Option<&str>, rank: Option<Rank>, suffix: &str) -> String {
    let spread = spread.map(deviation).unwrap_or_default();
    let rank = if rank == Some(Rank::NotSignificantlyBest) { "\\textsuperscript{n.s.}" } else { "" };
    // Blanks at the beginning of a text are lost in a table.
    match suffix.strip_prefix(' ') {
        Some(rest) => format!("{spread}{rank}~{}", escape(rest)),
        None => format!("{spread}{rank}{}", escape(suffix)),
    }
}

/// What stands behind a bold number, of which only the spread is bold, too.
fn bold_behind(spread: Option<&str>, suffix: &str) -> String {
    let spread = spread.map(|spread| format!("\\boldmath{}", deviation(spread))).unwrap_or_default();
    match behind(None, None, suffix).as_str() {
        "" => spread,
        suffix => format!("{spread}\\mdseries\\unboldmath{suffix}"),
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("    {} \\\\\n", cells.collect::<Vec<_>>().join(" & "))
}

fn header_line(row: &HeaderRow) -> String {
    let stub = row.stub.iter().map(|text| escape(text));
    let spans = row.spans.iter().map(|span| match span.columns {
        1 => format!("{{{}}}", escape(span.text)),
        columns => format!("\\multicolumn{{{columns}}}{{c}}{{{}}}", escape(span.text)),
    });
    line(stub.chain(spans))
}

/// Partial rules that show which columns a heading covers.
fn rules_under(row: &HeaderRow, stub: usize) -> String {
    let mut first = stub + 1;
    let rules = row.spans.iter().map(|span| {
        let last = first + span.columns - 1;
        let rule = format!("\\cmidrule(lr){{{first}-{last}}}");
        first = last + 1;
        rule
    });
    format!("    {}\n", rules.collect::<Vec<_>>().join(" "))
}

/// The text with every character that LaTeX would take for a command, or not know, made literal.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            '\\' => out += "\\textbackslash{}",
            '<' => out += "\\textless{}",
            '>' => out += "\\textgreater{}",
            '|' => out += "\\textbar{}",
            // At the start of a row these would be an argument of the row break or the rule before it.
            '[' | ']' | '*' => out.extend(['{', c, '}']),
            '±' => out += "$\\pm$",
            '×' => out += "$\\times$",
            '−' => out += "$-$",
            '≤' => out += "$\\leq$",
            '≥' => out += "$\\geq$",
            '→' => out += "$\\rightarrow$",
            '√' => out += "$\\surd$",
            '∞' => out += "$\\infty$",
            '✓' => out += "$\\surd$",
            '✗' => out += "$\\times$",
            '·' => out += "$\\cdot$",
            '–' => out += "--",
            '—' => out += "---",
            '…' => out += "\\ldots{}",
            '†' => out += "\\textsuperscript{\\dag}",
            '‡' => out += "\\textsuperscript{\\ddag}",
            '§' => out += "\\textsuperscript{\\S}",
            '¶' => out += "\\textsuperscript{\\P}",
            '¹' => out += "\\textsuperscript{1}",
            '²' => out += "\\textsuperscript{2}",
            _ => match greek(c) {
                Some(name) => out += &format!("$\\{name}$"),
                None => out.push(c),
            },
        }
    }
    out
}

/// The command of a Greek letter that papers use for a hyperparameter.
fn greek(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' => "varepsilon",
        'η' => "eta",
        'θ' => "theta",
        'κ' => "kappa",
        'λ' => "lambda",
        'μ' => "mu",
        'π' => "pi",
        'ρ' => "rho",
        'σ' => "sigma",
        'τ' => "tau",
        'φ' => "varphi",
        'ψ' => "psi",
        'ω' => "omega",
        'Δ' => "Delta",
        'Σ' => "Sigma",
        'Φ' => "Phi",
        'Ω' => "Omega",
        _ => return None,
    })
}
