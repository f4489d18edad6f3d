//! Jobs on a cluster: how often each was handed to it, and which of several copies that may run at the same time may
//! write.
//!
//! A cluster may start a job again while the first copy still runs, on a node that it has lost sight of, or forget a job
//! that then runs all the same. Each copy has a [`Token`], claims the job at its start, and may write a checkpoint, an
//! encoder or a record only while no other copy has claimed it since.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Error, ErrorKind, Store,
    durable::{create_folders, write_atomic},
    error::At,
    jobs::{read_sealed, sealed},
};
use crate::plan::JobId;

/// How long to wait for a copy that is writing.
const PATIENCE: Duration = Duration::from_secs(300);
/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Which copy of a job this is: a later one has the larger token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token {
    /// Number of the submission, counted from 1 for each job.
    pub submission: u64,
    /// How often the cluster has started that submission again.
    pub restart: u32,
}

/// The content of `claim.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    token: Token,
    /// Tells copies of the same token apart, as there may be after the cluster lost its memory.
    copy: String,
}

/// What a store that is fenced checks before it writes.
#[derive(Clone, Debug)]
pub(super) struct Fence {
    job: JobId,
    claim: Claim,
}

impl Store {
    /// What an executor keeps of the submission of a job to a cluster, as it was kept last; only the executor knows its form.
    pub fn submission<T: DeserializeOwned>(&self, job: JobId) -> Result<Option<T>, Error> {
        read_sealed(&self.submission_path(job))
    }

    /// Keeps that of a job, whose folder is there.
    pub fn keep_submission(&self, job: JobId, submission: &impl Serialize) -> Result<(), Error> {
        let path = self.submission_path(job);
        write_atomic(&*self.disk, &path, sealed(submission, &path)?.as_bytes())
    }

    /// Claims a job for a copy of it, which has this name: the store that is returned writes what the job makes only as
    /// long as no other copy claims it. Refused if one with a larger token has.
    pub fn claim(&self, job: JobId, token: Token, copy: String) -> Result<Self, Error> {
        let claim = Claim { token, copy };
        let _lock = self.lock_claim(job)?;
        if let Some(other) = self.claimed(job)?.filter(|other| other.token > token) {
            return Err(ErrorKind::Superseded { job, own: token, other: other.token }.into());
        }
        let path = self.claim_path(job);
        write_atomic(&*self.disk, &path, sealed(&claim, &path)?.as_bytes())?;
        Ok(Self { fence: Some(Fence { job, claim }), ..self.clone() })
    }

    /// Keeps all copies of a submission from writing anything more; they end when they notice.
    pub fn revoke(&self, job: JobId, submission: u64) -> Result<(), Error> {
        match self.claim(job, Token { submission, restart: u32::MAX }, "revoked".to_owned()) {
            // A later one has done so already.
            Err(error) if matches!(error.kind(), ErrorKind::Superseded { .. }) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Whether this copy of a job may still write; always, if it was not claimed.
    pub fn check_claim(&self, job: JobId) -> Result<(), Error> {
        let Some(Fence { claim, .. }) = self.fence.as_ref().filter(|fence| fence.job == job) else { return Ok(()) };
        match self.claimed(job)? {
            Some(other) if other != *claim => {
                Err(ErrorKind::Superseded { job, own: claim.token, other: other.token }.into())
            }
            Some(_) => Ok(()),
            None => Err(ErrorKind::ClaimGone { path: self.claim_path(job) }.into()),
        }
    }

    /// Keeps other copies from claiming the job until the answer is dropped, if this store is fenced; refused to a copy
    /// that has been superseded.
    pub(super) fn hold_claim(&self, job: JobId) -> Result<Option<File>, Error> {
        if self.fence.as_ref().is_none_or(|fence| fence.job != job) {
            return Ok(None);
        }
        let lock = self.lock_claim(job)?;
        self.check_claim(job)?;
        Ok(Some(lock))
    }

    /// The number of the submission that this store's copy belongs to.
    pub fn own_submission(&self) -> Option<u64> {
        self.fence.as_ref().map(|fence| fence.claim.token.submission)
    }

    /// Where a copy of a job writes its messages, each on a line.
    pub fn messages_path(&self, job: JobId, token: Token) -> PathBuf {
        self.job_folder(job).join(format!("messages-{}-{}.jsonl", token.submission, token.restart))
    }

    /// Where the scripts of a cluster write what they have to say, and a run in the background its output.
    pub fn cluster_folder(&self) -> PathBuf {
        self.root.join("cluster")
    }

    /// A word that no other store has, by which a cluster's jobs are known to be of this one: `fresh` if there is none yet.
    pub fn identity(&self, fresh: &str) -> Result<String, Error> {
        let path = self.cluster_folder().join("identity");
        match fs::read_to_string(&path) {
            Ok(identity) if !identity.trim().is_empty() => Ok(identity.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("read", &path),
            _ => {
                create_folders(&*self.disk, &self.cluster_folder())?;
                write_atomic(&*self.disk, &path, format!("{fresh}\n").as_bytes())?;
                Ok(fresh.to_owned())
            }
        }
    }

    /// Makes the folder of a cluster's scripts.
    pub fn make_cluster_folder(&self) -> Result<(), Error> {
        create_folders(&*self.disk, &self.cluster_folder())
    }

    fn claimed(&self, job: JobId) -> Result<Option<Claim>, Error> {
        read_sealed(&self.claim_path(job))
    }

    fn lock_claim(&self, job: JobId) -> Result<File, Error> {
        let path = self.job_folder(job).join("claim.lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).at("open", &path)?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if begin.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::from(io::ErrorKind::TimedOut)).at("lock", &path);
                }
                Err(TryLockError::Error(source)) => return Err(source).at("lock", &path),
            }
        }
    }

    fn submission_path(&self, job: JobId) -> PathBuf {
        self.job_folder(job).join("submission.json")
    }

    fn claim_path(&self, job: JobId) -> PathBuf {
        self.job_folder(job).join("claim.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    fn token(submission: u64, restart: u32) -> Token {
        Token { submission, restart }
    }

    /// What a copy can do: keep a checkpoint, publish, drop the checkpoint.
    fn writes(store: &Store) -> [bool; 3] {
        [
            store.keep_checkpoint(fixture::id(1), b"state").is_ok(),
            store.publish(fixture::record(1), Some(b"weights")).is_ok(),
            store.drop_checkpoint(fixture::id(1)).is_ok(),
        ]
    }

    #[test]
    fn only_the_copy_that_claimed_last_may_write() {
        let (_folder, store) = fixture::store();
        store.write_job(&fixture::job(1)).unwrap();
        let claim = |token, copy: &str| store.claim(fixture::id(1), token, copy.to_owned());
        let first = claim(token(1, 0), "a").unwrap();
        assert_eq!(writes(&first), [true; 3]);
        assert_eq!(store.record(fixture::id(1)).unwrap().unwrap().submission, Some(1));
        let again = claim(token(1, 1), "b").unwrap();
        assert_eq!((writes(&first), writes(&again)), ([false; 3], [true; 3]));
        let next = claim(token(2, 0), "c").unwrap();
        assert_eq!((writes(&again), writes(&next)), ([false; 3], [true; 3]));
        let message = claim(token(1, 9), "d").unwrap_err().to_string().replace(&fixture::id(1).to_string(), "ID");
        insta::assert_snapshot!(message, @"job ID was taken over by submission 2, start 1: this copy, of submission 1, start 10, ends and writes nothing more");
        // A cluster that lost its memory gives the same token twice.
        let twin = claim(token(2, 0), "e").unwrap();
        assert_eq!((writes(&next), writes(&twin)), ([false; 3], [true; 3]));
        assert!(twin.check_claim(fixture::id(1)).is_ok() && next.check_claim(fixture::id(1)).is_err());
        // Claims of one job say nothing of others.
        assert!(next.publish(fixture::record(2), None).is_ok());
    }

    #[test]
    fn a_revoked_submission_writes_nothing_and_the_next_one_does() {
        let (_folder, store) = fixture::store();
        store.write_job(&fixture::job(1)).unwrap();
        let copy = store.claim(fixture::id(1), token(1, 3), "a".to_owned()).unwrap();
        store.revoke(fixture::id(1), 1).unwrap();
        assert_eq!(writes(&copy), [false; 3]);
        assert!(store.claim(fixture::id(1), token(1, 4), "b".to_owned()).is_err());
        let next = store.claim(fixture::id(1), token(2, 0), "c".to_owned()).unwrap();
        store.revoke(fixture::id(1), 1).unwrap();
        assert_eq!(writes(&next), [true; 3]);
    }

    #[test]
    fn a_copy_whose_claim_was_removed_writes_nothing() {
        let (_folder, store) = fixture::store();
        store.write_job(&fixture::job(1)).unwrap();
        let copy = store.claim(fixture::id(1), token(1, 0), "a".to_owned()).unwrap();
        fs::remove_file(store.claim_path(fixture::id(1))).unwrap();
        assert_eq!(writes(&copy), [false; 3]);
    }

    #[test]
    fn writing_waits_for_a_claim_that_is_being_made() {
        let (_folder, store) = fixture::store();
        store.write_job(&fixture::job(1)).unwrap();
        let copy = store.claim(fixture::id(1), token(1, 0), "a".to_owned()).unwrap();
        let lock = store.lock_claim(fixture::id(1)).unwrap();
        let writing = thread::spawn(move || copy.keep_checkpoint(fixture::id(1), b"state"));
        // Another one claims the job before the lock is given back; the writer sees that, whenever it began to wait.
        let claim = Claim { token: token(1, 1), copy: "b".to_owned() };
        let path = store.claim_path(fixture::id(1));
        write_atomic(&*store.disk, &path, sealed(&claim, &path).unwrap().as_bytes()).unwrap();
        drop(lock);
        assert!(writing.join().unwrap().is_err());
        assert_eq!(store.kept_checkpoint(fixture::id(1)).unwrap(), None);
    }

    #[test]
    fn a_store_keeps_its_identity() {
        let (_folder, store) = fixture::store();
        assert_eq!(store.identity("first").unwrap(), "first");
        assert_eq!(store.identity("second").unwrap(), "first");
    }
}
