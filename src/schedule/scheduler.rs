//! The state machine that decides which job runs when. No threads, no clock, no IO.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, mem,
    time::Duration,
};

use super::{Action, Change, Event, Failure, JobState, Launch, Outcome, Step, Summary};
use crate::plan::JobId;

/// A job as the scheduler sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its identity.
    pub job: JobId,
    /// The jobs that must be done before it starts.
    pub parents: Vec<JobId>,
    /// Of two ready jobs of the same round, the one with the larger priority starts first.
    pub priority: f64,
    /// Of two ready jobs, the one with the smaller round starts first: one seed of every cell before the second of any.
    pub round: usize,
    /// Whether its record is in the store already.
    pub done: bool,
}

/// What to do about failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How often a job is started at most when its failures may pass; at least once.
    pub attempts: usize,
    /// How long to wait before the second attempt; each further one waits twice as long.
    pub backoff: Duration,
    /// Whether the first job that fails for good keeps all others from starting.
    pub fail_fast: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { attempts: 3, backoff: Duration::from_secs(5), fail_fast: false }
    }
}

/// Decides which job runs when. Jobs are known by their position in the plan inside, by their id outside.
#[derive(Clone, Debug)]
pub struct Scheduler {
    jobs: Vec<Entry>,
    positions: BTreeMap<JobId, usize>,
    policy: Policy,
    phase: Phase,
    free_slots: BTreeSet<usize>,
    /// Ranks of the ready jobs: the first is the next to start.
    ready: BTreeSet<usize>,
    /// Positions by rank.
    ranking: Vec<usize>,
    delayed: BTreeSet<(Duration, usize)>,
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
    children: Vec<usize>,
    in_store: bool,
    starts: usize,
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
    pub fn new(nodes: Vec<Node>, slots: usize, policy: Policy) -> Result<Self, GraphError> {
        if slots == 0 {
            return Err(GraphError::NoSlots);
        }
        let ranking = ranking(&nodes);
        let mut positions: BTreeMap<JobId, usize> = BTreeMap::new();
        let mut jobs: Vec<Entry> = Vec::with_capacity(nodes.len());
        for (position, node) in nodes.into_iter().enumerate() {
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
            let state = JobState::Waiting { unfinished };
            jobs.push(Entry { job: node.job, state, rank: 0, children: vec![], in_store: node.done, starts: 0 });
        }
        for (rank, &position) in ranking.iter().enumerate() {
            jobs[position].rank = rank;
        }
        Ok(Self {
            unsettled: jobs.len(),
            jobs,
            positions,
            policy,
            phase: Phase::New,
            free_slots: (0..slots).collect(),
            ready: BTreeSet::new(),
            ranking,
            delayed: BTreeSet::new(),
            answer: Step::default(),
        })
    }

    /// Takes notice of an event at the time `now`, counted from any fixed moment. Events that do not fit the state of
    /// their job, late or repeated ones, change nothing.
    pub fn step(&mut self, event: Event, now: Duration) -> Step {
        match event {
            Event::Begin => self.begin(),
            Event::Ended { job, attempt, outcome } => self.ended(job, attempt, outcome, now),
            Event::Stop => self.stop(),
            Event::Progress { .. } | Event::Tick => {}
        }
        if self.phase == Phase::Open {
            self.recall_delayed(now);
            self.start_ready();
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
    pub fn running(&self) -> impl Iterator<Item = Launch> {
        self.jobs.iter().filter_map(|entry| match entry.state {
            JobState::Running { slot, attempt } => Some(Launch { job: entry.job, slot, attempt }),
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
        if !matches!(self.jobs[position].state, JobState::Running { attempt: current, .. } if current == attempt) {
            return;
        }
        match outcome {
            Outcome::Succeeded => self.succeeded(position),
            Outcome::Failed(failure) if failure.class.retryable() && attempt < self.policy.attempts => {
                self.failed_for_now(position, attempt, failure, now);
            }
            Outcome::Failed(failure) => self.failed(position, failure),
            Outcome::Interrupted => self.interrupted(position),
        }
    }

    fn succeeded(&mut self, position: usize) {
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

    fn failed_for_now(&mut self, position: usize, attempt: usize, failure: Failure, now: Duration) {
        if self.phase != Phase::Open {
            return self.interrupted(position);
        }
        let doublings = u32::try_from(attempt - 1).unwrap_or(u32::MAX);
        let wait = self.policy.backoff.saturating_mul(2_u32.saturating_pow(doublings));
        let until = now.saturating_add(wait);
        self.enter(position, JobState::Delayed { until, attempt: attempt + 1, failure });
    }

    fn failed(&mut self, position: usize, failure: Failure) {
        let because = self.jobs[position].job;
        self.enter(position, JobState::Failed(failure));
        self.settle_descendants(position, &JobState::Skipped { because });
        if self.policy.fail_fast && self.phase == Phase::Open {
            self.phase = Phase::Draining;
            self.interrupt_unstarted();
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

    fn stop(&mut self) {
        match self.phase {
            Phase::New | Phase::Open | Phase::Draining => {
                self.begin();
                self.phase = Phase::Stopping;
                self.interrupt_unstarted();
                let cancels: Vec<_> = self.running().map(|launch| Action::Cancel { job: launch.job }).collect();
                self.answer.actions.extend(cancels);
            }
            Phase::Stopping => {
                self.phase = Phase::Killing;
                let kills: Vec<_> = self.running().map(|launch| Action::Kill { job: launch.job }).collect();
                self.answer.actions.extend(kills);
            }
            Phase::Killing | Phase::Finished => {}
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

    fn recall_delayed(&mut self, now: Duration) {
        while let Some(&(until, position)) = self.delayed.first()
            && until <= now
        {
            self.enter(position, JobState::Ready);
        }
    }

    fn start_ready(&mut self) {
        while let (Some(&slot), Some(&rank)) = (self.free_slots.first(), self.ready.first()) {
            let position = self.ranking[rank];
            let entry = &mut self.jobs[position];
            entry.starts += 1;
            let launch = Launch { job: entry.job, slot, attempt: entry.starts };
            self.enter(position, JobState::Running { slot, attempt: launch.attempt });
            self.answer.actions.push(Action::Start(launch));
        }
    }

    fn finish_or_wait(&mut self) {
        if let Some(&(until, _)) = self.delayed.first() {
            self.answer.actions.push(Action::WakeAt(until));
        }
        if self.unsettled == 0 && !matches!(self.phase, Phase::New | Phase::Finished) {
            self.phase = Phase::Finished;
            self.answer.actions.push(Action::Finished);
        }
    }

    /// Moves a job to another state. The only place where the sets of ready and delayed jobs and free slots change.
    fn enter(&mut self, position: usize, to: JobState) {
        let entry = &mut self.jobs[position];
        let from = mem::replace(&mut entry.state, to.clone());
        match from {
            JobState::Ready => _ = self.ready.remove(&entry.rank),
            JobState::Running { slot, .. } => _ = self.free_slots.insert(slot),
            JobState::Delayed { until, .. } => _ = self.delayed.remove(&(until, position)),
            _ => {}
        }
        match to {
            JobState::Ready => _ = self.ready.insert(entry.rank),
            JobState::Running { slot, .. } => _ = self.free_slots.remove(&slot),
            JobState::Delayed { until, .. } => _ = self.delayed.insert((until, position)),
            _ => {}
        }
        self.unsettled -= usize::from(to.is_final());
        self.answer.changes.push(Change { job: entry.job, from, to });
    }
}

/// Positions in the order in which the jobs would start if all were ready at once.
fn ranking(nodes: &[Node]) -> Vec<usize> {
    let mut ranking: Vec<_> = (0..nodes.len()).collect();
    // The sort is stable: what is equal stays in plan order.
    ranking.sort_by(|&a, &b| {
        let (a, b) = (&nodes[a], &nodes[b]);
        a.round.cmp(&b.round).then(b.priority.total_cmp(&a.priority))
    });
    ranking
}

/// The nodes cannot be scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphError {
    /// There is nowhere to run anything.
    NoSlots,
    /// Two nodes are the same job.
    Twice {
        /// The job.
        job: JobId,
    },
    /// A parent is missing, or comes after its child.
    ParentNotBefore {
        /// The child.
        job: JobId,
        /// The parent.
        parent: JobId,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlots => f.write_str("no job can run with zero slots; allow at least one"),
            Self::Twice { job } => write!(f, "job {job} is planned twice"),
            Self::ParentNotBefore { job, parent } => {
                write!(f, "job {job} needs job {parent}, which does not come before it in the plan")
            }
        }
    }
}

impl std::error::Error for GraphError {}
