//! The inner loops of convolution: sums of `value * vector` in register tiles of a few pixels or input channels × one or
//! two vectors of output channels.
//!
//! Each output is summed over blocks of input channels, window positions and channels in this order, whatever the tile.

use std::mem::MaybeUninit;

use super::{
    conv_layout::store,
    simd::{LANES, Lanes, tiled},
};

/// Output channels of a tile.
pub(super) const WIDE: usize = 2 * LANES;
/// Pixels of a row, or input channels, that the widest tile takes.
const WIDEST: usize = 8;

/// One position of the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    /// Where it reads, relative to the first input of a pixel.
    pub input: usize,
    /// Its number among all positions of the window, in the packed weights.
    pub number: usize,
}

/// A strided grid of output pixels and the padded input pixels they start from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub rows: usize,
    pub cols: usize,
    /// From one output row to the next, in the input's padded rows.
    pub input_row: usize,
    /// From one output pixel to the next, in input pixels.
    pub stride: usize,
    pub output_row: usize,
    pub output_col: usize,
}

/// What [`gather`] sums up: one image and some of its output channels.
#[derive(Clone, Copy)]
pub(super) struct Gather<'a> {
    /// The padded input in blocks of channels, `block` apart.
    pub input: &'a [f32],
    pub block: usize,
    /// Input channels.
    pub inputs: usize,
    /// Packed weights of the output channels, `[o / LANES, c / LANES, all taps, c % LANES, LANES]`.
    pub weight: &'a [f32],
    /// Positions of the window in the packed weights.
    pub all_taps: usize,
    /// Those of them that reach the pixels of the grid.
    pub taps: &'a [Tap],
    pub grid: Grid,
    /// Output channels, at most [`WIDE`].
    pub outputs: usize,
}

/// Calls `$tile::<V, …>` with constants instead of numbers up to [`WIDEST`].
macro_rules! with_width {
    ($width:expr, $tile:ident, [$($before:tt)*], [$($after:tt)*], $($argument:expr),*) => {
        match $width {
            1 => $tile::<$($before)* 1, $($after)*>($($argument),*),
            2 => $tile::<$($before)* 2, $($after)*>($($argument),*),
            3 => $tile::<$($before)* 3, $($after)*>($($argument),*),
            4 => $tile::<$($before)* 4, $($after)*>($($argument),*),
            5 => $tile::<$($before)* 5, $($after)*>($($argument),*),
            6 => $tile::<$($before)* 6, $($after)*>($($argument),*),
            7 => $tile::<$($before)* 7, $($after)*>($($argument),*),
            _ => $tile::<$($before)* 8, $($after)*>($($argument),*),
        }
    };
}

tiled! {
    /// Sums over taps and input channels for every pixel of the grid and up to two vectors of output channels.
    pub(super) fn gather<V>(job: &Gather<'_>, output: &mut [MaybeUninit<f32>]) {
        let (grid, vectors) = (job.grid, job.outputs.div_ceil(LANES));
        let most = WIDEST.min(V::SUMS / vectors);
        // Tiles of equal width, so that none is left with a pixel or two.
        let width = if grid.stride <= 2 { grid.cols.div_ceil(grid.cols.div_ceil(most)) } else { 1 };
        let mut row = 0;
        while row < grid.rows {
            let rows = if grid.rows - row >= 2 && 2 * width * vectors <= V::SUMS { 2 } else { 1 };
            let mut col = 0;
            while col < grid.cols {
                let width = width.min(grid.cols - col);
                let from = row * grid.input_row + col * grid.stride * LANES;
                let to = &mut output[row * grid.output_row + col * grid.output_col..];
                // SAFETY: the caller vouches for the instructions.
                unsafe {
                    match (vectors, rows, grid.stride) {
                        (1, 1, 2) => with_width!(width, gather_tile, [V, 1, 1, 2,], [], job, from, to),
                        (1, 2, 2) => with_width!(width, gather_tile, [V, 1, 2, 2,], [], job, from, to),
                        (_, 1, 2) => with_width!(width, gather_tile, [V, 2, 1, 2,], [], job, from, to),
                        (_, _, 2) => with_width!(width, gather_tile, [V, 2, 2, 2,], [], job, from, to),
                        (1, 1, _) => with_width!(width, gather_tile, [V, 1, 1, 1,], [], job, from, to),
                        (1, 2, _) => with_width!(width, gather_tile, [V, 1, 2, 1,], [], job, from, to),
                        (_, 1, _) => with_width!(width, gather_tile, [V, 2, 1, 1,], [], job, from, to),
                        (_, _, _) => with_width!(width, gather_tile, [V, 2, 2, 1,], [], job, from, to),
                    }
                }
                col += width;
            }
            row += rows;
        }
    }
}

/// One tile of `O` vectors of outputs × `R` rows × `C` pixels, which are `S` input pixels apart.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn gather_tile<V: Lanes, const O: usize, const R: usize, const S: usize, const C: usize>(
    job: &Gather<'_>,
    from: usize,
    output: &mut [MaybeUninit<f32>],
) {
    let row = job.grid.input_row;
    let size = job.all_taps * job.inputs * LANES;
    let mut sums = [[[V::zero(); O]; C]; R];
    let mut done = 0;
    for block in job.input.chunks_exact(job.block) {
        let channels = LANES.min(job.inputs - done);
        for tap in job.taps {
            let input = &block[from + tap.input..][..(R - 1) * row + (C - 1) * S * LANES + channels];
            let start = (done * job.all_taps + tap.number * channels) * LANES;
            let weight = &job.weight[start..][..(O - 1) * size + channels * LANES];
            for channel in 0..channels {
                // SAFETY: channel < channels, so all indices lie in the slices taken above.
                unsafe {
                    let mut factors = [V::zero(); O];
                    for (o, factors) in factors.iter_mut().enumerate() {
                        *factors = V::load(weight.as_ptr().add(o * size + channel * LANES));
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        for (c, sums) in sums.iter_mut().enumerate() {
                            let value = V::splat(*input.as_ptr().add(r * row + c * S * LANES + channel));
                            for (sum, &factors) in sums.iter_mut().zip(&factors) {
                                *sum = sum.add_product(value, factors);
                            }
                        }
                    }
                }
            }
        }
        done += channels;
    }
    for (r, sums) in sums.iter().enumerate() {
        for (c, sums) in sums.iter().enumerate() {
            for (o, &sum) in sums.iter().enumerate() {
                let start = r * job.grid.output_row + c * job.grid.output_col + o * LANES;
                // SAFETY: the caller vouches for the instructions.
                unsafe { store(sum, LANES.min(job.outputs - o * LANES), &mut output[start..]) };
            }
        }
    }
}

/// What [`reduce`] sums up: products of input channels and gradients of output channels over pixels of some images.
#[derive(Clone, Copy)]
pub(super) struct Reduce<'a> {
    /// From the first pixel that one position of the window meets on: one block of the input's channels.
    pub input: &'a [f32],
    /// From one image, row and pixel to the next in the input.
    pub input_image: usize,
    pub input_row: usize,
    pub stride: usize,
    /// Input channels of the block.
    pub inputs: usize,
    /// From the first pixel on: one block of the output's channels, another one `grad_block` behind it.
    pub grad: &'a [f32],
    pub grad_block: usize,
    pub grad_image: usize,
    pub grad_row: usize,
    /// Blocks of the output's channels, one or two.
    pub vectors: usize,
    pub images: usize,
    pub rows: usize,
    pub cols: usize,
    /// From one input channel to the next in the sums.
    pub sum_row: usize,
}

tiled! {
    /// Adds `Σ input[pixel][c] grad[pixel][o]` over all pixels to `sum` `[c, o]`.
    pub(super) fn reduce<V>(job: &Reduce<'_>, sum: &mut [f32]) {
        let most = V::SUMS / job.vectors;
        let mut channel = 0;
        while channel < job.inputs {
            let left = job.inputs - channel;
            // SAFETY: the caller vouches for the instructions.
            unsafe {
                channel += match (job.vectors, job.stride) {
                    (1, 2) if left >= 16 && most >= 16 => reduce_tile::<V, 1, 2, 16>(job, channel, sum),
                    (1, 1) if left >= 16 && most >= 16 => reduce_tile::<V, 1, 1, 16>(job, channel, sum),
                    (1, 2) => with_width!(left.min(most), reduce_tile, [V, 1, 2,], [], job, channel, sum),
                    (1, 1) => with_width!(left.min(most), reduce_tile, [V, 1, 1,], [], job, channel, sum),
                    (1, _) => with_width!(left.min(most), reduce_tile, [V, 1, 0,], [], job, channel, sum),
                    (_, 2) => with_width!(left.min(most), reduce_tile, [V, 2, 2,], [], job, channel, sum),
                    (_, 1) => with_width!(left.min(most), reduce_tile, [V, 2, 1,], [], job, channel, sum),
                    (_, _) => with_width!(left.min(most), reduce_tile, [V, 2, 0,], [], job, channel, sum),
                };
            }
        }
    }
}

/// `C` input channels × `O` vectors of outputs, of pixels that are `S` input pixels apart, or as the job says if `S` is 0;
/// returns `C`.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn reduce_tile<V: Lanes, const O: usize, const S: usize, const C: usize>(
    job: &Reduce<'_>,
    channel: usize,
    sum: &mut [f32],
) -> usize {
    let stride = if S > 0 { S } else { job.stride };
    let sum = &mut sum[channel * job.sum_row..][..(C - 1) * job.sum_row + O * LANES];
    let mut sums = [[V::zero(); O]; C];
    // SAFETY: c < C and o < O, so all indices lie in the slice taken above.
    unsafe {
        for (c, sums) in sums.iter_mut().enumerate() {
            for (o, value) in sums.iter_mut().enumerate() {
                *value = V::load(sum.as_ptr().add(c * job.sum_row + o * LANES));
            }
        }
    }
    for image in 0..job.images {
        for row in 0..job.rows {
            let start = image * job.input_image + row * job.input_row + channel;
            let input = &job.input[start..][..(job.cols - 1) * stride * LANES + C];
            let start = image * job.grad_image + row * job.grad_row;
            let grad = &job.grad[start..][..(O - 1) * job.grad_block + job.cols * LANES];
            for col in 0..job.cols {
                // SAFETY: col < cols, c < C and o < O, so all indices lie in the slices taken above.
                unsafe {
                    let mut factors = [V::zero(); O];
                    for (o, factors) in factors.iter_mut().enumerate() {
                        *factors = V::load(grad.as_ptr().add(o * job.grad_block + col * LANES));
                    }
                    for (c, sums) in sums.iter_mut().enumerate() {
                        let value = V::splat(*input.as_ptr().add(col * stride * LANES + c));
                        for (sum, &factors) in sums.iter_mut().zip(&factors) {
                            *sum = sum.add_product(value, factors);
                        }
                    }
                }
            }
        }
    }
    for (c, sums) in sums.iter().enumerate() {
        for (o, value) in sums.iter().enumerate() {
            // SAFETY: as above where they were read.
            unsafe { value.store(sum.as_mut_ptr().add(c * job.sum_row + o * LANES)) };
        }
    }
    C
}
