//! When jobs would end if they ran as a run would run them, each as long as it is expected to take.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use super::{Estimate, JobId, Plan, estimate::Sum};

/// A job on the timeline.
struct Task {
    estimate: Estimate,
    /// Places of the jobs that need it.
    children: Vec<usize>,
    /// How many jobs it waits for.
    waits_for: usize,
}

impl Plan {
    /// When each of some jobs ends if they start now on `slots` slots: whenever one is free, the first in the given
    /// order that waits for nothing. Parents outside the list are done. Jobs that the plan lacks are passed over.
    ///
    /// The errors that all estimates share make every job longer or shorter at once; the others add up along the jobs
    /// that lead to an end without a pause.
    pub fn ends(&self, jobs: &[(JobId, Estimate)], slots: usize) -> BTreeMap<JobId, Estimate> {
        let mut places = BTreeMap::new();
        let mut tasks: Vec<Task> = Vec::with_capacity(jobs.len());
        for &(job, estimate) in jobs.iter().filter(|(job, _)| self.job(*job).is_some()) {
            places.entry(job).or_insert(tasks.len());
            tasks.push(Task { estimate, children: vec![], waits_for: 0 });
        }
        for (&job, &place) in &places {
            for parent in self.job(job).into_iter().flat_map(|job| &job.parents) {
                if let Some(&above) = places.get(parent) {
                    tasks[above].children.push(place);
                    tasks[place].waits_for += 1;
                }
            }
        }
        let ends = ends(&tasks, slots);
        places.into_iter().filter_map(|(job, place)| Some((job, ends[place]?))).collect()
    }
}

/// The end of each task, in the order of the tasks; none of a task that waits for itself.
fn ends(tasks: &[Task], slots: usize) -> Vec<Option<Estimate>> {
    let shared = |estimate: &Estimate, end: f64| estimate.seconds + estimate.shared.sqrt() * (end - estimate.seconds);
    let expected = pass(tasks, slots, |estimate| estimate.seconds);
    let earliest = pass(tasks, slots, |estimate| shared(estimate, estimate.low));
    let latest = pass(tasks, slots, |estimate| shared(estimate, estimate.high));
    let of_all = expected.into_iter().zip(earliest).zip(latest);
    of_all
        .map(|((expected, earliest), latest)| {
            let End { time, chain } = expected?;
            // Where all jobs are shorter, one may still end later, since others come before it (Graham 1966).
            let below = (time - earliest?.time).max(0.0);
            let above = (latest?.time - time).max(0.0);
            Some(chain.estimate().with_shared(below, above))
        })
        .collect()
}

/// The end of a task.
#[derive(Clone, Copy)]
struct End {
    /// In seconds.
    time: f64,
    /// The tasks that led to it without a pause, with the errors that none shares with another.
    chain: Sum,
}

/// The end of each task where it takes so many seconds as `seconds` says.
fn pass(tasks: &[Task], slots: usize, seconds: impl Fn(&Estimate) -> f64) -> Vec<Option<End>> {
    let mut ends = vec![None; tasks.len()];
    let mut chains = vec![Sum::default(); tasks.len()];
    let mut waits_for: Vec<usize> = tasks.iter().map(|task| task.waits_for).collect();
    let mut ready: BTreeSet<usize> = (0..tasks.len()).filter(|&place| waits_for[place] == 0).collect();
    // Times are not negative, so that their bits are in the order of their values.
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let (mut free, mut now, mut chain) = (slots.max(1), 0.0_f64, Sum::default());
    loop {
        while free > 0
            && let Some(place) = ready.pop_first()
        {
            let estimate = &tasks[place].estimate;
            // What starts now starts because of what ended now.
            chains[place] = chain.and(estimate.without_shared());
            running.push(Reverse(((now + seconds(estimate).max(0.0)).to_bits(), place)));
            free -= 1;
        }
        let Some(Reverse((end, place))) = running.pop() else { return ends };
        (now, chain) = (f64::from_bits(end), chains[place]);
        ends[place] = Some(End { time: now, chain });
        free += 1;
        for &child in &tasks[place].children {
            waits_for[child] -= 1;
            if waits_for[child] == 0 {
                ready.insert(child);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{
        prelude::*,
        test_runner::{Config, RngSeed},
    };

    use super::*;
    use crate::plan::fixture;

    fn exact(seconds: f64) -> Estimate {
        Estimate { seconds, low: seconds, high: seconds, shared: 0.0 }
    }

    fn about(seconds: f64, shared: f64) -> Estimate {
        Estimate { seconds, low: 0.5 * seconds, high: 2.0 * seconds, shared }
    }

    /// Tasks in their order: estimates, and the places of their parents.
    fn tasks(jobs: &[(Estimate, &[usize])]) -> Vec<Task> {
        let mut tasks: Vec<Task> = jobs
            .iter()
            .map(|(estimate, parents)| Task { estimate: *estimate, children: vec![], waits_for: parents.len() })
            .collect();
        for (place, (_, parents)) in jobs.iter().enumerate() {
            parents.iter().for_each(|&parent| tasks[parent].children.push(place));
        }
        tasks
    }

    fn ends_of(jobs: &[(Estimate, &[usize])], slots: usize) -> Vec<Estimate> {
        ends(&tasks(jobs), slots).into_iter().flatten().collect()
    }

    #[test]
    fn jobs_start_in_order_as_soon_as_a_slot_and_their_parents_are_done() {
        let jobs: [(Estimate, &[usize]); 4] =
            [(exact(4.0), &[]), (exact(1.0), &[0]), (exact(3.0), &[]), (exact(2.0), &[2])];
        let seconds = |slots| ends_of(&jobs, slots).iter().map(|end| end.seconds).collect::<Vec<_>>();
        assert_eq!(seconds(1), [4.0, 5.0, 8.0, 10.0]);
        assert_eq!(seconds(2), [4.0, 5.0, 3.0, 5.0]);
        assert_eq!(seconds(9), [4.0, 5.0, 3.0, 5.0]);
    }

    #[test]
    fn ranges_follow_what_the_end_waits_for() {
        let alone = ends_of(&[(about(10.0, 0.0), &[]), (about(10.0, 0.0), &[])], 2);
        assert_eq!(alone, [about(10.0, 0.0); 2]);
        let both = ends_of(&[(about(10.0, 0.0), &[]), (about(10.0, 0.0), &[])], 1)[1];
        assert_eq!((both.seconds, both.low, both.high), (20.0, 20.0 - 50_f64.sqrt(), 20.0 + 200_f64.sqrt()));
        let shared = ends_of(&[(about(10.0, 1.0), &[]), (about(10.0, 1.0), &[])], 1)[1];
        assert_eq!(shared, about(20.0, 1.0));
        // One network whose work is known badly does not make the end that waits for another uncertain, until it is late.
        let late = ends_of(&[(exact(10.0), &[]), (about(9.0, 1.0), &[])], 2);
        assert_eq!(late, [exact(10.0), about(9.0, 1.0)]);
        let behind = ends_of(&[(about(9.0, 1.0), &[]), (exact(10.0), &[]), (exact(5.0), &[])], 2)[2];
        assert_eq!((behind.seconds, behind.low, behind.high), (14.0, 9.5, 15.0));
    }

    #[test]
    fn parents_that_are_not_in_the_list_are_done() {
        let plan = Plan::new(&[fixture::sweep(&[0])]);
        let trial = &plan.trials[0];
        let [first, second] = [trial.evaluations[0], trial.evaluations[1]];
        let of = |jobs: &[JobId]| {
            let ends = plan.ends(&jobs.iter().map(|&job| (job, exact(5.0))).collect::<Vec<_>>(), 2);
            jobs.iter().map(|job| ends[job].seconds).collect::<Vec<_>>()
        };
        assert_eq!(of(&[first, second]), [5.0, 5.0]);
        assert_eq!(of(&[first, trial.pretrain, second]), [10.0, 5.0, 10.0]);
        assert!(plan.ends(&[], 2).is_empty());
        assert!(Plan::default().ends(&[(first, exact(1.0))], 1).is_empty());
    }

    fn graphs() -> impl Strategy<Value = (Vec<(f64, Vec<usize>)>, usize)> {
        let job = (0.0..100.0_f64, prop::collection::vec(any::<prop::sample::Index>(), 0..3));
        let jobs = prop::collection::vec(job, 1..60).prop_map(|jobs| {
            let one = |(place, (seconds, parents)): (usize, (f64, Vec<prop::sample::Index>))| {
                let mut parents: Vec<usize> = match place {
                    0 => vec![],
                    _ => parents.iter().map(|parent| parent.index(place)).collect(),
                };
                parents.sort_unstable();
                parents.dedup();
                (seconds, parents)
            };
            jobs.into_iter().enumerate().map(one).collect()
        });
        (jobs, 1..9_usize)
    }

    proptest! {
        #![proptest_config(Config {
            cases: 300, rng_seed: RngSeed::Fixed(5), failure_persistence: None, ..Config::default()
        })]

        #[test]
        fn the_end_is_between_the_lower_bound_and_that_of_graham((graph, slots) in graphs()) {
            let jobs: Vec<(Estimate, &[usize])> =
                graph.iter().map(|(seconds, parents)| (about(*seconds, 0.5), &parents[..])).collect();
            let found = ends_of(&jobs, slots);
            prop_assert_eq!(found.len(), jobs.len(), "every job ends");
            let mut chains: Vec<f64> = Vec::new();
            for (seconds, parents) in &graph {
                chains.push(seconds + parents.iter().map(|&parent| chains[parent]).fold(0.0, f64::max));
            }
            let longest = chains.iter().copied().fold(0.0, f64::max);
            let share = graph.iter().map(|(seconds, _)| seconds).sum::<f64>() / slots as f64;
            let end = found.iter().map(|end| end.seconds).fold(0.0, f64::max);
            prop_assert!(end >= longest.max(share) - 1e-9);
            // Graham 1966: while no job of the longest chain runs, no slot is idle.
            prop_assert!(end <= share + (1.0 - 1.0 / slots as f64) * longest + 1e-9);
            for (end, chain) in found.iter().zip(&chains) {
                prop_assert!(end.low <= end.seconds && end.seconds <= end.high && end.seconds >= chain - 1e-9);
            }
        }
    }
}
