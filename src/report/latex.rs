//! A table for LaTeX with the package booktabs.

use super::{
    cell::{Cell, CellText},
    layout::{HeaderRow, Layout},
    rank::Rank,
    table::Table,
};

/// A complete `table` environment with caption, label and notes.
pub fn latex(table: &Table) -> String {
    let layout = Layout::new(table, 0..table.columns.len());
    let mut out =
        format!("% Table \"{}\", written by ablate {}; needs \\usepackage{{booktabs}}.\n", table.name, VERSION);
    for note in &table.notes {
        out += &format!("% {note}\n");
    }
    out += "\\begin{table}\n  \\centering\n";
    out += &format!("  \\caption{{{}}}\n  \\label{{tab:{}}}\n", escape(&table.caption), table.name);
    out += &format!("  \\begin{{tabular}}{{{}{}}}\n", "l".repeat(layout.stub), "r".repeat(table.columns.len()));
    out += "    \\toprule\n";
    for (level, row) in layout.header.iter().enumerate() {
        out += &header_line(row);
        if level + 1 < layout.header.len() {
            out += &rules_under(row, layout.stub);
        }
    }
    out += "    \\midrule\n";
    for row in &layout.body {
        let labels = row.labels.iter().map(|label| escape(label));
        out += &line(labels.chain(row.cells.iter().map(|cell| cell_text(cell))));
    }
    out += "    \\bottomrule\n  \\end{tabular}\n";
    out += "  \\par\\smallskip\\footnotesize\\raggedright\n";
    for note in &table.notes {
        out += &format!("  {}\\par\n", escape(note));
    }
    out + "\\end{table}\n"
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("    {} \\\\\n", cells.collect::<Vec<_>>().join(" & "))
}

fn header_line(row: &HeaderRow) -> String {
    let stub = row.stub.iter().map(|text| escape(text));
    let spans = row.spans.iter().map(|span| match span.columns {
        1 => escape(span.text),
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

fn cell_text(cell: &Cell) -> String {
    match cell.text() {
        CellText::Word(word) => escape(&word),
        CellText::Number { mean, spread, rank, suffix } => {
            let spread = spread.map(|spread| format!(" \\pm {spread}")).unwrap_or_default();
            let number = format!("${mean}{spread}$");
            let number = match rank {
                Some(Rank::Best) => format!("\\textbf{{\\boldmath {number}}}"),
                Some(Rank::NotSignificantlyBest) => format!("\\textit{{{number}}}\\textsuperscript{{n.s.}}"),
                Some(Rank::Second) => format!("\\underline{{{number}}}"),
                None => number,
            };
            format!("{number}{}", escape(&suffix))
        }
    }
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
