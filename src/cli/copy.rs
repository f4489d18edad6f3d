//! A job's process on a cluster: one of several copies of the job that may be alive at the same time.

use super::{args::JobArgs, machine, tell};
use crate::{
    schedule::{Failure, FailureClass},
    store::{Error, Store, Token},
};

/// Where Slurm says how often it has started a submission again.
const RESTARTS: &str = "SLURM_RESTART_COUNT";

/// Makes this process the one copy that may write the job's results, if it is one of several; `None` if an earlier start
/// of the same submission has done the job: a cluster also starts again what it lost sight of right after its end.
pub fn claim(store: Store, args: &JobArgs) -> Result<Option<Store>, Error> {
    let Some(submission) = args.submission else { return Ok(Some(store)) };
    let restart = std::env::var(RESTARTS).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let name = format!("{} {} {}", machine::host(), std::process::id(), machine::unix_ms());
    let store = store.claim(args.id, Token { submission, restart }, name)?;
    let is_done = restart > 0 && store.record(args.id)?.is_some_and(|record| record.submission == Some(submission));
    if is_done {
        tell("an earlier start of this submission has done the job");
    }
    Ok((!is_done).then_some(store))
}

/// The failure of a job that would do the same again and again: from its beginning, or from the same checkpoint.
pub fn out_of_time() -> Failure {
    let message = "the cluster's time limit came before the job could keep a checkpoint: allow it more `time` in the \
                   file of --cluster";
    Failure::new(FailureClass::TimeOut, message)
}
