//! Which jobs the rest of the plan waits for: the longest chain, and how long a chain hangs on each job.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{Cost, Job, JobId, Plan};
use crate::sweep::{Sweep, Terms};

/// What decides which of two jobs starts first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// What the sweep file says: the larger goes first.
    pub priority: f64,
    /// The smaller goes first: one seed of every cell before the second of any.
    pub round: usize,
    /// Length of the longest chain of work that begins with the job: the longer goes first.
    pub chain: f64,
}

impl Turn {
    /// `Less` if this one goes first; of equal ones the plan decides.
    pub fn before(&self, other: &Self) -> Ordering {
        let by_priority = other.priority.total_cmp(&self.priority);
        by_priority.then(self.round.cmp(&other.round)).then(other.chain.total_cmp(&self.chain))
    }
}

impl Plan {
    /// The estimated work of a job; nothing if the plan does not have it.
    pub fn cost(&self, id: JobId) -> Cost {
        self.job(id)
            .map_or_else(Cost::default, |job| Cost::of(job, job.parents.first().and_then(|&parent| self.job(parent))))
    }

    /// For each job, its cost plus that of the most expensive chain of jobs that need it, in the unit of `cost`.
    ///
    /// Starting the highest first keeps the critical path moving. A job that is already done should cost 0.
    pub fn priorities(&self, cost: impl Fn(&Job) -> f64) -> BTreeMap<JobId, f64> {
        let mut priorities = BTreeMap::new();
        let jobs: Vec<_> = self.jobs().collect();
        for job in jobs.into_iter().rev() {
            let chain = self.children(job.id).map(|child| priorities[&child.id]).fold(0.0, f64::max);
            priorities.insert(job.id, cost(job) + chain);
        }
        priorities
    }

    /// The most expensive chain of jobs, from first to last: no number of devices finishes the plan sooner.
    /// Of equally expensive chains, the one that the plan asks for first; empty for an empty plan.
    pub fn critical_path(&self, cost: impl Fn(&Job) -> f64) -> Vec<JobId> {
        let priorities = self.priorities(cost);
        let mut path = Vec::new();
        let mut next = highest(self.jobs(), &priorities);
        while let Some(id) = next {
            path.push(id);
            next = highest(self.children(id), &priorities);
        }
        path
    }

    /// What the sweeps say about when and where each job runs; nothing of jobs of which none says anything.
    pub fn terms(&self, sweeps: &[Sweep]) -> BTreeMap<JobId, Terms> {
        let mut terms: BTreeMap<JobId, Terms> = BTreeMap::new();
        if sweeps.iter().all(|sweep| sweep.scheduling.is_empty()) {
            return terms;
        }
        for trial in &self.trials {
            let Some(sweep) = sweeps.get(trial.sweep) else { continue };
            let of_trial = sweep.terms(&trial.point);
            for &job in trial.evaluations.iter().chain([&trial.pretrain]) {
                terms.entry(job).and_modify(|terms| *terms = terms.and(of_trial)).or_insert(of_trial);
            }
        }
        terms
    }

    /// For each job the first seed, by position in its sweep, that asks for it: one seed of every cell comes before the
    /// second of any.
    pub fn rounds(&self) -> BTreeMap<JobId, usize> {
        let mut rounds = BTreeMap::new();
        let mut seeds: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for trial in &self.trials {
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
}

/// The first job of highest priority. Not `max_by`, which returns the last.
fn highest<'a>(jobs: impl Iterator<Item = &'a Job>, priorities: &BTreeMap<JobId, f64>) -> Option<JobId> {
    jobs.map(|job| job.id).reduce(|best, id| if priorities[&id] > priorities[&best] { id } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    /// Pretraining costs its epochs, evaluation a tenth of its.
    fn epochs(job: &Job) -> f64 {
        let json = serde_json::to_value(&*job.spec).unwrap();
        let pretrain = json["Pretrain"]["training"]["Trained"]["schedule"]["epochs"].as_f64();
        pretrain.or(json["Evaluate"]["task"]["Linear"]["epochs"].as_f64().map(|epochs| epochs / 10.0)).unwrap_or(0.0)
    }

    #[test]
    fn priority_is_own_cost_and_dearest_chain() {
        let plan = Plan::new(&[fixture::sweep(&[0])]);
        let priorities = plan.priorities(epochs);
        let [short, long] = [0, 1].map(|trial| &plan.trials[trial]);
        assert_eq!(priorities[&short.pretrain], 3.0 + 2.0);
        assert_eq!(priorities[&long.pretrain], 6.0 + 2.0);
        assert_eq!(long.evaluations.iter().map(|id| priorities[id]).collect::<Vec<_>>(), [1.0, 2.0]);
        assert_eq!(priorities.len(), plan.len());
    }

    #[test]
    fn critical_path_is_the_first_dearest_chain() {
        let plan = Plan::new(&[fixture::sweep(&[0, 1])]);
        let longest = &plan.trials[1];
        assert_eq!(plan.critical_path(epochs), [longest.pretrain, longest.evaluations[1]]);
        let free = &plan.trials[0];
        assert_eq!(plan.critical_path(|_| 0.0), [free.pretrain, free.evaluations[0]]);
        assert!(Plan::default().critical_path(epochs).is_empty());
    }

    #[test]
    fn an_evaluation_costs_what_its_parents_encoder_costs() {
        let mut wide = fixture::sweep(&[0]);
        wide.base.encoder.width = 2.0;
        let plan = Plan::new(&[fixture::sweep(&[0]), wide]);
        let evaluation = |trial: usize| plan.cost(plan.trials[trial].evaluations[0]);
        assert_eq!(evaluation(0).images, evaluation(6).images);
        assert!(evaluation(6).macs > 3.0 * evaluation(0).macs);
    }
}
