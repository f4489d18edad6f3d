//! What a run needs to know before it changes anything: where its jobs go, in which order, and how long they may take.
//! What cannot be done is refused here.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use indicatif::DecimalBytes;

use super::{
    CliError,
    args::{ExecutorName, RunArgs},
    cluster, computer,
    durations::{self, Others},
    machine,
    needs::Needs,
    nodes::{Knowledge, minutes, most_at_a_time, nodes},
    places::{Places, Wanted},
    shapes::Shapes,
    sweeps::Planned,
    tell,
};
use crate::{
    plan::JobId,
    report::count,
    schedule::{GraphError, Policy, Scheduler},
    store::{Snapshot, Store},
    sweep::Cluster,
    train::ops::Implementation,
};

/// Bytes of a GPU that are left to CUDA, its kernels, and the columns of float32 convolutions, which take 1 GiB at most
/// (`train::ops::composed`); the rest is a guess, as no GPU was there to measure it. A job that needs more runs out of memory
/// and has its batch cut.
const GPU_RESERVE: u64 = 2 << 30;
/// Least time that a job on a cluster gets to end: it is told through Slurm, and writes to a file system that others use.
const LEAST_GRACE: Duration = Duration::from_secs(60);
/// What a job writes on another machine may take so long to appear here.
const DELAY: Duration = Duration::from_secs(60);

/// A run that may begin.
pub struct Prepared {
    /// Decides what runs when.
    pub scheduler: Scheduler,
    /// Where jobs run.
    pub places: Arc<Places>,
    /// What jobs need.
    pub needs: Needs,
    /// What each job to run will cost, in any one unit.
    pub costs: BTreeMap<JobId, f64>,
    /// How long each of them will take in seconds, as far as that is known.
    pub expected: BTreeMap<JobId, f64>,
    /// Jobs of other sweeps that tell of durations.
    pub others: Others,
    /// What jobs have in common that need as much memory.
    pub shapes: Shapes,
}

impl Prepared {
    /// Prepares a run of the jobs `todo`.
    pub fn new(
        (args, cluster): (&RunArgs, Option<&Cluster>),
        planned: &Planned,
        todo: &[JobId],
        (mut needs, places): (Needs, Places),
        (snapshot, store): (&Snapshot, &Store),
    ) -> Result<Self, CliError> {
        let plan = &planned.plan;
        needs.fit(plan, todo, &|job| match cluster.filter(|_| args.memory.is_none()) {
            Some(cluster) => cluster.resources(job.spec.kind()).room().map(|bytes| bytes as f64),
            None => memory_of_one(args, places.gpu_memory),
        })?;
        let most_memory = places.devices.iter().map(|device| device.memory).max().unwrap_or(0);
        let terms = plan.terms(&planned.sweeps);
        let shapes = Shapes::of(plan, todo, &needs, &terms, snapshot, most_memory);
        let others = Others::read(snapshot, plan, store);
        let durations = durations::learn(snapshot, plan, &others);
        let processor = places.model();
        let place = durations::place(&places, &processor);
        let expected = durations::expected(plan, todo, &durations, place);
        let costs = durations::costs(plan, todo, &expected);
        let time_limit = args.time_limit.map(minutes);
        let known = Knowledge { shapes: &shapes, terms: &terms, costs: &costs, expected: &expected, time_limit };
        let scheduler = Scheduler::new(nodes(plan, todo, known), &shapes.shapes, &places.devices, policy(args));
        let scheduler = scheduler.map_err(|error| match error {
            GraphError::TooFewDevices { .. } => CliError::input(error.to_string()),
            _ => CliError::failed(format!("cannot schedule the jobs: {error}")),
        })?;
        Ok(Self { scheduler, places: Arc::new(places), needs, costs, expected, others, shapes })
    }

    /// Says what the run works with, and what it knows that changes numbers.
    pub fn tell(&self) {
        self.places.tell();
        if computer::implementation() == Ok(Implementation::Burn) {
            tell("networks are computed by burn's own operations, as ABLATE_KERNELS says: slower, and for comparison");
        }
        let cut = self.shapes.shapes.iter().filter(|shape| shape.cuts > 0).count();
        if cut > 0 {
            tell(&format!(
                "memory: {} of jobs ran out of all there is before, so that their batches go through the network in \
                 smaller parts, which gives the same gradient, but batch normalization sees the parts",
                count(cut, "kind")
            ));
        }
    }
}

/// Where the jobs `todo` go; refuses devices that are not there or not in order.
pub fn places(
    args: &RunArgs,
    cluster: Option<&Cluster>,
    planned: &Planned,
    todo: &[JobId],
    snapshot: &Snapshot,
) -> Result<Places, CliError> {
    let implementation = computer::implementation().map_err(CliError::input)?;
    if let Some(cluster) = cluster {
        if let Some(device) = args.devices.first() {
            let help = "on a cluster, the file of --cluster says what jobs compute on";
            return Err(CliError::input(format!("--devices {device} is for jobs on this machine; {help}")));
        }
        let terms = planned.plan.terms(&planned.sweeps);
        let several = todo.iter().filter_map(|job| terms.get(job)?.devices).find(|&devices| devices > 1);
        if let Some(devices) = several {
            return Err(CliError::input(format!(
                "`scheduling` gives a job {devices} devices, and on a cluster what a job has is `gres` in the file of \
                 --cluster: ask for it there, and write `devices: 1` here, by which a job shares its allocation with none"
            )));
        }
        let most = most_at_a_time(&planned.plan, todo).min(args.jobs.map_or(usize::MAX, usize::from));
        return Ok(Places::cluster(cluster, most, cluster::model(cluster, snapshot)));
    }
    let places = Places::find(Wanted {
        devices: &args.devices,
        jobs: args.jobs.map(usize::from),
        memory: memory(args),
        most: most_at_a_time(&planned.plan, todo),
    })?;
    places.check(implementation)?;
    Ok(places)
}

/// Bytes that one job may take at most. What others use at the moment makes no difference, since parts of batches have other
/// statistics than the whole.
fn memory_of_one(args: &RunArgs, gpu_memory: Option<u64>) -> Option<f64> {
    match gpu_memory {
        Some(bytes) => Some(bytes.saturating_sub(GPU_RESERVE) as f64),
        None => args.memory.map(|gigabytes| 1e9 * gigabytes).or_else(machine::memory),
    }
}

/// Main memory that jobs may take together, in bytes: what others have left of it. Where nobody knows, it limits nothing.
fn memory(args: &RunArgs) -> f64 {
    if let Some(gigabytes) = args.memory {
        return 1e9 * gigabytes;
    }
    let (all, left) = (machine::memory(), machine::available_memory());
    if let (Some(all), Some(left)) = (all, left)
        && left < 0.5 * all
        && !args.quiet
    {
        let [all, left] = [all, left].map(|bytes| DecimalBytes(bytes as u64));
        tell(&format!("memory: others use so much that {left} of {all} are left"));
    }
    left.or(all).unwrap_or(f64::MAX)
}

fn policy(args: &RunArgs) -> Policy {
    let (mut grace, mut silence) = (Duration::from_secs_f64(args.grace), minutes(args.hung_after));
    if args.cluster.executor == ExecutorName::Slurm {
        grace = grace.max(LEAST_GRACE);
        silence += DELAY;
    }
    Policy {
        attempts: usize::from(args.attempts),
        backoff: Duration::from_secs_f64(args.backoff),
        fail_fast: args.fail_fast,
        grace,
        silence: Some(silence),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Args, Command};

    #[test]
    fn a_job_may_take_its_gpus_memory_or_what_there_is_of_the_machines() {
        let memory = |arguments: &[&str], gpu_memory| {
            let args = Args::try_parse_from([&["ablate", "run", "a.ron"], arguments].concat()).unwrap();
            let Command::Run(run) = args.command else { panic!("{args:?}") };
            memory_of_one(&run, gpu_memory)
        };
        assert_eq!(memory(&["--memory", "3"], Some(16 << 30)), Some((14_u64 << 30) as f64));
        assert_eq!(memory(&["--memory", "3"], None), Some(3e9));
        assert_eq!(memory(&[], None), machine::memory());
    }
}
