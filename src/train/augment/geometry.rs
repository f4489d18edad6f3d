//! Mirroring, quarter turns and cutting out a square: operations that move or remove whole pixels.

use super::planes::Planes;
use crate::train::random::Stream;

/// Mirrors left and right.
pub fn flip(image: &mut Planes) {
    image.values.chunks_exact_mut(image.size).for_each(<[f32]>::reverse);
}

/// Turns counterclockwise by as many times 90 degrees.
pub fn rotate(image: &mut Planes, quarters: u32) {
    let size = image.size;
    if quarters % 2 == 1 {
        for channel in image.channels_mut() {
            for row in 0..size {
                for column in 0..row {
                    channel.swap(row * size + column, column * size + row);
                }
            }
        }
    }
    match quarters % 4 {
        0 => {}
        // A quarter turn is a transposition, then top and bottom exchanged; three are one with left and right.
        1 => upside_down(image),
        2 => image.channels_mut().into_iter().for_each(<[f32]>::reverse),
        _ => flip(image),
    }
}

fn upside_down(image: &mut Planes) {
    let size = image.size;
    for channel in image.channels_mut() {
        for row in 0..size / 2 {
            let (upper, lower) = channel.split_at_mut((size - 1 - row) * size);
            upper[row * size..][..size].swap_with_slice(&mut lower[..size]);
        }
    }
}

/// A square of pixels that may reach over the edges of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// First row; negative above the image.
    pub top: i64,
    /// First column; negative left of the image.
    pub left: i64,
    /// Height and width.
    pub side: usize,
}

impl Hole {
    /// A square with `fraction` of the image's side, at least one pixel, around a pixel drawn uniformly.
    pub fn random(size: usize, fraction: f64, stream: &mut Stream) -> Self {
        let side = ((size as f64 * fraction).round() as usize).max(1);
        let mut first = || i64::from(stream.below(size as u32)) - side as i64 / 2;
        Self { top: first(), left: first(), side }
    }
}

/// Blackens the part of the square that lies in the image.
pub fn cutout(image: &mut Planes, hole: Hole) {
    let size = image.size;
    let range = |first: i64| {
        let inside = |place: i64| place.clamp(0, size as i64) as usize;
        inside(first)..inside(first + hole.side as i64)
    };
    for channel in image.channels_mut() {
        for row in range(hole.top) {
            channel[row * size..][..size][range(hole.left)].fill(0.0);
        }
    }
}
