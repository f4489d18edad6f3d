//! An executor that plays prescribed outcomes in virtual time, for tests and dry runs.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Event, Executor, Launch, Notice, Outcome, Progress, Scheduler, StartError, Summary,
    drive::{Next, feed},
};
use crate::plan::JobId;

/// How one attempt at a job goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// How long it runs.
    pub duration: Duration,
    /// What it says, and how long after its start; what would come after its end is not said.
    pub says: Vec<(Duration, Progress)>,
    /// How it ends if nobody stops it.
    pub outcome: Outcome,
    /// Whether it goes on when it is asked to stop; it can still be killed.
    pub stubborn: bool,
}

impl Take {
    /// An attempt that says nothing, and stops when it is asked to.
    pub fn new(duration: Duration, outcome: Outcome) -> Self {
        Self { duration, says: vec![], outcome, stubborn: false }
    }
}

/// An executor whose jobs do nothing but pass virtual time.
pub struct Scripted<'a> {
    script: Box<dyn Fn(&Launch) -> Take + 'a>,
    now: Duration,
    /// What will happen; the second number keeps what happens at the same time in the order of its scheduling.
    future: BTreeMap<(Duration, usize), Event>,
    scheduled: usize,
    running: BTreeMap<JobId, Running>,
}

struct Running {
    attempt: usize,
    stubborn: bool,
    end: (Duration, usize),
}

impl<'a> Scripted<'a> {
    /// An executor at time zero whose attempts go as `script` says.
    pub fn new(script: impl Fn(&Launch) -> Take + 'a) -> Self {
        Self {
            script: Box::new(script),
            now: Duration::ZERO,
            future: BTreeMap::new(),
            scheduled: 0,
            running: BTreeMap::new(),
        }
    }

    /// The virtual time.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Lets something happen at a time to come.
    pub fn at(&mut self, time: Duration, event: Event) {
        self.schedule(time, event);
    }

    /// Lets time pass until the next event, or until `wake`, which is a tick. `None` if nothing will ever happen.
    pub fn next(&mut self, wake: Option<Duration>) -> Option<Event> {
        let first = self.future.first_key_value().map(|(&key, _)| key);
        let (key, event) = match (first, wake) {
            (Some(key), wake) if wake.is_none_or(|wake| key.0 <= wake) => (key.0, self.future.remove(&key)?),
            (_, wake) => (wake?, Event::Tick),
        };
        self.now = self.now.max(key);
        if let Event::Ended { job, .. } = &event {
            self.running.remove(job);
        }
        Some(event)
    }

    fn schedule(&mut self, time: Duration, event: Event) -> (Duration, usize) {
        let key = (time, self.scheduled);
        self.scheduled += 1;
        self.future.insert(key, event);
        key
    }

    fn interrupt(&mut self, job: JobId, even_if_stubborn: bool) {
        if let Some(&Running { attempt, stubborn, end }) = self.running.get(&job)
            && (even_if_stubborn || !stubborn)
        {
            self.running.remove(&job);
            self.future.remove(&end);
            self.future.retain(|_, event| !matches!(event, Event::Progress { job: other, .. } if *other == job));
            self.schedule(self.now, Event::Ended { job, attempt, outcome: Outcome::Interrupted });
        }
    }
}

impl Executor for Scripted<'_> {
    fn start(&mut self, launch: &Launch) -> Result<(), StartError> {
        let &Launch { job, attempt, .. } = launch;
        let Take { duration, says, outcome, stubborn } = (self.script)(launch);
        for (after, progress) in says.into_iter().filter(|(after, _)| *after <= duration) {
            self.schedule(self.now + after, Event::Progress { job, progress });
        }
        let end = self.schedule(self.now + duration, Event::Ended { job, attempt, outcome });
        self.running.insert(job, Running { attempt, stubborn, end });
        Ok(())
    }

    fn cancel(&mut self, job: JobId) {
        self.interrupt(job, false);
    }

    fn kill(&mut self, job: JobId) {
        self.interrupt(job, true);
    }
}

/// Runs the scheduler's jobs to the end in virtual time, which `scripted` tells afterwards.
pub fn simulate<E>(
    mut scheduler: Scheduler,
    scripted: &mut Scripted<'_>,
    on_notice: &mut dyn FnMut(&Notice) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut event = Some(Event::Begin);
    while let Some(next) = event {
        let now = scripted.now();
        event = match feed(&mut scheduler, scripted, next, now, on_notice)? {
            Next::Finished => None,
            Next::Wait { until } => scripted.next(until),
        };
    }
    Ok(scheduler.summary())
}
