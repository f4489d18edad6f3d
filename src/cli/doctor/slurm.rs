//! The cluster: Slurm's commands, partitions, accounting, and a short job that reads and writes where the store is.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{Finding, fine, note, place, problem};
use crate::{
    cli::{error::chain, machine},
    report::count,
    schedule::slurm::{Client, ClientError, Listed, Partition, SlurmId, SlurmState, Submission},
};

/// How long the probe job may wait and run before it is given up.
const PATIENCE: Duration = Duration::from_secs(90);

/// Time between two looks at the queue.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks at the cluster, and submits a job.
pub(super) fn slurm(store: &Path) -> Vec<Finding> {
    let client = Client::default();
    match client.version() {
        Ok(version) => {
            let mut findings = vec![fine("slurm", version)];
            findings.extend(cluster(&client, store));
            findings
        }
        Err(error) => vec![trouble(&error)],
    }
}

fn trouble(error: &ClientError) -> Finding {
    let remedy = match error {
        ClientError::Unreachable { .. } => "; `scontrol ping` says whether slurmctld is up: wait, or ask who runs it",
        _ => "",
    };
    problem("slurm", format!("{}{remedy}", chain(error)))
}

fn cluster(client: &Client, store: &Path) -> Vec<Finding> {
    let partitions = match client.partitions() {
        Ok(partitions) => partitions,
        Err(error) => return vec![trouble(&error)],
    };
    let mut findings: Vec<Finding> = partitions.iter().map(partition).collect();
    let works = partitions.iter().any(|partition| partition.up && partition.usable > 0);
    findings.push(match client.has_accounting() {
        Ok(true) => fine("accounting", "sacct answers"),
        Ok(false) => {
            fine("accounting", "none: jobs that squeue has forgotten are judged by what they left in the store")
        }
        Err(error @ ClientError::Unreachable { .. }) => note("accounting", format!("{error}; runs go on without it")),
        Err(error) => trouble(&error),
    });
    findings.push(match place(store) {
        _ if !works => problem("slurm", "no partition has a node that can run jobs: ask who runs the cluster"),
        Some(folder) => probe(client, &folder),
        None => problem("probe", format!("no folder above {} is there: choose another --store", store.display())),
    });
    findings
}

fn partition(partition: &Partition) -> Finding {
    let Partition { name, up, time_limit, nodes, usable, gres } = partition;
    let mut text = format!("{name}: {usable} of {} can run jobs, each for at most {time_limit}", count(*nodes, "node"));
    for gres in gres {
        text.push_str(&format!(", {gres}"));
    }
    if *up { fine("partition", text) } else { note("partition", format!("{text}; it is closed")) }
}

/// A file that is removed however the probe ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may not be there.
        let _ = fs::remove_file(&self.0);
    }
}

/// Lets a job copy a file beside the store, and reads the copy.
fn probe(client: &Client, folder: &Path) -> Finding {
    let name = format!("ablate-doctor-{}-{}", std::process::id(), machine::unix_ms());
    let question = Scratch(folder.join(format!(".{name}")));
    let answer = Scratch(folder.join(format!(".{name}.copy")));
    if let Err(error) = fs::write(&question.0, &name) {
        return problem("probe", format!("nothing can be written into {}: {error}", folder.display()));
    }
    let job = Submission {
        name: name.clone(),
        comment: "ablate doctor".to_owned(),
        options: ["--output=/dev/null", "--chdir=/", "--time=1", "--ntasks=1", "--no-requeue"]
            .map(str::to_owned)
            .to_vec(),
        script: format!("#!/bin/sh\ncp {} {}\n", quoted(&question.0), quoted(&answer.0)),
    };
    let begin = Instant::now();
    let number = match client.submit(&job) {
        Ok(number) => number,
        Err(error) => return trouble(&error),
    };
    let listed = follow(client, &name, begin);
    if !matches!(&listed, Ok(Some(listed)) if listed.state.is_over())
        && let Err(error) = client.cancel(&[SlurmId::job(number)])
    {
        return problem("probe", format!("job {number} cannot be cancelled: {}", chain(&error)));
    }
    let place = folder.display();
    match listed {
        Err(error) => trouble(&error),
        Ok(None) => problem("probe", format!("job {number} was submitted and squeue does not know it: try again")),
        Ok(Some(Listed { state: SlurmState::Completed, nodes, .. })) => match fs::read_to_string(&answer.0) {
            Ok(text) if text == name => fine("probe", format!("job {number} on {nodes} reads and writes {place}")),
            Ok(_) => {
                problem("probe", format!("job {number} on {nodes} left another text in {place} than it read there"))
            }
            Err(error) => problem(
                "probe",
                format!(
                    "job {number} on {nodes} has written a file into {place} that is not seen here ({error}): \
                     choose a --store on a file system that nodes share with this machine"
                ),
            ),
        },
        Ok(Some(Listed { state, nodes, .. })) if state.is_over() => problem(
            "probe",
            format!(
                "job {number} on {nodes} could not read and write {place} ({state}): choose a --store on a file system \
                 that nodes share with this machine"
            ),
        ),
        Ok(Some(Listed { state, reason, .. })) => note(
            "probe",
            format!(
                "job {number} did not end within {} s ({state} {reason}) and was cancelled, so nothing is known of the \
                 nodes: try again when the cluster has room",
                PATIENCE.as_secs()
            ),
        ),
    }
}

/// What squeue says last about the job of this name, once it is over or has taken too long.
fn follow(client: &Client, name: &str, begin: Instant) -> Result<Option<Listed>, ClientError> {
    loop {
        let listed = client.list(name)?.pop();
        if listed.as_ref().is_none_or(|listed| listed.state.is_over()) || begin.elapsed() > PATIENCE {
            return Ok(listed);
        }
        thread::sleep(PAUSE);
    }
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
