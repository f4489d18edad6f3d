//! Why a job failed, sorted by what can be done about it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure it is.
    pub class: FailureClass,
    /// What happened, for people.
    pub message: String,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailureClass {
    /// The job needed more memory than there was.
    OutOfMemory,
    /// Something outside the job ended it.
    Killed,
    /// It said nothing for too long.
    Hung,
    /// It ran longer than it may.
    TimeOut,
    /// The device it ran on does not work.
    Device,
    /// The loss or a weight became infinite or not a number.
    NonFinite,
    /// A data file is missing or damaged.
    BadData,
    /// There was no room on the disk.
    DiskFull,
    /// The results could not be read or written.
    Storage,
    /// The job was asked for something that cannot be done.
    BadInput,
    /// A mistake in this program.
    Bug,
}

impl Failure {
    /// A failure of this class.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl FailureClass {
    /// All classes.
    pub const ALL: [Self; 11] = [
        Self::OutOfMemory,
        Self::Killed,
        Self::Hung,
        Self::TimeOut,
        Self::Device,
        Self::NonFinite,
        Self::BadData,
        Self::DiskFull,
        Self::Storage,
        Self::BadInput,
        Self::Bug,
    ];

    /// Whether the same job may succeed when it is started again. Training is deterministic, so only what came from
    /// outside the job can turn out differently.
    pub fn retryable(self) -> bool {
        matches!(self, Self::OutOfMemory | Self::Killed | Self::Hung | Self::Device | Self::DiskFull)
    }

    fn name(self) -> &'static str {
        match self {
            Self::OutOfMemory => "out of memory",
            Self::Killed => "killed",
            Self::Hung => "hung",
            Self::TimeOut => "time-out",
            Self::Device => "device",
            Self::NonFinite => "non-finite",
            Self::BadData => "bad data",
            Self::DiskFull => "disk full",
            Self::Storage => "storage",
            Self::BadInput => "bad input",
            Self::Bug => "bug",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.message)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no [`FailureClass`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseFailureClassError;

impl fmt::Display for ParseFailureClassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a failure class is one of ")?;
        let names: Vec<_> = FailureClass::ALL.iter().map(|class| format!("\"{class}\"")).collect();
        f.write_str(&names.join(", "))
    }
}

impl std::error::Error for ParseFailureClassError {}

impl FromStr for FailureClass {
    type Err = ParseFailureClassError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|class| class.name() == text).ok_or(ParseFailureClassError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_reads_back_from_its_name() {
        for class in FailureClass::ALL {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        insta::assert_snapshot!("oom".parse::<FailureClass>().unwrap_err(), @r#"a failure class is one of "out of memory", "killed", "hung", "time-out", "device", "non-finite", "bad data", "disk full", "storage", "bad input", "bug""#);
    }

    #[test]
    fn only_what_came_from_outside_is_tried_again() {
        let retryable: Vec<_> = FailureClass::ALL.into_iter().filter(|class| class.retryable()).collect();
        assert_eq!(
            retryable,
            [
                FailureClass::OutOfMemory,
                FailureClass::Killed,
                FailureClass::Hung,
                FailureClass::Device,
                FailureClass::DiskFull
            ]
        );
    }
}
