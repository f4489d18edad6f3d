//! Which lines learning curves have: one per trial, or per group of trials that share their pretraining.

use std::collections::BTreeMap;

use crate::{
    plan::{JobId, Plan, PlannedTrial},
    recipe::{JobSpec, Training},
    report::{labels::axis_labels, lines::one_line},
    store::EpochMetrics,
    sweep::Sweep,
};

/// Values by epoch, from the first epoch on; `None` where there is none.
type Values = Vec<(usize, Option<f64>)>;

/// One line and what is known of the jobs behind it.
pub(super) struct Line {
    /// The labels of its trial.
    pub label: String,
    /// How many axes the label speaks of.
    pub labels: usize,
    /// The values of each seed that reported any.
    pub seeds: Vec<Values>,
    /// The mean over these seeds, as far as all of them are.
    pub mean: Values,
    /// Number of jobs, one per seed, without those that do not measure this.
    pub jobs: usize,
    /// Jobs that reported nothing.
    pub without: usize,
    /// Jobs that reported less than all of their epochs.
    pub unfinished: usize,
    /// Jobs whose file is damaged.
    pub damaged: usize,
    /// Jobs with values that are not finite.
    pub diverged: usize,
}

/// The lines of a sweep for one column; trials that train nothing have none.
pub(super) fn lines(
    sweep: &Sweep,
    sweep_index: usize,
    plan: &Plan,
    epochs: &BTreeMap<JobId, EpochMetrics>,
    column: &str,
) -> Vec<Line> {
    let mut of_point: BTreeMap<&[usize], Vec<&PlannedTrial>> = BTreeMap::new();
    for trial in plan.trials.iter().filter(|trial| trial.sweep == sweep_index) {
        of_point.entry(&trial.point).or_default().push(trial);
    }
    // Points that differ only in their evaluation share their jobs, and with them a line.
    let mut groups: Vec<(Vec<JobId>, Vec<&PlannedTrial>)> = Vec::new();
    let mut places: BTreeMap<Vec<JobId>, usize> = BTreeMap::new();
    for trials in of_point.into_values() {
        let jobs: Vec<JobId> = trials.iter().map(|trial| trial.pretrain).collect();
        let place = *places.entry(jobs.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, all)) => all.extend(trials),
            None => groups.push((jobs, trials)),
        }
    }
    let trained = groups.iter().filter(|(jobs, _)| jobs.iter().all(|&job| last_epoch(plan, job).is_some()));
    trained
        .map(|(jobs, trials)| {
            let labels = axis_labels(sweep, trials);
            let label = if labels.is_empty() { "base".to_owned() } else { one_line(&labels.join(" + ")) };
            Line { label, labels: labels.len(), ..line(jobs, plan, epochs, column) }
        })
        .filter(|line| line.jobs > 0)
        .collect()
}

/// A line still without its label.
fn line(jobs: &[JobId], plan: &Plan, epochs: &BTreeMap<JobId, EpochMetrics>, column: &str) -> Line {
    let mut line = Line {
        label: String::new(),
        labels: 0,
        seeds: vec![],
        mean: vec![],
        jobs: jobs.len(),
        without: 0,
        unfinished: 0,
        damaged: 0,
        diverged: 0,
    };
    for job in jobs {
        let found = epochs.get(job);
        line.damaged += usize::from(found.is_some_and(|found| found.problem.is_some()));
        let values = found.and_then(|found| Some((found, found.columns.get(column)?)));
        let values: Values = values
            .map(|(found, values)| found.epochs.iter().copied().zip(values.iter().copied()).collect())
            .unwrap_or_default();
        if values.iter().all(|(_, value)| value.is_none()) {
            // What has epochs and still no value does not measure this, as supervised training has no pairs of views.
            let measures = found.is_none_or(|found| found.epochs.is_empty());
            line.without += usize::from(measures);
            line.jobs -= usize::from(!measures);
            continue;
        }
        let last = values.last().map_or(0, |&(epoch, _)| epoch);
        line.unfinished += usize::from(last_epoch(plan, *job).is_some_and(|wanted| last < wanted));
        line.diverged += usize::from(values.iter().any(|(_, value)| value.is_some_and(|value| !value.is_finite())));
        line.seeds.push(values);
    }
    line.mean = mean(&line.seeds);
    line
}

/// The last epoch of a pretraining job; `None` if it trains nothing.
fn last_epoch(plan: &Plan, job: JobId) -> Option<usize> {
    match &*plan.job(job)?.spec {
        JobSpec::Pretrain(pretrain) => match &pretrain.training {
            Training::Trained(trained) => Some(trained.schedule.epochs),
            _ => None,
        },
        JobSpec::Evaluate(_) => None,
    }
}

/// The mean at every epoch that all seeds have.
fn mean(seeds: &[Values]) -> Values {
    let mut sums: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
    for &(epoch, value) in seeds.iter().flatten() {
        let (count, sum) = sums.entry(epoch).or_default();
        (*count, *sum) = (*count + 1, *sum + value.unwrap_or(f64::NAN));
    }
    let all = sums.into_iter().filter(|(_, (count, _))| *count == seeds.len());
    all.map(|(epoch, (count, sum))| (epoch, Some(sum / count as f64).filter(|mean| mean.is_finite()))).collect()
}

/// Which lines have a color, in the order of the sweep: all, or `most` of them at even distances from the highest last
/// value to the lowest.
pub(super) fn prominent(lines: &[Line], most: usize) -> Vec<usize> {
    let last = |index: usize| lines[index].mean.iter().rev().find_map(|(_, value)| *value);
    let mut ranked: Vec<usize> = (0..lines.len()).filter(|&index| last(index).is_some()).collect();
    if ranked.len() > most {
        ranked.sort_by(|&left, &right| {
            let [left, right] = [left, right].map(|index| last(index).unwrap_or(f64::NEG_INFINITY));
            right.total_cmp(&left)
        });
        let end = ranked.len() - 1;
        ranked = (0..most).map(|place| ranked[(place * end + (most - 1) / 2) / (most - 1)]).collect();
    }
    ranked.sort_unstable();
    ranked
}
