//! `ablate job --stay`: one process for several jobs. Runs use it on GPUs; here it computes on the processor.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use ablate::schedule::{JobMessage, NextJob};
use serde_json::Value;

use super::{Lab, SWEEP};

/// A process that stays.
struct Staying {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Staying {
    fn start(lab: &Lab, job: &str) -> Self {
        let mut command = lab.command(&["job", job, "--store", "results", "--stay"]);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn next(&mut self, lab: &Lab, job: &str) {
        let arguments = ["job", job, "--store", "results", "--stay"].map(str::to_owned).to_vec();
        let next = NextJob { arguments, log: lab.path(&format!("log of {job}")) };
        writeln!(self.input, "{}", serde_json::to_string(&next).unwrap()).unwrap();
    }

    /// What it says last of a job.
    fn verdict(&mut self) -> JobMessage {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended without a verdict");
            if let verdict @ (JobMessage::Done {} | JobMessage::Failed(_)) = serde_json::from_str(&line).unwrap() {
                return verdict;
            }
        }
    }
}

/// The record of a job, without times and memory.
fn record(lab: &Lab, job: &str) -> Value {
    let bytes = fs::read(lab.path("results/jobs").join(job).join("record.json")).unwrap();
    let mut record: Value = serde_json::from_slice(&bytes).unwrap();
    for field in ["started_unix", "wall_seconds", "images_per_second", "peak_memory", "threads", "checksum"] {
        record.as_object_mut().unwrap().remove(field);
    }
    record
}

#[test]
fn later_jobs_of_a_process_measure_what_they_would_alone() {
    let lab = Lab::new();
    lab.run(&["--jobs", "1", "--devices", "cpu:1"]);
    let mut jobs = lab.journal("Succeeded");
    // Pretrainings before the evaluations that need them.
    jobs.sort_by_key(|job| record(&lab, job)["kind"] != "pretrain");
    let alone: Vec<Value> = jobs.iter().map(|job| record(&lab, job)).collect();
    for job in &jobs {
        fs::remove_file(lab.path("results/jobs").join(job).join("record.json")).unwrap();
    }
    let mut process = Staying::start(&lab, &jobs[0]);
    assert_eq!(process.verdict(), JobMessage::Done {});
    for (job, next) in jobs.iter().zip(&jobs[1..]) {
        process.next(&lab, next);
        assert_eq!(process.verdict(), JobMessage::Done {}, "{next} after {job}");
        let log = fs::read_to_string(lab.path(&format!("log of {next}"))).unwrap();
        assert!(log.contains(&next[..]) && log.contains("done in") && !log.contains(&job[..]), "{log}");
    }
    drop(process.input);
    assert!(process.child.wait().unwrap().success());
    let together: Vec<Value> = jobs.iter().map(|job| record(&lab, job)).collect();
    assert_eq!(together, alone);
}

#[test]
fn a_process_that_waits_ends_by_sigterm_and_one_whose_job_fails_ends() {
    let lab = Lab::new();
    lab.write(&SWEEP.replace(
        "\"warm\": (objective: NtXent(temperature: 1.0))",
        "\"wild\": (optimizer: (learning_rate: Fixed(1e30)))",
    ));
    let (code, ..) = lab.ablate(&["run", "tiny.ron"]);
    assert_eq!(code, 1);
    let (good, bad) = (lab.journal("Succeeded").remove(0), lab.journal("Failed").remove(0));

    let mut process = Staying::start(&lab, &good);
    assert_eq!(process.verdict(), JobMessage::Done {});
    let pid = rustix::process::Pid::from_child(&process.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let status = process.child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15), "{status}");

    let mut process = Staying::start(&lab, &good);
    assert_eq!(process.verdict(), JobMessage::Done {});
    process.next(&lab, &bad);
    assert!(matches!(process.verdict(), JobMessage::Failed(_)));
    assert_eq!(process.child.wait().unwrap().code(), Some(1));
}

#[test]
fn what_is_no_next_job_is_refused() {
    let lab = Lab::new();
    lab.run(&[]);
    let done = lab.journal("Succeeded").remove(0);
    let log = lab.path("log").display().to_string();
    for (line, says) in [
        ("nonsense".to_owned(), "the next job cannot be read: "),
        (format!(r#"{{"arguments": ["check", "tiny.ron"], "log": "{log}"}}"#), "the next job is no job"),
        (format!(r#"{{"arguments": ["job"], "log": "{log}"}}"#), "the next job cannot be understood: "),
        (format!(r#"{{"arguments": ["job", "{done}"], "log": "{log}/log"}}"#), "cannot open the log "),
    ] {
        let mut process = Staying::start(&lab, &done);
        assert_eq!(process.verdict(), JobMessage::Done {});
        fs::write(lab.path("log"), "").unwrap();
        writeln!(process.input, "{line}").unwrap();
        let output = process.child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &fs::read_to_string(lab.path("log")).unwrap();
        assert!(said.contains(says), "{said}");
    }
}
