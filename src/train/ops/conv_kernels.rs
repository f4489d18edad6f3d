//! Convolution on the CPU: forward, and both gradients in one pass over the images.
//!
//! The images are copied into blocks of channels first, a few at a time, so that what the inner loops read stays in the
//! cache. There are two ways to compute what follows: [`Direct`] and [`Winograd`].

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{
    buffer,
    conv_direct::Direct,
    conv_layout::{Planes, Shape},
    simd::Level,
    winograd::Winograd,
};

/// A way to convolve, forward or, for the gradient of the input, backward.
pub(super) trait Way: Sync + Sized {
    /// Memory of one thread.
    type Scratch;
    /// The gradient of the weights so far.
    type Sums: Sums;

    /// From the input to the output; `weight` is `[k, k, c, o]`.
    fn forward(level: Level, shape: Shape, weight: &[f32]) -> Self;

    /// From the gradient of the output to that of the input.
    fn backward(level: Level, shape: Shape, weight: &[f32]) -> Self;

    /// Images that are best worked on together.
    fn together(shape: Shape) -> usize;

    fn scratch(&self) -> Self::Scratch;

    /// Convolves the first `count` images and writes all of `output`, `[count, h, w, channels]`.
    fn convolve(&self, scratch: &mut Self::Scratch, planes: &Planes, count: usize, output: &mut [MaybeUninit<f32>]);
}

/// The gradient of the weights, summed up over images.
pub(super) trait Sums {
    fn new(level: Level, shape: Shape) -> Self;

    /// Adds what `count` images contribute: inputs and gradients of the outputs.
    fn add(&mut self, inputs: &Planes, grads: &Planes, count: usize);

    /// The sums, `[k, k, c, o]`; the next ones begin at zero.
    fn take(&mut self) -> Vec<f32>;
}

/// Forward convolution: `x` `[n, h, w, c]`, `weight` `[k, k, c, o]` → `[n, h', w', o]`, and what `look` says of each image
/// of the output while it is in the cache.
pub(super) fn forward<T: Send>(
    level: Level,
    shape: Shape,
    x: &[f32],
    weight: &[f32],
    look: impl Fn(&[f32]) -> T + Sync,
) -> (Vec<f32>, Vec<T>) {
    if Winograd::pays(shape) {
        forward_by::<Winograd, T>(level, shape, x, weight, look)
    } else {
        forward_by::<Direct, T>(level, shape, x, weight, look)
    }
}

fn forward_by<W: Way, T: Send>(
    level: Level,
    shape: Shape,
    x: &[f32],
    weight: &[f32],
    look: impl Fn(&[f32]) -> T + Sync,
) -> (Vec<f32>, Vec<T>) {
    let Shape { input, output, window } = shape;
    let (way, together) = (W::forward(level, shape, weight), W::together(shape));
    let empty = || (Planes::new(input, window.padding(), together), way.scratch());
    let mut result = buffer::unwritten(output.len());
    let looked: Vec<Vec<T>> = x
        .par_chunks(together * input.image())
        .zip(result.par_chunks_mut(together * output.image()))
        .map_init(empty, |(planes, scratch), (images, outputs)| {
            planes.fill(images);
            way.convolve(scratch, planes, images.len() / input.image(), outputs);
            // SAFETY: every pixel of these images was written.
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
    if Winograd::pays(job.shape) {
        backward_by::<Winograd>(job, input_too)
    } else {
        backward_by::<Direct>(job, input_too)
    }
}

fn backward_by<W: Way>(
    job: &Backward<'_, impl Fn(usize, usize, &mut Planes) + Sync>,
    input_too: bool,
) -> (Option<Vec<f32>>, Vec<f32>) {
    let Shape { input, output, window } = job.shape;
    let way = input_too.then(|| W::backward(job.level, job.shape, job.weight));
    let group = input.n.div_ceil(groups(job.shape)).max(1);
    let together = W::together(job.shape).min(group);
    let mut result = buffer::unwritten(if input_too { input.len() } else { 0 });
    let mut parts: Vec<&mut [MaybeUninit<f32>]> = result.chunks_mut(group * input.image()).collect();
    parts.resize_with(input.n.div_ceil(group), Default::default);
    let memory = || Memory::<W> {
        xs: Planes::new(input, window.padding(), together),
        grads: Planes::new(output, window.padding(), together),
        sums: W::Sums::new(job.level, job.shape),
        scratch: way.as_ref().map(W::scratch),
    };
    let partial: Vec<Vec<f32>> = parts
        .into_par_iter()
        .enumerate()
        .map_init(memory, |Memory { xs, grads, sums, scratch }, (number, mut result)| {
            let (mut first, end) = (number * group, input.n.min((number + 1) * group));
            while first < end {
                let count = together.min(end - first);
                xs.fill(&job.x[first * input.image()..][..count * input.image()]);
                (job.fill)(first, count, grads);
                sums.add(xs, grads, count);
                if let (Some(way), Some(scratch)) = (&way, scratch.as_mut()) {
                    let (now, later) = std::mem::take(&mut result).split_at_mut(count * input.image());
                    way.convolve(scratch, grads, count, now);
                    result = later;
                }
                first += count;
            }
            sums.take()
        })
        .collect();
    // SAFETY: every pixel of every image was written.
    (input_too.then(|| unsafe { buffer::written(result) }), added(&partial))
}

/// What one thread works with.
struct Memory<W: Way> {
    xs: Planes,
    grads: Planes,
    sums: W::Sums,
    scratch: Option<W::Scratch>,
}

/// Number of partial sums of the weight gradient: more make more parallelism, but cost memory.
fn groups(shape: Shape) -> usize {
    let weights = shape.taps() * shape.input.c * shape.output.c;
    (16 * 1024 * 1024 / weights.max(1)).clamp(8, 64) / 2 * 2
}

/// The sums of equal places, in order.
fn added(parts: &[Vec<f32>]) -> Vec<f32> {
    /// Places that one thread adds up at a time.
    const PIECE: usize = 4096;
    let mut total = vec![0.0; parts.first().map_or(0, Vec::len)];
    total.par_chunks_mut(PIECE).enumerate().for_each(|(piece, total)| {
        for part in parts {
            for (total, value) in total.iter_mut().zip(&part[piece * PIECE..]) {
                *total += value;
            }
        }
    });
    total
}
