//! What a run needs to know before it changes anything: where its jobs go, in which order, and how long they may take.
//! What cannot be done is refused here.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use indicatif::DecimalBytes;

use super::{
    CliError,
    args::{ExecutorName, RunArgs},
    cluster,
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
    schedule::{GraphError, Policy, Scheduler, Shape},
    store::{Snapshot, Store},
    sweep::Cluster,
};

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
    shapes: Vec<Shape>,
}

impl Prepared {
    /// Prepares a run of the jobs `todo`.
    pub fn new(
        args: &RunArgs,
        planned: &Planned,
        todo: &[JobId],
        (needs, places): (Needs, Places),
        (snapshot, store): (&Snapshot, &Store),
    ) -> Result<Self, CliError> {
        let plan = &planned.plan;
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
        Ok(Self { scheduler, places: Arc::new(places), needs, costs, expected, others, shapes: shapes.shapes })
    }

    /// Says what the run works with, and what it knows that changes numbers.
    pub fn tell(&self) {
        self.places.tell();
        let cut = self.shapes.iter().filter(|shape| shape.cuts > 0).count();
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
    if let Some(cluster) = cluster {
        if let Some(device) = args.devices.first() {
            let help = "on a cluster, the file of --cluster says what jobs compute on";
            return Err(CliError::input(format!("--devices {device} is for jobs on this machine; {help}")));
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
    places.check()?;
    Ok(places)
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
