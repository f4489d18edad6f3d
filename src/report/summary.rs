//! The overview of `ablate status`: how far each sweep is, what failed, and what to do next.

use std::collections::{BTreeMap, BTreeSet};

use super::{labels::job_labels, lines::one_line, view::JobView};
use crate::{
    plan::{Job, JobId, Plan},
    sweep::Sweep,
};

/// The states in the order in which they are counted out.
const STATES: [&str; 8] = ["done", "running", "queued", "missing", "stale", "failed", "no data", "skipped"];

/// Counts by state per sweep, every failure with its message and the path of its log, and a closing line.
pub fn summary(
    sweeps: &[Sweep],
    plan: &Plan,
    view: &dyn Fn(JobId) -> JobView,
    log: &dyn Fn(JobId) -> Option<String>,
) -> String {
    let views: BTreeMap<JobId, JobView> = plan.jobs().map(|job| (job.id, view(job.id))).collect();
    let mut out = String::new();
    for (index, sweep) in sweeps.iter().enumerate() {
        let trials = plan.trials.iter().filter(|trial| trial.sweep == index);
        let jobs: BTreeSet<JobId> =
            trials.flat_map(|trial| std::iter::once(trial.pretrain).chain(trial.evaluations.iter().copied())).collect();
        let counts = state_counts(jobs.iter().filter_map(|id| views.get(id)));
        out += &format!("{}: {}: {counts}\n", one_line(&sweep.title), count(jobs.len(), "job"));
    }
    if views.values().any(|view| matches!(view, JobView::Failed { .. })) {
        let labels = job_labels(sweeps, plan);
        let failures: Vec<String> = plan.jobs().filter_map(|job| failure(job, &views[&job.id], &labels, log)).collect();
        out += &format!("\n{}:\n{}", count(failures.len(), "failure"), failures.concat());
    }
    out + "\n" + &closing(&views)
}

/// `12 done, 1 running, 3 missing`, without the states that nothing is in.
pub(super) fn state_counts<'v>(views: impl Iterator<Item = &'v JobView>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    views.for_each(|view| *counts.entry(view.state()).or_default() += 1);
    let parts = STATES.iter().filter_map(|state| counts.get(state).map(|count| format!("{count} {state}")));
    let text = parts.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "nothing to do".to_owned() } else { text }
}

/// `1 job`, `2 jobs`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn failure(
    job: &Job,
    view: &JobView,
    labels: &BTreeMap<JobId, String>,
    log: &dyn Fn(JobId) -> Option<String>,
) -> Option<String> {
    let JobView::Failed { class, message } = view else { return None };
    let label = labels.get(&job.id).map_or("", String::as_str);
    let (kind, id) = (job.spec.kind(), job.id.short());
    let mut text = format!("  {kind} {id} ({label})\n    {}: {}\n", one_line(class), one_line(message));
    if let Some(path) = log(job.id) {
        text += &format!("    log: {path}\n");
    }
    Some(text)
}

fn closing(views: &BTreeMap<JobId, JobView>) -> String {
    let number = |state: &str| views.values().filter(|view| view.state() == state).count();
    let (total, done, failed, running) = (views.len(), number("done"), number("failed"), number("running"));
    if done == total {
        return format!("all {} are done\n", count(total, "job"));
    }
    let rest = total - done;
    let what = match (failed, running) {
        (_, 1..) => format!("{} running", count(running, "job")),
        (0, 0) => format!("`ablate run` does the other {rest}"),
        (_, 0) => format!("`ablate run` tries the other {rest} again once the failures are fixed"),
    };
    format!("{done} of {} are done; {what}\n", count(total, "job"))
}
