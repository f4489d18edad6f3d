//! Turns a part of the tree into a typed value through serde, and reports every mistake in it, not only the first.

mod scalar;
mod structure;

use std::{collections::BTreeSet, fmt};

use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor, value::StrDeserializer};

use super::{
    diagnostic::{Diagnostic, Findings},
    fields::mismatch,
    syntax::{Kind, Node},
    vocabulary::{example_group, suggestion},
};

/// The value of a node; `owner` names it in messages. Returns `None` if anything was reported.
///
/// Serde stops at the first mistake. To find the others, the innermost field or list element around the mistake is
/// left out and the rest is read again, until nothing new is found.
pub(super) fn decode<T: DeserializeOwned>(node: &Node, owner: &str, findings: &mut Findings) -> Option<T> {
    let mut skipped = BTreeSet::new();
    loop {
        match T::deserialize(Decoder { node, owner, skipped: &skipped }) {
            Ok(value) => return skipped.is_empty().then_some(value),
            Err(failure) => {
                findings.extend(failure.diagnostic.map(|diagnostic| *diagnostic));
                match failure.skippable {
                    Some(place) if !findings.is_full() && skipped.insert(place) => {}
                    _ => return None,
                }
            }
        }
    }
}

/// Why a value could not be read.
#[derive(Debug)]
struct Failure {
    /// What to report; `None` for what follows from a part that was left out after its own report.
    diagnostic: Option<Box<Diagnostic>>,
    /// Start of the innermost value that can be left out.
    skippable: Option<usize>,
    /// What serde says; nothing that the decoder foresees.
    message: String,
}

impl Failure {
    /// Completes the failure of an entry that can be left out.
    fn within(mut self, entry: &Node) -> Self {
        self.skippable.get_or_insert(entry.span.start);
        self.at(entry, "this value")
    }

    /// Gives a message of serde's own a place.
    fn at(mut self, node: &Node, owner: &str) -> Self {
        if !self.message.is_empty() {
            let message = format!("{owner} is impossible: {}", std::mem::take(&mut self.message));
            let help = "write another value; `ablate check --explain FIELD` says which are possible";
            self.diagnostic = Some(Box::new(Diagnostic::new(node.mark.clone(), message, "not possible").help(help)));
        }
        self
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostic: Some(Box::new(diagnostic)), skippable: None, message: String::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.diagnostic.as_ref().map_or(&self.message, |diagnostic| &diagnostic.message))
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { diagnostic: None, skippable: None, message: message.to_string() }
    }

    /// The decoder reports all missing fields of a struct together.
    fn missing_field(_: &'static str) -> Self {
        Self { diagnostic: None, skippable: None, message: String::new() }
    }
}

/// A node that serde reads.
#[derive(Clone, Copy)]
struct Decoder<'n, 't> {
    node: &'n Node<'t>,
    /// What messages call it.
    owner: &'n str,
    /// Starts of the values that are left out.
    skipped: &'n BTreeSet<usize>,
}

impl<'n, 't> Decoder<'n, 't> {
    fn inside(self, node: &'n Node<'t>, owner: &'n str) -> Self {
        Self { node, owner, ..self }
    }

    fn mismatch(&self, expected: &str) -> Failure {
        mismatch(self.node, self.owner, expected).into()
    }
}

impl<'de> Deserializer<'de> for Decoder<'_, '_> {
    type Error = Failure;

    /// A value that may be a number or a word, such as a count of images.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let expected = (&visitor as &dyn de::Expected).to_string();
        match &self.node.kind {
            Kind::Number => visitor.visit_u64(self.whole_number()?),
            Kind::Text(text) if ron::from_str::<f64>(text).is_ok() => visitor.visit_u64(self.whole_number()?),
            Kind::Word(word) => visitor.visit_str::<Failure>(word).map_err(|_| self.mismatch(&expected)),
            _ => Err(self.mismatch(&expected)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_bool(self.boolean()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_u64(self.whole_number()?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_f64(self.number()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    /// `Some(…)` may be left out.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            Kind::Word("None") => visitor.visit_none(),
            Kind::Group { name: Some("Some"), items } if matches!(items.as_slice(), [item] if item.key.is_none()) => {
                visitor.visit_some(self.inside(&items[0].value, self.owner))
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.tuple(length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match &self.node.kind {
            Kind::Group { name: None, items } => self.fields(items, fields, visitor),
            Kind::Group { name: Some(given), items } if *given == name => self.fields(items, fields, visitor),
            Kind::Group { name: Some(given), .. } => {
                let message = format!("no name may stand before the group of {}", self.owner);
                let place = self.node.span.start..self.node.span.start + given.len();
                Err(Diagnostic::new(place, message, "not expected").help(format!("delete `{given}`")).into())
            }
            _ => Err(self.mismatch("a group of fields `(name: value, …)`")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let name = match &self.node.kind {
            Kind::Word(name) | Kind::Group { name: Some(name), .. } => *name,
            Kind::Text(text) if variants.contains(&text.as_str()) => {
                let diagnostic = mismatch(self.node, self.owner, "a name without quotes");
                return Err(diagnostic.help(format!("write `{text}`")).into());
            }
            _ => {
                let diagnostic = mismatch(self.node, self.owner, "a name");
                let names = suggestion("", variants, "names");
                let help = match example_group(self.owner.trim_matches('`')) {
                    Some(example) => format!("{names}, for example `{example}`"),
                    None => names,
                };
                return Err(diagnostic.help(help).into());
            }
        };
        if !variants.contains(&name) {
            let place = self.node.span.start..self.node.span.start + name.len();
            let diagnostic = Diagnostic::new(place, format!("{} cannot be `{name}`", self.owner), "unknown name");
            return Err(diagnostic.help(suggestion(name, variants, "names")).into());
        }
        visitor.visit_enum(structure::Choice { decoder: self, name })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 char bytes byte_buf unit unit_struct newtype_struct tuple_struct map
        identifier ignored_any
    }
}

/// A name as serde wants it.
fn name_deserializer(name: &str) -> StrDeserializer<'_, Failure> {
    name.into_deserializer()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        recipe::{Count, Data, DataPatch, EvaluationPatch, Schedule},
        sweep::parser,
    };

    /// The value, or all messages in the order in which they are found.
    fn read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<String>> {
        let root = parser::parse(text).unwrap();
        let mut findings = Findings::default();
        match decode(&root, "it", &mut findings) {
            Some(value) => Ok(value),
            None => Err(findings.into_diagnostics("", text).iter().map(|found| found.message.clone()).collect()),
        }
    }

    #[test]
    fn whole_numbers_serve_as_decimals() {
        let patch: EvaluationPatch = read("(learning_rate: 1, momentum: 0)").unwrap();
        assert_eq!((patch.learning_rate, patch.momentum, patch.epochs), (Some(1.0), Some(0.0), None));
    }

    #[test]
    fn only_the_folder_of_the_data_is_optional() {
        assert_eq!(read::<Data>("(source: Shapes, train_images: 10, test_images: 10)").unwrap().folder, None);
        assert_eq!(read::<Data>("()").unwrap_err(), ["it lacks `source`, `train_images` and `test_images`"]);
        assert_eq!(read::<DataPatch>("()"), Ok(DataPatch::default()));
        let folder: DataPatch = read("(folder: \"/data\")").unwrap();
        assert_eq!(folder.folder, Some(Some("/data".into())));
    }

    #[test]
    fn counts_are_numbers_or_all() {
        assert_eq!(read("All"), Ok(Count::All));
        assert_eq!(read("20"), Ok(Count::Number(20)));
        for (wrong, message) in [
            ("Al", "it must be a whole number or `All`, not the word `Al`"),
            ("\"All\"", "it must be a whole number or `All`, not text"),
            ("\"20\"", "it must be a whole number, not text"),
            ("(20)", "it must be a whole number or `All`, not a group `(…)`"),
            ("2.5", "it must be a whole number"),
            ("-1", "it must not be negative"),
        ] {
            assert_eq!(read::<Count>(wrong).unwrap_err(), [message]);
        }
    }

    #[test]
    fn every_mistake_is_found_once() {
        let messages =
            read::<Schedule>("(epochs: -1, batch_sise: 2, warmup_epochs: \"3\", decay: Cosin, decay: Cosine)");
        assert_eq!(
            messages.unwrap_err(),
            [
                "`epochs` must not be negative",
                "it has no field `batch_sise`",
                "`warmup_epochs` must be a whole number, not text",
                "`decay` cannot be `Cosin`",
                "`decay` is written twice",
            ]
        );
    }

    #[test]
    fn numbers_must_be_finite() {
        for number in ["inf", "-inf", "NaN", "1e999", "-"] {
            assert!(read::<f64>(number).is_err(), "{number}");
        }
        assert!(read::<f64>("-0.0").unwrap().is_sign_positive(), "equal settings are written alike");
        assert_eq!(read::<u64>("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(read::<u64>("18446744073709551616").unwrap_err(), ["it is too large"]);
    }
}
