//! What is done about memory, devices, silence and time: each rule by itself.

use std::time::Duration;

use super::world::{
    SMALL, ended, failed, job, node, number, play, policy, processor, seconds, started, state, succeeded,
};
use crate::schedule::{
    Action, Alive, Demand, Device, Event, FailureClass, JobState, Launch, Node, Notice, Outcome, Phase, Policy,
    Progress, Remedy, Scheduler, Scripted, Shape, Sharing, Step, Take,
};

const NOW: Duration = Duration::ZERO;

fn shared(memory: u64) -> Shape {
    Shape { demand: Demand::Shared { memory }, ..SMALL }
}

fn several(slots: usize, memory: u64) -> Device {
    Device { slots, jobs: slots, memory, sharing: Sharing::Places }
}

fn with(nodes: Vec<Node>, shapes: &[Shape], devices: &[Device]) -> Scheduler {
    Scheduler::new(nodes, shapes, devices, policy()).unwrap()
}

fn out_of_memory(number: usize, attempt: usize) -> Event {
    ended(number, attempt, failed(FailureClass::OutOfMemory))
}

fn launches(step: &Step) -> Vec<&Launch> {
    super::world::launches(step).collect()
}

fn says(number: usize, memory: Option<u64>) -> Event {
    Event::Progress { job: job(number), progress: Progress::Alive(Alive { memory }) }
}

/// Why a job failed, as it is told.
fn failure(scheduler: &Scheduler, number: usize) -> String {
    match state(scheduler, number) {
        JobState::Failed(failure) => failure.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lack_of_memory_is_answered_by_twice_as_much_then_all_then_smaller_parts() {
    let shape = Shape { most_cuts: 1, ..shared(300) };
    let mut scheduler = with(vec![node(1, &[])], &[shape], &[several(4, 1000)]);
    let mut given = vec![];
    let mut step = scheduler.step(Event::Begin, NOW);
    for attempt in 1..=4 {
        let [launch] = launches(&step)[..] else { panic!("{step:?}") };
        given.push((launch.memory, launch.cuts));
        step = scheduler.step(out_of_memory(1, attempt), NOW);
    }
    assert_eq!(given, [(300, 0), (600, 0), (1000, 0), (1000, 1)]);
    // Nothing is left to change, so it is only waited, as for what other programs take.
    assert_eq!(step.actions, [Action::WakeAt(seconds(10))]);
    for attempt in 5..=6 {
        let now = seconds(100 * attempt as u64);
        scheduler.step(Event::Tick, now);
        scheduler.step(out_of_memory(1, attempt), now);
    }
    assert_eq!(failure(&scheduler, 1), "out of memory: as prescribed");
}

#[test]
fn a_job_of_which_nothing_is_known_gets_all_memory_when_it_has_too_little() {
    let mut scheduler = with(vec![node(1, &[])], &[SMALL], &[several(4, 1000)]);
    scheduler.step(Event::Begin, NOW);
    let step = scheduler.step(out_of_memory(1, 1), NOW);
    assert_eq!(launches(&step)[0].memory, 1000);
    let delayed = step.changes.iter().find_map(|change| match change.to {
        JobState::Delayed { remedy, until, .. } => Some((remedy, until)),
        _ => None,
    });
    assert_eq!(delayed, Some((Remedy::MoreMemory { memory: 1000 }, NOW)));
}

#[test]
fn all_jobs_of_a_shape_learn_from_the_first() {
    let nodes = (1..=5).map(|number| node(number, &[])).collect();
    let device = Device { jobs: 2, sharing: Sharing::Cores, ..several(10, 1000) };
    let mut scheduler = with(nodes, &[shared(600)], &[device]);
    assert_eq!(started(&scheduler.step(Event::Begin, NOW)), [1]);
    // It takes 200 bytes and has 6 of 10 cores; one like it fits beside it.
    assert_eq!(started(&scheduler.step(says(1, Some(200)), NOW)), [2]);
    // More than it was thought to need: the next one waits for 550 bytes.
    assert_eq!(started(&scheduler.step(says(2, Some(500)), NOW)), [0; 0]);
    assert_eq!(started(&scheduler.step(succeeded(1), NOW)), [0; 0]);
    assert_eq!(started(&scheduler.step(succeeded(2), NOW)), [3]);
}

#[test]
fn what_was_too_little_is_not_given_again_whatever_others_took() {
    let nodes = (1..=3).map(|number| node(number, &[])).collect();
    let mut scheduler = with(nodes, &[shared(100)], &[several(2, 1000)]);
    scheduler.step(Event::Begin, NOW);
    let step = scheduler.step(out_of_memory(1, 1), NOW);
    assert_eq!(launches(&step).iter().map(|launch| launch.memory).collect::<Vec<_>>(), [200]);
    scheduler.step(says(2, Some(50)), NOW);
    let step = scheduler.step(succeeded(2), NOW);
    assert_eq!(launches(&step).iter().map(|launch| launch.memory).collect::<Vec<_>>(), [200]);
}

#[test]
fn what_an_earlier_run_measured_is_not_forgotten_when_a_job_has_just_begun() {
    let shape = Shape { measured: 500, ..shared(550) };
    let mut scheduler = with(vec![node(1, &[]), node(2, &[]), node(3, &[])], &[shape], &[several(2, 2000)]);
    scheduler.step(Event::Begin, NOW);
    scheduler.step(says(1, Some(10)), NOW);
    assert_eq!(launches(&scheduler.step(succeeded(1), NOW))[0].memory, 550);
}

#[test]
fn a_large_job_is_not_held_off_by_small_ones() {
    let large = Node { shape: 1, priority: 1.0, ..node(9, &[1]) };
    let mut nodes: Vec<Node> = (1..=8).map(|number| node(number, &[])).collect();
    nodes.push(large);
    let mut scheduler = with(
        nodes,
        &[SMALL, Shape { demand: Demand::Whole { devices: 1 }, ..SMALL }],
        &[several(2, 1000), several(1, 10)],
    );
    assert_eq!(started(&scheduler.step(Event::Begin, NOW)), [1, 2, 3]);
    // The large one is ready, and the first device is kept for it; but it takes what it gets.
    assert_eq!(started(&scheduler.step(succeeded(1), NOW)), [0; 0]);
    assert_eq!(started(&scheduler.step(succeeded(2), NOW)), [9, 4]);
}

#[test]
fn a_device_on_which_jobs_fail_is_taken_out_and_jobs_go_on_elsewhere() {
    let nodes = (1..=4).map(|number| node(number, &[])).collect();
    let mut scheduler = with(nodes, &[SMALL], &[several(1, 1000), several(1, 1000)]);
    scheduler.step(Event::Begin, NOW);
    let broken = |number| ended(number, 1, failed(FailureClass::Device));
    assert_eq!(scheduler.step(broken(1), NOW).lost, [0; 0]);
    let step = scheduler.step(broken(3), NOW);
    assert_eq!((step.lost.as_slice(), started(&step)), (&[0][..], vec![]));
    assert_eq!(started(&scheduler.step(succeeded(2), NOW)), [4]);
    assert_eq!(started(&scheduler.step(succeeded(4), seconds(100))), [1]);
}

#[test]
fn jobs_that_fit_no_device_any_more_are_left_to_the_next_run() {
    let pair = Shape { demand: Demand::Whole { devices: 2 }, ..SMALL };
    let nodes = vec![Node { shape: 1, ..node(1, &[]) }, node(2, &[1]), node(3, &[])];
    let mut scheduler = with(nodes, &[SMALL, pair], &[several(1, 1000), several(1, 1000)]);
    let broken = |attempt| ended(1, attempt, failed(FailureClass::Device));
    assert_eq!(started(&scheduler.step(Event::Begin, NOW)), [1]);
    assert_eq!(started(&scheduler.step(broken(1), NOW)), [3]);
    scheduler.step(succeeded(3), NOW);
    scheduler.step(Event::Tick, seconds(10));
    let step = scheduler.step(broken(2), seconds(11));
    assert_eq!(step.lost, [1], "job 3 has shown that the other one works");
    let step = scheduler.step(Event::Tick, seconds(100));
    assert_eq!(step.actions, [Action::Finished]);
    assert_eq!((state(&scheduler, 1), state(&scheduler, 2)), (&JobState::Interrupted, &JobState::Interrupted));
}

#[test]
fn a_job_that_runs_too_long_is_asked_to_end_and_then_killed() {
    let limited = Node { time_limit: Some(seconds(120)), ..node(1, &[]) };
    let mut scheduler = with(vec![limited], &[SMALL], &[processor(1)]);
    scheduler.step(Event::Begin, NOW);
    assert_eq!(scheduler.step(says(1, None), seconds(119)).actions, [Action::WakeAt(seconds(120))]);
    let asked = scheduler.step(Event::Tick, seconds(120)).actions;
    assert_eq!(asked, [Action::Cancel { job: job(1) }, Action::WakeAt(seconds(150))]);
    assert_eq!(scheduler.step(Event::Tick, seconds(150)).actions, [Action::Kill { job: job(1) }]);
    scheduler.step(ended(1, 1, Outcome::Interrupted), seconds(151));
    insta::assert_snapshot!(failure(&scheduler, 1), @"time-out: ran longer than 2 min, its limit: it keeps its work where it can, so that a run with a higher limit goes on from there");
}

#[test]
fn a_job_that_is_done_in_spite_of_its_limit_is_done() {
    let limited = Node { time_limit: Some(seconds(120)), ..node(1, &[]) };
    let mut scheduler = with(vec![limited], &[SMALL], &[processor(1)]);
    scheduler.step(Event::Begin, NOW);
    scheduler.step(Event::Tick, seconds(120));
    scheduler.step(succeeded(1), seconds(121));
    assert_eq!(state(&scheduler, 1), &JobState::Done { reused: false });
}

#[test]
fn a_silent_job_is_killed_and_tried_again() {
    let policy = Policy { silence: Some(seconds(60)), attempts: 2, ..policy() };
    let mut scheduler = Scheduler::new(vec![node(1, &[])], &[SMALL], &[processor(1)], policy).unwrap();
    scheduler.step(Event::Begin, NOW);
    assert_eq!(scheduler.step(says(1, None), seconds(50)).actions, [Action::WakeAt(seconds(110))]);
    assert_eq!(scheduler.step(Event::Tick, seconds(110)).actions, [Action::Kill { job: job(1) }]);
    let step = scheduler.step(ended(1, 1, Outcome::Interrupted), seconds(111));
    assert_eq!(step.actions, [Action::WakeAt(seconds(121))]);
    scheduler.step(Event::Tick, seconds(121));
    scheduler.step(Event::Tick, seconds(181));
    scheduler.step(ended(1, 2, Outcome::Interrupted), seconds(181));
    insta::assert_snapshot!(failure(&scheduler, 1), @"hung: gave no sign of life for 1 min and was ended (if its steps take longer, allow it by --hung-after)");
}

#[test]
fn on_a_contended_device_as_many_jobs_run_as_get_most_done() {
    // Two together get 1.6 times as much done as one, three no more than two.
    let epochs = |rate: f64, every: u64| -> Vec<(Duration, Progress)> {
        let epoch = |number| crate::schedule::Epoch {
            epoch: number,
            epochs: 100,
            loss: 1.0,
            images_per_second: rate,
            memory: Some(0),
        };
        (1..50).map(|number| (seconds(every * number as u64), Progress::Epoch(epoch(number)))).collect()
    };
    // The simulated jobs cannot know who runs beside them; the script gives every job the speed of the crowd that the
    // scheduler should end with, and a slower one to the third.
    let mut scripted = Scripted::new(|launch| {
        let rate = match launch.slots[0] {
            0 => 100.0,
            1 => 60.0,
            _ => 1.0,
        };
        Take { says: epochs(rate, 10), ..Take::new(seconds(600), Outcome::Succeeded) }
    });
    let nodes = (1..=6).map(|number| node(number, &[])).collect();
    let device = Device { sharing: Sharing::Contended, ..several(8, 1000) };
    let (notices, summary) = play(with(nodes, &[SMALL], &[device]), &mut scripted);
    assert_eq!(summary.done, 6);
    let (mut running, mut most) = (vec![], 0);
    for notice in notices {
        let Notice::Changes(changes) = notice else { continue };
        for change in changes {
            running.retain(|&other| other != number(change.job));
            if let JobState::Running(_) = change.to {
                running.push(number(change.job));
            }
            most = most.max(running.len());
        }
    }
    assert_eq!(most, 3, "a third was tried; as it did not pay, no fourth was");
}

#[test]
fn waiting_for_room_does_not_count_as_running() {
    let limited = Node { time_limit: Some(seconds(120)), ..node(1, &[]) };
    let mut scheduler = with(vec![limited], &[SMALL], &[processor(1)]);
    scheduler.step(Event::Begin, NOW);
    scheduler.step(says(1, None), seconds(100));
    let waits = Phase { name: "waiting for room".to_owned() };
    let step = scheduler.step(Event::Progress { job: job(1), progress: Progress::Note(waits) }, seconds(400));
    assert_eq!(step.actions, [Action::WakeAt(seconds(420))]);
}

#[test]
fn signs_of_life_that_were_not_heard_in_time_are_heard_before_anything_is_ended() {
    let policy = Policy { silence: Some(seconds(60)), ..policy() };
    let mut scheduler = Scheduler::new(vec![node(1, &[]), node(2, &[])], &[SMALL], &[processor(2)], policy).unwrap();
    scheduler.step(Event::Begin, NOW);
    // The whole run was stopped for a while; both jobs have spoken meanwhile.
    assert_eq!(scheduler.step(says(1, None), seconds(500)).actions, [Action::WakeAt(seconds(60))]);
    assert_eq!(scheduler.step(says(2, None), seconds(500)).actions, [Action::WakeAt(seconds(560))]);
    assert_eq!(scheduler.step(Event::Tick, seconds(501)).actions, [Action::WakeAt(seconds(560))]);
}

#[test]
fn a_job_that_ends_before_the_large_one_could_start_does_not_wait_for_it() {
    let expected = |number, seconds| Node { expected: Some(Duration::from_secs(seconds)), ..node(number, &[]) };
    let large = Node { shape: 1, priority: 1.0, ..expected(9, 50) };
    let nodes =
        vec![Node { priority: 2.0, ..expected(1, 100) }, large, expected(2, 150), expected(3, 40), expected(4, 70)];
    let whole = Shape { demand: Demand::Whole { devices: 1 }, ..SMALL };
    let shapes = [SMALL, whole, SMALL, SMALL];
    let mut shaped = nodes;
    for (node, shape) in shaped.iter_mut().skip(2).zip([2, 3, 2]) {
        node.shape = shape;
    }
    let mut scheduler = with(shaped, &shapes, &[several(2, 1000)]);
    assert_eq!(started(&scheduler.step(Event::Begin, NOW)), [1, 3], "the second takes too long");
    assert_eq!(started(&scheduler.step(succeeded(3), seconds(40))), [0; 0], "and so does the fourth by now");
    assert_eq!(started(&scheduler.step(succeeded(1), seconds(100))), [9]);
}
