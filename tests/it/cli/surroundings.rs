//! What happens around a run: closed streams, onlookers, damage, signals, death.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{Lab, SWEEP};

/// No test waits this long unless it has failed already.
const LONG: Duration = Duration::from_secs(60);

/// Jobs with so many epochs that they are still running when a test looks.
pub(super) fn endless() -> Lab {
    let lab = Lab::new();
    lab.write(&SWEEP.replace("epochs: 2, batch_size: 20", "epochs: 100000, batch_size: 20"));
    lab
}

/// Jobs with one epoch of minutes: one that is not killed would end well, and until then it says nothing and so does not
/// notice that nobody listens.
pub(super) fn one_long_epoch() -> Lab {
    let lab = Lab::new();
    lab.write(
        &SWEEP
            .replace("train_images: 40", "train_images: 40000")
            .replace("epochs: 2, batch_size: 20, warmup_epochs: 1", "epochs: 1, batch_size: 20, warmup_epochs: 0"),
    );
    lab
}

pub(super) fn start(lab: &Lab) -> Child {
    let child = lab.command(&["run", "tiny.ron"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("a job has started", || {
        lab.path("results/journal.jsonl").exists() && !lab.journal("Started").is_empty()
    });
    child
}

pub(super) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < LONG, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

pub(super) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The processes that work in the folder of the lab.
pub(super) fn processes(lab: &Lab) -> Vec<String> {
    let folder = lab.folder.path().canonicalize().unwrap();
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    all.filter(|process| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder))
        .map(|process| process.display().to_string())
        .collect()
}

#[test]
fn nobody_needs_to_read_what_a_run_says() {
    let lab = Lab::new();
    let mut run = lab.command(&["run", "tiny.ron"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((run.stdout.take(), run.stderr.take()));
    assert!(run.wait().unwrap().success());
    assert_eq!(lab.journal("Succeeded").len(), 8);
    assert!(lab.path("results/tables/tiny/tiny.csv").exists());
}

#[test]
fn quiet_says_nothing_of_what_goes_well() {
    let lab = Lab::new();
    let (first, told) = lab.run(&["--quiet"]);
    assert_eq!(told, "");
    assert_eq!(lab.run(&["--quiet"]), (first, String::new()));
}

#[test]
fn looking_leaves_no_trace() {
    let lab = Lab::new();
    lab.run(&[]);
    let lock = fs::read(lab.path("results/lock")).unwrap();
    for command in ["status", "table", "plan"] {
        assert_eq!(lab.ablate(&[command, "tiny.ron"]).0, 0);
    }
    assert_eq!(fs::read(lab.path("results/lock")).unwrap(), lock);
}

#[test]
fn a_running_job_is_shown_and_a_killed_run_leaves_none() {
    let lab = endless();
    let mut run = start(&lab);
    let (_, shown, _) = lab.ablate(&["status", "tiny.ron"]);
    assert!(shown.contains(" running"), "{shown}");
    assert!(lab.ablate(&["table", "tiny.ron"]).1.contains("running"));
    run.kill().unwrap();
    run.wait().unwrap();
    wait_until("all processes are gone", || processes(&lab).is_empty());
    let (_, shown, _) = lab.ablate(&["status", "tiny.ron"]);
    assert!(!shown.contains(" running"), "{shown}");
}

#[test]
fn a_second_signal_does_not_wait_for_the_epoch() {
    let lab = one_long_epoch();
    let mut run = start(&lab);
    let mut told = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
    signal(&run, Signal::INT);
    assert!(told.any(|line| line.starts_with("stopping")));
    signal(&run, Signal::INT);
    assert!(told.any(|line| line.starts_with("ending")));
    told.for_each(drop);
    assert_eq!(run.wait().unwrap().code(), Some(1));
    assert!(!lab.journal("Interrupted").is_empty());
    assert_eq!(lab.journal("Succeeded"), [""; 0]);
    assert_eq!(processes(&lab), [""; 0]);
}

#[test]
fn a_damaged_record_is_repaired_although_the_journal_is_sound() {
    let lab = Lab::new();
    lab.run(&[]);
    let table = lab.table();
    // The last job that succeeded is an evaluation, so nothing reads its files any more.
    let evaluation = lab.journal("Succeeded").pop().unwrap();
    let record = lab.path("results/jobs").join(&evaluation).join("record.json");
    let before: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    fs::write(&record, "{}").unwrap();
    let (_, told) = lab.run(&["--jobs", "8", "--devices", "cpu:2"]);
    assert!(told.contains("record.json is damaged: running again repairs it"), "{told}");
    assert_eq!(lab.journal("Started").len(), 9);
    let after: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    assert_eq!((&after["job"], &after["metrics"]), (&before["job"], &before["metrics"]));
    assert_eq!(after["threads"], 2, "the only job gets all cores");
    assert_eq!(lab.table(), table);
    // A folder that was removed to save space is not missed: its numbers are in the journal.
    fs::remove_dir_all(record.parent().unwrap()).unwrap();
    lab.run(&[]);
    assert_eq!(lab.journal("Started").len(), 9);
    assert_eq!(lab.table(), table);
}

#[test]
fn a_log_is_followed_until_its_job_ends() {
    let lab = endless();
    let mut run = start(&lab);
    let job = lab.journal("Started")[0].clone();
    let mut follower =
        lab.command(&["logs", &job[..12], "-f"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let epoch = |line: &str| line.strip_prefix("epoch ").and_then(|line| line.split('/').next()?.parse::<usize>().ok());
    // Epochs that were not over when it began.
    let mut epochs = Vec::new();
    while epochs.len() < 5 {
        epochs.extend(epoch(&lines.next().unwrap().unwrap()));
    }
    assert!(epochs.is_sorted() && epochs[0] < epochs[4], "{epochs:?}");
    signal(&run, Signal::INT);
    run.wait().unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(follower.wait().unwrap().success());
    let log = fs::read_to_string(lab.path("results/jobs").join(&job).join("log.txt")).unwrap();
    assert_eq!(rest.last().map(String::as_str), log.lines().last(), "to the last line");
    // Of what does not run, it prints what there is.
    let (code, shown, _) = lab.ablate(&["logs", &job[..12], "--follow"]);
    assert_eq!((code, shown), (0, log));
}

#[test]
fn a_run_is_watched_until_it_ends() {
    let lab = endless();
    let mut run = start(&lab);
    let mut watcher =
        lab.command(&["watch", "tiny.ron"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("Tiny: 8 jobs: "));
    assert!(lines.any(|line| line.contains("│ cold")), "the table");
    signal(&run, Signal::INT);
    run.wait().unwrap();
    let last: Vec<String> = lines.collect();
    assert!(watcher.wait().unwrap().success());
    assert!(last.iter().any(|line| line.starts_with("Tiny: 8 jobs: ") && !line.contains("running")), "{last:?}");
    assert_eq!(lab.ablate(&["watch", "tiny.ron", "--store", "nowhere"]).0, 2);
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let lab = Lab::new();
    let (_, shown, _) = lab.ablate(&["doctor"]);
    assert!(shown.contains("results is not there yet; `run` makes it") && shown.contains("core"), "{shown}");
    lab.run(&[]);
    super::write_cifar10(&lab.path("data"), 1);
    let doctor = |more: &[&str]| {
        let (code, shown, _) = lab.ablate(&[&["doctor"], more].concat());
        // How much room there is, is not the test's business.
        let problems = shown.lines().filter(|line| line.starts_with("PROBLEM") && !line.contains("disk"));
        (code, problems.map(str::to_owned).collect::<Vec<_>>(), shown)
    };
    let (_, problems, shown) = doctor(&["--data-dir", "data"]);
    assert_eq!(problems, [""; 0]);
    assert!(shown.contains("results: 8 jobs done"), "{shown}");
    assert!(shown.contains("Cifar10 in data/cifar-10-batches-bin: 5 + 1 images"), "{shown}");
    // Looking leaves nothing behind.
    let names = fs::read_dir(lab.path("results")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("doctor")));

    let batch = lab.path("data/cifar-10-batches-bin/test_batch.bin");
    fs::write(&batch, &fs::read(&batch).unwrap()[1..]).unwrap();
    let journal = lab.path("results/journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("Started", "Startet", 1)).unwrap();
    let (code, problems, _) = doctor(&["--data-dir", "data", "--data-dir", "nowhere"]);
    assert_eq!((code, problems.len()), (1, 3), "{problems:?}");
    assert!(problems[0].contains("journal.jsonl:") && problems[0].contains("damaged line"), "{problems:?}");
    assert!(problems[1].contains("test_batch.bin is truncated"), "{problems:?}");
    assert!(problems[2].contains("nowhere is no folder: name another by --data-dir"), "{problems:?}");
}

#[test]
fn help() {
    let (code, shown, _) = Lab::new().ablate(&["--help"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(shown, @"
    Turns a declarative sweep file into a paper table

    Usage: ablate <COMMAND>

    Commands:
      new          Write a commented sweep file to start from
      check        Check sweep files without running anything
      fmt          Rewrite sweep files in the canonical layout, with all their comments
      plan         Show the jobs that sweep files need, and which of them are done
      run          Run the missing jobs of sweep files, then print and export their tables
      cancel       Cancel the jobs of sweep files that are on a cluster, and end the run that looks
                   after them
      status       Show how far sweep files are
      watch        Show how far sweep files are and their tables, again and again until the run at work
                   has ended
      table        Print tables from the results that are there
      explain      Show where the numbers of one trial come from
      diff         Compare two jobs, two stores, or the tables of two sweep files
      export       Write tables and the tidy CSV of all jobs to files
      gc           Remove from a store what no sweep asks for any more
      logs         Print the log of a job
      data         List, get, verify and look at data sets
      doctor       Check this machine, a store and data folders, and say what to do where something is
                   wrong
      completions  Print a completion script for a shell
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Examples:
      ablate check sweeps/quickstart.ron    is the file right?
      ablate plan sweeps/quickstart.ron     what would run, and what is there already?
      ablate run sweeps/quickstart.ron      run what is missing, print and export the tables

    Exit codes: 0 done, 1 something failed, 2 wrong input.
    ");
}
