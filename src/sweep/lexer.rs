//! Cuts RON text into tokens; what is inside numbers and texts is left to the `ron` crate.

use std::ops::Range;

use super::diagnostic::Diagnostic;

/// The smallest unit of RON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An opening bracket: `(`, `[` or `{`.
    Open(char),
    /// A closing bracket.
    Close(char),
    /// `:`.
    Colon,
    /// `,`.
    Comma,
    /// `#![…]`, a file attribute.
    Attribute,
    /// A bare word.
    Word,
    /// A number, or what looks like one.
    Number,
    /// `"…"` or `r#"…"#`.
    Text,
    /// `'…'`.
    Character,
    /// `b"…"` and the like.
    Bytes,
    /// The end of the file.
    End,
}

/// A position in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    place: usize,
}

/// A token with its place, or why there is none.
pub(super) type Lexed = Result<(Token, Range<usize>), Box<Diagnostic>>;

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, place: 0 }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.place..]
    }

    /// The next token after blanks and comments.
    pub(super) fn next(&mut self) -> Lexed {
        self.skip_blanks()?;
        let start = self.place;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok((Token::End, start..start)) };
        let second = rest[first.len_utf8()..].chars().next().unwrap_or(' ');
        let (token, length) = match first {
            '(' | '[' | '{' => (Token::Open(first), 1),
            ')' | ']' | '}' => (Token::Close(first), 1),
            ':' => (Token::Colon, 1),
            ',' => (Token::Comma, 1),
            '"' => (Token::Text, self.quoted(0)?),
            '\'' => (Token::Character, self.character(0)?),
            'b' if second == '"' => (Token::Bytes, self.quoted(1)?),
            'b' if second == '\'' => (Token::Bytes, self.character(1)?),
            'b' if rest.starts_with("br\"") || rest.starts_with("br#") => (Token::Bytes, self.raw(2)?),
            'r' if second == '"' || second == '#' => (Token::Text, self.raw(1)?),
            '#' if rest.starts_with("#![") => (Token::Attribute, self.attribute()?),
            '0'..='9' | '+' | '-' => (Token::Number, number_length(rest)),
            '.' if second.is_ascii_digit() => (Token::Number, number_length(rest)),
            _ if first == '_' || first.is_alphabetic() => (Token::Word, word_length(rest)),
            _ => return Err(Box::new(unexpected(first, start))),
        };
        self.place += length;
        Ok((token, start..self.place))
    }

    fn skip_blanks(&mut self) -> Result<(), Box<Diagnostic>> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(is_blank);
            self.place += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.place += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                self.place += self.block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Length of the block comment that starts here; such comments nest.
    fn block_comment(&self) -> Result<usize, Box<Diagnostic>> {
        let bytes = self.rest().as_bytes();
        let (mut place, mut depth) = (2, 1_usize);
        while depth > 0 {
            match (bytes.get(place), bytes.get(place + 1)) {
                (Some(b'/'), Some(b'*')) => (place, depth) = (place + 2, depth + 1),
                (Some(b'*'), Some(b'/')) => (place, depth) = (place + 2, depth - 1),
                (Some(_), _) => place += 1,
                (None, _) => {
                    return Err(Box::new(
                        Diagnostic::new(self.place..self.place + 2, "a comment is not closed", "it starts here")
                            .help("write `*/` where it ends"),
                    ));
                }
            }
        }
        Ok(place)
    }

    /// Length of the text in double quotes whose prefix has `prefix` bytes.
    fn quoted(&self, prefix: usize) -> Result<usize, Box<Diagnostic>> {
        let bytes = self.rest().as_bytes();
        let mut place = prefix + 1;
        loop {
            match bytes.get(place) {
                Some(b'"') => return Ok(place + 1),
                Some(b'\\') => place += 2,
                Some(_) => place += 1,
                None => return Err(self.unclosed_quote(prefix, "\"")),
            }
        }
    }

    /// Length of the raw text whose prefix, up to the `r`, has `prefix` bytes.
    fn raw(&self, prefix: usize) -> Result<usize, Box<Diagnostic>> {
        let rest = self.rest();
        let hashes = rest[prefix..].bytes().take_while(|&byte| byte == b'#').count();
        let body = prefix + hashes + 1;
        if rest.as_bytes().get(body - 1) != Some(&b'"') {
            return Err(Box::new(unexpected('#', self.place + prefix)));
        }
        let closing = format!("\"{}", "#".repeat(hashes));
        match rest[body..].find(&closing) {
            Some(length) => Ok(body + length + closing.len()),
            None => Err(self.unclosed_quote(prefix, &closing)),
        }
    }

    /// Length of what stands in single quotes; several characters are kept together for a better message later.
    fn character(&self, prefix: usize) -> Result<usize, Box<Diagnostic>> {
        let body = &self.rest()[prefix + 1..];
        let escaped = if body.starts_with("\\'") { 2 } else { 0 };
        match body[escaped..].find(['\'', '\n']) {
            Some(length) if body[escaped + length..].starts_with('\'') => Ok(prefix + 1 + escaped + length + 1),
            _ => Err(self.unclosed_quote(prefix, "'")),
        }
    }

    /// Length of the attribute that starts here.
    fn attribute(&self) -> Result<usize, Box<Diagnostic>> {
        match self.rest().find(']') {
            Some(length) => Ok(length + 1),
            None => Err(Box::new(
                Diagnostic::new(self.place..self.place + 3, "`#![` is not closed", "no `]` follows")
                    .help("delete it: sweep files take no extensions"),
            )),
        }
    }

    fn unclosed_quote(&self, prefix: usize, closing: &str) -> Box<Diagnostic> {
        let start = self.place;
        Box::new(
            Diagnostic::new(start..start + prefix + 1, "a quoted text is not closed", "it starts here")
                .help(format!("write `{closing}` where it ends")),
        )
    }
}

/// The blanks of RON.
fn is_blank(character: char) -> bool {
    matches!(character, '\t'..='\r' | ' ' | '\u{85}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}')
}

fn word_length(rest: &str) -> usize {
    rest.find(|character: char| character != '_' && !character.is_alphanumeric()).unwrap_or(rest.len())
}

/// Length of a number: everything that could belong to one, so that `1.5.2` is one mistake and not two tokens.
fn number_length(rest: &str) -> usize {
    let mut before = 'e'; // A sign is also allowed at the start.
    for (place, character) in rest.char_indices() {
        let sign = matches!(character, '+' | '-') && matches!(before, 'e' | 'E');
        if !(sign || character.is_ascii_alphanumeric() || matches!(character, '.' | '_')) {
            return place;
        }
        before = character;
    }
    rest.len()
}

fn unexpected(character: char, place: usize) -> Diagnostic {
    let shown = if character.is_control() || matches!(character, '\u{feff}' | '\u{a0}' | '\u{200b}'..='\u{200d}') {
        format!("the invisible character U+{:04X}", u32::from(character))
    } else {
        format!("`{character}`")
    };
    let help = match character {
        '=' => "write `:` between a name and its value",
        ';' => "write `,` between entries",
        '#' => "comments start with `//`",
        '“' | '”' | '„' | '«' | '»' => "texts stand between straight quotes: `\"…\"`",
        '/' | '*' | '^' | '%' => "formulas are not computed: write the resulting number",
        '.' => "write a zero before the decimal point",
        _ if character.is_control() || shown.starts_with("the") => "delete it",
        _ => "it may stand in texts and comments only",
    };
    Diagnostic::new(place..place + character.len_utf8(), format!("{shown} has no meaning here"), "unexpected")
        .help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens of a text, each with its source.
    fn tokens(text: &str) -> Vec<(Token, &str)> {
        let mut lexer = Lexer::new(text);
        let mut tokens = vec![];
        loop {
            match lexer.next().unwrap() {
                (Token::End, _) => return tokens,
                (token, span) => tokens.push((token, &text[span])),
            }
        }
    }

    fn refusal(text: &str) -> String {
        let mut lexer = Lexer::new(text);
        loop {
            match lexer.next() {
                Ok((Token::End, _)) => panic!("{text} is accepted"),
                Ok(_) => {}
                Err(diagnostic) => return format!("{:?} {}", diagnostic.span, diagnostic.message),
            }
        }
    }

    #[test]
    fn numbers_keep_their_signs_and_exponents() {
        for number in ["0", "-1", "+2.5", "1e-6", "1E+3", ".5", "-.5", "0x_ff", "1_000", "1.2.3", "1f64"] {
            assert_eq!(tokens(number), [(Token::Number, number)]);
        }
        assert_eq!(tokens("1-2"), [(Token::Number, "1"), (Token::Number, "-2")]);
    }

    #[test]
    fn quotes_may_hold_anything() {
        for text in [r#""""#, r#""a\"b""#, r#""\\""#, "\"( // é\n\"", "r\"\\\"", "r#\"a\"b\"#", "r##\"\"#\"##"] {
            assert_eq!(tokens(text), [(Token::Text, text)]);
        }
        for bytes in ["b\"\"", "b'x'", "br\"\\\"", "br#\"\"\"#"] {
            assert_eq!(tokens(bytes), [(Token::Bytes, bytes)]);
        }
        assert_eq!(tokens(r"'\'' 'several'"), [(Token::Character, r"'\''"), (Token::Character, "'several'")]);
    }

    #[test]
    fn words_may_begin_like_quotes() {
        assert_eq!(tokens("batch r b br_"), ["batch", "r", "b", "br_"].map(|word| (Token::Word, word)));
    }

    #[test]
    fn comments_are_blanks() {
        assert_eq!(tokens("// (\n/* /* ] */ \" */:/**/,//"), [(Token::Colon, ":"), (Token::Comma, ",")]);
        assert_eq!(tokens("/*/ */ /***/"), []);
    }

    #[test]
    fn what_does_not_end_is_shown_where_it_begins() {
        assert_eq!(refusal("a /* /* */"), "2..4 a comment is not closed");
        assert_eq!(refusal("a \"\\\""), "2..3 a quoted text is not closed");
        assert_eq!(refusal("a r#\"\""), "2..4 a quoted text is not closed");
        assert_eq!(refusal("a 'b\n'"), "2..3 a quoted text is not closed");
        assert_eq!(refusal("#![enable("), "0..3 `#![` is not closed");
    }

    #[test]
    fn strange_characters_are_named() {
        assert_eq!(refusal("a = 1"), "2..3 `=` has no meaning here");
        assert_eq!(refusal("\u{feff}()"), "0..3 the invisible character U+FEFF has no meaning here");
        assert_eq!(refusal("r#type"), "1..2 `#` has no meaning here");
    }
}
