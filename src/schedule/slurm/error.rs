//! Why Slurm did not do what it was asked.

use std::{fmt, io};

/// Why a command of Slurm led to nothing.
#[derive(Debug)]
pub enum ClientError {
    /// The command cannot be started.
    NoCommand {
        /// Its name.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Slurm's controller, its accounting or its authentication did not answer. That passes: wait and ask again. What
    /// the command was to do may have been done or not.
    Unreachable {
        /// The command.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// Slurm refuses: a partition that is not there, a limit, a job of somebody else.
    Refused {
        /// The command.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// The command answered, and in a way that is not understood.
    Unreadable {
        /// The command.
        program: &'static str,
        /// The part of its output that was not understood.
        said: String,
    },
}

/// What Slurm's commands say when something is down or overloaded rather than wrong. The first ten stand in
/// `src/common/slurm_errno.c` as of commit 0001e1b of github.com/SchedMD/slurm, of which the release was not looked up; the rest are the
/// system's words for connections that fail, and what sbatch and sacct say themselves, as general knowledge has it.
const PASSING: [&str; 17] = [
    "Unable to contact slurm controller",
    "Socket timed out",
    "Zero Bytes were transmitted or received",
    "Connection timed out",
    "Slurm backup controller in standby mode",
    "Controller is in standby mode",
    "Rate limit exceeded",
    "Unexpected message received",
    "Protocol authentication error",
    "Unable to connect to database",
    "Transport endpoint is not connected",
    "Connection refused",
    "Connection reset",
    "Resource temporarily unavailable",
    "Slurm temporarily unable to accept job",
    "failed to open persistent connection",
    "Problem talking to the database",
];

impl ClientError {
    /// The error of a command that failed with these words.
    pub(super) fn failed(program: &'static str, said: &str) -> Self {
        let said = said.trim().to_owned();
        if PASSING.iter().any(|words| said.contains(words)) {
            Self::Unreachable { program, said }
        } else {
            Self::Refused { program, said }
        }
    }

    /// The error of an answer that is not understood.
    pub(super) fn unreadable(program: &'static str, said: impl Into<String>) -> Self {
        Self::Unreadable { program, said: said.into() }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand { program, .. } => write!(
                f,
                "cannot start {program}: run this where Slurm's commands are installed, such as the cluster's login node"
            ),
            Self::Unreachable { program, said } => write!(f, "Slurm does not answer {program}: {said}"),
            Self::Refused { program, said } => write!(f, "Slurm refuses {program}: {said}"),
            Self::Unreadable { program, said } => {
                write!(f, "{program} answered what this program does not understand: {said:?}")
            }
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoCommand { source, .. } => Some(source),
            _ => None,
        }
    }
}
