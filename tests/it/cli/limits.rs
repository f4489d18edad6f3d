//! Jobs that hang or take too long, and what stays of jobs, as a user sees it.

use std::{
    fs,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    Lab, SWEEP,
    surroundings::{endless, processes, signal, wait_until},
};

/// Starts a run that prints nothing but to the file `told`.
fn start(lab: &Lab, more: &[&str]) -> Child {
    let told = fs::File::create(lab.path("told")).unwrap();
    let arguments: Vec<&str> = ["run", "tiny.ron"].iter().chain(more).copied().collect();
    lab.command(&arguments).stdout(Stdio::null()).stderr(told).spawn().unwrap()
}

fn told(lab: &Lab) -> String {
    fs::read_to_string(lab.path("told")).unwrap()
}

/// The processes that `parent` started.
fn children(parent: &Child) -> Vec<Pid> {
    let path = format!("/proc/{0}/task/{0}/children", parent.id());
    let of_main = fs::read_to_string(path).unwrap_or_default();
    // The threads that wait for jobs have started them.
    let tasks = fs::read_dir(format!("/proc/{}/task", parent.id())).into_iter().flatten().flatten();
    let of_tasks = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let all: String = of_tasks.chain([of_main]).collect();
    all.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Freezes a job of a run, once it has done an epoch.
fn freeze_one(lab: &Lab, run: &Child) -> Pid {
    wait_until("a job has done an epoch", || {
        let jobs = fs::read_dir(lab.path("results/jobs")).into_iter().flatten().flatten();
        jobs.filter_map(|job| fs::read_to_string(job.path().join("metrics.csv")).ok())
            .any(|text| text.lines().count() > 2)
            && !children(run).is_empty()
    });
    let frozen = children(run)[0];
    kill_process(frozen, Signal::STOP).unwrap();
    frozen
}

#[test]
fn a_frozen_job_is_ended_and_goes_on_from_its_checkpoint() {
    let slow = SWEEP.replace("epochs: 2, batch_size: 20", "epochs: 200, batch_size: 20");
    let [calm, lab] = [Lab::new(), Lab::new()];
    for lab in [&calm, &lab] {
        lab.write(&slow);
    }
    calm.run(&[]);
    let mut run = start(
        &lab,
        &["--jobs", "1", "--hung-after", "0.05", "--backoff", "0", "--attempts", "20", "--checkpoint-every", "0"],
    );
    freeze_one(&lab, &run);
    assert!(run.wait().unwrap().success(), "{}", told(&lab));
    let told = told(&lab);
    assert!(told.contains("hung: gave no sign of life for 3 s and was ended (if its steps take longer, allow it by --hung-after); it is"), "{told}");
    assert_eq!(lab.table(), calm.table());
    let logs = fs::read_dir(lab.path("results/jobs")).unwrap().flatten();
    let logs: String = logs.map(|job| fs::read_to_string(job.path().join("log.txt")).unwrap()).collect();
    assert!(logs.contains("going on from a checkpoint"), "{logs}");
}

#[test]
fn a_job_that_cannot_stop_is_killed_when_its_grace_is_over() {
    let lab = endless();
    let mut run = start(&lab, &["--grace", "0.5"]);
    let frozen = freeze_one(&lab, &run);
    signal(&run, Signal::INT);
    assert_eq!(run.wait().unwrap().code(), Some(1));
    assert!(told(&lab).contains("stopped:"), "{}", told(&lab));
    assert!(rustix::process::test_kill_process(frozen).is_err());
}

#[test]
fn a_job_over_its_limit_fails_with_the_remedy_and_a_checkpoint() {
    let lab = endless();
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--time-limit", "0.05", "--jobs", "2"]);
    assert_eq!(code, 1);
    assert!(told.contains("time-out: ran longer than 3 s, its limit"), "{told}");
    assert!(!told.contains("retry"), "{told}");
    let failed = lab.journal("Failed");
    assert_eq!(failed.len(), 4);
    assert!(failed.iter().all(|job| lab.path("results/jobs").join(job).join("checkpoint.bin").exists()), "{told}");
}

#[test]
fn a_limit_in_the_sweep_file_goes_before_that_of_the_run_and_priorities_decide_who_starts() {
    let lab = Lab::new();
    let scheduling = r#"scheduling: [
        (when: {"temperature": "warm"}, priority: 1, devices: 1),
        (when: {"temperature": "cold"}, minutes: 0.0001),
    ],
    seeds: [0, 1],"#;
    lab.write(&SWEEP.replace("seeds: [0, 1],", scheduling));
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--jobs", "2", "--time-limit", "100"]);
    assert_eq!(code, 1);
    assert_eq!((lab.journal("Succeeded").len(), lab.journal("Failed").len()), (4, 2), "{told}");
    // Those of priority 1 go first, one at a time since each has the whole processor.
    let journal = fs::read_to_string(lab.path("results/journal.jsonl")).unwrap();
    let events = journal.lines().filter_map(|line| {
        ["Started", "Succeeded", "Failed"].into_iter().find(|event| line.contains(&format!("\"event\":{{\"{event}\"")))
    });
    let events: Vec<&str> = events.take(8).collect();
    assert_eq!(events, ["Started", "Succeeded"].repeat(4));
}

#[test]
fn what_stays_of_a_job_is_for_the_user_to_say() {
    let files = |keep: &str| {
        let lab = Lab::new();
        let (_, told) = lab.run(&["--keep", keep]);
        let table = lab.table();
        // Whatever is kept, nothing runs twice.
        assert!(lab.run(&["--keep", keep]).1.starts_with("nothing to do"));
        let jobs = fs::read_dir(lab.path("results/jobs")).unwrap().flatten();
        let names = jobs.flat_map(|job| fs::read_dir(job.path()).unwrap().flatten());
        let names: Vec<String> = names.map(|file| file.file_name().into_string().unwrap()).collect();
        let many = |name: &str| names.iter().filter(|other| *other == name).count();
        (many("encoder.safetensors"), many("checkpoint.bin"), table, told.contains("removed 4 encoders"))
    };
    let (encoder, last, none) = (files("encoder"), files("last"), files("none"));
    assert_eq!((encoder.0, encoder.1, encoder.3), (4, 0, false));
    assert_eq!((last.0, last.1, last.3), (4, 8, false));
    assert_eq!((none.0, none.1, none.3), (0, 0, true));
    assert!(encoder.2 == last.2 && last.2 == none.2);
}

#[test]
fn what_is_no_device_is_refused_before_anything_runs() {
    let lab = Lab::new();
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--devices", "tpu"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("tpu is no device: write cpu, cpu:4 (cores) or cuda:0"), "{told}");
}

#[test]
fn a_loss_that_is_not_finite_is_told_with_step_rate_and_last_checkpoint() {
    let lab = Lab::new();
    let wild = SWEEP.replace("learning_rate: Fixed(0.1)", "learning_rate: Fixed(1e30)");
    lab.write(
        &wild.replace("epochs: 2, batch_size: 20, warmup_epochs: 1", "epochs: 9, batch_size: 20, warmup_epochs: 0"),
    );
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--checkpoint-every", "0"]);
    assert_eq!(code, 1);
    let told: Vec<&str> = told.lines().filter(|line| line.starts_with("failed: job")).collect();
    for line in &told {
        assert!(line.contains("(non-finite)") && line.contains(" at step 2 (epoch 1, learning rate 9.9"), "{line}");
        let (_, path) = line.split_once("the last checkpoint before that is ").expect(line);
        let short = line.split(' ').nth(2).unwrap();
        assert!(lab.path(path).is_file() && path.contains(short), "{line}");
    }
    assert!(!told.is_empty());
}

#[test]
fn checkpoints_may_be_counted_in_epochs() {
    let lab = endless();
    let mut run = start(&lab, &["--jobs", "1", "--checkpoint-epochs", "3"]);
    let kept = || {
        let jobs = fs::read_dir(lab.path("results/jobs")).into_iter().flatten().flatten();
        jobs.map(|job| job.path().join("checkpoint.bin")).find(|path| path.exists())
    };
    wait_until("a checkpoint is kept", || kept().is_some());
    run.kill().unwrap();
    run.wait().unwrap();
    let path = kept().unwrap();
    wait_until("no process is left", || processes(&lab).is_empty());
    let checkpoint = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&checkpoint);
    // Two steps an epoch.
    let steps = text.split("\\\"step\\\":").nth(1).unwrap().split(',').next().unwrap().parse::<usize>().unwrap();
    assert!(steps > 0 && steps.is_multiple_of(6), "{steps}");
}
