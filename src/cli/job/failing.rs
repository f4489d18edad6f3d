//! What becomes of the errors of a job.

use crate::{
    cli::{args::JobArgs, error::chain},
    schedule::{Failure, FailureClass},
    store::Store,
    train::{self, data},
};

/// Names the last checkpoint beside a loss that is not finite, for those who want to look into it.
pub(super) fn with_checkpoint(failure: Failure, args: &JobArgs) -> Failure {
    let path = Store::open(&args.store).ok().flatten().map(|store| store.checkpoint_path(args.id));
    match path.filter(|path| failure.class == FailureClass::NonFinite && path.exists()) {
        Some(path) => {
            let message = format!("{}; the last checkpoint before that is {}", failure.message, path.display());
            Failure { message, ..failure }
        }
        None => failure,
    }
}

/// Why a job is not done.
pub(super) enum JobError {
    /// It was told to stop, or nobody listens any more.
    Stopped {
        /// Whether this process has kept a checkpoint.
        kept: bool,
    },
    /// It failed.
    Failed(Failure),
}

impl From<train::Error> for JobError {
    fn from(error: train::Error) -> Self {
        let class = match error {
            train::Error::Stopped => return Self::Stopped { kept: false },
            train::Error::Data(_)
            | train::Error::Weights(_)
            | train::Error::Checkpoint(_)
            | train::Error::Evaluation(_)
            | train::Error::TooFewImages { .. } => FailureClass::BadData,
            train::Error::NonFinite { .. }
            | train::Error::NonFiniteAfter { .. }
            | train::Error::NonFiniteResult { .. } => FailureClass::NonFinite,
            train::Error::DeviceMemory { .. } => FailureClass::OutOfMemory,
            train::Error::Device { .. } => FailureClass::Device,
            train::Error::NotFrozen { .. }
            | train::Error::WrongGradients(_)
            | train::Error::NoValidation
            | train::Error::Bug { .. } => FailureClass::Bug,
        };
        Self::Failed(Failure::new(class, chain(&error)))
    }
}

impl From<data::Error> for JobError {
    fn from(error: data::Error) -> Self {
        train::Error::from(error).into()
    }
}

impl From<crate::store::Error> for JobError {
    fn from(error: crate::store::Error) -> Self {
        Self::Failed(Failure::new(FailureClass::Storage, chain(&error)))
    }
}
