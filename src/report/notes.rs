//! The notes under a table: how the numbers were made, whether they may be compared, and what is not done.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cell::reproduced,
    cited,
    lines::{cut, one_line},
    rank::SIGNIFICANCE,
    standing::CellState,
    table::{Column, Row},
    time::date,
    view::DoneView,
};
use crate::sweep::{Best, Published, Sweep, TableSpec};

/// Distinct values of one property of the records behind a table.
type Values<'r> = BTreeSet<&'r str>;

/// A failure's message is cut to this many columns; the whole is in the job's log.
const LONGEST_REASON: usize = 200;

/// How the notes begin that warn of numbers not made alike.
const DIFFER: &str = "CELLS DIFFER";

/// What the paired test leaves out.
const CHOSEN: &str = "; best and second are chosen by these same numbers, for which p is not corrected";

/// All notes, one paragraph each.
pub(super) fn notes(
    sweep: &Sweep,
    spec: &TableSpec,
    columns: &[Column],
    rows: &[Row],
    incomplete: usize,
) -> Vec<String> {
    let mut protocols: BTreeMap<Option<usize>, Values> = BTreeMap::new();
    let (mut pretrains, mut evaluations): (Vec<&DoneView>, Vec<&DoneView>) = (vec![], vec![]);
    for row in rows {
        for (column, cell) in columns.iter().zip(&row.cells) {
            for seed in &cell.seeds {
                let Some(record) = seed.job.record() else { continue };
                protocols.entry(column.shows.evaluation).or_default().insert(&record.protocol);
                if column.shows.evaluation.is_some() { &mut evaluations } else { &mut pretrains }.push(record);
                pretrains.extend(seed.pretrain.as_ref().and_then(|pretrain| pretrain.record()));
            }
        }
    }

    let mut notes = vec![spread_note(sweep, spec)];
    if incomplete > 0 {
        let cells = rows.iter().flat_map(|row| &row.cells).filter(|cell| !cell.points.is_empty()).count();
        notes.push(format!(
            "{DIFFER} in what they average over, compare with care: {incomplete} of {cells} leave out values, as the \
             sweep does"
        ));
    }
    if !sweep.points().any(|point| spec.shows(&point)) {
        notes.push("no trial of this profile is shown here".to_owned());
    }
    let alone = protocols.len() == 1;
    for (evaluation, values) in &protocols {
        let name = match evaluation {
            _ if alone => "protocol".to_owned(),
            None => "pretraining protocol".to_owned(),
            Some(index) => format!("protocol of {}", sweep.evaluations[*index].name),
        };
        notes.extend(fact(&name, values));
    }
    notes.extend(by_role("data", &pretrains, &evaluations, |record| &record.data));
    notes.extend(by_role("code", &pretrains, &evaluations, |record| &record.code));
    let backends = by_role("backend", &pretrains, &evaluations, |record| &record.backend);
    notes.extend(backends.into_iter().filter(|note| note.starts_with(DIFFER)));
    notes.extend(where_and_when(&pretrains, &evaluations));
    notes.extend(unfinished(rows, if spec.over.is_empty() { "seeds" } else { "runs" }));
    notes.extend(profile(sweep, spec));
    notes.extend(ranking(spec, sweep.seeds.len(), rows));
    notes.extend(reproduction(sweep, spec, rows));
    notes.extend(cited::notes(sweep, spec));
    notes.extend(spec.note.clone());
    notes.iter().map(|note| one_line(note)).collect()
}

/// What a drawing, too, has to say: over what its numbers are means, and their profile.
pub(super) fn setting(sweep: &Sweep, spec: &TableSpec) -> Vec<String> {
    let notes = std::iter::once(spread_note(sweep, spec)).chain(profile(sweep, spec));
    notes.map(|note| one_line(&note)).collect()
}

fn profile(sweep: &Sweep, spec: &TableSpec) -> Option<String> {
    let profile = sweep.profile.as_ref()?;
    let left_out = spec.published.is_some() && sweep.published(spec).is_none();
    let why = if left_out { "; the published numbers are of another setting and left out" } else { "" };
    Some(format!("profile: {profile}{why}"))
}

/// Over what cells average.
fn spread_note(sweep: &Sweep, spec: &TableSpec) -> String {
    let list = sweep.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let seeds = match sweep.seeds.len() {
        1 => format!("one seed ({list})"),
        n => format!("{n} seeds ({list})"),
    };
    if spec.over.is_empty() {
        return match sweep.seeds.len() {
            1 => format!("{seeds}, so no spread"),
            _ => format!("mean ± sample standard deviation over {seeds}"),
        };
    }
    let (mut over, mut at) = (String::new(), String::new());
    for &axis in &spec.over {
        let used: BTreeSet<usize> = sweep.points().filter(|point| spec.shows(point)).map(|point| point[axis]).collect();
        let labels: Vec<&str> = used.iter().map(|&value| sweep.axes[axis].values[value].label.as_str()).collect();
        match &labels[..] {
            [one] => at += &format!("; {} is {one}", sweep.axes[axis].name),
            _ => over += &format!("{} ({}), ", sweep.axes[axis].name, labels.join(", ")),
        }
    }
    match (over.is_empty(), sweep.seeds.len()) {
        (true, 1) => format!("{seeds}{at}, so no spread"),
        _ => format!("mean ± sample standard deviation over {over}{seeds}{at}"),
    }
}

/// `name: value`, or a warning if the values differ.
fn fact(name: &str, values: &Values) -> Option<String> {
    let list = values.iter().copied().collect::<Vec<_>>().join(" | ");
    match values.len() {
        0 => None,
        1 => Some(format!("{name}: {list}")),
        _ => Some(format!("{DIFFER} in {name}, compare with care: {list}")),
    }
}

/// One fact if pretraining and evaluation agree (they need not: evaluation sees test images, too), otherwise one each.
fn by_role<'r>(
    name: &str,
    pretrains: &[&'r DoneView],
    evaluations: &[&'r DoneView],
    field: impl Fn(&'r DoneView) -> &'r str,
) -> Vec<String> {
    // What has no such property, as an untrained encoder has no data, does not differ from the others in it.
    let of = |records: &[&'r DoneView]| -> Values<'r> {
        records.iter().copied().map(&field).filter(|value| !value.is_empty()).collect()
    };
    let (pretraining, evaluation) = (of(pretrains), of(evaluations));
    let both: Values = pretraining.union(&evaluation).copied().collect();
    let facts = if both.len() <= 1 {
        [fact(name, &both), None]
    } else {
        [fact(&format!("pretraining {name}"), &pretraining), fact(&format!("evaluation {name}"), &evaluation)]
    };
    facts.into_iter().flatten().collect()
}

fn where_and_when(pretrains: &[&DoneView], evaluations: &[&DoneView]) -> Vec<String> {
    let records = || pretrains.iter().chain(evaluations);
    let devices: BTreeSet<String> = records()
        .map(|record| {
            let threads = record.threads;
            format!("{} ({threads} {})", record.device, if threads == 1 { "thread" } else { "threads" })
        })
        .collect();
    let days: BTreeSet<u64> = records().map(|record| record.started_unix / 86_400 * 86_400).collect();
    let (Some(&first), Some(&last)) = (days.first(), days.last()) else { return vec![] };
    let measured = if first == last { date(first) } else { format!("{} to {}", date(first), date(last)) };
    vec![
        format!("device: {}", devices.into_iter().collect::<Vec<_>>().join(", ")),
        format!("measured: {measured} (UTC)"),
    ]
}

/// What the marks of the best mean.
fn ranking(spec: &TableSpec, seeds: usize, rows: &[Row]) -> Option<String> {
    let among = match spec.best? {
        Best::Row => "row",
        Best::Column => "column",
        Best::Table => "table",
    };
    rows.iter().flat_map(|row| &row.cells).any(|cell| cell.rank.is_some()).then_some(())?;
    let test = match seeds {
        _ if !spec.over.is_empty() => {
            format!("two-sided t-test of paired runs, of two or more, p < {SIGNIFICANCE}{CHOSEN}")
        }
        1 => "one seed, so none can be tested".to_owned(),
        _ => format!("two-sided paired t-test over {seeds} seeds, p < {SIGNIFICANCE}{CHOSEN}"),
    };
    Some(format!(
        "¹ best and ² second best of each {among} and metric, where all have the same protocol, evaluation data and code; n.s.: not \
         significantly better than another, or by the same for every seed ({test})"
    ))
}

/// Where the published numbers come from, and how many are reproduced.
fn reproduction(sweep: &Sweep, spec: &TableSpec, rows: &[Row]) -> Option<String> {
    let Published { source, tolerance, .. } = sweep.published(spec)?;
    let cells = || rows.iter().flat_map(|row| &row.cells);
    let (within, compared) = reproduced(cells());
    let all = cells().filter(|cell| cell.published.is_some()).count();
    let to_come = match all - compared {
        0 => String::new(),
        cells => format!(", {cells} to come"),
    };
    let units: BTreeSet<&str> = spec.metrics.iter().map(|shows| shows.metric.unit()).collect();
    let unit = match units.first() {
        Some(&"percent") if units.len() == 1 && *tolerance == [1.0] => " point",
        Some(&"percent") if units.len() == 1 => " points",
        Some(&"nats") if units.len() == 1 => " nats",
        _ => "",
    };
    let tolerance = tolerance.iter().map(f64::to_string).collect::<Vec<_>>().join(" / ");
    Some(format!("paper: {source}; {within} of {compared} cells within {tolerance}{unit} of it{to_come}"))
}

/// How many cells are not numbers of all seeds, and why.
fn unfinished(rows: &[Row], runs: &str) -> Vec<String> {
    let cells = || rows.iter().flat_map(|row| &row.cells).filter(|cell| !cell.is_average());
    let mut reasons: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for cell in cells() {
        let (order, reason) = match &cell.state {
            CellState::Done | CellState::NotPlanned | CellState::Cited(_) => continue,
            CellState::NotComparable(what) => (0, format!("not comparable ({runs} differ in {what})")),
            CellState::Failed(why) => (1, format!("failed ({})", cut(why, LONGEST_REASON))),
            CellState::NoData(why) => (2, format!("no data ({})", cut(why, LONGEST_REASON))),
            CellState::Skipped(why) => (3, format!("skipped ({})", cut(why, LONGEST_REASON))),
            CellState::Partial { .. } => (4, format!("some {runs} still to come")),
            CellState::Running { .. } => (5, "running".to_owned()),
            CellState::Queued => (6, "queued by the run at work".to_owned()),
            CellState::Stale(why) => {
                (7, format!("stale, made before the sweep or the program was changed ({})", cut(why, LONGEST_REASON)))
            }
            CellState::Missing => (8, "not run yet".to_owned()),
            CellState::NotMeasured => (9, "n/a, as their jobs do not report the metric".to_owned()),
        };
        *reasons.entry((order, reason)).or_default() += 1;
    }
    let total = cells().filter(|cell| !matches!(cell.state, CellState::NotPlanned | CellState::Cited(_))).count();
    reasons.into_iter().map(|((_, reason), count)| format!("{count} of {total} cells: {reason}")).collect()
}
