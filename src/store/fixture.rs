//! Stores, jobs and events for the tests of this module.

use tempfile::TempDir;

use super::{CodeVersion, Entry, Holder, JobEvent, Record, Store};
use crate::{
    plan::{self, Job, JobId},
    recipe::{JobSpec, Metric},
};

/// A folder that is removed when dropped, in memory where the system offers that: these tests write thousands of files.
pub(super) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// An empty store and the folder that holds it.
pub(super) fn store() -> (TempDir, Store) {
    let folder = folder();
    let store = Store::create(&folder.path().join("results")).unwrap();
    (folder, store)
}

pub(super) fn holder(started_unix: u64) -> Holder {
    Holder { pid: 42, host: "node7".into(), started_unix }
}

pub(super) fn job(seed: u64) -> Job {
    let spec = JobSpec::Pretrain(plan::fixture::recipe().pretrain_job(seed));
    Job::new(spec, vec![], Some("/data".into()))
}

pub(super) fn id(seed: u64) -> JobId {
    job(seed).id
}

pub(super) fn record(seed: u64) -> Record {
    Record {
        job: id(seed),
        kind: "pretrain".into(),
        seed,
        metrics: [(Metric::Loss, 0.1 + 0.2), (Metric::ContrastiveAccuracy, 1e-300)].into(),
        protocol: String::new(),
        remarks: vec!["said".into()],
        data: "shapes é \"quoted\"\n".into(),
        device: "cpu".into(),
        backend: "flex".into(),
        threads: 2,
        host: "node7".into(),
        code: CodeVersion { version: "0.1.0".into(), commit: None, dirty: true, patch: None },
        started_unix: 1_700_000_000,
        wall_seconds: 1.5,
        images_per_second: 0.1 + 1e-17 + 1e6 / 3.0,
        micro_batch: Some(50),
        peak_memory: Some(123_456_789),
        submission: None,
        checkpoint: None,
    }
}

pub(super) fn started(seed: u64) -> Entry {
    Entry {
        time_unix_ms: 1,
        job: id(seed),
        event: JobEvent::Started { attempt: 1, pid: Some(7), slot: 0, memory: 1000, cuts: 0, together: 1 },
    }
}

pub(super) fn succeeded(record: &Record) -> Entry {
    let event = JobEvent::Succeeded { record: record.clone().into() };
    Entry { time_unix_ms: 2, job: record.job, event }
}
