//! The lock that keeps two runs from working on one store.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{Error, ErrorKind, Store, error::At};

/// Who holds the lock; kept in the lock file for the message that others get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process number.
    pub pid: u32,
    /// Name of the machine.
    pub host: String,
    /// When it took the lock, in seconds since 1970 (UTC).
    pub started_unix: u64,
}

/// The right to change the store; given up when dropped, and by the operating system when the process ends.
#[derive(Debug)]
pub struct RunLock {
    /// The lock belongs to the open file. Its name stays: removing it would let two runs lock two files.
    _file: File,
}

impl Store {
    /// Takes the lock in the name of `holder`, or says who has it.
    pub fn lock(&self, holder: &Holder) -> Result<RunLock, Error> {
        let path = self.lock_path();
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).at("open", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(source).at("lock", &path),
            Err(TryLockError::WouldBlock) => {
                let other = holder_in(&path);
                let since = other.as_ref().map_or(0, |other| other.started_unix);
                let seconds = holder.started_unix.saturating_sub(since);
                return Err(ErrorKind::Locked { root: self.root.clone(), holder: other, seconds }.into());
            }
        }
        let text = serde_json::to_vec(holder).map_err(|source| ErrorKind::NotJson { path: path.clone(), source })?;
        file.set_len(0).and_then(|()| file.write_all(&text)).at("write", &path)?;
        Ok(RunLock { _file: file })
    }

    /// Who took the lock last, whether that run is still at work or not.
    pub fn holder(&self) -> Option<Holder> {
        holder_in(&self.lock_path())
    }

    /// When the run that holds the lock took it, in seconds since 1970 (UTC); `None` if no run is at work, 0 if it has
    /// not said yet. Writes nothing, so it works in a folder that may only be read; but a run that begins in this very
    /// moment finds the lock taken.
    pub fn in_use_since(&self) -> Result<Option<u64>, Error> {
        let path = self.lock_path();
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.at("open", &path)?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(holder_in(&path).map_or(0, |holder| holder.started_unix))),
            Err(TryLockError::Error(source)) => Err(source).at("ask for the lock of", &path),
        }
    }
}

/// Who says in the lock file that the lock is his; `None` while that is being written.
fn holder_in(path: &Path) -> Option<Holder> {
    fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    #[test]
    fn one_run_at_a_time() {
        let (_folder, store) = fixture::store();
        let lock = store.lock(&fixture::holder(1000)).unwrap();
        let error = store.lock(&fixture::holder(1000 + 754)).unwrap_err();
        let message = error.to_string().replace(store.root().to_str().unwrap(), "results");
        insta::assert_snapshot!(message, @"results is in use by process 42 on node7 for 12 min: wait for it or choose another results folder");
        drop(lock);
        store.lock(&fixture::holder(2000)).unwrap();
    }

    #[test]
    fn asking_whether_a_run_is_at_work_changes_nothing() {
        let (_folder, store) = fixture::store();
        assert_eq!(store.in_use_since().unwrap(), None);
        assert!(!store.lock_path().exists());
        let lock = store.lock(&fixture::holder(1000)).unwrap();
        let text = fs::read(store.lock_path()).unwrap();
        assert_eq!(store.in_use_since().unwrap(), Some(1000));
        drop(lock);
        assert_eq!(store.in_use_since().unwrap(), None);
        assert_eq!(fs::read(store.lock_path()).unwrap(), text);
        store.lock(&fixture::holder(2000)).unwrap();
    }

    #[test]
    fn an_unreadable_holder_and_a_clock_that_went_back_do_no_harm() {
        let (_folder, store) = fixture::store();
        let _lock = store.lock(&fixture::holder(1000)).unwrap();
        let error = store.lock(&fixture::holder(1)).unwrap_err();
        assert!(error.to_string().contains("for 0 min"), "{error}");
        fs::write(store.lock_path(), b"\xff").unwrap();
        let error = store.lock(&fixture::holder(1)).unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
    }
}
