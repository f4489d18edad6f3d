//! Fits text into the lines of a terminal, by the width that is seen.

use unicode_width::UnicodeWidthStr;

/// Number of terminal columns that the text takes.
pub(super) fn width_of(text: &str) -> usize {
    text.width()
}

/// The text without line breaks and control characters, so that a label or a message can neither break a table nor
/// command the terminal.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    line
}

/// The text, its end replaced by … if it is wider than `width`.
pub(super) fn cut(text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else { return String::new() };
    format!("{}…", &text[..prefix(text, room)])
}

/// The text in at most `most` lines of the given width, broken at spaces where possible; the last line is cut.
pub(super) fn wrap(text: &str, width: usize, most: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while lines.len() + 1 < most && width_of(rest) > width {
        let end = prefix(rest, width).max(rest.chars().next().map_or(0, char::len_utf8));
        // A space right after the prefix is a fine place to break, too.
        let searched = if rest[end..].starts_with(' ') { end + 1 } else { end };
        let (line, next) = match rest[..searched].rfind(' ') {
            Some(space) => (&rest[..space], &rest[space..]),
            None => rest.split_at(end),
        };
        lines.push(line.trim_end().to_owned());
        rest = next.trim_start();
    }
    lines.push(cut(rest, width));
    lines
}

/// Length in bytes of the longest prefix that is at most `width` wide.
fn prefix(text: &str, width: usize) -> usize {
    text.char_indices()
        .map(|(start, c)| start + c.len_utf8())
        .take_while(|&end| width_of(&text[..end]) <= width)
        .last()
        .unwrap_or(0)
}

/// The text with spaces before it up to `width`.
pub(super) fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(width_of(text))))
}

/// The text with spaces after it up to `width`.
pub(super) fn pad_right(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(width_of(text))))
}

/// The text with spaces on both sides up to `width`.
pub(super) fn center(text: &str, width: usize) -> String {
    let free = width.saturating_sub(width_of(text));
    format!("{}{text}{}", " ".repeat(free / 2), " ".repeat(free - free / 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wraps_at_spaces_and_breaks_what_is_too_long() {
        assert_eq!(wrap("random crop and resize", 11, 9), ["random crop", "and resize"]);
        assert_eq!(wrap("abcdefgh ij", 3, 9), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("one two three four", 5, 2), ["one", "two …"]);
        assert_eq!(wrap("", 5, 2), [""]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("色彩失真", 5), "色彩…");
        assert_eq!(pad_right("色", 4), "色  ");
    }

    #[test]
    fn control_characters_go() {
        assert_eq!(one_line("a\n\tb\u{1b}[31m c\r\n"), "a b [31m c");
    }

    proptest! {
        #[test]
        fn lines_fit_and_lose_nothing(text in "[a-zé色 ]{0,40}", width in 2_usize..12) {
            let text = one_line(&text);
            let lines = wrap(&text, width, usize::MAX);
            prop_assert!(lines.iter().all(|line| width_of(line) <= width));
            prop_assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
            prop_assert!(width_of(&cut(&text, width)) <= width);
        }
    }
}
