//! Slurm's commands as functions.

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::process::getuid;

use super::{
    ClientError, Listed, Partition, SlurmId,
    command::{self, Answer},
    listing::{self, SEPARATOR},
    partition,
};

/// How long a command may take. One whose controller is down gives up after SlurmctldTimeout by itself, which is
/// seconds; a crowded controller may need a minute.
const DEADLINE: Duration = Duration::from_secs(120);

/// So many jobs are named in one command: far below what a command line can hold.
const AT_ONCE: usize = 2000;

/// Runs Slurm's commands for the user who runs this program. No command outlives this program.
#[derive(Debug)]
pub struct Client {
    /// Where the commands are; on the PATH if `None`.
    folder: Option<PathBuf>,
    deadline: Duration,
    /// Whether sacct was found to have nothing to tell on this cluster.
    no_accounting: AtomicBool,
}

/// A job to submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// A name that no other job of the user has, whenever it was submitted: the only thing to know the job by when
    /// Slurm does not say whether it took it, or gives its number again.
    pub name: String,
    /// What else tells what the job is.
    pub comment: String,
    /// Options of sbatch, each as one argument, such as `--partition=gpu`. Unlike lines in the script they go before
    /// the user's `SBATCH_…` variables.
    pub options: Vec<String>,
    /// The script with its `#!` line.
    pub script: String,
}

impl Default for Client {
    fn default() -> Self {
        Self { folder: None, deadline: DEADLINE, no_accounting: AtomicBool::new(false) }
    }
}

impl Client {
    /// Submits a job and returns its number. After [`ClientError::Unreachable`] it may be in the queue or not; also a
    /// number does not mean that it stays there: a controller that is killed within a second forgets the job.
    pub fn submit(&self, job: &Submission) -> Result<u64, ClientError> {
        let mut command = self.command("sbatch");
        command.arg("--parsable").arg(format!("--job-name={}", job.name)).arg(format!("--comment={}", job.comment));
        command.args(&job.options);
        let answer = self.run("sbatch", command, &job.script)?;
        // On its own line behind what a site's plugins say: `12`, or `12;cluster`.
        let last = answer.out.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        let number = last.trim().split(';').next().unwrap_or_default();
        number.parse().map_err(|_| ClientError::unreadable("sbatch", answer.out.trim()))
    }

    /// The user's jobs whose names begin with `prefix`, those of the last minutes that are over included, by one call
    /// of squeue. A job that is not there is not over but unknown.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>, ClientError> {
        let mut command = self.command("squeue");
        command.args(["--noheader", "--states=all", "--all"]);
        command.arg(format!("--user={}", getuid().as_raw()));
        command.arg(format!("--Format={}", listing::queue_format()));
        listing::queue(&self.run("squeue", command, "")?.out, prefix)
    }

    /// What accounting knows of these jobs; `None` on a cluster without accounting.
    pub fn accounting(&self, jobs: &[SlurmId]) -> Result<Option<Vec<Listed>>, ClientError> {
        if self.no_accounting.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut found = Vec::new();
        for jobs in jobs.chunks(AT_ONCE) {
            let mut command = self.command("sacct");
            command.args(["--allocations", "--noheader", "--parsable2"]);
            command.arg(format!("--delimiter={SEPARATOR}")).arg(format!("--format={}", listing::accounting_format()));
            command.arg(format!("--jobs={}", list(jobs)));
            match self.run("sacct", command, "") {
                Ok(answer) => found.extend(listing::accounting(&answer.out)?),
                Err(ClientError::NoCommand { .. }) => return Ok(self.without_accounting()),
                Err(ClientError::Refused { said, .. }) if said.contains("accounting storage is disabled") => {
                    return Ok(self.without_accounting());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(found))
    }

    fn without_accounting(&self) -> Option<Vec<Listed>> {
        self.no_accounting.store(true, Ordering::Relaxed);
        None
    }

    /// Whether the cluster keeps records of its jobs.
    pub fn has_accounting(&self) -> Result<bool, ClientError> {
        // Number 0 is no job's.
        Ok(self.accounting(&[SlurmId::job(0)])?.is_some())
    }

    /// Cancels jobs: Slurm sends them SIGTERM and, some seconds later, SIGKILL. Those that are over are left alone.
    pub fn cancel(&self, jobs: &[SlurmId]) -> Result<(), ClientError> {
        self.scancel(jobs, &[])
    }

    /// Sends a signal, such as `USR1`, to the scripts of running jobs and to nothing that they started.
    pub fn signal(&self, jobs: &[SlurmId], signal: &str) -> Result<(), ClientError> {
        self.scancel(jobs, &["--batch", &format!("--signal={signal}")])
    }

    /// Never with `--user` or `--name`: with these, Slurm 22.05 cancels all waiting tasks of an array for one.
    fn scancel(&self, jobs: &[SlurmId], options: &[&str]) -> Result<(), ClientError> {
        for jobs in jobs.chunks(AT_ONCE) {
            let mut command = self.command("scancel");
            command.args(options).args(jobs.iter().map(SlurmId::to_string));
            let answer = self.answer("scancel", command, "")?;
            let gone = |line: &str| {
                line.contains("Invalid job id specified") || line.contains("already completing or completed")
            };
            let other: Vec<&str> = answer.err.lines().filter(|line| !gone(line)).collect();
            if !answer.success && !other.is_empty() {
                return Err(ClientError::failed("scancel", &other.join("\n")));
            }
        }
        Ok(())
    }

    /// Puts a running or finished job back into the queue, under the same number.
    pub fn requeue(&self, job: SlurmId) -> Result<(), ClientError> {
        self.scontrol("requeue", job)
    }

    /// Lets a held job run.
    pub fn release(&self, job: SlurmId) -> Result<(), ClientError> {
        self.scontrol("release", job)
    }

    fn scontrol(&self, verb: &str, job: SlurmId) -> Result<(), ClientError> {
        let mut command = self.command("scontrol");
        command.arg(verb).arg(job.to_string());
        self.run("scontrol", command, "").map(drop)
    }

    /// The cluster's partitions.
    pub fn partitions(&self) -> Result<Vec<Partition>, ClientError> {
        let mut command = self.command("sinfo");
        command.args(["--noheader", "--all"]).arg(format!("--Format={}", partition::format()));
        partition::partitions(&self.run("sinfo", command, "")?.out)
    }

    /// What Slurm calls itself and its version, as `slurm 23.11.4`, if all commands are there that are used here, except
    /// sacct, without which one can do.
    pub fn version(&self) -> Result<String, ClientError> {
        let mut version = String::new();
        for program in ["squeue", "scancel", "scontrol", "sinfo", "sbatch"] {
            let mut command = self.command(program);
            command.arg("--version");
            version = self.run(program, command, "")?.out.trim().to_owned();
        }
        Ok(version)
    }

    fn command(&self, program: &str) -> Command {
        match &self.folder {
            Some(folder) => command::command(folder.join(program)),
            None => command::command(program),
        }
    }

    /// Runs a command that has to end with exit code 0.
    fn run(&self, program: &'static str, command: Command, input: &str) -> Result<Answer, ClientError> {
        let answer = self.answer(program, command, input)?;
        if answer.success { Ok(answer) } else { Err(ClientError::failed(program, &answer.err)) }
    }

    fn answer(&self, program: &'static str, command: Command, input: &str) -> Result<Answer, ClientError> {
        command::run(program, command, input, self.deadline)
    }
}

/// Ids as Slurm reads a list of them.
fn list(jobs: &[SlurmId]) -> String {
    jobs.iter().map(SlurmId::to_string).collect::<Vec<_>>().join(",")
}
