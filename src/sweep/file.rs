//! Reads a sweep file: first its outline (names and labels), then the recipe changes in it, then what refers to names.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Axis, AxisValue, Diagnostics, NamedEvaluation, Sweep, check,
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::{Section, mismatch, not_text},
    parser,
    syntax::{Kind, Node},
    tables,
};

/// The parts of a sweep file.
const SECTIONS: [&str; 6] = ["title", "base", "axes", "seeds", "evaluations", "tables"];

/// Most axes of a sweep; two values on each would make far too many trials already.
const MOST_AXES: usize = 32;

/// Reads and checks a sweep file; `file_name` only serves to name it in diagnostics.
pub fn parse(file_name: &str, text: &str) -> Result<Sweep, Diagnostics> {
    let mut findings = Findings::default();
    match read(text, &mut findings) {
        Some(sweep) if findings.is_empty() => Ok(sweep),
        None if findings.is_empty() => {
            // Every refusal has a diagnostic; should one be forgotten, the file must not seem to be right.
            findings.push(Diagnostic::new(0..0, "this file cannot be read", "for an unknown reason"));
            Err(findings.into_diagnostics(file_name, text))
        }
        _ => Err(findings.into_diagnostics(file_name, text)),
    }
}

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
}

fn read(text: &str, findings: &mut Findings) -> Option<Sweep> {
    let root = match parser::parse(text) {
        Ok(root) => root,
        Err(diagnostic) => {
            findings.push(*diagnostic);
            return None;
        }
    };
    let file = Section::open(&root, "the sweep file", &SECTIONS, &[], findings);
    let title = file.get("title").and_then(|node| line(node, "`title`", findings));
    let base_node = file.get("base");
    let base = base_node.and_then(|node| decode(node, "`base`", findings));
    let outline = Outline::read(file, findings);
    let axes = outline.axes.iter().map(|axis| decode_axis(axis, findings)).collect();
    let seeds = file.get("seeds").map(|node| read_seeds(node, findings)).unwrap_or_default();
    let evaluations = outline.evaluations.iter().filter_map(|entry| decode_evaluation(entry, findings)).collect();
    let tables = file.get("tables").map(|node| tables::read(node, &outline, findings)).unwrap_or_default();
    if !findings.is_empty() {
        return None;
    }
    let sweep = Sweep { title: title?.to_owned(), base: base?, axes, seeds, evaluations, tables };
    check::grid(&sweep, base_node?, &outline, findings);
    Some(sweep)
}

impl<'n, 't> Outline<'n, 't> {
    fn read(file: Section<'n, 't>, findings: &mut Findings) -> Self {
        let axes_node = file.get("axes");
        let axes = axes_node.map(|node| outline_axes(node, findings)).unwrap_or_default();
        let evaluations = file.get("evaluations").map(|node| entries(node, "`evaluations`", "evaluation", findings));
        let evaluations = evaluations.unwrap_or_default();
        Self {
            axes_mark: axes_node.map(|node| node.mark.clone()).unwrap_or_default(),
            axis_places: axes.iter().enumerate().map(|(index, axis)| (axis.name, index)).collect(),
            axes,
            evaluation_places: evaluations.iter().enumerate().map(|(index, entry)| (entry.label, index)).collect(),
            evaluations,
        }
    }
}

fn outline_axes<'n, 't>(node: &'n Node<'t>, findings: &mut Findings) -> Vec<AxisOutline<'n, 't>> {
    let nodes = elements(node, "`axes`", "axis", findings);
    if let Some(surplus) = nodes.get(MOST_AXES) {
        let message = format!("a sweep has at most {MOST_AXES} axes");
        findings.push(Diagnostic::new(surplus.mark.clone(), message, "one too many"));
        return vec![];
    }
    let mut names = BTreeMap::new();
    let mut outline = vec![];
    for node in nodes {
        if findings.is_full() {
            break;
        }
        let section = Section::open(node, "this axis", &["name", "values"], &[], findings);
        let name = section.get("name").and_then(|node| {
            let name = line(node, "the name of this axis", findings)?;
            findings.extend(repeated(&mut names, name, &node.mark, "two axes have the same name"));
            Some(name)
        });
        let values = section
            .get("values")
            .map(|node| entries(node, "the values of an axis", "value", findings))
            .unwrap_or_default();
        outline.push(AxisOutline { name: name.unwrap_or_default(), values });
    }
    outline
}

/// The entries of `{ "label": …, … }`; at least one, all different.
fn entries<'n, 't>(node: &'n Node<'t>, owner: &str, what: &str, findings: &mut Findings) -> Vec<Entry<'n, 't>> {
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
        findings.extend(repeated(&mut labels, label, &key.mark, "a label is used twice"));
        entries.push(Entry { label, mark: key.mark.clone(), node: value });
    }
    entries
}

fn decode_axis(axis: &AxisOutline, findings: &mut Findings) -> Axis {
    let mut values = vec![];
    for entry in &axis.values {
        if findings.is_full() {
            break;
        }
        let owner = format!("\"{}\"", entry.label);
        values.extend(
            decode(entry.node, &owner, findings).map(|patch| AxisValue { label: entry.label.to_owned(), patch }),
        );
    }
    Axis { name: axis.name.to_owned(), values }
}

fn decode_evaluation(entry: &Entry, findings: &mut Findings) -> Option<NamedEvaluation> {
    if findings.is_full() {
        return None;
    }
    let patch = decode(entry.node, &format!("evaluation \"{}\"", entry.label), findings)?;
    Some(NamedEvaluation { name: entry.label.to_owned(), patch })
}

fn read_seeds(node: &Node, findings: &mut Findings) -> Vec<u64> {
    let mut first_at = BTreeMap::new();
    let mut seeds = vec![];
    for node in elements(node, "`seeds`", "seed", findings) {
        if findings.is_full() {
            break;
        }
        let Some(seed) = decode::<u64>(node, "a seed", findings) else { continue };
        findings.extend(repeated(&mut first_at, seed, &node.mark, "a seed is written twice"));
        seeds.push(seed);
    }
    seeds
}

/// The elements of a list that must have some.
pub(super) fn elements<'n, 't>(node: &'n Node<'t>, owner: &str, what: &str, findings: &mut Findings) -> &'n [Node<'t>] {
    match &node.kind {
        Kind::List(nodes) => {
            if nodes.is_empty() {
                let message = format!("{owner} must not be empty");
                findings.push(Diagnostic::new(node.mark.clone(), message, format!("at least one {what} is needed")));
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
        findings.push(Diagnostic::new(node.mark.clone(), format!("{owner} must not be empty"), "empty text"));
        return None;
    }
    if text.chars().any(char::is_control) {
        let message = format!("{owner} must be one line of plain text");
        findings.push(Diagnostic::new(node.mark.clone(), message, "contains a line break or control character"));
        return None;
    }
    Some(text)
}

/// Remembers where `value` stands; gives a diagnostic with `message` if it stood somewhere before.
pub(super) fn repeated<T: Ord>(
    seen: &mut BTreeMap<T, Range<usize>>,
    value: T,
    mark: &Range<usize>,
    message: &str,
) -> Option<Diagnostic> {
    let first = seen.insert(value, mark.clone())?;
    Some(Diagnostic::new(mark.clone(), message, "again here").related(first, "first here"))
}
