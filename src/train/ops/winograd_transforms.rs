//! The transforms of [`super::winograd`]: sums and differences over 4 × 4 or 2 × 2 tiles, a vector of channels at a time.

use std::{mem::MaybeUninit, ops::Range};

use super::{
    conv_layout::{Planes, Shape},
    simd::{LANES, Lanes, tiled},
};

/// Values of a transformed tile.
pub(super) const POSITIONS: usize = 16;
/// Tiles that are worked on together, if the images have as many.
pub(super) const TILES: usize = 64;

/// How the outputs of an image fall into tiles of 2 × 2; those at the right and lower edge may be cut.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    pub rows: usize,
    pub cols: usize,
    height: usize,
    width: usize,
}

impl Tiling {
    pub(super) fn new(shape: Shape) -> Self {
        let (height, width) = (shape.output.h, shape.output.w);
        Self { rows: height.div_ceil(2), cols: width.div_ceil(2), height, width }
    }

    /// Rows of tiles of `images` images, one after the other, in portions that are worked on together.
    pub(super) fn portions(self, images: usize) -> impl Iterator<Item = Range<usize>> {
        let (all, step) = (images * self.rows, (TILES / self.cols).max(1));
        (0..all).step_by(step).map(move |start| start..all.min(start + step))
    }
}

/// Transformed tiles: `[position, block of channels, tile, LANES]`.
pub(super) struct Transformed {
    values: Vec<f32>,
    pub tiles: usize,
    pub channels: usize,
}

impl Transformed {
    pub(super) fn new(tiling: Tiling, channels: usize) -> Self {
        let tiles = TILES.max(tiling.cols);
        Self { values: vec![0.0; POSITIONS * apart(tiles * channels)], tiles, channels }
    }

    /// Everything of one position.
    pub(super) fn position(&self, position: usize) -> &[f32] {
        let size = self.tiles * self.channels;
        &self.values[position * apart(size)..][..size]
    }

    /// From one position to the next.
    fn step(&self) -> usize {
        apart(self.tiles * self.channels)
    }
}

/// A little more than `size`, so that values of equal place do not all compete for the same lines of the cache.
pub(super) fn apart(size: usize) -> usize {
    size + LANES
}

tiled! {
    /// Bᵀ d B of all tiles in some rows of tiles, whose inputs begin in the border.
    pub(super) fn transform_input<V>(planes: &Planes, tiling: Tiling, rows: &Range<usize>, to: &mut Transformed) {
        // SAFETY: the caller vouches for the instructions.
        unsafe { transform::<V, 4>(planes, 0, tiling, rows, to, |values| input(values)) };
    }
}

tiled! {
    /// A dY Aᵀ of all tiles in some rows of tiles.
    pub(super) fn transform_grad<V>(planes: &Planes, tiling: Tiling, rows: &Range<usize>, to: &mut Transformed) {
        // SAFETY: the caller vouches for the instructions.
        unsafe { transform::<V, 2>(planes, planes.row(0), tiling, rows, to, |values| grad(values)) };
    }
}

/// T X Tᵀ of all tiles in some rows of tiles, where `once` is T of one column; tiles of `N` × `N` pixels lie two pixels apart,
/// from `first` on in each image.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn transform<V: Lanes, const N: usize>(
    planes: &Planes,
    first: usize,
    tiling: Tiling,
    rows: &Range<usize>,
    to: &mut Transformed,
    once: impl Fn([V; N]) -> [V; 4] + Copy,
) {
    let (pitch, step, block) = (planes.pitch, to.step(), to.tiles * LANES);
    for (index, row) in rows.clone().enumerate() {
        let start = row / tiling.rows * planes.image + row % tiling.rows * 2 * pitch + first;
        for channels in 0..to.channels / LANES {
            let from = &planes.values[start + channels * planes.block..];
            let from = &from[..(N - 1) * pitch + (2 * tiling.cols - 2 + N) * LANES];
            let to = &mut to.values[channels * block + index * tiling.cols * LANES..];
            let to = &mut to[..(POSITIONS - 1) * step + tiling.cols * LANES];
            for col in 0..tiling.cols {
                // SAFETY: N rows of 2 cols - 2 + N pixels lie in `from`, where the last pixel of an odd width is the next
                // row's border, and a vector for each position and col in `to`; the caller vouches for the instructions.
                unsafe {
                    let tile = columns(|i, j| V::load(from.as_ptr().add(i * pitch + (2 * col + j) * LANES)));
                    store_tile::<V, 4>(both_ways(tile, once), step, to.as_mut_ptr().add(col * LANES));
                }
            }
        }
    }
}

tiled! {
    /// Aᵀ m A of all tiles in some rows of tiles: their part of the output `[image, h, w, o]`.
    pub(super) fn transform_output<V>(
        products: &[MaybeUninit<f32>],
        step: usize,
        tiling: Tiling,
        rows: &Range<usize>,
        outputs: usize,
        to: &mut [MaybeUninit<f32>],
    ) {
        for (index, row) in rows.clone().enumerate() {
            let (image, y) = (row / tiling.rows, row % tiling.rows * 2);
            let start = (image * tiling.height + y) * tiling.width * outputs;
            let high = (tiling.height - y).min(2);
            let to = &mut to[start..][..high * tiling.width * outputs];
            for col in 0..tiling.cols {
                let from = &products[(index * tiling.cols + col) * outputs..][..(POSITIONS - 1) * step + outputs];
                let wide = (tiling.width - 2 * col).min(2);
                for first in (0..outputs).step_by(LANES) {
                    // SAFETY: `from` has a vector for each position and block of outputs, written by `gather`, and `to`
                    // the pixels of the tile; the caller vouches for the instructions.
                    unsafe {
                        let from = from.as_ptr().cast::<f32>().add(first);
                        let tile = columns(|i, j| V::load(from.add((4 * i + j) * step)));
                        let rows = both_ways(tile, |values| output(values));
                        for (i, row) in rows.into_iter().take(high).enumerate() {
                            for (j, value) in row.into_iter().take(wide).enumerate() {
                                let place = (i * tiling.width + 2 * col + j) * outputs + first;
                                value.store(to.as_mut_ptr().cast::<f32>().add(place));
                            }
                        }
                    }
                }
            }
        }
    }
}

tiled! {
    /// G g Gᵀ of weights `[tap, c, o]`, or of windows that are turned by half a turn: `[position, o / LANES, c, LANES]`.
    pub(super) fn transform_weights<V>(weight: &[f32], inputs: usize, outputs: usize, turned: bool, to: &mut [f32]) {
        let (step, weight) = (inputs * outputs, &weight[..9 * inputs * outputs]);
        for first in (0..outputs).step_by(LANES) {
            for input in 0..inputs {
                let to = &mut to[first * inputs + input * LANES..][..(POSITIONS - 1) * step + LANES];
                // SAFETY: each of the nine taps has a vector at `first` of `input`, and each position one in `to`; the
                // caller vouches for the instructions.
                unsafe {
                    let from = weight.as_ptr().add(input * outputs + first);
                    let tile = columns(|i, j| {
                        let tap = if turned { 8 - (3 * i + j) } else { 3 * i + j };
                        V::load(from.add(tap * step))
                    });
                    store_tile::<V, 4>(both_ways(tile, |values| window(values)), step, to.as_mut_ptr());
                }
            }
        }
    }
}

tiled! {
    /// Gᵀ m G of sums `[position, size]`: `[tap, size]`, where `size` is a multiple of `LANES`.
    pub(super) fn transform_sums<V>(sums: &[f32], size: usize, to: &mut [f32]) {
        let (sums, to) = (&sums[..POSITIONS * size], &mut to[..9 * size]);
        for first in (0..size).step_by(LANES) {
            // SAFETY: each position and each tap has a vector at `first`; the caller vouches for the instructions.
            unsafe {
                let from = sums.as_ptr().add(first);
                let tile = columns(|i, j| V::load(from.add((4 * i + j) * size)));
                store_tile::<V, 3>(both_ways(tile, |values| window_grad(values)), size, to.as_mut_ptr().add(first));
            }
        }
    }
}

/// A tile by columns.
#[inline(always)]
fn columns<V: Lanes, const N: usize>(value: impl Fn(usize, usize) -> V) -> [[V; N]; N] {
    let mut columns = [[V::zero(); N]; N];
    for (j, column) in columns.iter_mut().enumerate() {
        for (i, place) in column.iter_mut().enumerate() {
            *place = value(i, j);
        }
    }
    columns
}

/// T X Tᵀ by rows, where `once` is T of one column and X is given by columns.
#[inline(always)]
fn both_ways<V: Lanes, const N: usize, const M: usize>(
    columns: [[V; N]; N],
    once: impl Fn([V; N]) -> [V; M],
) -> [[V; M]; M] {
    let mut half = [[V::zero(); M]; N];
    for (half, column) in half.iter_mut().zip(columns) {
        *half = once(column);
    }
    let mut rows = [[V::zero(); M]; M];
    for (i, row) in rows.iter_mut().enumerate() {
        let mut values = [V::zero(); N];
        for (value, half) in values.iter_mut().zip(&half) {
            *value = half[i];
        }
        *row = once(values);
    }
    rows
}

/// Writes the vectors of a tile, row by row, `step` apart.
///
/// # Safety
/// All must be writable, and the processor must have the instructions of `V`.
#[inline(always)]
unsafe fn store_tile<V: Lanes, const N: usize>(rows: [[V; N]; N], step: usize, to: *mut f32) {
    for (i, row) in rows.into_iter().enumerate() {
        for (j, value) in row.into_iter().enumerate() {
            // SAFETY: the caller vouches for both.
            unsafe { value.store(to.add((N * i + j) * step)) };
        }
    }
}

/// Bᵀ d.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn input<V: Lanes>([d0, d1, d2, d3]: [V; 4]) -> [V; 4] {
    // SAFETY: the caller vouches for the instructions.
    unsafe { [d0.sub(d2), d1.add(d2), d2.sub(d1), d1.sub(d3)] }
}

/// Aᵀ m.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn output<V: Lanes>([m0, m1, m2, m3]: [V; 4]) -> [V; 2] {
    // SAFETY: the caller vouches for the instructions.
    unsafe { [m0.add(m1).add(m2), m1.sub(m2).sub(m3)] }
}

/// A y.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn grad<V: Lanes>([y0, y1]: [V; 2]) -> [V; 4] {
    // SAFETY: the caller vouches for the instructions.
    unsafe { [y0, y0.add(y1), y0.sub(y1), V::zero().sub(y1)] }
}

/// G g.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn window<V: Lanes>([g0, g1, g2]: [V; 3]) -> [V; 4] {
    // SAFETY: the caller vouches for the instructions.
    unsafe {
        let outer = g0.add(g2);
        let half = |value: V| V::zero().add_product(V::splat(0.5), value);
        [g0, half(outer.add(g1)), half(outer.sub(g1)), g2]
    }
}

/// Gᵀ m.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn window_grad<V: Lanes>([m0, m1, m2, m3]: [V; 4]) -> [V; 3] {
    // SAFETY: the caller vouches for the instructions.
    unsafe {
        let (half, sum, difference) = (V::splat(0.5), m1.add(m2), m1.sub(m2));
        [m0.add_product(half, sum), V::zero().add_product(half, difference), m3.add_product(half, sum)]
    }
}
