//! How the convolution kernels want images and weights to lie in memory.

use super::simd::LANES;

/// Shape of a batch of images.
#[derive(Clone, Copy)]
pub(super) struct Dims {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
}

impl Dims {
    pub(super) fn image(self) -> usize {
        self.h * self.w * self.c
    }

    pub(super) fn len(self) -> usize {
        self.n * self.image()
    }
}

/// Copies one image into `padded` with a border of zeros and channels widened to `channels`.
pub(super) fn pad(image: &[f32], dims: Dims, border: usize, channels: usize, padded: &mut Vec<f32>) {
    let pitch = (dims.w + 2 * border) * channels;
    padded.clear();
    padded.resize((dims.h + 2 * border) * pitch, 0.0);
    for (row, source) in image.chunks_exact(dims.w * dims.c).enumerate() {
        let start = (row + border) * pitch + border * channels;
        let target = &mut padded[start..start + dims.w * channels];
        if channels == dims.c {
            target.copy_from_slice(source);
        } else {
            for (target, source) in target.chunks_exact_mut(channels).zip(source.chunks_exact(dims.c)) {
                target[..dims.c].copy_from_slice(source);
            }
        }
    }
}

/// `[tap, c, o]` → `[o / LANES, tap, c, LANES]`, the last block padded with zeros.
pub(super) fn pack(weight: &[f32], taps: usize, inputs: usize, outputs: usize) -> Vec<f32> {
    let blocks = outputs.div_ceil(LANES);
    let mut packed = vec![0.0; blocks * taps * inputs * LANES];
    for (block, packed) in packed.chunks_exact_mut(taps * inputs * LANES).enumerate() {
        let start = block * LANES;
        let lanes = LANES.min(outputs - start);
        for (packed, row) in packed.chunks_exact_mut(LANES).zip(weight.chunks_exact(outputs)) {
            packed[..lanes].copy_from_slice(&row[start..start + lanes]);
        }
    }
    packed
}

/// `[tap, c, o]` → `[tap, o, c]`.
pub(super) fn transpose_taps(weight: &[f32], taps: usize, inputs: usize, outputs: usize) -> Vec<f32> {
    let mut transposed = vec![0.0; taps * inputs * outputs];
    for (source, target) in weight.chunks_exact(inputs * outputs).zip(transposed.chunks_exact_mut(inputs * outputs)) {
        for (input, row) in source.chunks_exact(outputs).enumerate() {
            for (output, &value) in row.iter().enumerate() {
                target[output * inputs + input] = value;
            }
        }
    }
    transposed
}
