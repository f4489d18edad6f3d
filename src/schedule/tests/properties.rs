//! Random graphs with random failures and stops, checked against a model that recomputes everything at every step.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

use super::world::{Line, SMALL, ended, job, launch, node, number, policy, processor, record, seconds, take_of};
use crate::schedule::{
    Action, Event, Failure, FailureClass, JobState, Launch, Node, Outcome, Policy, Scheduler, Scripted, Take,
};

/// A graph and everything that will happen to it. Jobs are numbered in plan order.
#[derive(Clone, Debug)]
struct Case {
    nodes: Vec<Node>,
    slots: usize,
    fail_fast: bool,
    /// What happens to each attempt of each job; the last one repeats.
    takes: Vec<Vec<Take>>,
    stops: Vec<Duration>,
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        8 => Just(Outcome::Succeeded),
        2 => Just(FailureClass::Killed).prop_map(super::world::failed),
        1 => Just(FailureClass::Hung).prop_map(super::world::failed),
        1 => Just(FailureClass::NonFinite).prop_map(super::world::failed),
    ]
}

fn takes() -> impl Strategy<Value = Vec<Take>> {
    let take = (0..30_u64, outcomes(), prop::bool::weighted(0.2))
        .prop_map(|(duration, outcome, stubborn)| Take { stubborn, ..Take::new(seconds(duration), outcome) });
    prop::collection::vec(take, 1..4)
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let parts =
        (prop::collection::vec(any::<prop::sample::Index>(), 0..4), 0..4_u8, 0..3_usize, prop::bool::weighted(0.1));
    prop::collection::vec(parts, 0..60).prop_map(|nodes| {
        let make = |(position, (parents, chain, round, done)): (usize, (Vec<prop::sample::Index>, u8, usize, bool))| {
            // A quarter of the jobs, and the first one, have no parents.
            let parents = if position % 4 == 0 { vec![] } else { parents };
            let parents = parents.iter().map(|parent| job(parent.index(position))).collect();
            Node { parents, chain: f64::from(chain), round, done, ..node(position, &[]) }
        };
        nodes.into_iter().enumerate().map(make).collect()
    })
}

fn cases() -> impl Strategy<Value = Case> {
    nodes().prop_flat_map(|nodes| {
        let takes = prop::collection::vec(takes(), nodes.len());
        let stops = prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec((0..300_u64).prop_map(seconds), 1..4)];
        (Just(nodes), 1..=5_usize, prop::bool::weighted(0.1), takes, stops)
            .prop_map(|(nodes, slots, fail_fast, takes, stops)| Case { nodes, slots, fail_fast, takes, stops })
    })
}

impl Case {
    fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.nodes.clone(), &[SMALL], &[processor(self.slots)], self.policy()).unwrap()
    }

    fn policy(&self) -> Policy {
        Policy { fail_fast: self.fail_fast, ..policy() }
    }

    fn take(&self, launch: &Launch) -> Take {
        take_of(&self.takes[number(launch.job)], launch.attempt)
    }

    /// Runs to the end and writes down everything.
    fn play(&self) -> (Vec<Line>, Scheduler) {
        let mut scripted = Scripted::new(|launch| self.take(launch));
        for &stop in &self.stops {
            scripted.at(stop, Event::Stop);
        }
        record(self.scheduler(), scripted)
    }
}

/// A job as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Unstarted,
    Running { slot: usize, attempt: usize },
    Delayed { until: Duration, attempt: usize },
    Done,
    Failed,
}

/// Follows the events and says what must be started, looking at every job every time.
struct Model<'a> {
    case: &'a Case,
    status: Vec<Status>,
    closed: bool,
}

impl<'a> Model<'a> {
    fn new(case: &'a Case) -> Self {
        let status = case.nodes.iter().map(|node| if node.done { Status::Done } else { Status::Unstarted }).collect();
        Self { case, status, closed: false }
    }

    fn hear(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Stop => self.closed = true,
            Event::Ended { job, attempt, outcome } => {
                let position = number(*job);
                assert!(
                    matches!(self.status[position], Status::Running { attempt: running, .. } if running == *attempt)
                );
                self.status[position] = match outcome {
                    Outcome::Succeeded => Status::Done,
                    Outcome::Failed(failure) if failure.class.retryable() && *attempt < 3 => {
                        let wait = seconds(10) * if *attempt == 1 { 1 } else { 2 };
                        Status::Delayed { until: now + wait, attempt: attempt + 1 }
                    }
                    Outcome::Failed(_) => {
                        self.closed |= self.case.fail_fast;
                        Status::Failed
                    }
                    Outcome::Interrupted => Status::Failed,
                };
            }
            Event::Begin | Event::Tick | Event::Progress { .. } => {}
        }
    }

    /// What must be started now, in this order.
    fn starts(&self, now: Duration) -> Vec<Launch> {
        let may_start = |position: usize| match self.status[position] {
            Status::Unstarted => {
                let parents = &self.case.nodes[position].parents;
                parents.iter().all(|&parent| self.status[number(parent)] == Status::Done).then_some(1)
            }
            Status::Delayed { until, attempt } => (until <= now).then_some(attempt),
            _ => None,
        };
        if self.closed {
            return vec![];
        }
        let mut ready: Vec<_> = (0..self.status.len()).filter_map(|p| Some((p, may_start(p)?))).collect();
        ready.sort_by(|&(a, _), &(b, _)| {
            let (a, b) = (&self.case.nodes[a], &self.case.nodes[b]);
            a.round.cmp(&b.round).then(b.chain.total_cmp(&a.chain)).then(a.job.cmp(&b.job))
        });
        let free = (0..self.case.slots)
            .filter(|&free| !self.status.iter().any(|s| matches!(s, Status::Running { slot, .. } if *slot == free)));
        free.zip(ready).map(|(slot, (position, attempt))| launch(position, slot, attempt)).collect()
    }
}

/// The state in which each job ends if nobody stops the run, from the prescribed outcomes alone.
fn expected_ends(case: &Case) -> Vec<JobState> {
    let mut ends: Vec<JobState> = Vec::new();
    for node in &case.nodes {
        let culprit = node.parents.iter().find(|parent| !matches!(ends[number(**parent)], JobState::Done { .. }));
        ends.push(match culprit {
            _ if node.done => JobState::Done { reused: true },
            Some(parent) => JobState::Skipped { because: *parent },
            None => last_outcome(case, node),
        });
    }
    ends
}

fn last_outcome(case: &Case, node: &Node) -> JobState {
    let outcome = (1..=3)
        .map(|attempt| case.take(&launch(number(node.job), 0, attempt)).outcome)
        .find(|outcome| !matches!(outcome, Outcome::Failed(failure) if failure.class.retryable()));
    match outcome {
        Some(Outcome::Succeeded) => JobState::Done { reused: false },
        Some(Outcome::Failed(failure)) => JobState::Failed(failure),
        _ => JobState::Failed(Failure::new(FailureClass::Killed, "as prescribed")),
    }
}

/// Whether the first job needs the second one, through jobs that are not in the store.
fn needs(case: &Case, first: usize, second: usize) -> bool {
    let node = &case.nodes[first];
    !node.done && node.parents.iter().any(|&parent| number(parent) == second || needs(case, number(parent), second))
}

pub(super) fn config(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(2020), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn exactly_the_right_jobs_start_at_every_step(case in cases()) {
        let (lines, _) = case.play();
        let mut model = Model::new(&case);
        for (now, event, step) in lines {
            model.hear(&event, now);
            let expected = model.starts(now);
            let starts: Vec<_> = step.actions.iter().filter_map(|action| match action {
                Action::Start(launch) => Some(launch.clone()),
                _ => None,
            }).collect();
            prop_assert_eq!(&starts, &expected);
            for Launch { job, slots, attempt, .. } in starts {
                model.status[number(job)] = Status::Running { slot: slots[0], attempt };
            }
        }
    }

    #[test]
    fn slots_and_parents_are_respected(case in cases()) {
        let (lines, _) = case.play();
        let mut done: BTreeSet<_> = case.nodes.iter().filter(|node| node.done).map(|node| node.job).collect();
        let mut running = BTreeMap::new();
        for (_, event, step) in lines {
            if let Event::Ended { job, outcome, .. } = event {
                running.retain(|_, other| *other != job);
                if outcome == Outcome::Succeeded {
                    done.insert(job);
                }
            }
            for action in step.actions {
                if let Action::Start(Launch { job, slots, .. }) = action {
                    let [slot] = slots[..] else { panic!("{slots:?}") };
                    prop_assert!(slot < case.slots);
                    prop_assert_eq!(running.insert(slot, job), None);
                    prop_assert!(!done.contains(&job));
                    prop_assert!(case.nodes[number(job)].parents.iter().all(|parent| done.contains(parent)));
                }
            }
        }
        prop_assert!(running.is_empty());
    }

    #[test]
    fn every_job_ends_once_and_only_descendants_of_failures_are_skipped(case in cases()) {
        let (lines, scheduler) = case.play();
        let mut ends = BTreeMap::new();
        for change in lines.iter().flat_map(|(_, _, step)| &step.changes) {
            if change.to.is_final() {
                prop_assert_eq!(ends.insert(number(change.job), change.to.clone()), None);
            }
            prop_assert!(!change.from.is_final());
        }
        prop_assert_eq!(ends.len(), case.nodes.len());
        for (&position, end) in &ends {
            prop_assert_eq!(scheduler.state(job(position)), Some(end));
            if let JobState::Skipped { because } = end {
                prop_assert!(matches!(ends[&number(*because)], JobState::Failed(_)));
                prop_assert!(needs(&case, position, number(*because)));
            }
            if matches!(end, JobState::Done { .. }) {
                prop_assert_eq!(case.nodes[position].done, *end == (JobState::Done { reused: true }));
            }
            if case.stops.is_empty() && !case.fail_fast {
                let expected = &expected_ends(&case)[position];
                prop_assert_eq!(std::mem::discriminant(end), std::mem::discriminant(expected));
            }
        }
        let finished = lines.iter().filter(|(_, _, step)| step.actions.contains(&Action::Finished)).count();
        prop_assert_eq!(finished, 1);
    }

    #[test]
    fn the_same_events_give_the_same_answers_and_noise_none(case in cases(), noise in 0..60_usize) {
        let (lines, _) = case.play();
        let mut scheduler = case.scheduler();
        for (now, event, step) in lines {
            let answer = scheduler.step(event, now);
            prop_assert_eq!(&answer, &step);
            // No job reaches a fourth attempt, so this report is stale, whatever it says.
            let noise = scheduler.step(ended(noise, 4, Outcome::Succeeded), now);
            prop_assert!(noise.changes.is_empty());
            prop_assert!(noise.actions.iter().all(|action| matches!(action, Action::WakeAt(_))));
        }
    }

    #[test]
    fn no_run_is_longer_than_list_scheduling_allows(case in cases()) {
        let mut case = Case { stops: vec![], fail_fast: false, ..case };
        for take in case.takes.iter_mut().flatten() {
            take.outcome = Outcome::Succeeded;
        }
        let (lines, _) = case.play();
        let mut ends_at: Vec<Duration> = Vec::new();
        let mut total = Duration::ZERO;
        for node in &case.nodes {
            let duration = if node.done { Duration::ZERO } else { case.takes[number(node.job)][0].duration };
            // A job in the store keeps nobody waiting, whatever its own parents do.
            let parents = node.parents.iter().filter(|_| !node.done);
            let begin = parents.map(|&parent| ends_at[number(parent)]).max().unwrap_or_default();
            ends_at.push(begin + duration);
            total += duration;
        }
        let critical_path = ends_at.into_iter().max().unwrap_or_default();
        let slots = u32::try_from(case.slots).unwrap();
        let makespan = lines.last().unwrap().0;
        prop_assert!(makespan >= critical_path.max(total / slots));
        // Graham's bound: whenever a slot is idle, a job of one chain is running.
        prop_assert!(makespan <= total / slots + critical_path * (slots - 1) / slots + Duration::from_micros(1));
    }
}
