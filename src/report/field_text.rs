//! What a field of the recipe means, for a terminal.

use super::lines::{pad_right, width_of, wrap};
use crate::recipe::explain::FieldDoc;

/// The field's path, kind, default, meaning and named values, in at most `width` columns.
pub fn field_text(field: &FieldDoc, width: usize) -> String {
    let mut out = String::new();
    for path in &field.paths {
        out += &format!("{path}\n");
    }
    let default = match &field.default {
        Some(default) => format!("{default} unless written"),
        None => "must be written".to_owned(),
    };
    let indented = |text: &str, indent: usize| {
        let lines = wrap(text, width.saturating_sub(indent), usize::MAX);
        lines.into_iter().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect::<String>()
    };
    out += &indented(&format!("{}; {default}", field.kind), 2);
    out += &indented(&field.text, 2);
    let names = field.choices.iter().map(|(name, _)| width_of(name)).max().unwrap_or(0);
    for (name, text) in &field.choices {
        let lines = wrap(text, width.saturating_sub(names + 6), usize::MAX);
        for (index, line) in lines.iter().enumerate() {
            out += &format!("    {}  {line}\n", pad_right(if index == 0 { name } else { "" }, names));
        }
    }
    out
}
