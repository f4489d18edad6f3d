//! Logistic regression of each class against the rest, for images that show several classes (VOC 2007; paper appendix
//! B.8.1 does not say how its classifier does that).

use super::{
    error::{Error, ErrorKind},
    features::{Features, Labeled, check_dimensions},
    grid::{GridPoint, GridSearch},
    lbfgs::{Limits, Stop},
    logistic::{Classifier, Fit, fit_whole},
    precision::mean_average_precision,
};

/// Features of images that show several classes.
#[derive(Clone, Copy, Debug)]
pub struct Showing<'a> {
    features: Features<'a>,
    shown: &'a [Option<bool>],
    classes: usize,
}

impl<'a> Showing<'a> {
    /// `shown` `[n, classes]` says whether each image shows each class; none where that is not to be counted.
    pub fn new(features: Features<'a>, shown: &'a [Option<bool>], classes: usize) -> Result<Self, Error> {
        let images = features.images();
        if classes == 0 || shown.len() != images * classes {
            return Err(ErrorKind::Labels { labels: shown.len() / classes.max(1), images }.into());
        }
        Ok(Self { features, shown, classes })
    }

    /// The features of the images that count for a class, and whether they show it.
    fn of_class(self, class: usize) -> (Vec<f32>, Vec<u16>) {
        let rows = self.features.values().chunks_exact(self.features.dimension());
        let counted = rows.zip(self.shown.chunks_exact(self.classes));
        let counted: Vec<_> = counted.filter_map(|(row, shown)| Some((row, u16::from(shown[class]?)))).collect();
        (counted.iter().flat_map(|(row, _)| *row).copied().collect(), counted.iter().map(|(_, label)| *label).collect())
    }
}

/// Trains a classifier of each class with every λ, chooses one λ for all by the mean average precision on `validation`,
/// and trains again on both; [`GridPoint::validation`] is that precision in percent.
///
/// Of one class, this minimizes mean cross-entropy of σ(wᵀx + b) plus λ/2 ‖w‖², as scikit-learn's `LogisticRegression`
/// of two classes does with C = 1 / (λ n); images that do not count for the class are left out. The strengths are gone
/// through as [`grid_search`](super::grid_search) does.
pub fn grid_search_of_each(
    train: Showing<'_>,
    validation: Showing<'_>,
    lambdas: &[f64],
    limits: Limits,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<GridSearch, Error> {
    check_dimensions(train.features, validation.features)?;
    let (classes, images) = (train.classes, validation.features.images());
    let mut ascending = lambdas.to_vec();
    ascending.sort_by(f64::total_cmp);
    let mut curve: Vec<GridPoint> = ascending.iter().map(|&lambda| GridPoint::untried(lambda)).collect();
    let mut scores = vec![vec![0.0; images * classes]; ascending.len()];
    // Class by class, so that the features of each are gathered once; the classifiers are kept to start from again.
    let mut starts = Vec::with_capacity(classes);
    for class in 0..classes {
        let (values, labels) = train.of_class(class);
        let data = Labeled::new(Features::new(&values, train.features.dimension())?, &labels, 2)?;
        let mut start = Classifier::zeros(train.features.dimension(), 2);
        let mut of_class = vec![start.clone(); ascending.len()];
        for (place, point) in curve.iter_mut().enumerate().rev() {
            let fit = binary(data, point.lambda, start, limits, go_on)?;
            point.add(&fit, classes);
            let logits = fit.classifier.logits(validation.features)?;
            scores[place].chunks_exact_mut(classes).zip(logits.chunks_exact(2)).for_each(|(row, logits)| {
                row[class] = logits[1] - logits[0];
            });
            of_class[place] = fit.classifier.clone();
            start = fit.classifier;
        }
        starts.push(of_class);
    }
    let shown = |image: usize, class: usize| validation.shown[image * classes + class];
    let mut best: Option<usize> = None;
    for (place, scores) in scores.iter().enumerate().rev() {
        curve[place].validation = mean_average_precision(scores, classes, shown).mean;
        // From the largest strength on, so that of equally good ones it stays.
        if best.is_none_or(|best| curve[place].validation > curve[best].validation) {
            best = Some(place);
        }
    }
    let best = best.ok_or(ErrorKind::Lambda { lambda: None })?;
    let lambda = ascending[best];
    let values = [train.features.values(), validation.features.values()].concat();
    let shown = [train.shown, validation.shown].concat();
    let both = Showing::new(Features::new(&values, train.features.dimension())?, &shown, classes)?;
    let starts = starts.into_iter().map(|mut of_class| of_class.swap_remove(best));
    Ok(GridSearch { lambda, curve, fit: fit_each(both, lambda, starts, limits, go_on)? })
}

/// A classifier of each class, as one.
fn fit_each(
    data: Showing<'_>,
    lambda: f64,
    starts: impl Iterator<Item = Classifier>,
    limits: Limits,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Fit, Error> {
    let (dimension, classes) = (data.features.dimension(), data.classes);
    let mut all = Fit {
        classifier: Classifier::zeros(dimension, classes),
        loss: 0.0,
        gradient: 0.0,
        iterations: 0,
        stop: Stop::Converged,
    };
    for (class, start) in starts.enumerate() {
        let (values, labels) = data.of_class(class);
        let of_class = Labeled::new(Features::new(&values, dimension)?, &labels, 2)?;
        let fit = binary(of_class, lambda, start, limits, go_on)?;
        let rows = all.classifier.parameters.chunks_exact_mut(classes).zip(fit.classifier.parameters.chunks_exact(2));
        rows.for_each(|(row, pair)| row[class] = pair[1] - pair[0]);
        all.loss += fit.loss / classes as f64;
        all.gradient = all.gradient.max(fit.gradient);
        all.iterations += fit.iterations;
        if fit.stop != Stop::Converged {
            all.stop = fit.stop;
        }
    }
    Ok(all)
}

/// Trains the classifier of one class, which [`fit_whole`] sees as two with twice the penalty.
fn binary(
    data: Labeled<'_>,
    lambda: f64,
    start: Classifier,
    limits: Limits,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Fit, Error> {
    fit_whole(data, 2.0 * lambda, start, limits, go_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { iterations: 1000, gradient: 1e-10 };
    /// Features of six images, `[6, 2]`.
    const FEATURES: [f32; 12] = [1.0, 0.2, 0.8, -0.5, -1.0, 0.4, -0.3, 2.0, 0.1, 1.5, -0.9, -1.1];
    /// What they show of two classes; the third image does not count for the second.
    const SHOWN: [Option<bool>; 12] = [
        Some(true),
        Some(false),
        Some(true),
        Some(false),
        Some(false),
        None,
        Some(false),
        Some(true),
        Some(true),
        Some(true),
        Some(false),
        Some(false),
    ];

    fn showing(range: std::ops::Range<usize>) -> Showing<'static> {
        let features = Features::new(&FEATURES[2 * range.start..2 * range.end], 2).unwrap();
        Showing::new(features, &SHOWN[2 * range.start..2 * range.end], 2).unwrap()
    }

    /// The gradient of one class's objective at (w, b), from its definition.
    fn gradient(parameters: &[f64], class: usize, lambda: f64) -> [f64; 3] {
        let [weights, bias] = [[parameters[class], parameters[2 + class]], [parameters[4 + class], 0.0]];
        let counted: Vec<_> = (0..6).filter_map(|image| Some((image, SHOWN[2 * image + class]?))).collect();
        let mut sum = [lambda * weights[0], lambda * weights[1], 0.0];
        for &(image, shown) in &counted {
            let x = [f64::from(FEATURES[2 * image]), f64::from(FEATURES[2 * image + 1]), 1.0];
            let z = weights[0] * x[0] + weights[1] * x[1] + bias[0];
            let residual = 1.0 / (1.0 + (-z).exp()) - f64::from(u8::from(shown));
            (0..3).for_each(|place| sum[place] += residual * x[place] / counted.len() as f64);
        }
        sum
    }

    #[test]
    fn each_classifier_minimizes_its_binary_objective_over_the_images_that_count() {
        let search = grid_search_of_each(showing(0..4), showing(4..6), &[0.1], LIMITS, &mut || true).unwrap();
        assert_eq!((search.lambda, search.fit.stop), (0.1, Stop::Converged));
        for class in 0..2 {
            let gradient = gradient(&search.fit.classifier.parameters, class, 0.1);
            assert!(gradient.iter().all(|slope| slope.abs() < 1e-9), "{class}: {gradient:?}");
        }
    }

    #[test]
    fn one_strength_is_chosen_for_all_by_mean_average_precision() {
        let search =
            grid_search_of_each(showing(0..4), showing(3..6), &[1.0, 1e-3, 30.0], LIMITS, &mut || true).unwrap();
        let lambdas: Vec<f64> = search.curve.iter().map(|point| point.lambda).collect();
        assert_eq!(lambdas, [1e-3, 1.0, 30.0]);
        for point in &search.curve {
            // Each by itself gives the same classifiers as one after the other.
            let alone = [point.lambda];
            let alone = grid_search_of_each(showing(0..4), showing(3..6), &alone, LIMITS, &mut || true).unwrap();
            assert!((point.validation - alone.curve[0].validation).abs() < 1e-12);
            assert!((point.loss - alone.curve[0].loss).abs() < 1e-9);
        }
        let best = search.curve.iter().map(|point| point.validation).fold(f64::NEG_INFINITY, f64::max);
        let largest = search.curve.iter().rev().find(|point| point.validation == best).unwrap();
        assert_eq!(search.lambda, largest.lambda);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let features = Features::new(&FEATURES, 2).unwrap();
        assert!(Showing::new(features, &SHOWN[..10], 2).is_err());
        let error = grid_search_of_each(showing(0..4), showing(4..6), &[], LIMITS, &mut || true).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Lambda { lambda: None });
        let error = grid_search_of_each(showing(0..4), showing(4..6), &[0.1], LIMITS, &mut || false).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stopped);
    }
}
