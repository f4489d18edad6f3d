//! The append-only journal: `<16 hexadecimal digits of checksum> <compact JSON of an entry>`, one line per event.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;

use super::{
    Disk, Entry, Error, ErrorKind, JobEvent, RunLock, Snapshot, Store, durable::parent, error::At, record::checksum,
};

/// Appends to the journal; holds the lock of the run.
#[derive(Debug)]
pub struct JournalWriter {
    file: File,
    path: PathBuf,
    disk: Arc<dyn Disk>,
    /// Bytes that are acknowledged.
    length: u64,
    /// Whether there may be more than that in the file.
    torn: bool,
    lock: RunLock,
}

impl Store {
    /// The state of all jobs. May be called while another process writes.
    pub fn load(&self) -> Result<Snapshot, Error> {
        Ok(self.replay()?.0)
    }

    /// Length of the journal in bytes, which every event makes longer.
    pub fn journal_length(&self) -> Result<u64, Error> {
        let path = self.journal_path();
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            result => Ok(result.at("read", &path)?.len()),
        }
    }

    /// Opens the journal for appending, and tells the state from which it goes on. A line that an earlier run did not
    /// finish is reported in the snapshot's problems and removed.
    pub fn journal(&self, lock: RunLock) -> Result<(Snapshot, JournalWriter), Error> {
        let path = self.journal_path();
        let disk = Arc::clone(&self.disk);
        if !path.exists() {
            disk.create_file(&path).at("create", &path)?;
        }
        // Also when it exists: the run that made it may have ended before this.
        disk.sync_folder(parent(&path)).at("sync", parent(&path))?;
        let (snapshot, length) = self.replay()?;
        let file = OpenOptions::new().append(true).open(&path).at("open", &path)?;
        let torn = file.metadata().at("read", &path)?.len() != length;
        let mut writer = JournalWriter { file, path, disk, length, torn, lock };
        writer.repair()?;
        Ok((snapshot, writer))
    }

    /// The state of all jobs, and the length of the whole lines in bytes.
    fn replay(&self) -> Result<(Snapshot, u64), Error> {
        let path = self.journal_path();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Snapshot::default(), 0)),
            result => result.at("read", &path)?,
        };
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let mut snapshot = Snapshot::default();
        let lines: Vec<&[u8]> = bytes[..whole].split_inclusive(|&byte| byte == b'\n').collect();
        let entries: Vec<_> = lines.par_iter().map(|line| decode(&line[..line.len() - 1])).collect();
        for (index, entry) in entries.into_iter().enumerate() {
            match entry {
                Ok(Some(entry)) => snapshot.apply(&entry),
                Ok(None) => snapshot.problems.push(format!(
                    "{}:{}: damaged line passed over; the next run adopts what its job has finished, or runs it again",
                    path.display(),
                    index + 1
                )),
                Err(source) => return Err(ErrorKind::NewerContent { path, line: Some(index + 1), source }.into()),
            }
        }
        if whole < bytes.len() {
            snapshot.problems.push(format!(
                "{}: the last line is incomplete and left out; it is being written, or a run was cut off",
                path.display()
            ));
        }
        Ok((snapshot, whole as u64))
    }
}

impl JournalWriter {
    /// The lock of the run.
    pub fn lock(&self) -> &RunLock {
        &self.lock
    }

    /// Appends events in this order. After an error none of them counts, and the same call may be made again.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let mut lines = String::new();
        for entry in entries {
            lines.push_str(&encode(entry, &self.path)?);
        }
        self.repair()?;
        if lines.is_empty() {
            return Ok(());
        }
        self.torn = true;
        let written = self.disk.write(&self.file, &self.path, lines.as_bytes());
        written.and_then(|()| self.disk.sync(&self.file, &self.path)).at("append to", &self.path)?;
        self.length += lines.len() as u64;
        self.torn = false;
        Ok(())
    }

    /// Cuts off what was not acknowledged, so that the next line starts on its own.
    fn repair(&mut self) -> Result<(), Error> {
        if self.torn {
            // Needs no sync: that of the next append covers it, and until then the torn end is dropped again on reading.
            self.disk.truncate(&self.file, &self.path, self.length).at("repair", &self.path)?;
            self.torn = false;
        }
        Ok(())
    }
}

fn encode(entry: &Entry, path: &Path) -> Result<String, Error> {
    if let JobEvent::Succeeded { record } = &entry.event {
        record.check()?;
    }
    let json = serde_json::to_string(entry).map_err(|source| ErrorKind::NotJson { path: path.to_owned(), source })?;
    Ok(format!("{} {json}\n", checksum(json.as_bytes())))
}

/// The entry of a line; `None` if it is damaged, an error if it is sound but unknown.
pub(super) fn decode(line: &[u8]) -> Result<Option<Entry>, serde_json::Error> {
    match line.split_at_checked(17) {
        Some((sum, json)) if *sum == *format!("{} ", checksum(json)).as_bytes() => {
            serde_json::from_slice(json).map(Some)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    /// A journal of four events, and the snapshots after none, one, … of them.
    fn four_events() -> (tempfile::TempDir, Store, Vec<u8>, Vec<Snapshot>) {
        let (folder, store) = fixture::store();
        let (mut snapshot, mut journal) = store.journal(store.lock(&fixture::holder(0)).unwrap()).unwrap();
        let mut snapshots = vec![snapshot.clone()];
        for entry in [
            fixture::started(1),
            fixture::succeeded(&fixture::record(1)),
            fixture::started(2),
            Entry { time_unix_ms: 3, job: fixture::id(2), event: JobEvent::Interrupted },
        ] {
            journal.append(std::slice::from_ref(&entry)).unwrap();
            snapshot.apply(&entry);
            snapshots.push(snapshot.clone());
        }
        let bytes = fs::read(store.journal_path()).unwrap();
        (folder, store, bytes, snapshots)
    }

    #[test]
    fn a_store_without_a_journal_and_one_with_an_empty_journal_know_nothing() {
        let (_folder, store) = fixture::store();
        assert_eq!(store.load().unwrap(), Snapshot::default());
        fs::write(store.journal_path(), "").unwrap();
        assert_eq!(store.load().unwrap(), Snapshot::default());
    }

    #[test]
    fn the_last_event_counts_and_a_record_stays() {
        let (_folder, store, _, snapshots) = four_events();
        let snapshot = store.load().unwrap();
        assert_eq!(snapshot, snapshots[4]);
        assert_eq!(snapshot.record(fixture::id(1)), Some(&fixture::record(1)));
        assert_eq!(snapshot.jobs[&fixture::id(2)].state, JobEvent::Interrupted);
        assert_eq!((snapshot.jobs[&fixture::id(2)].attempts, snapshot.record(fixture::id(2))), (1, None));
        let mut again = snapshot;
        again.apply(&fixture::started(1));
        assert_eq!((again.jobs[&fixture::id(1)].attempts, again.record(fixture::id(1)).is_some()), (2, true));
    }

    #[test]
    fn a_journal_cut_anywhere_keeps_its_whole_lines_and_goes_on() {
        let (_folder, store, bytes, snapshots) = four_events();
        for length in 0..bytes.len() {
            fs::write(store.journal_path(), &bytes[..length]).unwrap();
            let lines = bytes[..length].iter().filter(|&&byte| byte == b'\n').count();
            let torn = length > 0 && bytes[length - 1] != b'\n';

            let seen = store.load().unwrap();
            assert_eq!(seen.jobs, snapshots[lines].jobs);
            assert_eq!(seen.problems.len(), usize::from(torn), "{:?}", seen.problems);

            let (opened, mut journal) = store.journal(store.lock(&fixture::holder(0)).unwrap()).unwrap();
            assert_eq!(opened, seen);
            journal.append(&[fixture::started(3)]).unwrap();
            let after = store.load().unwrap();
            assert_eq!(after.jobs.len(), snapshots[lines].jobs.len() + 1);
            assert!(after.problems.is_empty());
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_line_and_at_most_the_next() {
        let (_folder, store, bytes, _) = four_events();
        let entries: Vec<_> = bytes.split(|&byte| byte == b'\n').filter_map(|line| decode(line).unwrap()).collect();
        assert_eq!(entries.len(), 4);
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1 << (index % 8);
            fs::write(store.journal_path(), &damaged).unwrap();
            let seen = store.load().unwrap();
            assert!(!seen.problems.is_empty(), "byte {index}");
            let line = bytes[..index].iter().filter(|&&byte| byte == b'\n').count();
            // A newline that is one no more joins two lines.
            let lost = if bytes[index] == b'\n' { line..=line + 1 } else { line..=line };
            let mut expected = Snapshot::default();
            entries.iter().enumerate().filter(|(n, _)| !lost.contains(n)).for_each(|(_, entry)| expected.apply(entry));
            assert_eq!(seen.jobs, expected.jobs, "byte {index}");
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_named() {
        let (_folder, store, mut bytes, _) = four_events();
        bytes[0] = b'!';
        fs::write(store.journal_path(), &bytes).unwrap();
        let problems = store.load().unwrap().problems.join("\n").replace(store.root().to_str().unwrap(), "results");
        insta::assert_snapshot!(problems, @"results/journal.jsonl:1: damaged line passed over; the next run adopts what its job has finished, or runs it again");
    }

    #[test]
    fn events_of_newer_versions_are_refused() {
        let (_folder, store, mut bytes, _) = four_events();
        let json = serde_json::to_string(&fixture::started(1)).unwrap().replace("Started", "Teleported");
        bytes.extend(format!("{} {json}\n", checksum(json.as_bytes())).into_bytes());
        fs::write(store.journal_path(), &bytes).unwrap();
        let error = store.load().unwrap_err();
        let message = error.to_string().replace(store.root().to_str().unwrap(), "results");
        insta::assert_snapshot!(message, @"results/journal.jsonl:5 was written by another version and holds something unknown to this one: update ablate");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("Teleported"));
    }

    #[test]
    fn lines_that_are_not_text_are_damaged() {
        let (_folder, store, _, _) = four_events();
        fs::write(store.journal_path(), b"\xff\xfe\n\n\0\0\0\0\n").unwrap();
        let seen = store.load().unwrap();
        assert_eq!((seen.jobs.len(), seen.problems.len()), (0, 3));
    }

    #[test]
    fn readers_see_only_whole_events_while_another_writes() {
        let (_folder, store) = fixture::store();
        let (_, mut journal) = store.journal(store.lock(&fixture::holder(0)).unwrap()).unwrap();
        let seen = std::thread::scope(|scope| {
            let writer = scope.spawn(move || (0..300).for_each(|_| journal.append(&[fixture::started(1)]).unwrap()));
            let mut seen = vec![];
            while !writer.is_finished() {
                seen.push(store.load().unwrap().jobs.values().map(|status| status.attempts).sum::<u32>());
            }
            seen
        });
        assert!(seen.is_sorted());
        assert_eq!(store.load().unwrap().jobs[&fixture::id(1)].attempts, 300);
    }

    #[test]
    fn numbers_that_could_not_be_read_back_are_not_written() {
        let (_folder, store, bytes, _) = four_events();
        let (_, mut journal) = store.journal(store.lock(&fixture::holder(0)).unwrap()).unwrap();
        let mut record = fixture::record(1);
        record.wall_seconds = f64::NAN;
        assert!(journal.append(&[fixture::started(3), fixture::succeeded(&record)]).is_err());
        assert_eq!(fs::read(store.journal_path()).unwrap(), bytes);
    }
}
