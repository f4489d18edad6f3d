//! Batch normalization on the CPU, channels last: memory-bound passes over rows of channels.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{
    buffer,
    norm_statistics::{chunk, fold, span, spread},
    simd::{mul_add, vectorized},
};

/// Normalization as `x * scale + shift` per channel.
pub(super) struct Affine {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl Affine {
    pub(super) fn new(mean: &[f32], inverse_deviation: &[f32], gamma: &[f32], beta: &[f32]) -> Self {
        let scale: Vec<f32> = gamma.iter().zip(inverse_deviation).map(|(gamma, inverse)| gamma * inverse).collect();
        let shift = beta.iter().zip(mean.iter().zip(&scale)).map(|(beta, (mean, scale))| beta - mean * scale).collect();
        Self { scale, shift }
    }
}

/// `x * scale + shift`, plus `residual`, then ReLU.
pub(super) fn apply(x: &[f32], affine: &Affine, residual: Option<&[f32]>, relu: bool) -> Vec<f32> {
    let size = chunk(affine.scale.len());
    let (scale, shift) = (spread(&affine.scale), spread(&affine.shift));
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    let mut output = buffer::unwritten(x.len());
    let chunks = output.par_chunks_mut(size).zip(x.par_chunks(size));
    match residual {
        None => chunks.for_each(|(output, x)| affine_plain(x, &scale, &shift, floor, output)),
        Some(residual) => chunks
            .zip(residual.par_chunks(size))
            .for_each(|((output, x), residual)| affine_residual(x, &scale, &shift, residual, floor, output)),
    }
    // SAFETY: inputs, residuals and outputs are equally many, and each output was written.
    unsafe { buffer::written(output) }
}

/// What the gradients of batch normalization, through its own statistics, are computed from.
pub(super) struct Backward<'a> {
    /// `[rows, channels]`.
    pub x: &'a [f32],
    /// Per channel.
    pub mean: &'a [f32],
    pub inverse_deviation: &'a [f32],
    pub gamma: &'a [f32],
    pub affine: &'a Affine,
    pub relu: bool,
    /// The output, if a residual went into it: only it tells then where the ReLU let pass.
    pub output: Option<&'a [f32]>,
    /// Gradient of the output.
    pub grad: &'a [f32],
}

/// Gradients per channel, and how to compute those of the input from `x` and the gradient behind the ReLU.
pub(super) struct Line {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    /// Gradient of the residual, where it differs from that of the output.
    pub masked: Option<Vec<f32>>,
    center: Vec<f32>,
    factors: [Vec<f32>; 3],
    /// Scale and shift that tell where the ReLU let pass, if `masked` does not.
    mask: Option<(Vec<f32>, Vec<f32>)>,
}

impl Backward<'_> {
    /// Sums up what the gradients need.
    pub(super) fn line(&self) -> Line {
        let channels = self.mean.len();
        let size = chunk(channels);
        let (center, inverse) = (spread(self.mean), spread(self.inverse_deviation));
        let mask =
            (self.relu && self.output.is_none()).then(|| (spread(&self.affine.scale), spread(&self.affine.shift)));
        let sums = || (vec![0.0; span(channels)], vec![0.0; span(channels)]);
        let folded = |(plain, weighted): (Vec<f32>, Vec<f32>)| (fold(&plain, channels), fold(&weighted, channels));
        let chunks = self.x.par_chunks(size).zip(self.grad.par_chunks(size));
        let (parts, masked): (Vec<(Vec<f64>, Vec<f64>)>, _) = match (self.output, &mask) {
            (Some(output), _) if self.relu => {
                let mut masked = buffer::unwritten(self.grad.len());
                let parts = chunks
                    .zip(output.par_chunks(size).zip(masked.par_chunks_mut(size)))
                    .map(|((x, grad), (output, masked))| {
                        let (mut plain, mut weighted) = sums();
                        mask_and_sum(x, grad, output, masked, &center, &inverse, &mut plain, &mut weighted);
                        folded((plain, weighted))
                    })
                    .collect();
                // SAFETY: gradients and outputs are equally many, and each was written.
                (parts, Some(unsafe { buffer::written(masked) }))
            }
            (_, Some((scale, shift))) => {
                let each = chunks.map(|(x, grad)| {
                    let (mut plain, mut weighted) = sums();
                    sum_masked(x, grad, scale, shift, &center, &inverse, &mut plain, &mut weighted);
                    folded((plain, weighted))
                });
                (each.collect(), None)
            }
            _ => {
                let each = chunks.map(|(x, grad)| {
                    let (mut plain, mut weighted) = sums();
                    sum_grads(x, grad, &center, &inverse, &mut plain, &mut weighted);
                    folded((plain, weighted))
                });
                (each.collect(), None)
            }
        };
        let (mut beta, mut gamma) = (vec![0.0; channels], vec![0.0; channels]);
        for (plain, weighted) in parts {
            for channel in 0..channels {
                beta[channel] += plain[channel];
                gamma[channel] += weighted[channel];
            }
        }
        let rows = (self.x.len() / channels) as f64;
        // dx = γ/σ (g - Σg/m - x̂ Σ(g x̂)/m) = a g + b x + c with one multiply-add per factor.
        let mut factors = [vec![0.0; channels], vec![0.0; channels], vec![0.0; channels]];
        for channel in 0..channels {
            let inverse = f64::from(self.inverse_deviation[channel]);
            let a = f64::from(self.gamma[channel]) * inverse;
            factors[0][channel] = a as f32;
            factors[1][channel] = (-a * inverse * gamma[channel] / rows) as f32;
            factors[2][channel] = (-a * beta[channel] / rows) as f32;
        }
        let round = |sums: Vec<f64>| sums.iter().map(|&sum| sum as f32).collect();
        Line { gamma: round(gamma), beta: round(beta), masked, center, factors: factors.map(|f| spread(&f)), mask }
    }

    /// Gradient of the input.
    pub(super) fn input(&self, line: &Line) -> Vec<f32> {
        let size = chunk(self.mean.len());
        let mut input = buffer::unwritten(self.x.len());
        let grad = line.masked.as_deref().unwrap_or(self.grad);
        input
            .par_chunks_mut(size)
            .zip(self.x.par_chunks(size).zip(grad.par_chunks(size)))
            .for_each(|(input, (x, grad))| line.of(x, grad, input));
        // SAFETY: inputs and gradients are equally many, and each was written.
        unsafe { buffer::written(input) }
    }
}

impl Line {
    /// Gradients of some rows of `x`, from those of the output, or from those of the residual if they differ.
    pub(super) fn of(&self, x: &[f32], grad: &[f32], input: &mut [MaybeUninit<f32>]) {
        let [a, b, c] = &self.factors;
        match &self.mask {
            Some((scale, shift)) => combine_masked(x, grad, scale, shift, &self.center, a, b, c, input),
            None => combine(x, grad, &self.center, a, b, c, input),
        }
    }
}

vectorized! {
    fn affine_plain(x: &[f32], scale: &[f32], shift: &[f32], floor: f32, output: &mut [MaybeUninit<f32>]) {
        for (output, x) in output.chunks_mut(scale.len()).zip(x.chunks(scale.len())) {
            for (((output, x), scale), shift) in output.iter_mut().zip(x).zip(scale).zip(shift) {
                let value = mul_add::<FMA>(*x, *scale, *shift);
                // Not f32::max, which would turn NaN into the floor and hide a diverged run.
                output.write(if value < floor { floor } else { value });
            }
        }
    }
}

vectorized! {
    fn affine_residual(
        x: &[f32],
        scale: &[f32],
        shift: &[f32],
        residual: &[f32],
        floor: f32,
        output: &mut [MaybeUninit<f32>],
    ) {
        let span = scale.len();
        for ((output, x), residual) in output.chunks_mut(span).zip(x.chunks(span)).zip(residual.chunks(span)) {
            for ((((output, x), residual), scale), shift) in
                output.iter_mut().zip(x).zip(residual).zip(scale).zip(shift)
            {
                let value = mul_add::<FMA>(*x, *scale, *shift) + residual;
                output.write(if value < floor { floor } else { value });
            }
        }
    }
}

vectorized! {
    /// [`sum_grads`] behind a ReLU of `output`; writes the gradients that it let pass to `masked`.
    fn mask_and_sum(
        x: &[f32],
        grad: &[f32],
        output: &[f32],
        masked: &mut [MaybeUninit<f32>],
        center: &[f32],
        inverse: &[f32],
        plain: &mut [f32],
        weighted: &mut [f32],
    ) {
        let span = plain.len();
        let rows = x.chunks(span).zip(grad.chunks(span)).zip(output.chunks(span)).zip(masked.chunks_mut(span));
        for (((x, grad), output), masked) in rows {
            for (index, (((x, grad), output), masked)) in x.iter().zip(grad).zip(output).zip(masked).enumerate() {
                let grad = if *output > 0.0 { *grad } else { 0.0 };
                masked.write(grad);
                plain[index] += grad;
                weighted[index] = mul_add::<FMA>((x - center[index]) * inverse[index], grad, weighted[index]);
            }
        }
    }
}

vectorized! {
    /// [`sum_grads`] behind a ReLU of `x * scale + shift`.
    fn sum_masked(
        x: &[f32],
        grad: &[f32],
        scale: &[f32],
        shift: &[f32],
        center: &[f32],
        inverse: &[f32],
        plain: &mut [f32],
        weighted: &mut [f32],
    ) {
        let span = plain.len();
        for (x, grad) in x.chunks(span).zip(grad.chunks(span)) {
            for (index, (x, grad)) in x.iter().zip(grad).enumerate() {
                let passed = mul_add::<FMA>(*x, scale[index], shift[index]) > 0.0;
                let grad = if passed { *grad } else { 0.0 };
                plain[index] += grad;
                weighted[index] = mul_add::<FMA>((x - center[index]) * inverse[index], grad, weighted[index]);
            }
        }
    }
}

vectorized! {
    fn sum_grads(
        x: &[f32],
        grad: &[f32],
        center: &[f32],
        inverse: &[f32],
        plain: &mut [f32],
        weighted: &mut [f32],
    ) {
        let span = plain.len();
        for (x, grad) in x.chunks(span).zip(grad.chunks(span)) {
            for (index, (x, grad)) in x.iter().zip(grad).enumerate() {
                plain[index] += grad;
                weighted[index] = mul_add::<FMA>((x - center[index]) * inverse[index], *grad, weighted[index]);
            }
        }
    }
}

vectorized! {
    fn combine(
        x: &[f32],
        grad: &[f32],
        center: &[f32],
        a: &[f32],
        b: &[f32],
        c: &[f32],
        input: &mut [MaybeUninit<f32>],
    ) {
        let span = a.len();
        for ((input, x), grad) in input.chunks_mut(span).zip(x.chunks(span)).zip(grad.chunks(span)) {
            for (index, ((input, x), grad)) in input.iter_mut().zip(x).zip(grad).enumerate() {
                let centered = x - center[index];
                input.write(mul_add::<FMA>(a[index], *grad, mul_add::<FMA>(b[index], centered, c[index])));
            }
        }
    }
}

vectorized! {
    /// [`combine`] behind a ReLU of `x * scale + shift`.
    fn combine_masked(
        x: &[f32],
        grad: &[f32],
        scale: &[f32],
        shift: &[f32],
        center: &[f32],
        a: &[f32],
        b: &[f32],
        c: &[f32],
        input: &mut [MaybeUninit<f32>],
    ) {
        let span = a.len();
        for ((input, x), grad) in input.chunks_mut(span).zip(x.chunks(span)).zip(grad.chunks(span)) {
            for (index, ((input, x), grad)) in input.iter_mut().zip(x).zip(grad).enumerate() {
                let passed = mul_add::<FMA>(*x, scale[index], shift[index]) > 0.0;
                let grad = if passed { *grad } else { 0.0 };
                let centered = x - center[index];
                input.write(mul_add::<FMA>(a[index], grad, mul_add::<FMA>(b[index], centered, c[index])));
            }
        }
    }
}
