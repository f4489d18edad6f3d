//! Judges how a job's process ended.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use rustix::process::Signal;

use super::{Failure, FailureClass, JobMessage, Outcome, Progress, job_log::JobLog};

/// The exit code of a Rust program that panicked.
const PANIC: i32 = 101;

/// Everything that the parent knows of a process that ended.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// What it said last about the job's outcome.
    pub(super) verdict: Option<Verdict>,
    /// Whether the parent had told it to end.
    pub(super) cancelled: bool,
    /// Whether the system ended some process for lack of memory while this one ran, if that can be told.
    pub(super) memory_kill: Option<bool>,
}

/// What a job's process says about the job's outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The record is in the store.
    Done,
    /// The job failed.
    Failed(Failure),
}

/// A line that a job's process has written, read.
#[derive(Debug)]
pub(super) enum Said {
    /// How far the job is.
    Progress(Progress),
    /// What became of it.
    Verdict(Verdict),
}

impl Said {
    /// Reads a line; `None` if it is no message, which is for [`JobLog::note_output`].
    pub(super) fn read(line: &str) -> Option<Self> {
        Some(match serde_json::from_str(line).ok()? {
            JobMessage::Epoch(epoch) => Self::Progress(Progress::Epoch(epoch)),
            JobMessage::Phase(phase) => Self::Progress(Progress::Phase(phase)),
            JobMessage::Alive(alive) => Self::Progress(Progress::Alive(alive)),
            JobMessage::Note(phase) => Self::Progress(Progress::Note(phase)),
            JobMessage::Failed(failure) => Self::Verdict(Verdict::Failed(failure)),
            JobMessage::Done {} => Self::Verdict(Verdict::Done),
        })
    }
}

/// How the attempt ended. `judge` checks the claim that the record is in the store; that decides, whatever happened
/// to the process afterwards.
pub(super) fn outcome(ending: Ending, log: &JobLog, judge: impl FnOnce() -> Outcome) -> Outcome {
    match ending.verdict {
        Some(Verdict::Done) => judge(),
        _ if ending.cancelled => Outcome::Interrupted,
        Some(Verdict::Failed(failure)) => Outcome::Failed(failure),
        None => Outcome::Failed(unexplained(ending.status, ending.memory_kill, log)),
    }
}

/// The failure of a process that ended without a word about its outcome.
pub(super) fn unexplained(status: ExitStatus, memory_kill: Option<bool>, log: &JobLog) -> Failure {
    let tail = log.tail();
    if let Some(signal) = status.signal() {
        return killed(signal, memory_kill, log, &tail);
    }
    let what = match status.code() {
        Some(PANIC) => "the job's process panicked".to_owned(),
        Some(0) => "the job's process ended without saying whether the job is done".to_owned(),
        _ => format!("the job's process ended with {status}"),
    };
    Failure::new(FailureClass::Bug, with_log(&what, log, &tail))
}

fn killed(signal: i32, memory_kill: Option<bool>, log: &JobLog, tail: &str) -> Failure {
    let name = signal_name(signal);
    match Signal::from_named_raw(signal) {
        Some(Signal::KILL) => {
            let (class, about_memory) = match memory_kill {
                Some(true) => (FailureClass::OutOfMemory, "meanwhile the system's out-of-memory killer was at work"),
                Some(false) => (FailureClass::Killed, "the system's out-of-memory killer was not at work meanwhile"),
                None => (FailureClass::Killed, "the likely cause is the system's out-of-memory killer"),
            };
            Failure::new(class, format!("{name} ended the job's process; {about_memory}"))
        }
        // Rust aborts with these words when the allocator gives no memory.
        Some(Signal::ABORT) if tail.contains("memory allocation of") => {
            Failure::new(FailureClass::OutOfMemory, with_log("the job's process got no more memory", log, tail))
        }
        _ => Failure::new(FailureClass::Killed, with_log(&format!("{name} ended the job's process"), log, tail)),
    }
}

fn with_log(what: &str, log: &JobLog, tail: &str) -> String {
    let path = log.path().display();
    if tail.is_empty() {
        format!("{what}; its log, {path}, says nothing")
    } else {
        format!("{what}; its log, {path}, ends:\n{tail}")
    }
}

fn signal_name(signal: i32) -> String {
    let name = match Signal::from_named_raw(signal) {
        Some(Signal::HUP) => "SIGHUP",
        Some(Signal::INT) => "SIGINT",
        Some(Signal::QUIT) => "SIGQUIT",
        Some(Signal::ILL) => "SIGILL",
        Some(Signal::ABORT) => "SIGABRT",
        Some(Signal::BUS) => "SIGBUS",
        Some(Signal::FPE) => "SIGFPE",
        Some(Signal::KILL) => "SIGKILL",
        Some(Signal::SEGV) => "SIGSEGV",
        Some(Signal::PIPE) => "SIGPIPE",
        Some(Signal::TERM) => "SIGTERM",
        Some(Signal::XCPU) => "SIGXCPU",
        Some(Signal::XFSZ) => "SIGXFSZ",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILL: i32 = 9;
    const ABORT: i32 = 6;
    const TERM: i32 = 15;

    /// The outcome of an ending with this wait status, its log's path replaced by `LOG`.
    fn end(status: i32, verdict: Option<Verdict>, cancelled: bool, log_lines: &[&str]) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let log = JobLog::open(folder.path().join("log")).unwrap();
        for line in log_lines {
            log.note(line);
        }
        let status = ExitStatus::from_raw(status);
        let ending = Ending { status, verdict, cancelled, memory_kill: None };
        match outcome(ending, &log, || Outcome::Succeeded) {
            Outcome::Failed(Failure { class, message }) => {
                Outcome::Failed(Failure { class, message: message.replace(&log.path().display().to_string(), "LOG") })
            }
            other => other,
        }
    }

    fn failure(status: i32, log_lines: &[&str]) -> String {
        match end(status, None, false, log_lines) {
            Outcome::Failed(failure) => failure.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_process_that_says_nothing_is_judged_by_its_end() {
        insta::assert_snapshot!(failure(101 << 8, &["thread 'main' panicked at src/train/mod.rs:7:5:", "boom"]), @"
        bug: the job's process panicked; its log, LOG, ends:
        ablate: thread 'main' panicked at src/train/mod.rs:7:5:
        ablate: boom
        ");
        insta::assert_snapshot!(failure(0, &[]), @"bug: the job's process ended without saying whether the job is done; its log, LOG, says nothing");
        insta::assert_snapshot!(failure(2 << 8, &[]), @"bug: the job's process ended with exit status: 2; its log, LOG, says nothing");
        insta::assert_snapshot!(failure(KILL, &[]), @"killed: SIGKILL ended the job's process; the likely cause is the system's out-of-memory killer");
        insta::assert_snapshot!(failure(TERM, &[]), @"killed: SIGTERM ended the job's process; its log, LOG, says nothing");
        insta::assert_snapshot!(failure(ABORT, &["memory allocation of 64 bytes failed"]), @"
        out of memory: the job's process got no more memory; its log, LOG, ends:
        ablate: memory allocation of 64 bytes failed
        ");
    }

    #[test]
    fn a_kill_is_for_lack_of_memory_only_if_the_system_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let log = JobLog::open(folder.path().join("log")).unwrap();
        for (memory_kill, class) in
            [(Some(true), FailureClass::OutOfMemory), (Some(false), FailureClass::Killed), (None, FailureClass::Killed)]
        {
            let failure = unexplained(ExitStatus::from_raw(KILL), memory_kill, &log);
            assert_eq!(failure.class, class, "{failure}");
        }
    }

    #[test]
    fn what_the_process_said_counts_more_than_its_end() {
        let bad_data = Failure::new(FailureClass::BadData, "no such file");
        let said = Some(Verdict::Failed(bad_data.clone()));
        assert_eq!(end(1 << 8, said, false, &[]), Outcome::Failed(bad_data));
        assert_eq!(end(KILL, Some(Verdict::Done), false, &[]), Outcome::Succeeded);
    }

    #[test]
    fn a_cancelled_process_is_interrupted_unless_it_was_done() {
        let bug = Failure::new(FailureClass::Bug, "broken pipe");
        assert_eq!(end(TERM, None, true, &[]), Outcome::Interrupted);
        assert_eq!(end(0, None, true, &[]), Outcome::Interrupted);
        assert_eq!(end(1 << 8, Some(Verdict::Failed(bug)), true, &[]), Outcome::Interrupted);
        assert_eq!(end(0, Some(Verdict::Done), true, &[]), Outcome::Succeeded);
    }
}
