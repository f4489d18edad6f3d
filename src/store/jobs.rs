//! The folder of one job: its settings before it runs, its encoder and record when it is done.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Entry, Error, ErrorKind, JobEvent, JournalWriter, Record, Snapshot, Store,
    durable::{BESIDE, create_folders, write_atomic},
    error::At,
    record::{seal, unseal},
};
use crate::{
    plan::{Job, JobId, Versions},
    recipe::JobSpec,
};

/// The content of `job.json`.
#[derive(Serialize, Deserialize)]
struct JobFile {
    id: JobId,
    kind: String,
    parents: Vec<JobId>,
    folder: Option<PathBuf>,
    spec: JobSpec,
    #[serde(default, skip_serializing_if = "Versions::are_first")]
    versions: Versions,
}

impl Store {
    /// Makes a job's folder and writes what the job does, so that [`Store::job`] finds it in another process.
    pub fn write_job(&self, job: &Job) -> Result<(), Error> {
        let folder = self.job_folder(job.id);
        create_folders(&*self.disk, &folder)?;
        self.remove_leftovers(&folder)?;
        let path = folder.join("job.json");
        let Job { id, spec, parents, folder, versions } = job.clone();
        let file = JobFile { id, kind: spec.kind().to_owned(), parents, folder, spec: JobSpec::clone(&spec), versions };
        write_atomic(&*self.disk, &path, sealed(&file, &path)?.as_bytes())
    }

    /// Removes what killed processes left beside the files of a job.
    fn remove_leftovers(&self, folder: &Path) -> Result<(), Error> {
        for file in fs::read_dir(folder).at("read", folder)? {
            let file = file.at("read", folder)?;
            if file.file_name().to_string_lossy().contains(BESIDE) {
                match self.disk.remove(&file.path()) {
                    // Its process was alive after all, and has just put it in place.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    result => result.at("remove", &file.path())?,
                }
            }
        }
        Ok(())
    }

    /// What a job does, as [`Store::write_job`] wrote it, by whatever version of the program.
    pub fn job(&self, id: JobId) -> Result<Job, Error> {
        let path = self.job_folder(id).join("job.json");
        let file: JobFile = read_sealed(&path)?.ok_or(ErrorKind::NotDone { job: id, what: "job.json" })?;
        let job = Job::with_versions(file.spec, file.parents, file.folder, file.versions);
        if job.id != id {
            return Err(ErrorKind::Damaged { path, reason: "describes another job" }.into());
        }
        Ok(job)
    }

    /// Stores the outcome of a job, its encoder first, and returns the record with the encoder's hash filled in.
    ///
    /// Cut off between the two while it replaces another outcome, it leaves a record that does not fit the encoder:
    /// noticed on reading, and repaired by running again.
    pub fn publish(&self, record: Record, encoder: Option<&[u8]>) -> Result<Record, Error> {
        record.check()?;
        let checkpoint = encoder.map(|bytes| blake3::hash(bytes).to_hex().to_string());
        let record = Record { checkpoint, submission: self.own_submission(), ..record };
        let (path, _claim) = (self.record_path(record.job), self.hold_claim(record.job)?);
        let text = sealed(&record, &path)?;
        let folder = self.job_folder(record.job);
        create_folders(&*self.disk, &folder)?;
        self.remove_leftovers(&folder)?;
        if let Some(bytes) = encoder {
            write_atomic(&*self.disk, &self.encoder_path(record.job), bytes)?;
        }
        write_atomic(&*self.disk, &path, text.as_bytes())?;
        Ok(record)
    }

    /// Keeps the state of an unfinished job, replacing an earlier one.
    pub fn keep_checkpoint(&self, id: JobId, bytes: &[u8]) -> Result<(), Error> {
        let mut content = blake3::hash(bytes).as_bytes().to_vec();
        content.extend_from_slice(bytes);
        let _claim = self.hold_claim(id)?;
        write_atomic(&*self.disk, &self.checkpoint_path(id), &content)
    }

    /// The state of an unfinished job that was kept last, checked; `None` if there is none.
    pub fn kept_checkpoint(&self, id: JobId) -> Result<Option<Vec<u8>>, Error> {
        let path = self.checkpoint_path(id);
        let Some(content) = read(&path)? else { return Ok(None) };
        match content.split_at_checked(blake3::OUT_LEN) {
            Some((hash, bytes)) if hash == blake3::hash(bytes).as_bytes() => Ok(Some(bytes.to_vec())),
            _ => Err(ErrorKind::Damaged { path, reason: "is damaged" }.into()),
        }
    }

    /// Removes the state that was kept of a job, which is done now.
    pub fn drop_checkpoint(&self, id: JobId) -> Result<(), Error> {
        let (path, _claim) = (self.checkpoint_path(id), self.hold_claim(id)?);
        match self.disk.remove(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.at("remove", &path),
        }
    }

    /// The outcome of a job; `None` if it has not finished.
    pub fn record(&self, id: JobId) -> Result<Option<Record>, Error> {
        let path = self.record_path(id);
        match read_sealed::<Record>(&path)? {
            Some(record) if record.job != id => {
                Err(ErrorKind::Damaged { path, reason: "is that of another job" }.into())
            }
            record => Ok(record),
        }
    }

    /// The encoder that a job made, checked against the job's record.
    pub fn encoder(&self, id: JobId) -> Result<Vec<u8>, Error> {
        let record = self.record(id)?.ok_or(ErrorKind::NotDone { job: id, what: "record" })?;
        let hash = record.checkpoint.ok_or(ErrorKind::NotDone { job: id, what: "encoder" })?;
        let path = self.encoder_path(id);
        let Some(bytes) = read(&path)? else { return Err(ErrorKind::EncoderMissing { path }.into()) };
        if blake3::hash(&bytes).to_hex().as_str() != hash {
            return Err(ErrorKind::Damaged { path, reason: "is not the file that its record names" }.into());
        }
        Ok(bytes)
    }

    /// The outcome of a job after checking all that it stored; `None` if it has not finished.
    pub fn verify(&self, id: JobId) -> Result<Option<Record>, Error> {
        let record = self.record(id)?;
        if record.as_ref().is_some_and(|record| record.checkpoint.is_some()) {
            self.encoder(id)?;
        }
        Ok(record)
    }

    /// Enters into the journal those of `jobs` that have finished without its knowing, because the run ended before
    /// them or the line was damaged. Returns them; damaged ones go to the snapshot's problems.
    pub fn adopt(
        &self,
        journal: &mut JournalWriter,
        snapshot: &mut Snapshot,
        jobs: impl IntoIterator<Item = JobId>,
        time_unix_ms: u64,
    ) -> Result<Vec<JobId>, Error> {
        let mut entries = Vec::new();
        for job in jobs {
            if snapshot.record(job).is_some() {
                continue;
            }
            let record = match self.verify(job) {
                // A record without its encoder is as good as any; only a job that needs the encoder misses it.
                Err(error) if matches!(error.kind(), ErrorKind::EncoderMissing { .. }) => self.record(job),
                verified => verified,
            };
            match record {
                Ok(Some(record)) => {
                    let event = JobEvent::Succeeded { record: record.into() };
                    entries.push(Entry { time_unix_ms, job, event });
                }
                Ok(None) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. }) => {
                    snapshot.problems.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        journal.append(&entries)?;
        entries.iter().for_each(|entry| snapshot.apply(entry));
        Ok(entries.iter().map(|entry| entry.job).collect())
    }

    fn record_path(&self, id: JobId) -> PathBuf {
        self.job_folder(id).join("record.json")
    }

    /// Where the state of an unfinished job is kept.
    pub fn checkpoint_path(&self, id: JobId) -> PathBuf {
        self.job_folder(id).join("checkpoint.bin")
    }

    pub(super) fn encoder_path(&self, id: JobId) -> PathBuf {
        self.job_folder(id).join("encoder.safetensors")
    }
}

/// The content of a file; `None` if there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some).at("read", path),
    }
}

/// The value in a sealed file; `None` if there is no file.
pub(super) fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let Some(text) = read(path)? else { return Ok(None) };
    let Some(object) = unseal(&text) else {
        return Err(ErrorKind::Damaged { path: path.to_owned(), reason: "is damaged" }.into());
    };
    serde_json::from_str(&object)
        .map(Some)
        .map_err(|source| ErrorKind::NewerContent { path: path.to_owned(), line: None, source }.into())
}

/// The content of a file that [`read_sealed`] reads.
pub(super) fn sealed(value: &impl Serialize, path: &Path) -> Result<String, Error> {
    match serde_json::to_string_pretty(value) {
        Ok(object) => Ok(seal(&object)),
        Err(source) => Err(ErrorKind::NotJson { path: path.to_owned(), source }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    const ENCODER: &[u8] = b"weights";

    #[test]
    fn a_job_reads_back_as_it_was() {
        let (_folder, store) = fixture::store();
        let parent = fixture::job(1);
        let evaluation = crate::plan::fixture::recipe().evaluation_job(u64::MAX);
        let child = Job::new(JobSpec::Evaluate(evaluation), vec![parent.id], None);
        for job in [parent, child] {
            store.write_job(&job).unwrap();
            assert_eq!(store.job(job.id).unwrap(), job);
        }
        assert!(matches!(store.job(fixture::id(2)).unwrap_err().kind(), ErrorKind::NotDone { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_not_utf8_is_refused() {
        use std::os::unix::ffi::OsStringExt;
        let (_folder, store) = fixture::store();
        let job = Job { folder: Some(std::ffi::OsString::from_vec(vec![0xff]).into()), ..fixture::job(1) };
        let message = store.write_job(&job).unwrap_err().to_string();
        assert!(message.ends_with("job.json as JSON: use paths that are UTF-8"), "{message}");
    }

    #[test]
    fn a_published_record_reads_back_as_it_was() {
        let (_folder, store) = fixture::store();
        let id = fixture::id(1);
        assert_eq!(store.record(id).unwrap(), None);
        let record = store.publish(fixture::record(1), Some(ENCODER)).unwrap();
        assert_eq!(record.checkpoint, Some(blake3::hash(ENCODER).to_string()));
        assert_eq!(store.record(id).unwrap(), Some(record.clone()));
        assert_eq!(store.verify(id).unwrap(), Some(record));
        assert_eq!(store.encoder(id).unwrap(), ENCODER);
    }

    #[test]
    fn a_job_without_an_encoder_says_so() {
        let (_folder, store) = fixture::store();
        let id = fixture::id(1);
        let message = |store: &Store| store.encoder(id).unwrap_err().to_string().replace(&id.to_string(), "ID");
        insta::assert_snapshot!(message(&store), @"job ID has no record: run it first");
        let record = store.publish(fixture::record(1), None).unwrap();
        insta::assert_snapshot!(message(&store), @"job ID has no encoder: run it first");
        assert_eq!(store.verify(id).unwrap(), Some(record));
    }

    #[test]
    fn every_flipped_byte_of_a_jobs_files_is_noticed_and_running_again_repairs_it() {
        let (_folder, store) = fixture::store();
        let job = fixture::job(1);
        let write = || {
            store.write_job(&job).unwrap();
            store.publish(fixture::record(1), Some(ENCODER)).unwrap();
        };
        write();
        for name in ["job.json", "record.json", "encoder.safetensors"] {
            let path = store.job_folder(job.id).join(name);
            let bytes = fs::read(&path).unwrap();
            for index in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[index] ^= 1 << (index % 8);
                fs::write(&path, damaged).unwrap();
                let error = store.job(job.id).err().or(store.verify(job.id).err()).expect("noticed");
                assert!(matches!(error.kind(), ErrorKind::Damaged { path: p, .. } if *p == path), "{error}");
            }
            write();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn a_kept_checkpoint_is_checked_and_goes_when_it_is_dropped() {
        let (_folder, store) = fixture::store();
        let job = fixture::job(1);
        store.write_job(&job).unwrap();
        assert_eq!(store.kept_checkpoint(job.id).unwrap(), None);
        for state in [&b"first"[..], b"", b"second"] {
            store.keep_checkpoint(job.id, state).unwrap();
            assert_eq!(store.kept_checkpoint(job.id).unwrap().as_deref(), Some(state));
        }
        // Starting again keeps it; any damage is noticed.
        store.write_job(&job).unwrap();
        let path = store.checkpoint_path(job.id);
        let bytes = fs::read(&path).unwrap();
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1 << (index % 8);
            for content in [&damaged[..], &bytes[..index]] {
                fs::write(&path, content).unwrap();
                let error = store.kept_checkpoint(job.id).unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
            }
        }
        store.publish(fixture::record(1), Some(ENCODER)).unwrap();
        assert!(path.exists());
        for _ in 0..2 {
            store.drop_checkpoint(job.id).unwrap();
            assert!(!path.exists());
        }
    }

    #[test]
    fn damage_names_the_file_and_the_remedy() {
        let (_folder, store) = fixture::store();
        let id = fixture::id(1);
        store.publish(fixture::record(1), Some(ENCODER)).unwrap();
        let message = |error: Error| error.to_string().replace(store.job_folder(id).to_str().unwrap(), "JOB");
        fs::remove_file(store.encoder_path(id)).unwrap();
        insta::assert_snapshot!(message(store.verify(id).unwrap_err()), @"JOB/encoder.safetensors is missing, as after `gc --encoders`: running again trains it anew");
        fs::write(store.encoder_path(id), "other").unwrap();
        insta::assert_snapshot!(message(store.encoder(id).unwrap_err()), @"JOB/encoder.safetensors is not the file that its record names: running again repairs it");
        fs::write(store.record_path(id), b"\xff").unwrap();
        insta::assert_snapshot!(message(store.record(id).unwrap_err()), @"JOB/record.json is damaged: running again repairs it");
    }

    #[test]
    fn files_of_another_job_are_noticed() {
        let (_folder, store) = fixture::store();
        let [from, to] = [fixture::job(1), fixture::job(2)];
        store.write_job(&from).unwrap();
        store.publish(fixture::record(1), None).unwrap();
        fs::rename(store.job_folder(from.id), store.job_folder(to.id)).unwrap();
        for error in [store.job(to.id).unwrap_err(), store.record(to.id).unwrap_err()] {
            assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
        }
    }

    #[test]
    fn starting_again_and_finishing_remove_leftovers_only() {
        let (_folder, store) = fixture::store();
        let job = fixture::job(1);
        store.write_job(&job).unwrap();
        fs::write(store.log_path(job.id), "log").unwrap();
        let leave = || fs::write(store.encoder_path(job.id).with_extension(format!("safetensors{BESIDE}9-0")), "half");
        let names = || {
            let names = fs::read_dir(store.job_folder(job.id)).unwrap().map(|file| file.unwrap().file_name());
            names.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        leave().unwrap();
        store.write_job(&job).unwrap();
        assert_eq!(names(), ["job.json", "log.txt"]);
        leave().unwrap();
        store.publish(fixture::record(1), None).unwrap();
        assert_eq!(names(), ["job.json", "log.txt", "record.json"]);
    }

    #[test]
    fn finished_jobs_that_the_journal_missed_are_adopted_once() {
        let (_folder, store) = fixture::store();
        let finished = store.publish(fixture::record(1), Some(ENCODER)).unwrap();
        store.publish(fixture::record(2), Some(ENCODER)).unwrap();
        fs::write(store.encoder_path(fixture::id(2)), "other").unwrap();
        let (mut snapshot, mut journal) = store.journal(store.lock(&fixture::holder(0)).unwrap()).unwrap();
        journal.append(&[fixture::started(1)]).unwrap();
        snapshot.apply(&fixture::started(1));
        let jobs = [1, 2, 3].map(fixture::id);

        assert_eq!(store.adopt(&mut journal, &mut snapshot, jobs, 5).unwrap(), [fixture::id(1)]);
        assert_eq!(snapshot.record(fixture::id(1)), Some(&finished));
        assert_eq!(snapshot.problems.len(), 1, "{:?}", snapshot.problems);
        assert_eq!(store.load().unwrap().jobs, snapshot.jobs);
        assert!(store.adopt(&mut journal, &mut snapshot, jobs, 6).unwrap().is_empty());
    }
}
