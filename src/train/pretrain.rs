//! Contrastive pretraining (paper Algorithm 1): job and images in, encoder and metrics out.

use std::time::Instant;

use burn::{
    module::{AutodiffModule, Module},
    optim::{GradientsParams, Optimizer as _},
    tensor::{Tensor, TensorData},
};

use super::{
    Error,
    augment::view_pairs,
    data::Images,
    device::{Cpu, Device, TrainCpu},
    model::{Mode, ProjectionHead, ResNet},
    objective::{contrastive_metrics, nt_xent, scalar},
    optimizer::Momentum,
    random::{Purpose, Stream},
    schedule::LearningRateCurve,
    watch::{EpochReport, Watch},
};
use crate::recipe::{Metric, Metrics, PretrainJob, Training};

/// The result of pretraining.
pub struct Pretrained {
    /// The encoder; the projection head is thrown away (paper §2.1).
    pub encoder: ResNet<Cpu>,
    /// Loss, contrastive accuracy and entropy of the last epoch; empty for an untrained encoder.
    pub metrics: Metrics,
    /// Source images seen.
    pub images: usize,
}

/// Encoder and head, trained together.
#[derive(Module, Debug)]
struct Network<B: super::ops::Ops> {
    encoder: ResNet<B>,
    head: ProjectionHead<B>,
}

/// Runs the job on `images`, which are the job's training images.
pub fn pretrain(job: &PretrainJob, images: &Images, watch: &mut Watch<'_>) -> Result<Pretrained, Error> {
    let device = Device::default();
    let encoder = ResNet::<TrainCpu>::new(&job.encoder, job.seed, &device);
    let Training::Contrastive { augmentation, head, temperature, optimizer, schedule } = &job.training else {
        return Ok(Pretrained { encoder: encoder.valid(), metrics: Metrics::new(), images: 0 });
    };
    let head = ProjectionHead::new(head, job.encoder.dimension(), job.seed, &device);
    let mut network = Network { encoder, head };
    let curve = LearningRateCurve::new(schedule, optimizer.learning_rate, images.len());
    let mut optimizer = Momentum::new(optimizer).init();
    let batch_size = schedule.batch_size;
    let mut step = 0;
    let mut metrics = Metrics::new();
    for epoch in 0..schedule.epochs {
        let start = Instant::now();
        let mut order: Vec<usize> = (0..images.len()).collect();
        Stream::new(job.seed, Purpose::Order, [epoch as u64, 0], 0).shuffle(&mut order);
        let mut sums = [0.0; 3];
        let mut learning_rate = 0.0;
        let batches = order.chunks_exact(batch_size);
        let steps = batches.len();
        for batch in batches {
            let views = view_pairs(images, batch, augmentation, job.seed, epoch);
            let shape = [2 * batch_size, images.size, images.size, 3];
            let views = Tensor::<TrainCpu, 4>::from_data(TensorData::new(views, shape), &device);
            let h = network.encoder.forward(views, Mode::Train);
            let z = network.head.forward(h, Mode::Train);
            let loss = nt_xent(z.clone(), *temperature);
            learning_rate = curve.at(step);
            step += 1;
            let value = scalar(loss.clone());
            if !value.is_finite() {
                let epoch = epoch + 1;
                return Err(Error::NonFinite { what: "pretraining", step, epoch, learning_rate, loss: value });
            }
            let (accuracy, entropy) = contrastive_metrics(z.inner(), *temperature);
            for (sum, value) in sums.iter_mut().zip([value, accuracy, entropy]) {
                *sum += value / steps as f64;
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(learning_rate, network, gradients);
        }
        let [loss, accuracy, entropy] = sums;
        metrics = Metrics::from([
            (Metric::Loss, loss),
            (Metric::ContrastiveAccuracy, accuracy),
            (Metric::ContrastiveEntropy, entropy),
        ]);
        let report = EpochReport {
            epoch: epoch + 1,
            epochs: schedule.epochs,
            loss,
            contrastive_accuracy: Some(accuracy),
            contrastive_entropy: Some(entropy),
            learning_rate,
            images_per_second: (steps * batch_size) as f64 / start.elapsed().as_secs_f64(),
        };
        if watch(&report).is_break() {
            return Err(Error::Stopped);
        }
    }
    Ok(Pretrained { encoder: network.encoder.valid(), metrics, images: step * batch_size })
}
