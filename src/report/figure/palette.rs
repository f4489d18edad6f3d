//! Colors and marks that tell series apart on paper, on a gray printer, and for readers with a color vision deficiency.

use std::fmt::Write as _;

use super::drawing::{Drawing, Point, number};

/// From dark to bright (viridis by van der Walt and Smith, CC0), as red, green and blue.
const VIRIDIS: [[f64; 3]; 5] =
    [[68.0, 1.0, 84.0], [59.0, 82.0, 139.0], [33.0, 145.0, 140.0], [94.0, 201.0, 98.0], [253.0, 231.0, 37.0]];

/// Colors of Okabe and Ito for few series without an order; black comes last, as published numbers are black.
const OKABE_ITO: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// The color at a share between 0, dark, and 1, bright, as red, green and blue.
pub(super) fn gradient(share: f64) -> [f64; 3] {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let index = (place as usize).min(VIRIDIS.len() - 2);
    std::array::from_fn(|channel| {
        let (before, after) = (VIRIDIS[index][channel], VIRIDIS[index + 1][channel]);
        before + (place - index as f64) * (after - before)
    })
}

/// A color as SVG writes it.
pub(super) fn hex(color: [f64; 3]) -> String {
    let [red, green, blue] = color.map(|channel| channel.round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The color of one of several series in their order: from dark to bright, so that gray tells them apart, too. Thin
/// lines end before yellow, which vanishes on white.
pub(super) fn ordered(index: usize, of: usize, thin: bool) -> String {
    let last = if thin { 0.72 } else { 0.92 };
    hex(gradient(if of > 1 { 0.08 + (last - 0.08) * index as f64 / (of - 1) as f64 } else { 0.3 }))
}

/// The color of one of several series without an order; their marks differ as well.
pub(super) fn distinct(index: usize) -> &'static str {
    OKABE_ITO[index % OKABE_ITO.len()]
}

/// How a line is broken, as an attribute; the colors of neighbors differ and their dashes, too.
pub(super) fn dashes(index: usize) -> &'static str {
    ["", " stroke-dasharray=\"6 3\"", " stroke-dasharray=\"2 2\"", " stroke-dasharray=\"8 3 2 3\""][index % 4]
}

/// The mark of one of several series around `at`: dot, star, cross, as in the paper's Figure 7, then others. Hollow
/// ones are for published numbers.
pub(super) fn mark(drawing: &mut Drawing, index: usize, (x, y): Point, hollow: bool) {
    let color = distinct(index);
    let closed = |points: &[Point]| {
        let mut path = String::new();
        for (place, point) in points.iter().enumerate() {
            let letter = if place == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{} {}", number(x + point.0), number(y + point.1));
        }
        path + "Z"
    };
    let path = match index % 6 {
        0 => {
            let (left, right, top) = (number(x - 4.0), number(x + 4.0), number(y));
            format!("M{left} {top}A4 4 0 1 1 {right} {top}A4 4 0 1 1 {left} {top}Z")
        }
        1 => {
            let corner = |corner: i32| {
                let angle = std::f64::consts::PI * (f64::from(corner) / 5.0 - 0.5);
                let radius = if corner % 2 == 0 { 6.2 } else { 2.6 };
                (radius * angle.cos(), radius * angle.sin())
            };
            closed(&(0..10).map(corner).collect::<Vec<_>>())
        }
        2 => {
            // An × with arms that can be hollow.
            let (long, thin) = (4.6, 1.3);
            let arms = [
                (0.0, -2.0 * thin + 1.3),
                (long - thin, -long),
                (long, thin - long),
                (2.0 * thin - 1.3, 0.0),
                (long, long - thin),
                (long - thin, long),
                (0.0, 2.0 * thin - 1.3),
                (thin - long, long),
                (-long, long - thin),
                (1.3 - 2.0 * thin, 0.0),
                (-long, thin - long),
                (thin - long, -long),
            ];
            closed(&arms)
        }
        3 => closed(&[(0.0, -5.2), (4.8, 3.6), (-4.8, 3.6)]),
        4 => closed(&[(-3.8, -3.8), (3.8, -3.8), (3.8, 3.8), (-3.8, 3.8)]),
        _ => closed(&[(0.0, -5.2), (4.4, 0.0), (0.0, 5.2), (-4.4, 0.0)]),
    };
    let fill = if hollow { "white" } else { color };
    drawing.shape(&path, &format!("fill=\"{fill}\" stroke=\"{color}\" stroke-width=\"1.2\""));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lightness by Rec. 709, between 0 and 255.
    fn lightness(color: &str) -> f64 {
        let channel = |start: usize| f64::from(u8::from_str_radix(&color[start..start + 2], 16).unwrap());
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn colors_run_from_dark_to_bright() {
        assert_eq!([0.0, 0.5, 1.0].map(|share| hex(gradient(share))), ["#440154", "#21918c", "#fde725"]);
    }

    #[test]
    fn ordered_series_differ_in_gray() {
        for (of, thin) in [(2, false), (6, false), (8, false), (6, true), (12, true)] {
            let grays: Vec<f64> = (0..of).map(|index| lightness(&ordered(index, of, thin))).collect();
            assert!(grays.windows(2).all(|pair| pair[1] - pair[0] > 80.0 / of as f64), "{grays:?}");
            assert!(!thin || grays.iter().all(|gray| *gray < 170.0), "{grays:?}");
        }
    }
}
