//! What the store tells of how long jobs take on this machine.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    CliError,
    nodes::most_at_a_time,
    places::{Places, Wanted},
    results::Results,
    sweeps::Planned,
};
use crate::{
    plan::{Durations, Job, JobId, Plan, Sample},
    report::{Outlook, Place},
    store::{Record, Snapshot, Store},
};

/// With fewer measured jobs of a kind that is left to do, jobs of other sweeps are looked at.
const FEW: usize = 3;
/// Most jobs of other sweeps whose settings are read, the newest: each is a file.
const MOST_READ: usize = 200;

/// Learns from the records of a store: those of planned jobs, and of other jobs where the planned ones tell little. What
/// other versions of the program did takes another time, and teaches nothing.
pub fn learn(snapshot: &Snapshot, plan: &Plan, others: &Others) -> Durations {
    let others = tells_little(snapshot, plan).then_some(&others.0);
    let job = |id: JobId| plan.job(id).or_else(|| others?.get(&id));
    let records = snapshot.jobs.values().filter_map(|status| status.record.as_deref());
    Durations::learn(records.filter_map(|record| {
        let Record { wall_seconds: seconds, threads, device, .. } = record;
        let job_of = job(record.job).filter(|job| job.is_current())?;
        let parent = job_of.parents.first().and_then(|&parent| job(parent));
        Some(Sample { job: job_of, parent, seconds: *seconds, threads: *threads, device })
    }))
}

/// How long what is left of some sweeps will take on this machine.
pub fn outlook(planned: &Planned, results: &Results, store: Option<&Store>) -> Result<Outlook, CliError> {
    let (snapshot, plan) = (results.snapshot(), &planned.plan);
    let left: Vec<JobId> = plan.jobs().map(|job| job.id).filter(|&job| snapshot.record(job).is_none()).collect();
    let places =
        Places::find(Wanted { devices: &[], jobs: None, memory: f64::MAX, most: most_at_a_time(plan, &left) })?;
    let others = store.map_or_else(Others::default, |store| Others::read(snapshot, plan, store));
    Ok(outlook_at(planned, results, &others, place(&places, &places.model())))
}

/// How long what is left of some sweeps will take where a run has its jobs.
pub fn outlook_at(planned: &Planned, results: &Results, others: &Others, place: Place<'_>) -> Outlook {
    let plan = &planned.plan;
    let durations = learn(results.snapshot(), plan, others);
    Outlook::new(&planned.sweeps, plan, &|job| results.view(job), &durations, place)
}

/// Where the jobs of a run go, as an outlook wants it; `device` is named by its maker.
pub fn place<'a>(places: &Places, device: &'a str) -> Place<'a> {
    let slots = places.devices.iter().map(|device| device.jobs).sum();
    Place { device, slots, threads: places.usual_threads() }
}

/// How long each of some jobs will take in seconds, as far as it is known.
pub fn expected(plan: &Plan, todo: &[JobId], durations: &Durations, place: Place<'_>) -> BTreeMap<JobId, f64> {
    let of = |&id: &JobId| {
        let job = plan.job(id)?;
        let parent = job.parents.first().and_then(|&parent| plan.job(parent));
        Some((id, durations.of(job, parent, place.threads, place.device)?.seconds))
    };
    todo.iter().filter_map(of).collect()
}

/// What each of some jobs will cost, in one unit for all: seconds where they are known, and for the others as many as
/// the known ones take for as much work; where none is known, the work.
pub fn costs(plan: &Plan, todo: &[JobId], expected: &BTreeMap<JobId, f64>) -> BTreeMap<JobId, f64> {
    let macs = |job: JobId| plan.cost(job).macs;
    let work: f64 = expected.keys().map(|&job| macs(job)).sum();
    let rate = if work > 0.0 { expected.values().sum::<f64>() / work } else { 1.0 };
    todo.iter().map(|&job| (job, expected.get(&job).copied().unwrap_or_else(|| rate * macs(job)))).collect()
}

/// Whether few jobs of some kind that is left to do were measured among those of the plan.
fn tells_little(snapshot: &Snapshot, plan: &Plan) -> bool {
    let (mut measured, mut left) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    for job in plan.jobs() {
        let kinds = if snapshot.record(job.id).is_some() { &mut measured } else { &mut left };
        *kinds.entry(job.spec.kind()).or_default() += 1;
    }
    left.keys().any(|kind| measured.get(kind).is_none_or(|&count| count < FEW))
}

/// Measured jobs outside the plan, and their parents.
#[derive(Default)]
pub struct Others(BTreeMap<JobId, Job>);

impl Others {
    /// Reads the newest from a store, if the jobs of the plan tell little. In a run they only come to tell more, so that
    /// once is enough. One whose settings are gone or damaged teaches nothing.
    pub fn read(snapshot: &Snapshot, plan: &Plan, store: &Store) -> Self {
        let mut found = BTreeMap::new();
        if !tells_little(snapshot, plan) {
            return Self(found);
        }
        let records = snapshot.jobs.values().filter_map(|status| status.record.as_deref());
        let mut records: Vec<&Record> = records.filter(|record| plan.job(record.job).is_none()).collect();
        records.sort_by_key(|record| Reverse(record.started_unix));
        for record in records.into_iter().take(MOST_READ) {
            let Ok(job) = store.job(record.job) else { continue };
            for &parent in job.parents.iter().filter(|&&parent| plan.job(parent).is_none()) {
                if !found.contains_key(&parent)
                    && let Ok(parent) = store.job(parent)
                {
                    found.insert(parent.id, parent);
                }
            }
            found.insert(job.id, job);
        }
        Self(found)
    }
}
