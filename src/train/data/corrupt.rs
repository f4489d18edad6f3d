//! Images that cannot be used: which, why, and whether the recipe lets them be left out.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, ErrorKind};

/// An image that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CorruptImage {
    /// The file.
    pub path: PathBuf,
    /// Number of the record in a file of many images, from 0.
    pub record: Option<usize>,
    /// What is wrong with it, as a lower-case fragment.
    pub reason: String,
}

impl fmt::Display for CorruptImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, record, reason } = self;
        match record {
            Some(record) => write!(f, "{}, record {record} (from 0): {reason}", path.display()),
            None => write!(f, "{}: {reason}", path.display()),
        }
    }
}

/// Fails if more images are corrupt than `allowed`.
pub(super) fn allow(allowed: usize, found: &[CorruptImage]) -> Result<(), Error> {
    if found.len() <= allowed { Ok(()) } else { Err(ErrorKind::Corrupt { images: found.to_vec(), allowed }.into()) }
}
