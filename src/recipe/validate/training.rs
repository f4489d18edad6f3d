//! What pretraining needs: an encoder, a head, an objective, an optimizer and a schedule that fit each other.

use super::{Problem, problem};
use crate::recipe::{Algorithm, Decay, HeadKind, InputNormalization, Objective, Recipe};

/// Most channels of a layer; more are a slip of the pen.
const WIDEST: f64 = 64.0;
/// Most epochs; more are a slip of the pen, too.
pub(super) const MOST_EPOCHS: usize = 1_000_000;

pub(super) fn check(recipe: &Recipe, found: &mut Vec<Problem>) {
    encoder(recipe, found);
    head(recipe, found);
    objective(&recipe.objective, found);
    if !matches!(recipe.objective, Objective::Untrained | Objective::Pretrained { .. }) {
        optimizer(recipe, found);
        schedule(recipe, found);
    }
}

fn encoder(recipe: &Recipe, found: &mut Vec<Problem>) {
    let encoder = &recipe.encoder;
    if !(encoder.width > 0.0 && encoder.width <= WIDEST) {
        found.push(problem(
            &["encoder", "width"],
            format!("{} is not a width multiplier", encoder.width),
            format!("write a number above 0 and up to {WIDEST}; 1 is the standard network"),
        ));
    } else if encoder.stage_channels().contains(&0) {
        found.push(problem(
            &["encoder", "width"],
            format!("width {} leaves a layer without channels", encoder.width),
            format!("write at least {}", 1.0 / encoder.architecture.channels() as f64),
        ));
    }
    if let Some(InputNormalization { mean, deviation }) = encoder.input_normalization {
        let all = |(red, green, blue): (f64, f64, f64), fine: fn(f64) -> bool| [red, green, blue].into_iter().all(fine);
        if !all(mean, f64::is_finite) || !all(deviation, |value| value > 0.0 && value.is_finite()) {
            found.push(problem(
                &["encoder", "input_normalization"],
                format!("mean {mean:?} and deviation {deviation:?} cannot be subtracted and divided by"),
                "write finite means and deviations above 0, as (0.5, 0.5, 0.5) and (0.25, 0.25, 0.25)".into(),
            ));
        }
    }
}

fn head(recipe: &Recipe, found: &mut Vec<Problem>) {
    let head = &recipe.head;
    if head.kind == HeadKind::Nonlinear && !(1..=8).contains(&head.hidden_layers) {
        found.push(problem(
            &["head", "hidden_layers"],
            format!("{} hidden layers are impossible", head.hidden_layers),
            "write a number from 1 to 8, the paper uses 1; `kind: Linear` has no hidden layer".into(),
        ));
    }
    if head.kind != HeadKind::Identity && !(1..=65_536).contains(&head.dimension) {
        found.push(problem(
            &["head", "dimension"],
            format!("a projection of {} dimensions is impossible", head.dimension),
            "write a number from 1 to 65536; the paper uses 128".into(),
        ));
    }
}

fn objective(objective: &Objective, found: &mut Vec<Problem>) {
    match *objective {
        Objective::NtXent { temperature, .. } | Objective::NtLogistic { temperature, .. } => {
            if !(temperature > 0.0 && temperature.is_finite()) {
                found.push(problem(
                    &["objective", "temperature"],
                    format!("temperature {temperature} is impossible"),
                    "write a number above 0; the paper uses 0.1".into(),
                ));
            }
        }
        Objective::MarginTriplet { margin, .. } => {
            if !(margin >= 0.0 && margin.is_finite()) {
                found.push(problem(
                    &["objective", "margin"],
                    format!("margin {margin} is impossible"),
                    "write 0 or a positive number; the paper tried 0, 0.4, 0.8 and 1.6".into(),
                ));
            }
        }
        Objective::Pretrained { ref blake3, .. } => {
            if blake3.len() != 64 || !blake3.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                found.push(problem(
                    &["objective", "blake3"],
                    format!("`{blake3}` is not a BLAKE3 hash"),
                    "write the 64 hexadecimal digits that `b3sum FILE` prints".into(),
                ));
            }
        }
        Objective::Supervised | Objective::Untrained => {}
    }
}

fn schedule(recipe: &Recipe, found: &mut Vec<Problem>) {
    let schedule = &recipe.schedule;
    let mut report = |field: &str, message: String, remedy: String| {
        found.push(problem(&["schedule", field], message, remedy));
    };
    if schedule.epochs == 0 {
        report(
            "epochs",
            "zero epochs train nothing".into(),
            "write at least 1, or `objective: Untrained` for a control without training".into(),
        );
    } else if schedule.epochs > MOST_EPOCHS {
        report("epochs", format!("{} epochs are impossible", schedule.epochs), format!("write at most {MOST_EPOCHS}"));
    } else if schedule.warmup_epochs > schedule.epochs {
        report(
            "warmup_epochs",
            format!("{} epochs of warm-up do not fit into {} epochs", schedule.warmup_epochs, schedule.epochs),
            "write at most the number of epochs".into(),
        );
    }
    let batch_size = schedule.batch_size;
    if batch_size < 2 {
        let lack = if recipe.objective == Objective::Supervised { "statistics" } else { "negatives" };
        report("batch_size", format!("a batch of {batch_size} has no {lack}"), "write at least 2".into());
    } else if batch_size > recipe.data.train_set().count() {
        report(
            "batch_size",
            format!("a batch of {batch_size} is larger than the {} training images", recipe.data.train_set().count()),
            "write at most data.train_images".into(),
        );
    }
    micro_batch("schedule", schedule.micro_batch, batch_size, found);
    if let Decay::Step { epochs, factor } = &schedule.decay {
        if !(*factor > 0.0 && *factor <= 1.0) {
            found.push(problem(
                &["schedule", "decay", "factor"],
                format!("{factor} is not a factor of decay"),
                "write a number above 0 and up to 1; 0.1 is common".into(),
            ));
        }
        if !epochs.is_sorted_by(|one, next| one < next) || epochs.last().is_some_and(|&last| last >= schedule.epochs) {
            found.push(problem(
                &["schedule", "decay", "epochs"],
                format!("{epochs:?} is not an increasing list of epochs within {}", schedule.epochs),
                "write increasing numbers below schedule.epochs".into(),
            ));
        }
    }
}

/// Batches of the schedule or of the evaluation must be made of whole micro-batches.
pub(super) fn micro_batch(owner: &str, micro: Option<usize>, batch_size: usize, found: &mut Vec<Problem>) {
    if let Some(micro) = micro
        && (micro == 0 || !batch_size.is_multiple_of(micro))
    {
        found.push(problem(
            &[owner, "micro_batch"],
            format!("batches of {batch_size} cannot be cut into micro-batches of {micro}"),
            format!("write a divisor of {owner}.batch_size, or leave it out"),
        ));
    }
}

fn optimizer(recipe: &Recipe, found: &mut Vec<Problem>) {
    let optimizer = &recipe.optimizer;
    let rate = optimizer.learning_rate.factor();
    if !(rate > 0.0 && rate.is_finite()) {
        found.push(problem(
            &["optimizer", "learning_rate"],
            format!("learning rate {rate} is impossible"),
            "write a number above 0".into(),
        ));
    }
    momentum(&["optimizer", "momentum"], optimizer.momentum, found);
    weight_decay(&["optimizer", "weight_decay"], optimizer.weight_decay, found);
    algorithm(&["optimizer", "algorithm"], &optimizer.algorithm, found);
    if let Some(probe) = &recipe.online_probe {
        if !(probe.learning_rate > 0.0 && probe.learning_rate.is_finite()) {
            found.push(problem(
                &["online_probe", "learning_rate"],
                format!("learning rate {} is impossible", probe.learning_rate),
                "write a number above 0".into(),
            ));
        }
        momentum(&["online_probe", "momentum"], probe.momentum, found);
    }
}

pub(super) fn momentum(path: &[&str], momentum: f64, found: &mut Vec<Problem>) {
    if !(0.0..1.0).contains(&momentum) {
        let remedy = "write a number from 0 to below 1".into();
        found.push(problem(path, format!("momentum {momentum} is impossible"), remedy));
    }
}

pub(super) fn weight_decay(path: &[&str], decay: f64, found: &mut Vec<Problem>) {
    if !(decay >= 0.0 && decay.is_finite()) {
        let remedy = "write 0 or a small positive number".into();
        found.push(problem(path, format!("weight decay {decay} is impossible"), remedy));
    }
}

pub(super) fn algorithm(path: &[&str], algorithm: &Algorithm, found: &mut Vec<Problem>) {
    let mut report = |field: &str, message: String, remedy: &str| {
        found.push(problem(&[path, &[field]].concat(), message, remedy.to_owned()));
    };
    match *algorithm {
        Algorithm::Sgd { nesterov: _ } => {}
        Algorithm::Lars { trust_coefficient } => {
            if !(trust_coefficient > 0.0 && trust_coefficient.is_finite()) {
                report(
                    "trust_coefficient",
                    format!("trust coefficient {trust_coefficient} is impossible"),
                    "write a number above 0; the reference code uses 0.001",
                );
            }
        }
        Algorithm::AdamW { beta2, epsilon } => {
            if !(0.0..1.0).contains(&beta2) {
                report("beta2", format!("beta2 {beta2} is impossible"), "write a number from 0 to below 1, as 0.999");
            }
            if !(epsilon > 0.0 && epsilon.is_finite()) {
                report("epsilon", format!("epsilon {epsilon} is impossible"), "write a small number above 0, as 1e-8");
            }
        }
    }
}
