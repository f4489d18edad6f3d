//! Which ready job starts next, and on which device.

use std::time::Duration;

use super::{Action, Attempt, JobState, Launch, Scheduler};
use crate::schedule::pool::Hold;

impl Scheduler {
    pub(super) fn recall_delayed(&mut self, now: Duration) {
        while let Some(&(until, position)) = self.delayed.first()
            && until <= now
        {
            self.enter(position, JobState::Ready);
        }
    }

    pub(super) fn start_ready(&mut self, now: Duration) {
        while self.pool.has_slots()
            && let Some((position, hold)) = self.next_start()
        {
            self.start(position, hold, now);
        }
        if self.running.is_empty() {
            self.give_up_what_fits_nowhere();
        }
    }

    /// The highest-ranking ready job that fits now. The first that does not fit keeps a device free of those below it
    /// until it starts: so small jobs hold off a large one no longer than those that run when its turn comes.
    fn next_start(&mut self) -> Option<(usize, Hold)> {
        let mut kept: Option<&[usize]> = None;
        for &(rank, shape) in &self.heads {
            let demand = self.shapes[shape].demand;
            if let Some(hold) = self.pool.place(demand, self.crowds.limit(shape), kept.unwrap_or_default()) {
                return Some((self.ranking[rank], hold));
            }
            if kept.is_none() {
                let same = |(of, devices): &(usize, Vec<usize>)| *of == rank && self.pool.all_work(devices);
                if !self.kept.as_ref().is_some_and(same) {
                    self.kept = Some((rank, self.pool.soonest(demand)));
                }
                kept = self.kept.as_ref().map(|(_, devices)| devices.as_slice());
            }
            if kept.is_some_and(|devices| devices.len() == self.pool.working()) {
                return None;
            }
        }
        None
    }

    fn start(&mut self, position: usize, hold: Hold, now: Duration) {
        let entry = &mut self.jobs[position];
        entry.starts += 1;
        let shape = &self.shapes[entry.shape];
        let launch = Launch {
            job: entry.job,
            slots: hold.slots.clone(),
            attempt: entry.starts,
            memory: hold.memory,
            cuts: shape.cuts,
        };
        let attempt = Attempt::begin(entry.starts, hold, now);
        self.occupy(position, attempt);
        self.enter(position, JobState::Running(launch.clone()));
        self.answer.actions.push(Action::Start(launch));
    }

    /// Nothing runs, so what fits nowhere now never will: too many devices are out.
    fn give_up_what_fits_nowhere(&mut self) {
        let ready: Vec<usize> =
            self.shapes.iter().flat_map(|shape| shape.ready.iter().map(|&rank| self.ranking[rank])).collect();
        for position in ready {
            self.interrupted(position);
        }
    }

    /// Gives a job that is about to run its slots and memory.
    fn occupy(&mut self, position: usize, attempt: Attempt) {
        self.pool.take(&attempt.hold);
        if let Some(device) = self.contended(&attempt.hold) {
            self.crowds.joined(device, position, self.jobs[position].shape);
        }
        self.running.insert(position, attempt);
        self.renew_due(position);
    }

    /// Takes back from a job what it held, if it ran.
    pub(super) fn release(&mut self, position: usize) {
        let Some(attempt) = self.running.remove(&position) else { return };
        if let Some(due) = attempt.due {
            self.due.remove(&(due, position));
        }
        self.pool.give_back(&attempt.hold);
        if let Some(device) = self.contended(&attempt.hold) {
            self.crowds.left(device, position);
        }
    }

    /// The device of a hold if its jobs compete for it.
    pub(super) fn contended(&self, hold: &Hold) -> Option<usize> {
        let device = self.pool.device_of(*hold.slots.first()?);
        self.pool.is_contended(device).then_some(device)
    }
}
