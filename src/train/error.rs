//! What can go wrong in a job.

use std::fmt;

use super::{data, evaluation, model::WeightsError};

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
    /// A checkpoint cannot be written or read.
    Weights(WeightsError),
    /// The frozen network changed while it was evaluated: a bug.
    NotFrozen {
        /// The tensors that changed.
        tensors: Vec<String>,
    },
    /// Features or labels cannot be evaluated.
    Evaluation(evaluation::Error),
    /// The protocol chooses a setting on validation images, and there are none.
    NoValidation,
    /// A training job names no objective that trains: a bug.
    NoObjective,
    /// Whoever watches asked to stop.
    Stopped,
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
            Self::Weights(error) => write!(f, "bad encoder checkpoint: {error}"),
            Self::NotFrozen { tensors } => {
                write!(f, "the frozen network changed while it was evaluated ({}); this is a bug", tensors.join(", "))
            }
            Self::Evaluation(error) => error.fmt(f),
            Self::NoValidation => {
                f.write_str("logistic regression needs validation images: set data.validation_images")
            }
            Self::NoObjective => f.write_str("the job has nothing to train by; this is a bug"),
            Self::Stopped => f.write_str("stopped on request"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Data(error) => Some(error),
            Self::Weights(error) => Some(error),
            Self::Evaluation(error) => Some(error),
            Self::NonFinite { .. }
            | Self::NotFrozen { .. }
            | Self::NoValidation
            | Self::NoObjective
            | Self::Stopped => None,
        }
    }
}

impl From<data::Error> for Error {
    fn from(error: data::Error) -> Self {
        Self::Data(error)
    }
}

impl From<evaluation::Error> for Error {
    fn from(error: evaluation::Error) -> Self {
        Self::Evaluation(error)
    }
}

impl From<WeightsError> for Error {
    fn from(error: WeightsError) -> Self {
        Self::Weights(error)
    }
}
