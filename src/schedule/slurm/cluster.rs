//! The thread that deals with Slurm: what it knows of each job, and what the scheduler tells it to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use super::{
    Handed, Listed, Patience, Queue, Site, SlurmId, SlurmJobs, SlurmState, executor::Command, follow::Follow,
    nodes::Nodes,
};
use crate::{
    plan::JobId,
    schedule::{Event, Failure, FailureClass, Launch, Outcome, Phase, Progress, job_log::JobLog},
};

/// How long to wait for orders when there is nothing to look after.
const IDLE: Duration = Duration::from_secs(3600);

/// What the thread knows.
pub(super) struct Cluster {
    pub(super) site: Site,
    pub(super) queue: Box<dyn Queue>,
    pub(super) jobs: Box<dyn SlurmJobs>,
    pub(super) patience: Patience,
    sender: Sender<Event>,
    leaving: Arc<AtomicBool>,
    /// Jobs to submit.
    pub(super) waiting: Vec<Waiting>,
    /// When these are submitted; not before all were said.
    pub(super) submit_at: Option<Instant>,
    /// What was submitted, or found.
    pub(super) attempts: BTreeMap<JobId, Attempt>,
    /// Jobs and numbers of submissions that are over, should that not have been kept.
    pub(super) closed: BTreeSet<(JobId, u64)>,
    /// Names and tasks in Slurm that were given up: should one turn up there, it is cancelled.
    pub(super) abandoned: BTreeSet<(String, Option<u32>)>,
    pub(super) nodes: Nodes,
    /// Whether the cluster takes job arrays.
    pub(super) arrays: bool,
    pub(super) poll_at: Instant,
    /// Time between two calls of squeue while nothing changes.
    pub(super) poll_every: Duration,
    pub(super) look_at: Instant,
    /// When Slurm was last said not to answer, while it does not.
    pub(super) outage: Option<Instant>,
}

/// A job to submit.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) launch: Launch,
    /// Whether it gets all the time there is.
    pub(super) full_time: bool,
    /// How often it was submitted for this launch already.
    pub(super) again: usize,
}

/// A job that was handed to Slurm.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) launch: Launch,
    pub(super) handed: Handed,
    /// Slurm's number for it, as far as that is known.
    pub(super) id: Option<SlurmId>,
    /// What Slurm said of it last.
    pub(super) listed: Option<Listed>,
    /// Whether Slurm has not said that it took it.
    pub(super) uncertain: bool,
    /// Whether an earlier run submitted it, and it was not seen alive since.
    pub(super) adopted: bool,
    pub(super) again: usize,
    pub(super) follow: Follow,
    /// Length of its log when it was submitted.
    pub(super) log_start: u64,
    /// Since when Slurm does not know it.
    pub(super) unknown_since: Option<Instant>,
    /// Since when Slurm says that it is over.
    pub(super) over_since: Option<Instant>,
    /// Whether it was told to end.
    pub(super) stopped: bool,
    /// Whether it is to be cancelled as soon as Slurm answers, and has it under its name.
    pub(super) killed: bool,
    /// What was last said of its place in the queue, and when.
    pub(super) said: Option<(String, Instant)>,
}

impl Cluster {
    pub(super) fn new(
        site: Site,
        queue: Box<dyn Queue>,
        jobs: Box<dyn SlurmJobs>,
        patience: Patience,
        sender: Sender<Event>,
        leaving: Arc<AtomicBool>,
    ) -> Self {
        let now = Instant::now();
        Self {
            site,
            queue,
            jobs,
            sender,
            leaving,
            waiting: vec![],
            submit_at: None,
            attempts: BTreeMap::new(),
            closed: BTreeSet::new(),
            abandoned: BTreeSet::new(),
            nodes: Nodes::default(),
            arrays: true,
            poll_at: now,
            poll_every: patience.poll.0,
            look_at: now,
            outage: None,
            patience,
        }
    }

    /// Does what it is told until nobody is there to tell it anything.
    pub(super) fn run(&mut self, commands: &Receiver<Command>) {
        loop {
            match commands.recv_timeout(self.pause()) {
                Ok(command) => {
                    self.obey(command);
                    commands.try_iter().for_each(|command| self.obey(command));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.turn();
        }
    }

    /// Does what is due.
    pub(super) fn turn(&mut self) {
        // While Slurm does not answer, only one command after the other waits for it.
        if self.submit_at.is_some_and(|at| at <= Instant::now()) && self.outage.is_none() {
            self.submit();
        }
        if self.is_idle() {
            return;
        }
        if self.poll_at <= Instant::now() {
            self.poll();
        }
        if self.look_at <= Instant::now() {
            self.look();
        }
    }

    /// Whether nothing is to be looked after.
    fn is_idle(&self) -> bool {
        self.attempts.is_empty() && self.outage.is_none()
    }

    fn pause(&self) -> Duration {
        let now = Instant::now();
        let looks = (!self.is_idle()).then_some(self.poll_at.min(self.look_at));
        let submits = self.submit_at.filter(|_| self.outage.is_none());
        let next = looks.into_iter().chain(submits).min();
        next.map_or(IDLE, |at| at.saturating_duration_since(now))
    }

    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Start(launch) => {
                let full_time = launch.attempt > 1;
                self.waiting.push(Waiting { launch, full_time, again: 0 });
            }
            Command::Flush if self.waiting.is_empty() => {}
            Command::Flush => self.submit_at = Some(Instant::now()),
            Command::Cancel(job) => self.stop(job, true),
            Command::Kill(job) => self.stop(job, false),
        }
    }

    /// Ends a job, `gently` so that it can keep its work; or leaves it alone, if the run is leaving.
    pub(super) fn stop(&mut self, job: JobId, gently: bool) {
        if let Some(index) = self.waiting.iter().position(|waiting| waiting.launch.job == job) {
            let launch = self.waiting.remove(index).launch;
            return self.report(&launch, Outcome::Interrupted);
        }
        if self.leaving.load(Ordering::Relaxed) {
            if let Some(attempt) = self.attempts.remove(&job) {
                self.report(&attempt.launch, Outcome::Interrupted);
            }
            return;
        }
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        attempt.stopped = true;
        // A controller that lost its memory may have given the number to another job: the name must have been seen with it.
        if attempt.id.is_some() && !attempt.is_confirmed() {
            attempt.killed = true;
            return self.soon();
        }
        let runs = attempt.listed.as_ref().is_some_and(|listed| listed.state == SlurmState::Running);
        match attempt.id {
            Some(id) if attempt.handed.together == 1 && gently && runs => {
                // The scheduler kills what does not end by this.
                let _ = self.queue.signal(&[id], "TERM");
            }
            Some(id) if attempt.handed.together == 1 => match self.queue.cancel(&[id]) {
                Ok(()) => self.end(job, Outcome::Interrupted),
                // Tried again when Slurm answers.
                Err(_) => attempt.killed = true,
            },
            // Others in the allocation go on; or it is not known under which number it is, if at all.
            _ => {
                let number = attempt.handed.number;
                match self.jobs.revoke(job, number) {
                    Ok(()) => self.end(job, Outcome::Interrupted),
                    Err(failure) => self.end(job, Outcome::Failed(failure)),
                }
            }
        }
    }

    /// Nothing more is to be done about an attempt.
    pub(super) fn end(&mut self, job: JobId, outcome: Outcome) {
        let Some(mut attempt) = self.attempts.remove(&job) else { return };
        let node = attempt.node();
        if outcome == Outcome::Succeeded {
            self.nodes.praise(&node);
        } else {
            self.close(&mut attempt);
        }
        self.tidy(&attempt);
        self.report(&attempt.launch, outcome);
    }

    /// Submits a job again, for no fault of its own.
    pub(super) fn again(&mut self, job: JobId, why: &str) {
        let Some(mut attempt) = self.attempts.remove(&job) else { return };
        self.close(&mut attempt);
        self.tidy(&attempt);
        let full_time = attempt.handed.full_time || attempt.listed.is_some();
        self.progress(job, Progress::Queued(Phase { name: format!("again: {why}") }));
        if let Ok(log) = attempt.log(&*self.jobs) {
            log.note(&format!("submission {} is over, and the job is submitted again: {why}", attempt.handed.number));
        }
        self.waiting.push(Waiting { launch: attempt.launch, full_time, again: attempt.again + 1 });
        self.submit_at = self.submit_at.or(Some(Instant::now()));
    }

    /// Remembers that a submission is over, so that no later run waits for it.
    pub(super) fn close(&mut self, attempt: &mut Attempt) {
        let job = attempt.launch.job;
        attempt.handed.ended = true;
        self.closed.insert((job, attempt.handed.number));
        if attempt.handed.together == 1 {
            self.abandoned.insert((attempt.handed.name.clone(), attempt.handed.task));
        }
        if let Err(failure) = self.jobs.keep_handed(job, &attempt.handed)
            && let Ok(log) = attempt.log(&*self.jobs)
        {
            log.note(&format!("a later run may look once more for submission {}: {failure}", attempt.handed.number));
        }
    }

    /// Removes the file of a script that had nothing to say.
    fn tidy(&self, attempt: &Attempt) {
        let task = attempt.handed.task.map(|task| format!("-{task}")).unwrap_or_default();
        let path = self.site.folder.join(format!("{}{task}.out", attempt.handed.name));
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == 0) {
            // An empty file that stays does no harm.
            let _ = fs::remove_file(path);
        }
    }

    pub(super) fn report(&self, launch: &Launch, outcome: Outcome) {
        // Nobody listens any more if the run was given up.
        let _ = self.sender.send(Event::Ended { job: launch.job, attempt: launch.attempt, outcome });
    }

    pub(super) fn progress(&self, job: JobId, progress: Progress) {
        let _ = self.sender.send(Event::Progress { job, progress });
    }

    /// Reports the ends of all jobs after a mistake in this program.
    pub(super) fn give_up(&mut self) {
        let failure = || Outcome::Failed(Failure::new(FailureClass::Bug, "the thread that deals with Slurm panicked"));
        let launches = self.attempts.values().map(|attempt| &attempt.launch);
        launches.chain(self.waiting.iter().map(|waiting| &waiting.launch)).for_each(|launch| {
            self.report(launch, failure());
        });
    }
}

impl Attempt {
    pub(super) fn new(waiting: Waiting, handed: Handed, log: PathBuf) -> Self {
        Self {
            launch: waiting.launch,
            handed,
            id: None,
            listed: None,
            uncertain: false,
            adopted: false,
            again: waiting.again,
            follow: Follow::default(),
            log_start: fs::metadata(log).map_or(0, |metadata| metadata.len()),
            unknown_since: None,
            over_since: None,
            stopped: false,
            killed: false,
            said: None,
        }
    }

    /// Whether the last look at the queue found it under its own name.
    fn is_confirmed(&self) -> bool {
        self.listed.is_some() && self.unknown_since.is_none()
    }

    pub(super) fn node(&self) -> String {
        self.listed.as_ref().map(|listed| listed.nodes.clone()).unwrap_or_default()
    }

    pub(super) fn log(&self, jobs: &dyn SlurmJobs) -> std::io::Result<JobLog> {
        JobLog::since(jobs.log(self.launch.job), self.log_start)
    }
}
