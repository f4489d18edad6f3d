//! What nobody asks for any more, and its removal.

use std::{collections::BTreeSet, ffi::OsString, fs, io, path::Path};

use super::{
    Error, ErrorKind, RunLock, Snapshot, Store,
    durable::{parent, write_atomic},
    error::At,
    journal::decode,
};
use crate::plan::JobId;

/// What can be removed from a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Garbage {
    /// Jobs with everything that is known of them.
    pub jobs: BTreeSet<JobId>,
    /// Finished jobs of which the encoder goes, and a checkpoint that was left, and nothing else.
    pub encoders: BTreeSet<JobId>,
    /// Size of their files in bytes, without the lines of the journal.
    pub bytes: u64,
}

impl Store {
    /// All jobs that the journal, as in the snapshot, or a folder tells of. What is no job's folder is left alone.
    pub fn all_jobs(&self, snapshot: &Snapshot) -> Result<BTreeSet<JobId>, Error> {
        let folder = self.root.join("jobs");
        let mut jobs: BTreeSet<JobId> = snapshot.jobs.keys().copied().collect();
        for entry in fs::read_dir(&folder).at("read", &folder)? {
            jobs.extend(entry.at("read", &folder)?.file_name().to_str().and_then(|name| name.parse::<JobId>().ok()));
        }
        Ok(jobs)
    }

    /// What there is to remove of `jobs`, and of the encoders of other jobs. That a folder stands where files should is
    /// an error, before anything is removed.
    pub fn garbage(&self, jobs: BTreeSet<JobId>, encoders: &BTreeSet<JobId>) -> Result<Garbage, Error> {
        let mut garbage = Garbage { jobs, ..Garbage::default() };
        for &job in &garbage.jobs {
            for (_, size) in files(&self.job_folder(job))? {
                garbage.bytes += size;
            }
        }
        for &job in encoders.difference(&garbage.jobs) {
            for path in [self.encoder_path(job), self.checkpoint_path(job)] {
                if let Ok(metadata) = fs::metadata(path) {
                    garbage.encoders.insert(job);
                    garbage.bytes += metadata.len();
                }
            }
        }
        Ok(garbage)
    }

    /// Removes garbage. Cut off in between, it leaves some of it, never a part of what is kept: jobs leave the journal
    /// first, so that no record is believed whose files are half gone.
    pub fn remove_garbage(&self, _lock: &RunLock, garbage: &Garbage) -> Result<(), Error> {
        self.forget_jobs(&garbage.jobs)?;
        for &job in &garbage.jobs {
            let folder = self.job_folder(job);
            // The record first: without it, what is left is a job that has not finished.
            self.remove_durably(&folder.join("record.json"))?;
            for (name, _) in files(&folder)? {
                let path = folder.join(name);
                self.disk.remove(&path).at("remove", &path)?;
            }
            match self.disk.remove_folder(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result.at("remove", &folder)?,
            }
        }
        let jobs = self.root.join("jobs");
        self.disk.sync_folder(&jobs).at("sync", &jobs)?;
        garbage.encoders.iter().try_for_each(|&job| {
            self.remove_durably(&self.checkpoint_path(job))?;
            self.remove_durably(&self.encoder_path(job))
        })
    }

    /// Takes the lines of jobs out of the journal.
    fn forget_jobs(&self, jobs: &BTreeSet<JobId>) -> Result<(), Error> {
        let path = self.journal_path();
        if jobs.is_empty() || !path.exists() {
            return Ok(());
        }
        let bytes = fs::read(&path).at("read", &path)?;
        let kept: Vec<u8> = bytes
            .split_inclusive(|&byte| byte == b'\n')
            .filter(|line| {
                let entry = line.strip_suffix(b"\n").and_then(|line| decode(line).ok().flatten());
                entry.is_none_or(|entry| !jobs.contains(&entry.job))
            })
            .flatten()
            .copied()
            .collect();
        if kept.len() == bytes.len() { Ok(()) } else { write_atomic(&*self.disk, &path, &kept) }
    }

    fn remove_durably(&self, path: &Path) -> Result<(), Error> {
        match self.disk.remove(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result.at("remove", path)?,
        }
        self.disk.sync_folder(parent(path)).at("sync", parent(path))
    }
}

/// Names and sizes in bytes of the files in a folder; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<(OsString, u64)>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        result => result.at("read", folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.at("read", folder)?;
        let metadata = entry.metadata().at("read", &entry.path())?;
        if metadata.is_dir() {
            return Err(ErrorKind::ForeignFolder { path: entry.path() }.into());
        }
        found.push((entry.file_name(), metadata.len()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::store::{
        crash::{Fault, Faulty},
        fixture::{self, id},
    };

    const ENCODER: &[u8] = b"weights";

    /// A store with the finished jobs 1 and 2.
    fn two_jobs() -> (tempfile::TempDir, Store) {
        let (folder, store) = fixture::store();
        let (_, mut journal) = store.journal(store.lock(&fixture::holder(0)).unwrap()).unwrap();
        for seed in [1, 2] {
            store.write_job(&fixture::job(seed)).unwrap();
            let record = store.publish(fixture::record(seed), Some(ENCODER)).unwrap();
            journal.append(&[fixture::started(seed), fixture::succeeded(&record)]).unwrap();
        }
        (folder, store)
    }

    #[test]
    fn what_is_kept_stays_as_it_was() {
        let (_folder, store) = two_jobs();
        let kept = store.load().unwrap().jobs[&id(1)].clone();
        fs::create_dir(store.root().join("jobs/mine")).unwrap();
        assert_eq!(store.all_jobs(&store.load().unwrap()).unwrap(), [id(1), id(2)].into());
        // Not every file name is text.
        fs::write(store.job_folder(id(2)).join(OsString::from_vec(vec![0xff])), "mine").unwrap();
        let garbage = store.garbage([id(2)].into(), &[id(1), id(2)].into()).unwrap();
        assert_eq!((&garbage.jobs, &garbage.encoders), (&[id(2)].into(), &[id(1)].into()));
        assert!(garbage.bytes > 2 * ENCODER.len() as u64);
        let lock = store.lock(&fixture::holder(0)).unwrap();
        store.remove_garbage(&lock, &garbage).unwrap();
        let snapshot = store.load().unwrap();
        assert_eq!((snapshot.jobs, snapshot.problems), ([(id(1), kept)].into(), vec![]));
        assert!(!store.job_folder(id(2)).exists() && store.root().join("jobs/mine").exists());
        assert!(store.record(id(1)).unwrap().is_some() && store.encoder(id(1)).is_err());
        assert_eq!(store.all_jobs(&store.load().unwrap()).unwrap(), [id(1)].into());
        assert_eq!(store.garbage([].into(), &[id(1)].into()).unwrap(), Garbage::default());
    }

    #[test]
    fn a_folder_among_a_jobs_files_is_said_before_anything_is_removed() {
        let (_folder, store) = two_jobs();
        fs::create_dir(store.job_folder(id(2)).join("mine")).unwrap();
        let message = store.garbage([id(1), id(2)].into(), &[].into()).unwrap_err().to_string();
        let message = message.replace(store.job_folder(id(2)).to_str().unwrap(), "JOB");
        insta::assert_snapshot!(message, @"JOB/mine is a folder among the files of a job: move it elsewhere to have them removed");
        fs::remove_dir(store.job_folder(id(2)).join("mine")).unwrap();
        store.garbage([id(1), id(2)].into(), &[].into()).unwrap();
    }

    #[test]
    fn a_fault_at_any_step_leaves_what_is_kept_and_the_next_collection_finishes() {
        let mut steps = 0;
        for fault in [Fault::CutKeeping, Fault::CutLosing, Fault::CutTearing, Fault::CutReordering, Fault::Full] {
            for step in 0.. {
                let (_folder, store) = two_jobs();
                let kept = (store.load().unwrap().jobs[&id(1)].clone(), store.verify(id(1)).unwrap());
                let collect = |store: &Store| {
                    let garbage = store.garbage(&store.all_jobs(&store.load()?)? - &[id(1)].into(), &[].into())?;
                    store.remove_garbage(&store.lock(&fixture::holder(0))?, &garbage)
                };
                let finished = collect(&Store::create_on(Faulty::new(fault, step), store.root()).unwrap()).is_ok();
                let now = (store.load().unwrap().jobs[&id(1)].clone(), store.verify(id(1)).unwrap());
                assert_eq!(now, kept, "{fault:?} at step {step}");
                // What is left of the other is all or no result.
                assert!(store.verify(id(2)).unwrap().is_some() || store.load().unwrap().record(id(2)).is_none());
                collect(&store).unwrap();
                assert!(!store.job_folder(id(2)).exists());
                assert_eq!(store.load().unwrap().jobs.len(), 1);
                if finished {
                    steps = step;
                    break;
                }
            }
        }
        assert!(steps > 8, "{steps}");
    }
}
