//! Which jobs a run is to do.

use std::collections::{BTreeMap, BTreeSet};

use super::{CliError, choice::Choice, error::chain, needs::Needs, sweeps::Planned, tell};
use crate::{
    plan::{Job, JobId, Plan},
    store::{ErrorKind, JobEvent, Snapshot, Store},
};

/// The jobs to run: those without a record, and parents of these whose record or checkpoint is damaged. What no job is
/// going to read is not looked at: the journal has the numbers, so that folders may be removed to save space.
pub fn todo(plan: &Plan, snapshot: &Snapshot, store: &Store) -> Result<Vec<JobId>, CliError> {
    let jobs: Vec<&Job> = plan.jobs().collect();
    let (mut todo, mut checkpoints) = (BTreeSet::new(), BTreeSet::new());
    // Children come after their parents, so a walk backwards knows which checkpoints are going to be read.
    for job in jobs.iter().rev() {
        let unusable = || if checkpoints.contains(&job.id) { damaged(store, job.id) } else { Ok(false) };
        if snapshot.record(job.id).is_none() || unusable()? {
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

/// Whether a job that the journal calls done has no usable checkpoint.
fn damaged(store: &Store, job: JobId) -> Result<bool, CliError> {
    match store.verify(job) {
        Ok(record) => Ok(record.is_none()),
        Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. }) => {
            tell(&format!("warning: {}; the job runs again", chain(&error)));
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}
