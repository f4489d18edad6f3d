//! Stores of earlier versions: today's program reads them, and their tables are what they were.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ablate::{
    plan::JobId,
    store::{JobEvent, Store},
};

use super::{Lab, journal::checksum};

/// The folders of `tests/fixtures/stores` whose jobs are those of today.
const STORES: [&str; 1] = ["v0.1.0"];
/// The folder of a store in which fine-tuning was done by a program that trained the classifier alone.
const BEFORE_FINE_TUNING: &str = "v0.1.0-fine-tuning";

/// The encoder that is there still.
const WARM: &str = "7e65d3b23c22d5c2857ea7985fad2bd4";

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A lab with a copy of such a folder in it.
fn thawed(version: &str) -> Lab {
    let lab = Lab::new();
    copy(&frozen().join(version), lab.folder.path());
    lab
}

#[test]
fn every_frozen_store_is_tested() {
    let mut names: Vec<_> = fs::read_dir(frozen()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [STORES[0], BEFORE_FINE_TUNING]);
}

#[test]
fn journals_records_and_epochs_of_earlier_versions_are_read() {
    for version in STORES {
        let lab = thawed(version);
        let store = Store::open(&lab.path("results")).unwrap().unwrap();
        let snapshot = store.load().unwrap();
        assert_eq!((snapshot.jobs.len(), snapshot.problems.len()), (10, 0), "{version}: {:?}", snapshot.problems);
        for kind in ["Queued", "Started", "Succeeded", "Failed", "Skipped", "WithoutData", "Interrupted"] {
            assert!(lab.count(kind) > 0, "{version}: no line says {kind}");
        }
        let mut done = 0;
        for (&job, status) in &snapshot.jobs {
            let record = store.record(job).unwrap();
            // The journal and the folder of a job say the same of it.
            assert_eq!(record.as_ref(), status.record.as_deref(), "{version}: {job}");
            let Some(record) = record else { continue };
            assert!(matches!(status.state, JobEvent::Succeeded { .. }), "{version}: {job}");
            assert!(!record.metrics.is_empty() && record.metrics.values().all(|value| value.is_finite()));
            let epochs = store.epochs(job).unwrap().unwrap();
            assert_eq!((&epochs.epochs[..], &epochs.problem), (&[1, 2][..], &None), "{version}: {job}");
            done += 1;
        }
        assert_eq!(done, 4, "{version}");
        assert!(!store.encoder(WARM.parse().unwrap()).unwrap().is_empty());
    }
}

#[test]
fn tables_of_earlier_versions_are_made_again_byte_by_byte() {
    for lab in STORES.map(thawed) {
        let store = Store::open(&lab.path("results")).unwrap().unwrap();
        for job in store.load().unwrap().jobs.keys().filter(|&&job| store.job_folder(job).exists()) {
            assert_eq!(store.job(*job).unwrap().id, *job);
        }
        let (code, shown, told) = lab.ablate(&["status", "finished.ron", "unfinished.ron"]);
        assert!(code == 0 && told.is_empty(), "{told}");
        for expected in ["Frozen: 4 jobs: 4 done", "1 failed", "1 skipped", "2 no data", "2 missing"] {
            assert!(shown.contains(expected), "{expected}: {shown}");
        }
        for (sweep, format, file) in [
            ("finished", "markdown", "numbers.md"),
            ("finished", "csv", "numbers.csv"),
            ("unfinished", "csv", "numbers.csv"),
        ] {
            let expected = fs::read_to_string(lab.path("tables").join(sweep).join(file)).unwrap();
            let (code, shown, told) = lab.ablate(&["table", &format!("{sweep}.ron"), "--format", format]);
            assert_eq!((code, told.as_str()), (0, ""));
            assert_eq!(shown.trim(), expected.trim(), "{sweep}");
        }
        let (code, shown, _) = lab.ablate(&["explain", "finished.ron", "temperature=warm"]);
        assert!(code == 0 && shown.contains(&format!("pretrain: job {WARM}, done")), "{shown}");
        assert!(shown.contains("Loss                 2.8975327663699284 nats"), "{shown}");

        let (code, _, told) = lab.ablate(&["run", "finished.ron"]);
        assert!(code == 0 && told.contains("nothing to do: all 4 jobs are in results"), "{told}");
        for file in ["numbers.md", "numbers.csv"] {
            let read = |folder: &str| fs::read_to_string(lab.path(folder).join("finished").join(file)).unwrap();
            assert_eq!(read("results/tables"), read("tables"));
        }
    }
}

#[test]
fn encoders_of_earlier_versions_are_evaluated() {
    for lab in STORES.map(thawed) {
        let sweep = fs::read_to_string(lab.path("finished.ron")).unwrap();
        let more = sweep.replace("\"linear\": ()", "\"linear\": (), \"more\": (epochs: 3)");
        assert_ne!(sweep, more);
        fs::write(lab.path("finished.ron"), more).unwrap();
        let started = lab.count("Started");
        let (code, _, told) = lab.ablate(&["run", "finished.ron", "--only", "temperature=warm"]);
        assert_eq!((code, lab.count("Started") - started), (0, 1), "{told}");
    }
}

/// Adds a field to the pretty-printed object in a sealed file, as a later version would: its seal is the checksum of the
/// object without it.
fn add_field(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let (fields, _) = text.rsplit_once(",\n  \"checksum\": \"").unwrap();
    let object = format!("{fields},\n  \"joules\": 7\n}}");
    let text = format!("{},\n  \"checksum\": \"{}\"\n}}\n", object.strip_suffix("\n}").unwrap(), checksum(&object));
    fs::write(path, text).unwrap();
}

/// The same in the record of every line of a journal.
fn add_fields(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| {
        let json = line[17..].replace("{\"record\":{", "{\"record\":{\"joules\":7,");
        format!("{} {json}\n", checksum(&json))
    });
    fs::write(path, lines.collect::<String>()).unwrap();
}

#[test]
fn records_with_fields_of_later_versions_are_read() {
    for version in STORES {
        let lab = thawed(version);
        let store = Store::open(&lab.path("results")).unwrap().unwrap();
        let before = store.load().unwrap();
        add_fields(&lab.path("results/journal.jsonl"));
        let done = before.jobs.iter().filter(|(_, status)| status.record.is_some());
        let done: Vec<JobId> = done.map(|(&job, _)| job).collect();
        for &job in &done {
            add_field(&store.job_folder(job).join("record.json"));
        }
        assert_eq!(store.load().unwrap(), before, "{version}");
        for job in done {
            assert_eq!(store.record(job).unwrap().as_ref(), before.record(job), "{version}: {job}");
        }
        assert!(String::from_utf8(lab.journal_bytes()).unwrap().matches("\"joules\":7").count() == 4);
        let (code, _, told) = lab.ablate(&["run", "finished.ron"]);
        assert!(code == 0 && told.contains("nothing to do"), "{told}");
        let read = |folder: &str| fs::read_to_string(lab.path(folder).join("finished/numbers.md")).unwrap();
        assert_eq!(read("results/tables"), read("tables"));
    }
}

#[test]
fn fine_tuning_that_trained_the_classifier_alone_counts_for_nothing() {
    const TUNED: &str = "48762b5f4f1167e315abbff477858996";
    let lab = thawed(BEFORE_FINE_TUNING);
    let why = "version of fine-tuning: 1 → 2 (the encoder is trained, where before only the new classifier was)";
    // Everything else is as it was, and the old fine-tuning can be read.
    let store = Store::open(&lab.path("results")).unwrap().unwrap();
    assert!(!store.job(TUNED.parse().unwrap()).unwrap().is_current());
    let (code, shown, told) = lab.ablate(&["status", "tuned.ron"]);
    assert!(code == 0 && told.is_empty() && shown.contains("3 jobs: 2 done, 1 stale"), "{shown}{told}");
    assert!(shown.contains("from 2 measured jobs"), "it teaches nothing of durations: {shown}");
    let (_, shown, _) = lab.ablate(&["table", "tuned.ron", "--format", "csv"]);
    assert!(shown.contains("stale") && !shown.contains("55"), "{shown}");
    let (_, shown, _) = lab.ablate(&["table", "tuned.ron", "--format", "markdown"]);
    assert!(shown.contains("stale") && shown.contains(why), "{shown}");
    let (_, shown, _) = lab.ablate(&["explain", "tuned.ron", "--why-stale"]);
    assert_eq!(shown, format!("temperature = warm\n  seed 0, \"fine-tuning\": job b1d5ddea was 48762b5f\n    {why}\n"));
    // Nor would this program go on with it, as a queue of an earlier run might ask it to.
    let (code, told, _) = lab.ablate(&["job", TUNED, "--store", "results", "--threads", "1"]);
    assert!(code == 1 && told.contains("another version of ablate planned this job"), "{told}");

    let started = lab.count("Started");
    let (code, _, told) = lab.ablate(&["run", "tuned.ron"]);
    assert_eq!((code, lab.count("Started") - started), (0, 1), "{told}");
    let (_, shown, _) = lab.ablate(&["diff", "48762b5f", "b1d5ddea"]);
    assert!(shown.contains(why), "{shown}");
}
