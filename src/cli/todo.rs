//! Which jobs a run is to do.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{CliError, choice::Choice, error::chain, needs::Needs, sweeps::Planned, tell};
use crate::{
    plan::{Job, JobId, Plan},
    store::{ErrorKind, JobEvent, Snapshot, Store},
};

/// The jobs to run: those without a record or with a damaged one, and parents of these whose checkpoint is damaged.
pub fn todo(plan: &Plan, snapshot: &Snapshot, store: &Store) -> Result<Vec<JobId>, CliError> {
    let jobs: Vec<&Job> = plan.jobs().collect();
    let no_record = |job: &&Job| Ok(snapshot.record(job.id).is_none() || damaged(store, job.id, false)?);
    // Of a hundred thousand small files, several threads read as many at a time.
    let no_record: Vec<bool> = jobs.par_iter().map(no_record).collect::<Result<_, CliError>>()?;
    let (mut todo, mut checkpoints) = (BTreeSet::new(), BTreeSet::new());
    // Children come after their parents, so a walk backwards knows which checkpoints are going to be read.
    for (job, no_record) in jobs.iter().zip(no_record).rev() {
        if no_record || checkpoints.contains(&job.id) && damaged(store, job.id, true)? {
            todo.insert(job.id);
            checkpoints.extend(job.parents.iter().copied());
        }
    }
    Ok(jobs.iter().map(|job| job.id).filter(|job| todo.contains(job)).collect())
}

/// The jobs of the trials that `--only` chooses; `None` if it was not written.
pub fn chosen(planned: &Planned, only: &[String]) -> Result<Option<BTreeSet<JobId>>, CliError> {
    if only.is_empty() {
        return Ok(None);
    }
    let choices = planned.sweeps.iter().map(|sweep| Choice::of(sweep, only)).collect::<Result<Vec<_>, _>>()?;
    let trials = planned.plan.trials.iter().filter(|trial| choices[trial.sweep].takes(&trial.point));
    let jobs: BTreeSet<JobId> =
        trials.flat_map(|trial| trial.evaluations.iter().chain([&trial.pretrain]).copied()).collect();
    if jobs.is_empty() { Err(CliError::input("--only leaves no trial")) } else { Ok(Some(jobs)) }
}

/// What becomes of the jobs that lack data files, and of those that need such a job.
pub fn without_data(plan: &Plan, todo: &[JobId], needs: &Needs) -> BTreeMap<JobId, JobEvent> {
    let mut without: BTreeMap<JobId, JobEvent> = BTreeMap::new();
    for job in todo.iter().filter_map(|&job| plan.job(job)) {
        if let Some(message) = needs.absent.get(&job.id) {
            without.insert(job.id, JobEvent::WithoutData { message: message.clone() });
        } else if let Some(&because) = job.parents.iter().find(|parent| without.contains_key(parent)) {
            without.insert(job.id, JobEvent::Skipped { because });
        }
    }
    without
}

/// Says which data files are absent; an error unless the user goes on without them.
pub fn tell_absent(needs: &Needs, without: usize, todo: usize, go_on: bool) -> Result<(), CliError> {
    let absent: BTreeSet<&str> = needs.absent.values().map(String::as_str).collect();
    let mut list = absent.into_iter().collect::<Vec<_>>().join("\n");
    if go_on {
        tell(&format!("without data: {without} jobs are left out, their cells say so\n{list}"));
        return Ok(());
    }
    if without < todo {
        list += &format!("\n--skip-absent-data runs the {} of {todo} jobs whose data are there", todo - without);
    }
    Err(CliError::input(list))
}

/// Whether a job that the journal calls done cannot be used. Without need of its checkpoint, the journal's numbers are
/// enough, so that its folder may be removed to save space.
fn damaged(store: &Store, job: JobId, checkpoint_needed: bool) -> Result<bool, CliError> {
    let record = if checkpoint_needed { store.verify(job) } else { store.record(job) };
    match record {
        Ok(record) => Ok(checkpoint_needed && record.is_none()),
        Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. }) => {
            tell(&format!("warning: {}; the job runs again", chain(&error)));
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}
