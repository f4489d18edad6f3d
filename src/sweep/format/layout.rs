//! Writes brackets, entries and comments in the canonical layout.

use super::{
    WIDEST,
    comments::Comment,
    tree::{Bracket, Element, Entry, File, width},
};

/// Columns of a step of indentation.
const STEP: usize = 4;

/// The text of a file.
pub(super) fn write(file: &File) -> String {
    let mut page = Page { out: String::new(), line: 0 };
    for (index, entry) in file.entries.iter().enumerate() {
        page.above(&entry.above, 0, index == 0);
        page.entry_start(entry, 0, index == 0 && entry.above.is_empty());
        page.entry(entry, 0, 0);
        page.behind(&entry.behind);
        page.line_break();
    }
    page.above(&file.last, 0, false);
    page.out
}

/// What is written so far.
struct Page {
    out: String,
    /// Where the last line begins.
    line: usize,
}

impl Page {
    /// Adds a text; if it has several lines, the last one counts.
    fn push(&mut self, text: &str) {
        if let Some(place) = text.rfind('\n') {
            self.line = self.out.len() + place + 1;
        }
        self.out.push_str(text);
    }

    /// Adds a comment; its lines end as all lines do.
    fn comment(&mut self, text: &str) {
        self.push(&text.replace('\r', ""));
    }

    fn line_break(&mut self) {
        self.push("\n");
    }

    fn column(&self) -> usize {
        width(&self.out[self.line..])
    }

    fn indent(&mut self, indentation: usize) {
        self.push(&" ".repeat(indentation));
    }

    /// Comments on lines of their own.
    fn above(&mut self, comments: &[Comment], indentation: usize, first: bool) {
        for (index, comment) in comments.iter().enumerate() {
            if comment.breaks > 1 && !(first && index == 0) {
                self.line_break();
            }
            self.indent(indentation);
            self.comment(comment.text);
            self.line_break();
        }
    }

    /// The beginning of an entry's line.
    fn entry_start(&mut self, entry: &Entry, indentation: usize, first: bool) {
        if entry.apart && !first {
            self.line_break();
        }
        self.indent(indentation);
    }

    /// Comments at the end of a line.
    fn behind(&mut self, comments: &[&str]) {
        for comment in comments {
            self.push(" ");
            self.comment(comment);
        }
    }

    /// An entry without what stands above and behind it, on a line with the given indentation; `tail` columns follow.
    fn entry(&mut self, entry: &Entry, indentation: usize, tail: usize) {
        for comment in &entry.before {
            self.comment(comment);
            self.push(" ");
        }
        if let Some(key) = &entry.key {
            self.element(key, indentation, 1);
            self.push(": ");
        }
        self.element(&entry.value, indentation, tail);
    }

    fn element(&mut self, element: &Element, indentation: usize, tail: usize) {
        match element {
            Element::Leaf(text) => self.push(text),
            Element::Bracket(bracket) => {
                let fits = bracket.flat.is_some_and(|width| self.column() + width + tail <= WIDEST);
                if fits {
                    self.flat(bracket);
                } else if self.may_share_lines(bracket) {
                    self.sharing_lines(bracket, indentation, tail);
                } else {
                    self.broken(bracket, indentation);
                }
            }
        }
    }

    fn flat(&mut self, bracket: &Bracket) {
        self.push(&bracket.head);
        self.push(bracket.padding());
        for (index, entry) in bracket.entries.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.flat_entry(entry);
        }
        let last: Vec<&str> = bracket.last.iter().map(|comment| comment.text).collect();
        self.comment(&last.join(" "));
        self.push(bracket.padding());
        self.push(bracket.close);
    }

    /// An entry that fits on the line.
    fn flat_entry(&mut self, entry: &Entry) {
        // Its width was measured with all that it holds, so nothing in it breaks.
        self.entry(entry, 0, 0);
        self.behind(&entry.behind);
    }

    /// Whether only the last entry is broken, so that its bracket may open on the line of this one and close with it.
    fn may_share_lines(&self, bracket: &Bracket) -> bool {
        let Some((last, others)) = bracket.entries.split_last() else { return false };
        let Element::Bracket(inner) = &last.value else { return false };
        let plain = !bracket.broken && bracket.behind_head.is_empty() && bracket.last.is_empty();
        let last_is_plain = last.above.is_empty() && last.behind.is_empty() && !inner.entries.is_empty();
        // Of several entries only one that its author has broken: brackets that are too wide get one entry per line.
        if !plain || !last_is_plain || !others.is_empty() && inner.flat.is_some() {
            return false;
        }
        let others: Option<usize> = others.iter().map(|entry| entry.flat().map(|width| width + 2)).sum();
        let comments: usize = last.before.iter().map(|text| width(text) + 1).sum();
        let key = last.key.as_ref().map_or(Some(0), |key| key.flat().map(|width| width + 2));
        let (Some(others), Some(key)) = (others, key) else { return false };
        let opening = width(&bracket.head) + bracket.padding().len() + others + comments + key + width(&inner.head);
        self.column() + opening <= WIDEST
    }

    fn sharing_lines(&mut self, bracket: &Bracket, indentation: usize, tail: usize) {
        self.push(&bracket.head);
        self.push(bracket.padding());
        if let Some((last, others)) = bracket.entries.split_last() {
            for entry in others {
                self.flat_entry(entry);
                self.push(", ");
            }
            self.entry(last, indentation, tail + bracket.padding().len() + bracket.close.len());
        }
        self.push(bracket.padding());
        self.push(bracket.close);
    }

    /// One entry per line.
    fn broken(&mut self, bracket: &Bracket, indentation: usize) {
        let inner = indentation + STEP;
        self.push(&bracket.head);
        self.behind(&bracket.behind_head);
        self.line_break();
        for (index, entry) in bracket.entries.iter().enumerate() {
            self.above(&entry.above, inner, index == 0);
            self.entry_start(entry, inner, index == 0 && entry.above.is_empty());
            self.entry(entry, inner, 1);
            self.push(",");
            self.behind(&entry.behind);
            self.line_break();
        }
        self.above(&bracket.last, inner, bracket.entries.is_empty());
        self.indent(indentation);
        self.push(bracket.close);
    }
}
