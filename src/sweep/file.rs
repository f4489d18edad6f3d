//! Reads a sweep file: first its outline (names and labels), then the recipe changes in it, then what refers to names.

use std::collections::BTreeMap;

use super::{
    Axis, AxisValue, Diagnostics, NamedEvaluation, Sweep, check, contents,
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::Section,
    generated, left_out,
    outline::{AxisOutline, DELETE, Entry, Outline, elements, line, repeated},
    parser,
    profile::{self, Chosen},
    scheduling, selection,
    syntax::Node,
    tables,
};
use crate::recipe::{Patchable, Recipe, RecipePatch};

/// The parts of a sweep file.
const SECTIONS: [&str; 5] = ["title", "axes", "seeds", "evaluations", "tables"];
/// Parts that a sweep file may do without; `base` only where it includes another file's.
const OPTIONAL_SECTIONS: [&str; 8] = ["base", "include", "profiles", "changes", "only", "exclude", "zip", "scheduling"];

/// A sweep file that is to be read.
pub struct Source<'a> {
    /// Names it in diagnostics.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// The profile to take; none for the base as it is.
    pub profile: Option<&'a str>,
    /// Finds the text of a file by the name that `include` gives, and the name to call it; or says why it cannot.
    pub include: &'a Include<'a>,
}

/// See [`Source::include`].
pub type Include<'a> = dyn Fn(&str) -> Result<(String, String), String> + 'a;

/// Reads and checks a sweep file that includes no other, without a profile; `file_name` only serves to name it in
/// diagnostics.
pub fn parse(file_name: &str, text: &str) -> Result<Sweep, Diagnostics> {
    let include = |_: &str| Err("files cannot be included here".to_owned());
    Source { name: file_name, text, profile: None, include: &include }.parse()
}

impl Source<'_> {
    /// Reads and checks the file.
    pub fn parse(&self) -> Result<Sweep, Diagnostics> {
        let mut findings = Findings::default();
        match self.read(&mut findings)? {
            Some(sweep) if findings.is_empty() => Ok(sweep),
            None if findings.is_empty() => {
                // Every refusal has a diagnostic; should one be forgotten, the file must not seem to be right.
                let diagnostic = Diagnostic::new(0..0, "this file cannot be read", "for an unknown reason");
                findings.push(diagnostic.help("this is a mistake in ablate; please report it with the file"));
                Err(findings.into_diagnostics(self.name, self.text))
            }
            _ => Err(findings.into_diagnostics(self.name, self.text)),
        }
    }

    /// `None` if anything was found wrong; fails for what is wrong in an included file.
    fn read(&self, findings: &mut Findings) -> Result<Option<Sweep>, Diagnostics> {
        let Some(root) = tree(self.text, findings) else { return Ok(None) };
        let file = Section::open(&root, "the sweep file", &SECTIONS, &OPTIONAL_SECTIONS, findings);
        let mut names: Vec<String> = self.profile.iter().map(|&name| name.to_owned()).collect();
        profile::begin(file, &mut names);
        let included = file.get("include").map(|node| self.include(node, &mut names, findings)).transpose()?.flatten();
        let elsewhere = included.as_ref().map_or(&[][..], |shared| &shared.profiles);
        let (profiles, chosen) = profile::read(file, &names, elsewhere, findings);
        let mut known: Vec<&str> = profiles.clone();
        known.extend(elsewhere.iter().map(String::as_str));
        known.sort_unstable();
        known.dedup();
        if let Some(name) = self.profile
            && !known.contains(&name)
        {
            findings.push(profile::unknown(file.get("profiles").unwrap_or(&root), name, &known));
        }
        let generated = generated::numbers_of(file, findings);
        let generated = generated::changes_of(file, &generated, findings);
        let mut outline = Outline::read(file, &generated, &chosen, findings);
        let base = base(&root, file, included.as_ref(), &chosen, findings);
        let title = file.get("title").and_then(|node| line(node, "`title`", findings));
        let axes = outline.axes.iter().map(|axis| decode_axis(axis, findings)).collect();
        let seeds = match chosen.last("seeds") {
            Some(node) => read_seeds(node, findings),
            None => match included.as_ref().and_then(|shared| shared.seeds.clone()) {
                Some(seeds) => seeds,
                None => file.get("seeds").map(|node| read_seeds(node, findings)).unwrap_or_default(),
            },
        };
        let change_lists = file.get("changes").into_iter().chain(chosen.all("changes"));
        let (changes, change_nodes): (Vec<_>, Vec<_>) =
            change_lists.flat_map(|node| selection::changes(node, &outline, findings)).unzip();
        let mut selection = selection::read(file, &outline, findings);
        if let Some(node) = chosen.last("only") {
            selection.only.push(selection::conditions(node, "only", &outline, findings));
        }
        let scheduling =
            file.get("scheduling").map(|node| scheduling::read(node, &outline, findings)).unwrap_or_default();
        let mut evaluations =
            outline.evaluations.iter().filter_map(|entry| decode_evaluation(entry, findings)).collect();
        let mut tables = file.get("tables").map(|node| tables::read(node, &outline, findings)).unwrap_or_default();
        if findings.is_empty() {
            left_out::leave_out(&mut evaluations, &mut outline, &mut tables, findings);
        }
        if !findings.is_empty() {
            return Ok(None);
        }
        let (Some(title), Some(base)) = (title, base) else { return Ok(None) };
        let sweep = Sweep {
            title: title.to_owned(),
            base,
            axes,
            changes,
            selection,
            scheduling,
            seeds,
            evaluations,
            tables,
            profile: self.profile.map(str::to_owned),
            profiles: known.into_iter().map(str::to_owned).collect(),
        };
        let parts = [file.get("base"), file.get("include")].into_iter().flatten();
        let bases: Vec<&Node> = chosen.all("base").rev().chain(parts).chain([&root]).collect();
        check::grid(
            &sweep,
            &check::Places { bases, changes: change_nodes, tables: file.get("tables"), outline },
            findings,
        );
        if let (Some(node), true) = (file.get("tables"), findings.is_empty()) {
            contents::check(&sweep, node, findings);
        }
        Ok(Some(sweep))
    }

    /// The file that `node` names, with what it says in these profiles, and in the one that the first is like.
    fn include(
        &self,
        node: &Node,
        profiles: &mut Vec<String>,
        findings: &mut Findings,
    ) -> Result<Option<Shared>, Diagnostics> {
        let Some(name) = line(node, "`include`", findings) else { return Ok(None) };
        let (name, text) = match (self.include)(name) {
            Ok(found) => found,
            Err(problem) => {
                let message = format!("`{name}` cannot be included: {problem}");
                let help = "write its path from the folder of this file";
                findings.push(Diagnostic::new(node.mark.clone(), message, "this file").help(help));
                return Ok(None);
            }
        };
        let mut inner = Findings::default();
        let shared = Shared::read(&text, profiles, &mut inner);
        if inner.is_empty() { Ok(shared) } else { Err(inner.into_diagnostics(&name, &text)) }
    }
}

/// The text as a tree, unless its form is wrong.
fn tree<'t>(text: &'t str, findings: &mut Findings) -> Option<Node<'t>> {
    parser::parse(text).map_err(|diagnostic| findings.push(*diagnostic)).ok()
}

/// What a file gives to those that include it: `(base: …, profiles: {"name": (base: …, seeds: […])})`.
struct Shared {
    base: Recipe,
    /// What the chosen profile changes in it, one after the other.
    changes: Vec<RecipePatch>,
    seeds: Option<Vec<u64>>,
    profiles: Vec<String>,
}

impl Shared {
    fn read(text: &str, chosen: &mut Vec<String>, findings: &mut Findings) -> Option<Self> {
        let root = tree(text, findings)?;
        let file = Section::open(&root, "an included file", &["base"], &["profiles"], findings);
        profile::begin(file, chosen);
        let (profiles, chosen) = profile::read(file, chosen, &[], findings);
        for name in ["axes", "evaluations", "only", "changes"] {
            for node in chosen.all(name) {
                let message = format!("a profile of an included file cannot change `{name}`");
                let help = format!("write `{name}` into this profile of the sweep file, which has the axes");
                findings.push(Diagnostic::new(node.mark.clone(), message, "not known in this file").help(help));
            }
        }
        let base = file.get("base").and_then(|node| decode(node, "`base`", findings));
        let changes = chosen.all("base").filter_map(|node| decode(node, "`base`", findings)).collect();
        let seeds = chosen.last("seeds").map(|node| read_seeds(node, findings));
        Some(Self { base: base?, changes, seeds, profiles: profiles.into_iter().map(str::to_owned).collect() })
    }
}

/// The base of a sweep: its own, or that of the included file with its own changes, then the changes of the profile.
fn base(
    root: &Node,
    file: Section,
    included: Option<&Shared>,
    chosen: &Chosen,
    findings: &mut Findings,
) -> Option<Recipe> {
    let own = file.get("base");
    let mut base = match (included, own) {
        (Some(shared), _) => {
            let mut base = shared.base.clone();
            if let Some(node) = own {
                base.apply(&decode(node, "`base`", findings)?);
            }
            shared.changes.iter().for_each(|change| base.apply(change));
            base
        }
        (None, Some(node)) => decode(node, "`base`", findings)?,
        (None, None) => {
            if file.get("include").is_none() && findings.is_empty() {
                let diagnostic =
                    Diagnostic::new(root.mark.clone(), "the sweep file lacks `base`", "a part is missing here");
                findings.push(diagnostic.help("write a complete recipe, or include a file that has one"));
            }
            return None;
        }
    };
    for node in chosen.all("base") {
        base.apply(&decode(node, "`base`", findings)?);
    }
    Some(base)
}

fn decode_axis(axis: &AxisOutline, findings: &mut Findings) -> Axis {
    let mut values = vec![];
    for entry in &axis.values {
        if findings.is_full() {
            break;
        }
        let owner = format!("\"{}\"", entry.label);
        let in_profile = entry.in_profile.as_ref().and_then(|(_, node)| decode(node, &owner, findings));
        values.extend(decode(entry.node, &owner, findings).map(|patch| AxisValue {
            label: entry.label.to_owned(),
            patch,
            in_profile,
        }));
    }
    Axis { name: axis.name.to_owned(), values }
}

fn decode_evaluation(entry: &Entry, findings: &mut Findings) -> Option<NamedEvaluation> {
    if findings.is_full() {
        return None;
    }
    let owner = format!("evaluation \"{}\"", entry.label);
    let changed = entry.in_profile.as_ref().filter(|(_, node)| !left_out::is_none(node));
    let in_profile = changed.and_then(|(_, node)| decode(node, &owner, findings));
    let patch = decode(entry.node, &owner, findings)?;
    Some(NamedEvaluation { name: entry.label.to_owned(), patch, in_profile })
}

fn read_seeds(node: &Node, findings: &mut Findings) -> Vec<u64> {
    let mut first_at = BTreeMap::new();
    let mut seeds = vec![];
    for node in elements(node, "`seeds`", "seed", findings) {
        if findings.is_full() {
            break;
        }
        let Some(seed) = decode::<u64>(node, "a seed", findings) else { continue };
        findings.extend(repeated(&mut first_at, seed, &node.mark, "a seed is written twice", DELETE));
        seeds.push(seed);
    }
    seeds
}
