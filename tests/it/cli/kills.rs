//! The death of the scheduler: at every line of its journal, within lines, with jobs at work.

use std::{
    fs,
    io::Write,
    os::unix::process::ExitStatusExt,
    process::{Child, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use ablate::store::Store;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use super::{
    Lab, SWEEP,
    journal::checksum,
    surroundings::{processes, signal, wait_until},
};

/// Two jobs at a time.
const RUN: [&str; 6] = ["run", "tiny.ron", "--jobs", "2", "--devices", "cpu:2"];

/// How a run is made to die.
type Death = fn(&Child);

/// Two trials of one seed: four jobs, twelve lines.
fn four_jobs() -> Lab {
    let lab = Lab::new();
    lab.write(&SWEEP.replace("seeds: [0, 1]", "seeds: [0]"));
    lab
}

fn undisturbed() -> Lab {
    let lab = four_jobs();
    lab.run(&RUN[2..]);
    assert_eq!(lab.lines().len(), 12);
    lab
}

/// Lets no file grow beyond this length by a write of the process: it dies at the first one that would, having written
/// what fits. Fails only if the process has ended.
fn limit_files(process: &Child, length: u64) -> bool {
    let limit = |resource, value| {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        prlimit(Some(Pid::from_child(process)), resource, limit).is_ok()
    };
    limit(Resource::Core, 0) && limit(Resource::Fsize, length)
}

/// The same command again, at once: it goes on where the dead run was, and does nothing twice.
fn go_on(lab: &Lab, calm: &Lab, when: &str) {
    let (before, torn) = (lab.lines(), lab.journal_bytes().last().is_some_and(|&byte| byte != b'\n'));
    let (_, told) = lab.run(&RUN[2..]);
    assert_eq!(told.contains("the last line is incomplete"), torn, "{when}: {told}");
    assert_eq!(lab.lines()[..before.len()], before, "{when}: what was acknowledged stays");
    lab.assert_done_once_as(calm, when);
    for job in calm.numbers().keys() {
        let log = fs::read_to_string(lab.path("results/jobs").join(job).join("log.txt")).unwrap();
        let ends = log.lines().filter(|line| line.starts_with("done in ")).count();
        assert!(ends <= 1, "{when}: {job} was trained twice:\n{log}");
    }
    wait_until("no process is left", || processes(lab).is_empty());
}

#[test]
fn a_run_that_dies_at_any_line_of_its_journal_goes_on_where_it_was() {
    let calm = undisturbed();
    let deaths: [(&str, Death); 2] = [
        ("killed after line", |run| signal(run, Signal::KILL)),
        ("dead at the first write after line", |run| {
            let _ = limit_files(run, 0);
        }),
    ];
    for (how, die) in deaths {
        for line in 0..=12 {
            let lab = four_jobs();
            let mut run = lab.command(&RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            // Lines are written tens of milliseconds apart.
            while lab.lines().len() < line && run.try_wait().unwrap().is_none() {
                thread::sleep(Duration::from_millis(1));
            }
            die(&run);
            run.wait().unwrap();
            assert!(lab.lines().len() >= line);
            go_on(&lab, &calm, &format!("{how} {line}"));
        }
    }
}

/// Makes a journal that is longer than any other file will be, of events that matter to nobody, and returns its length.
fn long_journal(lab: &Lab) -> u64 {
    const LENGTH: usize = 100_000;
    Store::create(&lab.path("results")).unwrap();
    let json = format!("{{\"time_unix_ms\":0,\"job\":\"{}\",\"event\":\"Interrupted\"}}", "0".repeat(32));
    let line = format!("{} {json}\n", checksum(&json));
    let text = line.repeat(LENGTH.div_ceil(line.len()));
    fs::write(lab.path("results/journal.jsonl"), &text).unwrap();
    text.len() as u64
}

/// Runs the sweep, which dies where it would make a file longer than that.
fn run_with_files_up_to(lab: &Lab, length: u64) -> ExitStatus {
    let mut run = lab.command_of("sh", &["-c", "read -r go && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_ablate")]);
    let mut run = run.args(RUN).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(limit_files(&run, length));
    // The shell becomes the run now and not before, so that it has the limit from its beginning.
    run.stdin.take().unwrap().write_all(b"go\n").unwrap();
    run.wait().unwrap()
}

#[test]
fn a_run_that_dies_within_any_line_of_its_journal_goes_on_where_it_was() {
    /// Less than a line, so that every line is torn.
    const STEP: u64 = 89;
    let calm = undisturbed();
    assert!(
        calm.journal_bytes().split(|&byte| byte == b'\n').all(|line| line.is_empty() || line.len() > STEP as usize)
    );
    let mut torn = 0;
    for step in 0.. {
        let lab = four_jobs();
        let length = long_journal(&lab) + STEP * step;
        let status = run_with_files_up_to(&lab, length);
        if status.success() {
            break;
        }
        assert_eq!(status.signal(), Some(Signal::XFSZ.as_raw()), "{status}");
        assert_eq!(lab.journal_bytes().len() as u64, length);
        torn += usize::from(!lab.journal_bytes().ends_with(b"\n"));
        go_on(&lab, &calm, &format!("dead at byte {} of its journal", STEP * step));
    }
    assert!(torn > 12, "{torn}");
}

#[test]
fn no_job_outlives_a_killed_run() {
    let lab = Lab::new();
    // One epoch of many minutes, in which a job says nothing and so would not notice that nobody listens.
    lab.write(
        &SWEEP
            .replace("train_images: 40", "train_images: 40000")
            .replace("width: 0.25", "width: 2.0")
            .replace("epochs: 2, batch_size: 20, warmup_epochs: 1", "epochs: 1, batch_size: 20, warmup_epochs: 0"),
    );
    let mut run = lab.command(&RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("two jobs are at work", || lab.count("Started") == 2 && processes(&lab).len() == 3);
    run.kill().unwrap();
    run.wait().unwrap();
    wait_until("all processes are gone", || processes(&lab).is_empty());
    assert_eq!(lab.count("Succeeded"), 0);
}
