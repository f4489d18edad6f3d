//! Which jobs are alike as far as their duration goes.

use serde::Serialize;

use crate::{
    plan::{
        Job,
        cost::{forward_macs, head_parameters, kept_values},
    },
    recipe::{Encoder, EvaluationJob, EvaluationTask, JobSpec, Objective, PretrainJob, Training},
};

/// How much two jobs have in common, from most to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All but the seed; for an evaluation, the network that it evaluates instead of the job that trained it.
    Recipe,
    /// The work per image: kind of job and task, network, image size, batch.
    Shape,
    /// The same but for the batch.
    Network,
    /// The kind of job.
    Kind,
    /// The device alone.
    Device,
}

/// What a job's duration follows from, apart from the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likeness {
    recipe: Recipe,
    shape: Shape,
}

/// Hash of all settings but the seed.
type Recipe = [u8; 32];

/// What fixes the work per image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    kind: &'static str,
    task: &'static str,
    /// Multiply-accumulates of one image forward, as bits: they are compared, never counted with.
    forward: u64,
    /// Values that such a pass keeps: networks of equal work may differ in them.
    kept: usize,
    image_size: usize,
    /// Images per step; 0 where there are no steps.
    batch: usize,
    /// Images at a time, if the recipe says so.
    micro_batch: Option<usize>,
    /// Whether images are transformed and encoded anew in every epoch.
    augmented: bool,
}

/// What the samples of one fit have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Recipe(Recipe, Shape),
    Shape(Shape),
    Network(Shape),
    Kind(&'static str),
    Device,
}

impl Key {
    pub(super) fn level(&self) -> Level {
        match self {
            Self::Recipe(..) => Level::Recipe,
            Self::Shape(_) => Level::Shape,
            Self::Network(_) => Level::Network,
            Self::Kind(_) => Level::Kind,
            Self::Device => Level::Device,
        }
    }
}

impl Likeness {
    /// What the duration of a job follows from; `parent` is the job whose encoder it evaluates. `None` for an
    /// evaluation without one.
    pub fn of(job: &Job, parent: Option<&Job>) -> Option<Self> {
        let kind = job.spec.kind();
        match &*job.spec {
            JobSpec::Pretrain(job) => {
                let recipe = hash(&(&job.data, &job.encoder, &job.training))?;
                Some(Self { recipe, shape: Shape::of_pretraining(kind, job) })
            }
            JobSpec::Evaluate(job) => {
                let JobSpec::Pretrain(PretrainJob { encoder, .. }) = &*parent?.spec else { return None };
                let recipe = hash(&(&job.data, job.representation, job.label_fraction, &job.task))?;
                Some(Self { recipe, shape: Shape::of_evaluation(kind, job, encoder) })
            }
        }
    }

    /// The most that two jobs have in common.
    pub fn with(&self, other: &Self) -> Level {
        let levels = [Level::Recipe, Level::Shape, Level::Network, Level::Kind];
        levels.into_iter().find(|&level| self.key(level) == other.key(level)).unwrap_or(Level::Device)
    }

    pub(super) fn key(&self, level: Level) -> Key {
        match level {
            Level::Recipe => Key::Recipe(self.recipe, self.shape),
            Level::Shape => Key::Shape(self.shape),
            Level::Network => Key::Network(Shape { batch: 0, micro_batch: None, ..self.shape }),
            Level::Kind => Key::Kind(self.shape.kind),
            Level::Device => Key::Device,
        }
    }
}

/// The hash of settings; `None` if they cannot be written, which none of a job's does.
fn hash(settings: &impl Serialize) -> Option<Recipe> {
    Some(*blake3::hash(&serde_json::to_vec(settings).ok()?).as_bytes())
}

impl Shape {
    fn of_evaluation(kind: &'static str, job: &EvaluationJob, encoder: &Encoder) -> Self {
        let (batch, micro_batch, augmented) = task(&job.task);
        let image_size = job.data.image_size();
        let (forward, kept) = (forward_macs(encoder, image_size).to_bits(), kept_values(encoder, image_size));
        Self { kind, task: job.task.name(), forward, kept, image_size, batch, micro_batch, augmented }
    }

    fn of_pretraining(kind: &'static str, job: &PretrainJob) -> Self {
        let PretrainJob { encoder, data, training, .. } = job;
        let image_size = data.map_or(1, |data| data.image_size());
        let (mut forward, kept) = (forward_macs(encoder, image_size), kept_values(encoder, image_size));
        let (task, batch, micro_batch) = match training {
            Training::Trained(trained) => {
                forward += trained.head.as_ref().map_or(0.0, |head| head_parameters(head, encoder) as f64);
                let task = if trained.objective == Objective::Supervised { "supervised" } else { "contrastive" };
                (task, trained.schedule.batch_size, trained.schedule.micro_batch)
            }
            Training::Untrained | Training::Pretrained { .. } => ("none", 0, None),
        };
        Self { kind, task, forward: forward.to_bits(), kept, image_size, batch, micro_batch, augmented: batch > 0 }
    }
}

/// The batch of a task, its micro-batch, and whether it passes images through the encoder in every epoch.
fn task(task: &EvaluationTask) -> (usize, Option<usize>, bool) {
    match task {
        EvaluationTask::Linear(training) => (training.batch_size, None, !training.augmentation.is_empty()),
        EvaluationTask::LogisticRegression { .. }
        | EvaluationTask::NearestNeighbors { .. }
        | EvaluationTask::OwnClassifier => (0, None, false),
        EvaluationTask::FineTune(training) => (training.batch_size, training.micro_batch, true),
        EvaluationTask::TransformationProbe { training, .. } => (training.batch_size, None, true),
    }
}
