//! The gradient of one batch: of a contrastive objective, in one piece or by micro-batches, or of cross-entropy.

use std::ops::Range;

use burn::{
    backend::Autodiff,
    module::AutodiffModule,
    tensor::{Tensor, TensorData},
};

use super::{loader::Views, network::Network};
use crate::{
    recipe::Contrastive,
    train::{
        device::Compute,
        matrix_values,
        model::Mode,
        objective::{contrastive, cross_entropy},
        optimizer::{Gradients, accumulate, gradients},
        scalar, view_tensor,
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
    size: usize,
    mode: Mode,
    watch: &mut dyn Watch,
) -> Option<Measured<B>> {
    let parts: Vec<Range<usize>> = (0..pairs).step_by(micro).map(|start| start..start + micro).collect();
    if let [_] = parts[..] {
        let Views { pixels, labels } = views.next()?;
        let (h, z) = network.project(view_tensor(pixels, size), mode);
        let dimension = z.dims()[1];
        let batch = contrastive(objective, &matrix_values(z.clone().inner()), dimension);
        let gradients = pull(network, z, batch.gradient);
        return Some(Measured {
            loss: batch.loss,
            contrastive: Some((batch.accuracy, batch.entropy)),
            top1: None,
            features: h.inner(),
            labels,
            gradients,
        });
    }
    let first_mode = if mode == Mode::Train { Mode::BatchStatistics } else { mode };
    let mut plain = network.valid();
    let mut projections = Vec::new();
    for _ in &parts {
        let (_, z) = plain.project(view_tensor(views.next()?.pixels, size), first_mode);
        projections.push(z);
        watch.alive();
    }
    let projections = joined(&projections);
    let dimension = projections.dims()[1];
    let batch = contrastive(objective, &matrix_values(projections), dimension);
    let (mut sum, mut features, mut all_labels) = (Gradients::new(), Vec::new(), Vec::new());
    for part in &parts {
        let Views { pixels, labels } = views.next()?;
        let (h, z) = network.project(view_tensor(pixels, size), mode);
        accumulate(&mut sum, pull(network, z, rows_of_pairs(&batch.gradient, pairs, part)));
        watch.alive();
        features.push(h.inner());
        all_labels.extend(labels);
    }
    Some(Measured {
        loss: batch.loss,
        contrastive: Some((batch.accuracy, batch.entropy)),
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
    size: usize,
    watch: &mut dyn Watch,
) -> Option<Measured<B>> {
    let (mut parts, mut sum) = (Vec::new(), Gradients::new());
    let (mut features, mut all_labels) = (Vec::new(), Vec::new());
    while all_labels.len() < all {
        let Views { pixels, labels } = views.next()?;
        let share = labels.len() as f64 / all as f64;
        let h = network.encoder.forward(view_tensor(pixels, size), Mode::Train);
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
fn pull<B: Compute>(network: &Network<Autodiff<B>>, z: Tensor<Autodiff<B>, 2>, gradient: Vec<f32>) -> Gradients<B> {
    let pull = Tensor::from_data(TensorData::new(gradient, z.dims()), &z.device());
    gradients(network, &(z * pull).sum())
}

/// The rows of some pairs from a matrix of all: first their first views, then their second.
fn rows_of_pairs(all: &[f32], pairs: usize, part: &Range<usize>) -> Vec<f32> {
    let width = all.len() / (2 * pairs);
    [part.start, pairs + part.start]
        .into_iter()
        .flat_map(|row| &all[row * width..][..part.len() * width])
        .copied()
        .collect()
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
        recipe::Training,
        train::device::{Cpu, Device, TrainCpu},
    };

    const PAIRS: usize = 12;
    const SIZE: usize = 8;

    /// A network and its objective.
    fn setting() -> (Network<TrainCpu>, Contrastive) {
        let mut recipe = fixture::recipe();
        recipe.encoder.width = 0.5;
        recipe.encoder.zero_init_residual = false;
        let job = recipe.pretrain_job(3);
        let Training::Trained(trained) = &job.training else { panic!("the fixture trains") };
        let network = Network::new(&job, trained, 10, &Device::default());
        (network, trained.objective.contrastive().unwrap())
    }

    /// What a step measures with micro-batches of the same views.
    fn measured(network: &Network<TrainCpu>, objective: &Contrastive, micro: usize, mode: Mode) -> Measured<Cpu> {
        let all: Vec<f32> = (0..2 * PAIRS * SIZE * SIZE * 3).map(|index| (index as f32 * 0.61).sin().abs()).collect();
        let starts = (0..2 * PAIRS).step_by(micro).map(|start| start % PAIRS);
        let mut views = starts.map(|start| Views {
            pixels: rows_of_pairs(&all, PAIRS, &(start..start + micro)),
            labels: (start..start + micro).map(|label| label as u16).collect(),
        });
        contrast(&mut network.clone(), objective, &mut views, (PAIRS, micro), SIZE, mode, &mut |_: &_| {
            ControlFlow::Continue(())
        })
        .unwrap()
    }

    #[test]
    fn micro_batches_give_the_gradient_of_the_whole_batch() {
        // Batch normalization with fixed statistics treats every view by itself, as a network without it would.
        let (network, objective) = setting();
        let [whole, parts] = [PAIRS, 3].map(|micro| measured(&network, &objective, micro, Mode::Inference));
        assert!((whole.loss - parts.loss).abs() < 1e-6);
        assert_eq!(whole.gradients.keys().collect::<Vec<_>>(), parts.gradients.keys().collect::<Vec<_>>());
        for (name, gradient) in &whole.gradients {
            let [whole, parts] =
                [gradient, &parts.gradients[name]].map(|g| g.to_data().iter::<f32>().collect::<Vec<_>>());
            // Sums in another order: an error of a few units in the last place of the largest term.
            let scale = whole.iter().fold(0_f32, |scale, value| scale.max(value.abs()));
            let error = whole.iter().zip(&parts).fold(0_f32, |error, (a, b)| error.max((a - b).abs()));
            assert!(scale > 0.0 && error <= 1e-5 * scale, "{name}: {error} of {scale}");
        }
        assert!((whole.features - parts.features).abs().max().into_scalar() < 1e-5);
        assert_eq!((whole.labels.len(), &whole.labels), (PAIRS, &parts.labels));
    }

    #[test]
    fn batch_normalization_sees_the_micro_batch() {
        let (network, objective) = setting();
        let [whole, parts] = [PAIRS, 3].map(|micro| measured(&network, &objective, micro, Mode::Train));
        assert!((whole.loss - parts.loss).abs() > 1e-3, "{} {}", whole.loss, parts.loss);
    }
}
