//! The jobs of a run as the scheduler sees them: which goes first, what it takes, how long it may run.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::shapes::Shapes;
use crate::{
    plan::{JobId, Plan},
    schedule::Node,
    sweep::{Sweep, Terms},
};

/// The scheduler's nodes of the jobs to run; parents outside are done.
pub fn nodes(
    plan: &Plan,
    todo: &[JobId],
    shapes: &Shapes,
    terms: &BTreeMap<JobId, Terms>,
    time_limit: Option<Duration>,
) -> Vec<Node> {
    let todo: BTreeSet<JobId> = todo.iter().copied().collect();
    let chains = plan.priorities(|job| if todo.contains(&job.id) { plan.cost(job.id).macs } else { 0.0 });
    let rounds = rounds(plan);
    plan.jobs()
        .filter(|job| todo.contains(&job.id))
        .map(|job| Node {
            job: job.id,
            parents: job.parents.iter().copied().filter(|parent| todo.contains(parent)).collect(),
            priority: terms.get(&job.id).and_then(|terms| terms.priority).unwrap_or(0.0),
            round: rounds.get(&job.id).copied().unwrap_or_default(),
            chain: chains.get(&job.id).copied().unwrap_or_default(),
            shape: shapes.index(job.id),
            time_limit: terms.get(&job.id).and_then(|terms| terms.minutes).map(minutes).or(time_limit),
            done: false,
        })
        .collect()
}

/// What the sweep files say about when and where each job runs.
pub fn terms(sweeps: &[Sweep], plan: &Plan) -> BTreeMap<JobId, Terms> {
    let mut terms: BTreeMap<JobId, Terms> = BTreeMap::new();
    if sweeps.iter().all(|sweep| sweep.scheduling.is_empty()) {
        return terms;
    }
    for trial in &plan.trials {
        let of_trial = sweeps[trial.sweep].terms(&trial.point);
        for &job in trial.evaluations.iter().chain([&trial.pretrain]) {
            terms.entry(job).and_modify(|terms| *terms = terms.and(of_trial)).or_insert(of_trial);
        }
    }
    terms
}

/// So many minutes.
pub fn minutes(minutes: f64) -> Duration {
    Duration::from_secs_f64(60.0 * minutes)
}

/// For each job the first seed, by position in its sweep, that asks for it.
fn rounds(plan: &Plan) -> BTreeMap<JobId, usize> {
    let mut rounds = BTreeMap::new();
    let mut seeds: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for trial in &plan.trials {
        let seeds = seeds.entry(trial.sweep).or_default();
        let round = seeds.iter().position(|&seed| seed == trial.seed).unwrap_or_else(|| {
            seeds.push(trial.seed);
            seeds.len() - 1
        });
        for job in trial.evaluations.iter().chain([&trial.pretrain]) {
            let first = rounds.entry(*job).or_insert(round);
            *first = round.min(*first);
        }
    }
    rounds
}

/// The most jobs that can run at the same time: every job that runs has a job of its own below it, or itself, that
/// nothing else waits for.
pub fn most_at_a_time(plan: &Plan, todo: &[JobId]) -> usize {
    let todo: BTreeSet<JobId> = todo.iter().copied().collect();
    let last = |job: &&JobId| !plan.children(**job).any(|child| todo.contains(&child.id));
    todo.iter().filter(last).count()
}
