//! Groups, lists and named choices; entries that were reported before are left out.

use std::slice;

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::{Decoder, Diagnostic, Failure, Kind, name_deserializer};
use crate::{
    recipe::OPTIONAL_FIELDS,
    sweep::{
        fields::{Of, misfit, missing},
        syntax::{Item, Node},
        vocabulary::{example_fields, example_group},
    },
};

impl<'n, 't> Decoder<'n, 't> {
    /// Reads a struct.
    pub(super) fn fields<'de, V: Visitor<'de>>(
        self,
        items: &'n [Item<'t>],
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let kept = |item: &Item| !self.skipped.contains(&item.value.span.start);
        for (index, item) in items.iter().enumerate().filter(|(_, item)| kept(item)) {
            if let Some(diagnostic) = misfit(items, index, self.owner, names, Of::Recipe) {
                return Err(Failure::from(diagnostic).within(&item.value));
            }
        }
        visitor.visit_map(Fields { decoder: self, items: items.iter(), current: None }).map_err(|failure| {
            let unexplained = failure.diagnostic.is_none() && failure.skippable.is_none();
            match missing(self.node, items, self.owner, names) {
                Some(diagnostic) if unexplained => diagnostic.into(),
                _ => failure.at(self.node, self.owner),
            }
        })
    }

    /// Reads `[…]`.
    pub(super) fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Kind::List(nodes) = &self.node.kind else { return Err(self.mismatch("a list `[…]`")) };
        let owner = format!("an element of {}", self.owner);
        visitor.visit_seq(Elements { decoder: self.inside(self.node, &owner), nodes: nodes.iter() })
    }

    /// Reads `(a, b)`.
    pub(super) fn tuple<'de, V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        let items = match &self.node.kind {
            Kind::Group { name: None, items }
                if items.len() == length && items.iter().all(|item| item.key.is_none()) =>
            {
                items
            }
            _ => {
                let expected = format!("{length} values in parentheses");
                let message = format!("{} must be {expected}", self.owner);
                let diagnostic = Diagnostic::new(self.node.mark.clone(), message, format!("expected {expected}"));
                let example = example_group(self.owner.trim_matches('`'));
                return Err(match example {
                    Some(example) => diagnostic.help(format!("for example `{example}`")).into(),
                    None => diagnostic.help(format!("write `({})`", vec!["…"; length].join(", "))).into(),
                });
            }
        };
        let owner = format!("a number in {}", self.owner);
        let mut values = Values { decoder: self.inside(self.node, &owner), items: items.iter() };
        visitor.visit_seq(&mut values)
    }
}

/// The fields of a struct, without those that are left out.
struct Fields<'n, 't> {
    decoder: Decoder<'n, 't>,
    items: slice::Iter<'n, Item<'t>>,
    current: Option<(&'n str, &'n Node<'t>)>,
}

impl<'de> MapAccess<'de> for Fields<'_, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        for item in self.items.by_ref() {
            if let Some(key) = &item.key
                && !self.decoder.skipped.contains(&item.value.span.start)
            {
                self.current = Some((key.name, &item.value));
                return seed
                    .deserialize(name_deserializer(key.name))
                    .map(Some)
                    .map_err(|error| error.within(&item.value));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let (name, node) = self.current.take().unwrap_or(("", self.decoder.node));
        let owner = format!("`{name}`");
        // A field that is written has a value, so `Some(…)` says nothing.
        seed.deserialize(self.decoder.inside(node.without_some(), &owner))
            .map_err(|failure| failure.at(node, &owner).within(node))
    }
}

/// The elements of a list, without those that are left out.
struct Elements<'n, 't> {
    decoder: Decoder<'n, 't>,
    nodes: slice::Iter<'n, Node<'t>>,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let decoder = self.decoder;
        let Some(node) = self.nodes.find(|node| !decoder.skipped.contains(&node.span.start)) else { return Ok(None) };
        let element = decoder.inside(node, decoder.owner);
        seed.deserialize(element).map(Some).map_err(|failure| failure.at(node, decoder.owner).within(node))
    }
}

/// The values of a tuple, none of which can be left out.
struct Values<'n, 't> {
    decoder: Decoder<'n, 't>,
    items: slice::Iter<'n, Item<'t>>,
}

impl<'de> SeqAccess<'de> for &mut Values<'_, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some(Item { value, .. }) = self.items.next() else { return Ok(None) };
        let owner = self.decoder.owner;
        seed.deserialize(self.decoder.inside(value, owner)).map(Some).map_err(|failure| failure.at(value, owner))
    }
}

/// One of several named possibilities: `Untrained`, `Fixed(0.1)` or `NtXent(temperature: 0.5)`.
pub(super) struct Choice<'n, 't> {
    pub decoder: Decoder<'n, 't>,
    pub name: &'n str,
}

impl<'n, 't> Choice<'n, 't> {
    /// What is in the parentheses.
    fn items(&self, expected: &str, example: &str) -> Result<&'n [Item<'t>], Failure> {
        match &self.decoder.node.kind {
            Kind::Group { items, .. } => Ok(items),
            _ => {
                let name = self.name;
                let message = format!("`{name}` needs {expected}");
                let diagnostic = Diagnostic::new(self.decoder.node.mark.clone(), message, "nothing follows");
                Err(diagnostic.help(format!("write `{name}({example})`")).into())
            }
        }
    }

    /// The single value in the parentheses.
    fn only(&self, length: usize) -> Result<&'n [Item<'t>], Failure> {
        let expected = if length == 1 { "one value in parentheses".into() } else { format!("{length} values") };
        let items = self.items(&expected, "…")?;
        if items.len() == length && items.iter().all(|item| item.key.is_none()) {
            return Ok(items);
        }
        let message = format!("`{}` takes {expected}", self.name);
        let diagnostic = Diagnostic::new(self.decoder.node.mark.clone(), message, format!("expected {expected}"));
        Err(diagnostic.help(format!("write `{}({})`", self.name, vec!["…"; length].join(", "))).into())
    }
}

impl<'de, 'n, 't> EnumAccess<'de> for Choice<'n, 't> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        Ok((seed.deserialize(name_deserializer(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_, '_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match &self.decoder.node.kind {
            Kind::Word(_) => Ok(()),
            _ => {
                let node = self.decoder.node;
                let place = node.span.start + self.name.len()..node.span.end;
                let place = if node.mark == node.span { place } else { node.mark.clone() };
                let message = format!("`{}` takes no settings", self.name);
                Err(Diagnostic::new(place, message, "not expected").help(format!("write `{}`", self.name)).into())
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        let value = &self.only(1)?[0].value;
        let owner = format!("the value of `{}`", self.name);
        seed.deserialize(self.decoder.inside(value, &owner)).map_err(|failure| failure.at(value, &owner))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        let items = self.only(length)?.iter();
        let owner = format!("a value of `{}`", self.name);
        visitor.visit_seq(&mut Values { decoder: self.decoder.inside(self.decoder.node, &owner), items })
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        let required: Vec<&str> = fields.iter().copied().filter(|field| !OPTIONAL_FIELDS.contains(field)).collect();
        let items = self.items("settings", &example_fields(self.name, &required))?;
        let owner = format!("`{}`", self.name);
        self.decoder.inside(self.decoder.node, &owner).fields(items, fields, visitor)
    }
}
