//! How many images: a number, or `All`.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

use crate::recipe::patch::replaceable;

/// How many images of a split are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Count {
    /// Every image, whatever the sizes of the classes.
    All,
    /// This many, an equal share per class.
    Number(usize),
}

replaceable!(Count);

impl Count {
    /// The number of images where `available` exist.
    pub fn of(self, available: usize) -> usize {
        match self {
            Self::All => available,
            Self::Number(number) => number,
        }
    }
}

impl From<usize> for Count {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("All"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "const": "All", "description": "Every image, whatever the sizes of the classes." },
            { "type": "integer", "minimum": 0, "description": "This many, an equal share per class." },
        ] })
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_unit_variant("Count", 0, "All"),
            Self::Number(number) => number.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrAll)
    }
}

struct NumberOrAll;

impl Visitor<'_> for NumberOrAll {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or `All`")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Count, E> {
        let number = usize::try_from(number).map_err(|_| E::custom("the number is too large"))?;
        Ok(Count::Number(number))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Count, E> {
        if word == "All" { Ok(Count::All) } else { Err(E::invalid_value(de::Unexpected::Str(word), &self)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_as_they_are_read() {
        for (count, text, json) in [(Count::All, "All", "\"All\""), (Count::Number(50), "50", "50")] {
            assert_eq!((ron::to_string(&count).unwrap().as_str(), count.to_string().as_str()), (text, text));
            assert_eq!(serde_json::to_string(&count).unwrap(), json);
            assert_eq!(serde_json::from_str::<Count>(json).unwrap(), count);
        }
        for wrong in ["-1", "\"some\"", "1.5", "null", "[1]"] {
            assert!(serde_json::from_str::<Count>(wrong).is_err(), "{wrong}");
        }
    }
}
