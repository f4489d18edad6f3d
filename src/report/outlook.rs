//! How long what is left will take: per job, in all, and until each table is complete. Says nothing that no measured
//! job tells.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{lines::one_line, summary::count, time::rough_duration, view::JobView};
use crate::{
    plan::{Cost, Durations, Estimate, Job, JobId, Measured, Plan, PlannedTrial, Turn},
    sweep::{Sweep, TableSpec},
};

/// Where jobs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The device, as its maker names it.
    pub device: &'a str,
    /// Jobs that run at a time if no run is at work.
    pub slots: usize,
    /// Threads of each job.
    pub threads: usize,
}

/// How long what is left will take.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// What is left of each unfinished job, as far as it is known.
    pub jobs: BTreeMap<JobId, Estimate>,
    /// Number of unfinished jobs of which nothing is known, except that there is work in them; those without any, such
    /// as initialization, take no time until one of them was measured.
    pub unknown: usize,
    /// Time that all the known ones take together.
    pub work: Estimate,
    /// When the last of them ends, from now.
    pub end: Estimate,
    /// When each unfinished table is complete, from now, by its name; `None` if a job that it needs is not known.
    pub tables: Vec<(String, Option<Estimate>)>,
    /// Jobs that run at a time.
    pub slots: usize,
    /// The device.
    pub device: String,
    /// What the estimates come from.
    pub measured: Measured,
}

impl Outlook {
    /// The outlook of some sweeps. While a run is at work it is that of the run's jobs, as many at a time as there are
    /// now; otherwise of all that a run would do.
    pub fn new(
        sweeps: &[Sweep],
        plan: &Plan,
        view: &dyn Fn(JobId) -> JobView,
        durations: &Durations,
        place: Place<'_>,
    ) -> Self {
        let views: Vec<(&Job, JobView)> = plan.jobs().map(|job| (job, view(job.id))).collect();
        let running = views.iter().filter(|(_, view)| matches!(view, JobView::Running { .. })).count();
        let queued = views.iter().any(|(_, view)| *view == JobView::Queued);
        let slots = if queued && running > 0 { running } else { place.slots };
        let left: Vec<(&Job, JobView)> = match running > 0 || queued {
            true => views.into_iter().filter(|(_, view)| is_of_run(view)).collect(),
            false => views.into_iter().filter(|(_, view)| is_to_come(view)).collect(),
        };
        let estimate = |(job, view): &(&Job, JobView)| {
            let parent = job.parents.first().and_then(|&parent| plan.job(parent));
            let estimate = durations.of(job, parent, place.threads, place.device);
            let known = estimate.is_some() || Cost::of(job, parent).macs == 0.0;
            (job.id, known, estimate.map(|estimate| estimate.times(1.0 - progress(view))))
        };
        // There may be a hundred thousand jobs.
        let estimates: Vec<(JobId, bool, Option<Estimate>)> = left.par_iter().map(estimate).collect();
        let jobs: BTreeMap<JobId, Estimate> =
            estimates.iter().filter_map(|&(job, _, found)| Some((job, found?))).collect();
        let unknown: BTreeSet<JobId> = estimates.iter().filter(|(_, known, _)| !known).map(|(job, ..)| *job).collect();
        let ends = if jobs.is_empty() { BTreeMap::new() } else { plan.ends(&order(sweeps, plan, &left, &jobs), slots) };
        let unfinished: BTreeSet<JobId> = left.iter().map(|(job, _)| job.id).collect();
        let tables = tables(sweeps, plan, &unfinished, &unknown, &ends);
        Self {
            unknown: unknown.len(),
            work: Estimate::total(jobs.values().copied()),
            end: latest(ends.values().copied()).unwrap_or(Estimate::NOTHING),
            tables,
            jobs,
            slots,
            device: one_line(place.device),
            measured: durations.measured(place.threads, place.device),
        }
    }

    /// How long it takes, in one line; nothing if nothing is left.
    pub fn line(&self) -> Option<String> {
        match (self.jobs.len(), self.unknown) {
            (0, 0) => return None,
            (0, _) => {
                let like = if self.measured == Measured::default() { "no job" } else { "no job like these" };
                return Some(format!("time left: unknown, since {like} was measured on {}", self.device));
            }
            _ => {}
        }
        let slots = match self.slots {
            1 => "one job at a time".to_owned(),
            slots => format!("{slots} jobs at a time; {} of device time", rough_range(self.work)),
        };
        let unknown = match self.unknown {
            0 => String::new(),
            unknown => format!("unknown for {} like none that was measured; of the others ", count(unknown, "job")),
        };
        Some(format!("time left: {unknown}{}, {slots}; from {}", rough_range(self.end), self.basis()))
    }

    /// The same with a line for each of several tables; nothing if nothing was measured.
    pub fn text(&self) -> String {
        let (false, Some(line)) = (self.jobs.is_empty(), self.line()) else { return String::new() };
        let mut text = format!("{line}\n");
        let at_the_end = |end: &Option<Estimate>| *end == Some(self.end);
        if self.tables.len() > 1 || self.tables.iter().any(|(_, end)| !at_the_end(end)) {
            for (name, end) in &self.tables {
                text += &format!("  {name}: {}\n", end.map_or_else(|| "unknown".to_owned(), rough_range));
            }
        }
        text
    }

    fn basis(&self) -> String {
        let Measured { alike, other_threads } = self.measured;
        match (alike, other_threads) {
            (_, 0) => count(alike, "measured job"),
            (0, _) => format!("{} with other numbers of threads", count(other_threads, "measured job")),
            _ => format!("{}, {other_threads} more with other numbers of threads", count(alike, "measured job")),
        }
    }
}

/// Whether a job belongs to the run at work.
fn is_of_run(view: &JobView) -> bool {
    matches!(view, JobView::Running { .. } | JobView::Queued)
}

/// Whether a run would do a job.
fn is_to_come(view: &JobView) -> bool {
    !matches!(view, JobView::Done(_) | JobView::WithoutData { .. })
}

/// Share of a job that is done, as far as it said.
fn progress(view: &JobView) -> f64 {
    if let JobView::Running { progress: Some(share) } = view { share.clamp(0.0, 1.0) } else { 0.0 }
}

/// `about 3 min (2 min to 4 min)`.
fn rough_range(estimate: Estimate) -> String {
    let [seconds, low, high] = [estimate.seconds, estimate.low, estimate.high].map(rough_duration);
    format!("about {seconds} ({low} to {high})")
}

/// An expected duration, `42 s`.
pub(super) fn expected(estimate: Estimate) -> String {
    rough_duration(estimate.seconds)
}

/// The jobs in the order in which a run would start them if all were ready, those at work first.
fn order(
    sweeps: &[Sweep],
    plan: &Plan,
    left: &[(&Job, JobView)],
    jobs: &BTreeMap<JobId, Estimate>,
) -> Vec<(JobId, Estimate)> {
    let (rounds, terms) = (plan.rounds(), plan.terms(sweeps));
    let chains = plan.priorities(|job| jobs.get(&job.id).map_or(0.0, |estimate| estimate.seconds));
    let mut ranked: Vec<(bool, Turn, JobId)> = left
        .iter()
        .map(|(job, view)| {
            let waits = !matches!(view, JobView::Running { .. });
            let turn = Turn {
                priority: terms.get(&job.id).and_then(|terms| terms.priority).unwrap_or(0.0),
                round: rounds.get(&job.id).copied().unwrap_or_default(),
                chain: chains.get(&job.id).copied().unwrap_or_default(),
            };
            (waits, turn, job.id)
        })
        .collect();
    // The sort is stable: what is equal stays in plan order.
    ranked.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.before(&b.1)));
    ranked.into_iter().map(|(.., job)| (job, jobs.get(&job).copied().unwrap_or(Estimate::NOTHING))).collect()
}

/// When each table that waits for a job is complete.
fn tables(
    sweeps: &[Sweep],
    plan: &Plan,
    unfinished: &BTreeSet<JobId>,
    unknown: &BTreeSet<JobId>,
    ends: &BTreeMap<JobId, Estimate>,
) -> Vec<(String, Option<Estimate>)> {
    let mut found = Vec::new();
    for (index, sweep) in sweeps.iter().enumerate() {
        for table in &sweep.tables {
            let needed: BTreeSet<JobId> = needed(index, table, plan).intersection(unfinished).copied().collect();
            if needed.is_empty() {
                continue;
            }
            let end = latest(needed.iter().filter_map(|job| ends.get(job)).copied());
            let end = end.filter(|_| needed.is_disjoint(unknown));
            let name = match sweeps {
                [_] => table.name.clone(),
                _ => format!("{}, {}", one_line(&sweep.title), table.name),
            };
            found.push((name, end));
        }
    }
    found
}

/// The jobs whose metrics a table shows, and those that these need.
fn needed(sweep: usize, table: &TableSpec, plan: &Plan) -> BTreeSet<JobId> {
    let trials = plan.trials.iter().filter(|trial| trial.sweep == sweep && table.shows(&trial.point));
    let of_trial = |trial: &PlannedTrial| {
        let evaluations = table.metrics.iter().filter_map(|shown| trial.evaluations.get(shown.evaluation?).copied());
        evaluations.chain([trial.pretrain]).collect::<Vec<_>>()
    };
    trials.flat_map(of_trial).collect()
}

/// The estimate of the last to end.
fn latest(estimates: impl Iterator<Item = Estimate>) -> Option<Estimate> {
    estimates.max_by(|a, b| a.seconds.total_cmp(&b.seconds))
}
