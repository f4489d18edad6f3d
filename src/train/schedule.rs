//! The learning rate at each step: linear warm-up, then cosine decay or a constant (paper §2.3).

use crate::recipe::{Decay, LearningRate, Schedule};

/// The learning rate of every step of a training run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningRateCurve {
    peak: f64,
    warmup_steps: usize,
    total_steps: usize,
    decay: Decay,
}

impl LearningRateCurve {
    /// The curve of pretraining on `images` images; the last incomplete batch of an epoch is dropped.
    pub fn new(schedule: &Schedule, rate: LearningRate, images: usize) -> Self {
        let steps = images / schedule.batch_size;
        Self {
            peak: rate.peak(schedule.batch_size),
            warmup_steps: steps * schedule.warmup_epochs,
            total_steps: steps * schedule.epochs,
            decay: schedule.decay,
        }
    }

    /// Cosine decay from `peak` to zero without warm-up.
    pub fn cosine(peak: f64, total_steps: usize) -> Self {
        Self { peak, warmup_steps: 0, total_steps, decay: Decay::Cosine }
    }

    /// The rate of step `step`, counted from 0: rises as step / warm-up (the first step takes 0, as in the reference
    /// code), then falls as (1 + cos π t) / 2 with t from 0 to 1 over the remaining steps.
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak * step as f64 / self.warmup_steps as f64;
        }
        match self.decay {
            Decay::Constant => self.peak,
            Decay::Cosine => {
                let progress = (step - self.warmup_steps) as f64 / (self.total_steps - self.warmup_steps).max(1) as f64;
                self.peak * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos()) / 2.0
            }
        }
    }
}
