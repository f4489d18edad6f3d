//! The log of one attempt at a job: a part of a file that holds the logs of all its attempts.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// At most this many bytes of a log are looked at to explain a failure.
const TAIL_BYTES: u64 = 4096;

/// At most this many lines of a log explain a failure.
const TAIL_LINES: usize = 8;

/// The log of one attempt.
#[derive(Debug)]
pub(super) struct JobLog {
    path: PathBuf,
    file: File,
    /// Where this attempt's part of the file begins.
    start: u64,
}

impl JobLog {
    /// Opens the file to append to it, and makes it if it is not there.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let start = file.metadata()?.len();
        Ok(Self { path, file, start })
    }

    /// The part of a file from `start` on, for an attempt that began when the file had this length.
    pub(super) fn since(path: PathBuf, start: u64) -> io::Result<Self> {
        Ok(Self { start, ..Self::open(path)? })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Another handle on the file, for the process that writes most of it.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Adds a line. That it may fail is no reason to end a job that goes well.
    pub(super) fn note(&self, line: &str) {
        let _ = (&self.file).write_all(format!("ablate: {line}\n").as_bytes());
    }

    /// Adds a line of the job's standard output that is no message.
    pub(super) fn note_output(&self, line: &str) {
        self.note(&format!("standard output, not a message: {line}"));
    }

    /// The last lines of this attempt; empty if there are none or they cannot be read.
    pub(super) fn tail(&self) -> String {
        let bytes = self.tail_bytes().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    fn tail_bytes(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(self.start.max(end.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_of_this_attempt_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        JobLog::open(path.clone()).unwrap().note("first attempt");
        let log = JobLog::open(path).unwrap();
        assert_eq!(log.tail(), "");
        log.note("second attempt");
        assert_eq!(log.tail(), "ablate: second attempt");
    }

    #[test]
    fn the_tail_of_a_long_log_is_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let log = JobLog::open(folder.path().join("log")).unwrap();
        for line in 0..10_000 {
            log.note(&format!("{line}\n"));
        }
        let expected: Vec<_> = (9_992..10_000).map(|line| format!("ablate: {line}")).collect();
        assert_eq!(log.tail(), expected.join("\n"));
    }
}
