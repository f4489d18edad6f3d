//! Plain typed values that describe one training job completely; no IO, no behavior beyond checking and patching.
//!
//! A [`Recipe`] holds every setting of a trial. Each field must be written in the sweep file's `base`, except for the
//! [`OPTIONAL_FIELDS`]; axes change fields through the [`RecipePatch`] that each recipe struct derives.

mod augmentation;
mod data;
mod encoder;
mod evaluation;
pub mod explain;
mod job;
mod metric;
mod objective;
mod optimizer;
mod patch;
mod schedule;
mod validate;

pub use augmentation::{
    Augmentation, AugmentationPatch, BoxSampling, Brightness, Interpolation, JitterOrder, Policy, Transform,
};
pub use data::{CENTER_CROP, Count, Data, DataPatch, DataSource, TrainSet};
pub use encoder::{
    Architecture, BlockKind, Encoder, EncoderPatch, Head, HeadKind, HeadPatch, InputNormalization, Precision,
    ProjectionShortcut, Stem,
};
pub use evaluation::{Evaluation, EvaluationPatch, ProbeTask, Protocol, Representation};
pub use job::{
    ClassifierTraining, EvaluationJob, EvaluationTask, JobSpec, PretrainJob, ProjectionHead, Trained, Training,
};
pub use metric::{Metric, Metrics};
pub use objective::{Contrastive, Loss, Mining, Negatives, Objective};
pub use optimizer::{Algorithm, LearningRate, OnlineProbe, Optimizer, OptimizerPatch};
pub use patch::Patchable;
pub use schedule::{Decay, Schedule, SchedulePatch};
pub use validate::Problem;

use patch::patchable;

patchable! {
    /// All settings of one trial: SimCLR pretraining followed by an evaluation of the frozen encoder.
    pub struct Recipe patched by RecipePatch {
        /// The images to train and test on.
        pub data: Data,
        /// The random transformations that make the views of an image (paper §3, Algorithm 1).
        pub augmentation: Augmentation,
        /// The encoder f(·) whose output h is evaluated.
        pub encoder: Encoder,
        /// The projection head g(·) between h and the loss.
        pub head: Head,
        /// What pretraining minimizes.
        pub objective: Objective,
        /// How pretraining minimizes it.
        pub optimizer: Optimizer,
        /// How long, and in what batches, pretraining runs.
        pub schedule: Schedule,
        /// A linear classifier trained beside the encoder, on h without a gradient into it; none unless written.
        /// Supervised training has a classifier of its own and uses none.
        #[serde(default)]
        pub online_probe: Option<OnlineProbe>,
        /// How the encoder is evaluated.
        pub evaluation: Evaluation,
    }
}

/// The fields that may be left out of a complete recipe; the documentation of each says what holds then.
pub const OPTIONAL_FIELDS: [&str; 28] = [
    "subset_seed",
    "first",
    "second",
    "sampling",
    "order",
    "brightness",
    "validation_images",
    "corrupt_images",
    "image_size",
    "center_crop",
    "folder",
    "contents",
    "short_side",
    "projection_shortcut",
    "input_normalization",
    "precision",
    "hidden_layers",
    "normalize",
    "negatives",
    "mining",
    "micro_batch",
    "online_probe",
    "protocol",
    "representation",
    "label_fraction",
    "transfer_data",
    "train_augmentation",
    "solver",
];
