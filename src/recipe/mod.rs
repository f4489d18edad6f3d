//! Plain typed values that describe one training job completely; no IO, no behavior beyond checking and patching.
//!
//! A [`Recipe`] holds every setting of a trial. Nothing is implicit: each field must be written in the sweep
//! file's `base`, and axes change fields through the [`RecipePatch`] that each recipe struct derives.

mod augmentation;
mod data;
mod encoder;
mod evaluation;
mod job;
mod metric;
mod objective;
mod optimizer;
mod patch;
mod schedule;
mod validate;

pub use augmentation::{Interpolation, Transform};
pub use data::{Data, DataPatch, DataSource, TrainSet};
pub use encoder::{Architecture, Encoder, EncoderPatch, Head, HeadKind, HeadPatch, Stem};
pub use evaluation::{LinearEvaluation, LinearEvaluationPatch};
pub use job::{JobSpec, LinearEvaluationJob, PretrainJob, Training};
pub use metric::{Metric, Metrics};
pub use objective::Objective;
pub use optimizer::{Algorithm, LearningRate, Optimizer, OptimizerPatch};
pub use patch::Patchable;
pub use schedule::{Decay, Schedule, SchedulePatch};
pub use validate::Problem;

use patch::patchable;

patchable! {
    /// All settings of one trial: SimCLR pretraining followed by an evaluation of the frozen encoder.
    pub struct Recipe patched by RecipePatch {
        /// The images to train and test on.
        pub data: Data,
        /// The random transformations that make one view of an image, in order (paper §3, Algorithm 1).
        pub augmentation: Vec<Transform>,
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
        /// How the frozen encoder is evaluated.
        pub evaluation: LinearEvaluation,
    }
}
