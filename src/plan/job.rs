//! A job and its identity.
//!
//! A job's id is the first 128 bits of the BLAKE3 hash of its canonical form: compact JSON with sorted keys that
//! holds the resolved [`JobSpec`], the ids of the parents and the [`Versions`] of what it computes with.
//!
//! | hashed | not hashed |
//! |---|---|
//! | every field of the job's spec, the seed, the parents' ids, the versions of the parts that it needs | titles, axis names and labels, evaluation names, the data folder, devices and thread counts, micro-batches that only a machine's memory asks for (the record's protocol tells them) |

use std::{
    fmt,
    hash::{Hash, Hasher},
    path::PathBuf,
    str::{self, FromStr},
    sync::Arc,
};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

use super::{Versions, form::canonical_form};
use crate::recipe::JobSpec;

/// One node of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// What it does; jobs of different parents may share it.
    pub spec: Arc<JobSpec>,
    /// The jobs whose checkpoints it needs.
    pub parents: Vec<JobId>,
    /// Folder of the data files, if the recipe names one, or the file of the weights that the job takes over.
    pub folder: Option<PathBuf>,
    /// What it computes with.
    pub versions: Versions,
}

/// A 128-bit content hash, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId([u8; 16]);

impl Job {
    /// A job of this program, with the id that follows from its spec and parents.
    pub fn new(spec: JobSpec, parents: Vec<JobId>, folder: Option<PathBuf>) -> Self {
        let versions = Versions::of(&spec);
        Self::with_versions(spec, parents, folder, versions)
    }

    /// The same as a program with these versions made it.
    pub fn with_versions(spec: JobSpec, parents: Vec<JobId>, folder: Option<PathBuf>, versions: Versions) -> Self {
        let id = JobId::of_form(&canonical_form(&spec, &parents, &versions));
        Self { id, spec: Arc::new(spec), parents, folder, versions }
    }

    /// Whether this program would do the same; otherwise nothing is to be taken from what another one found.
    pub fn is_current(&self) -> bool {
        self.versions == Versions::of(&self.spec)
    }
}

impl JobId {
    /// The id of a job of this program with this spec and these parents.
    pub fn of(spec: &JobSpec, parents: &[JobId]) -> Self {
        Self::of_form(&canonical_form(spec, parents, &Versions::of(spec)))
    }

    /// The id of the job with this canonical form.
    pub(super) fn of_form(form: &str) -> Self {
        let hash = blake3::hash(form.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.as_bytes()[..16]);
        Self(id)
    }

    /// The first eight digits, enough to tell jobs apart on a screen.
    pub fn short(self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// An id is a hash already.
impl Hash for JobId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
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
        deserializer.deserialize_str(Text)
    }
}

/// Reads an id from text that it need not own.
struct Text;

impl Visitor<'_> for Text {
    type Value = JobId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ParseJobIdError}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<JobId, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        plan::fixture::{self, CHANGES},
        recipe::{Patchable, Recipe},
    };

    fn pretrain() -> JobSpec {
        JobSpec::Pretrain(fixture::recipe().pretrain_job(0))
    }

    #[test]
    fn ids_are_stable() {
        // If this fails, stored results are lost: undo the change, or add a line to `plan::version` on purpose.
        insta::assert_snapshot!(JobId::of(&pretrain(), &[]), @"dc21455bb1cc90e696ab664f5b65b13b");
    }

    #[test]
    fn ids_are_written_as_32_hexadecimal_digits() {
        let id = JobId::of(&pretrain(), &[]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::from_str::<JobId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        assert_eq!(id.short(), id.to_string()[..8]);
        let bounds = "00ff".repeat(8);
        assert_eq!(bounds.parse::<JobId>().unwrap().to_string(), bounds);
        for wrong in
            ["", &bounds[1..], &format!("{bounds}0"), &bounds.to_uppercase(), &"é".repeat(16), &"0g".repeat(16)]
        {
            assert_eq!(wrong.parse::<JobId>(), Err(ParseJobIdError), "{wrong}");
        }
    }

    #[test]
    fn parents_are_part_of_the_identity() {
        let spec = JobSpec::Evaluate(fixture::recipe().evaluation_job(0));
        let [a, b] = [1, 2].map(|seed| JobId::of(&JobSpec::Pretrain(fixture::recipe().pretrain_job(seed)), &[]));
        let ids = [JobId::of(&spec, &[]), JobId::of(&spec, &[a]), JobId::of(&spec, &[b]), JobId::of(&spec, &[b, a])];
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id));
        }
    }

    #[test]
    fn every_leaf_of_a_spec_is_part_of_the_identity() {
        for spec in [pretrain(), JobSpec::Evaluate(fixture::recipe().evaluation_job(0))] {
            let json = serde_json::to_value(&spec).unwrap();
            let leaves = leaves(&json, String::new());
            assert!(leaves.len() >= 9);
            for leaf in leaves {
                let mut changed = json.clone();
                if !change(changed.pointer_mut(&leaf).unwrap()) {
                    continue;
                }
                let changed: JobSpec = serde_json::from_value(changed).unwrap();
                assert_ne!(JobId::of(&changed, &[]), JobId::of(&spec, &[]), "{leaf}");
            }
        }
    }

    /// JSON pointers to everything that is not an object or array.
    fn leaves(value: &Value, path: String) -> Vec<String> {
        match value {
            Value::Object(fields) => fields.iter().flat_map(|(key, v)| leaves(v, format!("{path}/{key}"))).collect(),
            Value::Array(items) => {
                items.iter().enumerate().flat_map(|(i, v)| leaves(v, format!("{path}/{i}"))).collect()
            }
            _ => vec![path],
        }
    }

    /// Writes another value of the same type; false if there is none.
    fn change(value: &mut Value) -> bool {
        *value = match value {
            Value::Bool(flag) => Value::Bool(!*flag),
            Value::Number(number) if number.is_f64() => (number.as_f64().unwrap() + 0.125).into(),
            Value::Number(number) => (number.as_u64().unwrap() + 1).into(),
            Value::String(variant) => match variant.as_str() {
                "Shapes" => "Cifar10".into(),
                "ResNet8" => "ResNet14".into(),
                "Nonlinear" => "Linear".into(),
                "Bicubic" => "Bilinear".into(),
                "Cosine" => "Constant".into(),
                "Cifar" => "ImageNet".into(),
                "UniformArea" => "UniformHeight".into(),
                "Random" => "Fixed".into(),
                "Additive" => "Multiplicative".into(),
                "BothViews" => "OneView".into(),
                "Encoder" => "Projection".into(),
                other => panic!("another variant than {other}?"),
            },
            // Other settings than these have no value of the same type.
            Value::Null => return false,
            other => panic!("{other} is not a leaf"),
        };
        true
    }

    fn trial(recipe: &Recipe) -> (JobId, JobId) {
        let pretrain = JobId::of(&JobSpec::Pretrain(recipe.pretrain_job(0)), &[]);
        (pretrain, JobId::of(&JobSpec::Evaluate(recipe.evaluation_job(0)), &[pretrain]))
    }

    #[test]
    fn each_patch_changes_the_ids_of_the_jobs_it_affects() {
        let base = fixture::recipe();
        let mut seen = vec![trial(&base)];
        for (text, pretraining) in CHANGES {
            let mut recipe = base.clone();
            recipe.apply(&fixture::patch(text));
            let (pretrain, evaluation) = trial(&recipe);
            assert_eq!(pretrain != seen[0].0, pretraining, "{text}");
            assert!(seen.iter().all(|other| other.1 != evaluation), "{text}");
            seen.push((pretrain, evaluation));
        }
    }

    #[test]
    fn the_patches_above_cover_every_field() {
        let base = serde_json::to_value(fixture::recipe()).unwrap();
        let mut uncovered = leaves(&base, String::new());
        for (text, _) in CHANGES {
            let mut recipe = fixture::recipe();
            recipe.apply(&fixture::patch(text));
            let changed = serde_json::to_value(recipe).unwrap();
            uncovered.retain(|leaf| base.pointer(leaf) == changed.pointer(leaf));
        }
        assert_eq!(uncovered, [""; 0]);
    }

    #[test]
    fn settings_without_effect_make_no_other_jobs() {
        let base = |text: &str| {
            let mut recipe = fixture::recipe();
            recipe.apply(&fixture::patch(text));
            recipe
        };
        let job = |recipe: &Recipe, change: &str, seed| {
            let mut recipe = recipe.clone();
            recipe.apply(&fixture::patch(change));
            JobId::of(&JobSpec::Pretrain(recipe.pretrain_job(seed)), &[])
        };
        let elsewhere = base("(objective: Pretrained(file: \"weights\", blake3: \"00ff\"))");
        assert_eq!(job(&elsewhere, "()", 0), job(&elsewhere, "(data: (source: Cifar10))", 1));
        let untrained = base("(objective: Untrained)");
        assert_eq!(job(&untrained, "()", 0), job(&untrained, "(data: (source: Cifar10))", 0));
        assert_ne!(job(&untrained, "()", 0), job(&untrained, "()", 1));
        let supervised = base("(objective: Supervised)");
        let [first, second] =
            ["first", "second"].map(|view| format!("(augmentation: ({view}: [Sobel(probability: 0.5)]))"));
        assert_eq!(job(&supervised, "()", 0), job(&supervised, &second, 0));
        assert_ne!(job(&supervised, "()", 0), job(&supervised, &first, 0));
        assert_eq!(job(&supervised, "()", 0), job(&supervised, "(data: (image_size: 24))", 0), "its own size");
        let deep = base("(encoder: (architecture: ResNet50))");
        assert_eq!(job(&deep, "()", 0), job(&deep, "(encoder: (projection_shortcut: EveryStage))", 0), "has it anyway");
        let evaluation = |change: &str| JobId::of(&JobSpec::Evaluate(base(change).evaluation_job(0)), &[]);
        assert_eq!(evaluation("()"), evaluation("(data: (image_size: 24, center_crop: 1.0))"), "taken as it is");
        let resized =
            ["0.875", "1.0"].map(|crop| evaluation(&format!("(data: (image_size: 32, center_crop: {crop}))")));
        assert_eq!(resized[0], evaluation("(data: (image_size: 32))"));
        assert_ne!(resized[0], resized[1]);
    }
}
