//! The fields of a group `(name: value, …)`: which are unknown, repeated, nameless or missing.

use super::{
    diagnostic::{Diagnostic, Findings},
    syntax::{Item, Kind, Node},
    vocabulary::{example_fields, homes, listing, nearest, suggestion},
};
use crate::recipe::OPTIONAL_FIELDS;

/// Whether the fields are settings of a recipe, for which messages know where a misplaced one belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// A part of a recipe, or a change of one.
    Recipe,
    /// Another part of the file.
    File,
}

/// "`owner` must be …, not …".
pub(super) fn mismatch(node: &Node, owner: &str, expected: &str) -> Diagnostic {
    let message = format!("{owner} must be {expected}, not {}", node.describe());
    let help = match (expected, &node.kind) {
        ("a number", _) => "numbers are written like `20`, `0.5` or `1e-6`".to_owned(),
        ("a whole number", _) => "whole numbers are written like `20` or `1_000`".to_owned(),
        ("a list `[…]`", Kind::Group { .. } | Kind::Map(_)) => {
            "write `[` and `]` instead of these brackets".to_owned()
        }
        ("a list `[…]`", Kind::Number | Kind::Text(_)) => format!("write `[{}]`", node.source),
        (_, Kind::Map(_)) if expected.contains('(') => {
            "write `(` and `)` instead of these brackets, and names without quotes".to_owned()
        }
        _ => match expected.split_once('`') {
            Some((_, form)) => format!("write `{form}"),
            None => format!("write {expected}"),
        },
    };
    Diagnostic::new(node.mark.clone(), message, format!("expected {expected}")).help(help)
}

/// "`owner` must be text in double quotes, not …".
pub(super) fn not_text(node: &Node, owner: &str) -> Diagnostic {
    let diagnostic = mismatch(node, owner, "text in double quotes");
    match &node.kind {
        Kind::Word(word) => diagnostic.help(format!("write `\"{word}\"`")),
        Kind::Character => diagnostic.help(format!("write `\"{}\"`", node.source.trim_matches('\''))),
        _ => diagnostic,
    }
}

/// What is wrong with an entry of a group that has these fields, if anything.
pub(super) fn misfit(items: &[Item], index: usize, owner: &str, allowed: &[&str], of: Of) -> Option<Diagnostic> {
    let item = &items[index];
    let Some(key) = &item.key else {
        let help = match decimal_comma(items, index) {
            Some(number) => format!("write `{number}`: decimals have a point"),
            None => format!("write `name: value`; {}", suggestion("", allowed, "names")),
        };
        let message = format!("{owner} contains a value without a name");
        return Some(Diagnostic::new(item.value.mark.clone(), message, "expected a name and `:` before it").help(help));
    };
    if !allowed.contains(&key.name) {
        let homes = if of == Of::Recipe { homes(key.name) } else { vec![] };
        let help = match nearest(key.name, allowed) {
            None if !homes.is_empty() => format!("write {}", listing(&homes, "or")),
            _ => suggestion(key.name, allowed, "fields"),
        };
        let message = format!("{owner} has no field `{}`", key.name);
        return Some(Diagnostic::new(key.span.clone(), message, "unknown field").help(help));
    }
    let first = items[..index].iter().filter_map(|other| other.key.as_ref()).find(|other| other.name == key.name)?;
    let message = format!("`{}` is written twice", key.name);
    let diagnostic = Diagnostic::new(key.span.clone(), message, "again here").related(first.span.clone(), "first here");
    Some(diagnostic.help("delete one of the two"))
}

/// The number that was meant if an entry is the end of one with a comma instead of its point.
fn decimal_comma(items: &[Item], index: usize) -> Option<String> {
    let (before, end) = (&items[index.checked_sub(1)?].value, &items[index].value);
    let numbers = before.kind == Kind::Number && end.kind == Kind::Number;
    (numbers && before.span.end + 1 == end.span.start).then(|| format!("{}.{}", before.source, end.source))
}

/// The required fields that a group lacks, all in one diagnostic.
pub(super) fn missing(node: &Node, items: &[Item], owner: &str, required: &[&str]) -> Option<Diagnostic> {
    let written: Vec<_> = items.iter().filter_map(|item| item.key.as_ref()).map(|key| key.name).collect();
    // A misspelled field is reported as unknown; that it is also missing would be noise.
    let misspelled = |field: &&str| {
        written.iter().take(100).any(|name| !required.contains(name) && nearest(name, required) == Some(*field))
    };
    let absent: Vec<&str> = required
        .iter()
        .copied()
        .filter(|field| !written.contains(field) && !OPTIONAL_FIELDS.contains(field) && !misspelled(field))
        .collect();
    // The same goes for a value whose name was forgotten.
    if absent.is_empty() || items.iter().any(|item| item.key.is_none()) {
        return None;
    }
    let names = listing(&absent, "and");
    let bare_owner = owner.trim_matches('`');
    let message = format!("{owner} lacks {names}");
    let help = format!("every field must be written; add `{}`", example_fields(bare_owner, &absent));
    let label = if absent.len() == 1 { "a field is missing here" } else { "fields are missing here" };
    Some(Diagnostic::new(node.mark.clone(), message, label).help(help))
}

/// A group of the file whose fields are read one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'n, 't> {
    items: &'n [Item<'t>],
}

impl<'n, 't> Section<'n, 't> {
    /// Reports every field that is unknown, repeated or missing; what remains can be asked for.
    pub(super) fn open(
        node: &'n Node<'t>,
        owner: &str,
        required: &[&str],
        optional: &[&str],
        findings: &mut Findings,
    ) -> Self {
        let Kind::Group { name: None, items } = &node.kind else {
            findings.push(mismatch(node, owner, "a group of fields `(name: value, …)`"));
            return Self { items: &[] };
        };
        let allowed = [required, optional].concat();
        findings.extend((0..items.len()).filter_map(|index| misfit(items, index, owner, &allowed, Of::File)));
        findings.extend(missing(node, items, owner, required));
        Self { items }
    }

    /// The value of a field, if it is written.
    pub(super) fn get(&self, field: &str) -> Option<&'n Node<'t>> {
        let named = |item: &&Item| item.key.as_ref().is_some_and(|key| key.name == field);
        self.items.iter().find(named).map(|item| &item.value)
    }
}
