//! `cancel`: cancels the jobs of sweeps that are on a cluster, and no others.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    thread,
    time::{Duration, Instant},
};

use super::identity;
use crate::{
    cli::{
        CliError,
        args::{CancelArgs, ExecutorName},
        error::chain,
        machine, print, results, sweeps, tell,
    },
    plan::JobId,
    report::count,
    schedule::{
        Event,
        slurm::{Client, ClientError, Handed, Listed, prefix},
    },
    store::{ErrorKind, RunLock, Store},
};

/// Time between two looks for a request, or for its effect.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a run may take to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A name and a task in Slurm.
type Place = (String, Option<u32>);

/// Cancels the jobs of sweep files.
pub fn cancel(args: &CancelArgs) -> Result<(), CliError> {
    if args.executor == ExecutorName::Local {
        return Err(CliError::input("jobs on this machine end with their run: stop it by Ctrl-C or `kill`"));
    }
    let planned = sweeps::read(&args.sweeps.files, args.sweeps.profile.as_deref())?;
    let store = results::open(&args.sweeps.store)?;
    // Under the lock of a run, so that none submits what is being cancelled.
    let _lock = end_run(&store)?;
    let mut open: BTreeMap<Place, Vec<(JobId, Handed)>> = BTreeMap::new();
    for job in planned.plan.jobs() {
        if let Some(handed) = store.submission::<Handed>(job.id)?.filter(|handed| !handed.ended) {
            open.entry((handed.name.clone(), handed.task)).or_default().push((job.id, handed));
        }
    }
    let client = Client::default();
    let known = if open.is_empty() { vec![] } else { client.list(&prefix(&identity(&store)?)).map_err(refused)? };
    let (mut cancelled, mut left, mut ids) = (0, 0, Vec::new());
    for ((name, task), jobs) in &open {
        let of_it = |listed: &&Listed| listed.name == *name && listed.id.task == *task && !listed.state.is_over();
        let Some(listed) = known.iter().find(of_it) else { continue };
        cancelled += jobs.len();
        if jobs.iter().all(|(_, handed)| handed.together == jobs.len()) {
            ids.push(listed.id);
        } else {
            // Jobs of another sweep share the allocation, and go on in it.
            left += jobs.len();
            jobs.iter().try_for_each(|(job, handed)| store.revoke(*job, handed.number))?;
        }
    }
    client.cancel(&ids).map_err(refused)?;
    // Only now, so that a command that was cut off can be given again.
    for (job, handed) in open.into_values().flatten() {
        // A finished one is found by its record.
        store.keep_submission(job, &Handed { ended: true, ..handed })?;
    }
    let left = match left {
        0 => String::new(),
        _ => format!("; {left} of them share an allocation with other sweeps, and end at their next sign of life"),
    };
    print(&format!("cancelled: {} in Slurm{left}\n", count(cancelled, "job")))
}

fn refused(error: ClientError) -> CliError {
    CliError::failed(format!("{}; nothing is known to be cancelled, try again", chain(&error)))
}

/// Asks the run at work, if there is one, to end and leave its jobs alone; answers with its lock.
fn end_run(store: &Store) -> Result<RunLock, CliError> {
    let begin = Instant::now();
    let path = request(store);
    let mut told = false;
    let lock = loop {
        match store.lock(&machine::holder()) {
            Err(error) if matches!(error.kind(), ErrorKind::Locked { .. }) && begin.elapsed() < PATIENCE => {
                if !told {
                    tell("the run at work is asked to end");
                    told = true;
                }
                store.make_cluster_folder()?;
                // Again and again: a run that begins in between takes an older request away.
                fs::write(&path, "").map_err(|error| failed(&path, &error))?;
                thread::sleep(PAUSE);
            }
            result => break result?,
        }
    };
    remove_request(store)?;
    Ok(lock)
}

/// Takes away a request that was for an earlier run.
pub fn remove_request(store: &Store) -> Result<(), CliError> {
    let path = request(store);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path, &error)),
        _ => Ok(()),
    }
}

/// Looks for a request that the run should end, for as long as anybody listens; sets `leaving` and stops the run.
pub fn watch_requests(store: &Store, sender: Sender<Event>, leaving: Arc<AtomicBool>) {
    let path = request(store);
    thread::spawn(move || {
        loop {
            thread::sleep(PAUSE);
            if path.exists() {
                tell("`ablate cancel` asks this run to end");
                leaving.store(true, Ordering::Relaxed);
                // If nobody listens, the run has ended already.
                let _ = sender.send(Event::Stop);
                return;
            }
        }
    });
}

fn request(store: &Store) -> PathBuf {
    store.cluster_folder().join("cancel")
}

fn failed(path: &Path, error: &io::Error) -> CliError {
    CliError::failed(format!("cannot ask the run to end by {}: {error}", path.display()))
}
