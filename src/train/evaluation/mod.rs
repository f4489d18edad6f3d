//! The mathematics of the evaluation protocols: pure functions of features, labels and images.
//!
//! Nothing here reads a recipe or a file. All sums are cut by shape and added in order, so the bits do not depend on
//! the number of threads.

mod error;
mod features;
mod fingerprint;
mod grid;
pub mod knn;
pub mod lbfgs;
mod line_search;
mod logistic;
mod loss;
pub mod metrics;
mod one_vs_rest;
mod precision;

pub use error::{Error, ErrorKind};
pub use features::{Features, Labeled};
pub use fingerprint::Fingerprint;
pub use grid::{GridPoint, GridSearch, grid_search, log_spaced};
pub use lbfgs::{Limits, Stop};
pub use logistic::{Classifier, Fit, fit};
pub use loss::loss_and_gradient;
pub use one_vs_rest::{Showing, grid_search_of_each};
pub use precision::{MeanAveragePrecision, average_precision, mean_average_precision};
