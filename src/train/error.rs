//! What can go wrong in a job.

use std::fmt;

use super::{data, model::WeightsError};

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
    /// The frozen encoder changed while it was evaluated: a bug.
    NotFrozen,
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
            Self::NotFrozen => f.write_str("the encoder's weights changed during linear evaluation; this is a bug"),
            Self::Stopped => f.write_str("stopped on request"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Data(error) => Some(error),
            Self::Weights(error) => Some(error),
            Self::NonFinite { .. } | Self::NotFrozen | Self::Stopped => None,
        }
    }
}

impl From<data::Error> for Error {
    fn from(error: data::Error) -> Self {
        Self::Data(error)
    }
}

impl From<WeightsError> for Error {
    fn from(error: WeightsError) -> Self {
        Self::Weights(error)
    }
}
