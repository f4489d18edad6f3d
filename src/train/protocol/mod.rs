//! Evaluation of a pretrained network: what each [`EvaluationTask`] does with features and labels, and how it is
//! described.

mod describe;
mod extract;
mod fine_tune;
mod linear;
mod probe;
mod steps;

pub use describe::{describe, describe_pretraining};
pub use extract::Frozen;

use burn::tensor::Tensor;

use super::{
    Error,
    data::Images,
    device::{Cpu, Device},
    evaluation::{Features, Labeled, Limits, Stop, grid_search, knn, log_spaced, mean_average_precision, metrics},
    model::{Linear, ResNet, load_weights},
    watch::Watch,
};
use crate::recipe::{EvaluationJob, EvaluationTask, Metric, Metrics, PretrainJob, Training};

/// When L-BFGS stops; the gradient's limit is scikit-learn's.
const LIMITS: Limits = Limits { iterations: 1000, gradient: 1e-4 };

/// The images of an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Sets<'a> {
    /// The training images whose labels may be used.
    pub train: &'a Images,
    /// Images to choose settings on, if the protocol does so.
    pub validation: Option<&'a Images>,
    /// The test images.
    pub test: &'a Images,
}

/// What an evaluation found.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The metrics.
    pub metrics: Metrics,
    /// What there is to say about how they came about, one sentence each: choices made, limits reached.
    pub remarks: Vec<String>,
}

impl From<Metrics> for Evaluated {
    fn from(metrics: Metrics) -> Self {
        Self { metrics, remarks: Vec::new() }
    }
}

/// Evaluates the network that `pretraining` left in `file`.
///
/// Unless the protocol trains the network, it is compared with itself before: weights and running statistics must be
/// what they were.
pub fn evaluate(
    job: &EvaluationJob,
    pretraining: &PretrainJob,
    file: &[u8],
    sets: Sets<'_>,
    watch: &mut dyn Watch,
) -> Result<Evaluated, Error> {
    let dimension = pretraining.encoder.dimension();
    let head = match &pretraining.training {
        Training::Trained(trained) => trained.head.as_ref(),
        Training::Untrained | Training::Pretrained { .. } => None,
    };
    let empty = ResNet::new(&pretraining.encoder, pretraining.seed, &Device::default());
    let mut network = Frozen::load(empty, head.map(|head| (head, dimension)), job.representation, file)?;
    let before = network.fingerprints();
    let result = match &job.task {
        EvaluationTask::FineTune(training) => {
            let encoder = network.into_encoder();
            let mut tuned = fine_tune::train(training, job.seed, encoder, dimension, sets.train, watch)?;
            let [test, train] = [sets.test, sets.train].map(|images| tuned.logits(images));
            return Ok(with_train_accuracy(of_scores(&test, sets.test)?, &train, sets.train).into());
        }
        EvaluationTask::Linear(training) => {
            let [test, train] = [sets.test, sets.train].map(|images| network.features(images));
            let classifier = linear::train(training, job.seed, &mut network, &train, sets.train, watch)?;
            let [test, train] = [test, train].map(|features| values(classifier.forward(features)));
            with_train_accuracy(of_scores(&test, sets.test)?, &train, sets.train).into()
        }
        EvaluationTask::LogisticRegression { regularization, values } => {
            logistic_regression(*regularization, *values, &mut network, sets)?
        }
        EvaluationTask::NearestNeighbors { neighbors, temperature } => {
            nearest_neighbors(*neighbors, *temperature, &mut network, sets)?.into()
        }
        EvaluationTask::OwnClassifier => {
            let empty = Linear::zeros(dimension, sets.test.classes, &Device::default());
            let classifier = load_weights(empty, "fc.", file)?;
            let [test, train] =
                [sets.test, sets.train].map(|images| values(classifier.forward(network.features(images))));
            with_train_accuracy(of_scores(&test, sets.test)?, &train, sets.train).into()
        }
        EvaluationTask::TransformationProbe { task, hidden, training } => {
            probe::evaluate((*task, *hidden), training, job.seed, &mut network, sets, watch)?.into()
        }
    };
    let changed: Vec<String> = before
        .iter()
        .zip(network.fingerprints())
        .flat_map(|(before, after)| before.changed(&after).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    if changed.is_empty() { Ok(result) } else { Err(Error::NotFrozen { tensors: changed }) }
}

/// The metrics of scores `[n, classes]`.
fn of_scores<T: PartialOrd + Copy + Into<f64>>(scores: &[T], images: &Images) -> Result<Metrics, Error> {
    if !scores.iter().all(|&score| score.into().is_finite()) {
        return Err(Error::NonFiniteResult { what: "a score of the classifier" });
    }
    let (labels, classes) = (&images.labels, images.classes);
    let [top1, top5] = metrics::top_k(scores, labels, classes, [1, 5]);
    let hits = metrics::top_k_hits(scores, labels, classes, 1);
    let scores: Vec<f64> = scores.iter().map(|&score| score.into()).collect();
    let precision = mean_average_precision(&scores, classes, |image, class| Some(usize::from(labels[image]) == class));
    Ok(Metrics::from([
        (Metric::Top1, top1),
        (Metric::Top5, top5),
        (Metric::MeanPerClass, metrics::mean_per_class(&hits, labels, classes)),
        (Metric::MeanAveragePrecision, precision.mean),
    ]))
}

fn with_train_accuracy<T: PartialOrd>(mut metrics: Metrics, scores: &[T], train: &Images) -> Metrics {
    let [top1] = metrics::top_k(scores, &train.labels, train.classes, [1]);
    metrics.insert(Metric::TrainTop1, top1);
    metrics
}

fn logistic_regression(
    (weakest, strongest): (f64, f64),
    count: usize,
    network: &mut Frozen,
    sets: Sets<'_>,
) -> Result<Evaluated, Error> {
    let validation = sets.validation.ok_or(Error::NoValidation)?;
    let [train, chosen_on, test] = [sets.train, validation, sets.test].map(|images| Rows::of(network, images));
    let lambdas = log_spaced(weakest, strongest, count);
    let search = grid_search(train.labeled(sets.train)?, chosen_on.labeled(validation)?, &lambdas, LIMITS)?;
    let classifier = &search.fit.classifier;
    let scores = classifier.logits(test.features()?)?;
    let metrics =
        with_train_accuracy(of_scores(&scores, sets.test)?, &classifier.logits(train.features()?)?, sets.train);
    let mut remarks = vec![format!(
        "regularization chosen on {} validation images: {:e}; the classifier is then trained on these and {} more",
        validation.len(),
        search.lambda,
        sets.train.len()
    )];
    let unmoved = search.curve.iter().filter(|point| point.iterations == 0).count();
    if unmoved > 1 {
        remarks.push(format!("{unmoved} values of regularization changed nothing within the gradient's limit"));
    }
    if search.lambda == weakest || search.lambda == strongest {
        remarks.push("the chosen regularization is at the edge of its range".to_owned());
    }
    let unfinished = search.curve.iter().filter(|point| point.stop != Stop::Converged).count();
    if unfinished > 0 || search.fit.stop != Stop::Converged {
        remarks
            .push(format!("L-BFGS stopped before it converged for {unfinished} of {count} values of regularization"));
    }
    Ok(Evaluated { metrics, remarks })
}

fn nearest_neighbors(
    neighbors: usize,
    temperature: Option<f64>,
    network: &mut Frozen,
    sets: Sets<'_>,
) -> Result<Metrics, Error> {
    let [train, test] = [sets.train, sets.test].map(|images| Rows::of(network, images));
    let bank = train.labeled(sets.train)?;
    match temperature {
        Some(temperature) => {
            let votes = knn::weighted(bank, test.features()?, neighbors, temperature)?;
            // Many classes get no vote, so ties are the rule: the prediction is the smallest class of the most votes.
            let predicted = metrics::predictions(&votes, sets.test.classes);
            Ok(of_predictions(&predicted, sets.test))
        }
        None => Ok(of_predictions(&knn::majority(bank, test.features()?, neighbors)?, sets.test)),
    }
}

fn of_predictions(predicted: &[u16], images: &Images) -> Metrics {
    let hits = metrics::hits(predicted, &images.labels);
    Metrics::from([
        (Metric::Top1, metrics::accuracy(&hits)),
        (Metric::MeanPerClass, metrics::mean_per_class(&hits, &images.labels, images.classes)),
    ])
}

/// Features in memory, `[n, dimension]`.
struct Rows {
    values: Vec<f32>,
    dimension: usize,
}

impl Rows {
    fn of(network: &mut Frozen, images: &Images) -> Self {
        let features = network.features(images);
        let dimension = features.dims()[1];
        Self { values: values(features), dimension }
    }

    fn features(&self) -> Result<Features<'_>, Error> {
        Ok(Features::new(&self.values, self.dimension)?)
    }

    fn labeled<'a>(&'a self, images: &'a Images) -> Result<Labeled<'a>, Error> {
        Ok(Labeled::new(self.features()?, &images.labels, images.classes)?)
    }
}

fn values(tensor: Tensor<Cpu, 2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
