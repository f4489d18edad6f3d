//! Runs on a cluster: what its file says, what jobs are told there, and how runs and jobs are ended.

mod cancel;
mod detach;
mod jobs;

pub use self::{
    cancel::{cancel, remove_request, watch_requests},
    detach::detach,
};

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool, mpsc::Sender},
    time::Duration,
};

use self::jobs::ClusterJobs;
use super::{
    CliError,
    args::{ClusterArgs, ExecutorName, RunArgs},
    children::Orders,
    computer::REMEDY,
    error::chain,
    machine,
    prepare::Prepared,
    print,
    results::Results,
    sweeps::{self, Planned},
    tell,
};
use crate::{
    plan::{JobId, Plan},
    report::count,
    schedule::{
        Action, Event, Launch,
        slurm::{self, Client, Handed, Patience, Site, SlurmExecutor},
    },
    store::{Snapshot, Store},
    sweep::Cluster,
    train::device,
};

/// The cluster that a run is to use; `None` for this machine.
pub fn read(args: &ClusterArgs) -> Result<Option<Cluster>, CliError> {
    let ClusterArgs { executor, cluster, dry_run, detach, .. } = args;
    if *executor == ExecutorName::Local {
        let flags = [("--dry-run", *dry_run), ("--detach", *detach)];
        return match flags.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(CliError::input(format!("{flag} needs --executor slurm"))),
            None => Ok(None),
        };
    }
    parse(cluster.as_deref()).map(Some)
}

/// The cluster that a file describes; without one, a cluster of which nothing is known.
pub fn parse(file: Option<&Path>) -> Result<Cluster, CliError> {
    let (name, text) = match file {
        Some(path) => (path.display().to_string(), sweeps::text_of(path)?),
        None => (String::new(), "(jobs: ())".to_owned()),
    };
    let cluster = Cluster::parse(&name, &text).map_err(|wrong| CliError::diagnostics(&wrong))?;
    if cluster.all().any(|resources| resources.gpu) && cluster.program.is_none() && !device::CUDA {
        return Err(CliError::input(format!(
            "{name} says that jobs compute on GPUs, and this build computes on the processor only: {REMEDY}, or name \
             one on the nodes by `program`"
        )));
    }
    Ok(cluster)
}

/// What a cluster's jobs compute on, as records have it: what the newest record on the same kind of device says.
pub fn model(cluster: &Cluster, snapshot: &Snapshot) -> String {
    let kind = if cluster.jobs.gpu { "cuda" } else { "cpu" };
    let records = snapshot.jobs.values().filter_map(|status| status.record.as_deref());
    let alike = records.filter(|record| record.device.starts_with(kind));
    let newest = alike.max_by_key(|record| record.started_unix);
    newest.map_or_else(machine::processor, |record| record.device.clone())
}

/// A run's jobs as they are handed to a cluster.
pub struct Handover {
    site: Site,
    jobs: ClusterJobs,
}

impl Handover {
    /// Prepares it; the store and the program must be where the nodes find them under the same names.
    pub fn new(
        cluster: &Cluster,
        store: &Store,
        plan: &Plan,
        mut orders: Orders,
        expected: BTreeMap<JobId, f64>,
    ) -> Result<Self, CliError> {
        let root = whole(store.root())?;
        let program = match &cluster.program {
            Some(program) => program.clone(),
            None => {
                let own = std::env::current_exe()
                    .map_err(|error| CliError::failed(format!("cannot find the program itself: {error}")))?;
                text(&own)?.to_owned()
            }
        };
        let directory = whole(Path::new("."))?;
        for folder in orders.needs.folders.values_mut() {
            *folder = whole(folder)?;
        }
        let share = cluster.all().map(|resources| resources.share).max().unwrap_or(1);
        let site = Site {
            program,
            directory,
            folder: root.join("cluster"),
            store: root,
            identity: identity(store)?,
            warning: cluster.warning,
            slots: share,
        };
        let kinds = plan.jobs().map(|job| (job.id, job.spec.kind())).collect();
        let jobs = ClusterJobs { store: store.clone(), cluster: cluster.clone(), kinds, expected, orders };
        Ok(Self { site, jobs })
    }

    /// The executor that hands them over.
    pub fn executor(self, sender: Sender<Event>, leaving: Arc<AtomicBool>) -> Result<SlurmExecutor, CliError> {
        let queue = Box::new(Client::default());
        SlurmExecutor::new(self.site, queue, Box::new(self.jobs), Patience::default(), sender, leaving)
            .map_err(|error| CliError::failed(chain(&error)))
    }
}

/// Prints the scripts that a run would submit first, and submits nothing.
pub fn dry_run(
    args: &RunArgs,
    cluster: &Cluster,
    planned: &Planned,
    store: &Store,
    prepared: Option<Prepared>,
) -> Result<(), CliError> {
    let Some(Prepared { mut scheduler, needs, expected, .. }) = prepared else {
        return print("nothing to do: no job is missing\n");
    };
    let begin = scheduler.step(Event::Begin, Duration::ZERO);
    let launch = |action| match action {
        Action::Start(launch) => Some(launch),
        _ => None,
    };
    let launches: Vec<Launch> = begin.actions.into_iter().filter_map(launch).collect();
    let handover = Handover::new(cluster, store, &planned.plan, Orders::new(args, needs), expected)?;
    let scripts = slurm::scripts(&handover.site, &handover.jobs, &launches);
    let scripts = scripts.map_err(|failure| CliError::failed(failure.to_string()))?;
    print(&scripts.join("\n"))
}

/// Says how many jobs were handed to a cluster, if no run looks after them; else nothing.
pub fn left_alone(planned: &Planned, results: &Results, store: &Store) -> Result<String, CliError> {
    if !store.cluster_folder().is_dir() || store.in_use_since()?.is_some() {
        return Ok(String::new());
    }
    let mut open = 0;
    for job in planned.plan.jobs().filter(|job| results.snapshot().record(job.id).is_none()) {
        open += usize::from(store.submission::<Handed>(job.id)?.is_some_and(|handed| !handed.ended));
    }
    Ok(match open {
        0 => String::new(),
        _ => format!("{} on the cluster, and no run looks after them: run again to go on\n", count(open, "job")),
    })
}

/// Takes jobs away from a cluster that are to run on this machine now.
pub fn take_back(jobs: &[JobId], store: &Store) -> Result<(), CliError> {
    let mut taken = 0;
    for &job in jobs.iter().filter(|_| store.cluster_folder().is_dir()) {
        if let Some(handed) = store.submission::<Handed>(job)?.filter(|handed| !handed.ended) {
            store.revoke(job, handed.number)?;
            store.keep_submission(job, &Handed { ended: true, ..handed })?;
            taken += 1;
        }
    }
    if taken > 0 {
        tell(&format!(
            "{} handed to a cluster by an earlier run: what of them still runs there ends",
            count(taken, "job")
        ));
    }
    Ok(())
}

/// A word by which a cluster's jobs are known to be of this store.
pub(super) fn identity(store: &Store) -> Result<String, CliError> {
    let own = format!("{} {} {} {}", machine::host(), std::process::id(), machine::unix_ms(), store.root().display());
    Ok(store.identity(&blake3::hash(own.as_bytes()).to_hex()[..12])?)
}

/// A folder's whole path, which scripts can name.
fn whole(path: &Path) -> Result<PathBuf, CliError> {
    let whole =
        path.canonicalize().map_err(|error| CliError::failed(format!("cannot find {}: {error}", path.display())))?;
    text(&whole)?;
    Ok(whole)
}

fn text(path: &Path) -> Result<&str, CliError> {
    path.to_str().ok_or_else(|| {
        CliError::input(format!("{} is not UTF-8: Slurm's scripts cannot name it; rename it", path.display()))
    })
}
