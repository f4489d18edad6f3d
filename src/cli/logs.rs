//! `logs`: prints the log of a job, and what is added to it while the job runs.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{CliError, args::LogsArgs, error::chain, inspect::job_named, print, print_if_read, results};
use crate::{
    plan::JobId,
    store::{JobEvent, Snapshot},
};

/// Time between two looks at a log that is followed.
const PAUSE: Duration = Duration::from_millis(200);

/// Prints the log of the one job whose id begins as given.
pub fn logs(args: &LogsArgs) -> Result<(), CliError> {
    let store = results::open(&args.store)?;
    let job = job_named(&args.job, &store.load()?, &store)?;
    let mut log = Log { path: store.log_path(job), at: 0, rest: vec![] };
    let (mut seen, mut goes_on) = (None, args.follow);
    loop {
        // Asked before the log is read, so that its last lines are not missed.
        if goes_on {
            let (since, length) = (store.in_use_since()?, Some(store.journal_length()?));
            // A long journal is read again only if there is news.
            if length != seen {
                seen = length;
                goes_on = is_at_work(since, &store.load()?, job);
            }
            goes_on &= since.is_some();
        }
        if !log.print_new(!goes_on)? {
            return Ok(());
        }
        if !goes_on {
            return log.print_rest();
        }
        thread::sleep(PAUSE);
    }
}

/// Whether the run that is at work since then has not ended the job.
fn is_at_work(since: Option<u64>, snapshot: &Snapshot, job: JobId) -> bool {
    let Some(since) = since else { return false };
    let Some(status) = snapshot.jobs.get(&job) else { return false };
    let of_this_run = |time_unix_ms: u64| time_unix_ms >= 1000 * since;
    let waits = status.queued_unix_ms.is_some_and(of_this_run);
    let runs =
        matches!(status.state, JobEvent::Started { .. } | JobEvent::Queued | JobEvent::Failed { again: true, .. });
    waits || runs && of_this_run(status.time_unix_ms)
}

/// A log as far as it was printed.
struct Log {
    path: PathBuf,
    at: u64,
    /// Bytes of a character that is not complete yet.
    rest: Vec<u8>,
}

impl Log {
    /// Prints what was added, and answers whether somebody reads it; that there is no log yet is an error only if it is
    /// `wanted` now.
    fn print_new(&mut self, wanted: bool) -> Result<bool, CliError> {
        let added = match read_from(&self.path, self.at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !wanted => return Ok(true),
            result => result
                .map_err(|error| CliError::failed(format!("cannot read {}: {}", self.path.display(), chain(&error))))?,
        };
        self.at += added.len() as u64;
        self.rest.extend(added);
        let whole = match std::str::from_utf8(&self.rest) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.rest.len(),
        };
        let text: Vec<u8> = self.rest.drain(..whole).collect();
        print_if_read(&String::from_utf8_lossy(&text))
    }

    fn print_rest(&mut self) -> Result<(), CliError> {
        print(&String::from_utf8_lossy(&std::mem::take(&mut self.rest)))
    }
}

fn read_from(path: &Path, at: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
