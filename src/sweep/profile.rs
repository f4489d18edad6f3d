//! Profiles: one sweep at several scales, such as the paper's and one that runs in a minute.
//!
//! A profile changes the base, and what single values and evaluations stand for; labels stay, so that tables keep their
//! form. It may leave points out by `only` and evaluations by `None`, and add `changes` after those of the file.

use std::collections::BTreeMap;

use super::{
    diagnostic::{Diagnostic, Findings},
    fields::{Section, mismatch},
    outline::{AxisOutline, Entry, entries, repeated},
    syntax::{Kind, Node},
    vocabulary::suggestion,
};

/// The parts of a profile.
const PARTS: [&str; 6] = ["base", "axes", "evaluations", "seeds", "only", "changes"];

/// The chosen profile of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen<'n, 't> {
    section: Section<'n, 't>,
}

/// The names of the profiles in a file, and the chosen one; every profile is checked for its form.
pub(super) fn read<'n, 't>(
    file: Section<'n, 't>,
    chosen: Option<&str>,
    findings: &mut Findings,
) -> (Vec<&'n str>, Option<Chosen<'n, 't>>) {
    let Some(node) = file.get("profiles") else { return (vec![], None) };
    let profiles = entries(node, "`profiles`", "profile", findings);
    let mut found = None;
    for entry in &profiles {
        let section = Section::open(entry.node, &format!("profile \"{}\"", entry.label), &[], &PARTS, findings);
        if Some(entry.label) == chosen {
            found = Some(Chosen { section });
        }
    }
    (profiles.iter().map(|entry| entry.label).collect(), found)
}

/// What to say of a profile that no file has.
pub(super) fn unknown(node: &Node, name: &str, names: &[&str]) -> Diagnostic {
    let message = format!("there is no profile `{name}`");
    Diagnostic::new(node.mark.clone(), message, "not among these").help(suggestion(name, names, "profiles"))
}

impl<'n, 't> Chosen<'n, 't> {
    /// A part of the profile.
    pub(super) fn get(&self, part: &str) -> Option<&'n Node<'t>> {
        self.section.get(part)
    }

    /// Notes what the profile changes of single values and evaluations.
    pub(super) fn amend(
        &self,
        axes: &mut [AxisOutline<'n, 't>],
        evaluations: &mut [Entry<'n, 't>],
        findings: &mut Findings,
    ) {
        if let Some(node) = self.get("evaluations") {
            amend(node, "evaluation", evaluations, findings);
        }
        let Some(node) = self.get("axes") else { return };
        let Kind::Map(pairs) = &node.kind else {
            findings.push(mismatch(node, "`axes` of a profile", "values of axes `{\"axis\": {\"label\": (…)}, …}`"));
            return;
        };
        let mut seen = BTreeMap::new();
        for (key, value) in pairs {
            findings.extend(repeated(
                &mut seen,
                key.source,
                &key.mark,
                "a profile names an axis twice",
                "put all its labels into one of the two",
            ));
            let axis = match &key.kind {
                Kind::Text(name) => axes.iter_mut().find(|axis| axis.name == name),
                _ => None,
            };
            match axis {
                Some(axis) => amend(value, "value", &mut axis.values, findings),
                None => {
                    let names: Vec<_> = axes.iter().map(|axis| axis.name).collect();
                    let written = key.source.trim_matches('"');
                    findings.push(
                        Diagnostic::new(key.mark.clone(), format!("there is no axis `{written}`"), "unknown axis")
                            .help(suggestion(written, &names, "axes")),
                    );
                }
            }
        }
    }
}

/// Notes the changes of labelled entries.
fn amend<'n, 't>(node: &'n Node<'t>, what: &str, entries_of_file: &mut [Entry<'n, 't>], findings: &mut Findings) {
    for change in entries(node, &format!("the {what}s of a profile"), what, findings) {
        match entries_of_file.iter_mut().find(|entry| entry.label == change.label) {
            Some(entry) => entry.in_profile = Some((change.mark, change.node)),
            None => {
                let labels: Vec<_> = entries_of_file.iter().map(|entry| entry.label).collect();
                let message = format!("there is no {what} `{}`", change.label);
                findings.push(Diagnostic::new(change.mark, message, format!("unknown {what}")).help(suggestion(
                    change.label,
                    &labels,
                    &format!("{what}s"),
                )));
            }
        }
    }
}
