//! Linear evaluation: a softmax classifier on the frozen encoder's features (paper appendix B.6).

use std::time::Instant;

use burn::{
    module::AutodiffModule,
    optim::{GradientsParams, Optimizer as _},
    tensor::{Int, Tensor, TensorData, activation::log_softmax},
};

use super::{
    Error,
    augment::plain_batch,
    data::Images,
    device::{Cpu, Device, TrainCpu},
    model::{Linear, Mode, ResNet, save_weights},
    objective::scalar,
    optimizer::Momentum,
    random::{Purpose, Stream},
    schedule::LearningRateCurve,
    watch::{EpochReport, Watch},
};
use crate::recipe::{LinearEvaluationJob, Metric, Metrics};

/// Images per forward pass of the frozen encoder; no effect on the result.
const FEATURE_BATCH: usize = 256;

/// Trains the classifier on `train`, tests it on `test`; the encoder is proven unchanged.
pub fn linear_evaluation(
    job: &LinearEvaluationJob,
    encoder: ResNet<Cpu>,
    train: &Images,
    test: &Images,
    watch: &mut Watch<'_>,
) -> Result<Metrics, Error> {
    let before = save_weights(&encoder)?;
    let mut encoder = encoder;
    let train_features = features(&mut encoder, train);
    let test_features = features(&mut encoder, test);
    if save_weights(&encoder)? != before {
        return Err(Error::NotFrozen);
    }
    let classifier = train_classifier(job, &train_features, &train.labels, train.classes, watch)?;
    let [top1, top5] = accuracy(&classifier, test_features, &test.labels, [1, 5]);
    let [train_top1] = accuracy(&classifier, train_features, &train.labels, [1]);
    Ok(Metrics::from([(Metric::Top1, top1), (Metric::Top5, top5), (Metric::TrainTop1, train_top1)]))
}

/// Features h of all images, `[n, dimension]`, by the encoder in inference mode.
pub fn features(encoder: &mut ResNet<Cpu>, images: &Images) -> Tensor<Cpu, 2> {
    let parts = (0..images.len())
        .step_by(FEATURE_BATCH)
        .map(|start| {
            let end = (start + FEATURE_BATCH).min(images.len());
            let shape = [end - start, images.size, images.size, 3];
            let batch = TensorData::new(plain_batch(images, start..end), shape);
            encoder.forward(Tensor::from_data(batch, &Device::default()), Mode::Inference)
        })
        .collect();
    Tensor::cat(parts, 0)
}

fn train_classifier(
    job: &LinearEvaluationJob,
    features: &Tensor<Cpu, 2>,
    labels: &[u16],
    classes: usize,
    watch: &mut Watch<'_>,
) -> Result<Linear<Cpu>, Error> {
    let device = Device::default();
    let protocol = &job.evaluation;
    let [count, dimension] = features.dims();
    let mut classifier = Linear::<TrainCpu>::zeros(dimension, classes, &device);
    let steps = count / protocol.batch_size;
    let peak = protocol.learning_rate * protocol.batch_size as f64 / 256.0;
    let curve = LearningRateCurve::cosine(peak, steps * protocol.epochs);
    let mut optimizer = Momentum::nesterov(protocol.momentum, protocol.weight_decay).init();
    let mut step = 0;
    for epoch in 0..protocol.epochs {
        let start = Instant::now();
        let mut order: Vec<u32> = (0..count as u32).collect();
        Stream::new(job.seed, Purpose::EvaluationOrder, [epoch as u64, 0], 0).shuffle(&mut order);
        let (mut mean_loss, mut learning_rate) = (0.0, 0.0);
        for batch in order.chunks_exact(protocol.batch_size) {
            let indices: Vec<i64> = batch.iter().map(|&index| i64::from(index)).collect();
            let indices = Tensor::<Cpu, 1, Int>::from_ints(indices.as_slice(), &device);
            let x = Tensor::from_inner(features.clone().select(0, indices));
            let targets: Vec<i64> = batch.iter().map(|&index| i64::from(labels[index as usize])).collect();
            let targets = Tensor::<TrainCpu, 1, Int>::from_ints(targets.as_slice(), &device);
            let log_probability = log_softmax(classifier.forward(x), 1);
            let loss = log_probability.gather(1, targets.unsqueeze_dim(1)).mean().neg();
            learning_rate = curve.at(step);
            step += 1;
            let value = scalar(loss.clone());
            if !value.is_finite() {
                let epoch = epoch + 1;
                return Err(Error::NonFinite { what: "classifier's", step, epoch, learning_rate, loss: value });
            }
            mean_loss += value / steps as f64;
            let gradients = GradientsParams::from_grads(loss.backward(), &classifier);
            classifier = optimizer.step(learning_rate, classifier, gradients);
        }
        let report = EpochReport {
            epoch: epoch + 1,
            epochs: protocol.epochs,
            loss: mean_loss,
            contrastive_accuracy: None,
            contrastive_entropy: None,
            learning_rate,
            images_per_second: (steps * protocol.batch_size) as f64 / start.elapsed().as_secs_f64(),
        };
        if watch(&report).is_break() {
            return Err(Error::Stopped);
        }
    }
    Ok(classifier.valid())
}

/// Share of images, in percent, whose label is among the `k` largest logits, for each k; ties count against.
fn accuracy<const K: usize>(
    classifier: &Linear<Cpu>,
    features: Tensor<Cpu, 2>,
    labels: &[u16],
    k: [usize; K],
) -> [f64; K] {
    let logits = classifier.forward(features);
    let [count, classes] = logits.dims();
    let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let mut correct = [0; K];
    for (row, &label) in logits.chunks_exact(classes).zip(labels) {
        let own = row[usize::from(label)];
        let rank =
            row.iter().enumerate().filter(|&(class, &logit)| class != usize::from(label) && logit >= own).count();
        for (correct, k) in correct.iter_mut().zip(k) {
            *correct += usize::from(rank < k);
        }
    }
    correct.map(|correct| 100.0 * correct as f64 / count as f64)
}
