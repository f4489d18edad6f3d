//! The jobs of a run as the scheduler sees them: which goes first, what it takes, how long it may run.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::shapes::Shapes;
use crate::{
    plan::{JobId, Plan},
    schedule::Node,
    sweep::Terms,
};

/// What is known of the jobs to run.
#[derive(Clone, Copy)]
pub struct Knowledge<'a> {
    /// Which need as much memory as each other.
    pub shapes: &'a Shapes,
    /// What the sweep files say about when and where they run.
    pub terms: &'a BTreeMap<JobId, Terms>,
    /// What they cost, in any one unit.
    pub costs: &'a BTreeMap<JobId, f64>,
    /// How long they will take in seconds, as far as that is known.
    pub expected: &'a BTreeMap<JobId, f64>,
    /// How long a job may run if its sweep file does not say.
    pub time_limit: Option<Duration>,
}

/// The scheduler's nodes of the jobs to run; parents outside are done.
pub fn nodes(plan: &Plan, todo: &[JobId], known: Knowledge<'_>) -> Vec<Node> {
    let Knowledge { shapes, terms, costs, expected, time_limit } = known;
    let todo: BTreeSet<JobId> = todo.iter().copied().collect();
    let chains = plan.priorities(|job| costs.get(&job.id).copied().unwrap_or(0.0));
    let rounds = plan.rounds();
    plan.jobs()
        .filter(|job| todo.contains(&job.id))
        .map(|job| Node {
            job: job.id,
            parents: job.parents.iter().copied().filter(|parent| todo.contains(parent)).collect(),
            priority: terms.get(&job.id).and_then(|terms| terms.priority).unwrap_or(0.0),
            round: rounds.get(&job.id).copied().unwrap_or_default(),
            chain: chains.get(&job.id).copied().unwrap_or_default(),
            shape: shapes.index(job.id),
            expected: expected.get(&job.id).and_then(|&seconds| Duration::try_from_secs_f64(seconds).ok()),
            time_limit: terms.get(&job.id).and_then(|terms| terms.minutes).map(minutes).or(time_limit),
            done: false,
        })
        .collect()
}

/// So many minutes.
pub fn minutes(minutes: f64) -> Duration {
    Duration::from_secs_f64(60.0 * minutes)
}

/// The most jobs that can run at the same time: every job that runs has a job of its own below it, or itself, that
/// nothing else waits for.
pub fn most_at_a_time(plan: &Plan, todo: &[JobId]) -> usize {
    let todo: BTreeSet<JobId> = todo.iter().copied().collect();
    let last = |job: &&JobId| !plan.children(**job).any(|child| todo.contains(&child.id));
    todo.iter().filter(last).count()
}
