//! Multinomial logistic regression with an L2 penalty on frozen features (paper appendix B.8.1).

use rayon::prelude::*;

use super::{
    error::{Error, ErrorKind},
    features::{Features, Labeled},
    lbfgs::{Limits, Stop, minimize},
    loss::{block_rows, logits, loss_and_gradient},
};
use crate::train::ops::Matrix;

/// A linear classifier: the logits of features x are W x + b.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    /// Number of classes.
    pub classes: usize,
    /// W `[d, classes]`, then b `[classes]`.
    pub parameters: Vec<f64>,
}

impl Classifier {
    /// All zeros: undecided.
    pub fn zeros(dimension: usize, classes: usize) -> Self {
        Self { classes, parameters: vec![0.0; (dimension + 1) * classes] }
    }

    /// Number of features per image, d.
    pub fn dimension(&self) -> usize {
        self.parameters.len() / self.classes - 1
    }

    /// Logits `[n, classes]`.
    pub fn logits(&self, features: Features<'_>) -> Result<Vec<f64>, Error> {
        let (dimension, classes) = (features.dimension(), self.classes);
        if dimension != self.dimension() {
            let (first, second) = (self.dimension(), dimension);
            return Err(ErrorKind::Mismatch { what: "features per image", first, second }.into());
        }
        let (weights, biases) = self.parameters.split_at(dimension * classes);
        let rows = block_rows(dimension);
        let mut output = vec![0.0; features.images() * classes];
        features.values().par_chunks(rows * dimension).zip(output.par_chunks_mut(rows * classes)).for_each_init(
            Default::default,
            |(x, block): &mut (Vec<f64>, Vec<f64>), (features, output)| {
                logits(features, dimension, Matrix::new(weights, dimension, classes), biases, x, block);
                output.copy_from_slice(block);
            },
        );
        Ok(output)
    }
}

/// The classifier of one λ and how its training ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The classifier.
    pub classifier: Classifier,
    /// Mean cross-entropy plus λ/2 ‖W‖², in nats.
    pub loss: f64,
    /// The largest component of the gradient, in absolute value.
    pub gradient: f64,
    /// Steps of L-BFGS.
    pub iterations: usize,
    /// Why L-BFGS stopped; anything but [`Stop::Converged`] is to be reported with the result.
    pub stop: Stop,
}

/// As [`fit`], but that it was asked to stop is an error.
pub(super) fn fit_whole(
    data: Labeled<'_>,
    lambda: f64,
    start: Classifier,
    limits: Limits,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Fit, Error> {
    match fit(data, lambda, start, limits, go_on)? {
        Fit { stop: Stop::Asked, .. } => Err(ErrorKind::Stopped.into()),
        fit => Ok(fit),
    }
}

/// Minimizes mean cross-entropy + λ/2 ‖W‖² by L-BFGS from `start`; the biases are not regularized.
///
/// This is scikit-learn's `LogisticRegression` with C = 1 / (λ n). With λ > 0 the minimum is unique but for a constant
/// added to all biases, so the start matters for time only; from zeros, weights and biases sum to zero over the classes.
/// One class against the rest, for images that show several, is the case of two classes: the binary penalty
/// λ/2 ‖w‖² equals this one with 2 λ, as w = w₁ - w₀ and w₁ = -w₀.
///
/// Stops with [`Stop::Asked`] when `go_on`, asked before each step, says no.
pub fn fit(
    data: Labeled<'_>,
    lambda: f64,
    start: Classifier,
    limits: Limits,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Fit, Error> {
    if !(lambda.is_finite() && lambda >= 0.0) {
        return Err(ErrorKind::Lambda { lambda: Some(lambda) }.into());
    }
    let (dimension, classes) = (data.features.dimension(), data.classes());
    if start.dimension() != dimension || start.classes != classes {
        let (first, second) = (start.parameters.len(), (dimension + 1) * classes);
        return Err(ErrorKind::Mismatch { what: "the classifier's parameters", first, second }.into());
    }
    let minimum =
        minimize(start.parameters, limits, go_on, |point, gradient| loss_and_gradient(data, lambda, point, gradient));
    Ok(Fit {
        classifier: Classifier { classes, parameters: minimum.point },
        loss: minimum.value,
        gradient: minimum.gradient,
        iterations: minimum.iterations,
        stop: minimum.stop,
    })
}
