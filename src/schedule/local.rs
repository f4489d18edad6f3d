//! Runs every job as a child process on this machine, so that whatever happens to a job happens to one process.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::{ChildStdout, Command, Stdio},
    sync::{
        Arc,
        mpsc::{Sender, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use super::{
    Event, Executor, Failure, FailureClass, JobMessage, Launch, Outcome, Progress, StartError, StartErrorKind,
    ending::{Ending, Verdict, outcome},
    job_log::JobLog,
    process::{Signaller, spawn},
};
use crate::plan::JobId;

/// A longer line is no message; it is logged in pieces of this many bytes.
const LINE_LIMIT: u64 = 64 * 1024;

/// What the local executor asks about the jobs it runs.
pub trait LocalJobs: Send + Sync {
    /// The command that does a job on the slots that it was given and writes [`JobMessage`] lines to its standard
    /// output. Its standard streams are set by the executor.
    ///
    /// SIGTERM asks the process to save its work and end. It should end by that signal and not by an exit code, so
    /// that a request from elsewhere counts as [`FailureClass::Killed`] and is retried.
    fn command(&self, launch: &Launch) -> Command;

    /// The file that the job's standard error is appended to; its folder exists.
    fn log(&self, job: JobId) -> PathBuf;

    /// Checks the claim of a job's process that the job's record is in the store.
    fn judge(&self, job: JobId) -> Outcome;
}

/// Runs every job as a child process.
pub struct LocalExecutor {
    jobs: Arc<dyn LocalJobs>,
    sender: Sender<Event>,
    running: BTreeMap<JobId, Signaller>,
}

impl LocalExecutor {
    /// An executor which sends its events to `sender`.
    pub fn new(jobs: Arc<dyn LocalJobs>, sender: Sender<Event>) -> Self {
        Self { jobs, sender, running: BTreeMap::new() }
    }
}

impl Executor for LocalExecutor {
    fn start(&mut self, launch: &Launch) -> Result<(), StartError> {
        let path = self.jobs.log(launch.job);
        let log_error = |source| StartError { kind: StartErrorKind::Log { path: path.clone() }, source };
        let log = JobLog::open(path.clone()).map_err(log_error)?;
        let mut command = self.jobs.command(launch);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.file().map_err(log_error)?);

        let (started, start) = sync_channel(1);
        let job = launch.job;
        let attempt = Attempt {
            job,
            number: launch.attempt,
            jobs: Arc::clone(&self.jobs),
            log: Arc::new(log),
            sender: self.sender.clone(),
        };
        // The thread starts the process itself: on Linux the process dies with the thread that started it.
        thread::Builder::new()
            .name(format!("job {}", job.short()))
            .spawn(move || attempt.run(command, &started))
            .map_err(thread_error)?;
        let signaller = start.recv().unwrap_or_else(|_| Err(thread_error(io::Error::other("the thread ended"))))?;
        self.running.insert(job, signaller);
        Ok(())
    }

    fn cancel(&mut self, job: JobId) {
        if let Some(signaller) = self.running.get(&job) {
            signaller.cancel();
        }
    }

    fn kill(&mut self, job: JobId) {
        if let Some(signaller) = self.running.get(&job) {
            signaller.kill();
        }
    }
}

impl Drop for LocalExecutor {
    fn drop(&mut self) {
        self.running.values().for_each(Signaller::kill);
    }
}

/// One attempt at a job, owned by the thread that watches over it.
struct Attempt {
    job: JobId,
    number: usize,
    jobs: Arc<dyn LocalJobs>,
    log: Arc<JobLog>,
    sender: Sender<Event>,
}

impl Attempt {
    /// Runs the process from its start, which it reports to `started`, to its end, which it sends as an event.
    fn run(self, command: Command, started: &SyncSender<Result<Signaller, StartError>>) {
        let program = command.get_program().to_string_lossy().into_owned();
        let kills = memory_kills();
        let mut child = match spawn(command) {
            Ok(child) => child,
            Err(source) => {
                let _ = started.send(Err(StartError { kind: StartErrorKind::Process { program }, source }));
                return;
            }
        };
        let signaller = Signaller::new(&child);
        let reader = match self.read(child.stdout.take()) {
            Ok(reader) => reader,
            Err(error) => {
                signaller.kill();
                let _ = signaller.wait(child);
                let _ = started.send(Err(thread_error(error)));
                return;
            }
        };
        let _ = started.send(Ok(signaller.clone()));

        let waited = signaller.wait(child);
        let verdict = reader.join().ok().flatten();
        let (job, attempt) = (self.job, self.number);
        let outcome = match waited {
            Ok((status, cancelled)) => {
                // A panic must not keep the end of the job from being reported.
                let judge = || {
                    catch_unwind(AssertUnwindSafe(|| self.jobs.judge(job)))
                        .unwrap_or_else(|_| bug("checking its record panicked"))
                };
                let memory_kill = memory_kills().zip(kills).map(|(now, before)| now > before);
                outcome(Ending { status, verdict, cancelled, memory_kill }, &self.log, judge)
            }
            Err(error) => bug(format!("cannot wait for the job's process: {error}")),
        };
        // Nobody listens any more if the run was given up.
        let _ = self.sender.send(Event::Ended { job, attempt, outcome });
    }

    /// Reads what the process says in another thread, and returns its verdict at the end.
    fn read(&self, stdout: Option<ChildStdout>) -> io::Result<JoinHandle<Option<Verdict>>> {
        let stdout = stdout.ok_or_else(|| io::Error::other("no pipe"))?;
        let (job, log, sender) = (self.job, Arc::clone(&self.log), self.sender.clone());
        thread::Builder::new().name(format!("output of {}", job.short())).spawn(move || {
            let mut verdict = None;
            for_each_line(stdout, |line| match serde_json::from_str(line) {
                Ok(JobMessage::Epoch(epoch)) => progress(&sender, job, Progress::Epoch(epoch)),
                Ok(JobMessage::Phase(phase)) => progress(&sender, job, Progress::Phase(phase)),
                Ok(JobMessage::Alive(alive)) => progress(&sender, job, Progress::Alive(alive)),
                Ok(JobMessage::Note(phase)) => progress(&sender, job, Progress::Note(phase)),
                Ok(JobMessage::Failed(failure)) => verdict = Some(Verdict::Failed(failure)),
                Ok(JobMessage::Done {}) => verdict = Some(Verdict::Done),
                Err(_) => log.note(&format!("standard output, not a message: {line}")),
            });
            verdict
        })
    }
}

fn progress(sender: &Sender<Event>, job: JobId, progress: Progress) {
    let _ = sender.send(Event::Progress { job, progress });
}

/// How often the system has ended a process for lack of memory since it started; `None` where that cannot be told.
fn memory_kills() -> Option<u64> {
    let counters = fs::read_to_string("/proc/vmstat").ok()?;
    counters.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// Calls back for every line until the stream ends or fails, which for a pipe means the same.
fn for_each_line(stream: impl Read, mut callback: impl FnMut(&str)) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = stream.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line) {
        callback(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}

fn thread_error(source: io::Error) -> StartError {
    StartError { kind: StartErrorKind::Thread, source }
}

fn bug(message: impl Into<String>) -> Outcome {
    Outcome::Failed(Failure::new(FailureClass::Bug, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(stream: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for_each_line(stream, |line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn any_bytes_are_lines() {
        assert_eq!(lines(b"one\n\r\n\xfftwo"), ["one", "", "\u{fffd}two"]);
        assert_eq!(lines(b""), [""; 0]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let limit = usize::try_from(LINE_LIMIT).unwrap();
        let lengths: Vec<_> = lines(&vec![b'x'; 2 * limit + 1]).iter().map(String::len).collect();
        assert_eq!(lengths, [limit, limit, 1]);
    }
}
