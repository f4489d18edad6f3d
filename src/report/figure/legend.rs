//! The legend over a drawing: entries side by side, in as many lines as they need.

use super::{
    drawing::{Anchor, Drawing, LABEL, Point, Style},
    font,
};

/// Height of a line.
const LINE: f64 = 17.0;
/// Room for a sample, and between entries.
const SAMPLE: f64 = 24.0;
const BETWEEN: f64 = 16.0;
/// Longest text of an entry, in pixels.
const LONGEST: f64 = 260.0;

/// What draws the sample of an entry around a place.
type Sample<'a> = Box<dyn Fn(&mut Drawing, Point) + 'a>;

/// Samples with their meaning.
#[derive(Default)]
pub(super) struct Legend<'a> {
    /// What the entries are values of; may be empty.
    pub title: String,
    /// The entries in their order.
    pub entries: Vec<(String, Sample<'a>)>,
}

impl<'a> Legend<'a> {
    /// Adds an entry.
    pub fn add(&mut self, text: &str, sample: impl Fn(&mut Drawing, Point) + 'a) {
        self.entries.push((font::fit_label(text, LABEL, LONGEST), Box::new(sample)));
    }

    /// Draws the legend from a corner on, in lines as wide as `room`, and returns its height.
    pub fn draw(&self, drawing: &mut Drawing, (left, top): Point, room: f64) -> f64 {
        if self.entries.is_empty() {
            return 0.0;
        }
        let (mut x, mut y) = (left, top + LINE / 2.0);
        if !self.title.is_empty() {
            let title = font::fit(&self.title, LABEL, LONGEST) + ":";
            drawing.text((x, y), Style::new(LABEL, Anchor::Start), &title);
            x += font::width(&title, LABEL) + 10.0;
        }
        for (text, sample) in &self.entries {
            let width = SAMPLE + font::width(text, LABEL);
            if x > left && x + width > left + room {
                (x, y) = (left, y + LINE);
            }
            sample(drawing, (x + SAMPLE / 2.0 - 3.0, y));
            drawing.text((x + SAMPLE, y), Style::new(LABEL, Anchor::Start), text);
            x += width + BETWEEN;
        }
        y + LINE / 2.0 + 6.0 - top
    }
}
