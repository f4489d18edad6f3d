//! Linear evaluation: a softmax classifier on the frozen network's features, by gradient steps (paper appendix B.6).

use burn::{backend::Autodiff, module::Module, tensor::Tensor};

use super::{
    extract::Frozen,
    steps::{self, Course, Outcome},
};
use crate::train::{Error, device::Compute, model::Linear, ops::Ops, views::ViewMaker, watch::Watch};

/// A classifier; the field's name exempts it from layer-wise adaptation, as in the reference code.
#[derive(Module, Debug)]
pub(super) struct Trained<B: Ops> {
    pub classifier: Linear<B>,
}

/// Trains a classifier on features of images: those of the course's views, or `plain` where they are not augmented.
pub(super) fn train<B: Compute>(
    course: &Course<'_>,
    network: &mut Frozen<B>,
    plain: &Tensor<B, 2>,
    (maker, classes): (&ViewMaker<B>, usize),
    watch: &mut dyn Watch,
) -> Result<Outcome<Trained<Autodiff<B>>>, Error> {
    let classifier = Linear::zeros(plain.dims()[1], classes, &B::Device::default());
    let logits = |trained: &mut Trained<Autodiff<B>>, part: steps::Part, watch: &mut dyn Watch| {
        let features = if part.views.is_empty() {
            part.rows(plain)
        } else {
            // Views go through the frozen network some at a time, which bounds the memory and changes nothing.
            let features = part.views.into_iter().map(|pixels| {
                watch.alive();
                Some(network.features_of(maker.views(pixels)?))
            });
            Tensor::cat(features.collect::<Option<_>>()?, 0)
        };
        Some(trained.classifier.forward(Tensor::from_inner(features)))
    };
    steps::train(course, Trained { classifier }, logits, watch)
}
