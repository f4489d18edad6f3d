//! What an evaluation needs: a protocol whose settings fit the data and the pretraining.

use super::{
    Problem, problem,
    training::{MOST_EPOCHS, algorithm, micro_batch, momentum, weight_decay},
};
use crate::recipe::{
    Evaluation, HeadKind, Objective, ProbeTask, Protocol, Recipe, Representation, augmentation::check_list,
};

pub(super) fn check(recipe: &Recipe, found: &mut Vec<Problem>) {
    let evaluation = &recipe.evaluation;
    if !(evaluation.label_fraction > 0.0 && evaluation.label_fraction <= 1.0) {
        found.push(problem(
            &["evaluation", "label_fraction"],
            format!("{} is not a share of the labels", evaluation.label_fraction),
            "write a number above 0 and up to 1; the paper uses 0.01 and 0.1".into(),
        ));
        return;
    }
    representation(recipe, found);
    protocol(recipe, found);
    let trains =
        matches!(evaluation.protocol, Protocol::Linear | Protocol::FineTune | Protocol::TransformationProbe { .. });
    if trains {
        training(evaluation, labeled_images(recipe), found);
    }
    if matches!(evaluation.protocol, Protocol::Linear | Protocol::FineTune) {
        check_list(&["evaluation", "train_augmentation"], &evaluation.train_augmentation, found);
    }
}

/// Number of training images whose labels are used.
fn labeled_images(recipe: &Recipe) -> usize {
    let data = recipe.evaluation_data();
    if recipe.evaluation.label_fraction == 1.0 {
        return data.train_set().count();
    }
    let classes = data.source.classes();
    let per_class =
        (recipe.evaluation.label_fraction * data.train_set().count() as f64 / classes as f64).round() as usize;
    per_class.max(1) * classes
}

fn representation(recipe: &Recipe, found: &mut Vec<Problem>) {
    if recipe.evaluation.representation == Representation::Encoder {
        return;
    }
    let mut report = |message: &str, remedy: &str| {
        found.push(problem(&["evaluation", "representation"], message.into(), remedy.into()));
    };
    if recipe.head.kind == HeadKind::Identity {
        report("there is no projection head to evaluate", "write `representation: Encoder`");
    } else if recipe.objective.contrastive().is_none() {
        report("this objective trains no projection head", "write `representation: Encoder`");
    } else if recipe.evaluation.protocol == Protocol::FineTune {
        report("fine-tuning starts from the encoder", "write `representation: Encoder`");
    }
}

fn protocol(recipe: &Recipe, found: &mut Vec<Problem>) {
    let labeled = labeled_images(recipe);
    let mut report = |path: &[&str], message: String, remedy: &str| {
        found.push(problem(&[&["evaluation"], path].concat(), message, remedy.to_owned()));
    };
    match recipe.evaluation.protocol {
        Protocol::LogisticRegression { regularization: (weakest, strongest), values } => {
            let data = recipe.evaluation_data();
            if data.validation_images == 0 {
                report(
                    &["protocol"],
                    "there are no validation images to choose the regularization on".into(),
                    "set data.validation_images, or that of evaluation.transfer_data",
                );
            }
            if !(weakest > 0.0 && weakest <= strongest && strongest.is_finite()) {
                report(
                    &["protocol", "regularization"],
                    format!("({weakest}, {strongest}) is not a range of regularization"),
                    "write (weakest, strongest) with 0 < weakest <= strongest; the paper uses (1e-6, 1e5)",
                );
            }
            if !(1..=1000).contains(&values) {
                report(
                    &["protocol", "values"],
                    format!("{values} values of regularization are impossible"),
                    "write a number from 1 to 1000; the paper uses 45",
                );
            }
        }
        Protocol::NearestNeighbors { neighbors, temperature } => {
            if neighbors == 0 || neighbors > labeled {
                report(
                    &["protocol", "neighbors"],
                    format!("{neighbors} nearest of {labeled} training images are impossible"),
                    "write a number from 1 to the number of training images; 200 and 20 are common",
                );
            }
            if temperature.is_some_and(|temperature| !(temperature > 0.0 && temperature.is_finite())) {
                report(
                    &["protocol", "temperature"],
                    "the temperature of the votes must be above 0".into(),
                    "write a number above 0, as 0.1, or leave it out for equal votes",
                );
            }
        }
        Protocol::OwnClassifier => {
            if recipe.objective != Objective::Supervised {
                report(
                    &["protocol"],
                    "only supervised pretraining trains a classifier of its own".into(),
                    "write `Linear`, or pretrain with `objective: Supervised`",
                );
            } else if recipe.evaluation.transfer_data.is_some() {
                report(
                    &["protocol"],
                    "the classifier of pretraining does not know the classes of other data".into(),
                    "write `Linear`, or leave out transfer_data",
                );
            }
        }
        Protocol::TransformationProbe { task, hidden } => {
            if let ProbeTask::GaussianNoise { sigma } = task
                && !(sigma > 0.0 && sigma.is_finite())
            {
                report(
                    &["protocol", "task", "sigma"],
                    format!("noise of deviation {sigma} is impossible"),
                    "write a number above 0, as 0.1",
                );
            }
            if !(1..=65_536).contains(&hidden) {
                report(
                    &["protocol", "hidden"],
                    format!("a hidden layer of {hidden} units is impossible"),
                    "write a number from 1 to 65536",
                );
            }
        }
        Protocol::Linear | Protocol::FineTune => {}
    }
}

fn training(evaluation: &Evaluation, labeled: usize, found: &mut Vec<Problem>) {
    let mut report = |field: &str, message: String, remedy: &str| {
        found.push(problem(&["evaluation", field], message, remedy.to_owned()));
    };
    if evaluation.epochs == 0 {
        report("epochs", "zero epochs train nothing".into(), "write at least 1; the paper uses 90");
    } else if evaluation.epochs > MOST_EPOCHS {
        report("epochs", format!("{} epochs are impossible", evaluation.epochs), "write at least 1; the paper uses 90");
    }
    // Fine-tuning goes through the images again until a batch is full, as the reference code does; its batch
    // normalization needs two images.
    let (least, most) = match evaluation.protocol {
        Protocol::FineTune => (2, labeled.saturating_mul(evaluation.epochs)),
        _ => (1, labeled),
    };
    if !(least..=most).contains(&evaluation.batch_size) {
        report(
            "batch_size",
            format!("a batch of {} does not fit {labeled} training images", evaluation.batch_size),
            match evaluation.protocol {
                Protocol::FineTune => "write a number from 2 to the number of labeled training images times the epochs",
                _ => "write a number from 1 to the number of labeled training images",
            },
        );
    }
    if evaluation.protocol == Protocol::FineTune {
        micro_batch("evaluation", evaluation.micro_batch, evaluation.batch_size, found);
    }
    let mut report = |field: &str, message: String, remedy: &str| {
        found.push(problem(&["evaluation", field], message, remedy.to_owned()));
    };
    if !(evaluation.learning_rate > 0.0 && evaluation.learning_rate.is_finite()) {
        report(
            "learning_rate",
            format!("learning rate {} is impossible", evaluation.learning_rate),
            "write a number above 0",
        );
    }
    momentum(&["evaluation", "momentum"], evaluation.momentum, found);
    weight_decay(&["evaluation", "weight_decay"], evaluation.weight_decay, found);
    algorithm(&["evaluation", "solver"], &evaluation.solver, found);
}
