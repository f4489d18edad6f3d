//! Convolution with 3 × 3 windows by Winograd's F(2 × 2, 3 × 3): 16 products instead of 36 for each 2 × 2 outputs and pair
//! of channels (Lavin & Gray 2016, §4.1).
//!
//! A tile of 2 × 2 outputs comes from 4 × 4 inputs d and the window g as Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A. Summed over
//! channels, the product in the middle is one matrix product for each of the 16 positions. The weights' gradient is the
//! same form turned round: Gᵀ [Σ (Bᵀ d B) ⊙ (A dY Aᵀ)] G.

use std::mem::MaybeUninit;

use super::{
    conv_kernels::{Sums, Way},
    conv_layout::{Planes, Shape, transpose_taps},
    conv_tiles::{Gather, Grid, Reduce, Tap, WIDE, gather, reduce},
    simd::{LANES, Level},
    winograd_transforms::{
        POSITIONS, TILES, Tiling, Transformed, apart, transform_grad, transform_input, transform_output,
        transform_sums, transform_weights,
    },
};

/// Channels from which on the transforms pay.
const LEAST: usize = 32;

/// Transformed weights, packed for each position.
pub(super) struct Winograd {
    level: Level,
    tiling: Tiling,
    /// `[position, o / LANES, c, LANES]`.
    weights: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

impl Winograd {
    /// Whether this is the way to compute a convolution.
    pub(super) fn pays(shape: Shape) -> bool {
        let channels = [shape.input.c, shape.output.c];
        shape.window.kernel == 3
            && shape.window.stride == 1
            && channels.iter().all(|&channels| channels >= LEAST && channels.is_multiple_of(LANES))
    }

    fn new(level: Level, shape: Shape, weight: &[f32], (inputs, outputs): (usize, usize), turned: bool) -> Self {
        let size = inputs * outputs;
        let mut weights = vec![0.0; POSITIONS * size];
        transform_weights(level, weight, inputs, outputs, turned, &mut weights);
        Self { level, tiling: Tiling::new(shape), weights, inputs, outputs }
    }
}

/// Memory for one thread's convolutions.
pub(super) struct Scratch {
    tiles: Transformed,
    /// `[position, tile, o]`.
    products: Vec<MaybeUninit<f32>>,
}

impl Way for Winograd {
    type Scratch = Scratch;
    type Sums = WinogradSums;

    fn forward(level: Level, shape: Shape, weight: &[f32]) -> Self {
        Self::new(level, shape, weight, (shape.input.c, shape.output.c), false)
    }

    /// The gradient of the input meets the window turned by half a turn.
    fn backward(level: Level, shape: Shape, weight: &[f32]) -> Self {
        let transposed = transpose_taps(weight, shape.taps(), shape.input.c, shape.output.c);
        Self::new(level, shape, &transposed, (shape.output.c, shape.input.c), true)
    }

    fn together(shape: Shape) -> usize {
        let tiling = Tiling::new(shape);
        TILES.div_ceil(tiling.rows * tiling.cols)
    }

    fn scratch(&self) -> Scratch {
        let tiles = Transformed::new(self.tiling, self.inputs);
        let products = vec![MaybeUninit::new(0.0); POSITIONS * apart(tiles.tiles * self.outputs)];
        Scratch { tiles, products }
    }

    fn convolve(&self, scratch: &mut Scratch, planes: &Planes, count: usize, output: &mut [MaybeUninit<f32>]) {
        let Self { level, tiling, inputs, outputs, .. } = *self;
        for rows in tiling.portions(count) {
            let tiles = rows.len() * tiling.cols;
            transform_input(level, planes, tiling, &rows, &mut scratch.tiles);
            let step = apart(scratch.tiles.tiles * outputs);
            for position in 0..POSITIONS {
                for first in (0..outputs).step_by(WIDE) {
                    let job = Gather {
                        input: scratch.tiles.position(position),
                        block: scratch.tiles.tiles * LANES,
                        inputs,
                        weight: &self.weights[(position * outputs + first) * inputs..],
                        all_taps: 1,
                        taps: &[Tap { input: 0, number: 0 }],
                        grid: Grid {
                            rows: 1,
                            cols: tiles,
                            input_row: 0,
                            stride: 1,
                            output_row: 0,
                            output_col: outputs,
                        },
                        outputs: (outputs - first).min(WIDE),
                    };
                    gather(level, &job, &mut scratch.products[position * step + first..]);
                }
            }
            transform_output(level, &scratch.products, step, tiling, &rows, outputs, output);
        }
    }
}

/// Memory for one thread's weight gradients, and their sums.
pub(super) struct WinogradSums {
    level: Level,
    tiling: Tiling,
    inputs: Transformed,
    grads: Transformed,
    /// Σ (Bᵀ d B) ⊙ (A dY Aᵀ), `[position, c, o]`.
    sums: Vec<f32>,
}

impl Sums for WinogradSums {
    fn new(level: Level, shape: Shape) -> Self {
        let (tiling, inputs, outputs) = (Tiling::new(shape), shape.input.c, shape.output.c);
        Self {
            level,
            tiling,
            inputs: Transformed::new(tiling, inputs),
            grads: Transformed::new(tiling, outputs),
            sums: vec![0.0; POSITIONS * inputs * outputs],
        }
    }

    fn add(&mut self, xs: &Planes, grads: &Planes, count: usize) {
        let (level, tiling, inputs, outputs) = (self.level, self.tiling, self.inputs.channels, self.grads.channels);
        for rows in tiling.portions(count) {
            transform_input(level, xs, tiling, &rows, &mut self.inputs);
            transform_grad(level, grads, tiling, &rows, &mut self.grads);
            for position in 0..POSITIONS {
                let sums = &mut self.sums[position * inputs * outputs..][..inputs * outputs];
                for first in (0..outputs).step_by(WIDE) {
                    for channel in (0..inputs).step_by(LANES) {
                        let job = Reduce {
                            input: &self.inputs.position(position)[channel * self.inputs.tiles..],
                            input_image: 0,
                            input_row: 0,
                            stride: 1,
                            inputs: LANES,
                            grad: &self.grads.position(position)[first * self.grads.tiles..],
                            grad_block: self.grads.tiles * LANES,
                            grad_image: 0,
                            grad_row: 0,
                            vectors: (outputs - first).min(WIDE) / LANES,
                            images: 1,
                            rows: 1,
                            cols: rows.len() * tiling.cols,
                            sum_row: outputs,
                        };
                        reduce(level, &job, &mut sums[channel * outputs + first..]);
                    }
                }
            }
        }
    }

    /// Gᵀ Σ G.
    fn take(&mut self) -> Vec<f32> {
        let size = self.inputs.channels * self.grads.channels;
        let mut gradient = vec![0.0; 9 * size];
        transform_sums(self.level, &self.sums, size, &mut gradient);
        self.sums.fill(0.0);
        gradient
    }
}
