//! Transformation probes: how much features tell of what was done to an image (paper Table 3).

use std::time::Duration;

use burn::{
    module::{AutodiffModule, Module},
    tensor::{Tensor, TensorData, activation::relu},
};

use super::{
    Frozen, Sets,
    extract::BATCH,
    steps::{self, Batch, Stepped},
    values,
};
use crate::{
    recipe::{ClassifierTraining, Metric, Metrics, ProbeTask},
    train::{
        Error,
        augment::{self, Planes, plain_batch},
        device::{Cpu, Device, TrainCpu},
        evaluation::{
            metrics::top_k,
            probe_images::{PlainImages, ProbeImages, color_or_grayscale, original_or, rotations},
        },
        model::Linear,
        objective::cross_entropy,
        ops::Ops,
        optimizer::{Optimizer, gradients},
        random::{Purpose, Stream},
        scalar,
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

impl Perceptron<Cpu> {
    /// Share of the images that it tells right, in percent.
    fn accuracy(&self, (features, images): &(Tensor<Cpu, 2>, ProbeImages)) -> f64 {
        let [top1] = top_k(&values(self.forward(features.clone())), &images.labels, images.classes, [1]);
        top1
    }
}

/// Trains a perceptron on features of transformed training images and tests it on transformed test images.
pub(super) fn evaluate(
    (task, hidden): (ProbeTask, usize),
    training: &ClassifierTraining,
    seed: u64,
    network: &mut Frozen,
    sets: Sets<'_>,
    watch: &mut dyn Watch,
) -> Result<Metrics, Error> {
    let [train, test] = [(sets.train, 0), (sets.test, 1)].map(|(images, split)| {
        let pixels = plain_batch(images, 0..images.len());
        let plain = PlainImages { size: images.size, pixels: &pixels, seed, split };
        let images = transformed(task, plain);
        (features(network, &images), images)
    });
    let perceptron = fit(&train, hidden, training, seed, watch)?;
    Ok(Metrics::from([(Metric::Top1, perceptron.accuracy(&test)), (Metric::TrainTop1, perceptron.accuracy(&train))]))
}

/// Trains a perceptron on features of images.
fn fit(
    (features, images): &(Tensor<Cpu, 2>, ProbeImages),
    hidden: usize,
    training: &ClassifierTraining,
    seed: u64,
    watch: &mut dyn Watch,
) -> Result<Perceptron<Cpu>, Error> {
    let device = Device::default();
    let mut perceptron = Perceptron::<TrainCpu>::new(features.dims()[1], hidden, images.classes, seed, &device);
    let mut optimizer = Optimizer::new(steps::rule(training));
    let step = |batch: &Batch<'_>| {
        let logits = perceptron.forward(Tensor::from_inner(batch.rows(features)));
        let loss = cross_entropy(logits, &batch.labels(&images.labels));
        let gradients = gradients(&perceptron, &loss);
        perceptron = optimizer.step(batch.learning_rate, perceptron.clone(), gradients);
        Stepped { loss: scalar(loss), waited: Duration::ZERO }
    };
    steps::run(training, images.labels.len(), seed, "probe's", watch, step)?;
    Ok(perceptron.valid())
}

fn transformed(task: ProbeTask, plain: PlainImages<'_>) -> ProbeImages {
    let size = plain.size;
    match task {
        ProbeTask::Grayscale => color_or_grayscale(plain, |image| changed(image, size, augment::grayscale)),
        ProbeTask::Rotation => rotations(plain),
        ProbeTask::GaussianNoise { sigma } => original_or(plain, |image, stream| {
            changed(image, size, |planes| augment::noise(planes, sigma as f32, stream));
        }),
        ProbeTask::Sobel => original_or(plain, |image, _| changed(image, size, augment::sobel)),
    }
}

/// Applies an operation of augmentation to an image `[size, size, 3]`.
fn changed(image: &mut [f32], size: usize, operation: impl FnOnce(&mut Planes)) {
    let mut planes = Planes::from_interleaved(size, image);
    operation(&mut planes);
    planes.interleave(image);
}

/// Features of transformed images, `[n, dimension]`.
fn features(network: &mut Frozen, images: &ProbeImages) -> Tensor<Cpu, 2> {
    let length = images.size * images.size * 3;
    let parts: Vec<Vec<f32>> = images
        .pixels
        .chunks(BATCH * length)
        .map(|batch| values(network.features_of(batch.to_vec(), images.size)))
        .collect();
    let rows = images.labels.len();
    let all: Vec<f32> = parts.concat();
    let dimension = all.len() / rows.max(1);
    Tensor::from_data(TensorData::new(all, [rows, dimension]), &Device::default())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::recipe::Algorithm;

    /// Points of a square, labeled by whether their coordinates have different signs.
    fn exclusive_or(count: usize, seed: u64) -> (Tensor<Cpu, 2>, ProbeImages) {
        let mut stream = Stream::new(seed, Purpose::Shapes, [0, 0], 0);
        let points: Vec<f32> = (0..2 * count).map(|_| stream.uniform(-1.0, 1.0)).collect();
        let labels = points.chunks(2).map(|point| u16::from((point[0] > 0.0) != (point[1] > 0.0))).collect();
        let features = Tensor::from_data(TensorData::new(points, [count, 2]), &Device::default());
        (features, ProbeImages { size: 0, pixels: vec![], labels, classes: 2 })
    }

    #[test]
    fn a_perceptron_learns_what_no_linear_classifier_can() {
        let training = ClassifierTraining {
            augmentation: vec![],
            solver: Algorithm::Sgd { nesterov: true },
            epochs: 40,
            batch_size: 64,
            learning_rate: 1.0,
            momentum: 0.9,
            weight_decay: 0.0,
        };
        let (train, test) = (exclusive_or(1024, 0), exclusive_or(512, 1));
        let perceptron = fit(&train, 32, &training, 0, &mut |_: &_| ControlFlow::Continue(())).unwrap();
        assert!(perceptron.accuracy(&test) > 90.0);
    }
}
