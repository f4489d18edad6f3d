//! The networks that are trained together, and their file.

use burn::{module::Module, tensor::Tensor};

use crate::{
    recipe::{Objective, PretrainJob, Trained},
    train::{
        device::{Cpu, Device},
        model::{Linear, Mode, ProjectionHead, ResNet, WeightsError, encode, tensors},
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
    pub fn new(job: &PretrainJob, trained: &Trained, classes: usize, device: &Device) -> Self
    where
        B: Ops<Device = Device>,
    {
        let dimension = job.encoder.dimension();
        Self {
            encoder: ResNet::new(&job.encoder, job.seed, device),
            head: ProjectionHead::new(trained.head.as_ref(), dimension, job.seed, device),
            classifier: (trained.objective == Objective::Supervised).then(|| Linear::zeros(dimension, classes, device)),
        }
    }

    /// Views `[n, h, w, 3]` → h `[n, dimension]` and z `[n, d]`.
    pub fn project(&mut self, views: Tensor<B, 4>, mode: Mode) -> (Tensor<B, 2>, Tensor<B, 2>) {
        let h = self.encoder.forward(views, mode);
        (h.clone(), self.head.forward(h, mode))
    }
}

/// Whether every weight and running statistic is a finite number.
pub(super) fn is_finite(network: &Network<Cpu>) -> bool {
    let all = tensors(network, "");
    let mut values = all.values().flat_map(|(_, bytes)| bytes.chunks_exact(4));
    values.all(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_finite())
}

/// The network's safetensors file: the encoder under torchvision's names, the head as `projection.…`, the classifier as
/// `fc`.
pub(super) fn file(network: &Network<Cpu>) -> Result<Vec<u8>, WeightsError> {
    let mut all = tensors(&network.encoder, "");
    all.extend(tensors(&network.head, "projection."));
    if let Some(classifier) = &network.classifier {
        all.extend(tensors(classifier, "fc."));
    }
    encode(&all)
}
