//! Profiles: one sweep at several scales, such as the paper's and one that runs in a minute.
//!
//! A profile changes the base, and what single values and evaluations stand for; labels stay, so that tables keep their
//! form. It may leave points out by `only` and evaluations by `None`, and add `changes` after those of the file. One
//! that is `like` another begins with all that the other says, here and in an included file; what it says itself of a
//! value, an evaluation, seeds or points stands instead.

use std::collections::BTreeMap;

use super::{
    diagnostic::{Diagnostic, Findings},
    fields::{Section, mismatch},
    outline::{AxisOutline, Entry, entries, line, repeated},
    syntax::{Kind, Node},
    vocabulary::suggestion,
};

/// The parts of a profile.
const PARTS: [&str; 7] = ["like", "base", "axes", "evaluations", "seeds", "only", "changes"];

/// What the chosen profile says in a file: nothing, one section, or before it that of the profile that it is like.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen<'n, 't> {
    sections: Vec<Section<'n, 't>>,
}

/// The names of the profiles in a file, and what it says in the chosen ones; every profile is checked for its form.
/// `elsewhere` are the profiles of an included file.
pub(super) fn read<'n, 't>(
    file: Section<'n, 't>,
    chosen: &[String],
    elsewhere: &[String],
    findings: &mut Findings,
) -> (Vec<&'n str>, Chosen<'n, 't>) {
    let Some(node) = file.get("profiles") else { return (vec![], Chosen::default()) };
    let profiles = entries(node, "`profiles`", "profile", findings);
    let names: Vec<&str> = profiles.iter().map(|entry| entry.label).collect();
    let mut sections = BTreeMap::new();
    for entry in &profiles {
        let section = Section::open(entry.node, &format!("profile \"{}\"", entry.label), &[], &PARTS, findings);
        sections.insert(entry.label, section);
    }
    let known: Vec<&str> = names.iter().copied().chain(elsewhere.iter().map(String::as_str)).collect();
    for section in sections.values() {
        let Some(node) = section.get("like") else { continue };
        let Some(other) = line(node, "`like`", findings) else { continue };
        if !known.contains(&other) {
            findings.push(unknown(node, other, &known));
        } else if sections.get(other).is_some_and(|section| section.get("like").is_some()) {
            let message = format!("`{other}` is like another profile itself");
            let help = "name that profile, and write here what else is needed";
            findings.push(Diagnostic::new(node.mark.clone(), message, "not possible").help(help));
        }
    }
    let sections = chosen.iter().filter_map(|name| sections.get(name.as_str()).copied()).collect();
    (names, Chosen { sections })
}

/// Puts before the first of some profiles the one that it is like, if the file says so.
pub(super) fn begin(file: Section, names: &mut Vec<String>) {
    let (Some(node), Some(first)) = (file.get("profiles"), names.first()) else { return };
    let Kind::Map(pairs) = &node.kind else { return };
    let Some((_, profile)) = pairs.iter().find(|(key, _)| matches!(&key.kind, Kind::Text(name) if name == first))
    else {
        return;
    };
    // What is wrong with it is said when profiles are read.
    let like = Section::open(profile, "", &[], &PARTS, &mut Findings::default()).get("like");
    if let Some(Kind::Text(other)) = like.map(|node| &node.kind)
        && !names.iter().any(|name| name == other)
    {
        names.insert(0, other.to_string());
    }
}

/// What to say of a profile that no file has.
pub(super) fn unknown(node: &Node, name: &str, names: &[&str]) -> Diagnostic {
    let message = format!("there is no profile `{name}`");
    Diagnostic::new(node.mark.clone(), message, "not among these").help(suggestion(name, names, "profiles"))
}

impl<'n, 't> Chosen<'n, 't> {
    /// A part, from each section that has it.
    pub(super) fn all(&self, part: &str) -> impl DoubleEndedIterator<Item = &'n Node<'t>> {
        self.sections.iter().filter_map(move |section| section.get(part))
    }

    /// A part, from the last section that has it.
    pub(super) fn last(&self, part: &str) -> Option<&'n Node<'t>> {
        self.all(part).next_back()
    }

    /// Notes what the profile changes of single values and evaluations.
    pub(super) fn amend(
        &self,
        axes: &mut [AxisOutline<'n, 't>],
        evaluations: &mut [Entry<'n, 't>],
        findings: &mut Findings,
    ) {
        for node in self.all("evaluations") {
            amend(node, "evaluation", evaluations, findings);
        }
        for node in self.all("axes") {
            amend_axes(node, axes, findings);
        }
    }
}

/// Notes the changes of values, by axis.
fn amend_axes<'n, 't>(node: &'n Node<'t>, axes: &mut [AxisOutline<'n, 't>], findings: &mut Findings) {
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
