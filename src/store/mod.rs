//! The results folder: plain files, safe to read while one `run` writes. Nothing else knows the layout, and nothing here
//! decides what runs.
//!
//! ```text
//! <root>/FORMAT                        one line, `ablate store 1`
//! <root>/lock                          held by one `run` at a time; says by whom
//! <root>/journal.jsonl                 append-only: one checksummed line per event
//! <root>/jobs/<id>/job.json            what the job does; written before it starts
//! <root>/jobs/<id>/record.json         outcome of a finished job, with a checksum
//! <root>/jobs/<id>/encoder.safetensors its encoder; the hash is in the record
//! <root>/jobs/<id>/checkpoint.bin      state of an unfinished job: BLAKE3, then a safetensors file
//! <root>/jobs/<id>/metrics.csv         per-epoch metrics, written by the job
//! <root>/jobs/<id>/log.txt             what the job wrote to stderr
//! <root>/jobs/<id>/submission.json     what was handed to a cluster last
//! <root>/jobs/<id>/claim.json, .lock   which of several copies on a cluster may write
//! <root>/jobs/<id>/messages-<n>-<r>.jsonl  what a copy on a cluster says of its progress
//! <root>/code/<hash>.patch             changes of a program that was not at a commit
//! <root>/sweeps/<sweep>.json           which job each cell of a sweep asked for when it last ran
//! <root>/cluster/…                     identity of the store on a cluster, what scripts and a run in the background say
//! <root>/kernels/…                     compiled kernels and results of tuning for GPUs; not read by the store
//! <root>/tables/<sweep>/…              exports: tables, drawings, learning curves, one page with all of them
//! ```
//!
//! **Acknowledged means durable.** A call that returns `Ok` has written beside, synced, renamed and synced the folder, or
//! appended and synced; a power cut afterwards loses nothing. A call that fails or is cut off leaves either the old state
//! or the new one, never half of one.
//!
//! **Damage is noticed and costs one job.** Journal lines and records carry checksums, encoders a hash, and a job's
//! settings hash to its id. Whatever fails its check counts as not done, so that running again repairs it. A run
//! looks at the record of every job, and at a checkpoint before a job is to read it. The journal repeats the records, so a
//! folder may be removed to save space: its job only runs again if its checkpoint is needed.
//!
//! **Versions.** The number in `FORMAT` increases when an older program would misread the files, and older programs refuse
//! newer numbers. Within a number, fields may be added to records, so unknown fields are ignored; an event or metric that
//! a program does not know is refused, because leaving it out would show a wrong state.

mod asked;
mod bundle;
mod durable;
mod epochs;
mod error;
mod event;
mod fence;
mod format;
mod garbage;
mod jobs;
mod journal;
mod lock;
mod patch;
mod record;
mod snapshot;

#[cfg(test)]
mod crash;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod model;

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

pub use asked::{Asked, AskedJobs};
pub use bundle::{BundleFile, Content};
pub use epochs::{EPOCH_COLUMNS, EpochMetrics};
pub use error::{Error, ErrorKind};
pub use event::{Entry, JobEvent};
pub use fence::Token;
pub use garbage::Garbage;
pub use journal::JournalWriter;
pub use lock::{Holder, RunLock};
pub use record::{CodeVersion, Record};
pub use snapshot::{JobStatus, Snapshot};

use self::{
    durable::{Disk, RealDisk, create_folders, write_atomic},
    error::At,
};
use crate::plan::JobId;

/// A results folder.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    /// Of a copy of a job on a cluster.
    fence: Option<fence::Fence>,
}

impl Store {
    /// Opens the store for writing, after making it if there is none.
    pub fn create(root: &Path) -> Result<Self, Error> {
        Self::create_on(Arc::new(RealDisk), root)
    }

    fn create_on(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, Error> {
        let store = Self { root: root.to_owned(), disk, fence: None };
        if !store.has_format()? {
            // FORMAT comes last, so that where it is, everything else is.
            create_folders(&*store.disk, &root.join("jobs"))?;
            write_atomic(&*store.disk, &store.format_path(), format::LINE.as_bytes())?;
        }
        Ok(store)
    }

    /// Opens the store for reading; `None` if there is none.
    pub fn open(root: &Path) -> Result<Option<Self>, Error> {
        let store = Self { root: root.to_owned(), disk: Arc::new(RealDisk), fence: None };
        Ok(store.has_format()?.then_some(store))
    }

    /// Whether there is a store that this program understands.
    fn has_format(&self) -> Result<bool, Error> {
        match fs::metadata(&self.root) {
            Ok(metadata) if !metadata.is_dir() => return Err(ErrorKind::NotAFolder { path: self.root.clone() }.into()),
            Ok(_) => {}
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(source).at("open", &self.root),
        }
        let path = self.format_path();
        match fs::read(&path) {
            Ok(bytes) => format::check(&path, &bytes).map(|()| true),
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(source).at("read", &path),
            Err(_) if self.journal_path().exists() => Err(ErrorKind::FormatMissing { path }.into()),
            Err(_) => Ok(false),
        }
    }

    /// The results folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where everything about a job lies.
    pub fn job_folder(&self, id: JobId) -> PathBuf {
        self.root.join("jobs").join(id.to_string())
    }

    /// Where a job writes its per-epoch metrics: CSV with a header.
    pub fn metrics_path(&self, id: JobId) -> PathBuf {
        self.job_folder(id).join("metrics.csv")
    }

    /// Where a job's stderr goes.
    pub fn log_path(&self, id: JobId) -> PathBuf {
        self.job_folder(id).join("log.txt")
    }

    /// Where compiled kernels and results of tuning are kept for GPUs; nothing is lost with it but time.
    pub fn kernels_folder(&self) -> PathBuf {
        self.root.join("kernels")
    }

    fn format_path(&self) -> PathBuf {
        self.root.join("FORMAT")
    }

    fn journal_path(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Writes an export of a sweep, replacing an older one, and returns where it is.
    pub fn export(&self, sweep: &str, file: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
        for name in [sweep, file] {
            if !is_file_name(name) {
                return Err(ErrorKind::NotAFileName { name: name.to_owned() }.into());
            }
        }
        let folder = self.root.join("tables").join(sweep);
        create_folders(&*self.disk, &folder)?;
        let path = folder.join(file);
        write_atomic(&*self.disk, &path, bytes)?;
        Ok(path)
    }
}

/// Whether a name is that of a file and does not lead to another folder.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creating_twice_is_opening() {
        let folder = fixture::folder();
        let root = folder.path().join("deep/results");
        assert!(Store::open(&root).unwrap().is_none());
        for _ in 0..2 {
            Store::create(&root).unwrap();
            assert_eq!(fs::read_to_string(root.join("FORMAT")).unwrap(), "ablate store 1\n");
            assert_eq!(Store::open(&root).unwrap().unwrap().root(), root);
        }
    }

    #[test]
    fn a_folder_with_other_things_is_no_store_but_can_become_one() {
        let folder = fixture::folder();
        fs::write(folder.path().join("README"), "mine").unwrap();
        assert!(Store::open(folder.path()).unwrap().is_none());
        Store::create(folder.path()).unwrap();
        assert_eq!(fs::read(folder.path().join("README")).unwrap(), b"mine");
    }

    #[test]
    fn a_file_is_not_a_store() {
        let folder = fixture::folder();
        let root = folder.path().join("results");
        fs::write(&root, "").unwrap();
        for error in [Store::open(&root).unwrap_err(), Store::create(&root).unwrap_err()] {
            assert!(matches!(error.kind(), ErrorKind::NotAFolder { .. }));
        }
        let below = root.join("below");
        for error in [Store::open(&below).unwrap_err(), Store::create(&below).unwrap_err()] {
            assert!(matches!(error.kind(), ErrorKind::Io { .. }));
        }
    }

    #[test]
    fn a_journal_without_a_format_is_refused() {
        let folder = fixture::folder();
        Store::create(folder.path()).unwrap();
        fs::write(folder.path().join("journal.jsonl"), "").unwrap();
        fs::remove_file(folder.path().join("FORMAT")).unwrap();
        for error in [Store::open(folder.path()).unwrap_err(), Store::create(folder.path()).unwrap_err()] {
            assert!(matches!(error.kind(), ErrorKind::FormatMissing { .. }));
        }
    }

    #[test]
    fn exports_stay_in_their_folder() {
        let folder = fixture::folder();
        let store = Store::create(folder.path()).unwrap();
        for content in ["old", "new"] {
            let path = store.export("table1", "top1.md", content.as_bytes()).unwrap();
            assert_eq!(path, folder.path().join("tables/table1/top1.md"));
            assert_eq!(fs::read_to_string(path).unwrap(), content);
        }
        for wrong in ["", ".", "..", "/", "/x", "a/b", "a/", "../a"] {
            for (sweep, file) in [(wrong, "a"), ("a", wrong)] {
                let error = store.export(sweep, file, b"").unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::NotAFileName { .. }), "{wrong}");
            }
        }
    }
}
