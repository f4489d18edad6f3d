//! RON text as a tree in which every node knows its place.

use std::ops::Range;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node<'t> {
    /// What it is.
    pub kind: Kind<'t>,
    /// Its text.
    pub source: &'t str,
    /// Its place in the file, in bytes.
    pub span: Range<usize>,
    /// The part to put carets under: all of it, or its beginning if it takes several lines.
    pub mark: Range<usize>,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'t> {
    /// `ResNet8`, `true`.
    Word(&'t str),
    /// `1e-6`; not yet known to be well-formed.
    Number,
    /// `"crop"`, without quotes and escapes.
    Text(String),
    /// `'c'`.
    Character,
    /// `b"…"`.
    Bytes,
    /// `(…)` or `Name(…)`.
    Group {
        /// The word before the bracket.
        name: Option<&'t str>,
        /// What is inside.
        items: Vec<Item<'t>>,
    },
    /// `[…]`.
    List(Vec<Node<'t>>),
    /// `{…}`.
    Map(Vec<(Node<'t>, Node<'t>)>),
}

/// An entry of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item<'t> {
    /// The name before the colon, if there is one.
    pub key: Option<Key<'t>>,
    /// The value.
    pub value: Node<'t>,
}

/// The name of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key<'t> {
    /// The name.
    pub name: &'t str,
    /// Its place.
    pub span: Range<usize>,
}

impl Node<'_> {
    /// What stands here, for "expected …, found …".
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Word(word) => format!("the word `{word}`"),
            Kind::Number => "a number".into(),
            Kind::Text(_) => "text".into(),
            Kind::Character => "something in single quotes".into(),
            Kind::Bytes => "a byte string".into(),
            Kind::Group { name: Some(name), .. } => format!("`{name}(…)`"),
            Kind::Group { name: None, .. } => "a group `(…)`".into(),
            Kind::List(_) => "a list `[…]`".into(),
            Kind::Map(_) => "a map `{…}`".into(),
        }
    }

    /// The node itself, or what is inside of `Some(…)`.
    pub(super) fn without_some(&self) -> &Self {
        match &self.kind {
            Kind::Group { name: Some("Some"), items } if items.len() == 1 => items[0].value.without_some(),
            _ => self,
        }
    }

    /// The deepest node on the way to `path` (field names and list indices), or `None` if a field is not mentioned.
    pub(super) fn locate(&self, path: &[String]) -> Option<&Self> {
        let node = self.without_some();
        let Some((step, rest)) = path.split_first() else { return Some(node) };
        match &node.kind {
            Kind::Group { items, .. } if items.iter().all(|item| item.key.is_some()) => items
                .iter()
                .find(|item| item.key.as_ref().is_some_and(|key| key.name == step))
                .and_then(|item| item.value.locate(rest)),
            Kind::List(nodes) => step.parse().ok().and_then(|index: usize| nodes.get(index))?.locate(rest),
            _ => Some(node),
        }
    }
}
