//! Values of an axis that a rule generates: `values: Log(from: 1e-4, to: 1e-1, count: 7)` with
//! `change: (optimizer: (learning_rate: Fixed(x)))`, in which `x` stands for each number.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::Section,
    syntax::{Item, Kind, Node},
};

/// Most values of all rules of a file together; each is a change of its own in memory.
const MOST: usize = 100_000;

/// What stands for the number in a change.
const PLACEHOLDER: &str = "x";

/// A rule for numbers.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
enum Rule {
    /// `from`, `from + step`, … as far as `to`.
    Range { from: f64, to: f64, step: f64 },
    /// As many numbers from `from` to `to` at equal ratios.
    Log { from: f64, to: f64, count: usize },
}

/// The values of an axis, if a rule generates them.
#[derive(Debug)]
pub(super) enum Generated<'t> {
    /// They stand in the file.
    No,
    /// Each number and the change with it in the place of `x`.
    Rule(Vec<(String, Node<'t>)>),
}

/// The axes of a file, as far as their form goes; whoever reads their names reports what is wrong with it.
fn axes<'n, 't>(file: Section<'n, 't>) -> impl Iterator<Item = Section<'n, 't>> {
    let nodes = file.get("axes").map(|node| &node.kind);
    let nodes = if let Some(Kind::List(nodes)) = nodes { nodes.as_slice() } else { &[] };
    nodes
        .iter()
        .map(|node| Section::open(node, "this axis", &[], &["name", "values", "change"], &mut Findings::default()))
}

/// For each axis the numbers that its rule generates; none without a rule.
pub(super) fn numbers_of(file: Section, findings: &mut Findings) -> Vec<Vec<String>> {
    let mut all = 0;
    let mut of_axis = |axis: Section| {
        let Some(node) = axis.get("values").filter(|node| is_rule(node)) else { return vec![] };
        let numbers = numbers(node, findings);
        all += numbers.len();
        if all > MOST {
            let message = "the rules of this file have more than 100,000 numbers";
            let help = "take larger steps, or write the values that matter";
            findings.push(Diagnostic::new(node.mark.clone(), message, "too many with these").help(help));
            return vec![];
        }
        let mut seen = BTreeSet::new();
        if let Some(again) = numbers.iter().find(|number| !seen.insert(number.as_str())) {
            let message = format!("this rule gives {again} more than once");
            let help = "take bounds that are farther apart, or fewer numbers";
            findings.push(Diagnostic::new(node.mark.clone(), message, "equal to twelve digits").help(help));
        }
        numbers
    };
    axes(file).map(&mut of_axis).collect()
}

/// For each axis the changes that its rule generates.
pub(super) fn changes_of<'n, 't: 'n>(
    file: Section<'n, 't>,
    numbers: &'n [Vec<String>],
    findings: &mut Findings,
) -> Vec<Generated<'n>> {
    let of_axis = |(axis, numbers): (Section<'n, 't>, &'n Vec<String>)| {
        let (Some(values), change) = (axis.get("values"), axis.get("change")) else { return Generated::No };
        match (is_rule(values), change) {
            (false, None) => return Generated::No,
            (false, Some(change)) => {
                let diagnostic = Diagnostic::new(
                    change.mark.clone(),
                    "`change` belongs to values that a rule generates",
                    "not expected",
                );
                findings
                    .push(diagnostic.help("write `values: Range(…)` or `Log(…)`, or put changes behind the labels"));
            }
            (true, Some(change)) if has_placeholder(change) => {
                return Generated::Rule(
                    numbers.iter().map(|number| (number.clone(), filled(change, number))).collect(),
                );
            }
            (true, Some(change)) => {
                let diagnostic = Diagnostic::new(
                    change.mark.clone(),
                    "`x` stands nowhere in this change",
                    "every value would be the same",
                );
                findings.push(diagnostic.help("write `x` where the number belongs, as in `(schedule: (epochs: x))`"));
            }
            (true, None) => {
                let diagnostic = Diagnostic::new(values.mark.clone(), "this axis lacks `change`", "numbers of what?");
                findings.push(
                    diagnostic
                        .help("add `change: (…)` with `x` where the number belongs, as in `(schedule: (epochs: x))`"),
                );
            }
        }
        Generated::Rule(vec![])
    };
    axes(file).zip(numbers).map(of_axis).collect()
}

fn is_rule(node: &Node) -> bool {
    matches!(&node.kind, Kind::Group { name: Some(_), .. })
}

/// The numbers of a rule as they are written in files.
fn numbers(node: &Node, findings: &mut Findings) -> Vec<String> {
    let Some(rule) = decode::<Rule>(node, "`values`", findings) else { return vec![] };
    let refused =
        |message: &str, remedy: &str| Err(Diagnostic::new(node.mark.clone(), message, "no such numbers").help(remedy));
    let numbers: Result<Vec<f64>, Diagnostic> = match rule {
        Rule::Range { from, to, step } if step > 0.0 && from <= to => {
            // A last number that rounding puts behind the end belongs to the range.
            let count = ((to - from) / step + 1e-9).floor();
            if count >= MOST as f64 {
                refused("the range has more than 100,000 numbers", "take a larger step")
            } else {
                Ok((0..=count as usize).map(|number| from + number as f64 * step).collect())
            }
        }
        Rule::Range { .. } => refused("the range is empty", "write from <= to and step > 0"),
        Rule::Log { from, to, count } if from > 0.0 && to > 0.0 && (2..=MOST).contains(&count) => {
            let ratio = to / from;
            Ok((0..count).map(|number| from * ratio.powf(number as f64 / (count - 1) as f64)).collect())
        }
        Rule::Log { .. } => {
            refused("numbers at equal ratios are above 0, at least two", "write from > 0, to > 0, count >= 2")
        }
    };
    match numbers {
        Ok(numbers) => numbers.into_iter().map(written).collect(),
        Err(diagnostic) => {
            findings.push(diagnostic);
            vec![]
        }
    }
}

/// A number with twelve digits, which hide the rounding of sums and powers, as short as possible.
fn written(number: f64) -> String {
    let rounded: f64 = format!("{number:.11e}").parse().unwrap_or(number);
    if rounded == 0.0 || (1e-3..1e15).contains(&rounded.abs()) { rounded.to_string() } else { format!("{rounded:e}") }
}

/// The change with a number in the place of `x`.
fn filled<'t>(change: &Node<'t>, number: &'t str) -> Node<'t> {
    let node = |kind| Node { kind, ..change.clone() };
    match &change.kind {
        Kind::Word(PLACEHOLDER) => Node { source: number, ..node(Kind::Number) },
        Kind::Group { name, items } => {
            let items = items.iter().map(|item| Item { value: filled(&item.value, number), ..item.clone() });
            node(Kind::Group { name: *name, items: items.collect() })
        }
        Kind::List(nodes) => node(Kind::List(nodes.iter().map(|inner| filled(inner, number)).collect())),
        _ => change.clone(),
    }
}

/// Whether `x` stands anywhere in a change.
fn has_placeholder(change: &Node) -> bool {
    match &change.kind {
        Kind::Word(word) => *word == PLACEHOLDER,
        Kind::Group { items, .. } => items.iter().any(|item| has_placeholder(&item.value)),
        Kind::List(nodes) => nodes.iter().any(has_placeholder),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::parser;

    fn generated(text: &str) -> Vec<String> {
        let node = parser::parse(text).unwrap();
        let mut findings = Findings::default();
        let numbers = numbers(&node, &mut findings);
        assert!(findings.is_empty());
        numbers
    }

    #[test]
    fn numbers_are_written_as_people_do() {
        assert_eq!(generated("Range(from: 0.1, to: 0.5, step: 0.1)"), ["0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(generated("Range(from: 100, to: 1000, step: 450)"), ["100", "550", "1000"]);
        assert_eq!(generated("Log(from: 1e-4, to: 1e-1, count: 4)"), ["1e-4", "0.001", "0.01", "0.1"]);
        assert_eq!(generated("Log(from: 256, to: 8192, count: 6)"), ["256", "512", "1024", "2048", "4096", "8192"]);
    }

    #[test]
    fn the_number_takes_the_place_of_x() {
        let change = parser::parse("(optimizer: (learning_rate: Fixed(x), momentum: 0.9))").unwrap();
        assert!(has_placeholder(&change) && !has_placeholder(&filled(&change, "0.5")));
        let path = ["optimizer", "learning_rate"].map(str::to_owned);
        let filled = filled(&change, "0.5");
        let Kind::Group { items, .. } = &filled.locate(&path).unwrap().kind else { panic!() };
        assert_eq!((&items[0].value.kind, items[0].value.source), (&Kind::Number, "0.5"));
    }
}
