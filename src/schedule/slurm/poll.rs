//! Looks at Slurm's queue and at what jobs say, and finds out what has become of them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    ClientError, Listed, SlurmId, SlurmJobs, SlurmState,
    cluster::{Attempt, Cluster},
    judge::{self, Next},
    script::{comment, prefix},
};
use crate::{
    plan::JobId,
    schedule::{Failure, FailureClass, Outcome, Phase, Progress},
};

/// Of the time, at most this share is spent in squeue or in looking at files.
const SHARE: u32 = 20;
/// Time between two words about Slurm not answering.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// Time between two words about a job that still waits.
const REPEAT: Duration = Duration::from_secs(15);
/// How often a job is submitted again, for no fault of its own, without a sign of life in between.
const MOST_AGAIN: usize = 5;

impl Cluster {
    /// Something has changed or is about to: looks at the queue as soon as is polite.
    pub(super) fn soon(&mut self) {
        self.poll_every = self.patience.poll.0;
        self.poll_at = self.poll_at.min(Instant::now() + self.poll_every);
    }

    /// Asks Slurm for all jobs at once.
    pub(super) fn poll(&mut self) {
        let begin = Instant::now();
        match self.queue.list(&prefix(&self.site.identity)) {
            Ok(listed) => {
                self.reachable();
                self.update(listed);
            }
            Err(error) => self.unreachable(&error),
        }
        let (least, most) = self.patience.poll;
        self.poll_every = self.poll_every.max(begin.elapsed() * SHARE).clamp(least, most);
        self.poll_at = Instant::now() + self.poll_every;
        // Longer and longer while nothing changes.
        self.poll_every = self.poll_every * 5 / 4;
    }

    fn update(&mut self, listed: Vec<Listed>) {
        let own = comment(&self.site.identity);
        let listed = listed.into_iter().filter(|listed| listed.comment == own);
        let known: BTreeMap<(String, Option<u32>), Listed> =
            listed.map(|listed| ((listed.name.clone(), listed.id.task), listed)).collect();
        let (mut changed, mut unknown) = (false, Vec::new());
        for (&job, attempt) in &mut self.attempts {
            let key = |task| (attempt.handed.name.clone(), task);
            // Tasks that were cancelled before they started may be told of together.
            let found = known.get(&key(attempt.handed.task)).or_else(|| known.get(&key(None)));
            match found {
                Some(listed) => {
                    changed |= attempt.listed.as_ref().is_none_or(|before| before.state != listed.state);
                    attempt.found(listed);
                    attempt.keep_number(&*self.jobs, listed.id);
                }
                None => unknown.push(job),
            }
        }
        if changed {
            self.poll_every = self.patience.poll.0;
        }
        self.cancel_abandoned(&known);
        self.account(&unknown);
        let jobs: Vec<JobId> = self.attempts.keys().copied().collect();
        for job in jobs {
            if self.attempts.get(&job).is_some_and(|attempt| attempt.killed) {
                self.stop(job, false);
            }
            self.say_place(job);
        }
    }

    /// What is in the queue, and was given up since Slurm did not seem to have it.
    fn cancel_abandoned(&mut self, known: &BTreeMap<(String, Option<u32>), Listed>) {
        let left = known.iter().filter(|(key, listed)| self.abandoned.contains(key) && !listed.state.is_over());
        let ids: Vec<SlurmId> = left.map(|(_, listed)| listed.id).collect();
        if !ids.is_empty() {
            // If that fails, it is tried again after the next look; the job can publish nothing anyway.
            let _ = self.queue.cancel(&ids);
        }
    }

    /// What Slurm's queue does not know may be over for long, which accounting knows, or have got lost.
    fn account(&mut self, unknown: &[JobId]) {
        let id = |job: &JobId| self.attempts.get(job).and_then(|attempt| attempt.id.or(attempt.handed.id()));
        let ids: Vec<SlurmId> = unknown.iter().filter_map(id).collect();
        let own = comment(&self.site.identity);
        let records = if ids.is_empty() { Ok(None) } else { self.queue.accounting(&ids) };
        // Without it, what jobs say has to do.
        let records = records.ok().flatten().unwrap_or_default();
        for job in unknown {
            let Some(attempt) = self.attempts.get_mut(job) else { continue };
            let id = attempt.id.or(attempt.handed.id());
            let of_it = |record: &&Listed| {
                record.name == attempt.handed.name
                    && Some(record.id) == id
                    // Not every cluster keeps comments in its accounting.
                    && (record.comment.is_empty() || record.comment == own)
                    && record.state.is_over()
            };
            match records.iter().find(of_it) {
                Some(record) => attempt.found(record),
                None => drop(attempt.unknown_since.get_or_insert_with(Instant::now)),
            }
        }
    }

    /// Says where a job waits, if it does; that also says that it is not silent for its own fault.
    fn say_place(&mut self, job: JobId) {
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        let Some(listed) = &attempt.listed else { return };
        let place = match &listed.state {
            SlurmState::Running => format!("runs on {}", listed.nodes),
            state if state.is_over() || *state == SlurmState::Completing => return,
            state if listed.reason.is_empty() => format!("in Slurm as {}: {state}", listed.id),
            state => format!("in Slurm as {}: {state} ({})", listed.id, listed.reason),
        };
        let runs = listed.state == SlurmState::Running;
        // What it says itself tells more.
        let known = attempt.said.as_ref().is_some_and(|(said, at)| *said == place && (runs || at.elapsed() < REPEAT));
        if known || runs && attempt.follow.has_said {
            return;
        }
        attempt.said = Some((place.clone(), Instant::now()));
        let place = Phase { name: place };
        self.progress(job, if runs { Progress::Phase(place) } else { Progress::Queued(place) });
    }

    /// Slurm does not answer: what jobs say is heard all the same, and the rest has to wait.
    pub(super) fn unreachable(&mut self, error: &ClientError) {
        let now = Instant::now();
        if self.outage.is_none_or(|said| now.duration_since(said) >= SAY_AGAIN) {
            self.outage = Some(now);
            let name = format!("waits: {error}");
            self.attempts.keys().next().into_iter().for_each(|&job| {
                self.progress(job, Progress::Note(Phase { name: name.clone() }));
            });
        }
        for &job in self.attempts.iter().filter(|(_, attempt)| !attempt.follow.begun).map(|(job, _)| job) {
            self.progress(job, Progress::Queued(Phase { name: "Slurm does not answer".to_owned() }));
        }
        self.poll_at = now + self.patience.poll.0;
    }

    fn reachable(&mut self) {
        if self.outage.take().is_some()
            && let Some(&job) = self.attempts.keys().next()
        {
            self.progress(job, Progress::Note(Phase { name: "goes on: Slurm answers again".to_owned() }));
        }
    }

    /// Reads what jobs say, and draws the conclusions.
    pub(super) fn look(&mut self) {
        let begin = Instant::now();
        let jobs: Vec<JobId> = self.attempts.keys().copied().collect();
        for job in jobs {
            if let Some(next) = self.hear(job) {
                self.conclude(job, next);
            }
        }
        self.look_at = Instant::now() + self.patience.look.max(begin.elapsed() * SHARE);
    }

    /// Reads what a job says; answers what is to be done if it is over.
    fn hear(&mut self, job: JobId) -> Option<Next> {
        let attempt = self.attempts.get_mut(&job)?;
        let (number, log) = (attempt.handed.number, self.jobs.log(job));
        let path = |restart| self.jobs.messages(job, number, restart);
        let restarts = attempt.listed.as_ref().and_then(|listed| listed.restarts);
        let said = match attempt.follow.read(path, restarts, &log) {
            Ok(said) => said,
            Err(error) => {
                let message = format!("what the job says cannot be read: {error}");
                return Some(Next::End(Outcome::Failed(Failure::new(FailureClass::Storage, message))));
            }
        };
        if !said.is_empty() {
            (attempt.unknown_since, attempt.again) = (None, 0);
        }
        said.into_iter().for_each(|progress| {
            // Nobody listens any more if the run was given up.
            self.progress(job, progress);
        });
        self.fate(job)
    }

    /// What is to be done about an attempt that is over.
    fn fate(&mut self, job: JobId) -> Option<Next> {
        let attempt = self.attempts.get_mut(&job)?;
        if let Some(verdict) = attempt.follow.verdict.clone() {
            let adopted = attempt.adopted;
            return Some(
                match judge::by_verdict(verdict, attempt.handed.full_time, || self.jobs.judge(job, adopted)) {
                    // What an earlier run finished may have been damaged since.
                    Next::End(Outcome::Failed(failure)) if adopted && failure.class == FailureClass::Storage => {
                        Next::Again(failure.message)
                    }
                    next => next,
                },
            );
        }
        let listed = attempt.listed.clone();
        if let Some(listed) = listed.filter(|listed| listed.state.is_over() || listed.is_held()) {
            let since = attempt.over_since.get_or_insert_with(Instant::now).elapsed();
            if listed.state.is_over() {
                // What it wrote may not have arrived yet. Reading a folder brings what is known here of it up to date.
                let says = matches!(listed.state, SlurmState::Completed | SlurmState::Failed);
                if says && !attempt.follow.begun && since < self.patience.settle {
                    let path = self.jobs.log(job);
                    let _ = path.parent().map(std::fs::read_dir);
                    return None;
                }
                let log = attempt.log(&*self.jobs);
                return Some(match log {
                    Ok(log) => judge::by_state(&listed, attempt.handed.full_time, &log),
                    Err(error) => {
                        let message = format!("the job's log cannot be opened: {error}");
                        Next::End(Outcome::Failed(Failure::new(FailureClass::Storage, message)))
                    }
                });
            }
            if listed.restarts.unwrap_or(0) > 0 || listed.state != SlurmState::Pending {
                return Some(self.held(&listed));
            }
        } else {
            attempt.over_since = None;
        }
        let attempt = self.attempts.get_mut(&job)?;
        let unknown_for = attempt.unknown_since?.elapsed();
        if attempt.uncertain {
            return Some(Next::Again("Slurm did not answer when it was submitted, and does not have it".to_owned()));
        }
        if unknown_for < self.patience.lost {
            return None;
        }
        Some(if attempt.follow.begun {
            let message = "Slurm does not know the job any more, and it says nothing";
            Next::End(Outcome::Failed(Failure::new(FailureClass::Killed, message)))
        } else {
            Next::Again("Slurm does not know it any more".to_owned())
        })
    }

    /// Slurm has put a job back into its queue and holds it there, as after a node could not start it.
    fn held(&mut self, listed: &Listed) -> Next {
        // If that fails, it stays held; what becomes of it is known by its number.
        let _ = self.queue.cancel(&[listed.id]);
        let message = format!("Slurm holds job {} back after it could not be run: {}", listed.id, listed.reason);
        Next::Blame(Failure::new(FailureClass::Killed, message))
    }

    fn conclude(&mut self, job: JobId, next: Next) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        let (stopped, adopted, again, node) = (attempt.stopped, attempt.adopted, attempt.again, attempt.node());
        self.soon();
        match next {
            Next::End(Outcome::Succeeded) => self.end(job, Outcome::Succeeded),
            _ if stopped => self.end(job, Outcome::Interrupted),
            Next::End(Outcome::Interrupted) if adopted => self.again(job, "it was cancelled before this run began"),
            Next::End(outcome) => {
                if outcome == Outcome::Interrupted {
                    let name = "was cancelled in Slurm, by somebody else; running again goes on with it".to_owned();
                    self.progress(job, Progress::Note(Phase { name }));
                }
                self.end(job, outcome);
            }
            Next::Again(why) if again < MOST_AGAIN => self.again(job, &why),
            Next::Again(why) => {
                let message = format!("submitted {} times in vain: {why}", again + 1);
                self.end(job, Outcome::Failed(Failure::new(FailureClass::Killed, message)));
            }
            Next::Blame(failure) => {
                if self.nodes.strike(&node) && self.can_spare(job) {
                    self.nodes.exclude(&node);
                    let name = format!("node {node} is left out from now on: jobs failed there that are not at fault");
                    self.progress(job, Progress::Note(Phase { name }));
                }
                self.end(job, Outcome::Failed(failure));
            }
        }
    }

    /// Whether the partition of a job has nodes enough to do without one more.
    fn can_spare(&mut self, job: JobId) -> bool {
        let partition = self.jobs.resources(job).partition.clone();
        let nodes = self.queue.usable_nodes(&partition).unwrap_or(0);
        self.nodes.excluded().len() + 1 < nodes
    }
}

impl Attempt {
    /// Slurm knows of it.
    fn found(&mut self, listed: &Listed) {
        self.id = Some(listed.id);
        self.adopted &= listed.state.is_over();
        (self.uncertain, self.unknown_since, self.listed) = (false, None, Some(listed.clone()));
    }

    /// Keeps Slurm's number for the next run, once.
    fn keep_number(&mut self, jobs: &dyn SlurmJobs, id: SlurmId) {
        if self.handed.slurm.replace(id.job) == Some(id.job) {
            return;
        }
        if let Err(failure) = jobs.keep_handed(self.launch.job, &self.handed)
            && let Ok(log) = self.log(jobs)
        {
            log.note(&format!("a later run does not know Slurm's number for this job, {id}: {failure}"));
        }
    }
}
