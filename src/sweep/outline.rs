//! The outline of a sweep file: which axes, values and evaluations there are, and where they stand.

use std::{collections::BTreeMap, ops::Range};

use super::{
    diagnostic::{Diagnostic, Findings},
    fields::{Section, mismatch, not_text},
    generated::Generated,
    profile::Chosen,
    syntax::{Kind, Node},
    vocabulary::example_fields,
};

/// Most axes of a sweep; two values on each would make far too many trials already.
const MOST_AXES: usize = 32;

/// Where the names and changes of a sweep stand in its file.
#[derive(Debug, Default)]
pub(super) struct Outline<'n, 't> {
    /// Mark of the list of axes.
    pub axes_mark: Range<usize>,
    /// The axes.
    pub axes: Vec<AxisOutline<'n, 't>>,
    /// Index of each axis by name.
    pub axis_places: BTreeMap<&'n str, usize>,
    /// The evaluations.
    pub evaluations: Vec<Entry<'n, 't>>,
    /// Index of each evaluation by name.
    pub evaluation_places: BTreeMap<&'n str, usize>,
}

/// Where an axis stands.
#[derive(Debug)]
pub(super) struct AxisOutline<'n, 't> {
    /// Its name; empty if it has no usable one.
    pub name: &'n str,
    /// Its values.
    pub values: Vec<Entry<'n, 't>>,
}

/// A label and what it stands for.
#[derive(Debug)]
pub(super) struct Entry<'n, 't> {
    /// The label.
    pub label: &'n str,
    /// Mark of the label.
    pub mark: Range<usize>,
    /// The change it stands for.
    pub node: &'n Node<'t>,
    /// What the chosen profile changes besides, and the mark of the label there.
    pub in_profile: Option<(Range<usize>, &'n Node<'t>)>,
}

impl<'n, 't> Outline<'n, 't> {
    /// Reads the names in a file, and what the chosen profile says of them.
    pub(super) fn read(
        file: Section<'n, 't>,
        generated: &'n [Generated<'t>],
        profile: &Chosen<'n, 't>,
        findings: &mut Findings,
    ) -> Self {
        let axes_node = file.get("axes");
        let mut axes = axes_node.map(|node| outline_axes(node, generated, findings)).unwrap_or_default();
        let evaluations = file.get("evaluations").map(|node| entries(node, "`evaluations`", "evaluation", findings));
        let mut evaluations = evaluations.unwrap_or_default();
        profile.amend(&mut axes, &mut evaluations, findings);
        Self {
            axes_mark: axes_node.map(|node| node.mark.clone()).unwrap_or_default(),
            axis_places: axes.iter().enumerate().map(|(index, axis)| (axis.name, index)).collect(),
            axes,
            evaluation_places: evaluations.iter().enumerate().map(|(index, entry)| (entry.label, index)).collect(),
            evaluations,
        }
    }
}

fn outline_axes<'n, 't>(
    node: &'n Node<'t>,
    generated: &'n [Generated<'t>],
    findings: &mut Findings,
) -> Vec<AxisOutline<'n, 't>> {
    let nodes = elements(node, "`axes`", "axis", findings);
    if let Some(surplus) = nodes.get(MOST_AXES) {
        let message = format!("a sweep has at most {MOST_AXES} axes");
        let help = "split the sweep into several files, or let one value change several fields";
        findings.push(Diagnostic::new(surplus.mark.clone(), message, "one too many").help(help));
        return vec![];
    }
    let mut names = BTreeMap::new();
    let mut outline = vec![];
    for (index, node) in nodes.iter().enumerate() {
        if findings.is_full() {
            break;
        }
        let section = Section::open(node, "this axis", &["name", "values"], &["change"], findings);
        let name = section.get("name").and_then(|node| {
            let name = line(node, "the name of this axis", findings)?;
            findings.extend(repeated(&mut names, name, &node.mark, "two axes have the same name", RENAME));
            Some(name)
        });
        let values = match (generated.get(index), section.get("values")) {
            (Some(Generated::Rule(values)), _) => values.iter().map(|(label, node)| Entry::new(label, node)).collect(),
            (_, Some(node)) => entries(node, "the values of an axis", "value", findings),
            (_, None) => vec![],
        };
        outline.push(AxisOutline { name: name.unwrap_or_default(), values });
    }
    outline
}

impl<'n, 't> Entry<'n, 't> {
    fn new(label: &'n str, node: &'n Node<'t>) -> Self {
        Self { label, mark: node.mark.clone(), node, in_profile: None }
    }
}

/// The entries of `{ "label": …, … }`; at least one, all different.
pub(super) fn entries<'n, 't>(
    node: &'n Node<'t>,
    owner: &str,
    what: &str,
    findings: &mut Findings,
) -> Vec<Entry<'n, 't>> {
    let pairs = match &node.kind {
        Kind::Map(pairs) => pairs,
        _ => {
            let diagnostic = mismatch(node, owner, "labelled entries `{\"label\": (…), …}`");
            findings.push(diagnostic);
            return vec![];
        }
    };
    if pairs.is_empty() {
        let message = format!("{owner} must not be empty");
        findings.push(
            Diagnostic::new(node.mark.clone(), message, format!("at least one {what} is needed"))
                .help("write `\"label\": ()`, an entry that changes nothing, to begin with"),
        );
    }
    let mut labels = BTreeMap::new();
    let mut entries = vec![];
    for (key, value) in pairs {
        let Some(label) = line(key, &format!("the label of this {what}"), findings) else { continue };
        findings.extend(repeated(&mut labels, label, &key.mark, "a label is used twice", RENAME));
        entries.push(Entry { mark: key.mark.clone(), ..Entry::new(label, value) });
    }
    entries
}

/// The elements of a list that must have some.
pub(super) fn elements<'n, 't>(node: &'n Node<'t>, owner: &str, what: &str, findings: &mut Findings) -> &'n [Node<'t>] {
    match &node.kind {
        Kind::List(nodes) => {
            if nodes.is_empty() {
                let message = format!("{owner} must not be empty");
                let help = match owner.trim_matches('`') {
                    field if field.len() + 2 == owner.len() => {
                        format!("for example `{}`", example_fields("", &[field]))
                    }
                    _ => format!("write at least one {what} between the brackets, or delete the whole"),
                };
                let label = format!("at least one {what} is needed");
                findings.push(Diagnostic::new(node.mark.clone(), message, label).help(help));
            }
            nodes
        }
        _ => {
            findings.push(mismatch(node, owner, "a list `[…]`"));
            &[]
        }
    }
}

/// The text of a node that must be one line and not empty.
pub(super) fn line<'n>(node: &'n Node, owner: &str, findings: &mut Findings) -> Option<&'n str> {
    let Kind::Text(text) = &node.kind else {
        findings.push(not_text(node, owner));
        return None;
    };
    if text.trim().is_empty() {
        let message = format!("{owner} must not be empty");
        findings
            .push(Diagnostic::new(node.mark.clone(), message, "empty text").help("write a text between the quotes"));
        return None;
    }
    if text.chars().any(char::is_control) {
        let message = format!("{owner} must be one line of plain text");
        let label = "contains a line break or control character";
        let help = "write it on one line, with spaces instead of tabs";
        findings.push(Diagnostic::new(node.mark.clone(), message, label).help(help));
        return None;
    }
    Some(text)
}

/// What to do about a name that is taken.
pub(super) const RENAME: &str = "rename one of the two, or delete it";
/// What to do about something that says nothing new.
pub(super) const DELETE: &str = "delete one of the two";

/// Remembers where `value` stands; gives a diagnostic with `message` if it stood somewhere before.
pub(super) fn repeated<T: Ord>(
    seen: &mut BTreeMap<T, Range<usize>>,
    value: T,
    mark: &Range<usize>,
    message: &str,
    remedy: &str,
) -> Option<Diagnostic> {
    let first = seen.insert(value, mark.clone())?;
    Some(Diagnostic::new(mark.clone(), message, "again here").related(first, "first here").help(remedy))
}
