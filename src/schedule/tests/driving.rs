//! The loop, with executors that act at once or not at all, and in virtual time.

use std::{
    cell::Cell,
    convert::Infallible,
    io,
    sync::mpsc::{Sender, channel},
    time::Duration,
};

use super::world::{failed, job, node, number, play, scheduler, seconds};
use crate::{
    plan::JobId,
    schedule::{
        Event, Executor, FailureClass, JobState, Launch, Notice, Outcome, Phase, Progress, Scripted, StartError,
        StartErrorKind, Take, drive,
    },
};

/// Reports the outcome of a job while it is started, if there is someone to report to.
struct Instant<'a> {
    sender: Option<Sender<Event>>,
    outcome: &'a dyn Fn(&Launch) -> Result<Outcome, StartError>,
    killed: Vec<usize>,
}

impl Executor for Instant<'_> {
    fn start(&mut self, launch: &Launch) -> Result<(), StartError> {
        let outcome = (self.outcome)(launch)?;
        let &Launch { job, attempt, .. } = launch;
        if let Some(sender) = &self.sender {
            let progress = Progress::Phase(Phase { name: "pretraining".to_owned() });
            sender.send(Event::Progress { job, progress }).unwrap();
            sender.send(Event::Ended { job, attempt, outcome }).unwrap();
        }
        Ok(())
    }

    fn cancel(&mut self, _: JobId) {}

    fn kill(&mut self, job: JobId) {
        self.killed.push(number(job));
    }
}

/// A clock on which every look takes an hour, so that no wait is ever long.
fn hasty_clock() -> impl Fn() -> Duration {
    let hours = Cell::new(0);
    move || {
        hours.set(hours.get() + 1);
        seconds(3600 * hours.get())
    }
}

fn ignore(_: &Notice) -> Result<(), Infallible> {
    Ok(())
}

/// A state, without what this test is not about.
fn short(state: &JobState) -> String {
    match state {
        JobState::Running(launch) => format!("Running in {:?}, attempt {}", launch.slots, launch.attempt),
        other => format!("{other:?}"),
    }
}

#[test]
fn drive_runs_to_the_end_and_passes_everything_on() {
    let (sender, receiver) = channel();
    let outcome =
        |launch: &Launch| Ok(if launch.attempt == 1 { failed(FailureClass::Killed) } else { Outcome::Succeeded });
    let mut executor = Instant { sender: Some(sender), outcome: &outcome, killed: vec![] };
    let mut lines = Vec::new();
    let summary = drive(
        scheduler(vec![node(1, &[]), node(2, &[1])], 1),
        &mut executor,
        &receiver,
        &hasty_clock(),
        &mut |notice| {
            match notice {
                Notice::Changes(changes) => {
                    lines.extend(changes.iter().map(|change| format!("{} {}", number(change.job), short(&change.to))));
                }
                Notice::Progress { job, .. } => lines.push(format!("{} gets on", number(*job))),
                Notice::Lost { device } => lines.push(format!("device {device} is out")),
                Notice::Settled => {}
            }
            Ok::<_, Infallible>(())
        },
    );
    assert_eq!(summary.unwrap().done, 2);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    1 Ready
    1 Running in [0], attempt 1
    1 gets on
    1 Delayed { until: 10810s, failure: Failure { class: Killed, message: "as prescribed" }, remedy: Wait }
    1 Ready
    1 Running in [0], attempt 2
    1 gets on
    1 Done { reused: false }
    2 Ready
    2 Running in [0], attempt 1
    2 gets on
    2 Delayed { until: 32410s, failure: Failure { class: Killed, message: "as prescribed" }, remedy: Wait }
    2 Ready
    2 Running in [0], attempt 2
    2 gets on
    2 Done { reused: false }
    "#);
}

#[test]
fn a_job_that_cannot_start_is_a_failed_job() {
    let (sender, receiver) = channel();
    let outcome = |launch: &Launch| match number(launch.job) {
        1 => Err(StartError {
            kind: StartErrorKind::Process { program: "ablate".to_owned() },
            source: io::Error::from(io::ErrorKind::NotFound),
        }),
        _ => Ok(Outcome::Succeeded),
    };
    let mut executor = Instant { sender: Some(sender), outcome: &outcome, killed: vec![] };
    let nodes = vec![node(1, &[]), node(2, &[1]), node(3, &[])];
    let summary = drive(scheduler(nodes, 1), &mut executor, &receiver, &hasty_clock(), &mut ignore).unwrap();
    assert_eq!((summary.done, summary.skipped), (1, 1));
    assert_eq!(summary.failed[0].0, job(1));
    insta::assert_snapshot!(summary.failed[0].1, @"bug: cannot start a process of ablate: entity not found");
}

#[test]
fn nothing_starts_that_could_not_be_noted_and_everything_running_is_killed() {
    let (sender, receiver) = channel();
    let mut executor = Instant { sender: Some(sender), outcome: &|_| Ok(Outcome::Succeeded), killed: vec![] };
    let nodes = vec![node(1, &[]), node(2, &[]), node(3, &[])];
    let started = Cell::new(0);
    let result = drive(scheduler(nodes, 2), &mut executor, &receiver, &hasty_clock(), &mut |notice| match notice {
        Notice::Changes(changes) => {
            let starts = changes.iter().filter(|change| matches!(change.to, JobState::Running(_))).count();
            started.set(started.get() + starts);
            if started.get() == 3 { Err("disk full") } else { Ok(()) }
        }
        _ => Ok(()),
    });
    assert_eq!(result, Err("disk full"));
    assert_eq!(executor.killed, [2, 3], "the first has ended, and that let the third start");
}

#[test]
fn a_run_whose_executor_is_gone_ends() {
    let (sender, receiver) = channel();
    drop(sender);
    let mut executor = Instant { sender: None, outcome: &|_| Ok(Outcome::Succeeded), killed: vec![] };
    let nodes = vec![node(1, &[]), node(2, &[])];
    let summary = drive(scheduler(nodes, 1), &mut executor, &receiver, &hasty_clock(), &mut ignore).unwrap();
    assert_eq!((summary.failed.len(), summary.done), (2, 0));
}

#[test]
fn virtual_time_passes_as_the_script_says() {
    let mut scripted = Scripted::new(|launch| match (number(launch.job), launch.attempt) {
        (1, 1) => Take::new(seconds(7), failed(FailureClass::Killed)),
        _ => Take::new(seconds(100), Outcome::Succeeded),
    });
    let (_, summary) = play(scheduler(vec![node(1, &[]), node(2, &[1])], 1), &mut scripted);
    assert_eq!(summary.done, 2);
    assert_eq!(scripted.now(), seconds(7 + 10 + 100 + 100));
}

#[test]
fn a_stubborn_job_ends_at_the_second_stop_or_when_its_grace_is_over() {
    for (stubborn, second, end) in [(false, 40, 20), (true, 40, 40), (true, 80, 50)] {
        let mut scripted = Scripted::new(|_| Take { stubborn, ..Take::new(seconds(100), Outcome::Succeeded) });
        scripted.at(seconds(20), Event::Stop);
        scripted.at(seconds(second), Event::Stop);
        let (_, summary) = play(scheduler(vec![node(1, &[])], 1), &mut scripted);
        assert_eq!(summary.interrupted, 1);
        assert_eq!(scripted.now(), seconds(end));
    }
}
