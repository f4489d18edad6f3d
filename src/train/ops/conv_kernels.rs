//! Direct convolution on the CPU: register tiles of a few pixels × `LANES` channels, no im2col.
//!
//! All three directions are one inner loop, `acc[i][o] += a[i] * b[o]`, with `a` broadcast and `b` a vector of
//! channels. Forward and input gradient gather over a zero-padded copy of one image; the weight gradient reduces over
//! the pixels of a fixed group of images.

use rayon::prelude::*;

use super::{
    Window,
    conv_layout::{Dims, pack, pad, transpose_taps},
    simd::{LANES, Lanes, tiled},
};

/// One position of the window: where it reads, relative to the first pixel of a tile, and its packed weights.
#[derive(Clone, Copy)]
struct Tap {
    input: usize,
    weight: usize,
}

/// A strided grid of output pixels and the padded input pixels they start from.
#[derive(Clone, Copy)]
struct Grid {
    rows: usize,
    cols: usize,
    input_row: usize,
    input_col: usize,
    output_row: usize,
    output_col: usize,
}

/// Forward convolution: `x` `[n, h, w, c]`, `weight` `[k, k, c, o]` → `[n, h', w', o]`.
pub(super) fn forward(x: &[f32], dims: Dims, weight: &[f32], outputs: usize, window: Window) -> Vec<f32> {
    let (kernel, stride, padding) = (window.kernel, window.stride, window.padding());
    let (rows, cols) = (window.output_size(dims.h), window.output_size(dims.w));
    let pitch = (dims.w + 2 * padding) * dims.c;
    let packed = pack(weight, kernel * kernel, dims.c, outputs);
    let taps: Vec<Tap> = (0..kernel * kernel)
        .map(|tap| Tap { input: tap / kernel * pitch + tap % kernel * dims.c, weight: tap * dims.c * LANES })
        .collect();
    let grid = Grid {
        rows,
        cols,
        input_row: stride * pitch,
        input_col: stride * dims.c,
        output_row: cols * outputs,
        output_col: outputs,
    };
    let mut output = vec![0.0; dims.n * rows * cols * outputs];
    x.par_chunks_exact(dims.image()).zip(output.par_chunks_exact_mut(rows * cols * outputs)).for_each_init(
        Vec::new,
        |scratch, (image, output)| {
            pad(image, dims, padding, dims.c, scratch);
            gather(scratch, &packed, kernel * kernel * dims.c * LANES, &taps, dims.c, outputs, grid, output);
        },
    );
    output
}

/// Gradient with respect to the input of shape `dims`, from `grad` `[n, h', w', o]`.
pub(super) fn input_grad(grad: &[f32], weight: &[f32], outputs: usize, dims: Dims, window: Window) -> Vec<f32> {
    let (kernel, stride, padding) = (window.kernel, window.stride, window.padding());
    let out = Dims { n: dims.n, h: window.output_size(dims.h), w: window.output_size(dims.w), c: outputs };
    let pitch = (out.w + 2 * padding) * outputs;
    let transposed = transpose_taps(weight, kernel * kernel, dims.c, outputs);
    let packed = pack(&transposed, kernel * kernel, outputs, dims.c);
    // Input pixels that lie alike between output pixels meet the same taps.
    let phases: Vec<(usize, Grid, Vec<Tap>)> = (0..stride * stride)
        .map(|phase| (phase / stride, phase % stride))
        .filter(|&(dy, dx)| dy < dims.h && dx < dims.w)
        .map(|(dy, dx)| {
            let taps = (0..kernel * kernel)
                .filter_map(|tap| {
                    let row = source(dy, tap / kernel, stride, padding)?;
                    let col = source(dx, tap % kernel, stride, padding)?;
                    Some(Tap { input: row * pitch + col * outputs, weight: tap * outputs * LANES })
                })
                .collect();
            let grid = Grid {
                rows: (dims.h - dy).div_ceil(stride),
                cols: (dims.w - dx).div_ceil(stride),
                input_row: pitch,
                input_col: outputs,
                output_row: stride * dims.w * dims.c,
                output_col: stride * dims.c,
            };
            ((dy * dims.w + dx) * dims.c, grid, taps)
        })
        .collect();
    let mut result = vec![0.0; dims.len()];
    grad.par_chunks_exact(out.image()).zip(result.par_chunks_exact_mut(dims.image())).for_each_init(
        Vec::new,
        |scratch, (image, result)| {
            pad(image, out, padding, outputs, scratch);
            for (start, grid, taps) in &phases {
                let block = kernel * kernel * outputs * LANES;
                gather(scratch, &packed, block, taps, outputs, dims.c, *grid, &mut result[*start..]);
            }
        },
    );
    result
}

/// Row (or column) of the padded output gradient that reaches the input pixel at `phase` through window row `tap`.
fn source(phase: usize, tap: usize, stride: usize, padding: usize) -> Option<usize> {
    // The output y' sees the input y through tap t when y = stride y' + t - padding; the copy is padded once more.
    let distance = (phase + padding + stride * padding).checked_sub(tap)?;
    (distance % stride == 0).then_some(distance / stride)
}

/// Gradient with respect to the weights `[k, k, c, o]`, from `x` and `grad` `[n, h', w', o]`.
pub(super) fn weight_grad(x: &[f32], dims: Dims, grad: &[f32], outputs: usize, window: Window) -> Vec<f32> {
    let (kernel, stride, padding) = (window.kernel, window.stride, window.padding());
    let out = Dims { n: dims.n, h: window.output_size(dims.h), w: window.output_size(dims.w), c: outputs };
    let lanes = outputs.next_multiple_of(LANES);
    let pitch = (dims.w + 2 * padding) * dims.c;
    let size = kernel * kernel * dims.c * lanes;
    let group = dims.n.div_ceil(groups(size)).max(1);
    let partial: Vec<Vec<f32>> = x
        .par_chunks(group * dims.image())
        .zip(grad.par_chunks(group * out.image()))
        .map_init(
            || (Vec::new(), Vec::new()),
            |(padded, wide), (images, grads)| {
                let mut sum = vec![0.0; size];
                for (image, grad) in images.chunks_exact(dims.image()).zip(grads.chunks_exact(out.image())) {
                    pad(image, dims, padding, dims.c, padded);
                    let grad = if lanes == outputs {
                        grad
                    } else {
                        pad(grad, out, 0, lanes, wide);
                        wide.as_slice()
                    };
                    for tap in 0..kernel * kernel {
                        let input = &padded[tap / kernel * pitch + tap % kernel * dims.c..];
                        let sum = &mut sum[tap * dims.c * lanes..(tap + 1) * dims.c * lanes];
                        reduce(input, stride * pitch, stride * dims.c, dims.c, grad, out.h, out.w, lanes, sum);
                    }
                }
                sum
            },
        )
        .collect();
    let mut total = vec![0.0; kernel * kernel * dims.c * outputs];
    total.par_chunks_mut(outputs).enumerate().for_each(|(row, total)| {
        for sum in &partial {
            for (total, value) in total.iter_mut().zip(&sum[row * lanes..]) {
                *total += value;
            }
        }
    });
    total
}

/// Number of partial sums of the weight gradient: more make more parallelism, but cost memory.
fn groups(weights: usize) -> usize {
    (16 * 1024 * 1024 / weights.max(1)).clamp(4, 64)
}

tiled! {
    /// Sums over taps and input channels for every pixel of `grid` and every output channel.
    fn gather<V>(
        input: &[f32],
        packed: &[f32],
        block: usize,
        taps: &[Tap],
        inputs: usize,
        outputs: usize,
        grid: Grid,
        output: &mut [f32],
    ) {
        for (index, weight) in packed.chunks_exact(block).enumerate() {
            let first = index * LANES;
            let lanes = LANES.min(outputs - first);
            for row in 0..grid.rows {
                let mut col = 0;
                while col < grid.cols {
                    let from = &input[row * grid.input_row + col * grid.input_col..];
                    let to = &mut output[row * grid.output_row + col * grid.output_col + first..];
                    let (step, to_step) = (grid.input_col, grid.output_col);
                    let tile = tile(grid.cols - col);
                    // SAFETY: the caller vouches for the instructions.
                    unsafe {
                        match tile {
                            6 => gather_tile::<V, 6>(from, step, taps, inputs, weight, lanes, to_step, to),
                            4 => gather_tile::<V, 4>(from, step, taps, inputs, weight, lanes, to_step, to),
                            2 => gather_tile::<V, 2>(from, step, taps, inputs, weight, lanes, to_step, to),
                            _ => gather_tile::<V, 1>(from, step, taps, inputs, weight, lanes, to_step, to),
                        }
                    }
                    col += tile;
                }
            }
        }
    }
}

/// Size of the next tile when `left` pixels or channels are left: six where possible, but 4 + 4 for eight.
#[inline(always)]
fn tile(left: usize) -> usize {
    match left {
        8 | 4 | 5 => 4,
        0..=3 => left.min(2),
        _ => 6,
    }
}

/// One tile of `P` neighboring pixels × `LANES` output channels.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "kernels take slices and strides, not structures")]
unsafe fn gather_tile<V: Lanes, const P: usize>(
    input: &[f32],
    step: usize,
    taps: &[Tap],
    inputs: usize,
    weight: &[f32],
    lanes: usize,
    output_step: usize,
    output: &mut [f32],
) {
    let mut acc = [V::zero(); P];
    for tap in taps {
        let input = &input[tap.input..tap.input + (P - 1) * step + inputs];
        let weight = &weight[tap.weight..tap.weight + inputs * LANES];
        for channel in 0..inputs {
            // SAFETY: channel < inputs and pixel < P, so all indices lie in the slices taken above.
            unsafe {
                let factors = V::load(weight.as_ptr().add(channel * LANES));
                for (pixel, acc) in acc.iter_mut().enumerate() {
                    *acc = acc.add_product(*input.get_unchecked(pixel * step + channel), factors);
                }
            }
        }
    }
    for (pixel, acc) in acc.iter().enumerate() {
        let output = &mut output[pixel * output_step..pixel * output_step + lanes];
        if lanes == LANES {
            // SAFETY: the slice has `LANES` elements.
            unsafe { acc.store(output.as_mut_ptr()) };
        } else {
            let mut whole = [0.0; LANES];
            // SAFETY: the array has `LANES` elements.
            unsafe { acc.store(whole.as_mut_ptr()) };
            output.copy_from_slice(&whole[..lanes]);
        }
    }
}

tiled! {
    /// Adds `Σ input[pixel][c] grad[pixel][o]` over all pixels to `sum` `[c, o]`; `outputs` is a multiple of `LANES`.
    fn reduce<V>(
        input: &[f32],
        input_row: usize,
        input_col: usize,
        inputs: usize,
        grad: &[f32],
        rows: usize,
        cols: usize,
        outputs: usize,
        sum: &mut [f32],
    ) {
        for block in 0..outputs / LANES {
            let mut channel = 0;
            while channel < inputs {
                let input = &input[channel..];
                let (grad, sum) = (&grad[block * LANES..], &mut sum[channel * outputs + block * LANES..]);
                let tile = tile(inputs - channel);
                // SAFETY: the caller vouches for the instructions.
                unsafe {
                    match tile {
                        6 => reduce_tile::<V, 6>(input, input_row, input_col, grad, rows, cols, outputs, sum),
                        4 => reduce_tile::<V, 4>(input, input_row, input_col, grad, rows, cols, outputs, sum),
                        2 => reduce_tile::<V, 2>(input, input_row, input_col, grad, rows, cols, outputs, sum),
                        _ => reduce_tile::<V, 1>(input, input_row, input_col, grad, rows, cols, outputs, sum),
                    }
                }
                channel += tile;
            }
        }
    }
}

/// `P` input channels × `LANES` output channels of [`reduce`].
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "kernels take slices and strides, not structures")]
unsafe fn reduce_tile<V: Lanes, const P: usize>(
    input: &[f32],
    input_row: usize,
    input_col: usize,
    grad: &[f32],
    rows: usize,
    cols: usize,
    outputs: usize,
    sum: &mut [f32],
) {
    let mut acc = [V::zero(); P];
    for row in 0..rows {
        let input = &input[row * input_row..row * input_row + (cols - 1) * input_col + P];
        let grad = &grad[row * cols * outputs..(row * cols + cols - 1) * outputs + LANES];
        for col in 0..cols {
            // SAFETY: col < cols and channel < P, so all indices lie in the slices taken above.
            unsafe {
                let factors = V::load(grad.as_ptr().add(col * outputs));
                for (channel, acc) in acc.iter_mut().enumerate() {
                    *acc = acc.add_product(*input.get_unchecked(col * input_col + channel), factors);
                }
            }
        }
    }
    for (channel, acc) in acc.iter().enumerate() {
        let mut whole = [0.0; LANES];
        // SAFETY: the array has `LANES` elements.
        unsafe { acc.store(whole.as_mut_ptr()) };
        for (sum, value) in sum[channel * outputs..channel * outputs + LANES].iter_mut().zip(whole) {
            *sum += value;
        }
    }
}
