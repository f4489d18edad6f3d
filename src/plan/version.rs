//! Versions of the program's parts, as far as results depend on them.
//!
//! A job's id holds the versions of the parts that its numbers come from, so that results of different code are never
//! taken for one another: what an earlier version found is not reused, not shown beside what this one finds, and not
//! learned from. Only the jobs of a part that changed get other ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::recipe::JobSpec;

/// A part of the program that gives other numbers for the same settings than it did before.
struct Change {
    /// One of [`JobSpec::parts`].
    part: &'static str,
    /// Its version since then; every part begins with 1.
    version: u32,
    /// What it does now and did not do before, in a few words.
    what: &'static str,
}

/// All changes. Whoever changes what a part computes adds a line.
const CHANGES: [Change; 1] = [Change {
    part: "fine-tuning",
    version: 2,
    what: "the encoder is trained, where before only the new classifier was",
}];

/// Versions of parts by their names; those that are still at their first are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Versions(BTreeMap<String, u32>);

impl Versions {
    /// Those that a job's numbers come from in this program.
    pub fn of(spec: &JobSpec) -> Self {
        let changed = CHANGES.iter().filter(|change| spec.parts().any(|part| part == change.part));
        // Of several changes of a part the last one counts.
        Self(changed.map(|change| (change.part.to_owned(), change.version)).collect())
    }

    /// Whether every part is at its first version.
    pub fn are_first(&self) -> bool {
        self.0.is_empty()
    }

    /// What tells these versions from later ones, each as `part: before → after (what has changed)`.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let version = |versions: &Self, part: &str| versions.0.get(part).copied().unwrap_or(1);
        let mut parts: Vec<&String> = self.0.keys().chain(later.0.keys()).collect();
        parts.sort();
        parts.dedup();
        let changed = parts.into_iter().map(|part| (part, version(self, part), version(later, part)));
        let changed = changed.filter(|(_, before, after)| before != after);
        let text = |(part, before, after): (&String, u32, u32)| {
            let between = before.min(after) + 1..=before.max(after);
            let known = CHANGES.iter().filter(|change| change.part == part && between.contains(&change.version));
            let what: Vec<&str> = known.map(|change| change.what).collect();
            let what = if what.is_empty() { String::new() } else { format!(" ({})", what.join("; ")) };
            format!("version of {part}: {before} → {after}{what}")
        };
        changed.map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{fixture, fixture::patch},
        recipe::{Objective, Patchable, Recipe},
    };

    fn versions(parts: &[(&str, u32)]) -> Versions {
        Versions(parts.iter().map(|&(part, version)| (part.to_owned(), version)).collect())
    }

    #[test]
    fn every_change_is_of_a_part_that_jobs_have_and_counts_up() {
        let recipe = |change: &str| -> Recipe {
            let mut recipe = fixture::recipe();
            recipe.apply(&patch(change));
            recipe
        };
        let tuned = JobSpec::Evaluate(recipe("(evaluation: (protocol: FineTune))").evaluation_job(0));
        assert_eq!(Versions::of(&tuned), versions(&[("fine-tuning", 2)]));
        let others = [
            JobSpec::Evaluate(fixture::recipe().evaluation_job(0)),
            JobSpec::Pretrain(fixture::recipe().pretrain_job(0)),
            JobSpec::Pretrain(Recipe { objective: Objective::Untrained, ..fixture::recipe() }.pretrain_job(0)),
        ];
        assert!(others.iter().all(|spec| Versions::of(spec).are_first()));
        let mut last = BTreeMap::new();
        for Change { part, version, .. } in &CHANGES {
            assert_eq!(*version, last.get(part).copied().unwrap_or(1) + 1, "{part}");
            last.insert(part, *version);
        }
    }

    #[test]
    fn differences_say_what_has_changed() {
        let now = versions(&[("fine-tuning", 2)]);
        assert_eq!(now.differences(&now), [""; 0]);
        assert_eq!(
            Versions::default().differences(&now),
            ["version of fine-tuning: 1 → 2 (the encoder is trained, where before only the new classifier was)"]
        );
        assert_eq!(versions(&[("x", 4)]).differences(&versions(&[("x", 3)])), ["version of x: 4 → 3"]);
    }
}
