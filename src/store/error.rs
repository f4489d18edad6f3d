//! What can go wrong in the store.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{Holder, Token, format};
use crate::plan::JobId;

/// A failed operation on the store.
#[derive(Debug)]
pub struct Error(Box<ErrorKind>);

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused.
    Io {
        /// What was tried: a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// The results folder is something else.
    NotAFolder {
        /// The results folder.
        path: PathBuf,
    },
    /// `FORMAT` holds something else.
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// There is a journal but no `FORMAT` beside it.
    FormatMissing {
        /// The missing file.
        path: PathBuf,
    },
    /// The store was made by a newer program with another layout.
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The number in it.
        found: u32,
    },
    /// A sound file says something that this program does not know.
    NewerContent {
        /// The file.
        path: PathBuf,
        /// The line, from 1; `None` for the file as a whole.
        line: Option<usize>,
        /// What is unknown.
        source: serde_json::Error,
    },
    /// Another `run` is at work.
    Locked {
        /// The results folder.
        root: PathBuf,
        /// Who holds it, if that can be read.
        holder: Option<Holder>,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// A file of a job fails its check.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A folder stands where there should be files only.
    ForeignFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The encoder of a finished job is not there.
    EncoderMissing {
        /// The file.
        path: PathBuf,
    },
    /// The job has not produced what was asked for.
    NotDone {
        /// The job.
        job: JobId,
        /// What is missing.
        what: &'static str,
    },
    /// Another copy of the job has taken over.
    Superseded {
        /// The job.
        job: JobId,
        /// Which copy this is.
        own: Token,
        /// Which has taken over.
        other: Token,
    },
    /// What says which copy of a job may write is not there any more.
    ClaimGone {
        /// The file.
        path: PathBuf,
    },
    /// A number that cannot be stored.
    NotFinite {
        /// The job.
        job: JobId,
        /// Which number.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A value that JSON cannot hold, such as a path that is not UTF-8.
    NotJson {
        /// The file it was meant for.
        path: PathBuf,
        /// What JSON cannot hold.
        source: serde_json::Error,
    },
    /// A name that would lead to another folder.
    NotAFileName {
        /// The name.
        name: String,
    },
}

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ErrorKind::Io { action, path, source } => {
                let path = path.display();
                match source.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        write!(f, "no space left on {path}: free some and run again; nothing acknowledged was lost")
                    }
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        write!(f, "cannot {action} {path}: check its permissions or choose another results folder")
                    }
                    _ => write!(f, "cannot {action} {path}"),
                }
            }
            ErrorKind::NotAFolder { path } => {
                write!(f, "{} is not a folder: choose another results folder", path.display())
            }
            ErrorKind::NotAStore { path } => write!(
                f,
                "{} is not that of an ablate store: choose another results folder, or restore its one line, `{}`",
                path.display(),
                format::LINE.trim_end()
            ),
            ErrorKind::FormatMissing { path } => write!(
                f,
                "{} is missing beside a journal: restore its one line, `{}`",
                path.display(),
                format::LINE.trim_end()
            ),
            ErrorKind::NewerFormat { path, found } => write!(
                f,
                "{} says store format {found}, but this ablate understands only {}: update ablate or choose another \
                 results folder",
                path.display(),
                format::VERSION
            ),
            ErrorKind::NewerContent { path, line, source: _ } => {
                write!(f, "{}", path.display())?;
                if let Some(line) = line {
                    write!(f, ":{line}")?;
                }
                f.write_str(" was written by another version and holds something unknown to this one: update ablate")
            }
            ErrorKind::Locked { root, holder, seconds } => {
                write!(f, "{} is in use by ", root.display())?;
                match holder {
                    Some(Holder { pid, host, .. }) => {
                        write!(f, "process {pid} on {host} for {} min", seconds / 60)?;
                    }
                    None => f.write_str("another process")?,
                }
                f.write_str(": wait for it or choose another results folder")
            }
            ErrorKind::Damaged { path, reason } => {
                write!(f, "{} {reason}: running again repairs it", path.display())
            }
            ErrorKind::ForeignFolder { path } => {
                write!(
                    f,
                    "{} is a folder among the files of a job: move it elsewhere to have them removed",
                    path.display()
                )
            }
            ErrorKind::EncoderMissing { path } => {
                write!(f, "{} is missing, as after `gc --encoders`: running again trains it anew", path.display())
            }
            ErrorKind::NotDone { job, what } => write!(f, "job {job} has no {what}: run it first"),
            ErrorKind::Superseded { job, own, other } => write!(
                f,
                "job {job} was taken over by submission {}, start {}: this copy, of submission {}, start {}, ends and \
                 writes nothing more",
                other.submission,
                u64::from(other.restart) + 1,
                own.submission,
                u64::from(own.restart) + 1
            ),
            ErrorKind::ClaimGone { path } => write!(
                f,
                "{} is gone, so that nobody knows whether this copy of the job may write: it ends",
                path.display()
            ),
            ErrorKind::NotFinite { job, field, value } => {
                write!(f, "job {job} reports {field} {value}, which cannot be recorded")
            }
            ErrorKind::NotJson { path, source: _ } => {
                write!(f, "cannot write {} as JSON: use paths that are UTF-8", path.display())
            }
            ErrorKind::NotAFileName { name } => {
                write!(f, "`{name}` is not a file name: use letters, digits, `-`, `_` and `.`")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            ErrorKind::Io { source, .. } => Some(source),
            ErrorKind::NewerContent { source, .. } | ErrorKind::NotJson { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Adds to an operating system's answer what was tried and where.
pub(super) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| ErrorKind::Io { action, path: path.to_owned(), source }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kind: io::ErrorKind) -> String {
        Err::<(), _>(io::Error::from(kind)).at("create", Path::new("results/jobs")).unwrap_err().to_string()
    }

    #[test]
    fn refusals_name_place_and_remedy() {
        insta::assert_snapshot!(refused(io::ErrorKind::StorageFull), @"no space left on results/jobs: free some and run again; nothing acknowledged was lost");
        insta::assert_snapshot!(refused(io::ErrorKind::ReadOnlyFilesystem), @"cannot create results/jobs: check its permissions or choose another results folder");
        insta::assert_snapshot!(refused(io::ErrorKind::Other), @"cannot create results/jobs");
    }

    #[test]
    fn the_cause_is_kept() {
        let error = Err::<(), _>(io::Error::other("cause")).at("create", Path::new("x")).unwrap_err();
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "cause");
    }
}
