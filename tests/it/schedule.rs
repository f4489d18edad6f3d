//! The local executor with real child processes: small shell scripts in place of jobs.

mod faults;
mod workers;

use std::{
    convert::Infallible,
    env, fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use ablate::{
    plan::JobId,
    schedule::{
        Device, Event, Executor, Failure, FailureClass, JobMessage, JobState, Launch, LocalExecutor, LocalJobs, Node,
        Notice, Outcome, Phase, Policy, Progress, Scheduler, Shape, Sharing, StartErrorKind, Summary, drive,
    },
};
use tempfile::TempDir;

/// No test waits this long unless it has failed already.
const LONG: Duration = Duration::from_secs(60);

fn job() -> JobId {
    "00000000000000000000000000000001".parse().unwrap()
}

/// A job that is a shell script; its record is in the store if the file `record` exists.
struct Script {
    program: String,
    script: String,
    folder: PathBuf,
}

impl LocalJobs for Script {
    fn command(&self, launch: &Launch) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&self.script).current_dir(&self.folder);
        command.env("ATTEMPT", launch.attempt.to_string()).env("SLOTS", format!("{:?}", launch.slots));
        command.env("MEMORY", launch.memory.to_string()).env("CUTS", launch.cuts.to_string());
        command
    }

    fn kin(&self, _: &Launch) -> Option<String> {
        None
    }

    fn log(&self, _: JobId) -> PathBuf {
        self.folder.join("log")
    }

    fn judge(&self, _: JobId) -> Outcome {
        if self.folder.join("record").exists() {
            Outcome::Succeeded
        } else {
            Outcome::Failed(Failure::new(FailureClass::Bug, "no record"))
        }
    }
}

/// One attempt at a job that is a shell script.
struct Attempt {
    folder: TempDir,
    executor: LocalExecutor,
    receiver: Receiver<Event>,
}

impl Attempt {
    fn start(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut executor, receiver) = executor("sh", script, folder.path().to_owned());
        executor.start(&launch()).unwrap();
        Self { folder, executor, receiver }
    }

    fn event(&self) -> Event {
        self.receiver.recv_timeout(LONG).unwrap()
    }

    /// Waits until the script says that it is in this phase.
    fn wait_for(&self, phase: &str) {
        let progress = Progress::Phase(Phase { name: phase.to_owned() });
        assert_eq!(self.event(), Event::Progress { job: job(), progress });
    }

    fn outcome(&self) -> Outcome {
        match self.event() {
            Event::Ended { job: ended, attempt: 1, outcome } if ended == job() => outcome,
            other => panic!("{other:?}"),
        }
    }

    /// The failure, with the log's path replaced by `LOG`.
    fn failure(&self) -> String {
        match self.outcome() {
            Outcome::Failed(failure) => {
                failure.to_string().replace(&self.folder.path().join("log").display().to_string(), "LOG")
            }
            other => panic!("{other:?}"),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

fn executor(program: &str, script: &str, folder: PathBuf) -> (LocalExecutor, Receiver<Event>) {
    let (sender, receiver) = channel();
    let script = Script { program: program.to_owned(), script: script.to_owned(), folder };
    (LocalExecutor::new(Arc::new(script), sender), receiver)
}

fn launch() -> Launch {
    Launch { job: job(), slots: vec![1], attempt: 1, memory: 0, cuts: 0, together: 1 }
}

/// A shell command that prints this message.
fn say(message: &JobMessage) -> String {
    format!("echo '{message}'")
}

fn say_phase(name: &str) -> String {
    say(&JobMessage::Phase(Phase { name: name.to_owned() }))
}

fn say_done() -> String {
    say(&JobMessage::Done {})
}

#[test]
fn a_job_with_a_record_succeeds() {
    let attempt = Attempt::start(&format!("{}; touch record; {}", say_phase("pretraining"), say_done()));
    attempt.wait_for("pretraining");
    assert_eq!(attempt.outcome(), Outcome::Succeeded);
    assert_eq!(attempt.log(), "");
}

#[test]
fn a_job_that_only_claims_to_be_done_fails() {
    insta::assert_snapshot!(Attempt::start(&say_done()).failure(), @"bug: no record");
    insta::assert_snapshot!(Attempt::start("touch record").failure(), @"bug: the job's process ended without saying whether the job is done; its log, LOG, says nothing");
}

#[test]
fn the_process_gets_its_slots_and_no_input() {
    let attempt = Attempt::start(r#"cat; echo "attempt $ATTEMPT, slots $SLOTS" >&2"#);
    attempt.outcome();
    assert_eq!(attempt.log(), "attempt 1, slots [1]\n");
}

#[test]
fn output_that_is_no_message_goes_to_the_log() {
    let script = format!(
        r#"echo warming up; printf '{{"Epoch":{{}}}}\n\377\n'; touch record; {}; printf 'no line feed'"#,
        say_done()
    );
    let attempt = Attempt::start(&script);
    assert_eq!(attempt.outcome(), Outcome::Succeeded);
    insta::assert_snapshot!(attempt.log(), @r#"
    ablate: standard output, not a message: warming up
    ablate: standard output, not a message: {"Epoch":{}}
    ablate: standard output, not a message: �
    ablate: standard output, not a message: no line feed
    "#);
}

#[test]
fn a_failure_that_the_job_reports_is_taken_at_its_word() {
    let failure = Failure::new(FailureClass::NonFinite, "the loss is NaN in epoch 3");
    let attempt = Attempt::start(&format!("{}; exit 1", say(&JobMessage::Failed(failure.clone()))));
    assert_eq!(attempt.outcome(), Outcome::Failed(failure));
}

#[test]
fn a_panic_is_a_bug_explained_by_the_log() {
    let attempt = Attempt::start("echo 'thread main panicked at loss.rs:7:5:' >&2; echo boom >&2; exit 101");
    insta::assert_snapshot!(attempt.failure(), @"
    bug: the job's process panicked; its log, LOG, ends:
    thread main panicked at loss.rs:7:5:
    boom
    ");
}

#[test]
fn a_signal_from_elsewhere_is_named() {
    insta::assert_snapshot!(Attempt::start("kill -KILL $$").failure(), @"killed: SIGKILL ended the job's process; the system's out-of-memory killer was not at work meanwhile");
    insta::assert_snapshot!(Attempt::start("kill -TERM $$").failure(), @"killed: SIGTERM ended the job's process; its log, LOG, says nothing");
}

#[test]
fn a_cancelled_job_is_interrupted() {
    let mut attempt = Attempt::start(&format!("{}; sleep 60", say_phase("running")));
    attempt.wait_for("running");
    attempt.executor.cancel(job());
    assert_eq!(attempt.outcome(), Outcome::Interrupted);
}

#[test]
fn a_job_that_ignores_the_request_to_stop_can_be_killed() {
    let trap = format!("trap \"{}\" TERM", say_phase("ignoring").replace('"', "\\\""));
    // Not asleep: a shell answers a signal only when the program it waits for ends, which the same signal may miss
    // while it is being started.
    let mut attempt = Attempt::start(&format!("{trap}; {}; while :; do :; done", say_phase("running")));
    attempt.wait_for("running");
    attempt.executor.cancel(job());
    attempt.wait_for("ignoring");
    attempt.executor.kill(job());
    assert_eq!(attempt.outcome(), Outcome::Interrupted);
}

#[test]
fn what_a_job_leaves_behind_does_not_keep_it_from_ending() {
    let attempt = Attempt::start(&format!("sleep 60 & touch record; {}", say_done()));
    assert_eq!(attempt.outcome(), Outcome::Succeeded);
}

#[test]
fn a_job_that_has_ended_cannot_be_signalled() {
    let mut attempt = Attempt::start("exit 101");
    let failure = attempt.outcome();
    attempt.executor.cancel(job());
    attempt.executor.kill(job());
    assert!(matches!(failure, Outcome::Failed(_)));
    assert!(attempt.receiver.try_recv().is_err());
}

#[test]
fn jobs_end_with_their_executor() {
    let attempt = Attempt::start("sleep 60");
    drop(attempt.executor);
    assert!(matches!(attempt.receiver.recv_timeout(LONG), Ok(Event::Ended { outcome: Outcome::Interrupted, .. })));
}

#[test]
fn a_program_that_is_not_there_is_a_start_error() {
    let folder = tempfile::tempdir().unwrap();
    let (mut executor, receiver) = executor("/no/such/program", "", folder.path().to_owned());
    let error = executor.start(&launch()).unwrap_err();
    assert_eq!(error.kind, StartErrorKind::Process { program: "/no/such/program".to_owned() });
    assert_eq!(error.failure().class, FailureClass::Bug);
    assert!(receiver.try_recv().is_err());
}

#[test]
fn a_log_that_cannot_be_opened_is_a_start_error() {
    let (mut executor, _receiver) = executor("sh", "", PathBuf::from("/no/such/folder"));
    let error = executor.start(&launch()).unwrap_err();
    assert_eq!(error.failure().class, FailureClass::Storage);
    insta::assert_snapshot!(error.failure(), @"storage: cannot open the log /no/such/folder/log: No such file or directory (os error 2)");
}

/// Runs two jobs with this script, the second of which needs the first, as `ablate run` does.
fn run(script: &str, on_notice: &mut dyn FnMut(&Notice, &Sender<Event>)) -> Summary {
    let folder = tempfile::tempdir().unwrap();
    let (sender, receiver) = channel();
    let script = Script { program: "sh".to_owned(), script: script.to_owned(), folder: folder.path().to_owned() };
    let mut executor = LocalExecutor::new(Arc::new(script), sender.clone());
    let child = "00000000000000000000000000000002".parse().unwrap();
    let nodes = vec![Node::new(job(), vec![]), Node::new(child, vec![job()])];
    let policy = Policy { attempts: 2, backoff: Duration::ZERO, ..Policy::default() };
    let device = Device { slots: 1, jobs: 1, memory: 1 << 30, sharing: Sharing::Places };
    let scheduler = Scheduler::new(nodes, &[Shape::UNKNOWN], &[device], policy).unwrap();
    let begin = Instant::now();
    let Ok(summary) = drive(scheduler, &mut executor, &receiver, &|| begin.elapsed(), &mut |notice| {
        on_notice(notice, &sender);
        Ok::<_, Infallible>(())
    });
    summary
}

#[test]
fn a_run_retries_what_was_killed() {
    let mut retries = 0;
    let script = format!("[ $ATTEMPT = 1 ] && kill -KILL $$; touch record; {}", say_done());
    let summary = run(&script, &mut |notice, _| {
        if let Notice::Changes(changes) = notice {
            retries += changes.iter().filter(|change| matches!(change.to, JobState::Delayed { .. })).count();
        }
    });
    assert_eq!(summary, Summary { done: 2, ..Summary::default() });
    assert_eq!(retries, 2);
}

#[test]
fn a_run_can_be_stopped() {
    let summary = run(&format!("{}; sleep 60", say_phase("running")), &mut |notice, sender| {
        if matches!(notice, Notice::Progress { .. }) {
            sender.send(Event::Stop).unwrap();
        }
    });
    assert_eq!(summary, Summary { interrupted: 2, ..Summary::default() });
}

/// Set for a copy of this test binary that plays the parent that is killed; holds the folder of its job.
const PARENT_FOLDER: &str = "ABLATE_TEST_PARENT_FOLDER";

/// Not a test by itself: the process that [`a_killed_parent_takes_its_jobs_along`] kills.
#[test]
fn parent_to_be_killed() {
    let Some(folder) = env::var_os(PARENT_FOLDER) else { return };
    // The job holds the parent's standard error, a pipe to the test, open; what it waits for does not.
    let script = "exec 9>/proc/$PPID/fd/2; echo ready >&9; sleep 5 9>&-; echo survived >&9";
    let (mut executor, _receiver) = executor("sh", script, folder.into());
    executor.start(&launch()).unwrap();
    thread::sleep(LONG);
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_parent_takes_its_jobs_along() {
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", "schedule::parent_to_be_killed", "--nocapture"])
        .env(PARENT_FOLDER, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(parent.stderr.take().unwrap());
    let mut line = String::new();
    while line != "ready\n" {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the parent ended by itself");
    }
    parent.kill().unwrap();
    parent.wait().unwrap();
    // The pipe closes when the job, the last one to hold it, has ended.
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}
