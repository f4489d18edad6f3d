//! Reads a sweep file: first its outline (names and labels), then the recipe changes in it, then what refers to names.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Axis, AxisValue, Diagnostics, Evaluation, Sweep, check,
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::{Section, mismatch},
    syntax::{self, Kind, Node},
    tables,
};

/// The parts of a sweep file.
const SECTIONS: [&str; 6] = ["title", "base", "axes", "seeds", "evaluations", "tables"];

/// Reads and checks a sweep file; `file_name` only serves to name it in diagnostics.
pub fn parse(file_name: &str, text: &str) -> Result<Sweep, Diagnostics> {
    let mut findings = Findings::default();
    match read(text, &mut findings) {
        Some(sweep) if findings.is_empty() => Ok(sweep),
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
    /// The evaluations.
    pub evaluations: Vec<Entry<'n, 't>>,
}

/// Where an axis stands.
#[derive(Debug)]
pub(super) struct AxisOutline<'n, 't> {
    /// Its name; empty if it has no usable one.
    pub name: &'n str,
    /// Mark of the name.
    pub mark: Range<usize>,
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
    let root = match syntax::parse(text) {
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
    let outline = Outline {
        axes_mark: file.get("axes").map(|node| node.mark.clone()).unwrap_or_default(),
        axes: file.get("axes").map(|node| outline_axes(node, findings)).unwrap_or_default(),
        evaluations: file
            .get("evaluations")
            .map(|node| entries(node, "`evaluations`", "evaluation", findings))
            .unwrap_or_default(),
    };
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

fn outline_axes<'n, 't>(node: &'n Node<'t>, findings: &mut Findings) -> Vec<AxisOutline<'n, 't>> {
    let nodes = elements(node, "`axes`", "axis", findings);
    let mut names = BTreeMap::new();
    let mut outline = vec![];
    for node in nodes {
        if findings.is_full() {
            break;
        }
        let section = Section::open(node, "this axis", &["name", "values"], &[], findings);
        let name_node = section.get("name");
        let name = name_node.and_then(|node| line(node, "the name of this axis", findings));
        let mark = name_node.unwrap_or(node).mark.clone();
        findings.extend(name.and_then(|name| repeated(&mut names, name, &mark, "axis name")));
        let values = section
            .get("values")
            .map(|node| entries(node, "the values of an axis", "value", findings))
            .unwrap_or_default();
        outline.push(AxisOutline { name: name.unwrap_or_default(), mark, values });
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
                .help(format!("write `\"a {what}\": ()` to start with one that changes nothing")),
        );
    }
    let mut labels = BTreeMap::new();
    let mut entries = vec![];
    for (key, value) in pairs {
        let Some(label) = line(key, &format!("the label of this {what}"), findings) else { continue };
        findings.extend(repeated(&mut labels, label, &key.mark, "label"));
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

fn decode_evaluation(entry: &Entry, findings: &mut Findings) -> Option<Evaluation> {
    if findings.is_full() {
        return None;
    }
    let patch = decode(entry.node, &format!("evaluation \"{}\"", entry.label), findings)?;
    Some(Evaluation { name: entry.label.to_owned(), patch })
}

fn read_seeds(node: &Node, findings: &mut Findings) -> Vec<u64> {
    let mut first_at = BTreeMap::new();
    let mut seeds = vec![];
    for node in elements(node, "`seeds`", "seed", findings) {
        if findings.is_full() {
            break;
        }
        let Some(seed) = decode::<u64>(node, "a seed", findings) else { continue };
        findings.extend(repeated(&mut first_at, seed, &node.mark, "seed"));
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
        let diagnostic = mismatch(node, owner, "text in double quotes");
        findings.push(match &node.kind {
            Kind::Word(word) => diagnostic.help(format!("write `\"{word}\"`")),
            _ => diagnostic,
        });
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

/// Remembers where `value` stands, and complains if it stood somewhere before.
pub(super) fn repeated<T: Ord>(
    seen: &mut BTreeMap<T, Range<usize>>,
    value: T,
    mark: &Range<usize>,
    what: &str,
) -> Option<Diagnostic> {
    let first = seen.insert(value, mark.clone())?;
    Some(Diagnostic::new(mark.clone(), format!("this {what} is taken"), "again here").related(first, "first here"))
}
