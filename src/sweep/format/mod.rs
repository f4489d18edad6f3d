//! The canonical layout of a sweep file: same meaning, same comments, one way to write it.
//!
//! The rules: indentation by four spaces; what fits into [`WIDEST`] columns stands on one line, unless its author closes
//! the bracket on a line of its own; what is broken has one entry per line and a comma after each; a bracket whose last
//! entry is a broken bracket may share its lines (`(augmentation: (both: [`); comments stay where they are, above or
//! behind an entry; of several blank lines one is left. Numbers and texts keep their spelling.

mod comments;
mod layout;
mod tree;

use super::{
    diagnostic::{Diagnostic, Diagnostics, Findings},
    parser,
    syntax::{Kind, Node},
};

/// Longest line in columns; longer texts and comments stay as they are.
const WIDEST: usize = 120;

/// The text of a file in the canonical layout; `file_name` names it in diagnostics.
///
/// Looks at the form only, so that files which others include can be formatted, too.
pub fn format(file_name: &str, text: &str) -> Result<String, Diagnostics> {
    let refused = |diagnostic: Diagnostic| {
        let mut findings = Findings::default();
        findings.push(diagnostic);
        findings.into_diagnostics(file_name, text)
    };
    let before = parser::parse(text).map_err(|wrong| refused(*wrong))?;
    let formatted = tree::read(text).map(|file| layout::write(&file)).map_err(|wrong| refused(*wrong))?;
    // Whatever mistake the layout makes, it must not reach the file.
    let same = parser::parse(&formatted).is_ok_and(|after| means_the_same(&before, &after));
    if same && comments::all(text) == comments::all(&formatted) {
        return Ok(formatted);
    }
    let diagnostic = Diagnostic::new(0..0, "this file cannot be formatted without changing it", "left as it is");
    Err(refused(
        diagnostic.help(
            "comments may stand above an entry or behind it, not inside of a label; if this is no help, report it",
        ),
    ))
}

/// Whether two values are the same, wherever they stand.
fn means_the_same(one: &Node, other: &Node) -> bool {
    let all = |mut pairs: std::iter::Zip<std::slice::Iter<Node>, std::slice::Iter<Node>>| {
        pairs.all(|(one, other)| means_the_same(one, other))
    };
    match (&one.kind, &other.kind) {
        (Kind::Group { name: first, items }, Kind::Group { name: second, items: others }) => {
            first == second
                && items.len() == others.len()
                && items.iter().zip(others).all(|(item, other)| {
                    item.key.as_ref().map(|key| key.name) == other.key.as_ref().map(|key| key.name)
                        && means_the_same(&item.value, &other.value)
                })
        }
        (Kind::List(nodes), Kind::List(others)) => nodes.len() == others.len() && all(nodes.iter().zip(others)),
        (Kind::Map(pairs), Kind::Map(others)) => {
            pairs.len() == others.len()
                && pairs.iter().zip(others).all(|((key, value), (other_key, other_value))| {
                    means_the_same(key, other_key) && means_the_same(value, other_value)
                })
        }
        (one_kind, other_kind) => one_kind == other_kind && one.source == other.source,
    }
}
