//! The states of a job as Slurm names them.

use std::fmt;

/// What Slurm says about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlurmState {
    /// It waits for resources, or is held.
    Pending,
    /// It has nodes, and they get ready for it.
    Configuring,
    /// It runs.
    Running,
    /// It has been stopped for a while.
    Suspended,
    /// It has ended, and its nodes are being cleared; how it ended is not told yet.
    Completing,
    /// It ended with exit code 0.
    Completed,
    /// It ended with another exit code or by a signal.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It reached its time limit.
    Timeout,
    /// One of its nodes failed.
    NodeFail,
    /// A node could not be booted for it.
    BootFail,
    /// It had to give way to another job.
    Preempted,
    /// It took more memory than it was given.
    OutOfMemory,
    /// It could not end before its deadline.
    Deadline,
    /// It is going back to the queue.
    Requeued,
    /// It is back in the queue and held there.
    RequeueHold,
    /// It is back in the queue and held there, since it ended with a special exit code.
    SpecialExit,
    /// It was removed from this cluster, since another one of a federation runs it.
    Revoked,
    /// A state that is not known here.
    Other(String),
}

use SlurmState::*;

/// Slurm's names.
const NAMES: [(SlurmState, &str); 18] = [
    (Pending, "PENDING"),
    (Configuring, "CONFIGURING"),
    (Running, "RUNNING"),
    (Suspended, "SUSPENDED"),
    (Completing, "COMPLETING"),
    (Completed, "COMPLETED"),
    (Failed, "FAILED"),
    (Cancelled, "CANCELLED"),
    (Timeout, "TIMEOUT"),
    (NodeFail, "NODE_FAIL"),
    (BootFail, "BOOT_FAIL"),
    (Preempted, "PREEMPTED"),
    (OutOfMemory, "OUT_OF_MEMORY"),
    (Deadline, "DEADLINE"),
    (Requeued, "REQUEUED"),
    (RequeueHold, "REQUEUE_HOLD"),
    (SpecialExit, "SPECIAL_EXIT"),
    (Revoked, "REVOKED"),
];

impl SlurmState {
    /// Reads a state, also one with an addition, as in `CANCELLED by 1000`, or cut off by older versions, as in
    /// `CANCELLED+`.
    pub(super) fn read(text: &str) -> Self {
        let word = text.split([' ', '+']).next().unwrap_or_default();
        match NAMES.into_iter().find(|(_, name)| *name == word) {
            Some((state, _)) => state,
            None => Other(text.to_owned()),
        }
    }

    /// Whether the job will not run any more under this id, unless somebody requeues it. A state that is not known
    /// here is not taken for an end.
    pub fn is_over(&self) -> bool {
        match self {
            Completed | Failed | Cancelled | Timeout | NodeFail | BootFail | Preempted | OutOfMemory | Deadline
            | Revoked => true,
            Pending | Configuring | Running | Suspended | Completing | Requeued | RequeueHold | SpecialExit
            | Other(_) => false,
        }
    }
}

impl fmt::Display for SlurmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = NAMES.iter().find(|(state, _)| state == self).map(|(_, name)| *name);
        f.pad(match (self, known) {
            (Other(name), _) => name,
            (_, known) => known.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn additions_to_a_state_are_left_out() {
        assert_eq!(SlurmState::read("CANCELLED by 1000"), Cancelled);
        assert_eq!(SlurmState::read("CANCELLED+"), Cancelled);
        assert_eq!(SlurmState::read("STAGE_OUT"), Other("STAGE_OUT".to_owned()));
        assert!(!SlurmState::read("").is_over());
    }

    #[test]
    fn every_state_has_its_name() {
        for (state, name) in NAMES {
            assert_eq!(state.to_string(), name);
            assert_eq!(SlurmState::read(name), state);
        }
    }

    proptest! {
        #[test]
        fn a_state_that_is_not_known_keeps_its_words_and_is_no_end(name in "X[A-Z_ ]{0,12}") {
            let state = SlurmState::read(&name);
            prop_assert!(!state.is_over());
            prop_assert_eq!(state.to_string(), name);
        }
    }
}
