//! Which points of the product of the axes are trials.

use std::collections::BTreeMap;

use super::{
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::{Section, mismatch},
    outline::{DELETE, Outline, elements, line, repeated},
    syntax::{Kind, Node},
    vocabulary::suggestion,
};
use crate::recipe::RecipePatch;

/// What to do about an axis that a condition names twice.
const TOGETHER: &str = "write one list with all its labels: `\"axis\": [\"label\", \"label\"]`";

/// Which points are trials: those that every list of conditions in `only` takes, that none in `exclude` takes, and on
/// which the axes of each group in `zip` stand at the same place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Of each list, a point must meet one condition.
    pub only: Vec<Vec<Condition>>,
    /// A point must meet none.
    pub exclude: Vec<Condition>,
    /// Axes that advance together, as indices into `Sweep::axes`.
    pub zip: Vec<Vec<usize>>,
}

/// Values of some axes; a point meets it if it has one of the values on each of these axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Axis and values, as indices.
    pub values: Vec<(usize, Vec<usize>)>,
}

impl Condition {
    /// Whether a point meets it.
    pub fn takes(&self, point: &[usize]) -> bool {
        self.values.iter().all(|(axis, values)| values.contains(&point[*axis]))
    }
}

impl Selection {
    /// Whether a point is a trial.
    pub fn takes(&self, point: &[usize]) -> bool {
        self.zip.iter().all(|axes| axes.iter().all(|&axis| point[axis] == point[axes[0]]))
            && self.only.iter().all(|conditions| conditions.iter().any(|condition| condition.takes(point)))
            && !self.exclude.iter().any(|condition| condition.takes(point))
    }

    /// Whether every point is a trial.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// A change of the recipe at some points only.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionalChange {
    /// Where it applies.
    pub when: Condition,
    /// The fields it changes, after the values of all axes.
    pub patch: RecipePatch,
}

/// Reads `changes`: `[(when: {"axis": "label"}, change: (…)), …]`, each with its place.
pub(super) fn changes<'n, 't>(
    node: &'n Node<'t>,
    outline: &Outline,
    findings: &mut Findings,
) -> Vec<(ConditionalChange, &'n Node<'t>)> {
    let mut changes = vec![];
    for node in elements(node, "`changes`", "change", findings) {
        if findings.is_full() {
            break;
        }
        let section = Section::open(node, "this change", &["when", "change"], &[], findings);
        let when = section.get("when").and_then(|node| condition(node, outline, findings));
        let Some(node) = section.get("change") else { continue };
        if let (Some(when), Some(patch)) = (when, decode(node, "`change`", findings)) {
            changes.push((ConditionalChange { when, patch }, node));
        }
    }
    changes
}

/// Reads `only`, `exclude` and `zip` of a file.
pub(super) fn read(file: Section, outline: &Outline, findings: &mut Findings) -> Selection {
    if outline.axes.iter().any(|axis| axis.name.is_empty()) {
        // Complaints about references to axes without names would only repeat what is reported already.
        return Selection::default();
    }
    let mut conditions_of = |field: &str| file.get(field).map(|node| conditions(node, field, outline, findings));
    let (only, exclude) = (conditions_of("only"), conditions_of("exclude"));
    let zip = file.get("zip").map(|node| zip(node, outline, findings)).unwrap_or_default();
    Selection { only: only.into_iter().collect(), exclude: exclude.unwrap_or_default(), zip }
}

/// A list of conditions `{"axis": "label", "axis": ["label", "label"]}`.
pub(super) fn conditions(node: &Node, field: &str, outline: &Outline, findings: &mut Findings) -> Vec<Condition> {
    let nodes = elements(node, &format!("`{field}`"), "condition", findings);
    nodes.iter().filter_map(|node| condition(node, outline, findings)).collect()
}

pub(super) fn condition(node: &Node, outline: &Outline, findings: &mut Findings) -> Option<Condition> {
    let pairs = match &node.kind {
        Kind::Map(pairs) if !pairs.is_empty() => pairs,
        _ => {
            let expected = "values of axes `{\"axis\": \"label\", …}`";
            findings.push(mismatch(node, "a condition", expected));
            return None;
        }
    };
    let mut seen = BTreeMap::new();
    let mut values = vec![];
    for (key, value) in pairs {
        let index = axis(key, outline, findings)?;
        findings.extend(repeated(&mut seen, index, &key.mark, "an axis is named twice by this condition", TOGETHER));
        let labels = match &value.kind {
            Kind::List(_) => elements(value, "the values of this condition", "label", findings),
            _ => std::slice::from_ref(value),
        };
        let found: Option<Vec<usize>> = labels.iter().map(|label| value_of(label, index, outline, findings)).collect();
        values.push((index, found?));
    }
    Some(Condition { values })
}

fn axis(node: &Node, outline: &Outline, findings: &mut Findings) -> Option<usize> {
    let name = line(node, "the name of an axis", findings)?;
    let known = outline.axis_places.get(name).copied();
    if known.is_none() {
        let names: Vec<_> = outline.axes.iter().map(|axis| axis.name).collect();
        findings.push(
            Diagnostic::new(node.mark.clone(), format!("there is no axis `{name}`"), "unknown axis")
                .help(suggestion(name, &names, "axes")),
        );
    }
    known
}

fn value_of(node: &Node, axis: usize, outline: &Outline, findings: &mut Findings) -> Option<usize> {
    let label = line(node, "the label of a value", findings)?;
    let axis = &outline.axes[axis];
    let known = axis.values.iter().position(|value| value.label == label);
    if known.is_none() {
        let labels: Vec<_> = axis.values.iter().map(|value| value.label).collect();
        findings.push(
            Diagnostic::new(node.mark.clone(), format!("`{}` has no value `{label}`", axis.name), "unknown value")
                .help(suggestion(label, &labels, "values")),
        );
    }
    known
}

/// Groups of axes, each with as many values as the others of its group.
fn zip(node: &Node, outline: &Outline, findings: &mut Findings) -> Vec<Vec<usize>> {
    let mut seen = BTreeMap::new();
    let mut groups = vec![];
    for group in elements(node, "`zip`", "group of axes", findings) {
        let mut axes: Vec<usize> = vec![];
        for node in elements(group, "a group of `zip`", "axis", findings) {
            let Some(index) = axis(node, outline, findings) else { continue };
            findings.extend(repeated(&mut seen, index, &node.mark, "an axis is zipped twice", DELETE));
            if let Some(&first) = axes.first() {
                let sizes = [first, index].map(|axis| outline.axes[axis].values.len());
                if sizes[0] != sizes[1] {
                    let [one, other] = [first, index].map(|axis| outline.axes[axis].name);
                    let message = format!("`{one}` has {} values and `{other}` has {}", sizes[0], sizes[1]);
                    let diagnostic = Diagnostic::new(node.mark.clone(), message, "cannot advance together");
                    findings.push(diagnostic.help("axes that are zipped need equally many values"));
                }
            }
            axes.push(index);
        }
        if !axes.is_empty() {
            groups.push(axes);
        }
    }
    groups
}
