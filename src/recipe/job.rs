//! What one job does: the part of a recipe that can change its result, and nothing else.
//!
//! These values are hashed into job ids, so two recipes that differ only in what a job does not use share that job.

use serde::{Deserialize, Serialize};

use super::{Data, Encoder, Head, LinearEvaluation, Objective, Optimizer, Recipe, Schedule, TrainSet, Transform};

/// A job's complete settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum JobSpec {
    /// Makes an encoder.
    Pretrain(PretrainJob),
    /// Evaluates the parent's encoder.
    LinearEvaluation(LinearEvaluationJob),
}

impl JobSpec {
    /// The kind of job in one word, for people and for CSV.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Pretrain(PretrainJob { training: Training::Untrained, .. }) => "initialize",
            Self::Pretrain(_) => "pretrain",
            Self::LinearEvaluation(_) => "evaluate",
        }
    }
}

/// Makes an encoder: by contrastive training, or by initialization alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainJob {
    /// The training images.
    pub data: TrainSet,
    /// The encoder to make.
    pub encoder: Encoder,
    /// How it is trained.
    pub training: Training,
    /// Seed of every random stream of the job.
    pub seed: u64,
}

/// How an encoder is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Training {
    /// Not at all: a control.
    Untrained,
    /// By NT-Xent on pairs of views.
    Contrastive {
        /// See [`Recipe::augmentation`].
        augmentation: Vec<Transform>,
        /// See [`Recipe::head`].
        head: Head,
        /// Temperature τ of [`Objective::NtXent`].
        temperature: f64,
        /// See [`Recipe::optimizer`].
        optimizer: Optimizer,
        /// See [`Recipe::schedule`].
        schedule: Schedule,
    },
}

/// Trains a linear classifier on the parent's frozen encoder and tests it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearEvaluationJob {
    /// Training and test images.
    pub data: Data,
    /// The protocol.
    pub evaluation: LinearEvaluation,
    /// Seed of every random stream of the job.
    pub seed: u64,
}

impl Recipe {
    /// The pretraining job of this recipe.
    pub fn pretrain_job(&self, seed: u64) -> PretrainJob {
        PretrainJob {
            data: TrainSet { source: self.data.source, images: self.data.train_images },
            encoder: self.encoder.clone(),
            training: match self.objective {
                Objective::Untrained => Training::Untrained,
                Objective::NtXent { temperature } => Training::Contrastive {
                    augmentation: self.augmentation.clone(),
                    head: self.head.clone(),
                    temperature,
                    optimizer: self.optimizer.clone(),
                    schedule: self.schedule.clone(),
                },
            },
            seed,
        }
    }

    /// The evaluation job of this recipe.
    pub fn evaluation_job(&self, seed: u64) -> LinearEvaluationJob {
        LinearEvaluationJob { data: self.data.clone(), evaluation: self.evaluation.clone(), seed }
    }
}
