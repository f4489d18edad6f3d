//! Which jobs need as much memory as each other, and what the store remembers of their needs.

use std::{collections::BTreeMap, sync::Arc};

use super::needs::Needs;
use crate::{
    plan::{Job, JobId, Plan},
    schedule::{Demand, Shape, with_margin},
    store::{Record, Snapshot},
    sweep::Terms,
};

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
    /// That batches had to be cut counts if that was with `most_memory`, that of the largest device, or more.
    pub fn of(
        plan: &Plan,
        todo: &[JobId],
        needs: &Needs,
        terms: &BTreeMap<JobId, Terms>,
        snapshot: &Snapshot,
        most_memory: u64,
    ) -> Self {
        let mut shapes = Self::default();
        let mut keys: BTreeMap<Key, usize> = BTreeMap::new();
        let devices = |job: JobId| terms.get(&job).and_then(|terms| terms.devices).unwrap_or(0);
        for job in todo.iter().filter_map(|&job| plan.job(job)) {
            let index = *keys.entry(key(plan, job, devices(job.id))).or_insert_with(|| {
                let demand = match devices(job.id) {
                    0 => Demand::Shared { memory: needs.memory(plan, job) },
                    devices => Demand::Whole { devices },
                };
                let most_cuts = needs.most_cuts(job.id);
                shapes.shapes.push(Shape { demand, most_cuts, ..Shape::UNKNOWN });
                shapes.shapes.len() - 1
            });
            shapes.of.insert(job.id, index);
        }
        // Images per second on a GPU, for each shape of jobs that were alone on it, shared it with one, ….
        let mut speeds: Vec<BTreeMap<u64, Vec<f64>>> = vec![BTreeMap::new(); shapes.shapes.len()];
        for job in plan.jobs() {
            let Some(status) = snapshot.jobs.get(&job.id) else { continue };
            let Some(&index) = keys.get(&key(plan, job, devices(job.id))) else { continue };
            let shape = &mut shapes.shapes[index];
            if let Some(record) = status.record.as_ref().filter(|record| !record.device.starts_with("cpu")) {
                speeds[index].entry(status.together).or_default().push(record.images_per_second);
            }
            // What a batch in other parts took says nothing of this one.
            let in_these_parts = |record: &&Arc<Record>| record.micro_batch == needs.micro_batch(job.id, 0);
            let measured = status.record.as_ref().filter(in_these_parts).and_then(|record| record.peak_memory);
            shape.remember(measured.unwrap_or(0), status.too_little);
            if status.cuts > 0 && status.cut_with >= most_memory {
                shape.cuts = shape.cuts.max(usize::try_from(status.cuts).unwrap_or(0)).min(shape.most_cuts);
            }
        }
        for (shape, speeds) in shapes.shapes.iter_mut().zip(speeds) {
            shape.together = together(&speeds);
        }
        shapes
    }

    /// Position of a job's shape.
    pub fn index(&self, job: JobId) -> usize {
        self.of.get(&job).copied().unwrap_or(0)
    }
}

/// Images per second of one, two, … jobs together, of those of each. Of larger crowds nothing is known before the
/// smaller ones were there.
fn together(speeds: &BTreeMap<u64, Vec<f64>>) -> Vec<f64> {
    let rate = |jobs: u64| speeds.get(&jobs).map(|each| jobs as f64 * each.iter().sum::<f64>() / each.len() as f64);
    (1..).map_while(rate).collect()
}

/// Memory by closed form follows from the rest, but for the parts into which a recipe cuts its batches.
fn key(plan: &Plan, job: &Job, devices: usize) -> Key {
    let cost = plan.cost(job.id);
    let parent = job.parents.first().and_then(|&parent| plan.job(parent));
    let step = crate::plan::Batch::of(job, parent).map_or(0.0, |batch| batch.bytes());
    (job.spec.kind(), [cost.macs, cost.images, step].map(f64::to_bits), devices)
}

impl Shape {
    /// Takes in what an earlier job of the shape took, and what was too little for it; 0 if there is no such thing.
    fn remember(&mut self, measured: u64, too_little: u64) {
        self.measured = self.measured.max(measured);
        self.least = self.least.max(too_little.saturating_mul(2));
        if let (Demand::Shared { memory }, 1..) = (&mut self.demand, self.measured.max(self.least)) {
            // Without a measurement the estimate stays.
            let known = if self.measured > 0 { with_margin(self.measured) } else { *memory };
            *memory = known.max(self.least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jobs_did_together_is_known_as_far_as_there_were_crowds_of_each_size() {
        let speeds = |crowds: &[u64]| crowds.iter().map(|&jobs| (jobs, vec![90.0, 110.0])).collect();
        assert_eq!(together(&speeds(&[1, 2, 4])), [100.0, 200.0]);
        assert_eq!(together(&speeds(&[2, 3])), [0.0; 0]);
    }

    #[test]
    fn what_was_measured_goes_before_the_estimate_and_what_was_too_little_before_both() {
        let estimate = Shape { demand: Demand::Shared { memory: 900 }, ..Shape::UNKNOWN };
        let remembered = |facts: &[(u64, u64)]| {
            let mut shape = estimate.clone();
            facts.iter().for_each(|&(measured, too_little)| shape.remember(measured, too_little));
            let Demand::Shared { memory } = shape.demand else { panic!() };
            (memory, shape.measured, shape.least)
        };
        assert_eq!(remembered(&[]), (900, 0, 0));
        assert_eq!(remembered(&[(0, 0)]), (900, 0, 0));
        assert_eq!(remembered(&[(100, 0), (200, 0), (150, 0)]), (220, 200, 0));
        assert_eq!(remembered(&[(0, 400)]), (900, 0, 800));
        // In whatever order.
        assert_eq!(remembered(&[(100, 0), (0, 400), (310, 0)]), (800, 310, 800));
        assert_eq!(remembered(&[(0, 400), (310, 0), (100, 0)]), (800, 310, 800));
    }
}
