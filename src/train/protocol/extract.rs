//! Features of a frozen network.

use burn::tensor::Tensor;

use crate::{
    recipe::{Precision, ProjectionHead as HeadRecipe, Representation},
    train::{
        Error,
        augment::plain_batch,
        data::Images,
        device::Compute,
        evaluation::Fingerprint,
        model::{Mode, ProjectionHead, ResNet, WeightsError, load_weights},
        view_tensor,
        watch::{Watch, Wish},
    },
};

/// Images per forward pass; no effect on the result.
pub(super) const BATCH: usize = 256;

/// A pretrained network in inference mode.
pub struct Frozen<B: Compute> {
    encoder: ResNet<B>,
    /// `None` where h itself is evaluated.
    head: Option<ProjectionHead<B>>,
}

impl<B: Compute> Frozen<B> {
    /// The network in a file of [`Pretrained`](crate::train::Pretrained); `empty` has its shape.
    pub fn load(
        empty: ResNet<B>,
        head: Option<(&HeadRecipe, usize, Precision)>,
        representation: Representation,
        file: &[u8],
    ) -> Result<Self, WeightsError> {
        let head = match (representation, head) {
            (Representation::Projection, Some((recipe, inputs, precision))) => {
                let empty = ProjectionHead::new(Some(recipe), inputs, precision, 0, &B::Device::default());
                Some(load_weights(empty, "projection.", file)?)
            }
            (Representation::Projection, None) => {
                return Err(WeightsError::new("there is no projection head to evaluate".to_owned()));
            }
            (Representation::Encoder, _) => None,
        };
        Ok(Self { encoder: load_weights(empty, "", file)?, head })
    }

    /// Features of views `[n, size, size, 3]`: `[n, dimension]`.
    pub fn features_of(&mut self, views: Tensor<B, 4>) -> Tensor<B, 2> {
        let h = self.encoder.forward(views, Mode::Inference);
        match &mut self.head {
            Some(head) => head.forward(h, Mode::Inference),
            None => h,
        }
    }

    /// Features of all images without augmentation, `[n, dimension]`.
    pub fn features(&mut self, images: &Images, watch: &mut dyn Watch) -> Result<Tensor<B, 2>, Error> {
        let plain = |range| plain_batch(images, range);
        Ok(Tensor::cat(in_batches(images.len(), images.size, plain, watch, |views| self.features_of(views))?, 0))
    }

    /// Fingerprints of everything that must not change while the network is evaluated: weights and running statistics.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        let head = self.head.as_ref().map(Fingerprint::of);
        [Fingerprint::of(&self.encoder)].into_iter().chain(head).collect()
    }
}

/// What `of_batch` makes of the views of `images` images, which `views` makes batch by batch, `[n, size, size, 3]`; this
/// stops between two batches if that is wished.
pub(super) fn in_batches<B: Compute, T>(
    images: usize,
    size: usize,
    views: impl Fn(std::ops::Range<usize>) -> Vec<f32>,
    watch: &mut dyn Watch,
    mut of_batch: impl FnMut(Tensor<B, 4>) -> T,
) -> Result<Vec<T>, Error> {
    let starts = (0..images).step_by(BATCH);
    starts
        .map(|start| {
            if watch.wish() == Wish::Stop {
                return Err(Error::Stopped);
            }
            Ok(of_batch(view_tensor(views(start..(start + BATCH).min(images)), size)))
        })
        .collect()
}
