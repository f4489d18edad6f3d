//! What a job's process tells the process that started it, and is told by it: one line of JSON per message on its
//! standard streams.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Failure;

/// The exit code of a job's process on a cluster that was told to stop and can go on later: `EX_TEMPFAIL` of sysexits.h.
pub const STOPPED: u8 = 75;

/// One line on the standard output of a job's process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum JobMessage {
    /// An epoch is over.
    Epoch(Epoch),
    /// A part of the job begins.
    Phase(Phase),
    /// The job gets on, though there is nothing else to say.
    Alive(Alive),
    /// Something that a person should know, such as what the job waits for; the name says it.
    Note(Phase),
    /// The job failed; the process is about to end.
    Failed(Failure),
    /// The job's record is in the store; the process is about to end, or waits for its next job.
    Done {},
}

/// What a process that stays is told on its standard input, in one line: its next job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextJob {
    /// The arguments of the command that would do the job in a process of its own.
    pub arguments: Vec<String>,
    /// The file that the job's log is appended to, instead of the last job's.
    pub log: PathBuf,
}

/// How far a running job is.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// An epoch is over.
    Epoch(Epoch),
    /// A part of the job begins.
    Phase(Phase),
    /// The job gets on.
    Alive(Alive),
    /// Something that a person should know, such as what it waits for; the name says it.
    Note(Phase),
    /// It has not begun: it waits in the queue of a cluster; the name says for what.
    Queued(Phase),
}

impl Progress {
    /// The most memory that the job has taken so far, in bytes, if it said.
    pub fn memory(&self) -> Option<u64> {
        match self {
            Self::Epoch(epoch) => epoch.memory,
            Self::Alive(alive) => alive.memory,
            Self::Phase(_) | Self::Note(_) | Self::Queued(_) => None,
        }
    }
}

/// A sign of life from a job that did some of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// The most memory that the job has taken so far, in bytes, once it has done what it does again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

/// An epoch that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, counted from 1.
    pub epoch: usize,
    /// How many there will be.
    pub epochs: usize,
    /// Mean training loss of the epoch.
    pub loss: f64,
    /// Training images per second of wall-clock time.
    pub images_per_second: f64,
    /// The most memory that the job has taken so far, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

/// A part of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// What to call it on a display.
    pub name: String,
}

/// The line, without its line feed.
impl fmt::Display for JobMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::FailureClass;

    #[test]
    fn the_lines_are_pinned_and_read_back() {
        let messages = [
            JobMessage::Epoch(Epoch { epoch: 3, epochs: 20, loss: 4.25, images_per_second: 812.0, memory: None }),
            JobMessage::Alive(Alive { memory: Some(1 << 30) }),
            JobMessage::Phase(Phase { name: "linear evaluation".to_owned() }),
            JobMessage::Note(Phase { name: "for room".to_owned() }),
            JobMessage::Failed(Failure::new(FailureClass::BadData, "not a tar file\nat all")),
            JobMessage::Done {},
        ];
        let lines: Vec<_> = messages.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"Epoch":{"epoch":3,"epochs":20,"loss":4.25,"images_per_second":812.0}}
        {"Alive":{"memory":1073741824}}
        {"Phase":{"name":"linear evaluation"}}
        {"Note":{"name":"for room"}}
        {"Failed":{"class":"BadData","message":"not a tar file\nat all"}}
        {"Done":{}}
        "#);
        for (line, message) in lines.iter().zip(messages) {
            assert_eq!(serde_json::from_str::<JobMessage>(line).unwrap(), message);
        }
    }
}
