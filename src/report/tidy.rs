//! All results of a sweep in long form, for R, pandas and spreadsheets.
//!
//! One row per trial, seed, job and metric. A job that several trials share appears once for each, so that every row
//! has its axis labels; the column `job` tells them apart from repetitions. A job that is not done has one row per
//! metric that it would report, without a value; a job that reports nothing has one row without a metric. Last come the
//! numbers that the tables cite, without a job, with their source as the protocol.
//!
//! | column | content |
//! |---|---|
//! | `sweep` | name of the sweep |
//! | `job` | id of the job that reports the metric, 32 hexadecimal digits |
//! | `kind` | `initialize`, `import`, `pretrain`, `evaluate` or `fine-tune`; empty for cited numbers |
//! | `seed` | the seed |
//! | one per axis, under its name | label of the trial's value; an axis named like a fixed column gets ` (axis)` added |
//! | `evaluation` | name of the evaluation; empty for pretraining |
//! | `metric`, `unit`, `value` | what was measured; the value in full precision |
//! | `protocol`, `data`, `code`, `commit` | how, on which images and by which version, built from which commit |
//! | `device`, `threads` | where |
//! | `wall_seconds`, `images_per_second` | cost of the whole job |
//! | `started` | RFC 3339, UTC |
//! | `state` | `missing`, `queued`, `running`, `done`, `stale`, `failed`, `no data`, `skipped` or `cited` |

use std::{collections::BTreeSet, iter};

use super::{
    cited::{Citation, citations},
    csv::{safe, write},
    time::rfc3339,
    view::JobView,
};
use crate::{
    plan::{JobId, Plan, PlannedTrial},
    recipe::{JobSpec, Metric},
    sweep::Sweep,
};

const BEFORE_AXES: [&str; 4] = ["sweep", "job", "kind", "seed"];
const AFTER_AXES: [&str; 14] = [
    "evaluation",
    "metric",
    "unit",
    "value",
    "protocol",
    "data",
    "code",
    "commit",
    "device",
    "threads",
    "wall_seconds",
    "images_per_second",
    "started",
    "state",
];

/// The long form of one sweep. `name` fills the column `sweep`; `sweep_index` is the sweep's place among those planned
/// together; `view` says where a job stands.
pub fn tidy_csv(name: &str, sweep: &Sweep, sweep_index: usize, plan: &Plan, view: &dyn Fn(JobId) -> JobView) -> String {
    let trials = plan.trials.iter().filter(|trial| trial.sweep == sweep_index);
    let lines = trials.flat_map(|trial| {
        let evaluations = sweep.evaluations.iter().map(|evaluation| evaluation.name.as_str());
        let evaluations = trial.evaluations.iter().copied().zip(evaluations);
        let jobs = iter::once((trial.pretrain, "")).chain(evaluations);
        jobs.flat_map(move |(id, evaluation)| job_lines(name, sweep, plan, trial, id, evaluation, &view(id)))
    });
    let citations = sweep.tables.iter().flat_map(|table| citations(sweep, table));
    // Several tables may show the same number.
    let mut seen = BTreeSet::new();
    let cited = citations.map(|citation| cited_line(name, sweep, &citation)).filter(|line| seen.insert(line.clone()));
    write(iter::once(header(sweep)).chain(lines).chain(cited))
}

fn cited_line(name: &str, sweep: &Sweep, citation: &Citation) -> Vec<String> {
    let mut line = vec![safe(name), String::new(), String::new(), String::new()];
    line.extend(citation.labels.iter().map(|label| safe(label)));
    line.push(citation.evaluation.map(|index| safe(&sweep.evaluations[index].name)).unwrap_or_default());
    let (metric, value) = (citation.metric, citation.value);
    line.extend([metric.name().to_owned(), metric.unit().to_owned(), value.to_string(), safe(citation.source)]);
    line.extend(vec![String::new(); AFTER_AXES.len() - 6]);
    line.push("cited".to_owned());
    line
}

fn header(sweep: &Sweep) -> Vec<String> {
    let axes = sweep.axes.iter().map(|axis| {
        let taken = BEFORE_AXES.iter().chain(&AFTER_AXES).any(|column| *column == axis.name);
        if taken { format!("{} (axis)", axis.name) } else { safe(&axis.name) }
    });
    let fixed = |columns: &[&str]| columns.iter().map(|&column| column.to_owned()).collect::<Vec<_>>();
    fixed(&BEFORE_AXES).into_iter().chain(axes).chain(fixed(&AFTER_AXES)).collect()
}

/// The rows of one job of one trial.
fn job_lines(
    name: &str,
    sweep: &Sweep,
    plan: &Plan,
    trial: &PlannedTrial,
    id: JobId,
    evaluation: &str,
    view: &JobView,
) -> Vec<Vec<String>> {
    let spec = plan.job(id).map(|job| &*job.spec);
    let mut start = vec![safe(name), id.to_string(), spec.map_or("", JobSpec::kind).to_owned(), trial.seed.to_string()];
    start.extend(sweep.axes.iter().zip(&trial.point).map(|(axis, &value)| safe(&axis.values[value].label)));
    start.push(safe(evaluation));

    let record = view.record();
    let end = match record {
        Some(record) => vec![
            safe(&record.protocol),
            safe(&record.data),
            safe(&record.code),
            safe(&record.commit),
            safe(&record.device),
            record.threads.to_string(),
            record.wall_seconds.to_string(),
            record.images_per_second.to_string(),
            rfc3339(record.started_unix),
            view.state().to_owned(),
        ],
        None => [vec![String::new(); 9], vec![view.state().to_owned()]].concat(),
    };

    let measured: Vec<(Option<Metric>, Option<f64>)> = match record {
        Some(record) => record.metrics.iter().map(|(&metric, &value)| (Some(metric), Some(value))).collect(),
        None => spec.map(JobSpec::metrics).unwrap_or_default().into_iter().map(|metric| (Some(metric), None)).collect(),
    };
    let measured = if measured.is_empty() { vec![(None, None)] } else { measured };
    measured
        .into_iter()
        .map(|(metric, value)| {
            let middle = [
                metric.map_or("", Metric::name).to_owned(),
                metric.map_or("", Metric::unit).to_owned(),
                value.map(|value| value.to_string()).unwrap_or_default(),
            ];
            start.iter().cloned().chain(middle).chain(end.iter().cloned()).collect()
        })
        .collect()
}
