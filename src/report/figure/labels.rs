//! Places for the labels of points, so that they cover neither each other nor a point.

use super::{
    drawing::{Anchor, Drawing, NOTE, Point, SOFT, Style},
    font,
};

/// A rectangle by its edges: left, top, right, bottom.
pub(super) type Area = (f64, f64, f64, f64);

/// Directions in which a label is looked for, the best first.
const DIRECTIONS: [Point; 8] =
    [(1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-1.0, 0.0), (0.8, -0.8), (0.8, 0.8), (-0.8, -0.8), (-0.8, 0.8)];
/// Distances from the point, in pixels; from the second on, a thin line leads to the label.
const DISTANCES: [f64; 4] = [8.0, 20.0, 34.0, 50.0];
/// Longest label.
const LONGEST: f64 = 150.0;

/// Labels placed so far, and what they must keep clear of.
pub(super) struct Labels {
    inside: Area,
    taken: Vec<Area>,
}

impl Labels {
    /// Labels inside an area that keep clear of what stands in others.
    pub fn new(inside: Area, taken: Vec<Area>) -> Self {
        Self { inside, taken }
    }

    /// Draws a label beside a point if there is room, and answers whether there was.
    pub fn place(&mut self, drawing: &mut Drawing, at: Point, text: &str) -> bool {
        let text = font::fit_label(text, NOTE, LONGEST);
        let width = font::width(&text, NOTE);
        for distance in DISTANCES {
            for (right, down) in DIRECTIONS {
                let (anchor, left) = match right {
                    right if right > 0.0 => (Anchor::Start, 0.0),
                    right if right < 0.0 => (Anchor::End, -width),
                    _ => (Anchor::Middle, -width / 2.0),
                };
                let (x, y) = (at.0 + right * distance, at.1 + down * (distance + 3.0));
                let area = (x + left, y - NOTE / 2.0, x + left + width, y + NOTE / 2.0);
                if self.is_free(area) {
                    if distance > DISTANCES[0] {
                        let (near, far) = (5.0, distance - 2.0);
                        let point = |way: f64| (at.0 + right * way, at.1 + down * way);
                        drawing.line(point(near), point(far), SOFT, 0.6, "");
                    }
                    drawing.text((x, y), Style::new(NOTE, anchor).halo(), &text);
                    self.taken.push(area);
                    return true;
                }
            }
        }
        false
    }

    fn is_free(&self, area: Area) -> bool {
        let inside = self.inside;
        let within = inside.0 <= area.0 && inside.1 <= area.1 && area.2 <= inside.2 && area.3 <= inside.3;
        let apart = |other: &Area| area.2 < other.0 || other.2 < area.0 || area.3 < other.1 || other.3 < area.1;
        within && self.taken.iter().all(apart)
    }
}
