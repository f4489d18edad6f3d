//! Where the numbers of one trial come from: its settings, its seeds, and the jobs behind each, down to the encoder.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{lines::one_line, summary::count, time::rfc3339, view::JobView};
use crate::{
    plan::{JobId, Plan, PlannedTrial},
    recipe::Recipe,
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
    let labels = sweep
        .axes
        .iter()
        .zip(&trial.point)
        .map(|(axis, &value)| format!("{} = {}", one_line(&axis.name), one_line(&axis.values[value].label)));
    let mut out = format!("{}\n", labels.collect::<Vec<_>>().join(", "));
    let changes = differences(&sweep.base, &trial.recipe);
    out += if changes.is_empty() { "the base of the sweep, unchanged\n" } else { "changes of the base:\n" };
    for change in changes {
        out += &format!("  {change}\n");
    }
    for planned in planned {
        out += &format!("\nseed {}\n", planned.seed);
        let evaluations = planned.evaluations.iter().zip(&sweep.evaluations);
        for (&id, evaluation) in evaluations {
            out += &job(plan, id, &format!(" \"{}\"", one_line(&evaluation.name)), &view(id), log);
        }
        out += &job(plan, planned.pretrain, "", &view(planned.pretrain), log);
    }
    out
}

/// One job: what it is, what it measured, how, on what, when and where.
fn job(plan: &Plan, id: JobId, name: &str, view: &JobView, log: &dyn Fn(JobId) -> Option<String>) -> String {
    let kind = plan.job(id).map_or("job", |job| job.spec.kind());
    let mut out = format!("  {kind}{name}: job {id}, {}\n", view.state());
    let mut line = |what: &str, text: &str| {
        if !text.is_empty() {
            out += &format!("    {what:20} {}\n", one_line(text));
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
            line(
                "time",
                &format!("{:.1} s from {started}, {:.0} images/s", record.wall_seconds, record.images_per_second),
            );
            record.remarks.iter().for_each(|remark| line("remark", remark));
        }
        JobView::Failed { class, message } => line("failed", &format!("{class}: {message}")),
        JobView::Skipped { because } => line("skipped", because),
        JobView::Missing | JobView::Queued | JobView::Running { .. } => {}
    }
    if !matches!(view, JobView::Missing | JobView::Queued) {
        line("log", &log(id).unwrap_or_default());
    }
    out
}

/// The fields in which two recipes differ, with both values.
fn differences(base: &Recipe, other: &Recipe) -> Vec<String> {
    let [base, other] = [base, other].map(|recipe| {
        let mut leaves = BTreeMap::new();
        // A recipe is always JSON; if it were not, nothing would differ.
        collect(&serde_json::to_value(recipe).unwrap_or_default(), String::new(), &mut leaves);
        leaves
    });
    let mut found = Vec::new();
    let paths: std::collections::BTreeSet<&String> = base.keys().chain(other.keys()).collect();
    for path in paths {
        let text = |leaves: &BTreeMap<String, String>| leaves.get(path).cloned().unwrap_or_else(|| "–".to_owned());
        let (before, after) = (text(&base), text(&other));
        if before != after {
            found.push(format!("{path}: {before} → {after}"));
        }
    }
    found
}

/// The values of a tree by their paths.
fn collect(value: &Value, path: String, leaves: &mut BTreeMap<String, String>) {
    let inside = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| collect(value, inside(name), leaves)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(index, value)| collect(value, inside(&index.to_string()), leaves));
        }
        Value::Null => {}
        Value::String(text) => {
            leaves.insert(path, text.clone());
        }
        other => {
            leaves.insert(path, other.to_string());
        }
    }
}
