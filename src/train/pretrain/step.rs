//! The gradient of one batch: of a contrastive objective, in one piece or by micro-batches, or of cross-entropy.

use std::ops::Range;

use burn::{backend::Autodiff, module::AutodiffModule, tensor::Tensor};

use super::{loader::Views, network::Network, source::Source};
use crate::{
    recipe::Contrastive,
    train::{
        device::Compute,
        model::Mode,
        objective::cross_entropy,
        optimizer::{Gradients, accumulate, gradients},
        scalar,
        watch::Watch,
    },
};

/// What a step measured.
pub(super) struct Measured<B: Compute> {
    /// The loss, in nats.
    pub loss: f64,
    /// Contrastive accuracy in percent and entropy in nats.
    pub contrastive: Option<(f64, f64)>,
    /// Share of the views that the supervised classifier got right, in percent.
    pub top1: Option<f64>,
    /// The features h of all views, `[rows, dimension]`, in the order of the views.
    pub features: Tensor<B, 2>,
    /// Class of each image.
    pub labels: Vec<u16>,
    /// Gradients of the network's parameters.
    pub gradients: Gradients<B>,
}

/// The gradient of a contrastive objective for a batch of `pairs`, which come from `views` in micro-batches of `micro`.
///
/// With more than one micro-batch, a first pass without gradients finds the projections of all, the loss gives the
/// gradient with respect to each, and a second pass carries it into the weights (gradient caching, Gao et al. 2021), so
/// that only a few micro-batches of views are in memory at a time; `views` holds them twice. In [`Mode::Train`] batch
/// normalization uses the micro-batch's statistics in both passes and records them in the second.
///
/// `None` if `views` ends too early.
pub(super) fn contrast<B: Compute>(
    network: &mut Network<Autodiff<B>>,
    objective: &Contrastive,
    views: &mut dyn Iterator<Item = Views>,
    (pairs, micro): (usize, usize),
    source: &Source<B>,
    mode: Mode,
    watch: &mut dyn Watch,
) -> Option<Measured<B>> {
    let parts: Vec<Range<usize>> = (0..pairs).step_by(micro).map(|start| start..start + micro).collect();
    if let [_] = parts[..] {
        let (pixels, labels) = source.views(views.next()?)?;
        let (h, z) = network.project(Tensor::from_inner(pixels), mode);
        let batch = source.contrast(objective, z.clone().inner());
        let gradients = pull(network, z, batch.gradient.clone());
        let [loss, accuracy, entropy] = batch.measured();
        let contrastive = Some((accuracy, entropy));
        return Some(Measured { loss, contrastive, top1: None, features: h.inner(), labels, gradients });
    }
    let first_mode = if mode == Mode::Train { Mode::BatchStatistics } else { mode };
    let mut plain = network.valid();
    let mut projections = Vec::new();
    for _ in &parts {
        let (pixels, _) = source.views(views.next()?)?;
        let (_, z) = plain.project(pixels, first_mode);
        projections.push(z);
        watch.alive();
    }
    let batch = source.contrast(objective, joined(&projections));
    let (mut sum, mut features, mut all_labels) = (Gradients::new(), Vec::new(), Vec::new());
    for part in &parts {
        let (pixels, labels) = source.views(views.next()?)?;
        let (h, z) = network.project(Tensor::from_inner(pixels), mode);
        accumulate(&mut sum, pull(network, z, rows_of_pairs(&batch.gradient, pairs, part)));
        watch.alive();
        features.push(h.inner());
        all_labels.extend(labels);
    }
    let [loss, accuracy, entropy] = batch.measured();
    Some(Measured {
        loss,
        contrastive: Some((accuracy, entropy)),
        top1: None,
        features: joined(&features),
        labels: all_labels,
        gradients: sum,
    })
}

/// The gradient of the classifier's cross-entropy on one view of each of `all` images, which come from `views` in
/// micro-batches; `None` if `views` ends too early or there is no classifier.
pub(super) fn supervise<B: Compute>(
    network: &mut Network<Autodiff<B>>,
    views: &mut dyn Iterator<Item = Views>,
    all: usize,
    source: &Source<B>,
    watch: &mut dyn Watch,
) -> Option<Measured<B>> {
    let (mut parts, mut sum) = (Vec::new(), Gradients::new());
    let (mut features, mut all_labels) = (Vec::new(), Vec::new());
    while all_labels.len() < all {
        let (pixels, labels) = source.views(views.next()?)?;
        let share = labels.len() as f64 / all as f64;
        let h = network.encoder.forward(Tensor::from_inner(pixels), Mode::Train);
        let logits = network.classifier.as_ref()?.forward(h.clone());
        let part = cross_entropy(logits.clone(), &labels) * share;
        accumulate(&mut sum, gradients(network, &part));
        watch.alive();
        features.push(h.inner());
        all_labels.extend_from_slice(&labels);
        parts.push((share, part.inner(), logits.inner(), labels));
    }
    // A look at a number waits for the device, so it comes when all is under way.
    let (mut loss, mut top1) = (0.0, 0.0);
    for (share, part, logits, labels) in parts {
        loss += scalar(part);
        top1 += share * share_right(logits, &labels);
    }
    let features = Tensor::cat(features, 0);
    Some(Measured { loss, contrastive: None, top1: Some(top1), features, labels: all_labels, gradients: sum })
}

/// Share of rows whose largest logit is that of their label, in percent; `labels` repeat if there are more rows.
pub(super) fn share_right<B: Compute>(logits: Tensor<B, 2>, labels: &[u16]) -> f64 {
    let rows = logits.dims()[0];
    let best: Vec<i64> = logits.argmax(1).into_data().iter::<i64>().collect();
    let right = best.iter().zip(labels.iter().cycle()).filter(|&(&best, &label)| best == i64::from(label)).count();
    100.0 * right as f64 / rows as f64
}

/// Gradients of the parameters, given the gradient of the loss with respect to the projections.
fn pull<B: Compute>(network: &Network<Autodiff<B>>, z: Tensor<Autodiff<B>, 2>, gradient: Tensor<B, 2>) -> Gradients<B> {
    gradients(network, &(z * Tensor::from_inner(gradient)).sum())
}

/// The rows of some pairs from a matrix of all: first their first views, then their second.
fn rows_of_pairs<B: Compute>(all: &Tensor<B, 2>, pairs: usize, part: &Range<usize>) -> Tensor<B, 2> {
    let rows = |start: usize| all.clone().narrow(0, start, part.len());
    Tensor::cat(vec![rows(part.start), rows(pairs + part.start)], 0)
}

/// The matrix of all pairs from those of its parts, each with rows of first views before as many of second.
fn joined<B: Compute>(parts: &[Tensor<B, 2>]) -> Tensor<B, 2> {
    let half = |second: usize| {
        parts.iter().map(move |part| {
            let rows = part.dims()[0] / 2;
            part.clone().narrow(0, second * rows, rows)
        })
    };
    Tensor::cat(half(0).chain(half(1)).collect(), 0)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::{
        plan::fixture,
        recipe::{DataSource, PretrainJob, Training},
        train::{
            data::{self, Images, Part, Split},
            device::{Cpu, Device, TrainCpu},
            pretrain::loader::micro_batches,
        },
    };

    const PAIRS: usize = 12;

    /// A job of one batch, its images, a network and an objective.
    fn setting() -> (PretrainJob, Images, Network<TrainCpu>, Contrastive) {
        let mut recipe = fixture::recipe();
        recipe.encoder.width = 0.5;
        recipe.encoder.zero_init_residual = false;
        recipe.schedule.batch_size = PAIRS;
        let job = recipe.pretrain_job(3);
        let part = Part::of_size(DataSource::Shapes, Split::Train, 20);
        let images = data::load(&part, None, &mut data::unwatched).unwrap().images;
        let trained = trained(&job);
        let network = Network::new(&job, trained, 10, &Device::default());
        let objective = trained.objective.contrastive().unwrap();
        (job, images, network, objective)
    }

    fn trained(job: &PretrainJob) -> &crate::recipe::Trained {
        let Training::Trained(trained) = &job.training else { panic!("the fixture trains") };
        trained
    }

    /// What a step measures with micro-batches of the same views.
    fn measured(
        (job, images, network, objective): &(PretrainJob, Images, Network<TrainCpu>, Contrastive),
        source: &Source<Cpu>,
        micro: usize,
        mode: Mode,
    ) -> Measured<Cpu> {
        let mut job = job.clone();
        let Training::Trained(trained) = &mut job.training else { panic!("the fixture trains") };
        trained.schedule.micro_batch = Some(micro);
        let mut views = micro_batches(images, trained, 3, 0, source.makes_views());
        contrast(&mut network.clone(), objective, &mut views, (PAIRS, micro), source, mode, &mut |_: &_| {
            ControlFlow::Continue(())
        })
        .unwrap()
    }

    /// Contrastive accuracy and entropy.
    fn told(measured: &Measured<Cpu>) -> [f64; 2] {
        measured.contrastive.unwrap().into()
    }

    /// The largest difference between gradients, as a share of the largest of the same parameter.
    fn apart(one: &Measured<Cpu>, other: &Measured<Cpu>) -> f32 {
        assert_eq!(one.gradients.keys().collect::<Vec<_>>(), other.gradients.keys().collect::<Vec<_>>());
        let errors = one.gradients.iter().map(|(name, gradient)| {
            let [one, other] =
                [gradient, &other.gradients[name]].map(|g| g.to_data().iter::<f32>().collect::<Vec<_>>());
            let scale = one.iter().fold(0_f32, |scale, value| scale.max(value.abs()));
            assert!(scale > 0.0, "{name}");
            one.iter().zip(&other).fold(0_f32, |error, (a, b)| error.max((a - b).abs())) / scale
        });
        errors.fold(0.0, f32::max)
    }

    #[test]
    fn a_device_that_makes_views_and_losses_itself_trains_the_same() {
        let setting = setting();
        let images = &setting.1;
        let device = Source::on_device(images, &Device::default());
        assert!(device.makes_views() && device.remark(images).is_none());
        for micro in [PAIRS, 4] {
            let host = measured(&setting, &Source::by_processor(images), micro, Mode::Train);
            let there = measured(&setting, &device, micro, Mode::Train);
            assert!((host.loss - there.loss).abs() < 1e-5, "{} {}", host.loss, there.loss);
            let ([host_accuracy, host_entropy], [accuracy, entropy]) = (told(&host), told(&there));
            assert!((host_accuracy - accuracy).abs() < 1e-4 && (host_entropy - entropy).abs() < 1e-5);
            assert_eq!(host.labels, there.labels);
            // Views differ by 1e-5 at most, losses by less; through five layers that grows.
            assert!(apart(&host, &there) < 1e-3, "{}", apart(&host, &there));
        }
    }

    #[test]
    fn micro_batches_give_the_gradient_of_the_whole_batch() {
        // Batch normalization with fixed statistics treats every view by itself, as a network without it would.
        let setting = setting();
        let source = Source::by_processor(&setting.1);
        let [whole, parts] = [PAIRS, 3].map(|micro| measured(&setting, &source, micro, Mode::Inference));
        assert!((whole.loss - parts.loss).abs() < 1e-6);
        // Sums in another order: an error of a few units in the last place of the largest term.
        assert!(apart(&whole, &parts) <= 1e-5, "{}", apart(&whole, &parts));
        assert!((whole.features - parts.features).abs().max().into_scalar() < 1e-5);
        assert_eq!((whole.labels.len(), &whole.labels), (PAIRS, &parts.labels));
    }

    #[test]
    fn batch_normalization_sees_the_micro_batch() {
        let setting = setting();
        let source = Source::by_processor(&setting.1);
        let [whole, parts] = [PAIRS, 3].map(|micro| measured(&setting, &source, micro, Mode::Train));
        assert!((whole.loss - parts.loss).abs() > 1e-3, "{} {}", whole.loss, parts.loss);
    }

    #[test]
    fn the_loss_is_that_of_micro_batches_with_statistics_of_their_own() {
        let setting = setting();
        let source = Source::by_processor(&setting.1);
        let parts = measured(&setting, &source, 3, Mode::Train);
        let (job, images, network, objective) = &setting;
        let mut plain = network.valid();
        let views = micro_batches(images, trained(job), 3, 0, false).next().unwrap();
        let (pixels, _) = source.views(views).unwrap();
        let projections: Vec<_> = (0..PAIRS)
            .step_by(3)
            .map(|start| plain.project(rows_of_images(&pixels, &(start..start + 3)), Mode::BatchStatistics).1)
            .collect();
        let [loss, accuracy, entropy] = source.contrast(objective, joined(&projections)).measured();
        assert!((parts.loss - loss).abs() < 1e-6, "{} {loss}", parts.loss);
        assert!((told(&parts)[0] - accuracy).abs() < 1e-9 && (told(&parts)[1] - entropy).abs() < 1e-6);
    }

    /// The views of some pairs of a batch's views.
    fn rows_of_images(all: &Tensor<Cpu, 4>, part: &Range<usize>) -> Tensor<Cpu, 4> {
        let rows = |start: usize| all.clone().narrow(0, start, part.len());
        Tensor::cat(vec![rows(part.start), rows(PAIRS + part.start)], 0)
    }
}
