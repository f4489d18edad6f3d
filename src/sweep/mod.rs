//! A sweep file as data: text in, trials out. Never touches the file system.
//!
//! A sweep file is [RON](https://github.com/ron-rs/ron) with six parts:
//!
//! | part | form | meaning |
//! |---|---|---|
//! | `title` | `"…"` | what the sweep is about, one line |
//! | `base` | `(data: …, augmentation: …, …)` | a complete [`Recipe`]; every field is written, except for the [optional ones](crate::recipe::OPTIONAL_FIELDS) |
//! | `axes` | `[(name: "…", values: {"label": (…)})]` | what varies: each value is a [`RecipePatch`](crate::recipe::RecipePatch), any fields of the recipe; `()` changes nothing |
//! | `seeds` | `[0, 1]` | every trial runs once per seed |
//! | `evaluations` | `{"name": (…)}` | how each encoder is evaluated: each value is a change of `base.evaluation` |
//! | `tables` | `[(name: "…", title: "…", rows: […], columns: […], metrics: […])]` | what to print: `rows` and `columns` name every axis once; a metric is `(metric: Top1, evaluation: "name")`, or `(metric: Loss)` if pretraining measures it |
//!
//! Trials are the product of the axes. Within a patch, fields of structs are changed one by one, while lists
//! (`augmentation`) and named choices (`objective`, `algorithm`, …) are replaced as a whole. `Some(…)` is never needed.
//!
//! ```ron
#![doc = include_str!("example.ron")]
//! ```
//!
//! [`parse`] reads and checks a file; what is wrong with it is shown at its place:
//!
//! ```
//! use ablate::sweep;
//!
//! let text = include_str!("example.ron");
//! let sweep = sweep::parse("example.ron", text)?;
//! assert_eq!(sweep.trials().count(), 2 * 3);
//!
//! let mistyped = text.replace("batch_size: 250", "batch_sise: 250");
//! let diagnostics = sweep::parse("example.ron", &mistyped).unwrap_err();
//! assert!(diagnostics.to_string().contains("did you mean `batch_size`?"));
//! # Ok::<(), sweep::Diagnostics>(())
//! ```

mod axis;
mod check;
mod decode;
mod diagnostic;
mod fields;
mod file;
mod lexer;
mod parser;
mod syntax;
mod table;
mod tables;
mod vocabulary;

pub use axis::{Axis, AxisValue};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use file::parse;
pub use table::{MetricColumn, TableSpec};

use crate::recipe::{EvaluationPatch, Patchable, Recipe};

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
    pub evaluations: Vec<NamedEvaluation>,
    /// The tables to print.
    pub tables: Vec<TableSpec>,
}

/// A named evaluation of each pretrained encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedEvaluation {
    /// The name that tables refer to.
    pub name: String,
    /// What it changes in [`Recipe::evaluation`].
    pub patch: EvaluationPatch,
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
        let recipe = self.recipe_at(&point);
        Trial { point, recipe }
    }

    /// The recipe with the given value of each axis.
    fn recipe_at(&self, point: &[usize]) -> Recipe {
        let mut recipe = self.base.clone();
        for (axis, &value) in self.axes.iter().zip(point) {
            recipe.apply(&axis.values[value].patch);
        }
        recipe
    }
}
