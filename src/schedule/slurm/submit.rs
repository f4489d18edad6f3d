//! Hands jobs to Slurm, or finds that an earlier run has done so.

use std::time::{Duration, Instant};

use super::{
    ClientError, Handed, Site, SlurmId, SlurmJobs,
    cluster::{Attempt, Cluster, Waiting},
    pack::{Numbered, pack},
    script::{Batch, Member, name},
};
use crate::schedule::{Failure, FailureClass, Launch, Outcome, Phase, Progress};

/// Time between two tries while Slurm takes no more jobs of this user.
const RETRY: Duration = Duration::from_secs(15);

/// What Slurm says when a user has too many jobs, or asks for too much at once, for now.
const FOR_NOW: [&str; 6] = [
    "job submit limit",
    "MaxSubmitJob",
    "MaxJobCount",
    "submission rate",
    "temporarily",
    "Job/step already completing or completed",
];

impl Cluster {
    /// Submits what waits for it.
    pub(super) fn submit(&mut self) {
        self.submit_at = None;
        let mut fresh: Vec<Numbered> = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let job = waiting.launch.job;
            match self.jobs.handed(job) {
                Err(failure) => self.report(&waiting.launch, Outcome::Failed(failure)),
                Ok(Some(handed)) if !handed.ended && !self.closed.contains(&(job, handed.number)) => {
                    let log = self.jobs.log(job);
                    let attempt = Attempt { adopted: true, log_start: 0, ..Attempt::new(waiting, handed, log) };
                    self.attempts.insert(job, attempt);
                    self.poll_at = Instant::now();
                }
                Ok(handed) => fresh.push((waiting, handed.map_or(1, |handed| handed.number + 1))),
            }
        }
        for tasks in pack(fresh, self.site.slots, self.arrays, &*self.jobs) {
            self.submit_batch(tasks);
        }
        self.look_at = Instant::now();
    }

    fn submit_batch(&mut self, tasks: Vec<Vec<Numbered>>) {
        let Some((first, number)) = tasks.first().and_then(|jobs| jobs.first()) else { return };
        let name = name(&self.site.identity, first.launch.job, *number);
        let is_array = tasks.len() > 1;
        let mut attempts = Vec::new();
        for (index, attempt) in numbered(tasks, &name, &*self.jobs) {
            match self.jobs.keep_handed(attempt.launch.job, &attempt.handed) {
                Ok(()) => attempts.push((index, attempt)),
                Err(failure) => self.report(&attempt.launch, Outcome::Failed(failure)),
            }
        }
        let excluded = self.nodes.excluded();
        let Some(batch) = batch(&self.site, &*self.jobs, &name, &attempts, &excluded) else { return };
        match self.queue.submit(&batch.submission()) {
            Ok(number) => {
                for (index, mut attempt) in attempts {
                    attempt.id = Some(SlurmId { job: number, task: is_array.then_some(index) });
                    self.attempts.insert(attempt.launch.job, attempt);
                }
                self.soon();
            }
            Err(error @ (ClientError::Unreachable { .. } | ClientError::Unreadable { .. })) => {
                for (_, attempt) in attempts {
                    self.attempts.insert(attempt.launch.job, Attempt { uncertain: true, ..attempt });
                }
                self.unreachable(&error);
            }
            Err(error) => self.refused(&error, is_array, attempts.into_iter().map(|(_, attempt)| attempt).collect()),
        }
    }

    /// Slurm does not take what it was asked to.
    fn refused(&mut self, error: &ClientError, is_array: bool, attempts: Vec<Attempt>) {
        let text = error.to_string();
        let without_array = is_array && text.contains("array");
        let for_now = FOR_NOW.iter().any(|words| text.contains(words));
        for mut attempt in attempts {
            self.close(&mut attempt);
            let Attempt { launch, handed, again, .. } = attempt;
            if without_array || for_now {
                self.progress(launch.job, Progress::Queued(Phase { name: text.clone() }));
                self.waiting.push(Waiting { launch, full_time: handed.full_time, again });
            } else {
                let failure = Failure::new(FailureClass::BadInput, format!("{text} (see the file of --cluster)"));
                self.report(&launch, Outcome::Failed(failure));
            }
        }
        self.arrays &= !without_array;
        if !self.waiting.is_empty() {
            let wait = if without_array { Duration::ZERO } else { RETRY };
            self.submit_at = Some(Instant::now() + wait);
        }
    }
}

/// The scripts that would be submitted for some launches, for people.
pub fn scripts(site: &Site, jobs: &dyn SlurmJobs, launches: &[Launch]) -> Result<Vec<String>, Failure> {
    let mut fresh = Vec::new();
    for launch in launches {
        let number = jobs.handed(launch.job)?.map_or(1, |handed| handed.number + 1);
        fresh.push((Waiting { launch: launch.clone(), full_time: false, again: 0 }, number));
    }
    let text = |tasks: Vec<Vec<Numbered>>| {
        let (first, number) = tasks.first().and_then(|jobs| jobs.first())?;
        let name = name(&site.identity, first.launch.job, *number);
        Some(batch(site, jobs, &name, &numbered(tasks, &name, jobs), &[])?.text())
    };
    Ok(pack(fresh, site.slots, true, jobs).into_iter().filter_map(text).collect())
}

/// The attempts that a batch of this name is made of, each with the index of its task.
fn numbered(tasks: Vec<Vec<Numbered>>, name: &str, jobs: &dyn SlurmJobs) -> Vec<(u32, Attempt)> {
    let is_array = tasks.len() > 1;
    let attempts = (0..).zip(tasks).flat_map(|(index, members)| {
        let together = members.len();
        members.into_iter().map(move |(waiting, number)| {
            let (task, job) = (is_array.then_some(index), waiting.launch.job);
            let full_time = waiting.full_time || jobs.minutes(job, false) == jobs.minutes(job, true);
            let handed = Handed { number, name: name.to_owned(), task, together, full_time, ended: false, slurm: None };
            let log = jobs.log(job);
            (index, Attempt::new(waiting, handed, log))
        })
    });
    attempts.collect()
}

fn batch<'a>(
    site: &'a Site,
    jobs: &'a dyn SlurmJobs,
    name: &str,
    attempts: &[(u32, Attempt)],
    exclude: &'a [String],
) -> Option<Batch<'a>> {
    let (_, first) = attempts.first()?;
    let mut tasks: Vec<(u32, Vec<Member>)> = Vec::new();
    let mut minutes = Some(0);
    for (index, attempt) in attempts {
        let (launch, number) = (&attempt.launch, attempt.handed.number);
        minutes = minutes.zip(jobs.minutes(launch.job, attempt.handed.full_time)).map(|(most, own)| most.max(own));
        let member = Member { job: launch.job, number, arguments: jobs.arguments(launch) };
        match tasks.last_mut() {
            Some((last, members)) if last == index => members.push(member),
            _ => tasks.push((*index, vec![member])),
        }
    }
    let (resources, array) = (jobs.resources(first.launch.job), first.handed.task.is_some());
    Some(Batch { site, name: name.to_owned(), resources, minutes, exclude, array, tasks })
}
