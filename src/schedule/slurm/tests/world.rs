//! A made-up Slurm, made-up jobs, and an executor between them without its thread.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant},
};

use crate::{
    plan::JobId,
    schedule::{
        Event, Failure, FailureClass, JobMessage, Launch, Outcome,
        slurm::{
            ClientError, Exit, Handed, Listed, Patience, Queue, Site, SlurmId, SlurmJobs, SlurmState, Submission,
            cluster::Cluster, executor::Command,
        },
    },
    sweep::{self, Resources},
};

/// A job of the made-up queue.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) listed: Listed,
    pub(super) options: Vec<String>,
}

/// What the made-up Slurm knows and does.
#[derive(Default)]
pub(super) struct World {
    pub(super) entries: Vec<Entry>,
    next: u64,
    /// What the next calls of sbatch answer instead of submitting; `Unreachable` submits all the same if `takes` is set.
    pub(super) refusals: Vec<ClientError>,
    pub(super) takes: bool,
    pub(super) down: bool,
    /// What accounting has; none if there is nothing.
    pub(super) records: Vec<Listed>,
    pub(super) cancelled: Vec<SlurmId>,
    pub(super) signalled: Vec<SlurmId>,
}

#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<World>>);

impl Fake {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

pub(super) fn down() -> ClientError {
    ClientError::Unreachable { program: "squeue", said: "Unable to contact slurm controller".to_owned() }
}

impl Queue for Fake {
    fn submit(&mut self, job: &Submission) -> Result<u64, ClientError> {
        let mut world = self.world();
        let error = if world.refusals.is_empty() { None } else { Some(world.refusals.remove(0)) };
        let error = match error {
            Some(error) if !world.takes => return Err(error),
            error => error,
        };
        world.next += 1;
        let number = world.next;
        let array = job.options.iter().find_map(|option| option.strip_prefix("--array="));
        let tasks: Vec<Option<u32>> = match array {
            Some(list) => list.split(',').map(|task| Some(task.parse().unwrap())).collect(),
            None => vec![None],
        };
        for task in tasks {
            let listed = Listed {
                id: SlurmId { job: number, task },
                name: job.name.clone(),
                comment: job.comment.clone(),
                state: SlurmState::Pending,
                reason: "Resources".to_owned(),
                restarts: Some(0),
                nodes: String::new(),
                exit: None,
            };
            world.entries.push(Entry { listed, options: job.options.clone() });
        }
        error.map_or(Ok(number), Err)
    }

    fn list(&mut self, prefix: &str) -> Result<Vec<Listed>, ClientError> {
        let world = self.world();
        if world.down {
            return Err(down());
        }
        let listed = world.entries.iter().map(|entry| entry.listed.clone());
        Ok(listed.filter(|listed| listed.name.starts_with(prefix)).collect())
    }

    fn accounting(&mut self, jobs: &[SlurmId]) -> Result<Option<Vec<Listed>>, ClientError> {
        let records = self.world().records.clone();
        let found = records.iter().filter(|record| jobs.contains(&record.id)).cloned().collect();
        Ok((!records.is_empty()).then_some(found))
    }

    fn cancel(&mut self, jobs: &[SlurmId]) -> Result<(), ClientError> {
        let mut world = self.world();
        if world.down {
            return Err(down());
        }
        world.cancelled.extend(jobs);
        world.entries.iter_mut().filter(|entry| jobs.contains(&entry.listed.id)).for_each(|entry| {
            entry.listed.state = SlurmState::Cancelled;
        });
        Ok(())
    }

    fn signal(&mut self, jobs: &[SlurmId], _: &str) -> Result<(), ClientError> {
        self.world().signalled.extend(jobs);
        Ok(())
    }

    fn usable_nodes(&mut self, _: &str) -> Result<usize, ClientError> {
        Ok(3)
    }
}

/// Jobs whose files lie in a folder.
#[derive(Clone)]
pub(super) struct Jobs {
    pub(super) folder: PathBuf,
    pub(super) resources: Resources,
    pub(super) revoked: Arc<Mutex<Vec<u64>>>,
    /// Minutes that jobs get by what was learned of others; 60 are all there are.
    pub(super) learned: Arc<AtomicU64>,
}

impl SlurmJobs for Jobs {
    fn resources(&self, _: JobId) -> &Resources {
        &self.resources
    }

    fn minutes(&self, _: JobId, full: bool) -> Option<u64> {
        Some(if full { 60 } else { self.learned.load(Ordering::Relaxed) })
    }

    fn arguments(&self, launch: &Launch) -> Vec<String> {
        vec!["--memory".to_owned(), launch.memory.to_string(), "it's".to_owned()]
    }

    fn handed(&self, job: JobId) -> Result<Option<Handed>, Failure> {
        let text = fs::read(self.folder.join(format!("{job}.json"))).ok();
        Ok(text.map(|text| serde_json::from_slice(&text).unwrap()))
    }

    fn keep_handed(&self, job: JobId, handed: &Handed) -> Result<(), Failure> {
        fs::write(self.folder.join(format!("{job}.json")), serde_json::to_vec(handed).unwrap()).unwrap();
        Ok(())
    }

    fn revoke(&self, _: JobId, number: u64) -> Result<(), Failure> {
        self.revoked.lock().unwrap().push(number);
        Ok(())
    }

    fn messages(&self, job: JobId, number: u64, restart: u32) -> PathBuf {
        self.folder.join(format!("{job}-{number}-{restart}"))
    }

    fn log(&self, job: JobId) -> PathBuf {
        self.folder.join(format!("{job}.log"))
    }

    fn judge(&self, job: JobId, _: bool) -> Outcome {
        match self.folder.join(format!("{job}.record")).exists() {
            true => Outcome::Succeeded,
            false => Outcome::Failed(Failure::new(FailureClass::Storage, "no record")),
        }
    }
}

pub(super) fn id(number: u128) -> JobId {
    // Names in Slurm have the first digits.
    format!("{number:08x}{}", "0".repeat(24)).parse().unwrap()
}

pub(super) fn launch(number: u128, slot: usize, attempt: usize) -> Launch {
    Launch { job: id(number), slots: vec![slot], attempt, memory: 7, cuts: 0, together: 1 }
}

/// An executor without its thread, and all around it.
pub(super) struct Test {
    _folder: tempfile::TempDir,
    pub(super) fake: Fake,
    pub(super) jobs: Jobs,
    pub(super) cluster: Cluster,
    events: Receiver<Event>,
    pub(super) leaving: Arc<AtomicBool>,
}

pub(super) fn site(folder: &Path, share: usize) -> Site {
    Site {
        program: "/opt/ablate".to_owned(),
        store: folder.join("a store"),
        directory: "/work".into(),
        folder: folder.to_owned(),
        identity: "abc".to_owned(),
        warning: 60,
        slots: share,
    }
}

impl Test {
    pub(super) fn new(share: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let resources = sweep::Cluster::parse("", "(jobs: (partition: \"main\", cpus: 4))").unwrap().jobs;
        let jobs = Jobs {
            folder: folder.path().to_owned(),
            resources: Resources { share, ..resources },
            revoked: Arc::default(),
            learned: Arc::new(AtomicU64::new(10)),
        };
        let fake = Fake::default();
        let (cluster, events, leaving) = Self::executor(folder.path(), &fake, &jobs);
        Self { _folder: folder, fake, jobs, cluster, events, leaving }
    }

    fn executor(folder: &Path, fake: &Fake, jobs: &Jobs) -> (Cluster, Receiver<Event>, Arc<AtomicBool>) {
        let zero = Duration::ZERO;
        let patience = Patience { look: zero, poll: (zero, zero), lost: zero, settle: zero };
        let (sender, events) = channel();
        let leaving = Arc::new(AtomicBool::new(false));
        let queue = Box::new(fake.clone());
        let site = site(folder, jobs.resources.share);
        let cluster = Cluster::new(site, queue, Box::new(jobs.clone()), patience, sender, Arc::clone(&leaving));
        (cluster, events, leaving)
    }

    /// The run is killed, and another one begins.
    pub(super) fn again(&mut self) {
        (self.cluster, self.events, self.leaving) = Self::executor(&self.jobs.folder, &self.fake, &self.jobs);
    }

    pub(super) fn start(&mut self, launches: &[Launch]) {
        for launch in launches {
            self.cluster.obey(Command::Start(launch.clone()));
        }
        self.cluster.obey(Command::Flush);
        self.cluster.turn();
    }

    pub(super) fn say(&self, number: u128, submission: u64, restart: u32, message: &JobMessage) {
        fs::write(self.jobs.messages(id(number), submission, restart), format!("{message}\n")).unwrap();
    }

    pub(super) fn publish(&self, number: u128) {
        fs::write(self.jobs.folder.join(format!("{}.record", id(number))), "").unwrap();
    }

    pub(super) fn set(&self, index: usize, state: SlurmState, code: u32) {
        let mut world = self.fake.world();
        let listed = &mut world.entries[index].listed;
        (listed.state, listed.exit, listed.nodes) = (state, Some(Exit { code, signal: 0 }), "n1".to_owned());
    }

    /// The ends that are reported, after some turns.
    pub(super) fn ends(&mut self) -> Vec<String> {
        for _ in 0..4 {
            (self.cluster.poll_at, self.cluster.look_at) = (Instant::now(), Instant::now());
            self.cluster.turn();
        }
        let end = |event| match event {
            Event::Ended { outcome: Outcome::Failed(failure), .. } => Some(failure.class.to_string()),
            Event::Ended { outcome, .. } => Some(format!("{outcome:?}")),
            _ => None,
        };
        self.events.try_iter().filter_map(end).collect()
    }

    /// Names, states and times of what is in the queue.
    pub(super) fn queue(&self) -> Vec<String> {
        let world = self.fake.world();
        let line = |Entry { listed, options }: &Entry| {
            let time = options.iter().find(|option| option.starts_with("--time")).unwrap();
            let name = listed.name.trim_start_matches("ablate-abc-0000000").to_owned();
            format!("{} {name} {} {time}", listed.id, listed.state)
        };
        world.entries.iter().map(line).collect()
    }
}
