//! A table for LaTeX with the packages booktabs and siunitx, whose `S` columns align numbers.

use std::collections::BTreeSet;

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
    let wide = estimated_width(&layout, table) > WIDEST;
    let packages: &[&str] = if wide { &["booktabs", "siunitx", "adjustbox"] } else { &["booktabs", "siunitx"] };
    let packages: Vec<String> = packages.iter().map(|name| format!("\\usepackage{{{name}}}")).collect();
    let mut out = format!("% Table \"{}\", written by ablate {VERSION}; needs {}.\n", table.name, packages.join(" "));
    for note in &table.notes {
        out += &format!("% {note}\n");
    }
    out += "\\begin{table}\n  \\centering\n  \\sisetup{detect-weight=true}\n";
    out += &format!("  \\caption{{{}}}\n  \\label{{tab:{}}}\n", escape(&table.caption), table.name);
    if wide {
        out += "  \\begin{adjustbox}{max width=\\linewidth}\n";
    }
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
    if wide {
        out += "  \\end{adjustbox}\n";
    }
    out += "  \\par\\smallskip\\footnotesize\\raggedright\n";
    for note in &table.notes {
        out += &format!("  {}\\par\n", escape(note));
    }
    out += "\\end{table}\n";
    let typeset = out.lines().filter(|line| !line.starts_with('%'));
    let unknown: BTreeSet<char> = typeset.flat_map(str::chars).filter(|&c| c > LAST_OF_PDFLATEX).collect();
    if unknown.is_empty() {
        return out;
    }
    let list = unknown.iter().map(char::to_string).collect::<Vec<_>>().join(" ");
    format!("% Compile it with XeLaTeX or LuaLaTeX and a font that has these characters: {list}\n{out}")
}

/// About as many characters as a line of a paper holds in a table; wider ones are set smaller.
const WIDEST: usize = 90;

/// pdfLaTeX knows the accented letters up to here; what ablate writes of others are commands.
const LAST_OF_PDFLATEX: char = '\u{17f}';

/// How wide the table is, in characters.
fn estimated_width(layout: &Layout, table: &Table) -> usize {
    let stub = (0..layout.stub).map(|level| {
        let labels = table.rows.iter().map(|row| row.labels[level].as_str());
        labels.chain([table.row_axes[level].as_str()]).map(width_of).max().unwrap_or(0)
    });
    let columns = table.columns.iter().enumerate().map(|(index, column)| {
        let cells = table.rows.iter().map(|row| width_of(&row.cells[index].text().plain()));
        cells.chain(column.labels.iter().chain([&column.heading]).map(|text| width_of(text))).max().unwrap_or(0)
    });
    stub.chain(columns).map(|width| width + 2).sum()
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
            _ => match behind(spread, rank, &suffix).as_str() {
                "" => mean,
                behind => format!("{mean} {{{behind}}}"),
            },
        }
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

/// What stands behind a number: its spread, its rank, and what the cell says besides.
fn behind(spread: Option<&str>, rank: Option<Rank>, suffix: &str) -> String {
    let spread = spread.map(deviation).unwrap_or_default();
    let rank = match rank {
        Some(Rank::Best) => "\\textsuperscript{1}",
        Some(Rank::NotSignificantlyBest) => "\\textsuperscript{1 n.s.}",
        Some(Rank::Second) => "\\textsuperscript{2}",
        None => "",
    };
    // Blanks at the beginning of a text are lost in a table.
    match suffix.strip_prefix(' ') {
        Some(rest) => format!("{spread}{rank}~{}", escape(rest)),
        None => format!("{spread}{rank}{}", escape(suffix)),
    }
}

/// What stands behind a bold number, of which only the spread is bold, too.
fn bold_behind(spread: Option<&str>, suffix: &str) -> String {
    let spread = spread.map(|spread| format!("\\boldmath{}", deviation(spread))).unwrap_or_default();
    format!("{spread}\\mdseries\\unboldmath{}", behind(None, Some(Rank::Best), suffix))
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

/// Partial rules that show which columns a heading covers; none under headings of one column.
fn rules_under(row: &HeaderRow, stub: usize) -> String {
    let mut first = stub + 1;
    let rules = row.spans.iter().map(|span| {
        let last = first + span.columns - 1;
        let rule = (last > first).then(|| format!("\\cmidrule(lr){{{first}-{last}}}"));
        first = last + 1;
        rule
    });
    let rules: Vec<String> = rules.flatten().collect();
    if rules.is_empty() { String::new() } else { format!("    {}\n", rules.join(" ")) }
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
            '"' => out += "\\texttt{\"}",
            '`' => out += "\\textasciigrave{}",
            // Two of them would become a dash.
            '-' if out.ends_with('-') => out += "{}-",
            // At the start of a row these would be an argument of the row break or the rule before it.
            '[' | ']' | '*' => out.extend(['{', c, '}']),
            '±' => out += "$\\pm$",
            '×' => out += "$\\times$",
            '−' => out += "$-$",
            '≤' => out += "$\\leq$",
            '≥' => out += "$\\geq$",
            '≈' => out += "$\\approx$",
            '≠' => out += "$\\neq$",
            '←' => out += "$\\leftarrow$",
            '₀'..='₉' => out += &format!("$_{}$", u32::from(c) - u32::from('₀')),
            '⁰' | '⁴'..='⁹' => out += &format!("\\textsuperscript{{{}}}", u32::from(c) - u32::from('⁰')),
            '³' => out += "\\textsuperscript{3}",
            '“' => out += "``",
            '”' => out += "''",
            '‘' => out += "`",
            '’' => out += "'",
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
        'ζ' => "zeta",
        'η' => "eta",
        'θ' => "theta",
        'ι' => "iota",
        'κ' => "kappa",
        'λ' => "lambda",
        'μ' => "mu",
        'ν' => "nu",
        'ξ' => "xi",
        'π' => "pi",
        'ρ' => "rho",
        'σ' => "sigma",
        'τ' => "tau",
        'φ' => "varphi",
        'χ' => "chi",
        'ψ' => "psi",
        'ω' => "omega",
        'Γ' => "Gamma",
        'Δ' => "Delta",
        'Θ' => "Theta",
        'Λ' => "Lambda",
        'Ξ' => "Xi",
        'Π' => "Pi",
        'Σ' => "Sigma",
        'Φ' => "Phi",
        'Ψ' => "Psi",
        'Ω' => "Omega",
        _ => return None,
    })
}
