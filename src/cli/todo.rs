//! Which jobs a run is to do, and what it leaves out.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{CliError, args::RunArgs, choice::choices, error::chain, needs::Needs, sweeps::Planned, tell};
use crate::{
    plan::{Job, JobId, Plan},
    report::count,
    store::{ErrorKind, JobEvent, Snapshot, Store},
};

/// What is to be done for some sweeps, or for the trials of them that are chosen.
pub struct Todo {
    /// The jobs to run, parents first.
    pub jobs: Vec<JobId>,
    /// What they need.
    pub needs: Needs,
    /// What becomes of the jobs that lack data files, and of those that need such a job.
    pub without_data: BTreeMap<JobId, JobEvent>,
    /// How many jobs are chosen.
    pub chosen: usize,
    /// How many of these are done.
    pub done: usize,
    /// How many jobs are not chosen.
    pub unchosen: usize,
}

/// Finds out what is to be done; refuses what cannot be. Changes nothing but settings that are damaged: it writes them
/// again.
pub fn todo(args: &RunArgs, planned: &Planned, snapshot: &Snapshot, store: &Store) -> Result<Todo, CliError> {
    let plan = &planned.plan;
    let chosen = chosen(planned, &args.only)?;
    let missing = missing(plan, &chosen, snapshot, store)?;
    let needs = Needs::find(plan, &missing, &args.data_dir)?;
    let without_data = without_data(plan, &missing, &needs);
    let done = chosen.len() - missing.len();
    if !without_data.is_empty() {
        let nothing = without_data.len() == chosen.len();
        if nothing && args.skip_absent_data {
            tell("without data: all jobs, so that nothing is left to run");
        }
        tell_absent(planned, &needs, without_data.len(), missing.len(), args.skip_absent_data && !nothing)?;
    }
    let jobs = missing.into_iter().filter(|job| !without_data.contains_key(job)).collect();
    let (chosen, unchosen) = (chosen.len(), plan.len() - chosen.len());
    Ok(Todo { jobs, needs, without_data, chosen, done, unchosen })
}

/// The jobs of the trials that `--only` chooses; all jobs if it was not written.
fn chosen(planned: &Planned, only: &[String]) -> Result<BTreeSet<JobId>, CliError> {
    if only.is_empty() {
        return Ok(planned.plan.jobs().map(|job| job.id).collect());
    }
    let choices = choices(planned, only)?;
    let trials = planned.plan.trials.iter().filter(|trial| choices[trial.sweep].takes(&trial.point));
    let jobs: BTreeSet<JobId> =
        trials.flat_map(|trial| trial.evaluations.iter().chain([&trial.pretrain]).copied()).collect();
    if jobs.is_empty() {
        Err(CliError::input("--only leaves no trial: no sweep has one with all of these"))
    } else {
        Ok(jobs)
    }
}

/// Of the chosen jobs those without a record or with a damaged one, and parents of these whose encoder is not there.
fn missing(plan: &Plan, chosen: &BTreeSet<JobId>, snapshot: &Snapshot, store: &Store) -> Result<Vec<JobId>, CliError> {
    let jobs: Vec<&Job> = plan.jobs().filter(|job| chosen.contains(&job.id)).collect();
    let no_record = |job: &&Job| Ok(snapshot.record(job.id).is_none() || record_damaged(store, job.id)?);
    // Of a hundred thousand small files, several threads read as many at a time.
    let no_record: Vec<bool> = jobs.par_iter().map(no_record).collect::<Result<_, CliError>>()?;
    let (mut missing, mut encoders, mut gone) = (BTreeSet::new(), BTreeSet::new(), 0);
    // Children come after their parents, so a walk backwards knows which encoders are going to be read.
    for (job, no_record) in jobs.iter().zip(no_record).rev() {
        let encoder = if no_record || !encoders.contains(&job.id) { Encoder::There } else { encoder(store, job.id)? };
        gone += usize::from(encoder == Encoder::Gone);
        if no_record || encoder != Encoder::There {
            missing.insert(job.id);
            encoders.extend(job.parents.iter().copied());
        } else if encoders.contains(&job.id) {
            mend_settings(store, job)?;
        }
    }
    if gone > 0 {
        tell(&format!(
            "{} without encoder, as after `gc --encoders`: jobs that are missing need it, so that it is trained again",
            count(gone, "finished pretraining")
        ));
    }
    Ok(jobs.iter().map(|job| job.id).filter(|job| missing.contains(job)).collect())
}

/// Whether the record of a job that the journal calls done cannot be used. If it is gone, the journal's numbers are
/// enough, so that the folder may be removed to save space.
fn record_damaged(store: &Store, job: JobId) -> Result<bool, CliError> {
    match store.record(job) {
        Ok(_) => Ok(false),
        Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. }) => {
            tell(&format!("warning: {}", chain(&error)));
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

/// The state of a finished job's encoder that another job needs.
#[derive(PartialEq, Eq)]
enum Encoder {
    There,
    Gone,
    Damaged,
}

fn encoder(store: &Store, job: JobId) -> Result<Encoder, CliError> {
    match store.verify(job) {
        Ok(Some(_)) => Ok(Encoder::There),
        Ok(None) => Ok(Encoder::Gone),
        Err(error) => match error.kind() {
            ErrorKind::EncoderMissing { .. } => Ok(Encoder::Gone),
            ErrorKind::Damaged { .. } => {
                tell(&format!("warning: {}", chain(&error)));
                Ok(Encoder::Damaged)
            }
            _ => Err(error.into()),
        },
    }
}

/// Writes the settings of a finished job again if they are damaged or gone: a job that reads its encoder reads them, too.
fn mend_settings(store: &Store, job: &Job) -> Result<(), CliError> {
    match store.job(job.id) {
        Ok(_) => return Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. }) => tell(&format!("warning: {}", chain(&error))),
        Err(error) if matches!(error.kind(), ErrorKind::NotDone { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(store.write_job(job)?)
}

fn without_data(plan: &Plan, missing: &[JobId], needs: &Needs) -> BTreeMap<JobId, JobEvent> {
    let mut without: BTreeMap<JobId, JobEvent> = BTreeMap::new();
    for job in missing.iter().filter_map(|&job| plan.job(job)) {
        if let Some(message) = needs.absent.get(&job.id) {
            without.insert(job.id, JobEvent::WithoutData { message: message.clone() });
        } else if let Some(&because) = job.parents.iter().find(|parent| without.contains_key(parent)) {
            without.insert(job.id, JobEvent::Skipped { because });
        }
    }
    without
}

/// Says which data files are absent; an error unless the user goes on without them.
fn tell_absent(planned: &Planned, needs: &Needs, without: usize, missing: usize, go_on: bool) -> Result<(), CliError> {
    if go_on {
        let list = absent_by_name(planned, needs);
        tell(&format!("without data: {} left out, their cells say so\n{list}", count(without, "job")));
        return Ok(());
    }
    let absent: BTreeSet<&str> = needs.absent.values().map(String::as_str).collect();
    let mut list = absent.into_iter().collect::<Vec<_>>().join("\n");
    if without < missing {
        list += &format!("\n--skip-absent-data runs the {} of {missing} jobs whose data are there", missing - without);
    }
    Err(CliError::input(list))
}

/// What is absent, a line each, behind what needs it: names of evaluations, which mostly are those of their data sets.
fn absent_by_name(planned: &Planned, needs: &Needs) -> String {
    let mut lines: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for trial in &planned.plan.trials {
        let evaluations = &planned.sweeps[trial.sweep].evaluations;
        let named = trial.evaluations.iter().zip(evaluations).map(|(id, evaluation)| (id, evaluation.name.as_str()));
        for (id, name) in named.chain([(&trial.pretrain, "pretraining")]) {
            if let Some(message) = needs.absent.get(id) {
                lines.entry(message).or_default().insert(name);
            }
        }
    }
    let line = |(message, names): (&str, BTreeSet<&str>)| {
        format!("{}: {message}", names.into_iter().collect::<Vec<_>>().join("; "))
    };
    lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
}
