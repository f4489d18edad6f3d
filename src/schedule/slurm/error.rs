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

/// What Slurm's commands say when something is down or overloaded rather than wrong: from `src/common/slurm_errno.c`
/// and what Slurm 22.05 says when slurmctld, slurmdbd or munged is stopped.
const PASSING: [&str; 16] = [
    "Unable to contact slurm controller",
    "Socket timed out",
    "Zero Bytes were transmitted or received",
    "Transport endpoint is not connected",
    "Connection refused",
    "Connection timed out",
    "Connection reset",
    "Slurm backup controller in standby mode",
    "Controller is in standby mode",
    "Slurm temporarily unable to accept job",
    "Resource temporarily unavailable",
    "Unexpected message received",
    "Protocol authentication error",
    "failed to open persistent connection",
    "Problem talking to the database",
    "Unable to connect to database",
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
