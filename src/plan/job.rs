//! A job and its identity.
//!
//! A job's id is the first 128 bits of the BLAKE3 hash of its canonical form: compact JSON with sorted keys that
//! holds [`IDENTITY_VERSION`], the resolved [`JobSpec`] and the ids of the parents.
//!
//! | hashed | not hashed |
//! |---|---|
//! | every field of the job's spec, the seed, the parents' ids, the identity version | titles, axis names and labels, evaluation names, the data folder, devices and thread counts |

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::recipe::JobSpec;

/// Part of every job's identity. Increase it whenever the same spec would give different numbers, so that results of
/// different code are never taken for one another.
pub const IDENTITY_VERSION: u32 = 1;

/// One node of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// What it does.
    pub spec: JobSpec,
    /// The jobs whose checkpoints it needs.
    pub parents: Vec<JobId>,
    /// Folder of the data files, if the recipe names one.
    pub folder: Option<PathBuf>,
}

/// A 128-bit content hash, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId([u8; 16]);

impl Job {
    /// A job with the id that follows from its spec and parents.
    pub fn new(spec: JobSpec, parents: Vec<JobId>, folder: Option<PathBuf>) -> Self {
        Self { id: JobId::of(&spec, &parents), spec, parents, folder }
    }
}

impl JobId {
    /// The id of a job with this spec and these parents.
    pub fn of(spec: &JobSpec, parents: &[JobId]) -> Self {
        let hash = blake3::hash(canonical_form(spec, parents).as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.as_bytes()[..16]);
        Self(id)
    }

    /// The first eight digits, enough to tell jobs apart on a screen.
    pub fn short(self) -> String {
        self.to_string()[..8].to_owned()
    }
}

/// The text whose hash is the job's id.
fn canonical_form(spec: &JobSpec, parents: &[JobId]) -> String {
    serde_json::json!({ "identity_version": IDENTITY_VERSION, "parents": parents, "spec": spec }).to_string()
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({self})")
    }
}

/// The text is not 32 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseJobIdError;

impl fmt::Display for ParseJobIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a job id is 32 hexadecimal digits")
    }
}

impl std::error::Error for ParseJobIdError {}

impl FromStr for JobId {
    type Err = ParseJobIdError;

    fn from_str(text: &str) -> Result<Self, ParseJobIdError> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(ParseJobIdError);
        }
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = 16 * hex_digit(pair[0])? + hex_digit(pair[1])?;
        }
        Ok(Self(id))
    }
}

fn hex_digit(digit: u8) -> Result<u8, ParseJobIdError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseJobIdError),
    }
}

impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
