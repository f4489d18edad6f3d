//! RON text as a tree in which every node knows its place.

use std::ops::Range;

use super::{
    diagnostic::Diagnostic,
    lexer::{Lexer, Token},
};

/// Deepest nesting of brackets; a sweep needs fewer than ten.
const DEEPEST: usize = 64;

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

/// Reads RON text as far as its form goes.
pub(super) fn parse(text: &str) -> Result<Node<'_>, Box<Diagnostic>> {
    let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(place, _)| place + 1)).collect();
    let mut parser =
        Parser { text, line_starts, lexer: Lexer::new(text), peeked: None, end: 0, open: vec![], suspect: None };
    while parser.peek()?.0 == Token::Attribute {
        parser.attribute()?;
    }
    if parser.peek()?.0 == Token::End {
        return Err(Box::new(Diagnostic::new(text.len()..text.len(), "the file is empty", "nothing here").help(
            "a sweep file has the form `(title: …, base: …, axes: […], seeds: […], evaluations: {…}, tables: […])`",
        )));
    }
    let root = parser.value()?;
    match parser.next()? {
        (Token::End, _) => Ok(root),
        (token, span) => {
            let help = match token {
                Token::Close(bracket) => format!("delete this `{bracket}`, or look for a missing opening bracket"),
                _ => "the whole file is one `(…)`".into(),
            };
            let mut diagnostic = Diagnostic::new(span, "the file goes on after its end", "not expected").help(help);
            if root.span.len() > 1 {
                diagnostic = diagnostic.related(root.span.end - 1..root.span.end, "the sweep ends here");
            }
            Err(Box::new(diagnostic))
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    /// Where each line begins.
    line_starts: Vec<usize>,
    lexer: Lexer<'t>,
    peeked: Option<(Token, Range<usize>)>,
    /// End of the token taken last.
    end: usize,
    /// The brackets that are open, outermost first.
    open: Vec<(char, Range<usize>)>,
    /// The first bracket that is closed on a line with another indentation: a hint where a bracket is missing.
    suspect: Option<Range<usize>>,
}

impl<'t> Parser<'t> {
    fn peek(&mut self) -> Result<(Token, Range<usize>), Box<Diagnostic>> {
        if let Some(token) = &self.peeked {
            return Ok(token.clone());
        }
        let token = self.lexer.next()?;
        self.peeked = Some(token.clone());
        Ok(token)
    }

    fn next(&mut self) -> Result<(Token, Range<usize>), Box<Diagnostic>> {
        let token = self.peek()?;
        self.peeked = None;
        self.end = token.1.end;
        Ok(token)
    }

    /// Extensions change what a file means; all that a sweep needs is switched on already.
    fn attribute(&mut self) -> Result<(), Box<Diagnostic>> {
        let (_, span) = self.next()?;
        let bare: String = self.text[span.clone()].split_whitespace().collect();
        if bare == "#![enable(implicit_some)]" {
            return Ok(());
        }
        Err(Box::new(Diagnostic::new(span, "sweep files take no extensions", "not supported").help("delete this line")))
    }

    fn value(&mut self) -> Result<Node<'t>, Box<Diagnostic>> {
        let (token, span) = self.next()?;
        let source = &self.text[span.clone()];
        let kind = match token {
            Token::Open(bracket) => return self.bracketed(None, bracket, span),
            Token::Word => match self.peek()? {
                (Token::Open('('), _) => {
                    self.next()?;
                    return self.bracketed(Some(source), '(', span);
                }
                _ => Kind::Word(source),
            },
            Token::Number => Kind::Number,
            Token::Text => Kind::Text(ron::from_str(source).map_err(|error| {
                Diagnostic::new(
                    span.clone(),
                    "an escape in this text is unknown",
                    error.code.to_string().to_lowercase(),
                )
                .help("write `\\\\` for a backslash and `\\\"` for a quote")
            })?),
            Token::Character => Kind::Character,
            Token::Bytes => Kind::Bytes,
            Token::End => return Err(self.unclosed(span)),
            Token::Attribute => {
                let help = "attributes stand at the top of a file";
                return Err(Box::new(
                    Diagnostic::new(span, "an attribute has no meaning here", "unexpected").help(help),
                ));
            }
            Token::Close(_) | Token::Colon | Token::Comma => {
                let message = format!("a value is missing before `{source}`");
                return Err(Box::new(Diagnostic::new(span, message, "expected a value")));
            }
        };
        Ok(self.node(kind, span))
    }

    fn node(&self, kind: Kind<'t>, span: Range<usize>) -> Node<'t> {
        let source = &self.text[span.clone()];
        let head = match &kind {
            Kind::Group { name: Some(name), .. } => name.len(),
            Kind::Group { .. } | Kind::List(_) | Kind::Map(_) => 1,
            _ => source.find('\n').unwrap_or(source.len()),
        };
        let mark = if source.contains('\n') { span.start..span.start + head } else { span.clone() };
        Node { kind, source, span, mark }
    }

    /// The rest of a bracketed value whose opening bracket is taken; `start` is where the value begins.
    fn bracketed(
        &mut self,
        name: Option<&'t str>,
        bracket: char,
        start: Range<usize>,
    ) -> Result<Node<'t>, Box<Diagnostic>> {
        let place = self.end - 1..self.end;
        if self.open.len() >= DEEPEST {
            let message = format!("brackets are nested deeper than {DEEPEST} levels");
            return Err(Box::new(Diagnostic::new(place, message, "too deep")));
        }
        self.open.push((bracket, place));
        let kind = match bracket {
            '(' => Kind::Group { name, items: self.entries(Self::item)? },
            '[' => Kind::List(self.entries(Self::value)?),
            _ => Kind::Map(self.entries(Self::pair)?),
        };
        Ok(self.node(kind, start.start..self.end))
    }

    /// Entries between commas, up to and with the closing bracket.
    fn entries<T>(&mut self, entry: fn(&mut Self) -> Result<T, Box<Diagnostic>>) -> Result<Vec<T>, Box<Diagnostic>> {
        let mut entries = vec![];
        loop {
            if let (Token::Close(_), _) = self.peek()? {
                self.close()?;
                return Ok(entries);
            }
            entries.push(entry(self)?);
            match self.peek()? {
                (Token::Comma, _) => drop(self.next()?),
                (Token::Close(_), _) => {}
                (Token::End, span) => return Err(self.unclosed(span)),
                (Token::Colon, span) => {
                    return Err(Box::new(
                        Diagnostic::new(span, "`:` has no meaning here", "unexpected")
                            .help("names stand in `(name: …)` and labels in `{\"label\": …}`, not in `[…]`"),
                    ));
                }
                (_, span) => {
                    return Err(Box::new(
                        Diagnostic::new(self.end..self.end, "a comma is missing", "expected `,` here")
                            .related(span, "before this"),
                    ));
                }
            }
        }
    }

    fn item(&mut self) -> Result<Item<'t>, Box<Diagnostic>> {
        let value = self.value()?;
        let (Token::Colon, _) = self.peek()? else { return Ok(Item { key: None, value }) };
        let Kind::Word(name) = value.kind else {
            let help = match &value.kind {
                Kind::Text(text) => format!("write `{text}: …`"),
                _ => "write `name: value`".into(),
            };
            return Err(Box::new(
                Diagnostic::new(value.mark, "the name of a field is a plain word", "not a plain word").help(help),
            ));
        };
        self.next()?;
        Ok(Item { key: Some(Key { name, span: value.span }), value: self.value()? })
    }

    fn pair(&mut self) -> Result<(Node<'t>, Node<'t>), Box<Diagnostic>> {
        let label = self.value()?;
        match self.peek()? {
            (Token::Colon, _) => drop(self.next()?),
            (Token::End, span) => return Err(self.unclosed(span)),
            _ => {
                return Err(Box::new(
                    Diagnostic::new(
                        label.mark,
                        "this entry of `{…}` has no value",
                        "expected `:` and a value after it",
                    )
                    .help("entries are written `\"label\": value`"),
                ));
            }
        }
        Ok((label, self.value()?))
    }

    fn close(&mut self) -> Result<(), Box<Diagnostic>> {
        let (token, span) = self.next()?;
        let Some((bracket, opened)) = self.open.pop() else { return Ok(()) };
        let closing = closing(bracket);
        if token != Token::Close(closing) {
            let found = &self.text[span.clone()];
            return Err(Box::new(
                Diagnostic::new(
                    span,
                    format!("`{closing}` is missing before `{found}`"),
                    format!("expected `{closing}`"),
                )
                .related(opened, format!("this `{bracket}` is not closed")),
            ));
        }
        let [opening_line, closing_line] = [opened.start, span.start].map(|place| self.line_of(place));
        if opening_line != closing_line
            && indentation(&self.text[opening_line..opened.start]) != span.start - closing_line
            && self.text[closing_line..span.start].trim_start().is_empty()
        {
            self.suspect.get_or_insert(opened);
        }
        Ok(())
    }

    /// Where the line of a place begins.
    fn line_of(&self, place: usize) -> usize {
        self.line_starts[self.line_starts.partition_point(|&start| start <= place) - 1]
    }

    fn unclosed(&self, end: Range<usize>) -> Box<Diagnostic> {
        let Some((bracket, opened)) = self.open.last() else {
            return Box::new(Diagnostic::new(end, "a value is missing at the end of the file", "expected a value"));
        };
        let closing = closing(*bracket);
        let mut diagnostic = Diagnostic::new(end, format!("`{closing}` is missing"), "the file ends here")
            .related(opened.clone(), format!("this `{bracket}` is not closed"));
        if let Some(suspect) = self.suspect.clone().filter(|suspect| suspect != opened) {
            diagnostic = diagnostic.related(suspect, "going by the indentation, this is the one that lacks its end");
        }
        Box::new(diagnostic)
    }
}

fn closing(bracket: char) -> char {
    match bracket {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
