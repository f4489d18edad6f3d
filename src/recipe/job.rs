//! What one job does: the part of a recipe that can change its result, and nothing else.
//!
//! These values are hashed into job ids, so two recipes that differ only in what a job does not use share that job.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Algorithm, Augmentation, Data, Encoder, Evaluation, HeadKind, Metric, Objective, OnlineProbe, Optimizer, ProbeTask,
    Protocol, Recipe, Representation, Schedule, TrainSet, Transform,
};

/// A job's complete settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum JobSpec {
    /// Makes an encoder.
    Pretrain(PretrainJob),
    /// Evaluates the parent's encoder.
    Evaluate(EvaluationJob),
}

impl JobSpec {
    /// The kind of job in one word, for people and for CSV.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Pretrain(PretrainJob { training: Training::Untrained, .. }) => "initialize",
            Self::Pretrain(PretrainJob { training: Training::Pretrained { .. }, .. }) => "import",
            Self::Pretrain(_) => "pretrain",
            Self::Evaluate(EvaluationJob { task: EvaluationTask::FineTune(_), .. }) => "fine-tune",
            Self::Evaluate(_) => "evaluate",
        }
    }
}

impl JobSpec {
    /// The same job with as many images at a time through the encoder that it trains; `None` if its batch cannot be cut
    /// like that.
    pub fn in_micro_batches(mut self, images: usize) -> Option<Self> {
        let (batch_size, micro_batch) = match &mut self {
            Self::Pretrain(PretrainJob { training: Training::Trained(trained), .. }) => {
                (trained.schedule.batch_size, &mut trained.schedule.micro_batch)
            }
            Self::Evaluate(EvaluationJob { task: EvaluationTask::FineTune(training), .. }) => {
                (training.batch_size, &mut training.micro_batch)
            }
            _ => return None,
        };
        *micro_batch = Some(images);
        (images > 0 && batch_size.is_multiple_of(images)).then_some(self)
    }

    /// Number of epochs, if the job trains by gradient steps.
    pub fn epochs(&self) -> Option<usize> {
        match self {
            Self::Pretrain(PretrainJob { training: Training::Trained(trained), .. }) => Some(trained.schedule.epochs),
            Self::Evaluate(EvaluationJob { task, .. }) => match task {
                EvaluationTask::Linear(training)
                | EvaluationTask::FineTune(training)
                | EvaluationTask::TransformationProbe { training, .. } => Some(training.epochs),
                _ => None,
            },
            Self::Pretrain(_) => None,
        }
    }

    /// The parts of the program that the job's numbers come from, by name, of those that not every job needs. What its
    /// encoder came from is in that encoder's own job.
    pub fn parts(&self) -> impl Iterator<Item = &'static str> {
        match self {
            Self::Pretrain(PretrainJob { encoder, training, .. }) => {
                let objective = match training {
                    Training::Trained(trained) => Some(trained.objective.name()),
                    Training::Untrained | Training::Pretrained { .. } => None,
                };
                [Some(encoder.precision.name()), objective]
            }
            Self::Evaluate(job) => [Some(job.task.name()), None],
        }
        .into_iter()
        .flatten()
    }

    /// The metrics that the job reports.
    pub fn metrics(&self) -> Vec<Metric> {
        let of_classifier =
            [Metric::Top1, Metric::Top5, Metric::MeanPerClass, Metric::MeanAveragePrecision, Metric::TrainTop1];
        match self {
            Self::Pretrain(PretrainJob { training: Training::Untrained | Training::Pretrained { .. }, .. }) => vec![],
            Self::Pretrain(PretrainJob { training: Training::Trained(trained), .. }) => {
                let contrastive = trained.objective.contrastive().is_some();
                let classifies = !contrastive || trained.online_probe.is_some();
                Metric::ALL
                    .into_iter()
                    .filter(|metric| match metric {
                        Metric::Loss => true,
                        Metric::ContrastiveAccuracy | Metric::ContrastiveEntropy => contrastive,
                        Metric::OnlineTop1 => classifies,
                        _ => false,
                    })
                    .collect()
            }
            Self::Evaluate(EvaluationJob { task, data, .. }) => match task {
                EvaluationTask::NearestNeighbors { .. } => vec![Metric::Top1, Metric::MeanPerClass],
                EvaluationTask::TransformationProbe { .. } => vec![Metric::Top1, Metric::TrainTop1],
                _ if data.source.is_multi_label() => vec![Metric::MeanAveragePrecision],
                _ => of_classifier.to_vec(),
            },
        }
    }
}

/// Makes an encoder: by training, or by initialization alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainJob {
    /// The training images; `None` where nothing is trained.
    pub data: Option<TrainSet>,
    /// The encoder to make.
    pub encoder: Encoder,
    /// How it is trained.
    pub training: Training,
    /// Seed of every random stream of the job; 0 where weights are taken over.
    pub seed: u64,
}

/// Whether and how an encoder is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Training {
    /// Not at all: a control.
    Untrained,
    /// Elsewhere: its weights are taken over.
    Pretrained {
        /// See [`Objective::Pretrained`].
        blake3: String,
    },
    /// By an objective.
    Trained(Box<Trained>),
}

/// How an encoder is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// See [`Recipe::augmentation`].
    pub augmentation: Augmentation,
    /// The projection head of a contrastive objective, if it has one.
    pub head: Option<ProjectionHead>,
    /// See [`Recipe::objective`]; one that trains.
    pub objective: Objective,
    /// See [`Recipe::optimizer`].
    pub optimizer: Optimizer,
    /// See [`Recipe::schedule`].
    pub schedule: Schedule,
    /// See [`Recipe::online_probe`].
    pub online_probe: Option<OnlineProbe>,
}

/// A projection head with as many layers as it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectionHead {
    /// Number of hidden layers, each with a ReLU; a linear head has none.
    pub hidden_layers: usize,
    /// Dimension of z.
    pub dimension: usize,
    /// See [`super::Head::batch_norm`].
    pub batch_norm: bool,
}

/// Evaluates the parent's encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationJob {
    /// Training and test images.
    pub data: Data,
    /// See [`Evaluation::representation`].
    pub representation: Representation,
    /// See [`Evaluation::label_fraction`].
    pub label_fraction: f64,
    /// What is done.
    pub task: EvaluationTask,
    /// Seed of every random stream of the job.
    pub seed: u64,
}

/// A [`Protocol`] with the settings that it uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum EvaluationTask {
    /// See [`Protocol::Linear`].
    Linear(ClassifierTraining),
    /// See [`Protocol::LogisticRegression`].
    LogisticRegression {
        /// Weakest and strongest λ.
        regularization: (f64, f64),
        /// Number of values.
        values: usize,
    },
    /// See [`Protocol::NearestNeighbors`].
    NearestNeighbors {
        /// Number of votes.
        neighbors: usize,
        /// Temperature of the weights, if votes are weighted.
        temperature: Option<f64>,
    },
    /// See [`Protocol::FineTune`].
    FineTune(ClassifierTraining),
    /// See [`Protocol::OwnClassifier`].
    OwnClassifier,
    /// See [`Protocol::TransformationProbe`].
    TransformationProbe {
        /// What is told apart.
        task: ProbeTask,
        /// Width of the hidden layer.
        hidden: usize,
        /// How the perceptron is trained.
        training: ClassifierTraining,
    },
}

impl EvaluationTask {
    /// Its name in a few words.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::LogisticRegression { .. } => "logistic regression",
            Self::NearestNeighbors { .. } => "nearest neighbors",
            Self::FineTune(_) => "fine-tuning",
            Self::OwnClassifier => "own classifier",
            Self::TransformationProbe { .. } => "probe",
        }
    }
}

/// How a classifier is trained by gradient steps; the learning rate follows a cosine to zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierTraining {
    /// See [`Evaluation::train_augmentation`].
    pub augmentation: Vec<Transform>,
    /// See [`Evaluation::solver`].
    pub solver: Algorithm,
    /// See [`Evaluation::epochs`].
    pub epochs: usize,
    /// See [`Evaluation::batch_size`].
    pub batch_size: usize,
    /// See [`Evaluation::micro_batch`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// See [`Evaluation::learning_rate`].
    pub learning_rate: f64,
    /// See [`Evaluation::momentum`].
    pub momentum: f64,
    /// See [`Evaluation::weight_decay`].
    pub weight_decay: f64,
}

impl Recipe {
    /// The pretraining job of this recipe.
    pub fn pretrain_job(&self, seed: u64) -> PretrainJob {
        let encoder = self.encoder.normalized();
        match &self.objective {
            Objective::Untrained => PretrainJob { data: None, encoder, training: Training::Untrained, seed },
            Objective::Pretrained { blake3, .. } => {
                let training = Training::Pretrained { blake3: blake3.to_lowercase() };
                PretrainJob { data: None, encoder, training, seed: 0 }
            }
            _ => {
                let training = Training::Trained(Box::new(self.trained()));
                PretrainJob { data: Some(self.data.train_set()), encoder, training, seed }
            }
        }
    }

    fn trained(&self) -> Trained {
        let batch_size = self.schedule.batch_size;
        let micro_batch = self.schedule.micro_batch.filter(|&size| size != batch_size);
        let supervised = self.objective == Objective::Supervised;
        // A supervised network sees one view of each image.
        let second = if supervised { Vec::new() } else { self.augmentation.second.clone() };
        Trained {
            augmentation: Augmentation { second, ..self.augmentation.clone() },
            head: self.projection_head().filter(|_| !supervised),
            objective: self.objective.clone(),
            optimizer: self.optimizer.clone(),
            schedule: Schedule { micro_batch, ..self.schedule.clone() },
            online_probe: self.online_probe.clone().filter(|_| !supervised),
        }
    }

    fn projection_head(&self) -> Option<ProjectionHead> {
        let hidden_layers = match self.head.kind {
            HeadKind::Identity => return None,
            HeadKind::Linear => 0,
            HeadKind::Nonlinear => self.head.hidden_layers,
        };
        Some(ProjectionHead { hidden_layers, dimension: self.head.dimension, batch_norm: self.head.batch_norm })
    }

    /// Where the pretraining job finds what it reads: the weights that it takes over, or the folder of its data files.
    pub fn pretrain_source(&self) -> Option<PathBuf> {
        match &self.objective {
            Objective::Pretrained { file, .. } => Some(file.clone()),
            _ => self.data.folder.clone(),
        }
    }

    /// What is evaluated on: other data where the encoder is transferred, else those of the pretraining.
    pub(super) fn evaluation_data(&self) -> &Data {
        self.evaluation.transfer_data.as_ref().unwrap_or(&self.data)
    }

    /// Folder of the data files of the evaluation job.
    pub fn evaluation_source(&self) -> Option<PathBuf> {
        self.evaluation_data().folder.clone()
    }

    /// The evaluation job of this recipe.
    pub fn evaluation_job(&self, seed: u64) -> EvaluationJob {
        let evaluation = &self.evaluation;
        let data = self.evaluation_data();
        EvaluationJob {
            data: match evaluation.protocol {
                Protocol::LogisticRegression { .. } => data.normalized(),
                _ => data.normalized().without_validation(),
            },
            representation: evaluation.representation,
            label_fraction: evaluation.label_fraction,
            task: evaluation.task(),
            seed,
        }
    }
}

impl Evaluation {
    fn task(&self) -> EvaluationTask {
        let training = || ClassifierTraining {
            augmentation: self.train_augmentation.clone(),
            solver: self.solver.clone(),
            epochs: self.epochs,
            batch_size: self.batch_size,
            micro_batch: None,
            learning_rate: self.learning_rate,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
        };
        match self.protocol {
            Protocol::Linear => EvaluationTask::Linear(training()),
            Protocol::LogisticRegression { regularization, values } => {
                EvaluationTask::LogisticRegression { regularization, values }
            }
            Protocol::NearestNeighbors { neighbors, temperature } => {
                EvaluationTask::NearestNeighbors { neighbors, temperature }
            }
            Protocol::FineTune => {
                let micro_batch = self.micro_batch.filter(|&size| size != self.batch_size);
                EvaluationTask::FineTune(ClassifierTraining { micro_batch, ..training() })
            }
            Protocol::OwnClassifier => EvaluationTask::OwnClassifier,
            Protocol::TransformationProbe { task, hidden } => {
                let training = ClassifierTraining { augmentation: Vec::new(), ..training() };
                EvaluationTask::TransformationProbe { task, hidden, training }
            }
        }
    }
}
