//! What a sweep asked for when it last ran: the job behind each of its cells, and the one before the sweep was changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::{
    Error, ErrorKind, Snapshot, Store,
    durable::{create_folders, write_atomic},
    error::At,
    jobs::{read_sealed, sealed},
};
use crate::plan::JobId;

/// The jobs that a sweep asked for, by the names of its cells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The sweep's file, from the folder of the store, and its profile. Another one under the same name is another
    /// sweep.
    pub source: String,
    /// The cells.
    pub cells: BTreeMap<String, AskedJobs>,
    /// Jobs that it asked for in earlier runs, and no more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dropped: BTreeSet<JobId>,
}

/// The jobs of one cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedJobs {
    /// The one asked for last.
    pub job: JobId,
    /// The last finished one before the sweep was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<JobId>,
}

impl Asked {
    /// What is asked for now; of what the same sweep asked for before, the latest finished job of each cell is kept in
    /// mind.
    pub fn next(&self, source: String, cells: impl IntoIterator<Item = (String, JobId)>, snapshot: &Snapshot) -> Self {
        let of_cell = |(cell, job): (String, JobId)| {
            let earlier = self.earlier(&source, &cell, job, snapshot);
            (cell, AskedJobs { job, earlier })
        };
        let cells = cells.into_iter().map(of_cell).collect();
        let mut next = Self { source, cells, dropped: BTreeSet::new() };
        let (before, now) = (self.jobs(), next.jobs());
        let dropped = before.union(&self.dropped).filter(|job| !now.contains(job));
        next.dropped = dropped.filter(|job| snapshot.jobs.contains_key(job)).copied().collect();
        next
    }

    /// The finished job that a cell of the sweep from `source` asked for before it asked for `job`, if it asked for
    /// another.
    pub fn earlier(&self, source: &str, cell: &str, job: JobId, snapshot: &Snapshot) -> Option<JobId> {
        let before = self.cells.get(cell).filter(|_| self.source == source)?;
        let finished = |other: &JobId| *other != job && snapshot.record(*other).is_some();
        Some(before.job).filter(finished).or(before.earlier.filter(finished))
    }

    /// All jobs that the cells ask for.
    pub fn jobs(&self) -> BTreeSet<JobId> {
        self.cells.values().map(|asked| asked.job).collect()
    }
}

impl Store {
    /// What a sweep asked for when it last ran; `None` if it never did.
    pub fn asked(&self, sweep: &str) -> Result<Option<Asked>, Error> {
        read_sealed(&self.asked_path(sweep)?)
    }

    /// Keeps what a sweep asks for, replacing what it asked for before.
    pub fn keep_asked(&self, sweep: &str, asked: &Asked) -> Result<(), Error> {
        let path = self.asked_path(sweep)?;
        create_folders(&*self.disk, &self.sweeps_folder())?;
        write_atomic(&*self.disk, &path, sealed(asked, &path)?.as_bytes())
    }

    /// The names of all sweeps that ever ran in this store, in order.
    pub fn asking_sweeps(&self) -> Result<Vec<String>, Error> {
        let folder = self.sweeps_folder();
        let files = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            result => result.at("read", &folder)?,
        };
        let mut names = Vec::new();
        for file in files {
            let name = file.at("read", &folder)?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".json")).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Forgets that a sweep ever ran; its results stay.
    pub fn forget_asked(&self, sweep: &str) -> Result<(), Error> {
        let path = self.asked_path(sweep)?;
        self.disk.remove(&path).at("remove", &path)?;
        self.disk.sync_folder(&self.sweeps_folder()).at("sync", &self.sweeps_folder())
    }

    fn sweeps_folder(&self) -> PathBuf {
        self.root.join("sweeps")
    }

    fn asked_path(&self, sweep: &str) -> Result<PathBuf, Error> {
        if !super::is_file_name(sweep) {
            return Err(ErrorKind::NotAFileName { name: sweep.to_owned() }.into());
        }
        Ok(self.sweeps_folder().join(format!("{sweep}.json")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture::{self, id};

    fn asked(job: u64, earlier: Option<u64>, dropped: &[u64]) -> Asked {
        Asked {
            source: "a.ron".to_owned(),
            cells: [("cell".to_owned(), AskedJobs { job: id(job), earlier: earlier.map(id) })].into(),
            dropped: dropped.iter().map(|&seed| id(seed)).collect(),
        }
    }

    fn next(before: &Asked, job: u64, finished: &[u64]) -> Asked {
        let mut snapshot = Snapshot::default();
        finished.iter().for_each(|&seed| snapshot.apply(&fixture::succeeded(&fixture::record(seed))));
        before.next("a.ron".to_owned(), [("cell".to_owned(), id(job))], &snapshot)
    }

    #[test]
    fn the_latest_finished_job_of_a_changed_cell_is_kept_in_mind() {
        let first = next(&Asked::default(), 1, &[]);
        assert_eq!(first, asked(1, None, &[]));
        assert_eq!(next(&first, 2, &[]), asked(2, None, &[]), "1 never ran");
        let second = next(&first, 2, &[1]);
        assert_eq!(second, asked(2, Some(1), &[1]));
        assert_eq!(next(&second, 2, &[1]), second, "asking again changes nothing");
        assert_eq!(next(&second, 3, &[1]), asked(3, Some(1), &[1]), "2 never ran");
        assert_eq!(next(&second, 3, &[1, 2]), asked(3, Some(2), &[1, 2]));
        assert_eq!(next(&second, 1, &[1]), asked(1, None, &[]), "back to what it was");
        assert_eq!(next(&second, 2, &[]), asked(2, None, &[]), "1 was removed");
        let other = Asked { source: "b.ron".to_owned(), ..first };
        assert_eq!(next(&other, 2, &[1]), asked(2, None, &[1]), "another sweep of the same name");
    }

    #[test]
    fn what_sweeps_asked_for_reads_back() {
        let (_folder, store) = fixture::store();
        assert_eq!((store.asked("a").unwrap(), store.asking_sweeps().unwrap()), (None, vec![]));
        for (sweep, job) in [("b", 1), ("a", 2), ("a", 3)] {
            store.keep_asked(sweep, &asked(job, Some(0), &[4])).unwrap();
        }
        assert_eq!(store.asked("a").unwrap(), Some(asked(3, Some(0), &[4])));
        assert_eq!(store.asking_sweeps().unwrap(), ["a", "b"]);
        store.forget_asked("a").unwrap();
        assert_eq!((store.asked("a").unwrap(), store.asking_sweeps().unwrap()), (None, vec!["b".to_owned()]));
        assert!(matches!(store.asked("../a").unwrap_err().kind(), ErrorKind::NotAFileName { .. }));
    }
}
