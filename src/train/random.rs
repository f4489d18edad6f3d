//! Random streams that depend on what they are for, never on threads or on what was drawn before.
//!
//! A stream is ChaCha8 keyed by (seed, purpose, three numbers), so any one can be made again at any time. Numbers are
//! derived from the raw bits here, so that they stay the same whatever the version of any crate.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial weights of the encoder; numbered by layer.
    Encoder = 1,
    /// Initial weights of the projection head; numbered by layer.
    Head = 2,
    /// Order of the images; numbered by epoch.
    Order = 3,
    /// Augmentation; numbered by epoch, image and view.
    Augmentation = 4,
    /// Order of the features in linear evaluation; numbered by epoch.
    EvaluationOrder = 5,
    /// Generated images; numbered by split and image.
    Shapes = 6,
    /// Transformation probes: initial weights, numbered by layer; transformations, numbered by image.
    Probe = 7,
    /// Augmentation of an evaluation's training images; numbered by epoch and image.
    EvaluationAugmentation = 8,
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream for `purpose`; `numbers` say which one of them.
    pub fn new(seed: u64, purpose: Purpose, numbers: [u64; 2], view: u32) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..12].copy_from_slice(&(purpose as u32).to_le_bytes());
        key[12..16].copy_from_slice(&view.to_le_bytes());
        key[16..24].copy_from_slice(&numbers[0].to_le_bytes());
        key[24..].copy_from_slice(&numbers[1].to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in [0, 1), with 24 bits.
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        f64::from(self.unit()) < probability
    }

    /// Uniform in 0..bound, without bias (Lemire 2019); `bound` is at least 1.
    pub fn below(&mut self, bound: u32) -> u32 {
        loop {
            let product = u64::from(self.0.next_u32()) * u64::from(bound);
            if product as u32 >= bound.wrapping_neg() % bound {
                return (product >> 32) as u32;
            }
        }
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f32 {
        // 1 - u lies in (0, 1], so the logarithm is finite.
        let radius = (-2.0 * f64::from(1.0 - self.unit()).ln()).sqrt();
        let angle = std::f64::consts::TAU * f64::from(self.unit());
        (radius * angle.cos()) as f32
    }

    /// Standard normal, drawn again while further than two deviations out.
    pub fn truncated_normal(&mut self) -> f32 {
        loop {
            let value = self.normal();
            if value.abs() <= 2.0 {
                return value;
            }
        }
    }

    /// Shuffles by Fisher and Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u32 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_distinct() {
        let draw = |seed, purpose, numbers, view| {
            let mut stream = Stream::new(seed, purpose, numbers, view);
            (stream.unit().to_bits(), stream.below(1000), stream.normal().to_bits())
        };
        let first = draw(1, Purpose::Order, [2, 3], 4);
        assert_eq!(first, draw(1, Purpose::Order, [2, 3], 4));
        for other in [
            draw(2, Purpose::Order, [2, 3], 4),
            draw(1, Purpose::Encoder, [2, 3], 4),
            draw(1, Purpose::Order, [3, 3], 4),
            draw(1, Purpose::Order, [2, 4], 4),
            draw(1, Purpose::Order, [2, 3], 5),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut stream = Stream::new(7, Purpose::Shapes, [0, 0], 0);
        let count = 100_000;
        let moments = |values: Vec<f64>| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
            (mean, variance)
        };
        let (mean, variance) = moments((0..count).map(|_| f64::from(stream.uniform(-1.0, 1.0))).collect());
        assert!(mean.abs() < 0.01 && (variance - 1.0 / 3.0).abs() < 0.01, "{mean} {variance}");
        let (mean, variance) = moments((0..count).map(|_| f64::from(stream.normal())).collect());
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        // Variance of a normal cut at two deviations: 1 - 4 φ(2) / (Φ(2) - Φ(-2)) = 0.77374.
        let (mean, variance) = moments((0..count).map(|_| f64::from(stream.truncated_normal())).collect());
        assert!(mean.abs() < 0.02 && (variance - 0.773_74).abs() < 0.02, "{mean} {variance}");
        let mut counts = [0; 7];
        (0..count).for_each(|_| counts[stream.below(7) as usize] += 1);
        assert!(counts.iter().all(|&n| (f64::from(n) - count as f64 / 7.0).abs() < 500.0), "{counts:?}");
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Stream::new(0, Purpose::Order, [0, 0], 0).shuffle(&mut items);
        assert!(items.windows(2).any(|pair| pair[0] > pair[1]));
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
