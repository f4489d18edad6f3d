//! How an encoder is evaluated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Algorithm, Data, Transform,
    patch::{patchable, replaceable},
};

patchable! {
    /// An evaluation of a pretrained encoder.
    ///
    /// Fields that a protocol does not use have no effect, and jobs that differ only in them are one job.
    pub struct Evaluation patched by EvaluationPatch {
        /// What is done with the encoder; linear evaluation unless written.
        #[serde(default)]
        pub protocol: Protocol,
        /// Which features are evaluated; h unless written.
        #[serde(default)]
        pub representation: Representation,
        /// Share of the training images whose labels may be used, in (0, 1]; 1 unless written. The images are a fixed
        /// class-balanced subset (paper appendix B.5: 1 % and 10 %).
        #[serde(default = "all")]
        pub label_fraction: f64,
        /// Another data set to evaluate on (paper §6.3, transfer); that of pretraining unless written.
        #[serde(default)]
        pub transfer_data: Option<Data>,
        /// Transformations of the training images; none unless written, so that features of a frozen encoder are
        /// computed once. The paper crops and flips (appendix B.6).
        #[serde(default)]
        pub train_augmentation: Vec<Transform>,
        /// The update rule; Nesterov SGD unless written, as in the paper.
        #[serde(default = "nesterov")]
        pub solver: Algorithm,
        /// Passes over the training images; the paper uses 90 for linear evaluation.
        pub epochs: usize,
        /// Images per step.
        pub batch_size: usize,
        /// Images that go through the network at a time in fine-tuning; must divide `batch_size`. `None`, as it is unless
        /// written: all of them. The gradient is that of the whole batch either way, but batch normalization sees the
        /// micro-batch. Other protocols have no use for it.
        #[serde(default)]
        pub micro_batch: Option<usize>,
        /// Learning rate per 256 images: the first step takes this × batch_size / 256; the paper uses 0.1 for linear
        /// evaluation and 0.05 for fine-tuning.
        pub learning_rate: f64,
        /// Momentum coefficient; the paper uses 0.9.
        pub momentum: f64,
        /// L2 weight decay; the paper uses none.
        pub weight_decay: f64,
    }
}

/// What is done with an encoder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum Protocol {
    /// A softmax classifier on features of the frozen encoder, by gradient steps with cosine decay (appendix B.6).
    #[default]
    Linear,
    /// L2-regularized multinomial logistic regression on features of the frozen encoder, by L-BFGS; the strength of
    /// regularization is chosen on `data.validation_images`, then the classifier is trained on all (appendix B.8).
    LogisticRegression {
        /// Weakest and strongest regularization λ; the paper uses (1e-6, 1e5).
        regularization: (f64, f64),
        /// Number of values, evenly spaced in the logarithm; the paper uses 45.
        values: usize,
    },
    /// Votes of the nearest training images by cosine similarity (Wu et al. 2018).
    NearestNeighbors {
        /// Number of votes k; 200 and 20 are common.
        neighbors: usize,
        /// A vote of similarity s weighs exp(s / temperature); 0.1 is common. `None`: all votes weigh the same.
        #[serde(default)]
        temperature: Option<f64>,
    },
    /// Trains the whole network with a new classifier (paper §6.2, appendix B.5).
    FineTune,
    /// The classifier that supervised pretraining has trained already.
    OwnClassifier,
    /// A multilayer perceptron that tells from the features which transformation an image went through (Table 3).
    TransformationProbe {
        /// What it has to tell apart.
        task: ProbeTask,
        /// Width of its hidden layer.
        hidden: usize,
    },
}

/// Which features of a network are evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Representation {
    /// h, the encoder's output.
    #[default]
    Encoder,
    /// g(h), the projection head's output before normalization (paper §4.2).
    Projection,
}

/// What a transformation probe tells apart (Table 3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum ProbeTask {
    /// Images in color (80 %) from images without (20 %).
    Grayscale,
    /// Rotations by 0, 90, 180 and 270 degrees.
    Rotation,
    /// Images with Gaussian noise from those without.
    GaussianNoise {
        /// Standard deviation of the noise on values in [0, 1]; the paper does not say its.
        sigma: f64,
    },
    /// Sobel-filtered images from others.
    Sobel,
}

fn all() -> f64 {
    1.0
}

fn nesterov() -> Algorithm {
    Algorithm::Sgd { nesterov: true }
}

replaceable!(Protocol, Representation, Option<Data>);
