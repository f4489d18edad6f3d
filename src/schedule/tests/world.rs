//! Short ways to write down graphs and what happens to them.

use std::{convert::Infallible, time::Duration};

use crate::{
    plan::JobId,
    schedule::{
        Action, Device, Event, Executor, Failure, FailureClass, JobState, Launch, Node, Notice, Outcome, Policy,
        Scheduler, Scripted, Shape, Sharing, Step, Summary, Take, simulate,
    },
};

/// The job with this number.
pub fn job(number: usize) -> JobId {
    format!("{number:032x}").parse().unwrap()
}

/// The number of a job made by [`job`].
pub fn number(job: JobId) -> usize {
    usize::from_str_radix(&job.to_string(), 16).unwrap()
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A node of round 0 and priority 0, of shape 0.
pub fn node(number: usize, parents: &[usize]) -> Node {
    let parents = parents.iter().map(|&parent| job(parent)).collect();
    Node::new(job(number), parents)
}

/// What a job takes of which nothing is known.
pub const SMALL: Shape = Shape::UNKNOWN;

/// A device on which so many jobs may run.
pub fn processor(slots: usize) -> Device {
    Device { slots, jobs: slots, memory: 1000, sharing: Sharing::Places }
}

/// A scheduler of small jobs on a processor.
pub fn scheduler(nodes: Vec<Node>, slots: usize) -> Scheduler {
    Scheduler::new(nodes, &[SMALL], &[processor(slots)], policy()).unwrap()
}

pub fn policy() -> Policy {
    Policy { attempts: 3, backoff: seconds(10), fail_fast: false, grace: seconds(30), silence: None }
}

pub fn failed(class: FailureClass) -> Outcome {
    Outcome::Failed(Failure::new(class, "as prescribed"))
}

pub fn ended(number: usize, attempt: usize, outcome: Outcome) -> Event {
    Event::Ended { job: job(number), attempt, outcome }
}

pub fn succeeded(number: usize) -> Event {
    ended(number, 1, Outcome::Succeeded)
}

/// A start of a small job.
pub fn launch(number: usize, slot: usize, attempt: usize) -> Launch {
    Launch { job: job(number), slots: vec![slot], attempt, memory: 0, cuts: 0, together: 1 }
}

pub fn start(number: usize, slot: usize, attempt: usize) -> Action {
    Action::Start(launch(number, slot, attempt))
}

/// The numbers of the jobs that a step starts.
pub fn started(step: &Step) -> Vec<usize> {
    launches(step).map(|launch| number(launch.job)).collect()
}

/// One step of the scheduler: when, what it heard, and what it answered.
pub type Line = (Duration, Event, Step);

/// Runs to the end in virtual time and writes down everything.
pub fn record(mut scheduler: Scheduler, mut scripted: Scripted<'_>) -> (Vec<Line>, Scheduler) {
    let (mut lines, mut next) = (Vec::new(), Some(Event::Begin));
    while let Some(event) = next {
        let now = scripted.now();
        assert!(lines.len() < 100_000, "the run does not end");
        let step = scheduler.step(event.clone(), now);
        let (mut wake, mut finished) = (None, false);
        for action in &step.actions {
            match action {
                Action::Start(launch) => scripted.start(launch).unwrap(),
                Action::Cancel { job } => scripted.cancel(*job),
                Action::Kill { job } => scripted.kill(*job),
                Action::WakeAt(time) => wake = Some(*time),
                Action::Finished => finished = true,
            }
        }
        lines.push((now, event, step));
        next = if finished { None } else { Some(scripted.next(wake).expect("the run hangs")) };
    }
    (lines, scheduler)
}

/// What happens to an attempt by a list of what happens to each, the last of which repeats.
pub fn take_of(takes: &[Take], attempt: usize) -> Take {
    takes[(attempt - 1).min(takes.len() - 1)].clone()
}

/// The starts of a step.
pub fn launches(step: &Step) -> impl Iterator<Item = &Launch> {
    step.actions.iter().filter_map(|action| match action {
        Action::Start(launch) => Some(launch),
        _ => None,
    })
}

/// The order in which jobs start when they run one at a time and all succeed.
pub fn serial_order(nodes: Vec<Node>) -> Vec<usize> {
    let mut scheduler = scheduler(nodes, 1);
    let mut order = Vec::new();
    let mut step = scheduler.step(Event::Begin, Duration::ZERO);
    while let [number] = started(&step)[..] {
        order.push(number);
        step = scheduler.step(succeeded(number), Duration::ZERO);
    }
    order
}

pub fn state(scheduler: &Scheduler, number: usize) -> &JobState {
    scheduler.state(job(number)).unwrap()
}

/// Runs to the end in virtual time and returns the notices with their times.
pub fn play(scheduler: Scheduler, scripted: &mut Scripted<'_>) -> (Vec<Notice>, Summary) {
    let mut notices = Vec::new();
    let note = &mut |notice: &Notice| {
        notices.push(notice.clone());
        Ok::<_, Infallible>(())
    };
    let Ok(summary) = simulate(scheduler, scripted, note);
    (notices, summary)
}
