//! What follows from the end of a job in Slurm.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use super::{Exit, Listed, SlurmState};
use crate::schedule::{
    Failure, FailureClass, Outcome, STOPPED,
    ending::{Verdict, unexplained},
    job_log::JobLog,
};

/// How Slurm says that it could not even open a script's output or enter its folder: signal 53 of a process that never
/// was.
const NOT_BEGUN: u32 = 53;

/// What is to be done about an attempt that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing more.
    End(Outcome),
    /// It failed for no fault of its own, perhaps by its node's.
    Blame(Failure),
    /// It is submitted again, and this is why; no attempt is lost by that.
    Again(String),
}

/// What follows from what a job's process said. `full_time` is whether it had as much time as there is.
pub(super) fn by_verdict(verdict: Verdict, full_time: bool, record: impl FnOnce() -> Outcome) -> Next {
    match verdict {
        Verdict::Done => Next::End(record()),
        Verdict::Failed(failure) if failure.class == FailureClass::TimeOut && !full_time => {
            Next::Again("it needs more time than jobs like it did".to_owned())
        }
        // Of the devices here, each stands for any of the cluster.
        Verdict::Failed(failure) if failure.class == FailureClass::Device => {
            Next::Blame(Failure { class: FailureClass::Killed, ..failure })
        }
        Verdict::Failed(failure) => Next::End(Outcome::Failed(failure)),
    }
}

/// What follows from Slurm's word that a job is over which has said nothing of its outcome.
pub(super) fn by_state(listed: &Listed, full_time: bool, log: &JobLog) -> Next {
    let failed = |class, message: String| Failure::new(class, message);
    let (state, id) = (&listed.state, listed.id);
    let on = if listed.nodes.is_empty() { String::new() } else { format!(" on {}", listed.nodes) };
    match state {
        SlurmState::Cancelled => {
            log.note(&format!("cancelled in Slurm as job {id}"));
            Next::End(Outcome::Interrupted)
        }
        SlurmState::Preempted => Next::Again("it had to give way to another job".to_owned()),
        SlurmState::Timeout if !full_time => Next::Again("it needs more time than jobs like it did".to_owned()),
        SlurmState::Timeout => Next::End(Outcome::Failed(failed(
            FailureClass::TimeOut,
            format!(
                "Slurm's time limit ended job {id}{on} before it could keep a checkpoint: allow it more `time`, or a longer `warning`, in the file of --cluster"
            ),
        ))),
        SlurmState::OutOfMemory => Next::End(Outcome::Failed(failed(
            FailureClass::OutOfMemory,
            format!(
                "Slurm ended job {id}{on}, since it took more memory than it had asked for (`memory` in the file of --cluster)"
            ),
        ))),
        SlurmState::NodeFail | SlurmState::BootFail => Next::Blame(failed(
            FailureClass::Killed,
            format!("the node of Slurm's job {id} failed: {} ({state})", listed.nodes),
        )),
        SlurmState::Failed | SlurmState::Completed => by_exit(listed, log),
        _ => Next::End(Outcome::Failed(failed(
            FailureClass::Killed,
            format!("Slurm ended job {id}{on}: {state} {}", listed.reason),
        ))),
    }
}

fn by_exit(listed: &Listed, log: &JobLog) -> Next {
    let Exit { code, signal } = listed.exit.unwrap_or(Exit { code: 0, signal: 0 });
    let node = if listed.nodes.is_empty() { "a node" } else { &listed.nodes };
    if signal == NOT_BEGUN {
        let message = format!("Slurm could not start job {} on {node}: is the store there?", listed.id);
        return Next::Blame(Failure::new(FailureClass::Killed, message));
    }
    if code == u32::from(STOPPED) {
        return Next::Again("it was told to stop".to_owned());
    }
    // A shell's word for a process that a signal ended.
    let (code, signal) = if signal == 0 && code > 128 { (0, code - 128) } else { (code, signal) };
    if matches!(code, 126 | 127) {
        let message = format!("the program cannot be started on {node}; the log of the job says why");
        return Next::Blame(Failure::new(FailureClass::Killed, message));
    }
    let status = i32::try_from(code << 8 | signal & 0x7f).unwrap_or_default();
    Next::End(Outcome::Failed(unexplained(ExitStatus::from_raw(status), None, log)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::slurm::SlurmId;

    fn next(state: SlurmState, code: u32, signal: u32, full_time: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let log = JobLog::open(folder.path().join("log")).unwrap();
        log.note("last words");
        let listed = Listed {
            id: SlurmId::job(7),
            name: String::new(),
            comment: String::new(),
            state,
            reason: String::new(),
            restarts: Some(0),
            nodes: "n1".to_owned(),
            exit: Some(Exit { code, signal }),
        };
        let text = match by_state(&listed, full_time, &log) {
            Next::End(Outcome::Failed(failure)) => format!("fails, {failure}"),
            Next::End(outcome) => format!("{outcome:?}"),
            Next::Blame(failure) => format!("blames the node, {failure}"),
            Next::Again(why) => format!("again: {why}"),
        };
        text.replace(&log.path().display().to_string(), "LOG").replace('\n', "|")
    }

    #[test]
    fn every_end_in_slurm_means_something() {
        use SlurmState::*;
        let ends = [
            next(Completed, 0, 0, true),
            next(Failed, 1, 0, true),
            next(Failed, 75, 0, true),
            next(Failed, 137, 0, true),
            next(Failed, 0, 9, true),
            next(Failed, 0, 53, true),
            next(Failed, 127, 0, true),
            next(Cancelled, 0, 15, true),
            next(Timeout, 0, 15, false),
            next(Timeout, 0, 15, true),
            next(OutOfMemory, 0, 9, true),
            next(NodeFail, 0, 0, true),
            next(BootFail, 0, 0, true),
            next(Preempted, 0, 15, true),
            next(Deadline, 0, 0, true),
        ];
        insta::assert_snapshot!(ends.join("\n"), @r#"
        fails, bug: the job's process ended without saying whether the job is done; its log, LOG, ends:|ablate: last words
        fails, bug: the job's process ended with exit status: 1; its log, LOG, ends:|ablate: last words
        again: it was told to stop
        fails, killed: SIGKILL ended the job's process; the likely cause is the system's out-of-memory killer
        fails, killed: SIGKILL ended the job's process; the likely cause is the system's out-of-memory killer
        blames the node, killed: Slurm could not start job 7 on n1: is the store there?
        blames the node, killed: the program cannot be started on n1; the log of the job says why
        Interrupted
        again: it needs more time than jobs like it did
        fails, time-out: Slurm's time limit ended job 7 on n1 before it could keep a checkpoint: allow it more `time`, or a longer `warning`, in the file of --cluster
        fails, out of memory: Slurm ended job 7 on n1, since it took more memory than it had asked for (`memory` in the file of --cluster)
        blames the node, killed: the node of Slurm's job 7 failed: n1 (NODE_FAIL)
        blames the node, killed: the node of Slurm's job 7 failed: n1 (BOOT_FAIL)
        again: it had to give way to another job
        fails, killed: Slurm ended job 7 on n1: DEADLINE
        "#);
    }
}
