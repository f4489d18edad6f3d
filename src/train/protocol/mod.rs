//! Evaluation of a pretrained network: what each [`EvaluationTask`] does with features and labels, and how it is
//! described.

mod describe;
mod extract;
mod fine_tune;
mod linear;
mod probe;
mod probe_images;
mod steps;
mod targets;

pub use describe::{describe, describe_pretraining};
pub use extract::Frozen;

use std::time::Duration;

use burn::module::AutodiffModule;

use self::{
    extract::BATCH,
    steps::{Course, Outcome, Resumption, ViewsOf},
    targets::{Targets, metrics_of, with_train_accuracy},
};
#[cfg(feature = "cuda")]
use super::device;
use super::{
    Error,
    data::Images,
    device::{Compute, Cpu, Processor},
    evaluation::{
        Features, Labeled, Limits, Showing, Stop, grid_search, grid_search_of_each, knn, log_spaced, metrics,
    },
    kind_of_device, matrix_values,
    model::{Linear, ResNet, load_weights},
    views::{self, ViewMaker},
    watch::{Watch, Wish, went_on},
};
use crate::recipe::{EvaluationJob, EvaluationTask, Metric, Metrics, PretrainJob, Training};

/// When L-BFGS stops; the gradient's limit is scikit-learn's.
const LIMITS: Limits = Limits { iterations: 1000, gradient: 1e-4 };

/// Test images whose neighbors are looked for between two questions whether to stop; no effect on the result.
const QUERIES: usize = 4096;

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
    /// Images that went through the network, each as often as it did.
    pub images: usize,
    /// Time spent before the checkpoint that training went on from.
    pub earlier: Duration,
}

impl Evaluated {
    /// Metrics of a network that saw every image of `sets` once.
    fn of(metrics: Metrics, sets: Sets<'_>) -> Self {
        let images = sets.train.len() + sets.validation.map_or(0, Images::len) + sets.test.len();
        Self { metrics, remarks: Vec::new(), images, earlier: Duration::ZERO }
    }

    /// After training, which showed the network as many images more if they were `augmented`.
    fn trained(mut self, outcome: &Outcome<()>, augmented: bool) -> Self {
        if augmented {
            self.images += outcome.images;
        }
        if let Some((step, earlier)) = outcome.resumed {
            self.earlier = earlier;
            self.remarks.push(went_on(step));
        }
        self
    }

    /// After training on augmented views of these images, where the backend has a device that should make them.
    fn made_by<B: Compute>(mut self, images: &Images) -> Self {
        self.remarks.extend(views::remark(images).filter(|_| !B::ON_HOST));
        self
    }
}

/// A network to evaluate.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    /// The job that made it.
    pub job: &'a PretrainJob,
    /// The file that it left.
    pub file: &'a [u8],
}

/// Evaluates a network; `checkpoint` is one that [`Watch::checkpoint`] took of the same evaluation, to go on from there.
///
/// Unless the protocol trains the network, it is compared with itself before: weights and running statistics must be
/// what they were.
pub fn evaluate(
    processor: Processor,
    job: &EvaluationJob,
    encoded: Encoded<'_>,
    sets: Sets<'_>,
    checkpoint: Option<&[u8]>,
    watch: &mut dyn Watch,
) -> Result<Evaluated, Error> {
    match processor {
        Processor::Cpu => evaluate_on::<Cpu>(job, encoded, sets, checkpoint, watch),
        #[cfg(feature = "cuda")]
        Processor::Cuda => device::guarded(|| evaluate_on::<device::Gpu>(job, encoded, sets, checkpoint, watch)),
    }
}

fn evaluate_on<B: Compute>(
    job: &EvaluationJob,
    encoded: Encoded<'_>,
    sets: Sets<'_>,
    checkpoint: Option<&[u8]>,
    watch: &mut dyn Watch,
) -> Result<Evaluated, Error> {
    let Encoded { job: pretraining, file } = encoded;
    let dimension = pretraining.encoder.dimension();
    let head = match &pretraining.training {
        Training::Trained(trained) => trained.head.as_ref(),
        Training::Untrained | Training::Pretrained { .. } => None,
    };
    let device = B::Device::default();
    let mut network = Frozen::load(
        ResNet::<B>::new(&pretraining.encoder, pretraining.seed, &device),
        head.map(|head| (head, dimension, pretraining.encoder.precision)),
        job.representation,
        file,
    )?;
    let before = network.fingerprints();
    let micro_batch = match &job.task {
        EvaluationTask::FineTune(training) => training.micro_batch,
        _ => None,
    };
    let (hash, kind) = (blake3::hash(file).to_hex(), kind_of_device::<B>());
    let data = format!("{} {hash} {micro_batch:?}{kind}", sets.train.fingerprint());
    let course = |training, what| Course {
        training,
        seed: job.seed,
        what,
        targets: Targets::of(sets.train),
        views: None,
        part: training.batch_size,
        kept_at_end: false,
        resumption: Resumption { checkpoint, data: &data },
    };
    let maker = || ViewMaker::<B>::new(sets.train, &B::Device::default());
    let result = match &job.task {
        EvaluationTask::FineTune(training) => {
            // What is trained is loaded where it can be trained.
            drop(network);
            let (part, maker) = (training.micro_batch.unwrap_or(training.batch_size), maker());
            let course = Course {
                views: Some(ViewsOf { images: sets.train, on_device: maker.makes_views(), at_a_time: part }),
                part,
                kept_at_end: true,
                ..course(training, "fine-tuning")
            };
            let shape = (dimension, sets.train.classes);
            let encoder = load_weights(ResNet::new(&pretraining.encoder, pretraining.seed, &device), "", file)?;
            let outcome = fine_tune::train(&course, encoder, shape, &maker, watch)?;
            let mut tuned = outcome.module.valid();
            let (test, train) = (tuned.logits(sets.test, watch)?, tuned.logits(sets.train, watch)?);
            let metrics = with_train_accuracy(metrics_of(&test, sets.test)?, &train, sets.train);
            return Ok(Evaluated::of(metrics, sets).trained(&outcome.without_module(), true).made_by::<B>(sets.train));
        }
        EvaluationTask::Linear(training) => {
            let (test, train) = (network.features(sets.test, watch)?, network.features(sets.train, watch)?);
            let augmented = !training.augmentation.is_empty();
            let maker = if augmented { maker() } else { ViewMaker::by_processor(sets.train) };
            let views = ViewsOf { images: sets.train, on_device: maker.makes_views(), at_a_time: BATCH };
            let course = Course { views: augmented.then_some(views), ..course(training, "classifier's") };
            let means = (&maker, sets.train.classes);
            let outcome = linear::train(&course, &mut network, &train, means, watch)?;
            let classifier = outcome.module.valid().classifier;
            let [test, train] = [test, train].map(|features| matrix_values(classifier.forward(features)));
            let metrics = with_train_accuracy(metrics_of(&test, sets.test)?, &train, sets.train);
            let result = Evaluated::of(metrics, sets).trained(&outcome.without_module(), augmented);
            if augmented { result.made_by::<B>(sets.train) } else { result }
        }
        EvaluationTask::LogisticRegression { regularization, values } => {
            logistic_regression(*regularization, *values, &mut network, sets, watch)?
        }
        EvaluationTask::NearestNeighbors { neighbors, temperature } => {
            Evaluated::of(nearest_neighbors(*neighbors, *temperature, &mut network, sets, watch)?, sets)
        }
        EvaluationTask::OwnClassifier => {
            let empty = Linear::zeros(dimension, sets.test.classes, &B::Device::default());
            let classifier = load_weights(empty, "fc.", file)?;
            let mut scores =
                |images| Ok::<_, Error>(matrix_values(classifier.forward(network.features(images, watch)?)));
            let (test, train) = (scores(sets.test)?, scores(sets.train)?);
            Evaluated::of(with_train_accuracy(metrics_of(&test, sets.test)?, &train, sets.train), sets)
        }
        EvaluationTask::TransformationProbe { task, hidden, training } => {
            let course = course(training, "probe's");
            let (metrics, outcome) = probe::evaluate((*task, *hidden), &course, &mut network, sets, watch)?;
            Evaluated::of(metrics, sets).trained(&outcome, false)
        }
    };
    let changed: Vec<String> = before
        .iter()
        .zip(network.fingerprints())
        .flat_map(|(before, after)| before.changed(&after).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    if changed.is_empty() { Ok(result) } else { Err(Error::NotFrozen { tensors: changed }) }
}

fn logistic_regression<B: Compute>(
    (weakest, strongest): (f64, f64),
    count: usize,
    network: &mut Frozen<B>,
    sets: Sets<'_>,
    watch: &mut dyn Watch,
) -> Result<Evaluated, Error> {
    let validation = sets.validation.ok_or(Error::NoValidation)?;
    let mut rows = |images| Rows::of(network, images, watch);
    let (train, chosen_on, test) = (rows(sets.train)?, rows(validation)?, rows(sets.test)?);
    let lambdas = log_spaced(weakest, strongest, count);
    let mut go_on = || watch.wish() != Wish::Stop;
    let search = if sets.train.shown.is_some() {
        let (train, chosen_on) = (train.showing(sets.train)?, chosen_on.showing(validation)?);
        grid_search_of_each(train, chosen_on, &lambdas, LIMITS, &mut go_on)?
    } else {
        grid_search(train.labeled(sets.train)?, chosen_on.labeled(validation)?, &lambdas, LIMITS, &mut go_on)?
    };
    let classifier = &search.fit.classifier;
    let scores = classifier.logits(test.features()?)?;
    let metrics =
        with_train_accuracy(metrics_of(&scores, sets.test)?, &classifier.logits(train.features()?)?, sets.train);
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
    Ok(Evaluated { remarks, ..Evaluated::of(metrics, sets) })
}

fn nearest_neighbors<B: Compute>(
    neighbors: usize,
    temperature: Option<f64>,
    network: &mut Frozen<B>,
    sets: Sets<'_>,
    watch: &mut dyn Watch,
) -> Result<Metrics, Error> {
    let (train, test) = (Rows::of(network, sets.train, watch)?, Rows::of(network, sets.test, watch)?);
    let bank = train.labeled(sets.train)?;
    let mut predicted = Vec::with_capacity(sets.test.len());
    for queries in test.values.chunks(QUERIES * test.dimension) {
        if watch.wish() == Wish::Stop {
            return Err(Error::Stopped);
        }
        let queries = Features::new(queries, test.dimension)?;
        predicted.extend(match temperature {
            // Many classes get no vote, so ties are the rule: the prediction is the smallest class of the most votes.
            Some(temperature) => {
                let votes = knn::weighted(bank, queries, neighbors, temperature)?;
                metrics::predictions(&votes, sets.test.classes)
            }
            None => knn::majority(bank, queries, neighbors)?,
        });
    }
    Ok(of_predictions(&predicted, sets.test))
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
    fn of<B: Compute>(network: &mut Frozen<B>, images: &Images, watch: &mut dyn Watch) -> Result<Self, Error> {
        let features = network.features(images, watch)?;
        let dimension = features.dims()[1];
        Ok(Self { values: matrix_values(features), dimension })
    }

    fn features(&self) -> Result<Features<'_>, Error> {
        Ok(Features::new(&self.values, self.dimension)?)
    }

    fn showing<'a>(&'a self, images: &'a Images) -> Result<Showing<'a>, Error> {
        Ok(Showing::new(self.features()?, images.shown.as_deref().unwrap_or_default(), images.classes)?)
    }

    fn labeled<'a>(&'a self, images: &'a Images) -> Result<Labeled<'a>, Error> {
        Ok(Labeled::new(self.features()?, &images.labels, images.classes)?)
    }
}
