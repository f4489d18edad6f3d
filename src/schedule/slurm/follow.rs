//! Reads what a job says, from files that grow on a file system that machines share.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::schedule::{
    Progress,
    ending::{Said, Verdict},
    job_log::JobLog,
};

/// At most so many signs of progress are passed on at once; of more, as after a pause, the last ones count.
const MOST: usize = 20;

/// The messages of one submission: each start writes a file of its own.
#[derive(Debug, Default)]
pub(super) struct Follow {
    /// The start whose file is read.
    pub(super) restart: u32,
    /// Whether that start has begun.
    pub(super) begun: bool,
    /// Whether it has said anything.
    pub(super) has_said: bool,
    /// What it said of its outcome.
    pub(super) verdict: Option<Verdict>,
    at: u64,
    /// Bytes of a line that is not complete yet.
    rest: Vec<u8>,
}

impl Follow {
    /// Reads what is new, also of later starts; Slurm says that there were so many `restarts`. What is no message goes
    /// to the job's log.
    pub(super) fn read(
        &mut self,
        path: impl Fn(u32) -> PathBuf,
        restarts: Option<u32>,
        log: &Path,
    ) -> io::Result<Vec<Progress>> {
        let mut found = self.read_file(&path(self.restart), log)?;
        let later = restarts.unwrap_or(0).max(self.restart + 1);
        let next = (self.restart + 1..=later).rev().find(|&restart| path(restart).exists());
        if let Some(restart) = next {
            *self = Self { restart, ..Self::default() };
            found.extend(self.read_file(&path(restart), log)?);
        }
        Ok(found.split_off(found.len().saturating_sub(MOST)))
    }

    fn read_file(&mut self, path: &Path, log: &Path) -> io::Result<Vec<Progress>> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            result => result?,
        };
        self.begun = true;
        file.seek(SeekFrom::Start(self.at))?;
        let before = self.rest.len();
        file.read_to_end(&mut self.rest)?;
        self.at += (self.rest.len() - before) as u64;
        let whole = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        let text = String::from_utf8_lossy(&lines);
        Ok(text.lines().filter_map(|line| self.message(line, log)).collect())
    }

    fn message(&mut self, line: &str, log: &Path) -> Option<Progress> {
        self.has_said = true;
        match Said::read(line) {
            Some(Said::Progress(progress)) => return Some(progress),
            Some(Said::Verdict(verdict)) => self.verdict = Some(verdict),
            None => {
                if let Ok(log) = JobLog::open(log.to_owned()) {
                    log.note_output(line);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::schedule::{Failure, FailureClass, JobMessage, Phase};

    #[test]
    fn lines_are_read_when_they_are_whole_and_later_starts_replace_earlier_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = |restart: u32| folder.path().join(format!("{restart}"));
        let log = folder.path().join("log");
        let mut follow = Follow::default();
        let mut read = |restarts| {
            follow
                .read(path, restarts, &log)
                .map(|found| (found.len(), follow.restart, follow.verdict.clone()))
                .unwrap()
        };
        assert_eq!(read(None), (0, 0, None));
        let [phase, failed] = [
            JobMessage::Phase(Phase { name: "é".to_owned() }),
            JobMessage::Failed(Failure::new(FailureClass::BadData, "no")),
        ]
        .map(|message| format!("{message}\n"));
        let text = phase.repeat(2) + "noise\n" + &failed;
        for (end, expected) in [(phase.len() + 12, 1), (text.len() - 1, 1)] {
            fs::write(path(0), &text[..end]).unwrap();
            assert_eq!(read(None), (expected, 0, None));
        }
        fs::write(path(0), &text).unwrap();
        let verdict = Some(Verdict::Failed(Failure::new(FailureClass::BadData, "no")));
        assert_eq!(read(None), (0, 0, verdict));
        assert_eq!(fs::read_to_string(&log).unwrap(), "ablate: standard output, not a message: noise\n");
        // The second start left no file.
        fs::write(path(2), &phase).unwrap();
        assert_eq!(read(Some(2)), (1, 2, None));
        fs::write(path(3), phase.repeat(MOST + 5)).unwrap();
        assert_eq!(read(None), (MOST, 3, None));
    }
}
