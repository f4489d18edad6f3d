//! A file as brackets, entries and comments: what the layout needs, and no more of the meaning.

use std::ops::Range;

use super::comments::{Comment, Gap, is_inline};
use crate::sweep::{
    diagnostic::Diagnostic,
    lexer::{Lexer, Token},
};

/// A value: a leaf or a bracket.
#[derive(Debug)]
pub(super) enum Element<'t> {
    /// A word, number or text.
    Leaf(&'t str),
    /// A bracket with what is in it.
    Bracket(Bracket<'t>),
}

/// A bracket.
#[derive(Debug)]
pub(super) struct Bracket<'t> {
    /// The name before it and the opening bracket.
    pub head: String,
    /// The closing bracket.
    pub close: &'t str,
    /// Comments behind the opening bracket on its line.
    pub behind_head: Vec<&'t str>,
    /// What is inside.
    pub entries: Vec<Entry<'t>>,
    /// Comments between the last entry and the end.
    pub last: Vec<Comment<'t>>,
    /// Whether the closing bracket begins a line.
    pub broken: bool,
    /// Its width on one line; none if it cannot stand on one.
    pub flat: Option<usize>,
}

/// An entry of a bracket or of the file.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    /// Comments above it.
    pub above: Vec<Comment<'t>>,
    /// Comments before it on its line.
    pub before: Vec<&'t str>,
    /// Whether an empty line separates it from what is above.
    pub apart: bool,
    /// Its name or label.
    pub key: Option<Element<'t>>,
    /// Its value.
    pub value: Element<'t>,
    /// Comments behind it on its line.
    pub behind: Vec<&'t str>,
}

/// A whole file.
#[derive(Debug)]
pub(super) struct File<'t> {
    /// Attributes and the value.
    pub entries: Vec<Entry<'t>>,
    /// Comments at the end.
    pub last: Vec<Comment<'t>>,
}

type Outcome<T> = Result<T, Box<Diagnostic>>;

/// Reads a text whose form is right.
pub(super) fn read(text: &str) -> Outcome<File<'_>> {
    let mut reader = Reader { text, lexer: Lexer::new(text), next: (Token::End, 0..0), gap: Gap::default(), end: 0 };
    reader.advance()?;
    let mut around = Around::default();
    let mut entries = vec![];
    around.enter(reader.take_gap());
    while reader.next.0 != Token::End {
        let mut entry = around.entry();
        entry.value = reader.value(&mut entry)?;
        entry.behind = around.leave(reader.take_gap(), reader.next.0 == Token::End);
        entries.push(entry);
    }
    Ok(File { entries, last: around.above })
}

struct Reader<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    /// The next token.
    next: (Token, Range<usize>),
    /// What stands before it.
    gap: Gap<'t>,
    /// End of the token before.
    end: usize,
}

impl<'t> Reader<'t> {
    fn advance(&mut self) -> Outcome<&'t str> {
        let (text, taken) = (self.text, self.next.1.clone());
        self.next = self.lexer.next()?;
        self.end = taken.end;
        self.gap = Gap::read(&text[taken.end..self.next.1.start]);
        Ok(&text[taken])
    }

    fn take_gap(&mut self) -> Gap<'t> {
        std::mem::take(&mut self.gap)
    }

    /// A value; comments at unusual places go to the entry it belongs to.
    fn value(&mut self, entry: &mut Entry<'t>) -> Outcome<Element<'t>> {
        let is_word = self.next.0 == Token::Word;
        let is_open = matches!(self.next.0, Token::Open(_));
        let source = self.advance()?;
        match self.next.0 {
            _ if is_open => self.bracket(source.to_owned()),
            Token::Open('(') if is_word => {
                entry.hoist(self.take_gap());
                self.advance()?;
                self.bracket(format!("{source}("))
            }
            _ => Ok(Element::Leaf(source)),
        }
    }

    /// The rest of a bracket whose opening is taken.
    fn bracket(&mut self, head: String) -> Outcome<Element<'t>> {
        let mut around = Around::default();
        let mut entries = vec![];
        let gap = self.take_gap();
        let mut broken = gap.breaks > 0;
        let mut behind_head = vec![];
        if matches!(self.next.0, Token::Close(_) | Token::End) {
            around.enter(Gap { breaks: 1, ..gap });
            around.above.iter_mut().for_each(|comment| comment.breaks = 1);
        } else {
            behind_head = around.leave(gap, false);
        }
        while !matches!(self.next.0, Token::Close(_) | Token::End) {
            let mut entry = around.entry();
            let value = self.value(&mut entry)?;
            if self.next.0 == Token::Colon {
                entry.hoist(self.take_gap());
                self.advance()?;
                entry.hoist(self.take_gap());
                entry.key = Some(value);
                entry.value = self.value(&mut entry)?;
            } else {
                entry.value = value;
            }
            let mut gap = self.take_gap();
            if self.next.0 == Token::Comma {
                entry.behind = around.leave(Gap { breaks: 1, ..gap }, true);
                self.advance()?;
                gap = self.take_gap();
            }
            broken = gap.breaks > 0 || gap.comments.iter().any(|comment| comment.breaks > 0);
            let is_last = matches!(self.next.0, Token::Close(_));
            if around.above.is_empty() && entry.behind.last().is_none_or(|text| is_inline(text)) {
                entry.behind.extend(around.leave(gap, is_last));
            } else {
                around.enter(gap);
            }
            entries.push(entry);
        }
        let close = self.advance()?;
        let mut bracket = Bracket { head, close, behind_head, entries, last: around.above, broken, flat: None };
        bracket.flat = bracket.measure();
        Ok(Element::Bracket(bracket))
    }
}

impl Element<'_> {
    /// Its width on one line; none if it cannot stand on one.
    pub fn flat(&self) -> Option<usize> {
        match self {
            Self::Leaf(text) => (!text.contains('\n')).then(|| width(text)),
            Self::Bracket(bracket) => bracket.flat,
        }
    }
}

impl Bracket<'_> {
    /// Blanks inside of braces, which hold labels.
    pub fn padding(&self) -> &'static str {
        if self.close == "}" && !self.entries.is_empty() { " " } else { "" }
    }

    fn measure(&self) -> Option<usize> {
        let breaks = self.broken && !self.entries.is_empty() || !self.behind_head.is_empty();
        let stray = self.last.iter().any(|comment| !comment.is_inline() || !self.entries.is_empty());
        if breaks || stray {
            return None;
        }
        let inside: Option<Vec<usize>> = self.entries.iter().map(Entry::flat).collect();
        let last: Vec<usize> = self.last.iter().map(|comment| width(comment.text)).collect();
        let between = |widths: &[usize], separator: usize| {
            widths.iter().sum::<usize>() + separator * widths.len().saturating_sub(1)
        };
        let brackets = width(&self.head) + 2 * self.padding().len() + self.close.len();
        Some(brackets + between(&inside?, 2) + between(&last, 1))
    }
}

/// Columns that a text takes; one per character, as in most editors' rulers.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

impl<'t> Entry<'t> {
    /// Its width on one line with all its comments; none if it cannot stand on one.
    pub fn flat(&self) -> Option<usize> {
        if !self.above.is_empty() || !self.behind.iter().all(|text| is_inline(text)) {
            return None;
        }
        let comments: usize = self.before.iter().chain(&self.behind).map(|text| width(text) + 1).sum();
        let key = self.key.as_ref().map_or(Some(0), |key| key.flat().map(|width| width + 2))?;
        Some(comments + key + self.value.flat()?)
    }

    /// Moves comments from the middle of the entry above it, or before it if they are short.
    fn hoist(&mut self, gap: Gap<'t>) {
        for comment in gap.comments {
            if comment.is_inline() {
                self.before.push(comment.text);
            } else {
                let before = self.before.drain(..).map(|text| Comment { text, breaks: 1 });
                self.above.extend(before);
                self.above.push(Comment { breaks: 1, ..comment });
            }
        }
    }
}

/// The comments between two entries on their way to one of them.
#[derive(Default)]
struct Around<'t> {
    above: Vec<Comment<'t>>,
    breaks: usize,
}

impl<'t> Around<'t> {
    /// Takes what stands before an entry.
    fn enter(&mut self, gap: Gap<'t>) {
        self.above.extend(gap.comments);
        self.breaks = gap.breaks;
    }

    /// Gives what stands behind an entry on its line, and keeps the rest for the next. What stands on the line of the
    /// next entry belongs to that one, unless nothing follows.
    fn leave(&mut self, gap: Gap<'t>, is_last: bool) -> Vec<&'t str> {
        let ends: usize = if is_last { 1 } else { gap.breaks };
        let mut line_ends: Vec<bool> = vec![];
        let mut later = ends;
        for comment in gap.comments.iter().rev() {
            line_ends.push(later > 0 || !comment.is_inline());
            later += comment.breaks + usize::from(comment.text.contains('\n'));
        }
        line_ends.reverse();
        let mut behind: Vec<&str> = vec![];
        for (comment, ends) in gap.comments.iter().zip(line_ends) {
            let open = self.above.is_empty() && behind.last().is_none_or(|text| is_inline(text));
            if open && comment.breaks == 0 && ends {
                behind.push(comment.text);
            } else {
                self.above.push(*comment);
            }
        }
        self.breaks = gap.breaks;
        behind
    }

    /// A new entry with the comments that wait for it.
    fn entry(&mut self) -> Entry<'t> {
        let mut above = std::mem::take(&mut self.above);
        let mut before = vec![];
        let mut breaks = self.breaks;
        while breaks == 0 && above.last().is_some_and(Comment::is_inline) {
            if let Some(comment) = above.pop() {
                before.insert(0, comment.text);
                breaks = comment.breaks;
            }
        }
        Entry { above, before, apart: breaks > 1, key: None, value: Element::Leaf(""), behind: vec![] }
    }
}
