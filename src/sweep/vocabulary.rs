//! Words for messages: lists of names, the nearest valid name, and what a field looks like in an example.

use super::{
    parser,
    syntax::{Item, Kind, Node},
};

/// A complete valid sweep file, from which messages take their examples.
pub(super) const EXAMPLE: &str = include_str!("example.ron");

/// The name that was probably meant.
pub(super) fn nearest<'n>(name: &str, allowed: &[&'n str]) -> Option<&'n str> {
    let simple = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
    let similarity = |candidate: &&str| (strsim::jaro_winkler(&simple(name), &simple(candidate)) * 1000.0) as u32;
    // Names in files are short; comparing long ones would cost time and find nothing.
    let candidates = allowed.iter().copied().filter(|candidate| name.len().max(candidate.len()) <= 200);
    candidates.max_by_key(similarity).filter(|candidate| similarity(candidate) >= 850)
}

/// "did you mean …?" and all allowed names.
pub(super) fn suggestion(name: &str, allowed: &[&str], what: &str) -> String {
    let all = listing(allowed, "and");
    match (nearest(name, allowed), allowed) {
        (_, []) => format!("there are no {what} here"),
        (Some(near), [_]) => format!("did you mean `{near}`?"),
        (Some(near), _) => format!("did you mean `{near}`? The {what} here are {all}"),
        (None, [only]) => format!("only `{only}` is possible here"),
        (None, _) => format!("the {what} here are {all}"),
    }
}

/// "`a`, `b` and `c`", shortened if there are very many.
pub(super) fn listing<S: AsRef<str>>(names: &[S], last: &str) -> String {
    const MOST: usize = 24;
    let quoted: Vec<_> = names.iter().take(MOST).map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.as_slice() {
        _ if names.len() > MOST => format!("{}, … ({} in all)", quoted.join(", "), names.len()),
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., end] => format!("{} {last} {end}", others.join(", ")),
    }
}

/// Fields of the file that the example lacks, or that are called like others there: owner, field, value.
const OTHERS: [(&str, &str, &str); 8] = [
    ("published", "source", "\"SimCLR, Table 1\""),
    ("published", "tolerance", "1.0"),
    ("published", "values", "[[…], …]"),
    ("this cited row", "row", "\"MoCo\""),
    ("this cited row", "source", "\"SimCLR, Table 6\""),
    ("this cited row", "values", "[60.6, None]"),
    ("this change", "when", "{ \"axis\": \"label\" }"),
    ("this change", "change", "(…)"),
];

/// How the fields of `owner` could be written: `width: 1.0, stem: Cifar`.
pub(super) fn example_fields(owner: &str, fields: &[&str]) -> String {
    let example = parser::parse(EXAMPLE).ok();
    let one = |field: &&str| {
        if let Some((.., value)) = OTHERS.iter().find(|(of, name, _)| of == &owner && name == field) {
            return format!("{field}: {value}");
        }
        let known = example.as_ref().and_then(|root| find(root, owner, field).or_else(|| find(root, "", field)));
        match known {
            Some(node) if node.mark == node.span && node.source.len() <= 60 => format!("{field}: {}", node.source),
            Some(Node { kind: Kind::List(_), .. }) => format!("{field}: […]"),
            Some(Node { kind: Kind::Map(_), .. }) => format!("{field}: {{…}}"),
            Some(Node { kind: Kind::Group { .. }, .. }) => format!("{field}: (…)"),
            _ => format!("{field}: …"),
        }
    };
    fields.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A field as the example writes it, if its value there is a short `Name(…)` or group.
pub(super) fn example_group(field: &str) -> Option<String> {
    let root = parser::parse(EXAMPLE).ok()?;
    let node = find(&root, "", field)?;
    let short = matches!(node.kind, Kind::Group { .. }) && node.source.len() <= 60 && node.mark == node.span;
    short.then(|| format!("{field}: {}", node.source))
}

/// Where a field of the recipe belongs, written out: `schedule: (batch_size: …)`.
pub(super) fn homes(field: &str) -> Vec<String> {
    let mut found = vec![];
    if let Ok(root) = parser::parse(EXAMPLE)
        && let Some(base) = root.locate(&["base".to_owned()])
    {
        collect_homes(base, field, &|inner| inner, &mut found);
    }
    found
}

fn collect_homes(node: &Node, field: &str, wrap: &dyn Fn(String) -> String, found: &mut Vec<String>) {
    let Kind::Group { items, .. } = &node.kind else { return };
    for item in items {
        let Some(key) = &item.key else { continue };
        if key.name == field {
            found.push(wrap(format!("{field}: …")));
        }
        let name = match item.value.kind {
            Kind::Group { name, .. } => name.unwrap_or_default(),
            _ => continue,
        };
        collect_homes(&item.value, field, &|inner| wrap(format!("{}: {name}({inner})", key.name)), found);
    }
}

/// The value of `field` in a group that is called `owner`, or in any group if `owner` is empty.
fn find<'n, 't>(node: &'n Node<'t>, owner: &str, field: &str) -> Option<&'n Node<'t>> {
    find_below(node, "", owner, field)
}

fn find_below<'n, 't>(node: &'n Node<'t>, called: &str, owner: &str, field: &str) -> Option<&'n Node<'t>> {
    match &node.kind {
        Kind::Group { name, items } => {
            let fits = owner.is_empty() || owner == called || *name == Some(owner);
            let named = |item: &&Item| item.key.as_ref().is_some_and(|key| key.name == field);
            items.iter().find(|item| fits && named(item)).map(|item| &item.value).or_else(|| {
                items.iter().find_map(|item| {
                    let called = item.key.as_ref().map_or(called, |key| key.name);
                    find_below(&item.value, called, owner, field)
                })
            })
        }
        Kind::List(nodes) => nodes.iter().find_map(|node| find_below(node, called, owner, field)),
        Kind::Map(pairs) => pairs.iter().find_map(|(_, value)| find_below(value, called, owner, field)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_is_valid() {
        if let Err(diagnostics) = crate::sweep::parse("example.ron", EXAMPLE) {
            panic!("{diagnostics}");
        }
    }

    #[test]
    fn names_are_compared_loosely() {
        let names = ["epochs", "batch_size", "warmup_epochs"];
        for (written, meant) in [("batchSize", "batch_size"), ("epoch", "epochs"), ("warm_up_epochs", "warmup_epochs")]
        {
            assert_eq!(nearest(written, &names), Some(meant));
        }
        assert_eq!(nearest("temperature", &names), None);
        assert_eq!(nearest(&"epochs".repeat(1000), &names), None);
    }

    #[test]
    fn homes_are_written_out() {
        assert_eq!(homes("temperature"), ["objective: NtXent(temperature: …)"]);
        assert_eq!(homes("batch_size"), ["schedule: (batch_size: …)", "evaluation: (batch_size: …)"]);
        assert_eq!(homes("nothing"), [""; 0]);
    }
}
