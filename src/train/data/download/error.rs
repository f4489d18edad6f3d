//! Why a data set cannot be downloaded.

use std::{
    error::Error as StdError,
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{recipe::DataSource, train::data::error::Remedy};

/// A data set cannot be downloaded.
#[derive(Debug)]
pub struct Error {
    /// What is wrong, and where.
    pub kind: ErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What is wrong with a download, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The data set does not come from files.
    NothingToGet {
        /// The data set.
        source: DataSource,
    },
    /// Another process is downloading into the folder.
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The address cannot be used.
    Address {
        /// The address.
        url: String,
    },
    /// There is no connection to the host; the cause is the error's source.
    Unreachable {
        /// The address.
        url: String,
        /// Where a copy of the archive from elsewhere would be found.
        archive: PathBuf,
    },
    /// The server refused.
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection broke off again and again.
    Broken {
        /// The address.
        url: String,
        /// Number of bytes that are here.
        done: u64,
        /// Number of bytes of the whole archive, if the server said so.
        total: Option<u64>,
    },
    /// The system refused to write; the cause is the error's source.
    Write {
        /// The file or folder.
        path: PathBuf,
    },
    /// The system refused to read; the cause is the error's source.
    Read {
        /// The file.
        path: PathBuf,
    },
    /// The archive is not the expected one.
    Checksum {
        /// The address it may have come from.
        url: String,
        /// Where it is now.
        aside: PathBuf,
        /// The MD5 checksum of the expected one.
        expected: String,
        /// Its own MD5 checksum.
        found: String,
    },
    /// The archive cannot be unpacked; the cause is the error's source.
    Archive {
        /// The archive.
        path: PathBuf,
    },
    /// The archive holds a link, a device or a path that leaves its folder.
    Unsafe {
        /// The archive.
        path: PathBuf,
        /// The name in the archive.
        entry: PathBuf,
    },
    /// The folder or archive does not hold a sound data set; the cause is the error's source.
    Unsound {
        /// The folder or archive.
        path: PathBuf,
    },
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl Error {
    /// An error with the error that caused it.
    pub(super) fn caused(kind: ErrorKind, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind, source: Some(Box::new(source)) }
    }

    /// A refusal of the system to write `path`.
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::caused(ErrorKind::Write { path: path.to_owned() }, source)
    }

    /// A refusal of the system to read `path`.
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::caused(ErrorKind::Read { path: path.to_owned() }, source)
    }

    /// A folder or archive without a sound data set.
    pub(super) fn unsound(path: &Path, source: crate::train::data::Error) -> Self {
        Self::caused(ErrorKind::Unsound { path: path.to_owned() }, source)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingToGet { source } if source.is_pictures() => {
                write!(f, "{} cannot be downloaded from here: {}", source.name(), Remedy(*source))
            }
            Self::NothingToGet { source } => {
                write!(f, "{} is generated while training, so there is nothing to download", source.name())
            }
            Self::Busy { folder } => {
                write!(f, "another process is downloading into {}: wait until it is done", folder.display())
            }
            Self::Address { url } => write!(f, "`{url}` is not an http or https address"),
            Self::Unreachable { url, archive } => write!(
                f,
                "cannot reach {url}: check the network, name a mirror with --from, or download the file elsewhere, put \
                 it at {} and run this command again",
                archive.display(),
            ),
            Self::Status { url, status } => {
                write!(f, "the server answered {status} to {url}: name a mirror with --from, or try again later")
            }
            Self::Broken { url, done, total } => {
                write!(f, "the download of {url} broke off after {done} bytes")?;
                if let Some(total) = total {
                    write!(f, " of {total}")?;
                }
                write!(f, ": run this command again to go on from there")
            }
            Self::Write { path } => write!(
                f,
                "cannot write {}: check the free space and the permissions, or choose another folder with --data-dir",
                path.display(),
            ),
            Self::Read { path } => write!(f, "cannot read {}", path.display()),
            Self::Checksum { url, aside, expected, found } => write!(
                f,
                "the archive is not the expected one: its MD5 checksum is {found} instead of {expected}; it was set \
                 aside as {}, run this command again to download {url} from the start",
                aside.display(),
            ),
            Self::Archive { path } => {
                write!(f, "cannot unpack {}: remove it and run this command again", path.display())
            }
            Self::Unsafe { path, entry } => write!(
                f,
                "{} holds `{}`, which is not a plain file or folder inside it; nothing of it was kept",
                path.display(),
                entry.display(),
            ),
            Self::Unsound { path } => write!(
                f,
                "{} does not hold a complete data set: move it away and run this command again to get one",
                path.display(),
            ),
        }
    }
}
