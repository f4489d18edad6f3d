//! Checks what only the whole grid shows: its size, values that change nothing, and impossible recipes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    Condition, Sweep, TableSpec,
    diagnostic::{Diagnostic, Findings},
    outline::{Entry, Outline},
    syntax::{Kind, Node},
};
use crate::recipe::{EvaluationPatch, Patchable, Problem, Recipe, RecipePatch};

/// Most points of the product from which conditions choose.
const MOST_POINTS: u128 = 10_000_000;
/// Most times that a point is compared with a label in a condition.
const MOST_COMPARISONS: u128 = 500_000_000;
/// Most cells of a table.
const MOST_CELLS: usize = 2_000_000;
/// Most jobs of a sweep.
const MOST_JOBS: u128 = 1_000_000;

/// Where the parts of a sweep stand in its file.
pub(super) struct Places<'n, 't> {
    /// What completes the recipe, the last to apply first; the whole file is the last of them.
    pub bases: Vec<&'n Node<'t>>,
    /// The conditional changes.
    pub changes: Vec<&'n Node<'t>>,
    /// The list of tables.
    pub tables: Option<&'n Node<'t>>,
    /// Axes and evaluations.
    pub outline: Outline<'n, 't>,
}

/// Reports everything wrong with a sweep whose parts are all well-formed.
pub(super) fn grid(sweep: &Sweep, places: &Places, findings: &mut Findings) {
    let outline = &places.outline;
    findings.extend(too_large(sweep, outline));
    if findings.is_empty() {
        findings.extend(empty(sweep, outline));
        findings.extend(
            sweep
                .tables
                .iter()
                .enumerate()
                .filter_map(|(index, table)| too_wide(sweep, table, element(places.tables?, index)?)),
        );
        // A profile may well take away what tells two values apart.
        if sweep.profile.is_none() {
            twins(sweep, outline, findings);
        }
        impossible_recipes(sweep, places, findings);
    }
}

/// Reports conditions that leave no trial.
fn empty(sweep: &Sweep, outline: &Outline) -> Option<Diagnostic> {
    if sweep.points().next().is_some() {
        return None;
    }
    let message = "`only`, `exclude` and `zip` leave no trial";
    let diagnostic = Diagnostic::new(outline.axes_mark.clone(), message, "no combination of these values is taken");
    Some(
        diagnostic.help("loosen a condition: a trial must meet one in each `only`, none in `exclude`, and every `zip`"),
    )
}

fn too_large(sweep: &Sweep, outline: &Outline) -> Option<Diagnostic> {
    // A pretraining, and the evaluations of its encoder.
    let others = [sweep.seeds.len(), 1 + sweep.evaluations.len()];
    let points = sweep.digits().iter().fold(1_u128, |product, digit| product.saturating_mul(digit.values as u128));
    let labels = |condition: &Condition| condition.values.iter().map(|(_, values)| values.len()).sum::<usize>();
    let selecting = sweep.selection.only.iter().flatten().chain(&sweep.selection.exclude);
    let labels: usize = selecting.chain(sweep.changes.iter().map(|change| &change.when)).map(labels).sum();
    if points <= MOST_POINTS && points * labels as u128 > MOST_COMPARISONS {
        let message = format!("{} points are too many for so many conditions", grouped(points));
        let help = format!(
            "each is compared with {} labels in `only`, `exclude` and `changes`; at most {} comparisons are possible: \
             write fewer conditions, or several sweep files",
            grouped(labels as u128),
            grouped(MOST_COMPARISONS)
        );
        return Some(Diagnostic::new(outline.axes_mark.clone(), message, "these axes are multiplied").help(help));
    }
    let mut jobs = others.iter().fold(points, |product, &size| product.saturating_mul(size as u128));
    if !sweep.selection.is_everything() && points <= MOST_POINTS {
        jobs = (sweep.points().count() * others[0] * others[1]) as u128;
    }
    if jobs <= MOST_JOBS {
        return None;
    }
    let mut factors: Vec<_> =
        sweep.axes.iter().map(|axis| format!("{} `{}`", grouped(axis.values.len() as u128), axis.name)).collect();
    factors.truncate(12);
    if sweep.axes.len() > factors.len() {
        factors.push("…".into());
    }
    factors.push(format!("{} seeds", grouped(others[0] as u128)));
    factors.push(format!("(1 pretraining + {} evaluations)", sweep.evaluations.len()));
    let count = if jobs == u128::MAX { "more than 10^38".into() } else { grouped(jobs) };
    Some(
        Diagnostic::new(outline.axes_mark.clone(), format!("the grid has {count} jobs"), "these axes are multiplied")
            .help(format!("{}; at most {} jobs are possible", factors.join(" × "), grouped(MOST_JOBS))),
    )
}

/// Reports a table that would be laid out much larger than what the sweep asks for.
fn too_wide(sweep: &Sweep, table: &TableSpec, node: &Node) -> Option<Diagnostic> {
    let all =
        |axes: &[usize]| axes.iter().fold(1_usize, |all, &axis| all.saturating_mul(sweep.axes[axis].values.len()));
    let cells = |rows: usize, columns: usize| rows.saturating_mul(columns).saturating_mul(table.metrics.len());
    if cells(all(&table.rows), all(&table.columns)) <= MOST_CELLS {
        return None;
    }
    let [rows, columns] = [&table.rows, &table.columns].map(|axes| {
        let choice = |point: Vec<usize>| axes.iter().map(|&axis| point[axis]).collect::<Vec<_>>();
        sweep.points().map(choice).collect::<BTreeSet<_>>().len()
    });
    (cells(rows, columns) > MOST_CELLS).then(|| {
        let cells = grouped(cells(rows, columns) as u128);
        let message = format!("the table `{}` has {cells} cells", table.name);
        let help = format!(
            "at most {} cells are possible: put axes that advance together on the same side, or leave out some of their \
             values",
            grouped(MOST_CELLS as u128)
        );
        let label = format!("{} rows × {} columns", grouped(rows as u128), grouped(columns as u128));
        Diagnostic::new(node.mark.clone(), message, label).help(help)
    })
}

/// An element of a list.
fn element<'n, 't>(list: &'n Node<'t>, index: usize) -> Option<&'n Node<'t>> {
    if let Kind::List(nodes) = &list.kind { nodes.get(index) } else { None }
}

/// A number with commas between thousands.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Reports values of an axis that give the same recipe as an earlier value, with the first value of every other axis
/// and with one other axis moved to any of its values. Trials that differ in several other axes are not compared.
fn twins(sweep: &Sweep, outline: &Outline, findings: &mut Findings) {
    let origin = vec![0; sweep.axes.len()];
    // What a value of an axis with conditional changes does depends on the others in ways that are not looked through.
    let conditional =
        |axis: usize| sweep.changes.iter().any(|change| change.when.values.iter().any(|&(named, _)| named == axis));
    for (axis, place) in outline.axes.iter().enumerate().filter(|&(axis, _)| !conditional(axis)) {
        let at = |point: &[usize], value: usize| {
            let mut point = point.to_vec();
            point[axis] = value;
            sweep.recipe_at(&point)
        };
        let mut first_with = BTreeMap::new();
        for (value, entry) in place.values.iter().enumerate() {
            if findings.is_full() {
                return;
            }
            let first = *first_with.entry(fingerprint(&at(&origin, value))).or_insert(value);
            if first == value {
                continue;
            }
            // An earlier value may be the same here and different where another axis takes another value.
            let differs =
                neighbors(sweep).any(|point| fingerprint(&at(&point, first)) != fingerprint(&at(&point, value)));
            if !differs {
                let twin = &place.values[first];
                let message = format!("\"{}\" changes nothing: same recipe as \"{}\"", entry.label, twin.label);
                findings.push(
                    Diagnostic::new(entry.mark.clone(), message, "the same recipe again")
                        .related(twin.mark.clone(), "same recipe")
                        .help(format!(
                            "remove one of the two, or let them differ; both are values of `{}`",
                            place.name
                        )),
                );
            }
        }
    }
}

/// The points of the grid that differ from the first one in one axis.
fn neighbors(sweep: &Sweep) -> impl Iterator<Item = Vec<usize>> + '_ {
    sweep.axes.iter().enumerate().flat_map(move |(axis, values)| {
        (1..values.values.len()).map(move |value| {
            let mut point = vec![0; sweep.axes.len()];
            point[axis] = value;
            point
        })
    })
}

/// Equal for recipes whose jobs are equal.
fn fingerprint(recipe: &Recipe) -> [u8; 32] {
    let text = serde_json::to_string(recipe).unwrap_or_else(|_| format!("{recipe:?}"));
    blake3::hash(text.as_bytes()).into()
}

/// A change that takes part in a recipe.
struct Choice<'s> {
    /// How messages name it.
    name: String,
    /// The node that holds the change.
    node: &'s Node<'s>,
    /// Mark of its label.
    mark: &'s Range<usize>,
    change: Change<'s>,
}

enum Change<'s> {
    Recipe(&'s RecipePatch),
    Evaluation(&'s EvaluationPatch),
}

impl<'s> Choice<'s> {
    fn apply(&self, recipe: &mut Recipe) {
        match self.change {
            Change::Recipe(patch) => recipe.apply(patch),
            Change::Evaluation(patch) => recipe.evaluation.apply(patch),
        }
    }

    /// Where this change sets the field at `path`, if it does.
    fn locate(&self, path: &[String]) -> Option<&'s Node<'s>> {
        match (&self.change, path) {
            (Change::Recipe(_), _) => self.node.locate(path),
            (Change::Evaluation(_), [part, rest @ ..]) if part == "evaluation" => self.node.locate(rest),
            (Change::Evaluation(_), _) => None,
        }
    }
}

/// Reports the impossible values of all trials, each place once.
fn impossible_recipes<'s>(sweep: &'s Sweep, places: &'s Places<'s, 's>, findings: &mut Findings) {
    let base = &places.bases;
    let mut examined = BTreeSet::new();
    let mut reported = BTreeSet::new();
    for trial in sweep.trials() {
        for evaluation in 0..sweep.evaluations.len() {
            let mut recipe = trial.recipe.clone();
            sweep.evaluations[evaluation].apply(&mut recipe.evaluation);
            let problems = recipe.problems();
            if problems.is_empty() {
                continue;
            }
            let choices = choices(sweep, places, &trial.point, evaluation);
            for problem in problems {
                let place = last_mention(&choices, base, &problem.path).span.start;
                if !examined.insert((place, problem.path.clone(), problem.message.clone())) {
                    continue;
                }
                let culprits = culprits(&sweep.base, &choices, &problem);
                let node = last_mention(culprits.iter().copied(), base, &problem.path);
                if reported.insert((node.span.start, problem.path.clone())) {
                    findings.push(diagnose(problem, node, &culprits));
                }
                if findings.is_full() {
                    return;
                }
            }
        }
    }
}

/// The changes of one trial and evaluation, in the order in which they apply.
fn choices<'s>(sweep: &'s Sweep, places: &'s Places<'s, 's>, point: &[usize], evaluation: usize) -> Vec<Choice<'s>> {
    let outline = &places.outline;
    let mut choices = vec![];
    for ((axis, place), &value) in sweep.axes.iter().zip(&outline.axes).zip(point) {
        let (entry, value) = (&place.values[value], &axis.values[value]);
        let name = format!("`{}` = \"{}\"", axis.name, entry.label);
        choices.extend(both(name, entry, Change::Recipe(&value.patch), value.in_profile.as_ref().map(Change::Recipe)));
    }
    for (change, node) in sweep.changes.iter().zip(&places.changes).filter(|(change, _)| change.when.takes(point)) {
        let change = Change::Recipe(&change.patch);
        choices.push(Choice { name: "a conditional change".into(), node, mark: &node.mark, change });
    }
    let (entry, named) = (&outline.evaluations[evaluation], &sweep.evaluations[evaluation]);
    let name = format!("evaluation \"{}\"", entry.label);
    let in_profile = named.in_profile.as_ref().map(Change::Evaluation);
    choices.extend(both(name, entry, Change::Evaluation(&named.patch), in_profile));
    choices
}

/// The change behind a label, and what the profile adds.
fn both<'s>(
    name: String,
    entry: &'s Entry<'s, 's>,
    change: Change<'s>,
    in_profile: Option<Change<'s>>,
) -> impl Iterator<Item = Choice<'s>> {
    let second = in_profile.zip(entry.in_profile.as_ref()).map(|(change, (mark, node))| Choice {
        name: format!("{name} in the profile"),
        node,
        mark,
        change,
    });
    [Choice { name, node: entry.node, mark: &entry.mark, change }].into_iter().chain(second)
}

/// Where the value at `path` was written last.
fn last_mention<'s>(
    choices: impl IntoIterator<Item = &'s Choice<'s>>,
    bases: &[&'s Node<'s>],
    path: &[String],
) -> &'s Node<'s> {
    let mentions = choices.into_iter().filter_map(|choice| choice.locate(path));
    let last = bases[bases.len() - 1];
    mentions.last().or_else(|| bases.iter().find_map(|base| base.locate(path))).unwrap_or(last)
}

/// Changes that together with the base give the problem, none of which can be left out.
fn culprits<'c, 's>(base: &Recipe, choices: &'c [Choice<'s>], problem: &Problem) -> Vec<&'c Choice<'s>> {
    let mut kept: Vec<_> = choices.iter().collect();
    for choice in choices {
        let others: Vec<_> = kept.iter().copied().filter(|other| !std::ptr::eq(*other, choice)).collect();
        let mut recipe = base.clone();
        others.iter().for_each(|other| other.apply(&mut recipe));
        if recipe.problems().contains(problem) {
            kept = others;
        }
    }
    kept
}

fn diagnose(problem: Problem, node: &Node, culprits: &[&Choice]) -> Diagnostic {
    let holds_it = |choice: &Choice| within(&node.span, &choice.node.span);
    let label = match culprits {
        [] => "impossible value".into(),
        [only] if holds_it(only) => "impossible value".into(),
        several => {
            let names: Vec<_> = several.iter().map(|choice| choice.name.as_str()).collect();
            format!("impossible with {}", names.join(" and "))
        }
    };
    let mut diagnostic = Diagnostic::new(node.mark.clone(), problem.message, label).help(problem.remedy);
    for choice in culprits.iter().filter(|choice| !holds_it(choice)) {
        diagnostic = diagnostic.related(choice.mark.clone(), "together with this");
    }
    diagnostic
}

fn within(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
