//! Sweep files: the shipped ones are valid, and wrong ones are explained at their place.

mod fields;
mod figures;
mod format;
mod fuzz;
mod gallery;
mod grid;
mod language;
mod names;
mod profiles;
mod rules;
mod scheduling;
mod syntax;
mod values;

use std::{fs, path::Path};

use ablate::sweep::{self, Source, Sweep};

use crate::recipes::patch;

/// A valid sweep file, which the tests spoil.
const VALID: &str = r#"(
    title: "Widths and temperatures",
    base: (
        data: (source: Shapes, train_images: 1000, test_images: 500),
        augmentation: (both: [HorizontalFlip(probability: 0.5), Grayscale(probability: 0.2)]),
        encoder: (architecture: ResNet8, width: 1.0, stem: Cifar, zero_init_residual: true),
        head: (kind: Nonlinear, dimension: 64, batch_norm: true),
        objective: NtXent(temperature: 0.5),
        optimizer: (algorithm: Sgd(nesterov: false), learning_rate: Fixed(0.1), momentum: 0.9, weight_decay: 0.0),
        schedule: (epochs: 20, batch_size: 250, warmup_epochs: 2, decay: Cosine),
        evaluation: (epochs: 90, batch_size: 100, learning_rate: 0.1, momentum: 0.9, weight_decay: 0.0),
    ),
    axes: [
        (name: "width", values: {"1": (), "2": (encoder: (width: 2))}),
        (name: "training", values: {"long": (), "cold": (objective: NtXent(temperature: 0.1)), "none": (objective: Untrained)}),
    ],
    seeds: [0, 1],
    evaluations: {"linear": (), "short": (epochs: 10)},
    tables: [
        (
            name: "widths",
            title: "Linear evaluation",
            rows: ["training"],
            columns: ["width"],
            metrics: [(metric: Top1, evaluation: "linear"), (metric: Loss)],
        ),
    ],
)
"#;

/// The diagnostics of [`VALID`] after replacing texts that it contains.
fn explain(replacements: &[(&str, &str)]) -> String {
    let text = replacements.iter().fold(VALID.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "the valid file does not contain {old:?}");
        text.replacen(old, new, 1)
    });
    sweep::parse("wrong.ron", &text).expect_err("the file should be wrong").to_string()
}

fn valid() -> Sweep {
    sweep::parse("valid.ron", VALID).unwrap()
}

#[test]
fn shipped_sweeps_are_valid_in_every_profile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps");
    let include = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).map_err(|error| error.to_string())?;
        Ok((name.to_owned(), text))
    };
    let mut of_paper = 0;
    let measured_on_gpus = folder.join("../benches/gpu");
    for entry in [&folder, &measured_on_gpus].into_iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "ron") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let parse = |profile: Option<&str>| {
            let source = Source { name: &path.display().to_string(), text: &text, profile, include: &include };
            source.parse().unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
        };
        let plain = parse(None);
        for profile in &plain.profiles {
            assert!(parse(Some(profile)).points().next().is_some());
        }
        if text.contains("include: \"shared/") {
            assert_eq!(plain.profiles, ["cifar10", "paper", "smoke", "smoke-cifar10"], "{}", path.display());
            of_paper += 1;
        }
    }
    assert!(of_paper > 10, "{} holds {of_paper} tables of the paper", folder.display());
}

#[test]
fn last_axis_varies_fastest() {
    let sweep = valid();
    let points: Vec<_> = sweep.trials().map(|trial| trial.point).collect();
    assert_eq!(points, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
}

#[test]
fn trials_merge_the_changes_of_all_axes() {
    let sweep = valid();
    let trial = sweep.trials().nth(4).unwrap();
    assert_eq!(trial.recipe.encoder.width, 2.0);
    assert_eq!(trial.recipe.objective, patch("(objective: NtXent(temperature: 0.1))").objective.unwrap());
    assert_eq!(trial.recipe.encoder.architecture, sweep.base.encoder.architecture);
    assert_eq!(trial.recipe.schedule, sweep.base.schedule);
}

#[test]
fn colors_are_only_added_on_request() {
    let diagnostics = sweep::parse("empty.ron", "").unwrap_err();
    assert_eq!(diagnostics.iter().len(), 1);
    assert!(diagnostics.render(true).contains('\u{1b}'));
    assert!(!diagnostics.render(false).contains('\u{1b}'));
}

#[test]
fn only_the_first_mistakes_are_shown() {
    let many: String = (0..30).map(|number| format!("\"{number}\": (schedule: (epoch: 1)), ")).collect();
    let diagnostics = sweep::parse("many.ron", &VALID.replace("\"long\": (), ", &many)).unwrap_err();
    assert_eq!(diagnostics.iter().len(), 20);
    let last = "There may be more: only the first 20 mistakes are shown.";
    assert_eq!(diagnostics.to_string().lines().last(), Some(last));
}
