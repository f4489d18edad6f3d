//! The comments between two tokens, and the line breaks around them.

use crate::sweep::lexer::{Lexer, Token};

/// A comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comment<'t> {
    /// Its text, without blanks at its end.
    pub text: &'t str,
    /// Line breaks between what stands before it and itself.
    pub breaks: usize,
}

impl Comment<'_> {
    /// Whether something may follow on its line.
    pub fn is_inline(&self) -> bool {
        is_inline(self.text)
    }
}

/// Whether something may follow a comment on its line.
pub(super) fn is_inline(text: &str) -> bool {
    text.starts_with("/*") && !text.contains('\n')
}

/// What stands between two tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gap<'t> {
    /// The comments.
    pub comments: Vec<Comment<'t>>,
    /// Line breaks between the last comment, or the token before, and the token after.
    pub breaks: usize,
}

impl<'t> Gap<'t> {
    /// Reads the blanks and comments that the lexer skips.
    pub fn read(text: &'t str) -> Self {
        let (mut gap, mut rest) = (Self::default(), text);
        while let Some(start) = rest.find("/") {
            gap.breaks += line_breaks(&rest[..start]);
            rest = &rest[start..];
            let length = if rest.starts_with("//") { rest.find('\n').unwrap_or(rest.len()) } else { block(rest) };
            gap.comments.push(Comment { text: rest[..length].trim_end(), breaks: std::mem::take(&mut gap.breaks) });
            rest = &rest[length..];
        }
        gap.breaks += line_breaks(rest);
        gap
    }
}

fn line_breaks(blanks: &str) -> usize {
    blanks.bytes().filter(|&byte| byte == b'\n').count()
}

/// Length of a block comment; such comments nest.
fn block(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut place, mut depth) = (2, 1_usize);
    while depth > 0 && place < bytes.len() {
        match (bytes[place], bytes.get(place + 1)) {
            (b'/', Some(b'*')) => (place, depth) = (place + 2, depth + 1),
            (b'*', Some(b'/')) => (place, depth) = (place + 2, depth - 1),
            _ => place += 1,
        }
    }
    place
}

/// All comments of a file in their order; as far as the lexer gets.
pub(super) fn all(text: &str) -> Vec<String> {
    let (mut lexer, mut end, mut found) = (Lexer::new(text), 0, vec![]);
    while let Ok((token, span)) = lexer.next() {
        found.extend(Gap::read(&text[end..span.start]).comments.iter().map(|comment| comment.text.replace('\r', "")));
        if token == Token::End {
            break;
        }
        end = span.end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_know_the_line_breaks_around_them() {
        let gap = Gap::read(" // a / b  \n\n\t/* c /* \n */ d */ /* e */\n ");
        let comments: Vec<_> = gap.comments.iter().map(|comment| (comment.text, comment.breaks)).collect();
        assert_eq!(comments, [("// a / b", 0), ("/* c /* \n */ d */", 2), ("/* e */", 0)]);
        assert_eq!(gap.breaks, 1);
        assert_eq!(gap.comments.iter().map(Comment::is_inline).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn comments_in_texts_are_none() {
        assert_eq!(all("(a: \"// b\", /* c */ d: 1) // e\r\n// f"), ["/* c */", "// e", "// f"]);
    }
}
