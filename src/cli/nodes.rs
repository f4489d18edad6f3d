//! The jobs of a run as the scheduler sees them: which goes first, what it takes, how long it may run.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::shapes::Shapes;
use crate::{
    plan::{JobId, Plan},
    schedule::Node,
};

/// The scheduler's nodes of the jobs to run; parents outside are done.
pub fn nodes(plan: &Plan, todo: &[JobId], shapes: &Shapes, time_limit: Option<Duration>) -> Vec<Node> {
    let todo: BTreeSet<JobId> = todo.iter().copied().collect();
    let chains = plan.priorities(|job| if todo.contains(&job.id) { plan.cost(job.id).macs } else { 0.0 });
    let rounds = rounds(plan);
    plan.jobs()
        .filter(|job| todo.contains(&job.id))
        .map(|job| Node {
            job: job.id,
            parents: job.parents.iter().copied().filter(|parent| todo.contains(parent)).collect(),
            priority: 0.0,
            round: rounds.get(&job.id).copied().unwrap_or_default(),
            chain: chains.get(&job.id).copied().unwrap_or_default(),
            shape: shapes.index(job.id),
            time_limit,
            done: false,
        })
        .collect()
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
