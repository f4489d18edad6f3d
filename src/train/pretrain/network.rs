//! The networks that are trained together, and their file.

use burn::{module::Module, tensor::Tensor};

use crate::{
    recipe::{Objective, Precision, PretrainJob, Trained},
    train::{
        model::{Linear, Mode, ProjectionHead, ResNet, Tensors, tensors},
        ops::Ops,
    },
};

/// Encoder, projection head and, for a supervised objective, classifier.
#[derive(Module, Debug)]
pub(super) struct Network<B: Ops> {
    pub encoder: ResNet<B>,
    pub head: ProjectionHead<B>,
    /// Excluded from layer-wise adaptation by its name, like the reference's `head_supervised`.
    pub classifier: Option<Linear<B>>,
}

impl<B: Ops> Network<B> {
    /// Initial weights; those of the encoder depend on the seed and the encoder's recipe only.
    pub fn new(job: &PretrainJob, trained: &Trained, classes: usize, device: &B::Device) -> Self {
        let dimension = job.encoder.dimension();
        Self {
            encoder: ResNet::new(&job.encoder, job.seed, device),
            head: ProjectionHead::new(trained.head.as_ref(), dimension, job.encoder.precision, job.seed, device),
            classifier: (trained.objective == Objective::Supervised).then(|| Linear::zeros(dimension, classes, device)),
        }
    }

    /// An encoder that nothing was trained with.
    pub fn bare(encoder: ResNet<B>, device: &B::Device) -> Self {
        Self { encoder, head: ProjectionHead::new(None, 0, Precision::Float32, 0, device), classifier: None }
    }

    /// Views `[n, h, w, 3]` → h `[n, dimension]` and z `[n, d]`.
    pub fn project(&mut self, views: Tensor<B, 4>, mode: Mode) -> (Tensor<B, 2>, Tensor<B, 2>) {
        let h = self.encoder.forward(views, mode);
        (h.clone(), self.head.forward(h, mode))
    }
}

/// The network's tensors as its file names them: the encoder's as torchvision does, the head's `projection.…`, the
/// classifier's `fc`.
pub(super) fn named<B: Ops>(network: &Network<B>) -> Tensors {
    let mut all = tensors(&network.encoder, "");
    all.extend(tensors(&network.head, "projection."));
    if let Some(classifier) = &network.classifier {
        all.extend(tensors(classifier, "fc."));
    }
    all
}
