//! Checks that a recipe describes something that can be run.

use super::{Algorithm, Interpolation, Objective, Recipe, Transform};

/// An impossible value in a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, outermost first: `["schedule", "batch_size"]`; list elements by index.
    pub path: Vec<String>,
    /// What is wrong, as a lower-case fragment with the offending values.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

impl Recipe {
    /// Every impossible value, in the order of the fields; empty if the recipe can be run.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        self.check_data(&mut found);
        self.check_augmentation(&mut found);
        self.check_encoder(&mut found);
        self.check_training(&mut found);
        self.check_evaluation(&mut found);
        found
    }

    fn check_data(&self, found: &mut Vec<Problem>) {
        let source = self.data.source;
        let (most_train, most_test) = source.available();
        for (field, images, most) in
            [("train_images", self.data.train_images, most_train), ("test_images", self.data.test_images, most_test)]
        {
            let classes = source.classes();
            if images == 0 || images > most {
                found.push(problem(
                    &["data", field],
                    format!("{} has 1 to {most} such images, not {images}", source.name()),
                    format!("write a multiple of {classes} from {classes} to {most}"),
                ));
            } else if images % classes != 0 {
                found.push(problem(
                    &["data", field],
                    format!("{images} images cannot be shared equally by the {classes} classes of {}", source.name()),
                    format!("write a multiple of {classes}, for example {}", (images / classes).max(1) * classes),
                ));
            }
        }
    }

    fn check_augmentation(&self, found: &mut Vec<Problem>) {
        for (index, transform) in self.augmentation.iter().enumerate() {
            let mut report = |field: &str, message: String, remedy: &str| {
                found.push(problem(&["augmentation", &index.to_string(), field], message, remedy.to_owned()));
            };
            let mut probability = |value: f64| {
                if !(0.0..=1.0).contains(&value) {
                    report("probability", format!("{value} is not a probability"), "write a number from 0 to 1");
                }
            };
            match *transform {
                Transform::RandomResizedCrop { area, aspect, interpolation } => {
                    let (Interpolation::Bilinear | Interpolation::Bicubic) = interpolation;
                    if !(area.0 > 0.0 && area.0 <= area.1 && area.1 <= 1.0) {
                        report(
                            "area",
                            format!("({}, {}) is not a range of areas", area.0, area.1),
                            "write (smallest, largest) with 0 < smallest <= largest <= 1; the paper uses (0.08, 1.0)",
                        );
                    }
                    if !(aspect.0 > 0.0 && aspect.0 <= aspect.1 && aspect.1.is_finite()) {
                        report(
                            "aspect",
                            format!("({}, {}) is not a range of aspect ratios", aspect.0, aspect.1),
                            "write (narrowest, widest) with 0 < narrowest <= widest; the paper uses (0.75, 1.3333)",
                        );
                    }
                }
                Transform::HorizontalFlip { probability: chance } | Transform::Grayscale { probability: chance } => {
                    probability(chance);
                }
                Transform::ColorJitter { strength, probability: chance } => {
                    probability(chance);
                    if !(strength > 0.0 && strength <= 2.0) {
                        report(
                            "strength",
                            format!("{strength} is not a color strength"),
                            "write a number above 0 and up to 2; leave ColorJitter out for no distortion",
                        );
                    }
                }
            }
        }
    }

    fn check_encoder(&self, found: &mut Vec<Problem>) {
        if !(self.encoder.width > 0.0 && self.encoder.width <= 64.0) {
            found.push(problem(
                &["encoder", "width"],
                format!("{} is not a width multiplier", self.encoder.width),
                "write a number above 0 and up to 64; 1 is the standard network".into(),
            ));
        } else if self.encoder.stage_channels().contains(&0) {
            found.push(problem(
                &["encoder", "width"],
                format!("width {} leaves a layer without channels", self.encoder.width),
                format!("write at least {}", 1.0 / self.encoder.architecture.channels() as f64),
            ));
        }
        if !(1..=65_536).contains(&self.head.dimension) {
            found.push(problem(
                &["head", "dimension"],
                format!("a projection of {} dimensions is impossible", self.head.dimension),
                "write a number from 1 to 65536; the paper uses 128".into(),
            ));
        }
    }

    fn check_training(&self, found: &mut Vec<Problem>) {
        let mut report = |path: &[&str], message: String, remedy: &str| {
            found.push(problem(path, message, remedy.to_owned()));
        };
        let schedule = &self.schedule;
        match self.objective {
            Objective::NtXent { temperature } => {
                if !(temperature > 0.0 && temperature.is_finite()) {
                    report(
                        &["objective", "temperature"],
                        format!("temperature {temperature} is impossible"),
                        "write a number above 0; the paper uses 0.1",
                    );
                }
            }
            Objective::Untrained => return,
        }
        if schedule.epochs == 0 {
            report(
                &["schedule", "epochs"],
                "zero epochs train nothing".into(),
                "write at least 1, or `objective: Untrained` for a control without training",
            );
        } else if schedule.warmup_epochs > schedule.epochs {
            report(
                &["schedule", "warmup_epochs"],
                format!("{} epochs of warm-up do not fit into {} epochs", schedule.warmup_epochs, schedule.epochs),
                "write at most the number of epochs",
            );
        }
        if schedule.batch_size < 2 {
            report(
                &["schedule", "batch_size"],
                format!("a batch of {} has no negatives", schedule.batch_size),
                "write at least 2",
            );
        } else if schedule.batch_size > self.data.train_images {
            report(
                &["schedule", "batch_size"],
                format!(
                    "a batch of {} is larger than the {} training images",
                    schedule.batch_size, self.data.train_images
                ),
                "write at most data.train_images",
            );
        }
        let optimizer = &self.optimizer;
        let rate = optimizer.learning_rate.factor();
        if !(rate > 0.0 && rate.is_finite()) {
            report(
                &["optimizer", "learning_rate"],
                format!("learning rate {rate} is impossible"),
                "write a number above 0",
            );
        }
        if !(0.0..1.0).contains(&optimizer.momentum) {
            report(
                &["optimizer", "momentum"],
                format!("momentum {} is impossible", optimizer.momentum),
                "write a number from 0 to below 1",
            );
        }
        if !(optimizer.weight_decay >= 0.0 && optimizer.weight_decay.is_finite()) {
            report(
                &["optimizer", "weight_decay"],
                format!("weight decay {} is impossible", optimizer.weight_decay),
                "write 0 or a small positive number",
            );
        }
        if let Algorithm::Lars { trust_coefficient } = optimizer.algorithm
            && !(trust_coefficient > 0.0 && trust_coefficient.is_finite())
        {
            report(
                &["optimizer", "algorithm", "trust_coefficient"],
                format!("trust coefficient {trust_coefficient} is impossible"),
                "write a number above 0; the reference code uses 0.001",
            );
        }
    }

    fn check_evaluation(&self, found: &mut Vec<Problem>) {
        let evaluation = &self.evaluation;
        let mut report = |field: &str, message: String, remedy: &str| {
            found.push(problem(&["evaluation", field], message, remedy.to_owned()));
        };
        if evaluation.epochs == 0 {
            report("epochs", "zero epochs train nothing".into(), "write at least 1; the paper uses 90");
        }
        if evaluation.batch_size == 0 || evaluation.batch_size > self.data.train_images {
            report(
                "batch_size",
                format!("a batch of {} does not fit {} training images", evaluation.batch_size, self.data.train_images),
                "write a number from 1 to data.train_images",
            );
        }
        if !(evaluation.learning_rate > 0.0 && evaluation.learning_rate.is_finite()) {
            report(
                "learning_rate",
                format!("learning rate {} is impossible", evaluation.learning_rate),
                "write a number above 0",
            );
        }
        if !(0.0..1.0).contains(&evaluation.momentum) {
            report(
                "momentum",
                format!("momentum {} is impossible", evaluation.momentum),
                "write a number from 0 to below 1",
            );
        }
        if !(evaluation.weight_decay >= 0.0 && evaluation.weight_decay.is_finite()) {
            report(
                "weight_decay",
                format!("weight decay {} is impossible", evaluation.weight_decay),
                "write 0 or a small positive number",
            );
        }
    }
}

fn problem(path: &[&str], message: String, remedy: String) -> Problem {
    Problem { path: path.iter().map(|&part| part.to_owned()).collect(), message, remedy }
}
