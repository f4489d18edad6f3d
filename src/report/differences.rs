//! In which settings two recipes or two jobs differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::{plan::Job, recipe::Recipe};

/// The fields in which two recipes differ, each as `path: before → after`; `–` where one has no such field.
pub(super) fn differences(before: &Recipe, after: &Recipe) -> Vec<String> {
    // Part by part, as most are equal; in the order of their names, as paths are.
    let Recipe { data, augmentation, encoder, head, objective, optimizer, schedule, online_probe, evaluation } = after;
    [
        in_part("augmentation", &before.augmentation, augmentation),
        in_part("data", &before.data, data),
        in_part("encoder", &before.encoder, encoder),
        in_part("evaluation", &before.evaluation, evaluation),
        in_part("head", &before.head, head),
        in_part("objective", &before.objective, objective),
        in_part("online_probe", &before.online_probe, online_probe),
        in_part("optimizer", &before.optimizer, optimizer),
        in_part("schedule", &before.schedule, schedule),
    ]
    .concat()
}

/// The fields in which two values differ that stand at `path`.
fn in_part<T: PartialEq + Serialize>(path: &str, before: &T, after: &T) -> Vec<String> {
    if before == after { vec![] } else { between(&leaves(path, before), &leaves(path, after)) }
}

/// The settings in which two jobs differ, and the versions of what they compute with; those of their parents included.
pub fn job_differences(before: (&Job, &[Job]), after: (&Job, &[Job])) -> Vec<String> {
    let pairs = std::iter::once((before.0, after.0)).chain(before.1.iter().zip(after.1));
    let of_pair = |(before, after): (&Job, &Job)| {
        [in_part("", &*before.spec, &*after.spec), before.versions.differences(&after.versions)].concat()
    };
    pairs.flat_map(of_pair).collect()
}

fn between(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let text = |leaves: &BTreeMap<String, String>, path| leaves.get(path).cloned().unwrap_or_else(|| "–".to_owned());
    let changes = paths.into_iter().map(|path| (path, text(before, path), text(after, path)));
    changes.filter(|(_, before, after)| before != after).map(|(path, b, a)| format!("{path}: {b} → {a}")).collect()
}

/// The values of a tree by their paths.
fn leaves(path: &str, value: &impl Serialize) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // Settings are always JSON; if they were not, nothing would differ.
    collect(&serde_json::to_value(value).unwrap_or_default(), path.to_owned(), &mut found);
    found
}

fn collect(value: &Value, path: String, leaves: &mut BTreeMap<String, String>) {
    let inside = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| collect(value, inside(name), leaves)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(index, value)| collect(value, inside(&index.to_string()), leaves));
        }
        Value::Null => {}
        Value::String(text) => {
            leaves.insert(path, text.clone());
        }
        other => {
            leaves.insert(path, other.to_string());
        }
    }
}
