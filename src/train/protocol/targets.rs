//! What a classifier is to learn of images, and how well it has: one class each, or whether each shows each class.

use burn::tensor::{Tensor, backend::Backend};

use crate::{
    recipe::{Metric, Metrics},
    train::{
        Error,
        data::Images,
        evaluation::{mean_average_precision, metrics},
        objective::{binary_cross_entropy, cross_entropy},
    },
};

/// What images show.
#[derive(Clone, Copy)]
pub(super) enum Targets<'a> {
    /// The class of each.
    Class(&'a [u16]),
    /// See [`Images::shown`]; with the number of classes.
    Shown(&'a [Option<bool>], usize),
}

impl<'a> Targets<'a> {
    /// Those of some images.
    pub fn of(images: &'a Images) -> Self {
        match &images.shown {
            Some(shown) => Self::Shown(shown, images.classes),
            None => Self::Class(&images.labels),
        }
    }

    /// Number of images.
    pub fn len(self) -> usize {
        match self {
            Self::Class(labels) => labels.len(),
            Self::Shown(shown, classes) => shown.len() / classes,
        }
    }

    /// The mean loss of the logits `[n, classes]` of the images with these `n` indices: cross-entropy of one class, or
    /// of each class by itself.
    pub fn loss<B: Backend>(self, logits: Tensor<B, 2>, indices: impl Iterator<Item = usize>) -> Tensor<B, 1> {
        match self {
            Self::Class(labels) => cross_entropy(logits, &indices.map(|index| labels[index]).collect::<Vec<_>>()),
            Self::Shown(shown, classes) => {
                let shown: Vec<_> = indices.flat_map(|index| &shown[index * classes..][..classes]).copied().collect();
                binary_cross_entropy(logits, &shown)
            }
        }
    }
}

/// The metrics of the scores `[n, classes]` of some images.
pub(super) fn metrics_of<T: PartialOrd + Copy + Into<f64>>(scores: &[T], images: &Images) -> Result<Metrics, Error> {
    if !scores.iter().all(|&score| score.into().is_finite()) {
        return Err(Error::NonFiniteResult { what: "a score of the classifier" });
    }
    let (labels, classes) = (&images.labels, images.classes);
    let as_f64: Vec<f64> = scores.iter().map(|&score| score.into()).collect();
    if let Some(shown) = &images.shown {
        let precision = mean_average_precision(&as_f64, classes, |image, class| shown[image * classes + class]);
        return Ok(Metrics::from([(Metric::MeanAveragePrecision, precision.mean)]));
    }
    let [top1, top5] = metrics::top_k(scores, labels, classes, [1, 5]);
    let hits = metrics::top_k_hits(scores, labels, classes, 1);
    let precision = mean_average_precision(&as_f64, classes, |image, class| Some(usize::from(labels[image]) == class));
    Ok(Metrics::from([
        (Metric::Top1, top1),
        (Metric::Top5, top5),
        (Metric::MeanPerClass, metrics::mean_per_class(&hits, labels, classes)),
        (Metric::MeanAveragePrecision, precision.mean),
    ]))
}

/// The metrics with the accuracy on the training images, of which these are the scores, if each has one class.
pub(super) fn with_train_accuracy<T: PartialOrd>(mut metrics: Metrics, scores: &[T], train: &Images) -> Metrics {
    if train.shown.is_none() {
        let [top1] = metrics::top_k(scores, &train.labels, train.classes, [1]);
        metrics.insert(Metric::TrainTop1, top1);
    }
    metrics
}
