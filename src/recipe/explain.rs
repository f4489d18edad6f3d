//! What there is to know of a field of the recipe: its type, default, allowed values and documentation.
//!
//! All of it is taken from the types themselves and their documentation, by way of their JSON schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Recipe;

/// A field of the recipe, or a setting of one of its choices.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldDoc {
    /// Where it stands, such as `objective.NtXent.temperature`; several where a choice can stand at several places.
    pub paths: Vec<String>,
    /// The kind of its values in words.
    pub kind: String,
    /// What holds where it is not written; `None` if it must be.
    pub default: Option<String>,
    /// What it means, with units and the place in the paper.
    pub text: String,
    /// Named values, each with what it means.
    pub choices: Vec<(String, String)>,
}

/// All fields, groups and the fields in them by name.
pub fn fields() -> Vec<FieldDoc> {
    let schema = schemars::schema_for!(Recipe);
    let root = schema.as_value();
    let mut walk = Walk { root, fields: vec![], known: BTreeMap::new() };
    walk.group(root, "");
    walk.fields
}

/// The fields that `name` may mean: a path, or the end of one; names of choices on the way may be left out.
pub fn explain(name: &str) -> Vec<FieldDoc> {
    let asked: Vec<&str> = name.split('.').collect();
    let means = |path: &str| {
        let steps: Vec<&str> = path.split('.').collect();
        let mut rest = asked.iter();
        let mut next = rest.next();
        for step in &steps {
            if next == Some(step) {
                next = rest.next();
            }
        }
        next.is_none() && asked.last() == steps.last()
    };
    let exact = |field: &FieldDoc| field.paths.iter().any(|path| path == name);
    let all = fields();
    match all.iter().find(|field| exact(field)) {
        Some(field) => vec![field.clone()],
        None => all.into_iter().filter(|field| field.paths.iter().any(|path| means(path))).collect(),
    }
}

struct Walk<'s> {
    root: &'s Value,
    fields: Vec<FieldDoc>,
    /// Place in `fields` of what was described before, by the address of its schema.
    known: BTreeMap<*const Value, usize>,
}

impl<'s> Walk<'s> {
    /// The fields of a group.
    fn group(&mut self, schema: &'s Value, path: &str) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, field) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.field(field, path, required.contains(&name.as_str()));
        }
    }

    fn field(&mut self, field: &'s Value, path: String, required: bool) {
        let inner = self.resolved(field);
        if let Some(&place) = self.known.get(&std::ptr::from_ref(field)) {
            self.fields[place].paths.push(path.clone());
        } else {
            let text = [field, inner].into_iter().find_map(|schema| schema.get("description")?.as_str());
            self.known.insert(std::ptr::from_ref(field), self.fields.len());
            self.fields.push(FieldDoc {
                paths: vec![path.clone()],
                kind: self.kind(field),
                default: (!required).then(|| field.get("default").map_or_else(|| "None".to_owned(), written)),
                text: text.unwrap_or_default().replace('\n', " "),
                choices: variants(inner).map(|(name, schema)| (name, description(schema))).collect(),
            });
        }
        self.group(inner, &path);
        let element = inner.get("items").map(|items| self.resolved(items));
        for owner in [Some(inner), element].into_iter().flatten() {
            for (name, schema) in variants(owner) {
                if let Some(settings) = schema.get("properties").and_then(|properties| properties.get(&name)) {
                    self.group(self.resolved(settings), &format!("{path}.{name}"));
                }
            }
        }
    }

    /// The schema that a reference leads to, also through `null` or the reference.
    fn resolved(&self, schema: &'s Value) -> &'s Value {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let found = self.root.pointer(name.trim_start_matches('#'));
            return found.map_or(schema, |found| self.resolved(found));
        }
        let options = schema.get("anyOf").and_then(Value::as_array);
        match options.and_then(|options| options.iter().find(|option| option.get("type") != Some(&"null".into()))) {
            Some(option) => self.resolved(option),
            None => schema,
        }
    }

    /// The kind of values in words.
    fn kind(&self, schema: &'s Value) -> String {
        let inner = self.resolved(schema);
        let types: Vec<&str> = match inner.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect()
            }
            _ => vec![],
        };
        if variants(inner).next().is_some() {
            return "one of the names below".to_owned();
        }
        match types[..] {
            ["integer"] => "whole number".to_owned(),
            ["number"] => "number".to_owned(),
            ["boolean"] => "true or false".to_owned(),
            ["string"] => "text".to_owned(),
            ["array"] => match inner.get("prefixItems").and_then(Value::as_array) {
                Some(values) => format!("{} values in parentheses", values.len()),
                None => "list".to_owned(),
            },
            _ => "group of fields".to_owned(),
        }
    }
}

/// The named possibilities of a choice, each with its schema.
fn variants(schema: &Value) -> impl Iterator<Item = (String, &Value)> {
    let named = |variant| -> Option<(String, &Value)> {
        let variant: &Value = variant;
        if let Some(name) = variant.get("const").and_then(Value::as_str) {
            return Some((name.to_owned(), variant));
        }
        let settings = variant.get("properties").and_then(Value::as_object).map(Map::keys);
        settings.and_then(|mut names| Some((names.next()?.clone(), variant)))
    };
    // Names without documentation stand together.
    let bare = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let bare = bare.filter_map(move |name| Some((name.as_str()?.to_owned(), schema)));
    schema.get("oneOf").and_then(Value::as_array).into_iter().flatten().filter_map(named).chain(bare)
}

fn description(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
}

/// A default as it is written in files.
fn written(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::String(name) => name.clone(),
        Value::Object(fields) => {
            let inside = |fields: &Map<String, Value>| {
                fields.iter().map(|(name, value)| format!("{name}: {}", written(value))).collect::<Vec<_>>().join(", ")
            };
            match fields.iter().next() {
                Some((name, Value::Object(settings))) if fields.len() == 1 => format!("{name}({})", inside(settings)),
                _ => format!("({})", inside(fields)),
            }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_says_what_it_is() {
        let fields = fields();
        assert!(fields.len() > 60, "{}", fields.len());
        for field in &fields {
            assert!(!field.text.is_empty(), "{:?} has no documentation", field.paths);
            assert!(field.choices.iter().all(|(_, text)| !text.is_empty()), "{:?}", field.paths);
        }
    }

    #[test]
    fn fields_are_found_by_paths_and_names() {
        let paths = |name: &str| explain(name).into_iter().map(|field| field.paths[0].clone()).collect::<Vec<_>>();
        assert_eq!(paths("schedule.batch_size"), ["schedule.batch_size"]);
        assert_eq!(paths("batch_size"), ["evaluation.batch_size", "schedule.batch_size"]);
        assert_eq!(paths("objective.NtXent.temperature"), ["objective.NtXent.temperature"]);
        assert_eq!(paths("NtXent.temperature"), ["objective.NtXent.temperature"]);
        assert_eq!(paths("schedule"), ["schedule"]);
        assert_eq!(paths("nothing"), [""; 0]);
        let crop = explain("ColorJitter.strength").remove(0);
        assert!(crop.paths.len() > 1 && crop.paths.contains(&"augmentation.both.ColorJitter.strength".to_owned()));
    }

    #[test]
    fn kinds_and_defaults_are_those_of_the_types() {
        let about = |name: &str| {
            let field = explain(name).remove(0);
            (field.kind, field.default)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(about("encoder.width"), ("number".into(), None));
        assert_eq!(about("schedule.micro_batch"), ("whole number".into(), some("None")));
        assert_eq!(about("head.hidden_layers"), ("whole number".into(), some("1")));
        assert_eq!(about("evaluation.solver"), ("one of the names below".into(), some("Sgd(nesterov: true)")));
        assert_eq!(about("evaluation.label_fraction"), ("number".into(), some("1.0")));
        assert_eq!(about("GaussianBlur.sigma"), ("2 values in parentheses".into(), None));
        assert_eq!(about("data.train_images").1, None);
        assert_eq!(about("encoder.precision").1, some("Float32"));
        assert_eq!(about("encoder.projection_shortcut").1, some("WhereShapeChanges"));
        let names: Vec<String> = explain("encoder.stem").remove(0).choices.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Cifar", "ImageNet"]);
    }
}
