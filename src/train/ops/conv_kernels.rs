//! Direct convolution on the CPU: forward, and both gradients in one pass over the images.
//!
//! All three directions are one inner loop, `sum[i][o] += value[i] * vector[o]`, with vectors of channels. The images are
//! copied into blocks of channels first, a few at a time, so that what the loops read stays in the second-level cache.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{
    buffer,
    conv_layout::{Dims, Planes, Shape, pack, transpose_taps},
    conv_tiles::{Gather, Grid, Reduce, Tap, gather, reduce},
    simd::{LANES, Level},
};

/// Output channels that a tile computes.
const WIDE: usize = 2 * LANES;
/// Images that are worked on together, at most.
const MOST_TOGETHER: usize = 8;
/// Bytes of one block of input channels and two of output channels, of whose pixels the weight gradient adds up the
/// products at a time: what a first-level cache holds.
const BAND: usize = 32 * 1024;

/// Forward convolution: `x` `[n, h, w, c]`, `weight` `[k, k, c, o]` → `[n, h', w', o]`, and what `look` says of each image
/// of the output while it is in the cache.
pub(super) fn forward<T: Send>(
    level: Level,
    shape: Shape,
    x: &[f32],
    weight: &[f32],
    look: impl Fn(&[f32]) -> T + Sync,
) -> (Vec<f32>, Vec<T>) {
    let Shape { input, output, window } = shape;
    let packed = pack(weight, shape.taps(), input.c, output.c);
    let together = together(shape);
    let empty = || Planes::new(input, window.padding(), together);
    let (pitch, kernel) = (empty_pitch(input, window.padding()), window.kernel);
    let taps: Vec<Tap> = (0..shape.taps())
        .map(|number| Tap { input: number / kernel * pitch + number % kernel * LANES, number })
        .collect();
    let grid = Grid {
        rows: output.h,
        cols: output.w,
        input_row: window.stride * pitch,
        stride: window.stride,
        output_row: output.w * output.c,
        output_col: output.c,
    };
    let mut result = buffer::unwritten(output.len());
    let looked: Vec<Vec<T>> = x
        .par_chunks(together * input.image())
        .zip(result.par_chunks_mut(together * output.image()))
        .map_init(empty, |planes, (images, outputs)| {
            planes.fill(images);
            let weights = Weights { packed: &packed, inputs: input.c, outputs: output.c, taps: shape.taps() };
            gather_all(level, planes, &weights, &[(0, grid, taps.clone())], outputs, output.image());
            // SAFETY: the tiles of the grid have written every pixel of these images.
            outputs.chunks_exact(output.image()).map(|image| look(unsafe { buffer::written_slice(image) })).collect()
        })
        .collect();
    // SAFETY: every image was written.
    (unsafe { buffer::written(result) }, looked.into_iter().flatten().collect())
}

/// What both gradients are computed from.
pub(super) struct Backward<'a, F> {
    pub level: Level,
    pub shape: Shape,
    /// The input, `[n, h, w, c]`.
    pub x: &'a [f32],
    /// The weights, `[k, k, c, o]`.
    pub weight: &'a [f32],
    /// Fills in the gradients of the output for some images, from the first one given on.
    pub fill: F,
}

/// Gradients with respect to the input, if wanted, and the weights `[k, k, c, o]`.
pub(super) fn backward(
    job: &Backward<'_, impl Fn(usize, usize, &mut Planes) + Sync>,
    input_too: bool,
) -> (Option<Vec<f32>>, Vec<f32>) {
    let Shape { input, output, window } = job.shape;
    let (taps, padding) = (job.shape.taps(), window.padding());
    let lanes = output.c.next_multiple_of(LANES);
    let size = taps * input.c * lanes;
    let group = input.n.div_ceil(groups(size)).max(1);
    let together = together(job.shape).min(group);
    let transposed = if input_too { transpose_taps(job.weight, taps, input.c, output.c) } else { vec![] };
    let packed = if input_too { pack(&transposed, taps, output.c, input.c) } else { vec![] };
    let phases = phases(job.shape, empty_pitch(output, padding));
    let mut result = buffer::unwritten(if input_too { input.len() } else { 0 });
    let mut parts: Vec<&mut [MaybeUninit<f32>]> = result.chunks_mut(group * input.image()).collect();
    parts.resize_with(input.n.div_ceil(group), Default::default);
    let partial: Vec<Vec<f32>> = parts
        .into_par_iter()
        .enumerate()
        .map(|(number, mut result)| {
            let mut xs = Planes::new(input, padding, together);
            let mut grads = Planes::new(output, padding, together);
            let mut sum = vec![0.0; size];
            let (mut first, end) = (number * group, input.n.min((number + 1) * group));
            while first < end {
                let count = together.min(end - first);
                xs.fill(&job.x[first * input.image()..][..count * input.image()]);
                (job.fill)(first, count, &mut grads);
                reduce_all(job.level, job.shape, &xs, &grads, count, lanes, &mut sum);
                if input_too {
                    let (now, later) = std::mem::take(&mut result).split_at_mut(count * input.image());
                    let weights = Weights { packed: &packed, inputs: output.c, outputs: input.c, taps };
                    gather_all(job.level, &grads, &weights, &phases, now, input.image());
                    result = later;
                }
                first += count;
            }
            sum
        })
        .collect();
    let mut total = vec![0.0; taps * input.c * output.c];
    total.par_chunks_mut(output.c).enumerate().for_each(|(row, total)| {
        for sum in &partial {
            for (total, value) in total.iter_mut().zip(&sum[row * lanes..]) {
                *total += value;
            }
        }
    });
    // SAFETY: the phases cover every pixel of every image.
    (input_too.then(|| unsafe { buffer::written(result) }), total)
}

/// From one row to the next in [`Planes`].
fn empty_pitch(dims: Dims, border: usize) -> usize {
    (dims.w + 2 * border) * LANES
}

/// Images that are worked on together: one where it is larger than the weights, more where these would be read too often.
fn together(shape: Shape) -> usize {
    let border = shape.window.padding();
    let weights = 4 * shape.taps() * shape.input.c * shape.output.c;
    (weights / (Planes::bytes(shape.input, border) + Planes::bytes(shape.output, border))).clamp(1, MOST_TOGETHER)
}

/// Number of partial sums of the weight gradient: more make more parallelism, but cost memory.
fn groups(weights: usize) -> usize {
    (16 * 1024 * 1024 / weights.max(1)).clamp(8, 64) / 2 * 2
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

/// Packed weights and what they connect.
struct Weights<'a> {
    packed: &'a [f32],
    inputs: usize,
    outputs: usize,
    taps: usize,
}

/// All output channels of all images; each pair of vectors meets all images before the next, for its weights' sake.
fn gather_all(
    level: Level,
    planes: &Planes,
    weights: &Weights<'_>,
    phases: &[(usize, Grid, Vec<Tap>)],
    output: &mut [MaybeUninit<f32>],
    image: usize,
) {
    let size = weights.taps * weights.inputs * LANES;
    for first in (0..weights.outputs).step_by(WIDE) {
        for (input, output) in planes.values.chunks_exact(planes.image).zip(output.chunks_exact_mut(image)) {
            for (start, grid, taps) in phases {
                let job = Gather {
                    input,
                    block: planes.block,
                    inputs: weights.inputs,
                    weight: &weights.packed[first / LANES * size..],
                    all_taps: weights.taps,
                    taps,
                    grid: *grid,
                    outputs: WIDE.min(weights.outputs - first),
                };
                gather(level, &job, &mut output[start + first..]);
            }
        }
    }
}

/// Adds the products of all channels of `count` images to `sum` `[taps, c, lanes]`.
fn reduce_all(level: Level, shape: Shape, xs: &Planes, grads: &Planes, count: usize, lanes: usize, sum: &mut [f32]) {
    let Shape { input, output, window } = shape;
    let rows = (BAND / (4 * (window.stride * xs.pitch + 2 * grads.pitch))).clamp(1, output.h);
    // Several images at a time only if whole ones are.
    let images = if rows == output.h { count } else { 1 };
    for image in (0..count).step_by(images) {
        for row in (0..output.h).step_by(rows) {
            for first in (0..lanes).step_by(WIDE) {
                let grad = &grads.values[image * grads.image + first / LANES * grads.block + grads.row(row)..];
                for channel in (0..input.c).step_by(LANES) {
                    for tap in 0..shape.taps() {
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
                        reduce(level, &job, &mut sum[(tap * input.c + channel) * lanes + first..]);
                    }
                }
            }
        }
    }
}
