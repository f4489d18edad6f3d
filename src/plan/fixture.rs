//! A small recipe and sweep for tests.

use serde::de::DeserializeOwned;

use crate::{
    recipe::{EvaluationPatch, Recipe, RecipePatch},
    sweep::{Axis, AxisValue, NamedEvaluation, Selection, Sweep},
};

pub(crate) fn recipe() -> Recipe {
    read(
        "(
            data: (source: Shapes, train_images: 1000, test_images: 200),
            augmentation: (both: [
                RandomResizedCrop(area: (0.08, 1.0), aspect: (0.75, 1.25), interpolation: Bicubic),
                HorizontalFlip(probability: 0.5),
                ColorJitter(strength: 0.5, probability: 0.8),
                Grayscale(probability: 0.2),
            ]),
            encoder: (architecture: ResNet8, width: 1.0, stem: Cifar, zero_init_residual: true),
            head: (kind: Nonlinear, dimension: 16, batch_norm: true),
            objective: NtXent(temperature: 0.5),
            optimizer: (
                algorithm: Lars(trust_coefficient: 0.001),
                learning_rate: LinearScaling(0.3),
                momentum: 0.9,
                weight_decay: 1e-6,
            ),
            schedule: (epochs: 3, batch_size: 64, warmup_epochs: 1, decay: Cosine),
            evaluation: (epochs: 10, batch_size: 100, learning_rate: 0.1, momentum: 0.9, weight_decay: 0.0),
        )",
    )
}

/// Three objectives, one of them an untrained control, by two lengths; two evaluations of each.
pub(crate) fn sweep(seeds: &[u64]) -> Sweep {
    Sweep {
        title: "fixture".into(),
        base: recipe(),
        axes: vec![
            axis(
                "objective",
                &[
                    ("0.5", "(objective: NtXent(temperature: 0.5))"),
                    ("0.1", "(objective: NtXent(temperature: 0.1))"),
                    ("control", "(objective: Untrained)"),
                ],
            ),
            axis("epochs", &[("3", "(schedule: (epochs: 3))"), ("6", "(schedule: (epochs: 6))")]),
        ],
        seeds: seeds.to_vec(),
        evaluations: vec![
            NamedEvaluation { name: "short".into(), patch: EvaluationPatch::default(), in_profile: None },
            NamedEvaluation {
                name: "long".into(),
                patch: EvaluationPatch { epochs: Some(20), ..EvaluationPatch::default() },
                in_profile: None,
            },
        ],
        tables: vec![],
        changes: vec![],
        selection: Selection::default(),
        scheduling: vec![],
        profile: None,
        profiles: vec![],
    }
}

pub(crate) fn axis(name: &str, values: &[(&str, &str)]) -> Axis {
    let value =
        |&(label, text): &(&str, &str)| AxisValue { label: label.to_owned(), patch: patch(text), in_profile: None };
    Axis { name: name.to_owned(), values: values.iter().map(value).collect() }
}

/// One change per field of the recipe that a job can depend on, and whether pretraining depends on it.
pub(crate) const CHANGES: [(&str, bool); 48] = [
    ("(data: (source: Cifar10))", true),
    ("(data: (train_images: 500))", true),
    ("(data: (train_images: \"All\", validation_images: 100))", true),
    ("(data: (test_images: 100))", false),
    ("(data: (corrupt_images: 1))", true),
    ("(data: (subset_seed: 1))", true),
    ("(data: (image_size: 32))", true),
    ("(data: (image_size: 32, center_crop: 1.0))", true),
    ("(augmentation: (both: []))", true),
    ("(augmentation: (first: [Sobel(probability: 0.5)]))", true),
    ("(augmentation: (second: [Sobel(probability: 0.5)]))", true),
    ("(encoder: (architecture: ResNet14))", true),
    ("(encoder: (width: 2.0))", true),
    ("(encoder: (stem: ImageNet))", true),
    ("(encoder: (zero_init_residual: false))", true),
    ("(head: (kind: Linear))", true),
    ("(head: (kind: Identity))", true),
    ("(head: (hidden_layers: 2))", true),
    ("(head: (dimension: 8))", true),
    ("(head: (batch_norm: false))", true),
    ("(objective: NtXent(temperature: 0.1))", true),
    ("(objective: NtXent(temperature: 0.5, normalize: false))", true),
    ("(objective: NtXent(temperature: 0.5, negatives: OneView))", true),
    ("(objective: Supervised)", true),
    ("(objective: Pretrained(file: \"weights\", blake3: \"00ff\"))", true),
    ("(optimizer: (algorithm: Sgd(nesterov: true)))", true),
    ("(optimizer: (learning_rate: SquareRootScaling(0.3)))", true),
    ("(optimizer: (momentum: 0.8))", true),
    ("(optimizer: (weight_decay: 0.0))", true),
    ("(schedule: (epochs: 4, batch_size: 64))", true),
    ("(schedule: (batch_size: 32, warmup_epochs: 0, decay: Constant))", true),
    ("(schedule: (micro_batch: 32))", true),
    ("(online_probe: (learning_rate: 0.1, momentum: 0.9))", true),
    ("(encoder: (input_normalization: (mean: (0.5, 0.5, 0.5), deviation: (0.25, 0.25, 0.25))))", true),
    ("(encoder: (precision: BFloat16))", true),
    ("(encoder: (projection_shortcut: EveryStage))", true),
    ("(evaluation: (protocol: FineTune))", false),
    ("(evaluation: (protocol: FineTune, micro_batch: 50))", false),
    ("(evaluation: (representation: Projection))", false),
    ("(evaluation: (label_fraction: 0.1))", false),
    ("(evaluation: (transfer_data: (source: Cifar100, train_images: \"All\", test_images: \"All\")))", false),
    ("(evaluation: (train_augmentation: [HorizontalFlip(probability: 0.5)]))", false),
    ("(evaluation: (solver: Sgd(nesterov: false)))", false),
    ("(evaluation: (epochs: 11))", false),
    ("(evaluation: (batch_size: 50))", false),
    ("(evaluation: (learning_rate: 0.2))", false),
    ("(evaluation: (momentum: 0.8))", false),
    ("(evaluation: (weight_decay: 0.1))", false),
];

/// A patch as it is written in sweep files.
pub(crate) fn patch(text: &str) -> RecipePatch {
    read(text)
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME).from_str(text).unwrap()
}
