//! The text of `ablate plan`: how much there is to do, and every job with the trials that use it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    labels::job_labels,
    lines::{one_line, pad_right, width_of},
    summary::{count, state_counts},
    view::JobView,
};
use crate::{
    plan::{JobId, Plan},
    sweep::Sweep,
};

/// An overview and one line per job, parents before children. `cost` says what a job will cost, where known.
pub fn plan_text(
    sweeps: &[Sweep],
    plan: &Plan,
    view: &dyn Fn(JobId) -> JobView,
    cost: &dyn Fn(JobId) -> Option<String>,
) -> String {
    let views: BTreeMap<JobId, JobView> = plan.jobs().map(|job| (job.id, view(job.id))).collect();
    let mut out = String::new();
    for (index, sweep) in sweeps.iter().enumerate() {
        let points: BTreeSet<_> =
            plan.trials.iter().filter(|trial| trial.sweep == index).map(|trial| &trial.point).collect();
        let (trials, seeds) = (count(points.len(), "trial"), count(sweep.seeds.len(), "seed"));
        out += &format!("{}: {trials} × {seeds}\n", one_line(&sweep.title));
    }
    out += &format!("{}\n", jobs_line(plan));
    out += &format!("{}\n\n", state_counts(views.values()));

    let labels = job_labels(sweeps, plan);
    let lines: Vec<[String; 5]> = plan
        .jobs()
        .map(|job| {
            let label = labels.get(&job.id).cloned().unwrap_or_default();
            let state = views[&job.id].state().to_owned();
            [job.id.short(), job.spec.kind().to_owned(), label, state, cost(job.id).unwrap_or_default()]
        })
        .collect();
    out + &aligned(&lines)
}

/// Jobs by kind, and how many more there would be if trials shared none.
fn jobs_line(plan: &Plan) -> String {
    // A list, so that kinds come in the order of the plan: parents first.
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for job in plan.jobs() {
        let kind = job.spec.kind();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, number)) => *number += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let kinds = kinds.iter().map(|(kind, number)| format!("{number} {kind}")).collect::<Vec<_>>().join(", ");
    let unshared: usize = plan.trials.iter().map(|trial| 1 + trial.evaluations.len()).sum();
    let jobs = count(plan.len(), "job");
    match unshared.saturating_sub(plan.len()) {
        0 => format!("{jobs}: {kinds}"),
        saved => format!("{jobs}: {kinds}; {saved} more saved by sharing"),
    }
}

/// Columns of text, two spaces apart.
fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| lines.iter().map(|line| width_of(&line[column])).max().unwrap_or(0));
    let mut out = String::new();
    for line in lines {
        let cells = line.iter().zip(widths).map(|(text, width)| pad_right(text, width)).collect::<Vec<_>>();
        out += &format!("{}\n", cells.join("  ").trim_end());
    }
    out
}
