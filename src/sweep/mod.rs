//! A sweep file as data: text in, trials out. Never touches the file system.

mod axis;
mod table;

pub use axis::{Axis, AxisValue};
pub use table::{MetricColumn, TableSpec};

use crate::recipe::{LinearEvaluationPatch, Patchable, Recipe};

/// A checked sweep file.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// What the sweep is about, one line.
    pub title: String,
    /// Every setting before the axes change some.
    pub base: Recipe,
    /// What varies; trials are the Cartesian product of the axes, the last one varying fastest.
    pub axes: Vec<Axis>,
    /// Each trial runs once per seed.
    pub seeds: Vec<u64>,
    /// How each pretrained encoder is evaluated; one pretraining feeds all of them.
    pub evaluations: Vec<Evaluation>,
    /// The tables to print.
    pub tables: Vec<TableSpec>,
}

/// A named evaluation of each pretrained encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The name that tables refer to.
    pub name: String,
    /// What it changes in [`Recipe::evaluation`].
    pub patch: LinearEvaluationPatch,
}

/// One point of the grid, still without a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Index of the chosen value on each axis.
    pub point: Vec<usize>,
    /// The complete settings.
    pub recipe: Recipe,
}

impl Sweep {
    /// Number of trials, or `None` if it does not fit a `usize`.
    pub fn trial_count(&self) -> Option<usize> {
        self.axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.values.len()))
    }

    /// All trials, the last axis varying fastest.
    pub fn trials(&self) -> impl Iterator<Item = Trial> + '_ {
        (0..self.trial_count().unwrap_or(0)).map(|number| self.trial(number))
    }

    /// The trial with the given number in the order of [`Sweep::trials`].
    fn trial(&self, number: usize) -> Trial {
        let mut point = vec![0; self.axes.len()];
        let mut rest = number;
        for (index, axis) in self.axes.iter().enumerate().rev() {
            point[index] = rest % axis.values.len();
            rest /= axis.values.len();
        }
        let mut recipe = self.base.clone();
        for (axis, &value) in self.axes.iter().zip(&point) {
            recipe.apply(&axis.values[value].patch);
        }
        Trial { point, recipe }
    }
}
