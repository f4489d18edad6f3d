//! Why a data set cannot be loaded.

use std::{fmt, io, path::PathBuf};

use super::Split;
use crate::recipe::DataSource;

/// A data set cannot be loaded.
#[derive(Debug)]
pub struct Error {
    /// What is wrong, and where.
    pub kind: ErrorKind,
    source: Option<io::Error>,
}

/// What is wrong with a data set, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The images cannot be shared equally by the classes.
    Uneven {
        /// Number of images asked for.
        images: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The data set comes from files, but no folder was named.
    NoFolder {
        /// The data set.
        source: DataSource,
    },
    /// The named folder does not exist.
    MissingFolder {
        /// The data set.
        source: DataSource,
        /// The folder.
        path: PathBuf,
    },
    /// A file of the data set does not exist.
    MissingFile {
        /// The data set.
        source: DataSource,
        /// The file.
        path: PathBuf,
    },
    /// The system refused to read a file; the cause is the error's source.
    Read {
        /// The file.
        path: PathBuf,
    },
    /// A file does not hold a whole number of records, or none at all.
    Length {
        /// The data set.
        source: DataSource,
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        bytes: usize,
        /// The length of a record in bytes.
        record_bytes: usize,
    },
    /// A record has a label that the data set does not have.
    Label {
        /// The file.
        path: PathBuf,
        /// Number of the record, from 0.
        record: usize,
        /// The label.
        label: u8,
        /// The largest label of the data set.
        largest: u8,
    },
    /// The list of class names has the wrong length.
    ClassNames {
        /// The file.
        path: PathBuf,
        /// Number of names in it.
        found: usize,
        /// Number of classes.
        expected: usize,
    },
    /// A class has fewer images than asked for.
    TooFew {
        /// The data set.
        source: DataSource,
        /// The half of it.
        split: Split,
        /// Name of the class.
        class: String,
        /// Number of its images that there are.
        found: usize,
        /// Number of its images that were asked for.
        wanted: usize,
        /// Number of classes.
        classes: usize,
    },
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl Error {
    /// A refusal of the system to read `path`.
    pub(super) fn read(path: PathBuf, source: io::Error) -> Self {
        Self { kind: ErrorKind::Read { path }, source: Some(source) }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
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
            Self::Uneven { images, classes } => {
                write!(
                    f,
                    "{images} images cannot be shared equally by {classes} classes: ask for a multiple of {classes}"
                )
            }
            Self::NoFolder { source } => {
                write!(f, "the folder of {} is not known: {}", source.name(), Remedy(*source))
            }
            Self::MissingFolder { source, path } => {
                write!(f, "the folder {} does not exist: {}", path.display(), Remedy(*source))
            }
            Self::MissingFile { source, path } => {
                write!(f, "the file {} of {} does not exist: {}", path.display(), source.name(), Remedy(*source))
            }
            Self::Read { path } => write!(f, "cannot read {}", path.display()),
            Self::Length { source, path, bytes, record_bytes } => write!(
                f,
                "{} is truncated or of another format: its {bytes} bytes end within record {} (from 0), since records \
                 of {} have {record_bytes} bytes; move its folder away and {}",
                path.display(),
                bytes / record_bytes,
                source.name(),
                Remedy(*source),
            ),
            Self::Label { path, record, label, largest } => write!(
                f,
                "{}: record {record} (from 0) has label {label}, but the largest is {largest}; the file is damaged or \
                 of another format",
                path.display(),
            ),
            Self::ClassNames { path, found, expected } => {
                write!(f, "{} names {found} classes instead of {expected}", path.display())
            }
            Self::TooFew { source, split, class, found, wanted, classes } => write!(
                f,
                "the {0} images of {1} at hand have {found} of class `{class}`, but {wanted} per class are asked for: \
                 `data.{0}_images` can be at most {2} here; {3}",
                split.name(),
                source.name(),
                found * classes,
                Remedy(*source),
            ),
        }
    }
}

/// How to come by the files of a data set.
struct Remedy(DataSource);

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "get the data set with `ablate data get {}`, or name its folder by --data-dir, ABLATE_DATA_DIR or \
             `data.folder` in the recipe",
            self.0.name().to_lowercase(),
        )
    }
}
