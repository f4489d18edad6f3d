//! Each rule of the scheduler by itself.

use std::time::Duration;

use super::world::{
    SMALL, ended, failed, job, launch, node, policy, processor, scheduler, seconds, serial_order, start, started,
    state, succeeded,
};
use crate::schedule::{
    Action, Change, Demand, Event, Failure, FailureClass, GraphError, JobState, Node, Outcome, Policy, Scheduler,
    Shape, Step,
};

const NOW: Duration = Duration::ZERO;

fn skipped(because: usize) -> JobState {
    JobState::Skipped { because: job(because) }
}

#[test]
fn ready_jobs_start_in_plan_order_in_the_lowest_free_slots() {
    let mut scheduler = scheduler(vec![node(7, &[]), node(3, &[]), node(5, &[])], 2);
    assert_eq!(scheduler.step(Event::Begin, NOW).actions, [start(7, 0, 1), start(3, 1, 1)]);
    assert_eq!(scheduler.step(succeeded(3), NOW).actions, [start(5, 1, 1)]);
}

#[test]
fn the_larger_priority_starts_first_then_the_smaller_round_then_the_longer_chain_then_plan_order() {
    let nodes = vec![
        Node { round: 1, chain: 9.0, ..node(1, &[]) },
        Node { round: 0, chain: 1.0, ..node(2, &[]) },
        Node { round: 0, chain: f64::NAN.copysign(-1.0), ..node(3, &[]) },
        Node { round: 0, chain: 2.0, ..node(4, &[]) },
        Node { round: 0, chain: 2.0, ..node(5, &[]) },
        Node { round: 2, priority: 1.0, ..node(6, &[]) },
    ];
    assert_eq!(serial_order(nodes), [6, 4, 5, 2, 3, 1]);
}

#[test]
fn a_job_starts_when_its_last_parent_is_done() {
    let mut scheduler = scheduler(vec![node(1, &[]), node(2, &[]), node(3, &[1, 2, 1])], 2);
    scheduler.step(Event::Begin, NOW);
    assert_eq!(scheduler.step(succeeded(1), NOW).actions, []);
    assert_eq!(state(&scheduler, 3), &JobState::Waiting { unfinished: 1 });
    assert_eq!(started(&scheduler.step(succeeded(2), NOW)), [3]);
}

#[test]
fn a_job_in_the_store_never_starts_and_its_children_need_not_wait() {
    let mut scheduler = scheduler(vec![Node { done: true, ..node(1, &[]) }, node(2, &[1])], 1);
    let step = scheduler.step(Event::Begin, NOW);
    assert_eq!(step.actions, [start(2, 0, 1)]);
    let from = JobState::Waiting { unfinished: 0 };
    assert_eq!(step.changes[0], Change { job: job(1), from, to: JobState::Done { reused: true } });
}

#[test]
fn a_run_with_nothing_to_do_finishes_at_once() {
    assert_eq!(scheduler(vec![], 1).step(Event::Begin, NOW).actions, [Action::Finished]);
    let done = Node { done: true, ..node(1, &[]) };
    assert_eq!(scheduler(vec![done], 1).step(Event::Begin, NOW).actions, [Action::Finished]);
}

#[test]
fn every_state_is_announced() {
    let mut scheduler = scheduler(vec![node(1, &[])], 1);
    let mut changes = scheduler.step(Event::Begin, NOW).changes;
    changes.extend(scheduler.step(succeeded(1), NOW).changes);
    let states: Vec<_> = changes.into_iter().flat_map(|change| [change.from, change.to]).collect();
    let running = JobState::Running(launch(1, 0, 1));
    assert_eq!(
        states,
        [
            JobState::Waiting { unfinished: 0 },
            JobState::Ready,
            JobState::Ready,
            running.clone(),
            running,
            JobState::Done { reused: false }
        ]
    );
}

#[test]
fn a_failure_that_may_pass_is_retried_after_ever_longer_waits() {
    let mut scheduler = scheduler(vec![node(1, &[])], 1);
    scheduler.step(Event::Begin, NOW);
    let killed = || failed(FailureClass::Killed);
    assert_eq!(scheduler.step(ended(1, 1, killed()), seconds(5)).actions, [Action::WakeAt(seconds(15))]);
    assert_eq!(scheduler.step(Event::Tick, seconds(14)).actions, [Action::WakeAt(seconds(15))]);
    assert_eq!(scheduler.step(Event::Tick, seconds(15)).actions, [start(1, 0, 2)]);
    assert_eq!(scheduler.step(ended(1, 2, killed()), seconds(20)).actions, [Action::WakeAt(seconds(40))]);
    assert_eq!(scheduler.step(Event::Tick, seconds(40)).actions, [start(1, 0, 3)]);
    assert_eq!(scheduler.step(ended(1, 3, killed()), seconds(41)).actions, [Action::Finished]);
    assert_eq!(state(&scheduler, 1), &JobState::Failed(Failure::new(FailureClass::Killed, "as prescribed")));
}

#[test]
fn a_delayed_job_gives_its_slot_away() {
    let mut scheduler = scheduler(vec![node(1, &[]), node(2, &[])], 1);
    scheduler.step(Event::Begin, NOW);
    let step = scheduler.step(ended(1, 1, failed(FailureClass::Killed)), NOW);
    assert_eq!(step.actions, [start(2, 0, 1), Action::WakeAt(seconds(10))]);
}

#[test]
fn a_failed_job_skips_its_descendants_and_nothing_else() {
    let nodes = vec![
        node(1, &[]),
        node(2, &[1]),
        node(3, &[2]),
        Node { done: true, ..node(4, &[1]) },
        node(5, &[4]),
        node(6, &[]),
    ];
    let mut scheduler = scheduler(nodes, 1);
    scheduler.step(Event::Begin, NOW);
    let step = scheduler.step(ended(1, 1, failed(FailureClass::BadData)), NOW);
    assert_eq!(state(&scheduler, 2), &skipped(1));
    assert_eq!(state(&scheduler, 3), &skipped(1));
    assert_eq!(started(&step), [5]);
    assert_eq!(started(&scheduler.step(succeeded(5), NOW)), [6]);
    assert_eq!(scheduler.step(succeeded(6), NOW).actions, [Action::Finished]);
    let summary = scheduler.summary();
    assert_eq!((summary.done, summary.reused, summary.failed.len(), summary.skipped), (2, 1, 1, 2));
}

#[test]
fn fail_fast_lets_running_jobs_end_and_starts_none() {
    let nodes = vec![node(1, &[]), node(2, &[]), node(3, &[]), node(4, &[1])];
    let mut scheduler =
        Scheduler::new(nodes, &[SMALL], &[processor(2)], Policy { fail_fast: true, ..policy() }).unwrap();
    scheduler.step(Event::Begin, NOW);
    assert_eq!(scheduler.step(ended(1, 1, failed(FailureClass::Bug)), NOW).actions, []);
    assert_eq!(state(&scheduler, 3), &JobState::Interrupted);
    assert_eq!(state(&scheduler, 4), &skipped(1));
    assert_eq!(scheduler.step(succeeded(2), NOW).actions, [Action::Finished]);
    assert_eq!(state(&scheduler, 2), &JobState::Done { reused: false });
}

#[test]
fn stop_cancels_and_a_second_stop_kills() {
    let mut scheduler = scheduler(vec![node(1, &[]), node(2, &[]), node(3, &[1])], 2);
    scheduler.step(Event::Begin, NOW);
    let wake = Action::WakeAt(seconds(30));
    let cancels = [Action::Cancel { job: job(1) }, Action::Cancel { job: job(2) }, wake.clone()];
    assert_eq!(scheduler.step(Event::Stop, NOW).actions, cancels);
    assert_eq!(state(&scheduler, 3), &JobState::Interrupted);
    assert_eq!(scheduler.step(ended(1, 1, Outcome::Interrupted), NOW).actions, [wake]);
    assert_eq!(scheduler.step(Event::Stop, NOW).actions, [Action::Kill { job: job(2) }]);
    assert_eq!(scheduler.step(Event::Stop, NOW).actions, []);
    assert_eq!(scheduler.step(ended(2, 1, Outcome::Interrupted), NOW).actions, [Action::Finished]);
    assert_eq!(scheduler.summary().interrupted, 3);
}

#[test]
fn a_job_that_succeeds_while_stopping_counts_and_one_that_could_be_retried_is_interrupted() {
    let mut scheduler = scheduler(vec![node(1, &[]), node(2, &[])], 2);
    scheduler.step(Event::Begin, NOW);
    scheduler.step(Event::Stop, NOW);
    scheduler.step(succeeded(1), NOW);
    let step = scheduler.step(ended(2, 1, failed(FailureClass::Killed)), NOW);
    assert_eq!(step.actions, [Action::Finished]);
    assert_eq!(state(&scheduler, 1), &JobState::Done { reused: false });
    assert_eq!(state(&scheduler, 2), &JobState::Interrupted);
}

#[test]
fn stop_ends_a_run_that_only_waits() {
    let mut scheduler = scheduler(vec![node(1, &[])], 1);
    scheduler.step(Event::Begin, NOW);
    scheduler.step(ended(1, 1, failed(FailureClass::Killed)), NOW);
    assert_eq!(scheduler.step(Event::Stop, NOW).actions, [Action::Finished]);
}

#[test]
fn stop_before_the_beginning_ends_the_run() {
    let mut scheduler = scheduler(vec![Node { done: true, ..node(1, &[]) }, node(2, &[])], 1);
    assert_eq!(scheduler.step(Event::Stop, NOW).actions, [Action::Finished]);
    assert_eq!(state(&scheduler, 1), &JobState::Done { reused: true });
    assert_eq!(scheduler.step(Event::Begin, NOW), Step::default());
}

#[test]
fn a_job_interrupted_by_someone_else_ends_what_needs_it() {
    let mut scheduler = scheduler(vec![node(1, &[]), node(2, &[1]), node(3, &[])], 1);
    scheduler.step(Event::Begin, NOW);
    assert_eq!(started(&scheduler.step(ended(1, 1, Outcome::Interrupted), NOW)), [3]);
    assert_eq!(state(&scheduler, 2), &JobState::Interrupted);
}

#[test]
fn late_and_repeated_events_change_nothing() {
    let mut scheduler = scheduler(vec![node(1, &[]), node(2, &[1]), node(3, &[])], 1);
    assert_eq!(scheduler.step(succeeded(1), NOW), Step::default());
    scheduler.step(Event::Begin, NOW);
    for stale in [Event::Begin, succeeded(2), succeeded(99), ended(1, 2, Outcome::Succeeded), Event::Tick] {
        assert_eq!(scheduler.step(stale, NOW), Step::default());
    }
    scheduler.step(succeeded(1), NOW);
    assert_eq!(scheduler.step(succeeded(1), NOW), Step::default());
    assert_eq!(scheduler.step(ended(1, 1, failed(FailureClass::Bug)), NOW), Step::default());
    scheduler.step(succeeded(2), NOW);
    scheduler.step(succeeded(3), NOW);
    for late in [Event::Begin, Event::Tick, Event::Stop, succeeded(3)] {
        assert_eq!(scheduler.step(late, NOW), Step::default());
    }
}

#[test]
fn graphs_that_cannot_be_scheduled_are_refused() {
    let new = |nodes, slots| Scheduler::new(nodes, &[SMALL], &[processor(slots)], policy()).unwrap_err();
    assert_eq!(new(vec![], 0), GraphError::NoSlots);
    assert_eq!(new(vec![node(1, &[]), node(1, &[])], 1), GraphError::Twice { job: job(1) });
    let early_child = vec![node(2, &[1]), node(1, &[])];
    assert_eq!(new(early_child, 1), GraphError::ParentNotBefore { job: job(2), parent: job(1) });
    assert_eq!(new(vec![node(1, &[1])], 1), GraphError::ParentNotBefore { job: job(1), parent: job(1) });
    let no_shape = Node { shape: 1, ..node(1, &[]) };
    assert_eq!(new(vec![no_shape], 1), GraphError::NoShape { job: job(1) });
    let two = Shape { demand: Demand::Whole { devices: 2 }, ..SMALL };
    let error = Scheduler::new(vec![node(1, &[])], &[two], &[processor(2)], policy()).unwrap_err();
    assert_eq!(error, GraphError::TooFewDevices { job: job(1), wanted: 2, there: 1 });
}
