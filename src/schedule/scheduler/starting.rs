//! Which ready job starts next, and on which device.

use std::{collections::BTreeMap, time::Duration};

use super::{Action, Attempt, Demand, Entry, JobState, Kept, Launch, Scheduler};
use crate::schedule::pool::{Hold, Pool};

impl Scheduler {
    pub(super) fn recall_delayed(&mut self, now: Duration) {
        while let Some(&(until, position)) = self.delayed.first()
            && until <= now
        {
            self.enter(position, JobState::Ready);
        }
    }

    pub(super) fn start_ready(&mut self, now: Duration) {
        self.pool.seal();
        while self.pool.has_room()
            && let Some((position, hold)) = self.next_start(now)
        {
            self.start(position, hold, now);
        }
        if self.running.is_empty() {
            self.give_up_what_fits_nowhere();
        }
    }

    /// The highest-ranking ready job that fits now. The first that does not fit keeps a device free of those below it
    /// until it starts, but for those that are expected to end before: so small jobs hold off a large one no longer than
    /// those that run when its turn comes.
    fn next_start(&mut self, now: Duration) -> Option<(usize, Hold)> {
        let mut kept: Option<&Kept> = None;
        for &(rank, shape) in &self.heads {
            let demand = self.shapes[shape].demand;
            let place = |kept: &[usize]| self.pool.place(demand, self.crowds.limit(shape), self.ready, kept);
            let ends = |job: &Entry| job.expected.map(|expected| now.saturating_add(expected));
            let hold = match kept {
                None => place(&[]),
                Some(Kept { devices, until, .. }) => place(devices).or_else(|| {
                    let in_time =
                        ends(&self.jobs[self.ranking[rank]]).zip(*until).is_some_and(|(end, until)| end <= until);
                    if in_time { place(&[]) } else { None }
                }),
            };
            if let Some(hold) = hold {
                return Some((self.ranking[rank], hold));
            }
            if kept.is_none() {
                if !self.kept.as_ref().is_some_and(|kept| kept.rank == rank && self.pool.all_work(&kept.devices)) {
                    let devices = self.pool.soonest(demand);
                    let until = expected_end(&self.running, &self.pool, &devices);
                    self.kept = Some(Kept { rank, devices, until });
                }
                kept = self.kept.as_ref();
            }
            if kept.is_some_and(|kept| kept.until.is_none() && kept.devices.len() == self.pool.working()) {
                return None;
            }
        }
        None
    }

    fn start(&mut self, position: usize, hold: Hold, now: Duration) {
        let together = self.contended(&hold).map_or(1, |device| self.pool.jobs_on(device) + 1);
        let entry = &mut self.jobs[position];
        entry.starts += 1;
        let shape = &self.shapes[entry.shape];
        let launch = Launch {
            job: entry.job,
            slots: hold.slots.clone(),
            attempt: entry.starts,
            memory: match shape.demand {
                Demand::Shared { .. } => hold.memory,
                Demand::Whole { .. } => 0,
            },
            cuts: shape.cuts,
            together,
        };
        let expected_end = entry.expected.map(|expected| now.saturating_add(expected));
        let attempt = Attempt::begin(entry.starts, hold, now, expected_end);
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

/// When all that runs on some devices is expected to have ended; `None` if of one job nobody knows.
fn expected_end(running: &BTreeMap<usize, Attempt>, pool: &Pool, devices: &[usize]) -> Option<Duration> {
    let there = |attempt: &&Attempt| attempt.hold.slots.iter().any(|&slot| devices.contains(&pool.device_of(slot)));
    let ends = running.values().filter(there).map(|attempt| attempt.expected_end);
    ends.collect::<Option<Vec<Duration>>>()?.into_iter().max()
}
