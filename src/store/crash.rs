//! Power cuts and refusals at every step that changes a file.
//!
//! [`Faulty`] works on real files but remembers what was not synced. At the chosen step it stops for good and takes
//! back what a power cut may take back, or it refuses that one step as a full disk does.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use super::{Disk, Entry, Error, ErrorKind, JobEvent, Record, Store, durable::parent, fixture};

/// What becomes of steps that were not synced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// All are on the disk after the power cut.
    CutKeeping,
    /// None is.
    CutLosing,
    /// Names are, but of the new content only half.
    CutTearing,
    /// Only the oldest is lost.
    CutReordering,
    /// No power cut: the step is refused, a write after half of its bytes.
    Full,
}

/// A step that is not on the disk for certain, with what undoes it.
#[derive(Debug)]
enum Pending {
    Folder(PathBuf),
    File(PathBuf),
    Content { path: PathBuf, before: Vec<u8> },
    Renamed { from: PathBuf, to: PathBuf, replaced: Option<Vec<u8>> },
    Removed { path: PathBuf, before: Vec<u8> },
    RemovedFolder(PathBuf),
}

impl Pending {
    /// Whether syncing the folder settles it.
    fn settled_by_folder(&self, folder: &Path) -> bool {
        match self {
            Self::Folder(path)
            | Self::File(path)
            | Self::Renamed { to: path, .. }
            | Self::Removed { path, .. }
            | Self::RemovedFolder(path) => parent(path) == folder,
            Self::Content { .. } => false,
        }
    }

    fn undo(self) {
        match self {
            Self::Folder(path) => drop(fs::remove_dir_all(path)),
            Self::File(path) => drop(fs::remove_file(path)),
            Self::Content { path, before } | Self::Removed { path, before } => drop(fs::write(path, before)),
            Self::RemovedFolder(path) => drop(fs::create_dir(path)),
            Self::Renamed { from, to, replaced } => {
                drop(fs::rename(&to, from));
                if let Some(bytes) = replaced {
                    drop(fs::write(to, bytes));
                }
            }
        }
    }

    /// Leaves names and half of what was written.
    fn tear(self) {
        if let Self::Content { path, before } = self
            && let Ok(now) = fs::read(&path)
        {
            let half = before.len() + now.len().saturating_sub(before.len()) / 2;
            drop(fs::write(path, &now[..half.min(now.len())]));
        }
    }
}

#[derive(Debug)]
pub(super) struct Faulty {
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Steps until the fault; `None` after a power cut.
    left: Option<usize>,
    /// Steps taken.
    taken: usize,
    pending: Vec<Pending>,
}

impl Faulty {
    pub(super) fn new(fault: Fault, step: usize) -> Arc<Self> {
        Arc::new(Self { fault, state: Mutex::new(State { left: Some(step), ..State::default() }) })
    }

    fn taken(&self) -> usize {
        self.state.lock().unwrap().taken
    }

    /// Takes a step unless there is a fault; `half` does what a fault leaves of it.
    fn step_or(&self, half: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap();
        match state.left {
            None => Err(io::Error::other("no power")),
            Some(0) => {
                half(&mut state)?;
                if self.fault == Fault::Full {
                    state.left = Some(usize::MAX);
                    return Err(io::ErrorKind::StorageFull.into());
                }
                state.left = None;
                self.cut(std::mem::take(&mut state.pending));
                Err(io::Error::other("power cut"))
            }
            Some(steps) => {
                state.left = Some(steps - 1);
                state.taken += 1;
                Ok(state)
            }
        }
    }

    fn step(&self) -> io::Result<MutexGuard<'_, State>> {
        self.step_or(|_| Ok(()))
    }

    fn cut(&self, pending: Vec<Pending>) {
        match self.fault {
            Fault::CutKeeping | Fault::Full => {}
            Fault::CutLosing => pending.into_iter().rev().for_each(Pending::undo),
            Fault::CutTearing => pending.into_iter().rev().for_each(Pending::tear),
            Fault::CutReordering => pending.into_iter().take(1).for_each(Pending::undo),
        }
    }
}

impl State {
    /// Keeps the content of a file that is about to change.
    fn remember(&mut self, path: &Path) -> io::Result<()> {
        self.pending.push(Pending::Content { path: path.to_owned(), before: fs::read(path)? });
        Ok(())
    }
}

impl Disk for Faulty {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        fs::create_dir(path)?;
        state.pending.push(Pending::Folder(path.to_owned()));
        Ok(())
    }

    fn create_file(&self, path: &Path) -> io::Result<File> {
        let mut state = self.step()?;
        let file = File::create_new(path)?;
        state.pending.push(Pending::File(path.to_owned()));
        Ok(file)
    }

    fn write(&self, mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let half = |state: &mut State| {
            state.remember(path)?;
            (&*file).write_all(&bytes[..bytes.len() / 2])
        };
        self.step_or(half)?.remember(path)?;
        file.write_all(bytes)
    }

    fn truncate(&self, file: &File, path: &Path, length: u64) -> io::Result<()> {
        self.step()?.remember(path)?;
        file.set_len(length)
    }

    fn sync(&self, _: &File, path: &Path) -> io::Result<()> {
        let changes = |step: &Pending| matches!(step, Pending::Content { path: changed, .. } if changed == path);
        self.step()?.pending.retain(|step| !changes(step));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        let replaced = fs::read(to).ok();
        fs::rename(from, to)?;
        for step in &mut state.pending {
            if let Pending::Content { path, .. } = step
                && path == from
            {
                *path = to.to_owned();
            }
        }
        state.pending.push(Pending::Renamed { from: from.to_owned(), to: to.to_owned(), replaced });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        let before = fs::read(path)?;
        fs::remove_file(path)?;
        state.pending.push(Pending::Removed { path: path.to_owned(), before });
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        fs::remove_dir(path)?;
        state.pending.push(Pending::RemovedFolder(path.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step()?.pending.retain(|step| !step.settled_by_folder(path));
        Ok(())
    }
}

const ENCODER: &[u8] = b"weights of the encoder";

/// What a run was told is done.
#[derive(Debug, Default)]
struct Acknowledged {
    job: bool,
    record: Option<Record>,
    events: Vec<Entry>,
}

/// A run of one job that stops at the first error. `attempt` numbers its events.
fn run(disk: Arc<Faulty>, root: &Path, attempt: u32, done: &mut Acknowledged) -> Result<(), Error> {
    let store = Store::create_on(disk, root)?;
    let (_, mut journal) = store.journal(store.lock(&fixture::holder(0))?)?;
    let mut append = |event: JobEvent, done: &mut Acknowledged| {
        let entry = Entry { time_unix_ms: u64::from(attempt), job: fixture::id(1), event };
        journal.append(std::slice::from_ref(&entry))?;
        done.events.push(entry);
        Ok::<_, Error>(())
    };
    store.write_job(&fixture::job(1))?;
    done.job = true;
    append(JobEvent::Started { attempt, pid: None, slot: 0, memory: 0, cuts: 0, together: 1 }, done)?;
    let record = store.publish(fixture::record(1), Some(ENCODER))?;
    done.record = Some(record.clone());
    append(JobEvent::Succeeded { record: record.into() }, done)
}

/// Everything acknowledged is there, and nothing is there by half.
fn check(root: &Path, done: &Acknowledged) {
    let id = fixture::id(1);
    let Some(store) = Store::open(root).unwrap() else {
        assert!(!done.job && done.events.is_empty());
        return;
    };
    match store.job(id) {
        Ok(job) => assert_eq!(job, fixture::job(1)),
        Err(error) => assert!(!done.job && matches!(error.kind(), ErrorKind::NotDone { .. }), "{error}"),
    }
    let record = store.verify(id).unwrap();
    assert!(done.record.is_none() || done.record == record);
    let status = store.load().unwrap().jobs.remove(&id);
    // One event more than acknowledged may have survived, not fewer and no other.
    let started = done.events.iter().filter(|entry| matches!(entry.event, JobEvent::Started { .. })).count() as u32;
    let attempts = status.as_ref().map_or(0, |status| status.attempts);
    assert!(attempts == started || attempts == started + 1, "{attempts} of {started}");
    let succeeded = done.events.iter().any(|entry| matches!(entry.event, JobEvent::Succeeded { .. }));
    assert!(!succeeded || status.is_some_and(|status| status.record.as_deref() == record.as_ref()));
}

/// Number of steps of an undisturbed run into a new folder.
fn steps_of_a_run() -> usize {
    let folder = fixture::folder();
    let disk = Faulty::new(Fault::Full, usize::MAX);
    run(Arc::clone(&disk), &folder.path().join("results"), 1, &mut Acknowledged::default()).unwrap();
    assert_eq!(disk.state.lock().unwrap().pending.len(), 0, "a finished run has synced everything");
    disk.taken()
}

#[test]
fn a_fault_at_any_step_loses_nothing_acknowledged_and_the_next_run_works() {
    use Fault::{CutKeeping, CutLosing, CutReordering, CutTearing, Full};
    let steps = steps_of_a_run();
    assert!(steps > 20, "{steps}");
    for fault in [CutKeeping, CutLosing, CutTearing, CutReordering, Full] {
        for step in 0..steps {
            let folder = fixture::folder();
            let root = folder.path().join("results");
            let mut done = Acknowledged::default();
            let error = run(Faulty::new(fault, step), &root, 1, &mut done).unwrap_err();
            assert_eq!(fault == Full, error.to_string().starts_with("no space left on "), "{error}");
            check(&root, &done);
            run(Faulty::new(fault, usize::MAX), &root, 2, &mut done).unwrap();
            check(&root, &done);
            assert!(Store::open(&root).unwrap().unwrap().load().unwrap().problems.is_empty());
        }
    }
}

#[test]
fn a_second_fault_while_repairing_the_first_does_no_harm() {
    let steps = steps_of_a_run();
    for first in 0..steps {
        for second in (0..steps).step_by(3) {
            let folder = fixture::folder();
            let root = folder.path().join("results");
            let mut done = Acknowledged::default();
            run(Faulty::new(Fault::CutTearing, first), &root, 1, &mut done).unwrap_err();
            let _ = run(Faulty::new(Fault::CutLosing, second), &root, 2, &mut done);
            check(&root, &done);
        }
    }
}

#[test]
fn a_journal_goes_on_after_the_disk_was_full() {
    for step in 0..4 {
        let folder = fixture::folder();
        let root = folder.path().join("results");
        Store::create(&root).unwrap();
        let store = Store::create_on(Faulty::new(Fault::Full, step), &root).unwrap();
        let opened = || store.journal(store.lock(&fixture::holder(0)).unwrap());
        let (_, mut journal) = opened().or_else(|_| opened()).unwrap();
        let entry = fixture::started(1);
        if journal.append(std::slice::from_ref(&entry)).is_err() {
            assert!(store.load().unwrap().jobs.len() <= 1);
            journal.append(std::slice::from_ref(&entry)).unwrap();
        }
        let snapshot = store.load().unwrap();
        assert_eq!((snapshot.jobs[&entry.job].attempts, snapshot.problems.len()), (1, 0), "step {step}");
    }
}
