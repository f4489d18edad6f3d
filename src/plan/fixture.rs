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
        profile: None,
        profiles: vec![],
    }
}

pub(crate) fn axis(name: &str, values: &[(&str, &str)]) -> Axis {
    let value =
        |&(label, text): &(&str, &str)| AxisValue { label: label.to_owned(), patch: patch(text), in_profile: None };
    Axis { name: name.to_owned(), values: values.iter().map(value).collect() }
}

/// A patch as it is written in sweep files.
pub(crate) fn patch(text: &str) -> RecipePatch {
    read(text)
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME).from_str(text).unwrap()
}
