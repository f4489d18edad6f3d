//! Errors as the user sees them, and the exit codes they lead to.

use std::{error::Error, fmt, io::IsTerminal};

use super::tell;
use crate::{schedule::STOPPED, store, sweep};

/// Why a command ends badly.
#[derive(Debug)]
pub struct CliError {
    kind: ErrorKind,
    message: String,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user's input is wrong: exit code 2.
    Input,
    /// Something failed on the way: exit code 1.
    Failed,
    /// Everything has been said already: exit code 1.
    Silent,
    /// A job on a cluster was told to stop and can go on later: exit code 75, `EX_TEMPFAIL` of sysexits.h.
    Stopped,
    /// The diagnostics have been rendered, with their places: exit code 2.
    Diagnostics,
}

impl CliError {
    /// Wrong input, with a message that names the place and the remedy.
    pub fn input(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Input, message: message.into() }
    }

    /// A failure at run time.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Failed, message: message.into() }
    }

    /// A failure that the output so far has told of.
    pub fn silent() -> Self {
        Self { kind: ErrorKind::Silent, message: String::new() }
    }

    /// A job on a cluster was told to stop, which the output so far has told of.
    pub fn stopped() -> Self {
        Self { kind: ErrorKind::Stopped, message: String::new() }
    }

    /// What is wrong with a sweep file, in color if standard error is a terminal that wants it.
    pub fn diagnostics(diagnostics: &sweep::Diagnostics) -> Self {
        let color = std::io::stderr().is_terminal() && super::display::color_wanted();
        Self { kind: ErrorKind::Diagnostics, message: diagnostics.render(color) }
    }

    /// 2 for wrong input, 1 for everything else but a job that was stopped.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Input | ErrorKind::Diagnostics => 2,
            ErrorKind::Failed | ErrorKind::Silent => 1,
            ErrorKind::Stopped => STOPPED,
        }
    }

    /// Prints the message to standard error.
    pub fn print(&self) {
        match self.kind {
            ErrorKind::Silent | ErrorKind::Stopped => {}
            ErrorKind::Diagnostics => tell(self.message.trim_end()),
            ErrorKind::Input | ErrorKind::Failed => tell(&format!("error: {}", self.message)),
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CliError {}

impl From<store::Error> for CliError {
    fn from(error: store::Error) -> Self {
        Self::failed(chain(&error))
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
