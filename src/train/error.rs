//! What can go wrong in a job.

use std::fmt;

use super::{
    data,
    evaluation::{self, ErrorKind},
    model::WeightsError,
    optimizer::WrongGradients,
};

/// A job that cannot go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The images cannot be had.
    Data(data::Error),
    /// A loss is infinite or not a number.
    NonFinite {
        /// What was being trained.
        what: &'static str,
        /// Step at which it happened, counted from 1.
        step: usize,
        /// Epoch at which it happened, counted from 1.
        epoch: usize,
        /// Learning rate of that step.
        learning_rate: f64,
        /// The loss.
        loss: f64,
    },
    /// A weight was found to be infinite or not a number when a checkpoint was to be kept.
    NonFiniteAfter {
        /// What it is.
        what: &'static str,
        /// Steps done, the last of which made it so or one before it.
        step: usize,
        /// Learning rate of the last step.
        learning_rate: f64,
    },
    /// A weight or a score is infinite or not a number after training.
    NonFiniteResult {
        /// What is not finite.
        what: &'static str,
    },
    /// There are fewer images than a batch has.
    TooFewImages {
        /// Number of images.
        images: usize,
        /// Images per step.
        batch_size: usize,
    },
    /// Weights cannot be written or read.
    Weights(WeightsError),
    /// The state of an unfinished job cannot be gone on from.
    Checkpoint(WeightsError),
    /// The frozen network changed while it was evaluated: a bug.
    NotFrozen {
        /// The tensors that changed.
        tensors: Vec<String>,
    },
    /// A step would not train exactly what is to be trained: a bug.
    WrongGradients(WrongGradients),
    /// Features or labels cannot be evaluated.
    Evaluation(evaluation::Error),
    /// The protocol chooses a setting on validation images, and there are none.
    NoValidation,
    /// The GPU has too little memory.
    DeviceMemory {
        /// What the backend said.
        what: String,
    },
    /// The GPU, its driver or its backend failed.
    Device {
        /// What the backend said.
        what: String,
    },
    /// Something that cannot be.
    Bug {
        /// What, as a sentence without its period.
        what: &'static str,
    },
    /// Whoever watches asked to stop.
    Stopped,
}

impl Error {
    /// The same, with the steps after which it was found and the learning rate of the last of them.
    pub(super) fn after(self, step: usize, learning_rate: f64) -> Self {
        match self {
            Self::NonFiniteResult { what } => Self::NonFiniteAfter { what, step, learning_rate },
            other => other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::NonFinite { what, step, epoch, learning_rate, loss } => write!(
                f,
                "the {what} loss became {loss} at step {step} (epoch {epoch}, learning rate {learning_rate:.3e}): \
                 lower the learning rate or warm up longer"
            ),
            Self::NonFiniteAfter { what, step, learning_rate } => write!(
                f,
                "{what} was infinite or not a number after step {step} (learning rate {learning_rate:.3e}): lower the \
                 learning rate or warm up longer"
            ),
            Self::NonFiniteResult { what } => {
                write!(f, "{what} became infinite or not a number: lower the learning rate or warm up longer")
            }
            Self::TooFewImages { images, batch_size } => {
                write!(f, "a batch of {batch_size} does not fit the {images} images at hand: lower the batch size")
            }
            Self::Weights(error) => write!(f, "bad encoder checkpoint: {error}"),
            Self::Checkpoint(error) => write!(f, "the checkpoint cannot be gone on from: {error}"),
            Self::NotFrozen { tensors } => {
                write!(f, "the frozen network changed while it was evaluated ({}); this is a bug", tensors.join(", "))
            }
            Self::WrongGradients(error) => write!(f, "{error}; this is a bug"),
            Self::Evaluation(error) => error.fmt(f),
            Self::NoValidation => {
                f.write_str("logistic regression needs validation images: set data.validation_images")
            }
            Self::DeviceMemory { what } => write!(f, "the GPU has too little memory: {what}"),
            Self::Device { what } => write!(f, "the GPU failed: {what}"),
            Self::Bug { what } => write!(f, "{what}; this is a bug"),
            Self::Stopped => f.write_str("stopped on request"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Data(error) => Some(error),
            Self::Weights(error) | Self::Checkpoint(error) => Some(error),
            Self::WrongGradients(error) => Some(error),
            Self::Evaluation(error) => Some(error),
            Self::NonFinite { .. }
            | Self::NonFiniteAfter { .. }
            | Self::NonFiniteResult { .. }
            | Self::TooFewImages { .. }
            | Self::NotFrozen { .. }
            | Self::NoValidation
            | Self::DeviceMemory { .. }
            | Self::Device { .. }
            | Self::Bug { .. }
            | Self::Stopped => None,
        }
    }
}

impl From<data::Error> for Error {
    fn from(error: data::Error) -> Self {
        match error.kind {
            data::ErrorKind::Stopped => Self::Stopped,
            _ => Self::Data(error),
        }
    }
}

impl From<evaluation::Error> for Error {
    fn from(error: evaluation::Error) -> Self {
        if error.kind == ErrorKind::Stopped { Self::Stopped } else { Self::Evaluation(error) }
    }
}

impl From<WrongGradients> for Error {
    fn from(error: WrongGradients) -> Self {
        Self::WrongGradients(error)
    }
}

impl From<WeightsError> for Error {
    fn from(error: WeightsError) -> Self {
        Self::Weights(error)
    }
}
