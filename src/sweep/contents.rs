//! What the tables of a sweep show, checked against its trials.

use super::{
    Figure, Sweep, TableSpec,
    diagnostic::{Diagnostic, Findings},
    syntax::{Kind, Node},
};
use crate::recipe::{Encoder, JobSpec};

/// Reports tables that show nothing, metrics that no job reports, and drawings over the size of the encoder where all
/// encoders have one size. `node` is the list of tables; profiles may well leave out what a table would show.
pub(super) fn check(sweep: &Sweep, node: &Node, findings: &mut Findings) {
    let Kind::List(nodes) = &node.kind else { return };
    // A profile may also leave out whole tables.
    if sweep.tables.len() != nodes.len() {
        return;
    }
    for (table, node) in sweep.tables.iter().zip(nodes) {
        if sweep.profile.is_none() {
            findings.extend(nothing_shown(sweep, table, node));
            findings.extend(same_sizes(sweep, table, node));
        }
        findings.extend(never_reported(sweep, table, node));
    }
}

fn nothing_shown(sweep: &Sweep, table: &TableSpec, node: &Node) -> Option<Diagnostic> {
    if table.only.is_empty() || sweep.points().any(|point| table.shows(&point)) {
        return None;
    }
    let place = node.locate(&["only".to_owned()]).unwrap_or(node);
    let message = "no trial of this sweep meets a condition of this table";
    Some(
        Diagnostic::new(place.mark.clone(), message, "the table would be empty").help("leave out `only`, or the table"),
    )
}

fn same_sizes(sweep: &Sweep, table: &TableSpec, node: &Node) -> Option<Diagnostic> {
    if !matches!(table.figure, Some(Figure::Scatter { .. })) {
        return None;
    }
    let size = |encoder: &Encoder| (encoder.architecture, encoder.width, encoder.stem);
    let mut sizes = sweep.trials().map(|trial| size(&trial.recipe.encoder));
    let first = sizes.next();
    sizes.all(|other| Some(other) == first).then(|| {
        let place = node.locate(&["figure".to_owned()]).unwrap_or(node);
        let message = "all encoders of this sweep have the same size";
        Diagnostic::new(place.mark.clone(), message, "all points would stand one over another")
            .help("write `figure: Bars(groups: Rows)`, or add an axis that changes `encoder`")
    })
}

/// A metric that none of the jobs behind its column reports: all cells would say so, after everything was run.
fn never_reported(sweep: &Sweep, table: &TableSpec, node: &Node) -> Option<Diagnostic> {
    let (index, shows) = table.metrics.iter().enumerate().find(|(_, shows)| {
        let mut trials = sweep.trials().filter(|trial| table.shows(&trial.point)).peekable();
        let reports = |spec: JobSpec| spec.metrics().contains(&shows.metric);
        trials.peek().is_some()
            && !trials.any(|trial| match shows.evaluation {
                None => reports(JobSpec::Pretrain(trial.recipe.pretrain_job(0))),
                Some(index) => {
                    let mut recipe = trial.recipe;
                    sweep.evaluations[index].apply(&mut recipe.evaluation);
                    reports(JobSpec::Evaluate(recipe.evaluation_job(0)))
                }
            })
    })?;
    let place = node.locate(&["metrics".to_owned(), index.to_string()]).unwrap_or(node);
    let what = shows.evaluation.map_or_else(
        || "pretraining".to_owned(),
        |index| format!("the evaluation \"{}\"", sweep.evaluations[index].name),
    );
    let message = format!("{what} reports no {} here", shows.metric.name());
    let help = "choose a metric that its protocol and data give: of images that show several classes it is \
                MeanAveragePrecision, of nearest neighbors Top1 and MeanPerClass";
    Some(Diagnostic::new(place.mark.clone(), message, "its cells would stay empty").help(help))
}
