//! A journal that is cut at any byte: nothing that is finished is done again, and the tables stay what they were.

use std::{collections::BTreeMap, fs, path::Path, thread};

use ablate::{
    plan::JobId,
    store::{ErrorKind, Holder, Record, Store},
};

use super::{Lab, SWEEP};

/// Two trials of one seed: four jobs, done one after the other.
fn finished() -> Lab {
    let lab = Lab::new();
    lab.write(&SWEEP.replace("seeds: [0, 1]", "seeds: [0]"));
    lab.run(&["--jobs", "1"]);
    lab
}

/// The files that a run exports, by their names.
fn exports(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

/// Lets a run's beginning look at journal and folders; returns its warnings and how many finished jobs it takes over.
fn adopt(store: &Store, jobs: &[JobId]) -> (Vec<String>, usize) {
    let holder = Holder { pid: std::process::id(), host: "here".to_owned(), started_unix: 0 };
    let lock = loop {
        match store.lock(&holder) {
            // A process that another test starts has a copy of all open files until it becomes what it is to be.
            Err(error) if matches!(error.kind(), ErrorKind::Locked { .. }) => thread::yield_now(),
            lock => break lock.unwrap(),
        }
    };
    let (mut snapshot, mut journal) = store.journal(lock).unwrap();
    let adopted = store.adopt(&mut journal, &mut snapshot, jobs.iter().copied(), 0).unwrap();
    (snapshot.problems, adopted.len())
}

#[test]
fn no_cut_of_the_journal_loses_a_finished_job() {
    let lab = finished();
    let store = Store::open(&lab.path("results")).unwrap().unwrap();
    let path = lab.path("results/journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let records = |store: &Store| -> BTreeMap<JobId, Record> {
        let jobs = store.load().unwrap().jobs;
        jobs.into_iter().filter_map(|(job, status)| Some((job, Record::clone(&*status.record?)))).collect()
    };
    let all = records(&store);
    let jobs: Vec<JobId> = all.keys().copied().collect();
    assert_eq!(jobs.len(), 4);
    for length in 0..=whole.len() {
        // A file system that lost power may leave zeros where the rest was; a sample of that is enough.
        let zeros = (length % 16 == 0).then(|| vec![0; whole.len() - length]);
        for rest in [vec![]].into_iter().chain(zeros) {
            let end = if rest.is_empty() { "" } else { " and zeros" };
            let when = format!("{length} bytes{end}");
            let cut = [&whole[..length], &rest].concat();
            fs::write(&path, &cut).unwrap();
            let torn = cut.last().is_some_and(|&byte| byte != b'\n');
            let kept = records(&store).len();
            let (problems, adopted) = adopt(&store, &jobs);
            assert_eq!((kept + adopted, problems.len()), (4, usize::from(torn)), "{when}: {problems:?}");
            assert_eq!(records(&store), all, "{when}");
            assert!(store.load().unwrap().problems.is_empty(), "{when}: the end is whole again");
        }
    }
}

#[test]
fn a_run_goes_on_from_a_journal_that_is_cut_around_any_line() {
    let lab = finished();
    let (path, tables) = (lab.path("results/journal.jsonl"), lab.path("results/tables/tiny"));
    let (whole, before, calm) = (fs::read(&path).unwrap(), exports(&tables), lab.numbers());
    let starts = (0..whole.len()).filter(|&byte| byte == 0 || whole[byte - 1] == b'\n').chain([whole.len()]);
    let cuts = starts.flat_map(|start| [start.saturating_sub(1), start, start + 1]).filter(|&cut| cut <= whole.len());
    for cut in cuts {
        fs::write(&path, &whole[..cut]).unwrap();
        let (lines, done) = (lab.lines(), lab.numbers().len());
        let torn = cut > 0 && whole[cut - 1] != b'\n';

        // Whoever looks sees what the whole lines say, is told of the rest, and changes nothing.
        let (code, shown, told) = lab.ablate(&["status", "tiny.ron"]);
        assert_eq!((code, told.contains("the last line is incomplete")), (0, torn), "cut at {cut}: {told}");
        assert!(done == 0 || shown.contains(&format!("{done} done")), "cut at {cut}: {shown}");
        assert_eq!(lab.ablate(&["table", "tiny.ron"]).0, 0);
        assert_eq!(fs::read(&path).unwrap(), whole[..cut]);

        fs::remove_dir_all(&tables).unwrap();
        let (_, told) = lab.run(&[]);
        assert_eq!(told.contains("the last line is incomplete"), torn, "cut at {cut}: {told}");
        let adopted = format!("taken over from an interrupted run: {} finished jobs", 4 - done);
        assert_eq!(told.contains(&adopted), done < 4, "cut at {cut}: {told}");
        assert!(told.contains("nothing to do: all 4 jobs are in results"), "cut at {cut}: {told}");
        assert!(exports(&tables) == before, "cut at {cut}");
        let after = lab.lines();
        assert_eq!(after[..lines.len()], lines, "cut at {cut}");
        assert!(after[lines.len()..].iter().all(|line| line.event == "Succeeded"), "cut at {cut}: {after:?}");
        assert_eq!(lab.numbers(), calm, "cut at {cut}");
    }
}
