//! What is wrong with a sweep file, and where: shown with the source line, a caret and what to write instead.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, normalize_untrusted_str};

/// Most diagnostics that are collected; a file with more is read no further.
const MOST: usize = 20;

/// One mistake in a sweep file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one line.
    pub message: String,
    /// Where it is, as bytes of the file's text.
    pub span: Range<usize>,
    /// What stands next to the caret.
    pub label: String,
    /// Other places that matter, each with what to say about it.
    pub related: Vec<(Range<usize>, String)>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), span, label: label.into(), related: vec![], help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    fn render(&self, file_name: &str, text: &str, renderer: &Renderer) -> String {
        let annotation = |kind: AnnotationKind, span: &Range<usize>, label: &str| {
            kind.span(span.clone()).label(normalize_untrusted_str(label))
        };
        let snippet = Snippet::source(text)
            .path(file_name)
            .annotation(annotation(AnnotationKind::Primary, &self.span, &self.label))
            .annotations(self.related.iter().map(|(span, label)| annotation(AnnotationKind::Context, span, label)));
        let mut group = Level::ERROR.primary_title(self.message.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        renderer.render(&[group])
    }
}

/// Everything found wrong with a sweep file, in the order of the text; at least one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    file_name: String,
    text: String,
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The single mistakes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.found.iter()
    }

    /// The mistakes as text for people, one paragraph each, with terminal colors if asked for.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut paragraphs: Vec<_> =
            self.found.iter().map(|diagnostic| diagnostic.render(&self.file_name, &self.text, &renderer)).collect();
        if self.found.len() == MOST {
            paragraphs.push(format!("There may be more: only the first {MOST} mistakes are shown."));
        }
        paragraphs.join("\n\n")
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// Collects diagnostics while a file is read.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Diagnostic>,
}

impl Findings {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        if !self.is_full() {
            self.found.push(diagnostic);
        }
    }

    pub(super) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
            if self.is_full() {
                break;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether looking for more is pointless.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MOST
    }

    pub(super) fn into_diagnostics(mut self, file_name: &str, text: &str) -> Diagnostics {
        self.found.sort_by_key(|diagnostic| diagnostic.span.start);
        Diagnostics { file_name: file_name.to_owned(), text: text.to_owned(), found: self.found }
    }
}
