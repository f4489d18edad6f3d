//! Evaluations that the chosen profile does without, `evaluations: { "Food-101": None }`: what shows them goes, too.

use super::{
    NamedEvaluation, TableSpec,
    diagnostic::{Diagnostic, Findings},
    outline::{Entry, Outline},
    syntax::{Kind, Node},
};

/// Whether a profile leaves out what it would change with this.
pub(super) fn is_none(node: &Node) -> bool {
    node.kind == Kind::Word("None")
}

fn is_left_out(entry: &Entry) -> bool {
    entry.in_profile.as_ref().is_some_and(|(_, node)| is_none(node))
}

/// Removes what the profile leaves out, with the columns that show it and the tables that show nothing else.
pub(super) fn leave_out(
    evaluations: &mut Vec<NamedEvaluation>,
    outline: &mut Outline,
    tables: &mut Vec<TableSpec>,
    findings: &mut Findings,
) {
    let kept: Vec<bool> = outline.evaluations.iter().map(|entry| !is_left_out(entry)).collect();
    if kept.iter().all(|&is_kept| is_kept) {
        return;
    }
    if let (false, Some(entry)) = (kept.contains(&true), outline.evaluations.first()) {
        let mark = entry.in_profile.as_ref().map_or_else(|| entry.mark.clone(), |(mark, _)| mark.clone());
        let message = "this profile leaves out every evaluation";
        findings.push(Diagnostic::new(mark, message, "and all others").help("let it keep at least one"));
        return;
    }
    // An evaluation's index among those that are kept.
    let place = |index: usize| kept[..index].iter().filter(|&&is_kept| is_kept).count();
    for table in tables.iter_mut() {
        let shown: Vec<bool> =
            table.metrics.iter().map(|shows| shows.evaluation.is_none_or(|index| kept[index])).collect();
        let retain = |values: &mut Vec<Option<f64>>| retain(values, &shown);
        if let Some(published) = &mut table.published {
            published.values.iter_mut().for_each(retain);
            if published.tolerance.len() == shown.len() {
                let mut tolerance = shown.iter();
                published.tolerance.retain(|_| tolerance.next().copied().unwrap_or(true));
            }
        }
        table.cited.iter_mut().map(|row| &mut row.values).for_each(retain);
        let mut shown = shown.iter();
        table.metrics.retain(|_| shown.next().copied().unwrap_or(true));
        for shows in &mut table.metrics {
            shows.evaluation = shows.evaluation.map(place);
        }
    }
    tables.retain(|table| !table.metrics.is_empty());
    outline.evaluations.retain(|entry| !is_left_out(entry));
    let mut kept = kept.iter();
    evaluations.retain(|_| kept.next().copied().unwrap_or(true));
}

/// Keeps the numbers of the metrics that are shown; metrics take turns.
fn retain(values: &mut Vec<Option<f64>>, shown: &[bool]) {
    let mut index = 0;
    values.retain(|_| {
        index += 1;
        shown[(index - 1) % shown.len()]
    });
}
