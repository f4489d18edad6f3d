//! Where the numbers of one trial come from: its settings, its seeds, and the jobs behind each, down to the encoder.

use std::fmt::Write as _;

use super::{differences::differences, lines::one_line, summary::count, time::rfc3339, view::JobView};
use crate::{
    plan::{JobId, Plan, PlannedTrial},
    sweep::{Sweep, Trial},
};

/// Everything behind the cells of a trial. `planned` are its entries in the plan, one per seed, `view` says where a job
/// stands and `log` where its log is.
pub fn lineage(
    sweep: &Sweep,
    plan: &Plan,
    trial: &Trial,
    planned: &[&PlannedTrial],
    view: &dyn Fn(JobId) -> JobView,
    log: &dyn Fn(JobId) -> Option<String>,
) -> String {
    let mut out = format!("{}\n", labels(sweep, &trial.point));
    let changes = differences(&sweep.base, &trial.recipe);
    out += if changes.is_empty() { "the base of the sweep, unchanged\n" } else { "changes of the base:\n" };
    for change in changes {
        out += &format!("  {change}\n");
    }
    for planned in planned {
        let _ = writeln!(out, "\nseed {}", planned.seed);
        let evaluations = planned.evaluations.iter().zip(&sweep.evaluations);
        for (&id, evaluation) in evaluations {
            add_job(&mut out, plan, id, &format!(" \"{}\"", one_line(&evaluation.name)), &view(id), log);
        }
        add_job(&mut out, plan, planned.pretrain, "", &view(planned.pretrain), log);
    }
    out
}

/// What has changed since the stale jobs of a trial were made; `None` if it has none. `earlier` are the jobs that its
/// cells asked for before.
pub fn staleness(
    sweep: &Sweep,
    trial: &Trial,
    planned: &[&PlannedTrial],
    view: &dyn Fn(JobId) -> JobView,
    earlier: &dyn Fn(JobId) -> Option<JobId>,
) -> Option<String> {
    let mut out = String::new();
    for planned in planned {
        let evaluations = planned.evaluations.iter().zip(&sweep.evaluations);
        let jobs = evaluations.map(|(&id, evaluation)| (id, format!("\"{}\"", one_line(&evaluation.name))));
        for (id, name) in std::iter::once((planned.pretrain, "pretraining".to_owned())).chain(jobs) {
            if let (JobView::Stale { why }, Some(earlier)) = (view(id), earlier(id)) {
                out += &format!("  seed {}, {name}: job {} was {}\n", planned.seed, id.short(), earlier.short());
                why.split("; ").for_each(|change| out += &format!("    {change}\n"));
            }
        }
    }
    (!out.is_empty()).then(|| format!("{}\n{out}", labels(sweep, &trial.point)))
}

/// `axis = label` of every axis.
fn labels(sweep: &Sweep, point: &[usize]) -> String {
    let labels = sweep.axes.iter().zip(point);
    let labels =
        labels.map(|(axis, &value)| format!("{} = {}", one_line(&axis.name), one_line(&axis.values[value].label)));
    labels.collect::<Vec<_>>().join(", ")
}

/// In what a trial differs from those that stand just before and after it on each axis, all else being equal.
pub fn neighborhood(sweep: &Sweep, trial: &Trial) -> String {
    let mut out = String::new();
    for (axis, neighbor) in neighbors(sweep, trial) {
        let (name, value) = (&sweep.axes[axis].name, &sweep.axes[axis].values[neighbor.point[axis]].label);
        out += &format!("\nbeside {} = {}\n", one_line(name), one_line(value));
        let changes = differences(&neighbor.recipe, &trial.recipe);
        out += if changes.is_empty() { "  no difference\n" } else { "" };
        changes.iter().for_each(|change| out += &format!("  {change}\n"));
    }
    out
}

/// The trials that stand just before and after one on each axis, all else being equal.
fn neighbors(sweep: &Sweep, trial: &Trial) -> Vec<(usize, Trial)> {
    let mut found = Vec::new();
    for axis in 0..sweep.axes.len() {
        let values = [trial.point[axis].checked_sub(1), Some(trial.point[axis] + 1)];
        for value in values.into_iter().flatten().filter(|&value| value < sweep.axes[axis].values.len()) {
            let mut point = trial.point.clone();
            point[axis] = value;
            if sweep.selection.takes(&point) {
                found.push((axis, sweep.trial_at(point)));
            }
        }
    }
    found
}

/// Adds one job: what it is, what it measured, how, on what, when and where.
fn add_job(
    out: &mut String,
    plan: &Plan,
    id: JobId,
    name: &str,
    view: &JobView,
    log: &dyn Fn(JobId) -> Option<String>,
) {
    let kind = plan.job(id).map_or("job", |job| job.spec.kind());
    let _ = writeln!(out, "  {kind}{name}: job {id}, {}", view.state());
    let mut line = |what: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(out, "    {what:20} {}", one_line(text));
        }
    };
    match view {
        JobView::Done(record) => {
            for (metric, value) in &record.metrics {
                line(metric.name(), &format!("{value} {}", metric.unit()));
            }
            line("protocol", &record.protocol);
            line("data", &record.data);
            line("encoder", &record.checkpoint.as_ref().map(|hash| format!("BLAKE3 {hash}")).unwrap_or_default());
            line("code", &format!("{} {}", record.code, record.commit));
            let (threads, started) = (count(record.threads, "thread"), rfc3339(record.started_unix));
            line("device", &format!("{} ({threads}) on {}", record.device, record.host));
            line("backend", &record.backend);
            line(
                "time",
                &format!("{:.1} s from {started}, {:.0} images/s", record.wall_seconds, record.images_per_second),
            );
            record.remarks.iter().for_each(|remark| line("remark", remark));
        }
        JobView::Failed { class, message } => line("failed", &format!("{class}: {message}")),
        JobView::Skipped { because } => line("skipped", because),
        JobView::WithoutData { message } => line("no data", message),
        JobView::Stale { why } => line("changed since", why),
        JobView::Missing | JobView::Queued | JobView::Running { .. } => {}
    }
    if matches!(view, JobView::Done(_) | JobView::Running { .. } | JobView::Failed { .. }) {
        line("log", &log(id).unwrap_or_default());
    }
}
