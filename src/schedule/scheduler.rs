//! The state machine that decides which job runs when. No threads, no clock, no IO.

mod failing;
mod limits;
mod starting;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Duration,
};

use super::{
    Action, Change, Demand, Device, Event, Failure, GraphError, JobState, Launch, Node, Outcome, Policy, Shape, Step,
    Summary, crowd::Crowds, pool::Pool,
};
use crate::plan::{JobId, Turn};
use limits::Attempt;

/// Decides which job runs when. Jobs are known by their position in the plan inside, by their id outside.
#[derive(Clone, Debug)]
pub struct Scheduler {
    jobs: Vec<Entry>,
    positions: BTreeMap<JobId, usize>,
    policy: Policy,
    phase: Phase,
    shapes: Vec<ShapeState>,
    /// Of each shape that has ready jobs, the rank of the first of them.
    heads: BTreeSet<(usize, usize)>,
    /// Number of ready jobs.
    ready: usize,
    kept: Option<Kept>,
    pool: Pool,
    crowds: Crowds,
    /// Positions by rank.
    ranking: Vec<usize>,
    delayed: BTreeSet<(Duration, usize)>,
    /// The running jobs by position.
    running: BTreeMap<usize, Attempt>,
    /// When something is to be done about a running job unless it ends or says something.
    due: BTreeSet<(Duration, usize)>,
    /// Number of jobs in no final state.
    unsettled: usize,
    /// The answer to the event at hand.
    answer: Step,
}

#[derive(Clone, Debug)]
struct Entry {
    job: JobId,
    state: JobState,
    rank: usize,
    shape: usize,
    expected: Option<Duration>,
    time_limit: Option<Duration>,
    children: Vec<usize>,
    in_store: bool,
    starts: usize,
    /// Failures that nothing could be done about but waiting.
    failures: usize,
}

/// What is known of jobs that need as much memory as each other.
#[derive(Clone, Debug)]
struct ShapeState {
    demand: Demand,
    cuts: usize,
    most_cuts: usize,
    /// The most bytes that one of its jobs was seen to take; 0 if none was.
    measured: u64,
    /// Bytes below which its jobs failed.
    least: u64,
    /// Ranks of its ready jobs: the first is the next to start.
    ready: BTreeSet<usize>,
}

/// What is kept free for the first ready job that fits nowhere.
#[derive(Clone, Debug)]
struct Kept {
    /// Rank of the job.
    rank: usize,
    devices: Vec<usize>,
    /// When the jobs that ran there at the time are expected to have ended, if that is known: what ends before does not
    /// keep the job waiting.
    until: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before [`Event::Begin`].
    New,
    /// Jobs may start.
    Open,
    /// Running jobs go on, none starts.
    Draining,
    /// Running jobs were asked to stop.
    Stopping,
    /// Running jobs were killed.
    Killing,
    /// Every job has ended and that was said.
    Finished,
}

impl Scheduler {
    /// A scheduler of jobs in plan order, parents before children. Every job that is not done will be started, so the
    /// caller leaves out what nobody needs.
    pub fn new(nodes: Vec<Node>, shapes: &[Shape], devices: &[Device], policy: Policy) -> Result<Self, GraphError> {
        if devices.iter().all(|device| device.slots == 0) {
            return Err(GraphError::NoSlots);
        }
        let ranking = ranking(&nodes);
        let mut positions: BTreeMap<JobId, usize> = BTreeMap::new();
        let mut jobs: Vec<Entry> = Vec::with_capacity(nodes.len());
        for (position, node) in nodes.into_iter().enumerate() {
            check_shape(&node, shapes, devices)?;
            let mut unfinished = 0;
            let parents: BTreeSet<_> = node.parents.into_iter().collect();
            for parent in parents {
                let &above = positions.get(&parent).ok_or(GraphError::ParentNotBefore { job: node.job, parent })?;
                jobs[above].children.push(position);
                unfinished += usize::from(!jobs[above].in_store);
            }
            if positions.insert(node.job, position).is_some() {
                return Err(GraphError::Twice { job: node.job });
            }
            jobs.push(Entry {
                job: node.job,
                state: JobState::Waiting { unfinished },
                rank: 0,
                shape: node.shape,
                expected: node.expected,
                time_limit: node.time_limit,
                children: vec![],
                in_store: node.done,
                starts: 0,
                failures: 0,
            });
        }
        for (rank, &position) in ranking.iter().enumerate() {
            jobs[position].rank = rank;
        }
        let shape = |&Shape { demand, measured, least, cuts, most_cuts, .. }: &Shape| ShapeState {
            demand,
            cuts,
            most_cuts,
            measured,
            least,
            ready: BTreeSet::new(),
        };
        Ok(Self {
            unsettled: jobs.len(),
            jobs,
            positions,
            policy,
            phase: Phase::New,
            shapes: shapes.iter().map(shape).collect(),
            heads: BTreeSet::new(),
            ready: 0,
            kept: None,
            pool: Pool::new(devices),
            crowds: Crowds::new(shapes.iter().map(|shape| shape.together.as_slice())),
            ranking,
            delayed: BTreeSet::new(),
            running: BTreeMap::new(),
            due: BTreeSet::new(),
            answer: Step::default(),
        })
    }

    /// Takes notice of an event at the time `now`, counted from any fixed moment. Events that do not fit the state of
    /// their job, late or repeated ones, change nothing.
    pub fn step(&mut self, event: Event, now: Duration) -> Step {
        match event {
            Event::Begin => self.begin(),
            Event::Progress { job, progress } => self.heard(job, &progress, now),
            Event::Ended { job, attempt, outcome } => self.ended(job, attempt, outcome, now),
            Event::Stop => self.stop(now),
            Event::Tick => self.enforce_limits(now),
        }
        if self.phase == Phase::Open {
            self.recall_delayed(now);
            self.start_ready(now);
        }
        self.finish_or_wait();
        mem::take(&mut self.answer)
    }

    /// The state of a job, if the scheduler has it.
    pub fn state(&self, job: JobId) -> Option<&JobState> {
        self.positions.get(&job).map(|&position| &self.jobs[position].state)
    }

    /// All jobs and their states, in plan order.
    pub fn states(&self) -> impl Iterator<Item = (JobId, &JobState)> {
        self.jobs.iter().map(|entry| (entry.job, &entry.state))
    }

    /// The running attempts, in plan order.
    pub fn running(&self) -> impl Iterator<Item = &Launch> {
        self.running.keys().filter_map(|&position| match &self.jobs[position].state {
            JobState::Running(launch) => Some(launch),
            _ => None,
        })
    }

    /// How the jobs ended.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for (job, state) in self.states() {
            summary.count(job, state);
        }
        summary
    }

    fn begin(&mut self) {
        if self.phase != Phase::New {
            return;
        }
        self.phase = Phase::Open;
        for position in 0..self.jobs.len() {
            if self.jobs[position].in_store {
                self.enter(position, JobState::Done { reused: true });
            } else if self.jobs[position].state == (JobState::Waiting { unfinished: 0 }) {
                self.enter(position, JobState::Ready);
            }
        }
    }

    fn ended(&mut self, job: JobId, attempt: usize, outcome: Outcome, now: Duration) {
        let Some(&position) = self.positions.get(&job) else { return };
        let Some(running) = self.running.get(&position).filter(|running| running.number == attempt) else { return };
        match running.judge(outcome) {
            Outcome::Succeeded => self.succeeded(position),
            Outcome::Failed(failure) => self.attempt_failed(position, failure, now),
            Outcome::Interrupted => self.interrupted(position),
        }
    }

    fn succeeded(&mut self, position: usize) {
        if let Some(attempt) = self.running.get(&position) {
            self.pool.praise(&attempt.hold.slots);
        }
        self.enter(position, JobState::Done { reused: false });
        for child in self.jobs[position].children.clone() {
            if let JobState::Waiting { unfinished } = &mut self.jobs[child].state {
                *unfinished -= 1;
                if *unfinished == 0 {
                    self.enter(child, JobState::Ready);
                }
            }
        }
    }

    fn interrupted(&mut self, position: usize) {
        self.enter(position, JobState::Interrupted);
        self.settle_descendants(position, &JobState::Interrupted);
    }

    /// Puts every job that now waits in vain into a final state. A job that is done does not pass it on.
    fn settle_descendants(&mut self, position: usize, state: &JobState) {
        let mut above = vec![position];
        while let Some(position) = above.pop() {
            for child in self.jobs[position].children.clone() {
                if matches!(self.jobs[child].state, JobState::Waiting { .. }) {
                    self.enter(child, state.clone());
                    above.push(child);
                }
            }
        }
    }

    fn interrupt_unstarted(&mut self) {
        for position in 0..self.jobs.len() {
            let state = &self.jobs[position].state;
            if matches!(state, JobState::Waiting { .. } | JobState::Ready | JobState::Delayed { .. }) {
                self.enter(position, JobState::Interrupted);
            }
        }
    }

    fn finish_or_wait(&mut self) {
        let delayed = self.delayed.first().map(|&(until, _)| until);
        let due = self.due.first().map(|&(due, _)| due);
        if let Some(next) = delayed.into_iter().chain(due).min() {
            self.answer.actions.push(Action::WakeAt(next));
        }
        if self.unsettled == 0 && !matches!(self.phase, Phase::New | Phase::Finished) {
            self.phase = Phase::Finished;
            self.answer.actions.push(Action::Finished);
        }
    }

    /// Moves a job to another state. The only place where the sets of ready, delayed and running jobs change, and what
    /// is taken of the devices.
    fn enter(&mut self, position: usize, to: JobState) {
        let entry = &mut self.jobs[position];
        let (job, rank, shape) = (entry.job, entry.rank, entry.shape);
        let from = mem::replace(&mut entry.state, to.clone());
        match from {
            JobState::Ready => self.change_ready(shape, |ready| _ = ready.remove(&rank)),
            JobState::Delayed { until, .. } => _ = self.delayed.remove(&(until, position)),
            _ => {}
        }
        match to {
            JobState::Ready => self.change_ready(shape, |ready| _ = ready.insert(rank)),
            JobState::Delayed { until, .. } => _ = self.delayed.insert((until, position)),
            _ => {}
        }
        self.unsettled -= usize::from(to.is_final());
        self.answer.changes.push(Change { job, from, to });
        if !matches!(self.jobs[position].state, JobState::Running(_)) {
            self.release(position);
        }
    }

    fn change_ready(&mut self, shape: usize, change: impl FnOnce(&mut BTreeSet<usize>)) {
        let ready = &mut self.shapes[shape].ready;
        let (before, many) = (ready.first().copied(), ready.len());
        change(ready);
        let after = ready.first().copied();
        self.ready = self.ready + ready.len() - many;
        if before != after {
            before.map(|rank| self.heads.remove(&(rank, shape)));
            after.map(|rank| self.heads.insert((rank, shape)));
        }
    }
}

/// Positions in the order in which the jobs would start if all were ready at once.
fn ranking(nodes: &[Node]) -> Vec<usize> {
    let mut ranking: Vec<_> = (0..nodes.len()).collect();
    // The sort is stable: what is equal stays in plan order.
    let turn = |&Node { priority, round, chain, .. }: &Node| Turn { priority, round, chain };
    ranking.sort_by(|&a, &b| turn(&nodes[a]).before(&turn(&nodes[b])));
    ranking
}

fn check_shape(node: &Node, shapes: &[Shape], devices: &[Device]) -> Result<(), GraphError> {
    match shapes.get(node.shape).map(|shape| shape.demand) {
        None => Err(GraphError::NoShape { job: node.job }),
        Some(Demand::Whole { devices: wanted }) if wanted > devices.len() => {
            Err(GraphError::TooFewDevices { job: node.job, wanted, there: devices.len() })
        }
        Some(_) => Ok(()),
    }
}
