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
    /// A range follows from the jobs that lead to the end without a pause. That another chain might become the longest
    /// is left out, so that with many slots and wide ranges the end is rather later.
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
        let ends = ends(&mut tasks, slots);
        places.into_iter().filter_map(|(job, place)| Some((job, ends[place]?))).collect()
    }
}

/// The end of each task, in the order of the tasks; none of a task that waits for itself.
fn ends(tasks: &mut [Task], slots: usize) -> Vec<Option<Estimate>> {
    let mut ends = vec![None; tasks.len()];
    let mut ready: BTreeSet<usize> = (0..tasks.len()).filter(|&place| tasks[place].waits_for == 0).collect();
    // Times are not negative, so that their bits are in the order of their values.
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut chains = vec![Sum::default(); tasks.len()];
    let (mut free, mut now, mut chain) = (slots.max(1), 0.0_f64, Sum::default());
    loop {
        while free > 0
            && let Some(place) = ready.pop_first()
        {
            // What starts now starts because of what ended now.
            chains[place] = chain.and(tasks[place].estimate);
            running.push(Reverse(((now + tasks[place].estimate.seconds.max(0.0)).to_bits(), place)));
            free -= 1;
        }
        let Some(Reverse((end, place))) = running.pop() else { return ends };
        (now, chain) = (f64::from_bits(end), chains[place]);
        ends[place] = Some(chain.estimate());
        free += 1;
        for child in std::mem::take(&mut tasks[place].children) {
            tasks[child].waits_for -= 1;
            if tasks[child].waits_for == 0 {
                ready.insert(child);
            }
        }
    }
}
