//! Which settings of transformations are impossible.

use super::{Augmentation, BoxSampling, Transform};
use crate::recipe::validate::{Problem, problem};

impl Augmentation {
    /// Adds every impossible setting to `found`, in the order in which they are written.
    pub(in crate::recipe) fn check(&self, found: &mut Vec<Problem>) {
        for (list, transforms) in [("both", &self.both), ("first", &self.first), ("second", &self.second)] {
            check_list(&["augmentation", list], transforms, found);
        }
    }
}

/// Adds every impossible setting of the transformations at `path`.
pub(in crate::recipe) fn check_list(path: &[&str], transforms: &[Transform], found: &mut Vec<Problem>) {
    for (index, transform) in transforms.iter().enumerate() {
        let index = index.to_string();
        check(transform, &mut |field, message, remedy| {
            found.push(problem(&[path, &[&index, field]].concat(), message, remedy.to_owned()));
        });
    }
}

/// Smallest area that `UniformHeight` takes, as in the reference code.
const LEAST_COVERED: f64 = 0.1;

/// Takes the field, what is wrong with it, and what to write instead.
type Report<'r> = &'r mut dyn FnMut(&str, String, &str);

fn check(transform: &Transform, report: Report<'_>) {
    match *transform {
        Transform::RandomResizedCrop { area, aspect, sampling, interpolation: _ } => {
            if sampling == BoxSampling::UniformHeight && area.1 < LEAST_COVERED {
                let remedy = "write a largest area of at least 0.1, or `sampling: UniformArea`";
                report("area", "UniformHeight takes no rectangle of less than a tenth of the image".into(), remedy);
            }
            if !(area.0 > 0.0 && area.0 <= area.1 && area.1 <= 1.0) {
                let remedy = "write (smallest, largest) with 0 < smallest <= largest <= 1; the paper uses (0.08, 1.0)";
                report("area", format!("({}, {}) is not a range of areas", area.0, area.1), remedy);
            }
            if !(aspect.0 > 0.0 && aspect.0 <= aspect.1 && aspect.1.is_finite()) {
                let remedy = "write (narrowest, widest) with 0 < narrowest <= widest; the paper uses (0.75, 1.3333)";
                report("aspect", format!("({}, {}) is not a range of aspect ratios", aspect.0, aspect.1), remedy);
            }
        }
        Transform::HorizontalFlip { probability }
        | Transform::Grayscale { probability }
        | Transform::Rotate { probability }
        | Transform::Sobel { probability }
        | Transform::Equalize { probability } => chance(probability, report),
        Transform::ColorJitter { strength, probability, order: _, brightness: _ } => {
            if !(strength > 0.0 && strength <= 2.0) {
                let remedy = "write a number above 0 and up to 2; leave ColorJitter out for no distortion";
                report("strength", format!("{strength} is not a color strength"), remedy);
            }
            chance(probability, report);
        }
        Transform::GaussianBlur { kernel, sigma, probability } => {
            if !(kernel > 0.0 && kernel <= 1.0) {
                let remedy = "write a fraction of the image's side, above 0 and up to 1; the paper uses 0.1";
                report("kernel", format!("{kernel} is not a length of a kernel"), remedy);
            }
            if !(sigma.0 > 0.0 && sigma.0 <= sigma.1 && sigma.1.is_finite()) {
                let remedy =
                    "write (smallest, largest) in pixels with 0 < smallest <= largest; the paper uses (0.1, 2.0)";
                report("sigma", format!("({}, {}) is not a range of deviations", sigma.0, sigma.1), remedy);
            }
            chance(probability, report);
        }
        Transform::Cutout { size, probability } => {
            if !(size > 0.0 && size <= 1.0) {
                let remedy = "write a fraction of the image's side, above 0 and up to 1, for example 0.5";
                report("size", format!("{size} is not a side of a square"), remedy);
            }
            chance(probability, report);
        }
        Transform::GaussianNoise { sigma, probability } => {
            if !(sigma.0 >= 0.0 && sigma.0 <= sigma.1 && sigma.1 <= 10.0) {
                let remedy = "write (smallest, largest) with 0 <= smallest <= largest <= 10; images are in [0, 1]";
                report("sigma", format!("({}, {}) is not a range of deviations", sigma.0, sigma.1), remedy);
            }
            chance(probability, report);
        }
        Transform::Solarize { threshold, probability } => {
            if !(0.0..=1.0).contains(&threshold) {
                report(
                    "threshold",
                    format!("{threshold} is not a threshold"),
                    "write a number from 0 to 1, such as 0.5",
                );
            }
            chance(probability, report);
        }
        Transform::AutoAugment { policy: _ } => {}
    }
}

fn chance(probability: f64, report: Report<'_>) {
    if !(0.0..=1.0).contains(&probability) {
        report("probability", format!("{probability} is not a probability"), "write a number from 0 to 1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The field and the message of each problem of one transformation, written in RON.
    fn problems(transform: &str) -> Vec<(String, String)> {
        let transform = ron::from_str(transform).unwrap();
        let augmentation = Augmentation { both: vec![], first: vec![], second: vec![transform] };
        let mut found = vec![];
        augmentation.check(&mut found);
        assert!(found.iter().all(|problem| problem.path[..3] == ["augmentation", "second", "0"]), "{found:?}");
        found.into_iter().map(|problem| (problem.path[3].clone(), problem.message)).collect()
    }

    #[test]
    fn the_papers_settings_are_possible() {
        for transform in [
            "RandomResizedCrop(area: (0.08, 1), aspect: (0.75, 1.3333), sampling: UniformArea, interpolation: Bicubic)",
            "ColorJitter(strength: 1, probability: 0.8, order: Random, brightness: Additive)",
            "GaussianBlur(kernel: 0.1, sigma: (0.1, 2.0), probability: 0.5)",
            "Cutout(size: 0.5, probability: 1)",
            "Rotate(probability: 0.75)",
            "Sobel(probability: 1)",
            "GaussianNoise(sigma: (0, 0.1), probability: 1)",
            "Equalize(probability: 0)",
            "Solarize(threshold: 0.5, probability: 0.2)",
            "AutoAugment(policy: ImageNet)",
        ] {
            assert_eq!(problems(transform), [], "{transform}");
        }
    }

    #[test]
    fn each_setting_is_checked() {
        for (transform, fields) in [
            (
                "RandomResizedCrop(area: (0, 1), aspect: (2, 1), sampling: UniformArea, interpolation: Bicubic)",
                vec!["area", "aspect"],
            ),
            (
                "ColorJitter(strength: 0, probability: 2, order: Random, brightness: Additive)",
                vec!["strength", "probability"],
            ),
            ("GaussianBlur(kernel: 0, sigma: (0, 1), probability: -1)", vec!["kernel", "sigma", "probability"]),
            ("GaussianBlur(kernel: 2, sigma: (2, 1), probability: 0)", vec!["kernel", "sigma"]),
            ("Cutout(size: 1.5, probability: 1.5)", vec!["size", "probability"]),
            ("Rotate(probability: NaN)", vec!["probability"]),
            ("Sobel(probability: 2)", vec!["probability"]),
            ("GaussianNoise(sigma: (-1, 1), probability: 2)", vec!["sigma", "probability"]),
            ("GaussianNoise(sigma: (0, inf), probability: 1)", vec!["sigma"]),
            ("Equalize(probability: 2)", vec!["probability"]),
            ("Solarize(threshold: 128, probability: 3)", vec!["threshold", "probability"]),
        ] {
            let found: Vec<_> = problems(transform).into_iter().map(|(field, _)| field).collect();
            assert_eq!(found, fields, "{transform}");
        }
    }
}
