//! Estimated work of a job in closed form: multiply-accumulates and images, so that plans can be ranked before anything
//! was measured.
//!
//! Only convolutions and linear layers count; normalization, pooling and augmentation are left out.

use std::ops::Add;

use super::Job;
use crate::recipe::{
    BlockKind, Encoder, EvaluationJob, EvaluationTask, JobSpec, Objective, PretrainJob, ProjectionHead, Stem, Training,
};

/// A backward pass takes about twice the work of its forward pass, so training takes three forward passes.
const TRAINING_PASSES: f64 = 3.0;
/// Times that L-BFGS looks at all features for one strength of regularization, roughly.
const SOLVER_PASSES: f64 = 100.0;

/// Estimated work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Multiply-accumulates.
    pub macs: f64,
    /// Images that pass through the encoder, counting every view and every epoch.
    pub images: f64,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { macs: self.macs + other.macs, images: self.images + other.images }
    }
}

impl Cost {
    /// The work of `job`; `parent` is the job whose encoder it evaluates, if it evaluates one.
    pub fn of(job: &Job, parent: Option<&Job>) -> Self {
        match (&*job.spec, parent.map(|parent| &*parent.spec)) {
            (JobSpec::Pretrain(pretrain), _) => Self::of_pretraining(pretrain),
            (JobSpec::Evaluate(evaluation), Some(JobSpec::Pretrain(pretrain))) => {
                Self::of_evaluation(evaluation, &pretrain.encoder)
            }
            (JobSpec::Evaluate(_), _) => Self::default(),
        }
    }

    fn of_pretraining(job: &PretrainJob) -> Self {
        let (Training::Trained(trained), Some(data)) = (&job.training, job.data) else { return Self::default() };
        let schedule = &trained.schedule;
        let steps = data.count() / schedule.batch_size.max(1);
        let views_per_image = if trained.objective == Objective::Supervised { 1.0 } else { 2.0 };
        let views = views_per_image * (steps * schedule.batch_size) as f64 * schedule.epochs as f64;
        let encoder = forward_macs(&job.encoder, data.image_size());
        let head = trained.head.as_ref().map_or(0.0, |head| head_macs(head, &job.encoder));
        // Micro-batches go forward once more, to learn the loss before its gradient.
        let passes = TRAINING_PASSES + if schedule.micro_batch.is_some() { 1.0 } else { 0.0 };
        Self { macs: passes * views * (encoder + head), images: views }
    }

    fn of_evaluation(job: &EvaluationJob, encoder: &Encoder) -> Self {
        let train = job.label_fraction * job.data.train_set().count() as f64;
        let test = job.data.test_count() as f64;
        let forward = forward_macs(encoder, job.data.image_size());
        let dimension = encoder.dimension() as f64;
        let classifier = dimension * job.data.source.classes() as f64;
        let features = |augmented_epochs: usize| match augmented_epochs {
            0 => train + test,
            epochs => train * epochs as f64 + test,
        };
        let (images, other) = match &job.task {
            EvaluationTask::Linear(training) => {
                let augmented = if training.augmentation.is_empty() { 0 } else { training.epochs };
                let classified = TRAINING_PASSES * train * training.epochs as f64 + train + test;
                (features(augmented), classified * classifier)
            }
            EvaluationTask::LogisticRegression { values, .. } => {
                (features(0), SOLVER_PASSES * (values + 1) as f64 * train * classifier)
            }
            EvaluationTask::NearestNeighbors { .. } => (features(0), train * test * dimension),
            EvaluationTask::FineTune(training) => {
                let images = features(training.epochs);
                let backward = (TRAINING_PASSES - 1.0) * train * training.epochs as f64 * forward;
                (images, backward)
            }
            EvaluationTask::OwnClassifier => (test, test * classifier),
            EvaluationTask::TransformationProbe { hidden, training, .. } => {
                let probed = TRAINING_PASSES * train * training.epochs as f64 + test;
                (features(0), probed * dimension * *hidden as f64)
            }
        };
        Self { macs: images * forward + other, images }
    }
}

/// A convolution without bias.
struct Convolution {
    /// Channels read.
    inputs: usize,
    /// Channels written.
    outputs: usize,
    /// Height and width of the kernel.
    kernel: usize,
    /// Height and width of the output in pixels.
    size: usize,
}

impl Convolution {
    fn weights(&self) -> usize {
        self.inputs * self.outputs * self.kernel * self.kernel
    }

    fn macs(&self) -> f64 {
        (self.size * self.size) as f64 * self.weights() as f64
    }
}

/// Values that a forward pass keeps for its gradient per image: the output of every convolution and of the
/// normalization after it.
pub(super) fn kept_values(encoder: &Encoder, image_size: usize) -> usize {
    convolutions(encoder, image_size).iter().map(|layer| 2 * layer.outputs * layer.size * layer.size).sum()
}

/// Every convolution of the encoder on square images of `image_size` pixels, from input to output. Each is followed by
/// batch normalization.
fn convolutions(encoder: &Encoder, image_size: usize) -> Vec<Convolution> {
    let stages = encoder.stage_channels();
    let kind = encoder.architecture.block_kind();
    let mut inputs = stages.first().copied().unwrap_or_default();
    let stem = |kernel, size| Convolution { inputs: 3, outputs: inputs, kernel, size };
    let (stem, mut size) = match encoder.stem {
        Stem::Cifar => (stem(3, image_size), image_size),
        Stem::ImageNet => (stem(7, image_size.div_ceil(2)), image_size.div_ceil(2).div_ceil(2)),
    };
    let mut layers = vec![stem];
    for (stage, (&blocks, &channels)) in encoder.architecture.blocks().iter().zip(&stages).enumerate() {
        let outputs = channels * kind.expansion();
        for block in 0..blocks {
            let before = size;
            let halves = stage > 0 && block == 0;
            if halves {
                size = size.div_ceil(2);
            }
            let mut layer = |inputs, outputs, kernel, size| {
                layers.push(Convolution { inputs, outputs, kernel, size });
            };
            if encoder.has_projection(stage, block) {
                layer(inputs, outputs, 1, size);
            }
            match kind {
                BlockKind::Basic => {
                    layer(inputs, channels, 3, size);
                    layer(channels, outputs, 3, size);
                }
                BlockKind::Bottleneck => {
                    layer(inputs, channels, 1, before);
                    layer(channels, channels, 3, size);
                    layer(channels, outputs, 1, size);
                }
            }
            inputs = outputs;
        }
    }
    layers
}

/// Multiply-accumulates of the encoder for one square image of `image_size` pixels, forward only.
pub fn forward_macs(encoder: &Encoder, image_size: usize) -> f64 {
    convolutions(encoder, image_size).iter().map(Convolution::macs).sum()
}

/// Trainable parameters of the encoder: the convolutions' weights, and scale and shift of each batch normalization.
pub fn parameters(encoder: &Encoder) -> usize {
    convolutions(encoder, 1).iter().map(|layer| layer.weights() + 2 * layer.outputs).sum()
}

/// Weights of a projection head.
pub(super) fn head_parameters(head: &ProjectionHead, encoder: &Encoder) -> usize {
    let features = encoder.dimension();
    features * features * head.hidden_layers + features * head.dimension
}

fn head_macs(head: &ProjectionHead, encoder: &Encoder) -> f64 {
    head_parameters(head, encoder) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::fixture,
        recipe::{Architecture, Objective, Precision, ProjectionShortcut},
    };

    fn encoder(architecture: Architecture, width: f64) -> Encoder {
        let precision = Precision::Float32;
        Encoder {
            architecture,
            width,
            stem: Stem::Cifar,
            zero_init_residual: true,
            projection_shortcut: ProjectionShortcut::WhereShapeChanges,
            input_normalization: None,
            precision,
        }
    }

    #[test]
    fn resnet18_for_cifar_has_its_known_size() {
        let encoder = encoder(Architecture::ResNet18, 1.0);
        assert_eq!(forward_macs(&encoder, 32), 555_417_600.0);
        assert_eq!(parameters(&encoder), 11_168_832);
    }

    #[test]
    fn a_projection_in_the_first_stage_is_one_more_layer() {
        // A 1 x 1 convolution of 64 channels to 64 and its normalization. google-research/simclr's ResNet-18 with the
        // stem for CIFAR has 11,173,056 trainable parameters without its heads.
        let plain = encoder(Architecture::ResNet18, 1.0);
        let more = Encoder { projection_shortcut: ProjectionShortcut::EveryStage, ..plain.clone() };
        assert_eq!(parameters(&more), 11_173_056);
        assert_eq!(forward_macs(&more, 32) - forward_macs(&plain, 32), 32.0 * 32.0 * 64.0 * 64.0);
        assert_eq!(kept_values(&more, 32) - kept_values(&plain, 32), 2 * 64 * 32 * 32);
        // A bottleneck's first stage has one anyway.
        let bottleneck = Encoder { architecture: Architecture::ResNet50, ..more };
        assert_eq!(parameters(&bottleneck), parameters(&bottleneck.normalized()));
    }

    #[test]
    fn resnet34_for_cifar_has_its_known_size() {
        // torchvision's resnet34 has 21,797,672 parameters; without its classifier (512 x 1000 + 1000) and with the
        // 3 x 3 stem in place of 7 x 7 (3 x 64 x 40 weights fewer), this remains.
        assert_eq!(parameters(&encoder(Architecture::ResNet34, 1.0)), 21_797_672 - 513_000 - 7_680);
    }

    #[test]
    fn resnet20_has_a_quarter_million_parameters() {
        // He et al. report 0.27 M and 40.8 M multiply-adds with parameter-free shortcuts; projections add a little.
        let encoder = encoder(Architecture::ResNet20, 1.0);
        assert_eq!(parameters(&encoder), 271_824);
        assert_eq!(forward_macs(&encoder, 32), 40_550_400.0 + 262_144.0);
    }

    #[test]
    fn imagenet_networks_have_their_published_sizes() {
        // Parameters of torchvision's models less those of their classifiers, and multiply-adds at 224 px in 10^9 as
        // torchvision gives them (classifier included, which adds 0.002 at most).
        for (architecture, parameters_with_classifier, giga_macs) in [
            (Architecture::ResNet18, 11_689_512, 1.81),
            (Architecture::ResNet34, 21_797_672, 3.66),
            (Architecture::ResNet50, 25_557_032, 4.09),
            (Architecture::ResNet101, 44_549_160, 7.80),
            (Architecture::ResNet152, 60_192_808, 11.51),
        ] {
            let encoder = Encoder { stem: Stem::ImageNet, ..encoder(architecture, 1.0) };
            assert_eq!(parameters(&encoder), parameters_with_classifier - 1000 * (encoder.dimension() + 1));
            let macs = forward_macs(&encoder, 224) / 1e9;
            assert!((macs - giga_macs).abs() < 0.01, "{architecture:?} {macs}");
        }
    }

    #[test]
    fn wide_resnet50_has_the_papers_size() {
        // Paper Figure 7 and Table 6: 24, 94 and 375 million.
        for (width, millions) in [(1.0, 24.0), (2.0, 94.0), (4.0, 375.0)] {
            let encoder = Encoder { stem: Stem::ImageNet, ..encoder(Architecture::ResNet50, width) };
            assert_eq!((parameters(&encoder) as f64 / 1e6).round(), millions);
        }
    }

    #[test]
    fn width_multiplies_work_by_its_square_except_in_the_stem() {
        let stem = |width: f64| 24.0 * 24.0 * 27.0 * 16.0 * width;
        let [single, double] = [1.0, 2.0].map(|width| forward_macs(&encoder(Architecture::ResNet8, width), 24));
        assert_eq!(double - stem(2.0), 4.0 * (single - stem(1.0)));
    }

    #[test]
    fn odd_sizes_round_up_as_padded_convolutions_do() {
        let encoder = encoder(Architecture::ResNet8, 1.0);
        let [odd, even] = [25, 26].map(|size| forward_macs(&encoder, size));
        let first_stage = |size: f64| size * size * (27.0 * 16.0 + 2.0 * 9.0 * 256.0);
        assert_eq!(odd - first_stage(25.0), even - first_stage(26.0));
    }

    #[test]
    fn pretraining_counts_two_views_of_whole_batches() {
        let recipe = fixture::recipe();
        let job = Job::new(JobSpec::Pretrain(recipe.pretrain_job(0)), vec![], None);
        let cost = Cost::of(&job, None);
        let forward = forward_macs(&recipe.encoder, 24) + (64.0 * 64.0 + 64.0 * 16.0);
        // 1000 images make 15 batches of 64; three epochs.
        assert_eq!(cost.images, 2.0 * 960.0 * 3.0);
        assert_eq!(cost.macs, 3.0 * cost.images * forward);
    }

    #[test]
    fn evaluation_passes_every_image_once_and_trains_a_classifier() {
        let recipe = fixture::recipe();
        let parent = Job::new(JobSpec::Pretrain(recipe.pretrain_job(0)), vec![], None);
        let job = Job::new(JobSpec::Evaluate(recipe.evaluation_job(0)), vec![parent.id], None);
        let cost = Cost::of(&job, Some(&parent));
        assert_eq!(cost.images, 1200.0);
        assert_eq!(cost.macs, 1200.0 * forward_macs(&recipe.encoder, 24) + (3.0 * 10_000.0 + 1200.0) * 640.0);
    }

    #[test]
    fn initialization_is_free() {
        let mut recipe = fixture::recipe();
        recipe.objective = Objective::Untrained;
        let job = Job::new(JobSpec::Pretrain(recipe.pretrain_job(0)), vec![], None);
        assert_eq!(Cost::of(&job, None), Cost::default());
    }
}
