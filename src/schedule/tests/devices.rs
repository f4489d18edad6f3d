//! Random graphs on random devices, whose jobs run out of memory, hang, say what they take, and break devices.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;

use super::{
    properties::config,
    world::{Line, failed, job, launches, node, number, policy, record, seconds, take_of},
};
use crate::schedule::{
    Action, Alive, Change, Demand, Device, Event, FailureClass, JobState, Launch, Node, Outcome, Policy, Progress,
    Scheduler, Scripted, Shape, Sharing, Step, Take,
};

#[derive(Clone, Debug)]
struct Case {
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
    devices: Vec<Device>,
    /// What happens to each attempt of each job; the last one repeats.
    takes: Vec<Vec<Take>>,
    stop: Option<Duration>,
}

/// Silence after which a job counts as hung.
const SILENCE: Duration = Duration::from_secs(200);

fn devices() -> impl Strategy<Value = Vec<Device>> {
    let sharing = prop_oneof![Just(Sharing::Places), Just(Sharing::Cores), Just(Sharing::Contended)];
    let device = (1..=4_usize, 1..=4_usize, 10..100_u64, sharing);
    let make = |(slots, jobs, memory, sharing): (usize, usize, u64, Sharing)| Device {
        slots,
        jobs: jobs.min(slots),
        memory,
        sharing,
    };
    prop::collection::vec(device.prop_map(make), 1..=3)
}

fn shapes(devices: usize) -> impl Strategy<Value = Vec<Shape>> {
    let demand = prop_oneof![
        4 => (0..120_u64).prop_map(|memory| Demand::Shared { memory }),
        1 => (1..=devices).prop_map(|devices| Demand::Whole { devices }),
    ];
    let shape = (demand, 0..3_usize).prop_map(|(demand, most_cuts)| Shape { demand, most_cuts, ..Shape::UNKNOWN });
    prop::collection::vec(shape, 1..5)
}

fn take() -> impl Strategy<Value = Take> {
    let outcome = prop_oneof![
        12 => Just(Outcome::Succeeded),
        2 => Just(FailureClass::OutOfMemory).prop_map(failed),
        1 => Just(FailureClass::Killed).prop_map(failed),
        1 => Just(FailureClass::Device).prop_map(failed),
        1 => Just(FailureClass::NonFinite).prop_map(failed),
    ];
    // One in twenty hangs.
    let duration = prop_oneof![19 => 0..30_u64, 1 => Just(100_000)].prop_map(seconds);
    let memory = prop::option::of(0..150_u64);
    (duration, outcome, any::<bool>(), memory).prop_map(|(duration, outcome, stubborn, memory)| Take {
        says: vec![(seconds(3), Progress::Alive(Alive { memory }))],
        stubborn,
        ..Take::new(duration, outcome)
    })
}

fn cases() -> impl Strategy<Value = Case> {
    devices().prop_flat_map(|devices| {
        let parts = (
            prop::collection::vec(any::<prop::sample::Index>(), 0..3),
            any::<prop::sample::Index>(),
            0..3_u8,
            prop::option::weighted(0.2, 5..50_u64),
        );
        let jobs = prop::collection::vec((parts, prop::collection::vec(take(), 1..4)), 1..40);
        let stop = prop::option::weighted(0.2, (0..300_u64).prop_map(seconds));
        (Just(devices.clone()), shapes(devices.len()), jobs, stop).prop_map(|(devices, shapes, jobs, stop)| {
            let (parts, takes): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
            let make = |(position, (parents, shape, priority, limit)): (
                usize,
                (Vec<prop::sample::Index>, prop::sample::Index, u8, Option<u64>),
            )| {
                let parents = if position % 3 == 0 { vec![] } else { parents };
                Node {
                    parents: parents.iter().map(|parent| job(parent.index(position))).collect(),
                    priority: f64::from(priority),
                    shape: shape.index(shapes.len()),
                    time_limit: limit.map(seconds),
                    ..node(position, &[])
                }
            };
            let nodes = parts.into_iter().enumerate().map(make).collect();
            Case { nodes, shapes, devices, takes, stop }
        })
    })
}

impl Case {
    fn scheduler(&self) -> Scheduler {
        let policy = Policy { silence: Some(SILENCE), ..policy() };
        Scheduler::new(self.nodes.clone(), &self.shapes, &self.devices, policy).unwrap()
    }

    fn take(&self, launch: &Launch) -> Take {
        take_of(&self.takes[number(launch.job)], launch.attempt)
    }

    fn play(&self) -> (Vec<Line>, Scheduler) {
        let mut scripted = Scripted::new(|launch| self.take(launch));
        self.stop.into_iter().for_each(|stop| scripted.at(stop, Event::Stop));
        record(self.scheduler(), scripted)
    }

    fn demand(&self, job: usize) -> Demand {
        self.shapes[self.nodes[job].shape].demand
    }

    /// The device of each slot.
    fn device_of(&self, slot: usize) -> usize {
        let mut slots = self.devices.iter().enumerate().flat_map(|(index, device)| vec![index; device.slots]);
        slots.nth(slot).unwrap()
    }
}

/// Keeps a list of the ready jobs up to date.
fn follow_ready(ready: &mut Vec<usize>, step: &Step) {
    for Change { job, from, to } in &step.changes {
        match (from, to) {
            (_, JobState::Ready) => ready.push(number(*job)),
            (JobState::Ready, _) => ready.retain(|&other| other != number(*job)),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn no_slot_and_no_byte_is_given_twice(case in cases()) {
        let (lines, _) = case.play();
        let mut slots: BTreeMap<usize, usize> = BTreeMap::new();
        // For each running job its device and the bytes that are set aside for it there.
        let mut held: BTreeMap<usize, (usize, u64)> = BTreeMap::new();
        let mut lost = vec![false; case.devices.len()];
        for (_, event, step) in &lines {
            match event {
                Event::Ended { job, .. } => {
                    slots.retain(|_, other| *other != number(*job));
                    held.remove(&number(*job));
                }
                Event::Progress { job, progress } => {
                    if let (Some(memory), Some((_, bytes))) = (progress.memory(), held.get_mut(&number(*job)))
                        && let Demand::Shared { .. } = case.demand(number(*job))
                    {
                        *bytes = (memory as f64 * 1.1) as u64;
                    }
                }
                _ => {}
            }
            step.lost.iter().for_each(|&device| lost[device] = true);
            for launch in launches(step) {
                let devices: Vec<usize> = launch.slots.iter().map(|&slot| case.device_of(slot)).collect();
                for (&slot, &device) in launch.slots.iter().zip(&devices) {
                    prop_assert!(!lost[device]);
                    prop_assert_eq!(slots.insert(slot, number(launch.job)), None);
                }
                match case.demand(number(launch.job)) {
                    Demand::Whole { devices: wanted } => {
                        let all: usize = devices.iter().map(|&device| usize::from(devices[0] <= device)).sum();
                        prop_assert_eq!(all, launch.slots.len());
                        let mut distinct = devices.clone();
                        distinct.dedup();
                        prop_assert_eq!(distinct.len(), wanted);
                        let slots: usize = distinct.iter().map(|&device| case.devices[device].slots).sum();
                        prop_assert_eq!(slots, launch.slots.len());
                    }
                    Demand::Shared { .. } => {
                        let device = devices[0];
                        prop_assert!(devices.iter().all(|&other| other == device));
                        held.insert(number(launch.job), (device, launch.memory));
                        let used: u64 = held.values().filter(|(on, _)| *on == device).map(|(_, bytes)| bytes).sum();
                        prop_assert!(used <= case.devices[device].memory, "{} on {:?}", used, case.devices[device]);
                    }
                }
            }
        }
        prop_assert!(slots.is_empty());
    }

    #[test]
    fn every_job_ends_once_after_its_parents(case in cases()) {
        let (lines, scheduler) = case.play();
        let mut ends: BTreeMap<usize, JobState> = BTreeMap::new();
        for (_, _, step) in &lines {
            for Change { job, to, .. } in &step.changes {
                if to.is_final() {
                    prop_assert_eq!(ends.insert(number(*job), to.clone()), None);
                }
            }
            for launch in launches(step) {
                let parents = &case.nodes[number(launch.job)].parents;
                let done = |parent: &crate::plan::JobId| matches!(ends.get(&number(*parent)), Some(JobState::Done { .. }));
                prop_assert!(parents.iter().all(done));
            }
        }
        prop_assert_eq!(ends.len(), case.nodes.len());
        let lost: usize = lines.iter().map(|(_, _, step)| step.lost.len()).sum();
        for (&position, end) in &ends {
            prop_assert_eq!(scheduler.state(job(position)), Some(end));
            match end {
                JobState::Interrupted => prop_assert!(case.stop.is_some() || lost > 0),
                JobState::Failed(failure) => {
                    let hangs = case.takes[position].iter().any(|take| take.duration > SILENCE);
                    prop_assert!(failure.class != FailureClass::Hung || hangs);
                    let limit = case.nodes[position].time_limit;
                    prop_assert!(failure.class != FailureClass::TimeOut || limit.is_some());
                }
                _ => {}
            }
        }
        prop_assert_eq!(lines.iter().filter(|(_, _, step)| step.actions.contains(&Action::Finished)).count(), 1);
    }

    #[test]
    fn no_job_runs_longer_than_its_limit_and_its_grace_or_in_silence(case in cases()) {
        let (lines, _) = case.play();
        let mut running: BTreeMap<usize, (Duration, Duration)> = BTreeMap::new();
        for (now, event, step) in &lines {
            match event {
                Event::Ended { job, .. } => drop(running.remove(&number(*job))),
                Event::Progress { job, .. } => drop(running.entry(number(*job)).and_modify(|times| times.1 = *now)),
                _ => {}
            }
            for (&position, &(started, heard)) in &running {
                let limit = case.nodes[position].time_limit.map_or(Duration::MAX, |limit| limit + policy().grace);
                prop_assert!(*now <= started.saturating_add(limit));
                prop_assert!(*now <= heard + SILENCE + policy().grace);
            }
            for launch in launches(step) {
                running.insert(number(launch.job), (*now, *now));
            }
        }
    }

    #[test]
    fn the_first_in_line_waits_for_no_job_that_starts_after_its_turn_has_come(case in cases()) {
        // Devices that fail, and needs that change, begin the wait anew.
        let mut case = Case { stop: None, ..case };
        for take in case.takes.iter_mut().flatten() {
            *take = Take::new(take.duration.min(seconds(100)), Outcome::Succeeded);
        }
        let (lines, _) = case.play();
        let mut ready: Vec<usize> = Vec::new();
        let mut ends_at: BTreeMap<usize, Duration> = BTreeMap::new();
        let mut first: Option<(usize, Duration)> = None;
        for (now, event, step) in &lines {
            if let Event::Ended { job, .. } = event {
                ends_at.remove(&number(*job));
            }
            follow_ready(&mut ready, step);
            for launch in launches(step) {
                let limit = case.nodes[number(launch.job)].time_limit.unwrap_or(Duration::MAX);
                ends_at.insert(number(launch.job), *now + case.take(launch).duration.min(limit));
            }
            let order = |&a: &usize, &b: &usize| {
                case.nodes[b].priority.total_cmp(&case.nodes[a].priority).then(a.cmp(&b))
            };
            ready.sort_by(order);
            let in_line = ready.first().copied();
            // One that came later and goes before it may have taken its turn.
            let overtaken = in_line.is_some_and(|position| {
                launches(step).any(|launch| order(&number(launch.job), &position).is_lt())
            });
            if overtaken || first.map(|(position, _)| position) != in_line {
                first = in_line.map(|position| (position, ends_at.values().copied().max().unwrap_or(*now)));
            }
            if let Some((position, latest)) = first {
                prop_assert!(*now <= latest, "job {} waits", position);
            }
        }
    }

    #[test]
    fn no_device_idles_while_a_job_would_fit_on_it(case in cases()) {
        let (lines, _) = case.play();
        let mut ready: Vec<usize> = Vec::new();
        let mut busy: BTreeSet<usize> = BTreeSet::new();
        let sound = lines.iter().all(|(_, _, step)| step.lost.is_empty());
        let mut closed = false;
        for (_, event, step) in &lines {
            match event {
                Event::Ended { job, .. } => _ = busy.remove(&number(*job)),
                Event::Stop => closed = true,
                _ => {}
            }
            follow_ready(&mut ready, step);
            busy.extend(launches(step).map(|launch| number(launch.job)));
            // With all devices free and sound, whatever is ready fits.
            if busy.is_empty() && sound && !closed {
                prop_assert_eq!(&ready, &Vec::<usize>::new());
            }
        }
    }

    #[test]
    fn the_same_events_give_the_same_answers_on_devices_too(case in cases()) {
        let (lines, _) = case.play();
        let mut scheduler = case.scheduler();
        for (now, event, step) in lines {
            prop_assert_eq!(scheduler.step(event, now), step);
        }
    }
}
