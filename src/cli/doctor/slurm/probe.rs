//! A short job that reads and writes where the store is, and starts the program.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{Finding, fine, note, problem, trouble};
use crate::{
    cli::{error::chain, machine, shell::quoted},
    schedule::slurm::{Client, ClientError, Exit, Listed, SlurmId, SlurmState, Submission, asked},
    sweep::{Cluster, Resources},
};

/// How long the jobs may wait and run before they are given up.
const PATIENCE: Duration = Duration::from_secs(90);

/// Time between two looks at the queue.
const PAUSE: Duration = Duration::from_millis(500);

/// Exit codes of the script: the file cannot be copied, the program does not start.
const NO_COPY: u32 = 10;
const NO_PROGRAM: u32 = 11;

/// Tries each way in which the cluster's file asks for resources.
pub(super) fn probe(client: &Client, folder: &Path, file: &Cluster) -> Vec<Finding> {
    let begin = Instant::now();
    let mut ways: Vec<&Resources> = Vec::new();
    for resources in file.all() {
        if ways.iter().all(|other| asked(other, &[]) != asked(resources, &[])) {
            ways.push(resources);
        }
    }
    let program = match (&file.program, std::env::current_exe()) {
        (Some(program), _) => program.clone(),
        (None, Ok(own)) => own.display().to_string(),
        (None, Err(error)) => return vec![problem("program", format!("cannot find the program itself: {error}"))],
    };
    ways.into_iter().map(|resources| one(client, folder, resources, &program, begin)).collect()
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
fn one(client: &Client, folder: &Path, resources: &Resources, program: &str, begin: Instant) -> Finding {
    let name = format!("ablate-doctor-{}-{}", std::process::id(), machine::unix_ms());
    let question = Scratch(folder.join(format!(".{name}")));
    let answer = Scratch(folder.join(format!(".{name}.copy")));
    let place = folder.display();
    if let Err(error) = fs::write(&question.0, &name) {
        return problem("probe", format!("nothing can be written into {place}: {error}"));
    }
    let word = |path: &Path| quoted(&path.display().to_string());
    let setup: String = resources.setup.iter().map(|line| format!("{line}\n")).collect();
    let mut options = ["--output=/dev/null", "--chdir=/", "--time=1", "--no-requeue"].map(str::to_owned).to_vec();
    options.extend(asked(resources, &[]));
    let job = Submission {
        name: name.clone(),
        comment: "ablate doctor".to_owned(),
        options,
        script: format!(
            "#!/bin/bash\n{setup}cp {} {} || exit {NO_COPY}\n{} --version || exit {NO_PROGRAM}\n",
            word(&question.0),
            word(&answer.0),
            quoted(program)
        ),
    };
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
    let listed = match listed {
        Ok(Some(listed)) => listed,
        Ok(None) => {
            return problem("probe", format!("job {number} was submitted and squeue does not know it: try again"));
        }
        Err(error) => return trouble(&error),
    };
    let Listed { state, reason, nodes, exit, .. } = listed;
    let share = "choose a --store on a file system that nodes share with this machine";
    match (state, exit) {
        (SlurmState::Completed, _) => match fs::read_to_string(&answer.0) {
            Ok(text) if text == name => {
                fine("probe", format!("job {number} on {nodes} starts {program}, and reads and writes {place}"))
            }
            Ok(_) => {
                problem("probe", format!("job {number} on {nodes} left another text in {place} than it read there"))
            }
            Err(error) => problem(
                "probe",
                format!("what job {number} on {nodes} has written into {place} is not seen here ({error}): {share}"),
            ),
        },
        (SlurmState::Failed, Some(Exit { code: NO_COPY, .. })) => {
            problem("probe", format!("job {number} on {nodes} cannot read and write {place}: {share}"))
        }
        (SlurmState::Failed, Some(Exit { code: NO_PROGRAM, .. })) => problem(
            "probe",
            format!(
                "job {number} on {nodes} cannot start {program}: install it where nodes see it, or name another one \
                 by `program` in the cluster's file"
            ),
        ),
        (state, Some(Exit { code, signal })) => problem(
            "probe",
            format!("job {number} on {nodes} ended as {state} ({reason}), with exit code {code} and signal {signal}"),
        ),
        (state, None) => note(
            "probe",
            format!(
                "job {number} did not end within {} s ({state} {reason}) and was cancelled, so nothing is known of its \
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
