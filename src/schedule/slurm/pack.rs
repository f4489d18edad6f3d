//! Which jobs share an allocation, and which allocations become one job array.

use super::{cluster::Waiting, jobs::SlurmJobs};
use crate::sweep::Resources;

/// Most tasks of an array; Slurm's default limit is 1000.
const MOST_TASKS: usize = 500;

/// A job to submit, and its number.
pub(super) type Numbered = (Waiting, u64);

/// Groups jobs: the tasks of each batch, and the jobs of each task. The scheduler has put jobs that may share an
/// allocation on the same device, which has so many `slots`; jobs that ask for different things share nothing.
pub(super) fn pack(fresh: Vec<Numbered>, slots: usize, arrays: bool, jobs: &dyn SlurmJobs) -> Vec<Vec<Vec<Numbered>>> {
    let device = |waiting: &Waiting| waiting.launch.slots.first().map_or(0, |slot| slot / slots.max(1));
    let resources = |job: &Numbered| jobs.resources(job.0.launch.job);
    let mut allocations: Vec<Vec<Numbered>> = Vec::new();
    for job in fresh {
        let fits = |others: &&mut Vec<Numbered>| {
            let Some(first) = others.first() else { return false };
            device(&first.0) == device(&job.0)
                && resources(first) == resources(&job)
                && others.len() < resources(&job).share
        };
        match allocations.iter_mut().find(fits) {
            Some(others) => others.push(job),
            None => allocations.push(vec![job]),
        }
    }
    let mut batches: Vec<Vec<Vec<Numbered>>> = Vec::new();
    let asks = |jobs: &[Numbered]| -> Option<Resources> { jobs.first().map(|job| resources(job).clone()) };
    for allocation in allocations {
        let wanted = asks(&allocation);
        let fits = |tasks: &&mut Vec<Vec<Numbered>>| {
            arrays && tasks.len() < MOST_TASKS && tasks.first().is_some_and(|jobs| asks(jobs) == wanted)
        };
        match batches.iter_mut().find(fits) {
            Some(tasks) => tasks.push(allocation),
            None => batches.push(vec![allocation]),
        }
    }
    batches
}
