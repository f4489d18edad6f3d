//! How the convolution kernels want images and weights to lie in memory.

use std::mem::MaybeUninit;

use super::{
    Window, buffer,
    simd::{LANES, Lanes, prefetch},
};

/// Shape of a batch of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dims {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
}

impl Dims {
    /// Elements of one image.
    pub(super) fn image(self) -> usize {
        self.h * self.w * self.c
    }

    /// Elements of all images.
    pub(super) fn len(self) -> usize {
        self.n * self.image()
    }

    /// Blocks of `LANES` channels, the last one perhaps not full.
    pub(super) fn blocks(self) -> usize {
        self.c.div_ceil(LANES)
    }
}

/// A convolution's shapes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Of the input.
    pub input: Dims,
    /// Of the output.
    pub output: Dims,
    /// The window that slides over the input.
    pub window: Window,
}

impl Shape {
    pub(super) fn new(input: Dims, outputs: usize, window: Window) -> Self {
        let [h, w] = [input.h, input.w].map(|size| window.output_size(size));
        Self { input, output: Dims { n: input.n, h, w, c: outputs }, window }
    }

    /// Positions of the window.
    pub(super) fn taps(self) -> usize {
        self.window.kernel * self.window.kernel
    }
}

/// A few images with a border of zeros, channels in blocks: `[image, block, row, column, LANES]`.
///
/// From one pixel to the next is a constant then, which the tiles build into their instructions.
pub(super) struct Planes {
    pub values: Vec<f32>,
    /// From one row to the next.
    pub pitch: usize,
    /// From one block of channels to the next.
    pub block: usize,
    /// From one image to the next.
    pub image: usize,
    border: usize,
    dims: Dims,
}

impl Planes {
    /// Room for `images` images of the given height, width and channels; all zeros.
    pub(super) fn new(dims: Dims, border: usize, images: usize) -> Self {
        let pitch = Self::pitch(dims, border);
        let block = (dims.h + 2 * border) * pitch;
        let image = dims.blocks() * block;
        // Tiles of an image of odd height read a row that is not there.
        Self { values: vec![0.0; images * image + 2 * pitch], pitch, block, image, border, dims }
    }

    /// From one row to the next.
    pub(super) fn pitch(dims: Dims, border: usize) -> usize {
        (dims.w + 2 * border) * LANES
    }

    /// Bytes that one image takes.
    pub(super) fn bytes(dims: Dims, border: usize) -> usize {
        4 * (dims.h + 2 * border) * (dims.w + 2 * border) * dims.blocks() * LANES
    }

    /// Takes up `images` `[n, h, w, c]` as the first ones; the border stays as it is.
    pub(super) fn fill(&mut self, images: &[f32]) {
        let dims = self.dims;
        let width = dims.w * dims.c;
        for (image, values) in images.chunks_exact(dims.image()).zip(self.values.chunks_exact_mut(self.image)) {
            for (row, source) in image.chunks_exact(width).enumerate() {
                prefetch(ahead(image, row, width));
                let start = (row + self.border) * self.pitch + self.border * LANES;
                spread(source, dims.c, self.block, &mut values[start..]);
            }
        }
    }

    /// Takes up, row by row, what `row` makes of rows of two kinds of images `[n, h, w, c]`; it must write all of it.
    pub(super) fn fill_with(&mut self, a: &[f32], b: &[f32], row: impl Fn(&[f32], &[f32], &mut [MaybeUninit<f32>])) {
        let (dims, width) = (self.dims, self.dims.w * self.dims.c);
        let mut made = buffer::unwritten(width);
        let rows = a.chunks_exact(width).zip(b.chunks_exact(width));
        let (all_a, all_b) = (a, b);
        for (number, (a, b)) in rows.enumerate() {
            prefetch(ahead(all_a, number, width));
            prefetch(ahead(all_b, number, width));
            row(a, b, &mut made);
            let start = number / dims.h * self.image + self.row(number % dims.h);
            // SAFETY: `row` wrote it.
            spread(unsafe { buffer::written_slice(&made) }, dims.c, self.block, &mut self.values[start..]);
        }
    }

    /// Where a row of an image starts within the image's first block of channels.
    pub(super) fn row(&self, row: usize) -> usize {
        (row + self.border) * self.pitch + self.border * LANES
    }
}

/// The row that is worked on a few kilobytes after the given one.
fn ahead(rows: &[f32], row: usize, width: usize) -> &[f32] {
    /// Values in between.
    const DISTANCE: usize = 2048;
    let start = (row * width + DISTANCE).min(rows.len());
    &rows[start..rows.len().min(start + width)]
}

/// Copies a row of pixels of `channels` channels to where `to`'s blocks of channels begin, `block` apart.
pub(super) fn spread(row: &[f32], channels: usize, block: usize, to: &mut [f32]) {
    for (pixel, source) in row.chunks_exact(channels).enumerate() {
        let whole = source.chunks_exact(LANES);
        let rest = whole.remainder();
        let last = channels / LANES * block + pixel * LANES;
        for (index, source) in whole.enumerate() {
            let start = index * block + pixel * LANES;
            to[start..start + LANES].copy_from_slice(source);
        }
        if !rest.is_empty() {
            to[last..last + rest.len()].copy_from_slice(rest);
        }
    }
}

/// Weights `[tap, c, o]` → `[o / LANES, c / LANES, tap, c % LANES, LANES]`, the last block of outputs padded with zeros.
pub(super) fn pack(weight: &[f32], taps: usize, inputs: usize, outputs: usize) -> Vec<f32> {
    let size = taps * inputs * LANES;
    let mut packed = vec![0.0; outputs.div_ceil(LANES) * size];
    for (block, packed) in packed.chunks_exact_mut(size).enumerate() {
        let start = block * LANES;
        let lanes = LANES.min(outputs - start);
        let mut rows = packed.chunks_exact_mut(LANES);
        for first in (0..inputs).step_by(LANES) {
            for tap in 0..taps {
                for (input, packed) in (first..inputs.min(first + LANES)).zip(&mut rows) {
                    let row = &weight[(tap * inputs + input) * outputs + start..];
                    packed[..lanes].copy_from_slice(&row[..lanes]);
                }
            }
        }
    }
    packed
}

/// `[tap, c, o]` → `[tap, o, c]`.
pub(super) fn transpose_taps(weight: &[f32], taps: usize, inputs: usize, outputs: usize) -> Vec<f32> {
    /// Rows and columns of a piece that stays in the first-level cache.
    const PIECE: usize = 32;
    let mut transposed = vec![0.0; taps * inputs * outputs];
    for (source, target) in weight.chunks_exact(inputs * outputs).zip(transposed.chunks_exact_mut(inputs * outputs)) {
        for first in (0..inputs).step_by(PIECE) {
            for start in (0..outputs).step_by(PIECE) {
                for output in start..outputs.min(start + PIECE) {
                    for input in first..inputs.min(first + PIECE) {
                        target[output * inputs + input] = source[input * outputs + output];
                    }
                }
            }
        }
    }
    transposed
}

/// A tile's sums in the order in which they are stored, `lanes` of the last vector.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn store<V: Lanes>(sum: V, lanes: usize, to: &mut [MaybeUninit<f32>]) {
    let to = &mut to[..lanes];
    if lanes == LANES {
        // SAFETY: the slice has `LANES` elements.
        unsafe { sum.store(to.as_mut_ptr().cast()) };
    } else {
        let mut whole = [0.0; LANES];
        // SAFETY: the array has `LANES` elements.
        unsafe { sum.store(whole.as_mut_ptr()) };
        for (to, value) in to.iter_mut().zip(whole) {
            to.write(value);
        }
    }
}
