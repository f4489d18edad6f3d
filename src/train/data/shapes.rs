//! The generated data set: ten shapes in random colors.
//!
//! Every image is 24 × 24 pixels: some copies of one shape, of one size and tilt, on a two-color gradient with pixel
//! noise. The class is the shape alone. Colors say nothing about the class, but they
//! nearly identify the image: any two crops share its palette. That is the shortcut of the paper's Figure 6: without
//! color distortion, views of one image can be told from all others by their color histogram, and the encoder need
//! not learn shapes.

use rayon::prelude::*;

use super::{Images, Split};
use crate::train::random::{Purpose, Stream};

/// Height and width in pixels.
const SIZE: usize = 24;
/// Samples per pixel in each direction, for smooth edges.
const SAMPLES: usize = 3;
/// The seed of the data set itself; another one is another data set.
const SEED: u64 = 2020;

/// Cells of the grid on which the copies of the shape stand, in each direction.
const CELLS: usize = 3;

/// The classes, in the order of their labels; each is its own mirror image.
const CLASSES: [&str; 10] =
    ["disc", "ring", "square", "cross", "saltire", "pillar", "beam", "triangle", "chevron", "dots"];

/// Makes `images` images, labels cycling through the classes; the same arguments give the same images, and fewer
/// images are the first of more.
pub fn generate(split: Split, images: usize) -> Images {
    let mut pixels = vec![0; images * SIZE * SIZE * 3];
    pixels.par_chunks_exact_mut(SIZE * SIZE * 3).enumerate().for_each(|(index, image)| {
        let mut stream = Stream::new(SEED, Purpose::Shapes, [split as u64, index as u64], 0);
        draw(index % CLASSES.len(), &mut stream, image);
    });
    Images {
        size: SIZE,
        pixels,
        labels: (0..images).map(|index| (index % CLASSES.len()) as u16).collect(),
        classes: CLASSES.len(),
        class_names: CLASSES.map(str::to_owned).to_vec(),
    }
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
        let (dx, dy) = ((x - self.center[0]) / self.radius, (y - self.center[1]) / self.radius);
        inside(self.class, self.cosine * dx + self.sine * dy, self.cosine * dy - self.sine * dx)
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
    let background = [color(stream), color(stream)];
    let foreground = contrasting(background, stream);
    let (down, right) = stream.uniform(0.0, std::f32::consts::TAU).sin_cos();
    let copies = scatter(class, stream);
    let noise = stream.uniform(0.01, 0.04);
    for (index, pixel) in image.chunks_exact_mut(3).enumerate() {
        let (left, top) = ((index % SIZE) as f32, (index / SIZE) as f32);
        let mut sum = [0.0; 3];
        for sample in 0..SAMPLES * SAMPLES {
            let offset = |step: usize| (step as f32 + 0.5) / SAMPLES as f32;
            let (x, y) = (left + offset(sample % SAMPLES), top + offset(sample / SAMPLES));
            let slope = (right * x + down * y) / SIZE as f32;
            let value = if copies.iter().any(|copy| copy.covers(x, y)) {
                foreground
            } else {
                mix(background, slope.clamp(-1.0, 1.0) / 2.0 + 0.5)
            };
            sum.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
        }
        for (byte, sum) in pixel.iter_mut().zip(sum) {
            let value = sum / (SAMPLES * SAMPLES) as f32 + noise * stream.normal();
            *byte = (255.0 * value).round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// Places copies of the shape, all of one size and tilt, near the centers of some cells of the grid.
fn scatter(class: usize, stream: &mut Stream) -> Vec<Placed> {
    let cell = SIZE as f32 / CELLS as f32;
    let radius = stream.uniform(0.36, 0.48) * cell;
    let (sine, cosine) = stream.uniform(-0.25, 0.25).sin_cos();
    let mut copies = Vec::new();
    for number in 0..CELLS * CELLS {
        let mut place = |cells: usize| (cells as f32 + 0.5) * cell + stream.uniform(-1.0, 1.0);
        let center = [place(number % CELLS), place(number / CELLS)];
        if stream.chance(0.8) {
            copies.push(Placed { class, center, radius, sine, cosine });
        }
    }
    copies
}

fn color(stream: &mut Stream) -> Color {
    [stream.unit(), stream.unit(), stream.unit()]
}

/// A color that stands out from both ends of the gradient.
fn contrasting(background: [Color; 2], stream: &mut Stream) -> Color {
    let distance = |a: Color, b: Color| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>();
    loop {
        let candidate = color(stream);
        if background.iter().all(|&end| distance(candidate, end) > 0.6)
            && distance(candidate, mix(background, 0.5)) > 0.6
        {
            return candidate;
        }
    }
}

fn mix([a, b]: [Color; 2], share: f32) -> Color {
    std::array::from_fn(|channel| a[channel] + share * (b[channel] - a[channel]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_images_begin_with_the_same_ones() {
        let (few, many) = (generate(Split::Train, 20), generate(Split::Train, 40));
        assert_eq!(few.pixels, many.pixels[..few.pixels.len()]);
        assert_ne!(few.pixels, generate(Split::Test, 20).pixels);
    }

    #[test]
    fn colors_do_not_tell_the_class() {
        // The mean color of each class is that of the whole set, within five standard errors (deviation below 0.3).
        let images = generate(Split::Train, 4000);
        let mut means = vec![[0.0_f64; 3]; 10];
        for (index, &label) in images.labels.iter().enumerate() {
            for pixel in images.image(index).chunks_exact(3) {
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
