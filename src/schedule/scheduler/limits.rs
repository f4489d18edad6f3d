//! Running jobs: what they hold, when they were heard of, and what is done when they take too long.

use std::time::Duration;

use super::{Action, Demand, Phase, Scheduler};
use crate::{
    plan::JobId,
    schedule::{Failure, FailureClass, Outcome, Progress, pool::Hold, with_margin},
};

/// A running attempt at a job.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) number: usize,
    pub(super) hold: Hold,
    started: Duration,
    pub(super) expected_end: Option<Duration>,
    heard: Duration,
    /// When something is to be done about it.
    pub(super) due: Option<Duration>,
    end: Option<End>,
}

/// Why a running job was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The run is stopped.
    Stopped,
    /// It ran longer than it may.
    TooLong(Duration),
    /// It was silent for so long.
    Silent(Duration),
}

impl Attempt {
    pub(super) fn begin(number: usize, hold: Hold, now: Duration, expected_end: Option<Duration>) -> Self {
        Self { number, hold, started: now, expected_end, heard: now, due: None, end: None }
    }

    /// What the end of the attempt means, given why it was told to end.
    pub(super) fn judge(&self, outcome: Outcome) -> Outcome {
        match (outcome, self.end) {
            (Outcome::Succeeded, _) => Outcome::Succeeded,
            (_, Some(End::TooLong(limit))) => {
                let message = format!(
                    "ran longer than {}, its limit: it keeps its work where it can, so that a run with a higher limit goes on from there",
                    span(limit)
                );
                Outcome::Failed(Failure::new(FailureClass::TimeOut, message))
            }
            (_, Some(End::Silent(silence))) => {
                let message = format!(
                    "gave no sign of life for {} and was ended (if its steps take longer, allow it by --hung-after)",
                    span(silence)
                );
                Outcome::Failed(Failure::new(FailureClass::Hung, message))
            }
            (outcome, Some(End::Stopped) | None) => outcome,
        }
    }
}

/// A length of time as text.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

impl Scheduler {
    /// A running job lives, and perhaps says how much memory it needs and how fast it is.
    pub(super) fn heard(&mut self, job: JobId, progress: &Progress, now: Duration) {
        let Some(&position) = self.positions.get(&job) else { return };
        let Some(attempt) = self.running.get_mut(&position) else { return };
        if let Progress::Note(_) | Progress::Queued(_) = progress {
            // What it waited for, such as room on the disk or on a cluster, was not for it to bring about.
            attempt.started += now.saturating_sub(attempt.heard);
        }
        attempt.heard = now;
        self.renew_due(position);
        if let Some(memory) = progress.memory() {
            self.measured(position, memory);
        }
        // An epoch that an earlier attempt did tells nothing of now.
        if let Progress::Epoch(epoch) = progress
            && epoch.memory.is_some()
            && let Some(attempt) = self.running.get(&position)
            && let Some(device) = self.contended(&attempt.hold)
        {
            self.crowds.reported(device, position, epoch.images_per_second);
        }
    }

    /// The first jobs of a shape tell what all of them need; what was too little once stays so.
    fn measured(&mut self, position: usize, memory: u64) {
        let shape = &mut self.shapes[self.jobs[position].shape];
        if !matches!(shape.demand, Demand::Shared { .. }) {
            return;
        }
        shape.measured = shape.measured.max(memory);
        shape.demand = Demand::Shared { memory: with_margin(shape.measured).max(shape.least) };
        if let Some(attempt) = self.running.get_mut(&position) {
            self.pool.give_back(&attempt.hold);
            attempt.hold.memory = with_margin(memory).max(shape.least);
            self.pool.take(&attempt.hold);
        }
    }

    pub(super) fn stop(&mut self, now: Duration) {
        match self.phase {
            Phase::New | Phase::Open | Phase::Draining => {
                self.begin();
                self.phase = Phase::Stopping;
                self.interrupt_unstarted();
                for position in self.running_positions() {
                    self.end(position, End::Stopped, now);
                }
            }
            Phase::Stopping => {
                self.phase = Phase::Killing;
                for position in self.running_positions() {
                    self.kill(position);
                }
            }
            Phase::Killing | Phase::Finished => {}
        }
    }

    /// Ends jobs that run too long, are silent for too long, or take too long to stop. Only when time has passed and
    /// nothing is left to be heard: after a pause of the whole run, signs of life may be waiting.
    pub(super) fn enforce_limits(&mut self, now: Duration) {
        while let Some(&(due, position)) = self.due.first()
            && due <= now
        {
            let end = self.running.get(&position).and_then(|attempt| attempt.end);
            match end {
                Some(_) => self.kill(position),
                None => match self.jobs[position].time_limit.filter(|limit| self.ran_for(position, now) >= *limit) {
                    Some(limit) => self.end(position, End::TooLong(limit), now),
                    None => {
                        let silence = self.policy.silence.unwrap_or_default();
                        self.set_end(position, End::Silent(silence));
                        self.kill(position);
                    }
                },
            }
        }
    }

    /// Asks a job to keep its work and end, and gives it time for that. One that was asked before has had its time.
    fn end(&mut self, position: usize, end: End, now: Duration) {
        if self.running.get(&position).is_none_or(|attempt| attempt.end.is_some()) {
            return;
        }
        self.set_end(position, end);
        self.answer.actions.push(Action::Cancel { job: self.jobs[position].job });
        self.set_due(position, Some(now.saturating_add(self.policy.grace)));
    }

    fn kill(&mut self, position: usize) {
        self.answer.actions.push(Action::Kill { job: self.jobs[position].job });
        self.set_due(position, None);
    }

    fn set_end(&mut self, position: usize, end: End) {
        if let Some(attempt) = self.running.get_mut(&position) {
            attempt.end.get_or_insert(end);
        }
    }

    fn ran_for(&self, position: usize, now: Duration) -> Duration {
        self.running.get(&position).map_or(Duration::ZERO, |attempt| now.saturating_sub(attempt.started))
    }

    /// When a running job that was not told to end has run for too long or been silent for too long.
    pub(super) fn renew_due(&mut self, position: usize) {
        let Some(attempt) = self.running.get(&position).filter(|attempt| attempt.end.is_none()) else { return };
        let too_long = self.jobs[position].time_limit.map(|limit| attempt.started.saturating_add(limit));
        let silent = self.policy.silence.map(|silence| attempt.heard.saturating_add(silence));
        self.set_due(position, too_long.into_iter().chain(silent).min());
    }

    fn set_due(&mut self, position: usize, due: Option<Duration>) {
        let Some(attempt) = self.running.get_mut(&position) else { return };
        if let Some(before) = attempt.due.take() {
            self.due.remove(&(before, position));
        }
        attempt.due = due;
        self.due.extend(due.map(|due| (due, position)));
    }

    fn running_positions(&self) -> Vec<usize> {
        self.running.keys().copied().collect()
    }
}
