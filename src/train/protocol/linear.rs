//! Linear evaluation: a softmax classifier on the frozen network's features, by gradient steps (paper appendix B.6).

use burn::{module::Module, tensor::Tensor};

use super::{
    extract::{Frozen, tensor},
    steps::{self, Course, Outcome},
};
use crate::train::{
    Error,
    device::{Cpu, Device, TrainCpu},
    model::Linear,
    ops::Ops,
    watch::Watch,
};

/// A classifier; the field's name exempts it from layer-wise adaptation, as in the reference code.
#[derive(Module, Debug)]
pub(super) struct Trained<B: Ops> {
    pub classifier: Linear<B>,
}

/// Trains a classifier on features of images, which are `plain` where they are not augmented.
pub(super) fn train(
    course: &Course<'_>,
    network: &mut Frozen,
    plain: &Tensor<Cpu, 2>,
    classes: usize,
    watch: &mut dyn Watch,
) -> Result<Outcome<Trained<TrainCpu>>, Error> {
    let classifier = Linear::zeros(plain.dims()[1], classes, &Device::default());
    let logits = |trained: &mut Trained<TrainCpu>, part: steps::Part| {
        let features = match course.views_of {
            None => part.rows(plain),
            Some(images) => network.features_of(tensor(part.views, images.size)),
        };
        trained.classifier.forward(Tensor::from_inner(features))
    };
    steps::train(course, Trained { classifier }, logits, watch)
}
