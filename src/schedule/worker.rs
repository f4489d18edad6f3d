//! A process that does a job, or several of a kind one after the other, and the threads that watch over it.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Sender, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use super::{
    Event, Failure, FailureClass, Launch, LocalJobs, NextJob, Outcome, StartError, StartErrorKind,
    ending::{Ending, Said, Verdict, outcome},
    job_log::JobLog,
    process::{Signaller, spawn},
};
use crate::plan::JobId;

/// A longer line is no message; it is logged in pieces of this many bytes.
const LINE_LIMIT: u64 = 64 * 1024;

/// A process, as the executor sees it.
#[derive(Debug)]
pub(super) struct Worker {
    /// What jobs it may do; `None` if it ends with its first.
    kin: Option<String>,
    shared: Arc<Shared>,
    signaller: Signaller,
    input: Option<ChildStdin>,
    thread: JoinHandle<()>,
}

/// What its threads and the executor know of a process.
struct Shared {
    jobs: Arc<dyn LocalJobs>,
    sender: Sender<Event>,
    state: Mutex<State>,
}

/// What a process does.
#[derive(Debug)]
enum State {
    Works(Attempt),
    /// It waits for its next job.
    Idle,
    Ended,
}

/// One attempt at a job.
#[derive(Debug)]
pub(super) struct Attempt {
    job: JobId,
    number: usize,
    log: Arc<JobLog>,
    verdict: Option<Verdict>,
    /// How often the system had ended a process for lack of memory when the attempt began.
    memory_kills: Option<u64>,
}

impl Attempt {
    /// An attempt whose log goes into a file.
    pub(super) fn new(launch: &Launch, log: &Path) -> Result<Self, StartError> {
        let log = JobLog::open(log.to_owned()).map_err(|source| log_error(log, source))?;
        let (job, number) = (launch.job, launch.attempt);
        Ok(Self { job, number, log: Arc::new(log), verdict: None, memory_kills: memory_kills() })
    }
}

impl Worker {
    /// Starts a process for an attempt.
    pub(super) fn start(
        attempt: Attempt,
        mut command: Command,
        kin: Option<String>,
        jobs: Arc<dyn LocalJobs>,
        sender: Sender<Event>,
    ) -> Result<Self, StartError> {
        let errors = attempt.log.file().map_err(|source| log_error(attempt.log.path(), source))?;
        let input = if kin.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(input).stdout(Stdio::piped()).stderr(errors);
        let name = format!("job {}", attempt.job.short());
        let shared = Arc::new(Shared { jobs, sender, state: Mutex::new(State::Works(attempt)) });
        let (started, start) = sync_channel(1);
        let (threads, stays) = (Arc::clone(&shared), kin.is_some());
        // The thread starts the process itself: on Linux the process dies with the thread that started it.
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || threads.run(command, stays, &started))
            .map_err(thread_error)?;
        let (signaller, input) =
            start.recv().unwrap_or_else(|_| Err(thread_error(io::Error::other("the thread ended"))))?;
        Ok(Self { kin, shared, signaller, input, thread })
    }

    /// Whether it works on this job.
    pub(super) fn does(&self, job: JobId) -> bool {
        matches!(&*self.shared.state(), State::Works(attempt) if attempt.job == job)
    }

    /// Whether it waits for a job of this kind.
    pub(super) fn waits_for(&self, kin: &str) -> bool {
        self.kin.as_deref() == Some(kin) && self.is_idle()
    }

    /// Whether it waits for a job.
    pub(super) fn is_idle(&self) -> bool {
        matches!(*self.shared.state(), State::Idle)
    }

    /// Whether there is nothing more to expect of it.
    pub(super) fn has_ended(&self) -> bool {
        matches!(*self.shared.state(), State::Ended)
    }

    /// Gives an idle process its next job; an error if it cannot be reached, and then it is not to be used any more.
    pub(super) fn go_on(&mut self, attempt: Attempt, next: &NextJob) -> Result<(), (Attempt, io::Error)> {
        let mut line = match serde_json::to_vec(next) {
            Ok(line) => line,
            Err(error) => return Err((attempt, error.into())),
        };
        line.push(b'\n');
        let mut state = self.shared.state();
        let (State::Idle, Some(input)) = (&*state, &mut self.input) else {
            return Err((attempt, io::Error::from(io::ErrorKind::BrokenPipe)));
        };
        match input.write_all(&line).and_then(|()| input.flush()) {
            Ok(()) => {
                *state = State::Works(attempt);
                Ok(())
            }
            Err(error) => Err((attempt, error)),
        }
    }

    pub(super) fn cancel(&self) {
        self.signaller.cancel();
    }

    pub(super) fn kill(&self) {
        self.signaller.kill();
    }

    /// Ends an idle process and waits until what it held is free.
    pub(super) fn dismiss(self) {
        self.signaller.kill();
        // A thread that panicked has nothing more to say.
        let _ = self.thread.join();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the process from its start, which it reports to `started`, to its end, and sends how its attempts ended.
    fn run(
        self: &Arc<Self>,
        command: Command,
        stays: bool,
        started: &SyncSender<Result<(Signaller, Option<ChildStdin>), StartError>>,
    ) {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = match spawn(command) {
            Ok(child) => child,
            Err(source) => {
                let _ = started.send(Err(StartError { kind: StartErrorKind::Process { program }, source }));
                return;
            }
        };
        let signaller = Signaller::new(&child);
        let input = child.stdin.take();
        let reader = match self.read(child.stdout.take(), stays.then(|| signaller.clone())) {
            Ok(reader) => reader,
            Err(error) => {
                signaller.kill();
                let _ = signaller.wait(child);
                let _ = started.send(Err(thread_error(error)));
                return;
            }
        };
        let _ = started.send(Ok((signaller.clone(), input)));

        let waited = signaller.wait(child);
        // A reader that panicked has read nothing more.
        let _ = reader.join();
        let State::Works(attempt) = std::mem::replace(&mut *self.state(), State::Ended) else { return };
        let outcome = match waited {
            Ok((status, cancelled)) => {
                let memory_kill = memory_kills().zip(attempt.memory_kills).map(|(now, before)| now > before);
                let ending = Ending { status, verdict: attempt.verdict, cancelled, memory_kill };
                outcome(ending, &attempt.log, || self.judge(attempt.job))
            }
            Err(error) => bug(format!("cannot wait for the job's process: {error}")),
        };
        self.send_end(attempt.job, attempt.number, outcome);
    }

    /// Reads what the process says in another thread. `stays` ends it, if it is one that stays.
    fn read(self: &Arc<Self>, stdout: Option<ChildStdout>, stays: Option<Signaller>) -> io::Result<JoinHandle<()>> {
        let stdout = stdout.ok_or_else(|| io::Error::other("no pipe"))?;
        let shared = Arc::clone(self);
        thread::Builder::new()
            .name("output of a job".to_owned())
            .spawn(move || for_each_line(stdout, |line| shared.hear(line, stays.as_ref())))
    }

    /// Takes in a line that the process has written.
    fn hear(&self, line: &str, stays: Option<&Signaller>) {
        let mut state = self.state();
        let State::Works(attempt) = &mut *state else { return };
        match Said::read(line) {
            Some(Said::Progress(progress)) => {
                let _ = self.sender.send(Event::Progress { job: attempt.job, progress });
            }
            // One that was told to end is about to do so, whatever it has managed to do before.
            Some(Said::Verdict(Verdict::Done)) if stays.is_some_and(|signaller| !signaller.was_signalled()) => {
                let (job, number) = (attempt.job, attempt.number);
                *state = State::Idle;
                drop(state);
                self.send_end(job, number, self.judge(job));
            }
            Some(Said::Verdict(verdict)) => attempt.verdict = Some(verdict),
            None => attempt.log.note_output(line),
        }
    }

    /// Checks that the record is there. A panic must not keep the end of the job from being reported.
    fn judge(&self, job: JobId) -> Outcome {
        catch_unwind(AssertUnwindSafe(|| self.jobs.judge(job))).unwrap_or_else(|_| bug("checking its record panicked"))
    }

    fn send_end(&self, job: JobId, attempt: usize, outcome: Outcome) {
        // Nobody listens any more if the run was given up.
        let _ = self.sender.send(Event::Ended { job, attempt, outcome });
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
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

fn log_error(path: &Path, source: io::Error) -> StartError {
    StartError { kind: StartErrorKind::Log { path: path.to_owned() }, source }
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
