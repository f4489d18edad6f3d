//! The generated data set: ten shapes in random colors.
//!
//! Every image is 24 × 24 pixels: copies of one shape, of one size and tilt, light or dark before a cloudy background
//! of two colors, with pixel noise and a frame of random black and white blocks. The class is the shape alone. Two
//! shortcuts tell images apart without it:
//! - Any two crops of an image share its palette, as in the paper's Figure 6; color distortion takes that away.
//! - The frame is different on every image and survives color distortion; random crops take that away.
//!
//! So the contrastive task asks for shapes only when crops and color distortion are combined.

use std::ops::Range;

use rayon::prelude::*;

use super::{Images, Split};
use crate::train::random::{Purpose, Stream};

/// Height and width in pixels.
const SIZE: usize = 24;
/// Largest distance of a color's channels from its gray level.
const TINT: f32 = 0.15;
/// Height and width of the frame's blocks in pixels.
const BLOCK: usize = 2;
/// Standard deviation of the pixel noise.
const NOISE: f32 = 0.02;
/// Samples per pixel in each direction, for smooth edges.
const SAMPLES: usize = 3;
/// The seed of the data set itself; another one is another data set.
const SEED: u64 = 2020;

/// Cells of the grid on which the copies of the shape stand, in each direction: one or the other.
const CELLS: [usize; 2] = [2, 3];

/// The classes, in the order of their labels; each is its own mirror image.
const CLASSES: [&str; 10] =
    ["disc", "ring", "square", "cross", "saltire", "pillar", "beam", "triangle", "chevron", "dots"];

/// Makes the images with these numbers, labels cycling through the classes; an image depends on its split and number
/// only.
pub fn generate(split: Split, numbers: Range<usize>) -> Images {
    let mut pixels = vec![0; numbers.len() * SIZE * SIZE * 3];
    pixels.par_chunks_exact_mut(SIZE * SIZE * 3).zip(numbers.clone()).for_each(|(image, index)| {
        let mut stream = Stream::new(SEED, Purpose::Shapes, [split as u64, index as u64], 0);
        draw(index % CLASSES.len(), &mut stream, image);
    });
    let labels = numbers.map(|index| (index % CLASSES.len()) as u16).collect();
    Images::in_memory(SIZE, pixels, labels, CLASSES.len(), CLASSES.map(str::to_owned).to_vec())
}

type Color = [f32; 3];

/// One copy of the shape; lengths in pixels.
struct Placed {
    class: usize,
    center: [f32; 2],
    radius: f32,
    sine: f32,
    cosine: f32,
}

impl Placed {
    fn covers(&self, x: f32, y: f32) -> bool {
        let (dx, dy) = (x - self.center[0], y - self.center[1]);
        let (across, down) = (self.cosine * dx + self.sine * dy, self.cosine * dy - self.sine * dx);
        inside(self.class, across / self.radius, down / self.radius)
    }
}

/// Whether the point lies in the shape, which fits into the unit circle or nearly so.
fn inside(class: usize, x: f32, y: f32) -> bool {
    let r = x.hypot(y);
    let (across, down) = (x.abs(), y.abs());
    match CLASSES[class] {
        "disc" => r < 0.85,
        "ring" => (0.5..1.0).contains(&r),
        "square" => across.max(down) < 0.8,
        "cross" => across.min(down) < 0.27 && r < 1.0,
        "saltire" => (across - down).abs() < 0.38 && r < 1.0,
        "pillar" => across < 0.33 && down < 0.95,
        "beam" => down < 0.33 && across < 0.95,
        "triangle" => y < 0.7 && 1.8 * across - 1.1 < y,
        "chevron" => (1.2 * across - 0.75 - y).abs() < 0.42 && across < 0.95,
        _ => (across - 0.55).hypot(down - 0.55) < 0.36,
    }
}

/// Draws one image of `class` into `image` `[SIZE, SIZE, 3]`.
fn draw(class: usize, stream: &mut Stream, image: &mut [u8]) {
    let background = [color(0.2, 0.8, stream), color(0.2, 0.8, stream)];
    let bright = stream.chance(0.5);
    let foreground = if bright { color(0.8, 1.0, stream) } else { color(0.0, 0.2, stream) };
    let clouds = Clouds::random(stream);
    let frame = frame(stream);
    let copies = scatter(class, stream);
    for (index, pixel) in image.chunks_exact_mut(3).enumerate() {
        let (left, top) = ((index % SIZE) as f32, (index / SIZE) as f32);
        let mut sum = [0.0; 3];
        for sample in 0..SAMPLES * SAMPLES {
            let offset = |step: usize| (step as f32 + 0.5) / SAMPLES as f32;
            let (x, y) = (left + offset(sample % SAMPLES), top + offset(sample / SAMPLES));
            let value = if let Some(level) = frame_level(&frame, x, y) {
                [level; 3]
            } else if copies.iter().any(|copy| copy.covers(x, y)) {
                foreground
            } else {
                mix(background, clouds.at(x / SIZE as f32, y / SIZE as f32))
            };
            sum.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
        }
        for (byte, sum) in pixel.iter_mut().zip(sum) {
            let value = sum / (SAMPLES * SAMPLES) as f32 + NOISE * stream.normal();
            *byte = (255.0 * value).round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// Gray levels of the blocks around the image: top, bottom, left and right side, one after the other.
fn frame(stream: &mut Stream) -> Vec<f32> {
    (0..4 * (SIZE / BLOCK)).map(|_| if stream.chance(0.5) { 0.9 } else { 0.1 }).collect()
}

/// The gray level at a point of the image, if it lies on the frame.
fn frame_level(frame: &[f32], x: f32, y: f32) -> Option<f32> {
    let (column, row) = (x as usize / BLOCK, y as usize / BLOCK);
    let side = SIZE / BLOCK;
    let place = match (row, column) {
        (0, column) => column,
        (row, column) if row == side - 1 => side + column,
        (row, 0) => 2 * side + row,
        (row, column) if column == side - 1 => 3 * side + row,
        _ => return None,
    };
    Some(frame[place])
}

/// A random smooth field: a few plane waves, long ones stronger than short ones.
struct Clouds(Vec<[f32; 4]>);

impl Clouds {
    fn random(stream: &mut Stream) -> Self {
        let wave = |stream: &mut Stream| {
            let frequency = stream.uniform(0.5, 4.0);
            let (sine, cosine) = stream.uniform(0.0, std::f32::consts::TAU).sin_cos();
            let turns = std::f32::consts::TAU * frequency;
            [turns * cosine, turns * sine, stream.uniform(0.0, std::f32::consts::TAU), 1.0 / frequency]
        };
        Self((0..6).map(|_| wave(stream)).collect())
    }

    /// The field at a point of the unit square, between 0 and 1.
    fn at(&self, x: f32, y: f32) -> f32 {
        let sum: f32 =
            self.0.iter().map(|[across, down, phase, height]| height * (across * x + down * y + phase).sin()).sum();
        1.0 / (1.0 + (-2.0 * sum).exp())
    }
}

/// Places copies of the shape, all of one size and tilt, near the centers of some cells of a grid.
fn scatter(class: usize, stream: &mut Stream) -> Vec<Placed> {
    let cells = CELLS[stream.below(2) as usize];
    let cell = SIZE as f32 / cells as f32;
    let radius = stream.uniform(0.36, 0.48) * cell;
    let (sine, cosine) = stream.uniform(-0.25, 0.25).sin_cos();
    let mut copies = Vec::new();
    for number in 0..cells * cells {
        let mut place = |index: usize| (index as f32 + 0.5) * cell + stream.uniform(-1.0, 1.0);
        let center = [place(number % cells), place(number / cells)];
        if stream.chance(0.8) {
            copies.push(Placed { class, center, radius, sine, cosine });
        }
    }
    copies
}

/// A color of little saturation with a brightness between `low` and `high`.
fn color(low: f32, high: f32, stream: &mut Stream) -> Color {
    let gray = stream.uniform(low, high);
    std::array::from_fn(|_| (gray + stream.uniform(-TINT, TINT)).clamp(0.0, 1.0))
}

fn mix([a, b]: [Color; 2], share: f32) -> Color {
    std::array::from_fn(|channel| a[channel] + share * (b[channel] - a[channel]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_depends_on_its_split_and_number_only() {
        let (many, few) = (generate(Split::Train, 0..40), generate(Split::Train, 15..20));
        assert_eq!((many.picture(17), many.labels[17]), (few.picture(2), few.labels[2]));
        assert_ne!(many.picture(0), generate(Split::Test, 0..1).picture(0));
    }

    #[test]
    fn colors_do_not_tell_the_class() {
        // The mean color of each class is that of the whole set, within five standard errors (deviation below 0.3).
        let images = generate(Split::Train, 0..4000);
        let mut means = vec![[0.0_f64; 3]; 10];
        for (index, &label) in images.labels.iter().enumerate() {
            for pixel in images.picture(index).pixels.chunks_exact(3) {
                for (mean, &byte) in means[usize::from(label)].iter_mut().zip(pixel) {
                    *mean += f64::from(byte) / 255.0 / (SIZE * SIZE * 400) as f64;
                }
            }
        }
        for mean in means.into_iter().flatten() {
            assert!((mean - 0.5).abs() < 5.0 * 0.3 / 400_f64.sqrt(), "{mean}");
        }
    }
}
