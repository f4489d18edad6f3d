//! The learning rate at each step: linear warm-up, then cosine decay, a constant or steps (paper §2.3).

use crate::recipe::{Decay, LearningRate, Schedule};

/// The learning rate of every step of a training run.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRateCurve {
    peak: f64,
    warmup_steps: usize,
    total_steps: usize,
    decay: Curve,
}

/// [`Decay`] in steps.
#[derive(Clone, Debug, PartialEq)]
enum Curve {
    Cosine,
    Constant,
    Step { steps: Vec<usize>, factor: f64 },
}

impl LearningRateCurve {
    /// The curve of pretraining on `images` images; the last incomplete batch of an epoch is dropped.
    pub fn new(schedule: &Schedule, rate: LearningRate, images: usize) -> Self {
        let steps = images / schedule.batch_size;
        Self {
            peak: rate.peak(schedule.batch_size),
            warmup_steps: steps * schedule.warmup_epochs,
            total_steps: steps * schedule.epochs,
            decay: match &schedule.decay {
                Decay::Cosine => Curve::Cosine,
                Decay::Constant => Curve::Constant,
                Decay::Step { epochs, factor } => {
                    Curve::Step { steps: epochs.iter().map(|epoch| epoch * steps).collect(), factor: *factor }
                }
            },
        }
    }

    /// Cosine decay from `peak` to zero without warm-up.
    pub fn cosine(peak: f64, total_steps: usize) -> Self {
        Self { peak, warmup_steps: 0, total_steps, decay: Curve::Cosine }
    }

    /// The rate of step `step`, counted from 0: rises as step / warm-up (the first step takes 0, as in the reference
    /// code), then by a cosine falls as (1 + cos π t) / 2 with t from 0 to 1 over the remaining steps.
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak * step as f64 / self.warmup_steps as f64;
        }
        match &self.decay {
            Curve::Constant => self.peak,
            Curve::Step { steps, factor } => {
                let drops = steps.iter().filter(|&&first| first <= step).count();
                self.peak * factor.powi(i32::try_from(drops).unwrap_or(i32::MAX))
            }
            Curve::Cosine => {
                let progress = (step - self.warmup_steps) as f64 / (self.total_steps - self.warmup_steps).max(1) as f64;
                self.peak * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos()) / 2.0
            }
        }
    }
}
