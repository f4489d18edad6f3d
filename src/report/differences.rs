//! In which settings two recipes or two jobs differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::plan::Job;

/// The fields in which two values differ, each as `path: before → after`; `–` where one has no such field.
pub(super) fn differences(before: &impl Serialize, after: &impl Serialize) -> Vec<String> {
    between(&leaves(before), &leaves(after))
}

/// The settings in which two jobs differ, those of their parents included.
pub fn job_differences(before: (&Job, &[Job]), after: (&Job, &[Job])) -> Vec<String> {
    let mut found = differences(&*before.0.spec, &*after.0.spec);
    for (before, after) in before.1.iter().zip(after.1) {
        found.extend(differences(&*before.spec, &*after.spec));
    }
    found
}

fn between(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let text = |leaves: &BTreeMap<String, String>, path| leaves.get(path).cloned().unwrap_or_else(|| "–".to_owned());
    let changes = paths.into_iter().map(|path| (path, text(before, path), text(after, path)));
    changes.filter(|(_, before, after)| before != after).map(|(path, b, a)| format!("{path}: {b} → {a}")).collect()
}

/// The values of a tree by their paths.
fn leaves(value: &impl Serialize) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // Settings are always JSON; if they were not, nothing would differ.
    collect(&serde_json::to_value(value).unwrap_or_default(), String::new(), &mut found);
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
