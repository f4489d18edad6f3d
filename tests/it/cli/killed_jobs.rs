//! Jobs that are killed at random moments, as by the system's out-of-memory killer.

use std::{
    fs,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    Lab, SWEEP,
    surroundings::{processes, wait_until},
};

const KILLS: usize = 50;

/// In one run; then its user stops it and starts another, so that not all jobs wait for their second attempts.
const KILLS_OF_A_RUN: usize = 10;

/// More jobs at a time than cores, so that they get in each other's way.
const RUN: [&str; 4] = ["run", "tiny.ron", "--jobs", "4"];

/// Twelve pretrainings of some hundred milliseconds, and as many evaluations.
fn longer_jobs() -> Lab {
    let lab = Lab::new();
    lab.write(
        &SWEEP
            .replace("epochs: 2, batch_size: 20", "epochs: 8, batch_size: 20")
            .replace("seeds: [0, 1]", "seeds: [0, 1, 2]")
            .replace(
                "\"warm\"",
                "\"cool\": (objective: NtXent(temperature: 0.3)), \"mild\": (objective: NtXent(temperature: 0.6)), \"warm\"",
            ),
    );
    lab
}

fn start(lab: &Lab) -> Child {
    lab.command(&RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills one job after another until so many have failed of it, none is at work or the run has ended; returns how many
/// failed.
///
/// What counts is the journal: a kill may come after the job's last word.
fn kill_jobs(lab: &Lab, run: &mut Child, wanted: usize, luck: &mut ChaCha8Rng) -> usize {
    let before = lab.lines().len();
    let this = format!("/proc/{}", run.id());
    loop {
        thread::sleep(Duration::from_millis(u64::from(luck.next_u32() % 150)));
        let lines = lab.lines().split_off(before);
        let count = |event: &str| lines.iter().filter(|line| line.event == event).count();
        let (started, failed) = (count("Started"), count("Failed"));
        // All that is left to do may wait for its second attempt.
        let at_work = started == 0 || started > failed + count("Succeeded");
        if failed >= wanted || !at_work || run.try_wait().unwrap().is_some() {
            return failed;
        }
        let jobs: Vec<String> = processes(lab).into_iter().filter(|process| *process != this).collect();
        if !jobs.is_empty() {
            let job = &jobs[luck.next_u32() as usize % jobs.len()];
            let pid: i32 = job["/proc/".len()..].parse().unwrap();
            // Fails if the job has just ended.
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
    }
}

#[test]
fn fifty_killed_jobs_change_no_number() {
    let calm = longer_jobs();
    calm.run(&RUN[2..]);
    let mut luck = ChaCha8Rng::seed_from_u64(50);
    let mut killed = 0;
    while killed < KILLS {
        let lab = longer_jobs();
        loop {
            let mut run = start(&lab);
            killed += kill_jobs(&lab, &mut run, KILLS_OF_A_RUN.min(KILLS.saturating_sub(killed)), &mut luck);
            if killed < KILLS {
                let _ = kill_process(Pid::from_child(&run), Signal::INT);
            }
            if run.wait().unwrap().success() {
                break;
            }
        }
        lab.assert_done_once_as(&calm, &format!("{killed} jobs killed"));
        wait_until("no process is left", || processes(&lab).is_empty());
        let journal = fs::read_to_string(lab.path("results/journal.jsonl")).unwrap();
        assert_eq!(journal.matches("\"class\":\"killed\"").count(), lab.count("Failed"));
        for job in calm.numbers().keys() {
            let files = fs::read_dir(lab.path("results/jobs").join(job)).unwrap();
            let names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            assert!(names.iter().all(|name| !name.contains(".tmp-")), "{names:?}");
        }
    }
}
