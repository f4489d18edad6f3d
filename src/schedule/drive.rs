//! The loop between the scheduler and an executor.

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, RecvError, RecvTimeoutError},
    time::Duration,
};

use super::{Action, Change, Event, Executor, Failure, FailureClass, JobState, Outcome, Progress, Scheduler, Summary};
use crate::plan::JobId;

/// Something to write into the journal or onto the screen.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Jobs are in other states, in this order, all by one event: at least one.
    Changes(Vec<Change>),
    /// A running job got on.
    Progress {
        /// The job.
        job: JobId,
        /// How far it is.
        progress: Progress,
    },
    /// All that follows from an event was done, and it is time to look at the whole.
    Settled,
    /// A device is out of the run, since jobs failed on it for no fault of their own.
    Lost {
        /// Its position among the devices.
        device: usize,
    },
}

/// Runs the scheduler's jobs to the end. Events come through `receiver`, from the executor and from whoever wants to
/// send [`Event::Stop`]. Every change is noticed before it is acted upon; if `on_notice` fails, all running jobs are
/// abandoned and its error is returned.
pub fn drive<E>(
    mut scheduler: Scheduler,
    executor: &mut dyn Executor,
    receiver: &Receiver<Event>,
    clock: &dyn Fn() -> Duration,
    on_notice: &mut dyn FnMut(&Notice) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut next = Event::Begin;
    loop {
        match feed(&mut scheduler, executor, next, clock(), on_notice)? {
            Next::Finished => return Ok(scheduler.summary()),
            Next::Wait { until } => next = receive(receiver, until, clock, &scheduler),
        }
    }
}

/// What to do after an event.
pub(super) enum Next {
    /// Nothing: every job has ended.
    Finished,
    /// Wait for another event.
    Wait {
        /// The time of the tick to send if nothing else happens.
        until: Option<Duration>,
    },
}

/// Tells the scheduler of an event and does what it says.
pub(super) fn feed<E>(
    scheduler: &mut Scheduler,
    executor: &mut dyn Executor,
    event: Event,
    now: Duration,
    on_notice: &mut dyn FnMut(&Notice) -> Result<(), E>,
) -> Result<Next, E> {
    let result = try_feed(scheduler, executor, event, now, on_notice);
    if result.is_err() {
        for launch in scheduler.running() {
            executor.abandon(launch.job);
        }
    }
    result
}

fn try_feed<E>(
    scheduler: &mut Scheduler,
    executor: &mut dyn Executor,
    event: Event,
    now: Duration,
    on_notice: &mut dyn FnMut(&Notice) -> Result<(), E>,
) -> Result<Next, E> {
    let mut next = Next::Wait { until: None };
    // Jobs that fail to start end at once, which is another event.
    let mut events = VecDeque::from([event]);
    while let Some(event) = events.pop_front() {
        if let Event::Progress { job, progress } = &event
            && matches!(scheduler.state(*job), Some(JobState::Running { .. }))
        {
            on_notice(&Notice::Progress { job: *job, progress: progress.clone() })?;
        }
        let step = scheduler.step(event, now);
        if !step.changes.is_empty() {
            on_notice(&Notice::Changes(step.changes))?;
        }
        for device in step.lost {
            on_notice(&Notice::Lost { device })?;
        }
        next = Next::Wait { until: None };
        for action in step.actions {
            match action {
                Action::Start(launch) => {
                    if let Err(error) = executor.start(&launch) {
                        let outcome = Outcome::Failed(error.failure());
                        events.push_back(Event::Ended { job: launch.job, attempt: launch.attempt, outcome });
                    }
                }
                Action::Cancel { job } => executor.cancel(job),
                Action::Kill { job } => executor.kill(job),
                Action::WakeAt(time) => next = Next::Wait { until: Some(time) },
                Action::Finished => next = Next::Finished,
            }
        }
    }
    executor.flush();
    on_notice(&Notice::Settled)?;
    Ok(next)
}

fn receive(
    receiver: &Receiver<Event>,
    until: Option<Duration>,
    clock: &dyn Fn() -> Duration,
    scheduler: &Scheduler,
) -> Event {
    let received = match until {
        // Also if it is late: what was said meanwhile comes first.
        Some(until) => receiver.recv_timeout(until.saturating_sub(clock())),
        None => receiver.recv().map_err(|RecvError| RecvTimeoutError::Disconnected),
    };
    match received {
        Ok(event) => event,
        Err(RecvTimeoutError::Timeout) => Event::Tick,
        Err(RecvTimeoutError::Disconnected) => end_without_executor(scheduler),
    }
}

/// Nobody will report how the running jobs end. Ends them one by one, then what would start after them.
fn end_without_executor(scheduler: &Scheduler) -> Event {
    match scheduler.running().next() {
        Some(launch) => {
            let failure = Failure::new(FailureClass::Bug, "nothing reports how the job ends any more");
            Event::Ended { job: launch.job, attempt: launch.attempt, outcome: Outcome::Failed(failure) }
        }
        None => Event::Stop,
    }
}
