//! Direct convolution, for windows of any size and stride: a tile of pixels meets every position of the window.

use std::mem::MaybeUninit;

use super::{
    conv_kernels::{Sums, Way},
    conv_layout::{Planes, Shape, pack, transpose_taps},
    conv_tiles::{Gather, Grid, Reduce, Tap, WIDE, gather, reduce},
    simd::{LANES, Level},
};

/// Images that are worked on together, at most.
const MOST_TOGETHER: usize = 8;
/// Bytes of one block of input channels and two of output channels, of whose pixels the weight gradient adds up the
/// products at a time: what a first-level cache holds.
const BAND: usize = 32 * 1024;

/// Packed weights, and which output pixels meet which of them.
pub(super) struct Direct {
    level: Level,
    /// `[o / LANES, c / LANES, tap, c % LANES, LANES]`.
    packed: Vec<f32>,
    taps: usize,
    inputs: usize,
    outputs: usize,
    /// Values of an output image.
    image: usize,
    /// Where the first pixel of a grid lies in the output, the grid, and the positions of the window that it meets.
    grids: Vec<(usize, Grid, Vec<Tap>)>,
}

impl Way for Direct {
    type Scratch = ();
    type Sums = DirectSums;

    fn forward(level: Level, shape: Shape, weight: &[f32]) -> Self {
        let Shape { input, output, window } = shape;
        let (taps, pitch) = (shape.taps(), Planes::pitch(input, window.padding()));
        let tap = |number| Tap { input: number / window.kernel * pitch + number % window.kernel * LANES, number };
        let grid = Grid {
            rows: output.h,
            cols: output.w,
            input_row: window.stride * pitch,
            stride: window.stride,
            output_row: output.w * output.c,
            output_col: output.c,
        };
        Self {
            level,
            packed: pack(weight, taps, input.c, output.c),
            taps,
            inputs: input.c,
            outputs: output.c,
            image: output.image(),
            grids: vec![(0, grid, (0..taps).map(tap).collect())],
        }
    }

    fn backward(level: Level, shape: Shape, weight: &[f32]) -> Self {
        let Shape { input, output, window } = shape;
        let taps = shape.taps();
        let transposed = transpose_taps(weight, taps, input.c, output.c);
        Self {
            level,
            packed: pack(&transposed, taps, output.c, input.c),
            taps,
            inputs: output.c,
            outputs: input.c,
            image: input.image(),
            grids: phases(shape, Planes::pitch(output, window.padding())),
        }
    }

    /// One where it is larger than the weights, more where these would be read too often.
    fn together(shape: Shape) -> usize {
        let border = shape.window.padding();
        let weights = 4 * shape.taps() * shape.input.c * shape.output.c;
        (weights / (Planes::bytes(shape.input, border) + Planes::bytes(shape.output, border))).clamp(1, MOST_TOGETHER)
    }

    fn scratch(&self) {}

    fn convolve(&self, (): &mut (), planes: &Planes, count: usize, output: &mut [MaybeUninit<f32>]) {
        let size = self.taps * self.inputs * LANES;
        // Two vectors of channels meet all images before the next two, for their weights' sake.
        for first in (0..self.outputs).step_by(WIDE) {
            let images = planes.values.chunks_exact(planes.image).zip(output.chunks_exact_mut(self.image));
            for (input, output) in images.take(count) {
                for (start, grid, taps) in &self.grids {
                    let job = Gather {
                        input,
                        block: planes.block,
                        inputs: self.inputs,
                        weight: &self.packed[first / LANES * size..],
                        all_taps: self.taps,
                        taps,
                        grid: *grid,
                        outputs: WIDE.min(self.outputs - first),
                    };
                    gather(self.level, &job, &mut output[start + first..]);
                }
            }
        }
    }
}

/// Input pixels that lie alike between output pixels meet the same positions of the window: where the first one lies, all
/// of them, and the positions as places in the padded gradients with the given pitch.
fn phases(shape: Shape, pitch: usize) -> Vec<(usize, Grid, Vec<Tap>)> {
    let Shape { input, window, .. } = shape;
    let (kernel, stride, padding) = (window.kernel, window.stride, window.padding());
    (0..stride * stride)
        .map(|phase| (phase / stride, phase % stride))
        .filter(|&(dy, dx)| dy < input.h && dx < input.w)
        .map(|(dy, dx)| {
            let taps = (0..kernel * kernel)
                .filter_map(|number| {
                    let row = source(dy, number / kernel, stride, padding)?;
                    let col = source(dx, number % kernel, stride, padding)?;
                    Some(Tap { input: row * pitch + col * LANES, number })
                })
                .collect();
            let grid = Grid {
                rows: (input.h - dy).div_ceil(stride),
                cols: (input.w - dx).div_ceil(stride),
                input_row: pitch,
                stride: 1,
                output_row: stride * input.w * input.c,
                output_col: stride * input.c,
            };
            ((dy * input.w + dx) * input.c, grid, taps)
        })
        .collect()
}

/// Row (or column) of the padded output gradient that reaches the input pixel at `phase` through window row `tap`.
fn source(phase: usize, tap: usize, stride: usize, padding: usize) -> Option<usize> {
    // The output y' sees the input y through tap t when y = stride y' + t - padding; the copy is padded once more.
    let distance = (phase + padding + stride * padding).checked_sub(tap)?;
    (distance % stride == 0).then_some(distance / stride)
}

/// The weight gradient `[tap, c, lanes]`, where `lanes` are the output channels in whole vectors.
pub(super) struct DirectSums {
    level: Level,
    shape: Shape,
    lanes: usize,
    values: Vec<f32>,
}

impl Sums for DirectSums {
    fn new(level: Level, shape: Shape) -> Self {
        let lanes = shape.output.c.next_multiple_of(LANES);
        Self { level, shape, lanes, values: vec![0.0; shape.taps() * shape.input.c * lanes] }
    }

    fn add(&mut self, xs: &Planes, grads: &Planes, count: usize) {
        let (lanes, Shape { input, output, window }) = (self.lanes, self.shape);
        let rows = (BAND / (4 * (window.stride * xs.pitch + 2 * grads.pitch))).clamp(1, output.h);
        // Several images at a time only if whole ones are.
        let images = if rows == output.h { count } else { 1 };
        for image in (0..count).step_by(images) {
            for row in (0..output.h).step_by(rows) {
                for first in (0..lanes).step_by(WIDE) {
                    let grad = &grads.values[image * grads.image + first / LANES * grads.block + grads.row(row)..];
                    for channel in (0..input.c).step_by(LANES) {
                        for tap in 0..self.shape.taps() {
                            let start = image * xs.image
                                + channel / LANES * xs.block
                                + (row * window.stride + tap / window.kernel) * xs.pitch
                                + tap % window.kernel * LANES;
                            let job = Reduce {
                                input: &xs.values[start..],
                                input_image: xs.image,
                                input_row: window.stride * xs.pitch,
                                stride: window.stride,
                                inputs: LANES.min(input.c - channel),
                                grad,
                                grad_block: grads.block,
                                grad_image: grads.image,
                                grad_row: grads.pitch,
                                vectors: (lanes - first).min(WIDE) / LANES,
                                images: images.min(count - image),
                                rows: rows.min(output.h - row),
                                cols: output.w,
                                sum_row: lanes,
                            };
                            reduce(self.level, &job, &mut self.values[(tap * input.c + channel) * lanes + first..]);
                        }
                    }
                }
            }
        }
    }

    fn take(&mut self) -> Vec<f32> {
        let (lanes, outputs) = (self.lanes, self.shape.output.c);
        let empty = vec![0.0; self.values.len()];
        let values = std::mem::replace(&mut self.values, empty);
        if lanes == outputs {
            return values;
        }
        values.chunks_exact(lanes).flat_map(|row| &row[..outputs]).copied().collect()
    }
}
