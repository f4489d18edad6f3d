//! The axes around a drawing's data.

use super::{
    drawing::{Anchor, Drawing, GRID, INK, LABEL, NOTE, Point, SOFT, Style, TITLE},
    font,
    scale::Scale,
};

/// Space around everything.
pub(super) const MARGIN: f64 = 12.0;

/// Room that the upright axis takes on the left: title, labels and ticks.
pub(super) fn upright_room(scale: &Scale) -> f64 {
    let labels = scale.ticks();
    TITLE + 10.0 + font::widest(labels.iter().map(|(_, label)| label.as_str()), LABEL) + 8.0
}

/// The upright axis at `left` with lines as far as `right`; labels only if `labelled`.
pub(super) fn upright(drawing: &mut Drawing, scale: &Scale, (left, right): (f64, f64), labelled: bool) {
    for (number, label) in scale.ticks() {
        let y = scale.place(number);
        drawing.line((left, y), (right, y), GRID, 1.0, "");
        if labelled {
            drawing.line((left - 4.0, y), (left, y), INK, 1.0, "");
            drawing.text((left - 7.0, y), Style::new(LABEL, Anchor::End), &label);
        }
    }
}

/// The title of the upright axis on the left edge, beside the middle of what is between `top` and `bottom`.
pub(super) fn upright_title(drawing: &mut Drawing, (top, bottom): (f64, f64), title: &str) {
    let title = font::fit(title, TITLE, (bottom - top).max(60.0));
    let style = Style::new(TITLE, Anchor::Middle).turn(-90.0);
    drawing.text((MARGIN + TITLE / 2.0, (top + bottom) / 2.0), style, &title);
}

/// A level axis of numbers at `bottom`, with ticks, labels and title.
pub(super) fn level(drawing: &mut Drawing, scale: &Scale, bottom: f64, (left, right): (f64, f64), title: &str) {
    drawing.line((left, bottom), (right, bottom), INK, 1.0, "");
    for (number, label) in scale.ticks() {
        let x = scale.place(number);
        drawing.line((x, bottom), (x, bottom + 4.0), INK, 1.0, "");
        drawing.text((x, bottom + 13.0), Style::new(LABEL, Anchor::Middle), &label);
    }
    drawing.text(((left + right) / 2.0, bottom + 33.0), Style::new(TITLE, Anchor::Middle), title);
}

/// Room below a level axis of numbers.
pub(super) const LEVEL_ROOM: f64 = 42.0;

/// Notes in small print from a corner on, wrapped to `room`; returns their height.
pub(super) fn notes(drawing: &mut Drawing, (left, top): Point, room: f64, notes: &[String]) -> f64 {
    let lines: Vec<String> = notes.iter().flat_map(|note| font::wrap(note, NOTE, room)).collect();
    for (index, line) in lines.iter().enumerate() {
        let y = top + 14.0 * (index as f64 + 0.5);
        drawing.text((left, y), Style::new(NOTE, Anchor::Start).color(SOFT), line);
    }
    14.0 * lines.len() as f64
}
