//! Which jobs need as much memory as each other, and what the store remembers of their needs.

use std::collections::BTreeMap;

use super::needs::Needs;
use crate::{
    plan::{Job, JobId, Plan},
    schedule::{Demand, Shape},
    store::Snapshot,
    sweep::Terms,
};

/// What is set aside for a job by what one like it took, as a multiple of that.
const MARGIN: f64 = 1.1;

/// The shapes of the jobs of a run.
#[derive(Debug, Default)]
pub struct Shapes {
    /// Each once.
    pub shapes: Vec<Shape>,
    of: BTreeMap<JobId, usize>,
}

/// What jobs of equal memory have in common: the kind, the work by closed form, the memory by closed form, and how many
/// devices they get for themselves.
type Key = (&'static str, [u64; 3], usize);

impl Shapes {
    /// The shapes of the jobs to run. What jobs of the same shape took before, in this store, goes before the estimate.
    pub fn of(plan: &Plan, todo: &[JobId], needs: &Needs, terms: &BTreeMap<JobId, Terms>, snapshot: &Snapshot) -> Self {
        let mut shapes = Self::default();
        let mut keys: BTreeMap<Key, usize> = BTreeMap::new();
        let devices = |job: JobId| terms.get(&job).and_then(|terms| terms.devices).unwrap_or(0);
        for job in todo.iter().filter_map(|&job| plan.job(job)) {
            let index = *keys.entry(key(plan, job, devices(job.id))).or_insert_with(|| {
                let demand = match devices(job.id) {
                    0 => Demand::Shared { memory: needs.memory(job.id) },
                    devices => Demand::Whole { devices },
                };
                let most_cuts = needs.most_cuts(job.id);
                shapes.shapes.push(Shape { demand, measured: 0, cuts: 0, most_cuts });
                shapes.shapes.len() - 1
            });
            shapes.of.insert(job.id, index);
        }
        for job in plan.jobs() {
            let Some(status) = snapshot.jobs.get(&job.id) else { continue };
            let Some(shape) =
                keys.get(&key(plan, job, devices(job.id))).and_then(|&index| shapes.shapes.get_mut(index))
            else {
                continue;
            };
            let measured = status.record.as_ref().and_then(|record| record.peak_memory).unwrap_or(0);
            shape.remember(measured, status.too_little, usize::try_from(status.cuts).unwrap_or(0));
        }
        shapes
    }

    /// Position of a job's shape.
    pub fn index(&self, job: JobId) -> usize {
        self.of.get(&job).copied().unwrap_or(0)
    }
}

/// Memory by closed form follows from the rest, but for the parts into which a recipe cuts its batches.
fn key(plan: &Plan, job: &Job, devices: usize) -> Key {
    let cost = plan.cost(job.id);
    let parent = job.parents.first().and_then(|&parent| plan.job(parent));
    let step = crate::plan::Batch::of(job, parent).map_or(0.0, |batch| batch.bytes());
    (job.spec.kind(), [cost.macs, cost.images, step].map(f64::to_bits), devices)
}

impl Shape {
    /// Takes in what an earlier job of the shape took, and what was too little for it.
    fn remember(&mut self, measured: u64, too_little: u64, cuts: usize) {
        self.cuts = self.cuts.max(cuts).min(self.most_cuts);
        let Demand::Shared { memory } = &mut self.demand else { return };
        if measured > self.measured {
            self.measured = measured;
            *memory = (measured as f64 * MARGIN) as u64;
        }
        if too_little > 0 {
            *memory = (*memory).max(too_little.saturating_mul(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_goes_before_the_estimate_and_what_was_too_little_before_both() {
        let estimate = Shape { demand: Demand::Shared { memory: 900 }, measured: 0, cuts: 0, most_cuts: 1 };
        let remembered = |facts: &[(u64, u64, usize)]| {
            let mut shape = estimate;
            facts.iter().for_each(|&(measured, too_little, cuts)| shape.remember(measured, too_little, cuts));
            let Demand::Shared { memory } = shape.demand else { panic!() };
            (memory, shape.measured, shape.cuts)
        };
        assert_eq!(remembered(&[]), (900, 0, 0));
        assert_eq!(remembered(&[(0, 0, 0)]), (900, 0, 0));
        assert_eq!(remembered(&[(100, 0, 0), (200, 0, 0), (150, 0, 0)]), (220, 200, 0));
        assert_eq!(remembered(&[(100, 0, 0), (0, 400, 2)]), (800, 100, 1));
    }
}
