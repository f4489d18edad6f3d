//! The text of `ablate plan`: how much there is to do, and every job with the trials that use it.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::{
    labels::job_labels,
    lines::{one_line, width_of},
    outlook::{Outlook, expected},
    summary::{count, state_counts},
    view::JobView,
};
use crate::{
    plan::{Job, JobId, Plan},
    sweep::Sweep,
};

/// An overview and one line per job, parents before children. `cost` says how much work a job is, where known;
/// `outlook` how long what is left of it takes.
pub fn plan_text(
    sweeps: &[Sweep],
    plan: &Plan,
    view: &dyn Fn(JobId) -> JobView,
    cost: &(dyn Fn(JobId) -> Option<String> + Sync),
    outlook: &Outlook,
) -> String {
    let jobs: Vec<&Job> = plan.jobs().collect();
    let views: Vec<JobView> = jobs.iter().map(|job| view(job.id)).collect();
    let mut out = String::new();
    for (index, sweep) in sweeps.iter().enumerate() {
        let points: BTreeSet<_> =
            plan.trials.iter().filter(|trial| trial.sweep == index).map(|trial| &trial.point).collect();
        let (trials, seeds) = (count(points.len(), "trial"), count(sweep.seeds.len(), "seed"));
        out += &format!("{}: {trials} × {seeds}\n", one_line(&sweep.title));
    }
    out += &format!("{}\n", jobs_line(plan));
    out += &format!("{}\n", state_counts(views.iter()));
    out.extend(outlook.line().map(|line| line + "\n"));
    out.push('\n');

    let labels = job_labels(sweeps, plan);
    let line = |(job, view): (&&Job, &JobView)| {
        let label = labels.get(&job.id).cloned().unwrap_or_default();
        let cost = cost(job.id).unwrap_or_default();
        let time = outlook.jobs.get(&job.id).map_or_else(String::new, |&estimate| expected(estimate));
        [job.id.short(), job.spec.kind().to_owned(), label, view.state().to_owned(), cost, time]
    };
    // A plan may have a hundred thousand jobs.
    let lines: Vec<[String; 6]> = jobs.par_iter().zip(&views).map(line).collect();
    aligned(&mut out, &lines);
    out
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

/// Adds columns of text, two spaces apart.
fn aligned<const N: usize>(out: &mut String, lines: &[[String; N]]) {
    let widths: [usize; N] =
        std::array::from_fn(|column| lines.iter().map(|line| width_of(&line[column])).max().unwrap_or(0));
    for line in lines {
        let last = line.iter().rposition(|text| !text.is_empty()).unwrap_or(0);
        for (text, width) in line[..last].iter().zip(widths) {
            *out += text;
            out.extend(std::iter::repeat_n(' ', width - width_of(text) + 2));
        }
        *out += line[last].trim_end();
        out.push('\n');
    }
}
