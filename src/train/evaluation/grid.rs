//! The choice of the regularization strength on a validation split (paper appendix B.8.1).

use super::{
    error::{Error, ErrorKind},
    features::{Features, Labeled},
    lbfgs::{Limits, Stop},
    logistic::{Classifier, Fit, fit_whole},
    metrics::{accuracy, top_k_hits},
};

/// One strength that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct GridPoint {
    /// λ.
    pub lambda: f64,
    /// Accuracy on the validation split in percent; ties count against. Where images show several classes, the mean
    /// average precision.
    pub validation: f64,
    /// Loss on the training split.
    pub loss: f64,
    /// Steps of L-BFGS.
    pub iterations: usize,
    /// Why L-BFGS stopped.
    pub stop: Stop,
}

impl GridPoint {
    /// Before anything was trained with it.
    pub(super) fn untried(lambda: f64) -> Self {
        Self { lambda, validation: f64::NAN, loss: 0.0, iterations: 0, stop: Stop::Converged }
    }

    /// Adds the classifier of one of several classes: losses as their mean, steps as their sum.
    pub(super) fn add(&mut self, fit: &Fit, classes: usize) {
        self.loss += fit.loss / classes as f64;
        self.iterations += fit.iterations;
        if fit.stop != Stop::Converged {
            self.stop = fit.stop;
        }
    }
}

/// The outcome of a grid search.
#[derive(Clone, Debug, PartialEq)]
pub struct GridSearch {
    /// The strength with the best validation; the largest of equally good ones.
    pub lambda: f64,
    /// All strengths, ascending.
    pub curve: Vec<GridPoint>,
    /// The classifier of the chosen strength, trained on both splits together.
    pub fit: Fit,
}

/// `count` numbers from `low` to `high`, both above 0 and included, at equal ratios; the paper takes 45 from 1e-6 to 1e5.
pub fn log_spaced(low: f64, high: f64, count: usize) -> Vec<f64> {
    let at = |index: usize| match index {
        0 => low,
        _ if index + 1 == count => high,
        _ => low * (high / low).powf(index as f64 / (count - 1) as f64),
    };
    (0..count).map(at).collect()
}

/// Trains on `train` with every λ, chooses by accuracy on `validation` and trains again on both.
///
/// The strengths are gone through from the largest to the smallest, each training starting from the one before; the
/// last one starts from the chosen classifier. All is given up when `go_on`, asked before each step, says no.
pub fn grid_search(
    train: Labeled<'_>,
    validation: Labeled<'_>,
    lambdas: &[f64],
    limits: Limits,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<GridSearch, Error> {
    train.check_like(validation)?;
    let mut fit = |data, lambda, start| fit_whole(data, lambda, start, limits, go_on);
    let mut descending = lambdas.to_vec();
    descending.sort_by(|a, b| b.total_cmp(a));
    let mut start = Classifier::zeros(train.features.dimension(), train.classes());
    let mut best: Option<(f64, f64, Classifier)> = None;
    let mut curve = Vec::with_capacity(descending.len());
    for lambda in descending {
        let Fit { classifier, loss, iterations, stop, .. } = fit(train, lambda, start)?;
        let logits = classifier.logits(validation.features)?;
        let validation = accuracy(&top_k_hits(&logits, validation.labels(), validation.classes(), 1));
        if best.as_ref().is_none_or(|(_, highest, _)| validation > *highest) {
            best = Some((lambda, validation, classifier.clone()));
        }
        curve.push(GridPoint { lambda, validation, loss, iterations, stop });
        start = classifier;
    }
    curve.reverse();
    let (lambda, _, start) = best.ok_or(ErrorKind::Lambda { lambda: None })?;
    let values = [train.features.values(), validation.features.values()].concat();
    let labels = [train.labels(), validation.labels()].concat();
    let both = Labeled::new(Features::new(&values, train.features.dimension())?, &labels, train.classes())?;
    Ok(GridSearch { lambda, curve, fit: fit(both, lambda, start)? })
}

#[cfg(test)]
mod tests {
    use super::{super::logistic::fit, *};

    const LIMITS: Limits = Limits { iterations: 200, gradient: 1e-8 };

    #[test]
    fn the_papers_grid() {
        let grid = log_spaced(1e-6, 1e5, 45);
        assert_eq!((grid.len(), grid[0], grid[44]), (45, 1e-6, 1e5));
        for pair in grid.windows(2) {
            assert!((pair[1] / pair[0] - 10_f64.powf(0.25)).abs() < 1e-12);
        }
        assert_eq!(log_spaced(2.0, 3.0, 1), [2.0]);
    }

    #[test]
    fn of_equally_good_strengths_the_largest_is_chosen() {
        let features = Features::new(&[-2.0, -1.0, 1.0, 2.0], 1).unwrap();
        let data = Labeled::new(features, &[0, 0, 1, 1], 2).unwrap();
        let search = grid_search(data, data, &[1e-3, 10.0, 0.1], LIMITS, &mut || true).unwrap();
        assert_eq!(search.curve.iter().map(|point| point.lambda).collect::<Vec<_>>(), [1e-3, 0.1, 10.0]);
        assert!(search.curve.iter().all(|point| (point.validation, point.stop) == (100.0, Stop::Converged)));
        assert_eq!(search.lambda, 10.0);
    }

    #[test]
    fn the_last_training_sees_both_splits() {
        let (one, two) = (Features::new(&[-1.0, 1.0], 1).unwrap(), Features::new(&[3.0, 2.0, 0.5], 1).unwrap());
        let train = Labeled::new(one, &[0, 1], 2).unwrap();
        let validation = Labeled::new(two, &[0, 1, 0], 2).unwrap();
        let search = grid_search(train, validation, &[0.5], LIMITS, &mut || true).unwrap();
        let all = Features::new(&[-1.0, 1.0, 3.0, 2.0, 0.5], 1).unwrap();
        let all = Labeled::new(all, &[0, 1, 0, 1, 0], 2).unwrap();
        let direct = fit(all, 0.5, Classifier::zeros(1, 2), LIMITS, &mut || true).unwrap();
        assert!((search.fit.loss - direct.loss).abs() < 1e-12);
    }

    #[test]
    fn grids_that_make_no_sense_are_refused() {
        let data = Labeled::new(Features::new(&[1.0, 2.0], 1).unwrap(), &[0, 1], 2).unwrap();
        let text = |lambdas: &[f64]| grid_search(data, data, lambdas, LIMITS, &mut || true).unwrap_err().to_string();
        let stopped = grid_search(data, data, &[0.1], LIMITS, &mut || false).unwrap_err();
        assert_eq!(stopped.kind, ErrorKind::Stopped);
        assert_eq!(text(&[]), "the grid has no regularization strength to choose from");
        assert_eq!(text(&[-1.0]), "the regularization strength -1 is not a finite number of 0 or more");
        assert_eq!(text(&[f64::NAN]), "the regularization strength NaN is not a finite number of 0 or more");
    }
}
