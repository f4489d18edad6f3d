//! Processes that stay for further jobs of their kind: shell scripts that read from their standard input.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
};

use ablate::{
    plan::JobId,
    schedule::{
        Event, Executor, Failure, FailureClass, JobMessage, Launch, LocalExecutor, LocalJobs, NextJob, Outcome,
    },
};
use tempfile::TempDir;

use super::LONG;

/// Says at once that it is done, then for every line that it reads.
const WILLING: &str = r#"
    echo $$ >> processes; echo "first $1" >&2; echo '{"Done":{}}'
    while read -r line; do printf '%s\n' "$line" >> lines; echo '{"Done":{}}'; done
    echo end >> lines"#;

/// Jobs of a script; the kind of each is its attempt, so that a test can choose.
struct Staying {
    script: &'static str,
    folder: PathBuf,
}

impl LocalJobs for Staying {
    fn command(&self, launch: &Launch) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(self.script).arg("sh").arg(launch.job.to_string()).current_dir(&self.folder);
        command
    }

    fn kin(&self, launch: &Launch) -> Option<String> {
        Some(format!("kind {}", launch.attempt))
    }

    fn log(&self, job: JobId) -> PathBuf {
        self.folder.join(format!("log {}", job.short()))
    }

    fn judge(&self, _: JobId) -> Outcome {
        Outcome::Succeeded
    }
}

struct Lab {
    folder: TempDir,
    executor: LocalExecutor,
    receiver: Receiver<Event>,
}

impl Lab {
    fn new(script: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sender, receiver) = channel();
        let jobs = Staying { script, folder: folder.path().to_owned() };
        Self { folder, executor: LocalExecutor::new(Arc::new(jobs), sender), receiver }
    }

    /// Starts a job of a kind.
    fn start(&mut self, number: u128, kind: usize) {
        let launch = Launch { job: id(number), slots: vec![0], attempt: kind, memory: 0, cuts: 0, together: 1 };
        self.executor.start(&launch).unwrap();
    }

    /// How the next job to end does so.
    fn end(&self) -> (JobId, Outcome) {
        match self.receiver.recv_timeout(LONG).unwrap() {
            Event::Ended { job, outcome, .. } => (job, outcome),
            other => panic!("{other:?}"),
        }
    }

    fn does(&mut self, number: u128, kind: usize) {
        self.start(number, kind);
        assert_eq!(self.end(), (id(number), Outcome::Succeeded));
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn id(number: u128) -> JobId {
    format!("{number:032x}").parse().unwrap()
}

/// Whether a process is there and no zombie, which has closed its pipes.
fn lives(process: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_process_does_jobs_of_its_kind_one_after_the_other() {
    let mut lab = Lab::new(WILLING);
    (1..=3).for_each(|job| lab.does(job, 7));
    assert_eq!(lab.lines("processes").len(), 1);
    let told: Vec<NextJob> = lab.lines("lines").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let next = |number: u128| NextJob {
        arguments: vec!["-c".to_owned(), WILLING.to_owned(), "sh".to_owned(), id(number).to_string()],
        log: lab.folder.path().join(format!("log {}", id(number).short())),
    };
    assert_eq!(told, [next(2), next(3)]);
    assert_eq!(lab.lines(&format!("log {}", id(1).short())), [format!("first {}", id(1))]);
}

#[test]
fn idle_processes_end_before_one_of_another_kind_begins_and_with_the_executor() {
    let mut lab = Lab::new(WILLING);
    lab.does(1, 1);
    let first = lab.lines("processes").pop().unwrap();
    assert!(lives(&first));
    lab.does(2, 2);
    let second = lab.lines("processes").pop().unwrap();
    assert!(!lives(&first) && lives(&second) && first != second);
    drop(lab.executor);
    let patience = std::time::Instant::now();
    while lives(&second) {
        assert!(patience.elapsed() < LONG, "the idle process outlived the executor");
    }
}

#[test]
fn one_that_is_at_work_is_not_given_another_job() {
    let mut lab = Lab::new("echo $$ >> processes; read -r line");
    lab.start(1, 1);
    lab.start(2, 1);
    for job in [1, 2] {
        lab.executor.kill(id(job));
        assert_eq!(lab.end(), (id(job), Outcome::Interrupted));
    }
    assert_eq!(lab.lines("lines"), [""; 0]);
}

#[test]
fn an_idle_process_that_dies_is_replaced() {
    let mut lab = Lab::new("echo $$ >> processes; echo '{\"Done\":{}}'; read -r line; exit 1");
    lab.does(1, 1);
    let process: i32 = lab.lines("processes").pop().unwrap().parse().unwrap();
    let process = rustix::process::Pid::from_raw(process).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    let patience = std::time::Instant::now();
    while lives(&process.as_raw_nonzero().to_string()) {
        assert!(patience.elapsed() < LONG, "the process does not die");
    }
    lab.does(2, 1);
    assert_eq!(lab.lines("processes").len(), 2);
}

#[test]
fn a_later_job_fails_like_a_first_one() {
    let says = serde_json::to_string(&JobMessage::Failed(Failure::new(FailureClass::NonFinite, "NaN"))).unwrap();
    assert_eq!(says, r#"{"Failed":{"class":"NonFinite","message":"NaN"}}"#);
    let mut lab = Lab::new(
        r#"echo '{"Done":{}}'; read -r line; echo '{"Failed":{"class":"NonFinite","message":"NaN"}}'; exit 1"#,
    );
    lab.does(1, 1);
    lab.start(2, 1);
    assert_eq!(lab.end(), (id(2), Outcome::Failed(Failure::new(FailureClass::NonFinite, "NaN"))));

    let mut lab = Lab::new(r#"echo '{"Done":{}}'; read -r line; echo says why >&2; exit 3"#);
    lab.does(1, 1);
    lab.start(2, 1);
    let (job, Outcome::Failed(failure)) = lab.end() else { panic!() };
    assert_eq!((job, failure.class), (id(2), FailureClass::Bug));
    assert!(failure.message.starts_with("the job's process ended with exit status: 3"), "{failure}");
}

#[test]
fn one_that_was_told_to_end_gets_no_further_job() {
    // Says that it is done although it was told to stop, and then waits.
    let mut lab = Lab::new(
        r#"trap 'echo "{\"Done\":{}}"' TERM; echo $$ >> processes; echo '{"Phase":{"name":"ready"}}'
        while true; do read -r line; sleep 0.01; done"#,
    );
    lab.start(1, 1);
    let Event::Progress { .. } = lab.receiver.recv_timeout(LONG).unwrap() else { panic!() };
    lab.executor.cancel(id(1));
    lab.start(2, 1);
    let Event::Progress { .. } = lab.receiver.recv_timeout(LONG).unwrap() else { panic!() };
    assert_eq!(lab.lines("processes").len(), 2, "the first was given the second job");
    for job in [1, 2] {
        lab.executor.kill(id(job));
    }
    let mut ends = [lab.end(), lab.end()];
    ends.sort_by_key(|(job, _)| *job);
    assert_eq!(ends[1], (id(2), Outcome::Interrupted));
}
