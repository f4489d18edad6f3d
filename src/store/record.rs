//! The outcome of a finished job, and how its file is protected from damage.

use serde::{Deserialize, Serialize};

use super::{Error, ErrorKind};
use crate::{plan::JobId, recipe::Metrics};

/// The outcome of a finished job: its numbers and how they came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The job.
    pub job: JobId,
    /// The kind of job in one word, as in `JobSpec::kind`.
    pub kind: String,
    /// Seed of every random stream of the job.
    pub seed: u64,
    /// What it measured; the units are those of each metric.
    pub metrics: Metrics,
    /// How the metrics were obtained, in one line.
    pub protocol: String,
    /// What there is to say about how they came about, one sentence each: choices made, limits reached, a restart.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// Fingerprint of the images used; empty if the job saw none.
    pub data: String,
    /// The device, as its maker names it.
    pub device: String,
    /// The tensor backend.
    pub backend: String,
    /// Number of CPU threads.
    pub threads: usize,
    /// Name of the machine.
    pub host: String,
    /// The program.
    pub code: CodeVersion,
    /// When the job started, in seconds since 1970 (UTC).
    pub started_unix: u64,
    /// How long it ran, in seconds.
    pub wall_seconds: f64,
    /// Source images over the whole job's time, per second; both views of an image count as one.
    pub images_per_second: f64,
    /// Images that went through the network at a time, where the memory of the machine decided that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// The most main memory that the job took, in bytes and without files that were only mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// Number of the submission that a cluster ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<u64>,
    /// BLAKE3 hash of the encoder file, in hexadecimal; `None` if the job makes no encoder.
    pub checkpoint: Option<String>,
}

/// Which program produced a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeVersion {
    /// The package version.
    pub version: String,
    /// The commit it was built from, if known.
    pub commit: Option<String>,
    /// Whether there were changes that were not committed.
    pub dirty: bool,
    /// BLAKE3 hash of these changes, in hexadecimal; the store keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
}

impl Record {
    /// Refuses numbers that JSON cannot hold: they would be written as null and never read back.
    pub(super) fn check(&self) -> Result<(), Error> {
        let metrics = self.metrics.iter().map(|(metric, &value)| (metric.name(), value));
        let others = [("wall_seconds", self.wall_seconds), ("images_per_second", self.images_per_second)];
        match metrics.chain(others).find(|(_, value)| !value.is_finite()) {
            Some((field, value)) => Err(ErrorKind::NotFinite { job: self.job, field, value }.into()),
            None => Ok(()),
        }
    }
}

/// 16 hexadecimal digits that change with any change of `bytes`.
pub(super) fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

/// What stands between a JSON object's last field and its checksum.
const SEAL: &str = ",\n  \"checksum\": \"";

/// Adds a checksum of the text as the last field of a pretty-printed JSON object, which stays one.
pub(super) fn seal(object: &str) -> String {
    let fields = object.strip_suffix("\n}").unwrap_or(object);
    format!("{fields}{SEAL}{}\"\n}}\n", checksum(object.as_bytes()))
}

/// The object that was sealed; `None` if a byte differs from what [`seal`] wrote.
pub(super) fn unseal(sealed: &[u8]) -> Option<String> {
    let sealed = std::str::from_utf8(sealed).ok()?;
    let (fields, _) = sealed.rsplit_once(SEAL)?;
    let object = format!("{fields}\n}}");
    (seal(&object) == sealed).then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{recipe::Metric, store::fixture};

    #[test]
    fn sealed_records_are_json_with_a_checksum() {
        let record = fixture::record(1);
        let object = serde_json::to_string_pretty(&record).unwrap();
        let sealed = seal(&object);
        assert_eq!(unseal(sealed.as_bytes()), Some(object));
        let value: serde_json::Value = serde_json::from_str(&sealed).unwrap();
        assert_eq!(value["checksum"].as_str().unwrap().len(), 16);
        assert_eq!(serde_json::from_str::<Record>(&sealed).unwrap(), record);
    }

    #[test]
    fn any_change_breaks_the_seal() {
        let sealed = seal(&serde_json::to_string_pretty(&fixture::record(1)).unwrap()).into_bytes();
        for index in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[index] ^= 1 << bit;
                assert_eq!(unseal(&changed), None, "byte {index}, bit {bit}");
            }
            assert_eq!(unseal(&sealed[..index]), None, "cut at {index}");
        }
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_refused() {
        let mut record = fixture::record(1);
        assert!(record.check().is_ok());
        record.metrics.insert(Metric::Loss, f64::NAN);
        let error = record.check().unwrap_err();
        assert!(error.to_string().ends_with("reports Loss NaN, which cannot be recorded"), "{error}");
        record.metrics.clear();
        record.images_per_second = f64::INFINITY;
        assert!(record.check().is_err());
    }

    #[test]
    fn fields_of_later_versions_are_ignored() {
        let mut value = serde_json::to_value(fixture::record(1)).unwrap();
        value["energy_joules"] = 7.into();
        assert_eq!(serde_json::from_value::<Record>(value).unwrap(), fixture::record(1));
    }
}
