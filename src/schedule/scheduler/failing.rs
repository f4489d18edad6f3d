//! What follows from the failure of an attempt.

use std::time::Duration;

use super::{Demand, Failure, JobState, Phase, Scheduler};
use crate::schedule::{FailureClass, Remedy};

/// Time between two starts of a job for which there is no room on the disk.
const LOOK_FOR_ROOM: Duration = Duration::from_secs(10);

impl Scheduler {
    pub(super) fn attempt_failed(&mut self, position: usize, failure: Failure, now: Duration) {
        if failure.class == FailureClass::Device
            && let Some(attempt) = self.running.get(&position)
        {
            let lost = self.pool.strike(&attempt.hold.slots);
            self.answer.lost.extend(lost);
        }
        if !failure.class.retryable() {
            return self.failed(position, failure);
        }
        if failure.class == FailureClass::OutOfMemory
            && let Some(remedy) = self.remedy(position)
        {
            return self.failed_for_now(position, failure, remedy, now);
        }
        if failure.class == FailureClass::DiskFull {
            // Somebody has to make room, however long that takes.
            let until = now.saturating_add(LOOK_FOR_ROOM);
            return self.failed_for_now(position, failure, Remedy::Wait, until);
        }
        let entry = &mut self.jobs[position];
        entry.failures += 1;
        if entry.failures < self.policy.attempts {
            let doublings = u32::try_from(entry.failures - 1).unwrap_or(u32::MAX);
            let wait = self.policy.backoff.saturating_mul(2_u32.saturating_pow(doublings));
            self.failed_for_now(position, failure, Remedy::Wait, now.saturating_add(wait));
        } else {
            self.failed(position, failure);
        }
    }

    /// What can be done about a lack of memory: twice as much of it as there was, and when the job had all of a device
    /// already, smaller parts of its batch.
    fn remedy(&mut self, position: usize) -> Option<Remedy> {
        let attempt = self.running.get(&position)?;
        let JobState::Running(launch) = &self.jobs[position].state else { return None };
        // What it said in between may have lowered what it holds.
        let had = launch.memory.max(attempt.hold.memory);
        let largest = self.pool.largest();
        let shape = &mut self.shapes[self.jobs[position].shape];
        let alone = match shape.demand {
            Demand::Whole { .. } => true,
            Demand::Shared { .. } => had >= largest,
        };
        if !alone {
            // Of a job about which nothing was known, nothing is known still: it gets all there is.
            let twice = had.saturating_mul(2);
            let more = if twice == 0 { largest } else { twice.min(largest) };
            shape.least = shape.least.max(more);
            if let Demand::Shared { memory } = &mut shape.demand {
                *memory = more.max(*memory);
            }
            Some(Remedy::MoreMemory { memory: more })
        } else if launch.cuts < shape.most_cuts {
            shape.cuts = shape.cuts.max(launch.cuts + 1);
            Some(Remedy::SmallerParts)
        } else {
            None
        }
    }

    fn failed_for_now(&mut self, position: usize, failure: Failure, remedy: Remedy, until: Duration) {
        if self.phase == Phase::Open {
            self.enter(position, JobState::Delayed { until, failure, remedy });
        } else {
            self.interrupted(position);
        }
    }

    fn failed(&mut self, position: usize, failure: Failure) {
        let because = self.jobs[position].job;
        self.enter(position, JobState::Failed(failure));
        self.settle_descendants(position, &JobState::Skipped { because });
        if self.policy.fail_fast && self.phase == Phase::Open {
            self.phase = Phase::Draining;
            self.interrupt_unstarted();
        }
    }
}
