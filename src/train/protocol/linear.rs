//! Linear evaluation: a softmax classifier on the frozen network's features, by gradient steps (paper appendix B.6).

use burn::{backend::Autodiff, module::Module, tensor::Tensor};

use super::{
    extract::{BATCH, Frozen},
    steps::{self, Course, Outcome},
};
use crate::train::{Error, data::Images, device::Compute, model::Linear, ops::Ops, view_tensor, watch::Watch};

/// A classifier; the field's name exempts it from layer-wise adaptation, as in the reference code.
#[derive(Module, Debug)]
pub(super) struct Trained<B: Ops> {
    pub classifier: Linear<B>,
}

/// Trains a classifier on features of images, which are `plain` where they are not augmented.
pub(super) fn train<B: Compute>(
    course: &Course<'_>,
    network: &mut Frozen<B>,
    plain: &Tensor<B, 2>,
    classes: usize,
    watch: &mut dyn Watch,
) -> Result<Outcome<Trained<Autodiff<B>>>, Error> {
    let classifier = Linear::zeros(plain.dims()[1], classes, &B::Device::default());
    let logits = |trained: &mut Trained<Autodiff<B>>, part: steps::Part, watch: &mut dyn Watch| {
        let features = match course.views_of {
            None => part.rows(plain),
            // Views go through the frozen network a part at a time, which bounds the memory and changes nothing.
            Some(Images { size, .. }) => {
                let parts = part.views.chunks(BATCH * size * size * 3);
                let features = parts.map(|views| {
                    watch.alive();
                    network.features_of(view_tensor(views.to_vec(), *size))
                });
                Tensor::cat(features.collect(), 0)
            }
        };
        trained.classifier.forward(Tensor::from_inner(features))
    };
    steps::train(course, Trained { classifier }, logits, watch)
}
