//! A drawing that grows by lines, shapes and texts, and becomes SVG.

use std::fmt::Write as _;

use super::font::FAMILIES;
use crate::report::html::escape;

/// A place in pixels, from the left and from the top.
pub(super) type Point = (f64, f64);

/// Size of titles of axes and of legends, of everything else, and of notes.
pub(super) const TITLE: f64 = 13.0;
pub(super) const LABEL: f64 = 11.0;
pub(super) const NOTE: f64 = 10.0;

/// Text, axes, and the lines behind the data.
pub(super) const INK: &str = "#1a1a1a";
pub(super) const SOFT: &str = "#595959";
pub(super) const GRID: &str = "#e3e3e3";

/// Which part of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub size: f64,
    pub color: &'static str,
    pub anchor: Anchor,
    /// Degrees by which it is turned, clockwise.
    pub turn: f64,
    /// Whether white around it keeps it legible over lines.
    pub halo: bool,
}

impl Style {
    /// A level text in the color of ink.
    pub fn new(size: f64, anchor: Anchor) -> Self {
        Self { size, color: INK, anchor, turn: 0.0, halo: false }
    }

    pub fn color(self, color: &'static str) -> Self {
        Self { color, ..self }
    }

    pub fn turn(self, turn: f64) -> Self {
        Self { turn, ..self }
    }

    pub fn halo(self) -> Self {
        Self { halo: true, ..self }
    }
}

/// The parts drawn so far, the first at the bottom.
#[derive(Default)]
pub(super) struct Drawing {
    body: String,
}

impl Drawing {
    /// A text whose middle height is at `y`.
    pub fn text(&mut self, (x, y): Point, style: Style, text: &str) {
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let turn = match style.turn {
            0.0 => String::new(),
            degrees => format!(" transform=\"rotate({} {} {})\"", number(degrees), number(x), number(y)),
        };
        let halo = match style.halo {
            true => " stroke=\"white\" stroke-width=\"2.5\" stroke-linejoin=\"round\" paint-order=\"stroke\"",
            false => "",
        };
        // Digits and capitals of the font are 0.73 high.
        let base = y + 0.365 * style.size;
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{anchor}{halo}{turn}>{}</text>",
            number(x),
            number(base),
            number(style.size),
            style.color,
            literal(text)
        );
    }

    /// A straight line; `stroke` are further attributes of SVG.
    pub fn line(&mut self, from: Point, to: Point, color: &str, width: f64, more: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
        let _ = writeln!(
            self.body,
            "<path d=\"M{x1} {y1}L{x2} {y2}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\"{more}/>",
            number(width)
        );
    }

    /// A rectangle by its upper left corner.
    pub fn rectangle(&mut self, (x, y): Point, (width, height): Point, fill: &str, more: &str) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"{more}/>",
            number(x),
            number(y),
            number(width.max(0.0)),
            number(height.max(0.0))
        );
    }

    /// Lines through points, broken where there is none.
    pub fn polyline(&mut self, points: &[Option<Point>], color: &str, width: f64, more: &str) {
        let mut path = String::new();
        let mut begins = true;
        for point in points {
            if let Some((x, y)) = point {
                let _ = write!(path, "{}{} {}", if begins { 'M' } else { 'L' }, number(*x), number(*y));
            }
            begins = point.is_none();
        }
        if !path.is_empty() {
            self.shape(&path, &format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\"{more}", number(width)));
        }
    }

    /// Any path, with its attributes.
    pub fn shape(&mut self, path: &str, attributes: &str) {
        let _ = writeln!(self.body, "<path d=\"{path}\" {attributes}/>");
    }

    /// What browsers show when the pointer rests on what `draw` draws.
    pub fn explained(&mut self, text: &str, draw: impl FnOnce(&mut Self)) {
        let _ = writeln!(self.body, "<g><title>{}</title>", literal(text));
        draw(self);
        self.body.push_str("</g>\n");
    }

    /// The whole drawing on white; `title` is for screen readers and search.
    pub fn finish(self, (width, height): Point, title: &str) -> String {
        let [width, height] = [width, height].map(|length| number(length.ceil()));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"{FAMILIES}\" role=\"img\">\n<title>{}</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n{}</svg>\n",
            literal(title),
            self.body
        )
    }
}

/// A coordinate to a hundredth of a pixel. What is not finite must not come here; if it does, it stays out of the file.
pub(super) fn number(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    // Adding zero turns −0 into 0.
    if rounded.is_finite() { format!("{}", rounded + 0.0) } else { "0".to_owned() }
}

/// The text as XML holds it: without markup, and without the characters that XML does not allow.
fn literal(text: &str) -> String {
    let allowed = |character: char| match character {
        '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'.. => character,
        _ => '\u{fffd}',
    };
    escape(&text.chars().map(allowed).collect::<String>())
}
