//! Two jobs, two stores or two tables side by side: what is equal, what differs, and by how much.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cell::Cell, differences::job_differences, lines::one_line, summary::count, table::Table, time::rfc3339,
    view::DoneView,
};
use crate::{
    plan::{Job, JobId},
    recipe::{Metric, Metrics},
};

/// A comparison, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// What is equal and what differs, in lines.
    pub text: String,
    /// Whether there was something to compare, and nothing differs.
    pub equal: bool,
}

/// One side of a comparison of jobs.
pub struct ComparedJob {
    /// The job.
    pub job: Job,
    /// The jobs it depends on.
    pub parents: Vec<Job>,
    /// What it measured, if it is done.
    pub record: Option<DoneView>,
}

/// In what settings and numbers two jobs differ. How long and where they ran is said, but no difference.
pub fn compare_jobs(before: &ComparedJob, after: &ComparedJob) -> Comparison {
    let mut text = format!("{} → {}\n", name(before), name(after));
    let settings = job_differences((&before.job, &before.parents), (&after.job, &after.parents));
    text += if settings.is_empty() { "settings: equal\n" } else { "settings:\n" };
    settings.iter().for_each(|line| text += &format!("  {line}\n"));
    let (Some(a), Some(b)) = (&before.record, &after.record) else {
        text += "numbers: not both are done\n";
        return Comparison { text, equal: false };
    };
    let numbers = metric_differences(&a.metrics, &b.metrics);
    text += if numbers.is_empty() { "numbers: equal\n" } else { "numbers:\n" };
    numbers.iter().for_each(|line| text += &format!("  {line}\n"));
    let seconds = |record: &DoneView| format!("{:.1} s from {}", record.wall_seconds, rfc3339(record.started_unix));
    let device =
        |record: &DoneView| format!("{} ({}) on {}", record.device, count(record.threads, "thread"), record.host);
    let circumstances: [(&str, String, String); 7] = [
        ("protocol", a.protocol.clone(), b.protocol.clone()),
        ("data", a.data.clone(), b.data.clone()),
        ("code", a.code.clone(), b.code.clone()),
        ("commit", a.commit.clone(), b.commit.clone()),
        ("encoder", a.checkpoint.clone().unwrap_or_default(), b.checkpoint.clone().unwrap_or_default()),
        ("device", device(a), device(b)),
        ("time", seconds(a), seconds(b)),
    ];
    for (what, a, b) in circumstances.iter().filter(|(_, a, b)| a != b) {
        text += &format!("{what}: {} → {}\n", or_dash(a), or_dash(b));
    }
    Comparison { text, equal: settings.is_empty() && numbers.is_empty() }
}

/// In which finished jobs two stores differ, and in the numbers of which; each is given by its name and the kind and
/// metrics of its finished jobs.
pub fn compare_stores(
    (name_a, a): (&str, &BTreeMap<JobId, (&str, &Metrics)>),
    (name_b, b): (&str, &BTreeMap<JobId, (&str, &Metrics)>),
) -> Comparison {
    let (mut equal, mut differing) = (0, String::new());
    for (id, (kind, before)) in a {
        let Some((_, after)) = b.get(id) else { continue };
        let lines = metric_differences(before, after);
        equal += usize::from(lines.is_empty());
        if !lines.is_empty() {
            differing += &format!("  {kind} {}: {}\n", id.short(), lines.join("; "));
        }
    }
    let alone = |here: &BTreeMap<JobId, _>, there: &BTreeMap<JobId, _>| {
        here.keys().filter(|id| !there.contains_key(id)).count()
    };
    let different = differing.lines().count();
    let mut text = format!(
        "done in both, with equal numbers: {}\ndone in both, with other numbers: {}\n{differing}done in {} only: {}\n\
         done in {} only: {}\n",
        count(equal, "job"),
        count(different, "job"),
        one_line(name_a),
        count(alone(a, b), "job"),
        one_line(name_b),
        count(alone(b, a), "job"),
    );
    if equal + different == 0 {
        text += "nothing could be compared\n";
    }
    // One store may be a part of the other.
    Comparison { text, equal: different == 0 && equal > 0 }
}

/// In which cells two tables differ; cells are the same if their rows have the same labels and their columns the same
/// titles.
pub fn compare_tables(before: &Table, after: &Table) -> Comparison {
    let [a, b] = [before, after].map(cells);
    let (mut equal, mut differing) = (0, String::new());
    for (place, cell) in &a {
        let Some(other) = b.get(place) else { continue };
        let texts = [cell, other].map(|cell| cell.text().plain());
        let means = match (cell.mean, other.mean) {
            // Means of the same numbers, of seeds in another order, may differ in their last bits.
            (Some(before), Some(after)) => (before - after).abs() <= 1e-12 * before.abs().max(1.0),
            (before, after) => before == after,
        };
        if texts[0] == texts[1] && means {
            equal += 1;
            continue;
        }
        let change = match (cell.mean, other.mean) {
            (Some(before), Some(after)) => format!(" ({})", change(cell.metric, after - before)),
            _ => String::new(),
        };
        differing += &format!("  {} | {}: {} → {}{change}\n", place.0, place.1, texts[0], texts[1]);
    }
    let alone = |here: &Cells, there: &Cells| -> String {
        let places = here.keys().filter(|place| !there.contains_key(place));
        places.map(|(row, column)| format!("  {row} | {column}\n")).collect()
    };
    let (different, common) = (differing.lines().count(), equal + differing.lines().count());
    let mut text = format!("{}: {equal} of {} equal\n{differing}", one_line(&before.caption), count(common, "cell"));
    let mut equal = different == 0;
    for (which, cells) in [("first", alone(&a, &b)), ("second", alone(&b, &a))] {
        if !cells.is_empty() {
            text += &format!("only in the {which}:\n{cells}");
            equal = false;
        }
    }
    Comparison { text, equal }
}

/// A table that has no counterpart.
pub fn lonely_table(table: &Table, which: &str) -> Comparison {
    Comparison { text: format!("{}: only in the {which}\n", one_line(&table.caption)), equal: false }
}

type Cells<'t> = BTreeMap<(String, String), &'t Cell>;

fn cells(table: &Table) -> Cells<'_> {
    let place = |(row, column): (&[String], String)| (row.join(", "), column);
    let rows = table.rows.iter();
    rows.flat_map(|row| {
        let columns = table.columns.iter().zip(&row.cells);
        columns.map(move |(column, cell)| (place((&row.labels, column.title())), cell))
    })
    .collect()
}

fn name(compared: &ComparedJob) -> String {
    format!("{} {}", compared.job.spec.kind(), compared.job.id.short())
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { one_line(text) }
}

/// The metrics that differ, each as `Top1: 63.2 → 63.4 (+0.2 percent)`.
fn metric_differences(before: &Metrics, after: &Metrics) -> Vec<String> {
    let metrics: BTreeSet<Metric> = before.keys().chain(after.keys()).copied().collect();
    let text = |value: Option<&f64>| value.map_or_else(|| "–".to_owned(), f64::to_string);
    let mut lines = Vec::new();
    for metric in metrics {
        let (a, b) = (before.get(&metric), after.get(&metric));
        if a != b {
            let by = a.zip(b).map(|(a, b)| format!(" ({})", change(metric, b - a))).unwrap_or_default();
            lines.push(format!("{}: {} → {}{by}", metric.name(), text(a), text(b)));
        }
    }
    lines
}

/// A difference with sign and unit, with two more digits than tables show of the metric.
fn change(metric: Metric, difference: f64) -> String {
    format!("{difference:+.*} {}", metric.decimals() + 2, metric.unit())
}
