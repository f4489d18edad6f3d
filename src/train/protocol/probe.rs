//! Transformation probes: how much features tell of what was done to an image (paper Table 3).

use burn::{
    backend::Autodiff,
    module::{AutodiffModule, Module},
    tensor::{Tensor, activation::relu},
};

use super::{
    Frozen, Sets,
    extract::in_batches,
    probe_images::Transformed,
    steps::{self, Course, Outcome},
    targets::Targets,
};
use crate::{
    recipe::{Metric, Metrics, ProbeTask},
    train::{
        Error,
        data::{Images, Split},
        device::Compute,
        evaluation::metrics::top_k,
        matrix_values,
        model::Linear,
        ops::Ops,
        random::{Purpose, Stream},
        watch::Watch,
    },
};

/// Features → hidden layer → ReLU → logits.
#[derive(Module, Debug)]
struct Perceptron<B: Ops> {
    hidden: Linear<B>,
    output: Linear<B>,
}

impl<B: Ops> Perceptron<B> {
    /// Weights of variance 2 / inputs (He et al. 2015), for the paper says nothing about the probe's.
    fn new(dimension: usize, hidden: usize, classes: usize, seed: u64, device: &B::Device) -> Self {
        let layer = |number, inputs: usize, outputs| {
            let mut stream = Stream::new(seed, Purpose::Probe, [number, 0], 0);
            Linear::normal(inputs, outputs, (2.0 / inputs as f32).sqrt(), true, &mut stream, device)
        };
        Self { hidden: layer(1, dimension, hidden), output: layer(2, hidden, classes) }
    }

    /// Features `[n, dimension]` → logits `[n, classes]`.
    fn forward(&self, features: Tensor<B, 2>) -> Tensor<B, 2> {
        self.output.forward(relu(self.hidden.forward(features)))
    }
}

/// Features of transformed images and what was done to each.
struct Examples<B: Compute> {
    /// `[n, dimension]`.
    features: Tensor<B, 2>,
    labels: Vec<u16>,
    classes: usize,
}

impl<B: Compute> Perceptron<B> {
    /// Share of the images that it tells right, in percent.
    fn accuracy(&self, examples: &Examples<B>) -> f64 {
        let logits = matrix_values(self.forward(examples.features.clone()));
        let [top1] = top_k(&logits, &examples.labels, examples.classes, [1]);
        top1
    }
}

/// Trains a perceptron on features of transformed training images and tests it on transformed test images; `course`
/// has no labels yet.
pub(super) fn evaluate<B: Compute>(
    (task, hidden): (ProbeTask, usize),
    course: &Course<'_>,
    network: &mut Frozen<B>,
    sets: Sets<'_>,
    watch: &mut dyn Watch,
) -> Result<(Metrics, Outcome<()>), Error> {
    let mut examples = |images: &Images, split| {
        let transformed = Transformed::new(task, images, course.seed, split);
        let views = |range| transformed.views(range);
        let parts = in_batches(images.len(), images.size, views, watch, |views| network.features_of(views))?;
        let classes = transformed.classes();
        Ok::<_, Error>(Examples { features: Tensor::cat(parts, 0), labels: transformed.labels, classes })
    };
    let (train, test) = (examples(sets.train, Split::Train)?, examples(sets.test, Split::Test)?);
    let (perceptron, outcome) = fit(&train, hidden, course, watch)?;
    let metrics = [(Metric::Top1, perceptron.accuracy(&test)), (Metric::TrainTop1, perceptron.accuracy(&train))];
    Ok((Metrics::from(metrics), outcome))
}

/// Trains a perceptron on examples.
fn fit<B: Compute>(
    examples: &Examples<B>,
    hidden: usize,
    course: &Course<'_>,
    watch: &mut dyn Watch,
) -> Result<(Perceptron<B>, Outcome<()>), Error> {
    let Examples { features, labels, classes } = examples;
    let course = Course { targets: Targets::Class(labels), ..*course };
    let perceptron = Perceptron::new(features.dims()[1], hidden, *classes, course.seed, &B::Device::default());
    let logits = |perceptron: &mut Perceptron<Autodiff<B>>, part: steps::Part, _: &mut dyn Watch| {
        Some(perceptron.forward(Tensor::from_inner(part.rows(features))))
    };
    let outcome = steps::train(&course, perceptron, logits, watch)?;
    Ok((outcome.module.valid(), outcome.without_module()))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use burn::tensor::TensorData;

    use super::{super::steps::Resumption, *};
    use crate::{
        recipe::{Algorithm, ClassifierTraining},
        train::device::{Cpu, Device},
    };

    /// Points of a square, labeled by whether their coordinates have different signs.
    fn exclusive_or(count: usize, seed: u64) -> Examples<Cpu> {
        let mut stream = Stream::new(seed, Purpose::Shapes, [0, 0], 0);
        let points: Vec<f32> = (0..2 * count).map(|_| stream.uniform(-1.0, 1.0)).collect();
        let labels = points.chunks(2).map(|point| u16::from((point[0] > 0.0) != (point[1] > 0.0))).collect();
        let features = Tensor::from_data(TensorData::new(points, [count, 2]), &Device::default());
        Examples { features, labels, classes: 2 }
    }

    #[test]
    fn a_perceptron_learns_what_no_linear_classifier_can() {
        let training = ClassifierTraining {
            augmentation: vec![],
            solver: Algorithm::Sgd { nesterov: true },
            epochs: 40,
            batch_size: 64,
            micro_batch: None,
            learning_rate: 1.0,
            momentum: 0.9,
            weight_decay: 0.0,
        };
        let resumption = Resumption { checkpoint: None, data: "" };
        let course = Course {
            training: &training,
            seed: 0,
            what: "probe's",
            targets: Targets::Class(&[]),
            views: None,
            part: 64,
            kept_at_end: false,
            resumption,
        };
        let (train, test) = (exclusive_or(1024, 0), exclusive_or(512, 1));
        let (perceptron, _) = fit(&train, 32, &course, &mut |_: &_| ControlFlow::Continue(())).unwrap();
        assert!(perceptron.accuracy(&test) > 90.0);
    }
}
