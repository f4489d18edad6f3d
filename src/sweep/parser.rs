//! Reads RON text into a tree; knows brackets, commas and names, and nothing of sweeps.

use std::{iter, ops::Range};

use super::{
    diagnostic::Diagnostic,
    lexer::{Lexer, Token},
    syntax::{Item, Key, Kind, Node},
};

/// Deepest nesting of brackets; a sweep needs fewer than ten.
const DEEPEST: usize = 64;

/// Reads RON text as far as its form goes.
pub(super) fn parse(text: &str) -> Result<Node<'_>, Box<Diagnostic>> {
    let line_starts = iter::once(0).chain(text.match_indices('\n').map(|(place, _)| place + 1)).collect();
    let mut parser = Parser {
        text,
        line_starts,
        lexer: Lexer::new(text),
        peeked: None,
        end: 0,
        open: vec![],
        suspect: None,
        long_text: None,
    };
    parser.document().map_err(|diagnostic| match parser.long_text {
        Some(start) => Box::new(diagnostic.related(start, "this text goes on to another line: is its `\"` missing?")),
        None => diagnostic,
    })
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
    /// The start of the first text with a line break: a hint where a quote is missing.
    long_text: Option<Range<usize>>,
}

impl<'t> Parser<'t> {
    /// The whole file.
    fn document(&mut self) -> Result<Node<'t>, Box<Diagnostic>> {
        while self.peek()?.0 == Token::Attribute {
            self.attribute()?;
        }
        if self.peek()?.0 == Token::End {
            return Err(Box::new(Diagnostic::new(self.text.len()..self.text.len(), "the file is empty", "nothing here").help(
            "a sweep file has the form `(title: …, base: …, axes: […], seeds: […], evaluations: {…}, tables: […])`",
        )));
        }
        let root = self.value()?;
        match self.next()? {
            (Token::End, _) => Ok(root),
            (token, span) => {
                let help = match token {
                    Token::Colon => "the whole file stands in parentheses: `(title: …, base: …, …)`".into(),
                    Token::Close(bracket) => format!("delete this `{bracket}`, or look for a missing opening bracket"),
                    _ => {
                        "the whole file is one `(…)`; perhaps there is one closing bracket too many before this".into()
                    }
                };
                let mut diagnostic = Diagnostic::new(span, "the file goes on after its end", "not expected").help(help);
                if root.source.ends_with([')', ']', '}']) {
                    diagnostic = diagnostic.related(root.span.end - 1..root.span.end, "the sweep ends here");
                }
                Err(Box::new(diagnostic))
            }
        }
    }

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
        if token.0 == Token::Text && self.long_text.is_none() && self.text[token.1.clone()].contains('\n') {
            self.long_text = Some(token.1.start..token.1.start + 1);
        }
        Ok(token)
    }

    /// Extensions change what a file means; all that a sweep needs is switched on already.
    fn attribute(&mut self) -> Result<(), Box<Diagnostic>> {
        let (_, span) = self.next()?;
        if &self.text[span.clone()] == "#![enable(implicit_some)]" {
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
                let help = match token {
                    Token::Comma => "delete this `,`, or write the value before it",
                    Token::Colon => "write one `:` between a name and its value",
                    _ => "write the value after the `:`",
                };
                return Err(Box::new(Diagnostic::new(span, message, "expected a value").help(help)));
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
            let help = "a sweep needs fewer than ten levels: look for brackets that are not closed";
            return Err(Box::new(Diagnostic::new(place, message, "too deep").help(help)));
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
                (Token::Comma, _) => _ = self.next()?,
                (Token::Close(_), _) => {}
                (Token::End, span) => return Err(self.unclosed(span)),
                (Token::Colon, span) => {
                    let help =
                        "names stand in `(name: …)` and labels in `{\"label\": …}`; perhaps a bracket is missing";
                    let mut diagnostic = Diagnostic::new(span, "`:` has no meaning here", "unexpected").help(help);
                    if let Some((bracket, opened)) = self.open.last() {
                        diagnostic = diagnostic.related(opened.clone(), format!("inside this `{bracket}`"));
                    }
                    return Err(Box::new(diagnostic));
                }
                _ => {
                    let place = self.end..self.end;
                    let help = "write `,` between entries";
                    return Err(Box::new(Diagnostic::new(place, "a comma is missing", "expected `,` here").help(help)));
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
            (Token::Colon, _) => _ = self.next()?,
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
                .related(opened, format!("this `{bracket}` is not closed"))
                .help(format!("write `{closing}` where `{bracket}` ends; brackets close in the order `( [ {{ }} ] )`")),
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
            let help = "the whole file is one `(…)`";
            let message = "a value is missing at the end of the file";
            return Box::new(Diagnostic::new(end, message, "expected a value").help(help));
        };
        let closing = closing(*bracket);
        let mut diagnostic = Diagnostic::new(end, format!("`{closing}` is missing"), "the file ends here")
            .related(opened.clone(), format!("this `{bracket}` is not closed"))
            .help(format!("write `{closing}` where it ends"));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in one line, every value with its source if it is not a bracket.
    fn outline(node: &Node) -> String {
        let join = |parts: Vec<String>| parts.join(" ");
        match &node.kind {
            Kind::Word(_) => format!("word {}", node.source),
            Kind::Number => format!("number {}", node.source),
            Kind::Text(text) => format!("text {text}"),
            Kind::Character | Kind::Bytes => format!("other {}", node.source),
            Kind::List(nodes) => format!("[{}]", join(nodes.iter().map(outline).collect())),
            Kind::Map(pairs) => {
                let pair = |(key, value): &(Node, Node)| format!("{} => {}", outline(key), outline(value));
                format!("{{{}}}", join(pairs.iter().map(pair).collect()))
            }
            Kind::Group { name, items } => {
                let item = |item: &Item| match &item.key {
                    Some(key) => format!("{}: {}", key.name, outline(&item.value)),
                    None => outline(&item.value),
                };
                format!("{}({})", name.unwrap_or_default(), join(items.iter().map(item).collect()))
            }
        }
    }

    #[test]
    fn brackets_and_names_make_a_tree() {
        let text = "(a: B, c: D (1, 'e'), f: [G(h: -2,), (),], /* i: 0 */ j: {\"k\\u{e9}\": l, 3: {}}, b\"\")";
        insta::assert_snapshot!(
            outline(&parse(text).unwrap()),
            @r#"(a: word B c: D(number 1 other 'e') f: [G(h: number -2) ()] j: {text ké => word l number 3 => {}} other b"")"#
        );
    }

    #[test]
    fn nodes_know_their_place() {
        let text = "(\n  a: B(\n    c: \"é\",\n  ),\n)";
        let root = parse(text).unwrap();
        let path = |steps: &[&str]| steps.iter().map(|&step| step.to_owned()).collect::<Vec<_>>();
        let place = |steps: &[&str]| root.locate(&path(steps)).map(|node| (node.source, &text[node.mark.clone()]));
        assert_eq!(place(&["a", "c"]), Some(("\"é\"", "\"é\"")));
        assert_eq!(place(&["a"]), Some(("B(\n    c: \"é\",\n  )", "B")));
        assert_eq!(place(&["a", "c", "deeper"]), place(&["a", "c"]));
        assert_eq!(place(&["a", "d"]), None);
    }

    #[test]
    fn some_is_looked_through() {
        let root = parse("(a: Some((b: Some([0, 1]))))").unwrap();
        let path = ["a", "b", "1"].map(str::to_owned);
        assert_eq!(root.locate(&path).unwrap().source, "1");
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(DEEPEST)).is_ok());
        assert_eq!(parse(&nested(DEEPEST + 1)).unwrap_err().span, DEEPEST..DEEPEST + 1);
    }
}
