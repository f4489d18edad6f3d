//! A sweep file as data: text in, trials out. Never touches the file system.
//!
//! A sweep file is [RON](https://github.com/ron-rs/ron) with these parts, the first six of which are needed:
//!
//! | part | form | meaning |
//! |---|---|---|
//! | `title` | `"…"` | what the sweep is about, one line |
//! | `base` | `(data: …, augmentation: …, …)` | a complete [`Recipe`]; every field is written, except for the [optional ones](crate::recipe::OPTIONAL_FIELDS) |
//! | `axes` | `[(name: "…", values: {"label": (…)})]` | what varies: each value is a [`RecipePatch`](crate::recipe::RecipePatch), any fields of the recipe; `()` changes nothing |
//! | `seeds` | `[0, 1]` | every trial runs once per seed |
//! | `evaluations` | `{"name": (…)}` | how each encoder is evaluated: each value is a change of `base.evaluation` |
//! | `tables` | `[(name: "…", title: "…", rows: […], columns: […], metrics: […])]` | what to print: `rows` and `columns` name every axis once; a metric is `(metric: Top1, evaluation: "name")`, or `(metric: Loss)` if pretraining measures it. `over: ["axis"]` names axes that are neither, over whose values a cell averages as over seeds, and `only: [{"axis": "label"}, …]` leaves out the trials that meet none of these conditions. `average: true` adds the average of each row, `best: Row` (or `Column`, `Table`) marks the best and the second best ([`Best`]), `figure: HeatMap`, `Bars(groups: Rows)` or `Scatter(series: Columns)` draws it, too ([`Figure`]), `published: (source: "…", tolerance: 1.0, values: [[64.5, None], …])` what a paper found, row by row, `cited: [(row: "…", source: "…", values: [60.6, None]), …]` rows of others, which are shown and never compared, `note: "…"` is printed below |
//! | `include` | `"shared/base.ron"` | takes over the base, and profiles, of another file, `(base: …, profiles: {…})`, by its path from this one; `base` is then a change of it, or left out |
//! | `profiles` | `{"smoke": (like: "…", base: …, axes: {"axis": {"label": (…)}}, evaluations: {"name": (…)}, seeds: […], only: […], changes: […])}` | the same sweep at other scales: changes of the base, and of what values and evaluations stand for, after their own and after those of an included profile; other seeds; fewer points; more `changes` after those of the file. `like: "smoke"` begins with all that profile `smoke` says, here and in an included file; what is said of the same value, evaluation, seeds or `only` stands instead of that. An evaluation of which a profile says `None` is left out, with the columns that show it |
//! | `only`, `exclude` | `[{"axis": "label", "axis": ["label", "label"]}, …]` | points of the product are trials if they meet one of the conditions in `only`, and none in `exclude`; sub-sweeps are several conditions in `only` |
//! | `zip` | `[["axis", "axis"], …]` | axes that advance together |
//! | `changes` | `[(when: {"axis": "label"}, change: (…)), …]` | changes where several axes meet, after those of the axes |
//! | `scheduling` | `[(when: {"axis": "label"}, priority: 1, minutes: 90, devices: 1), …]` | of some trials, or of all without `when`: which start first (the larger `priority`), how long a job may run, and how many whole devices it gets for itself; changes no result |
//!
//! The values of an axis may follow a rule, `values: Range(from: 100, to: 1000, step: 100)` or `Log(from: 1e-4, to: 1e-1,
//! count: 7)`, with `change: (schedule: (epochs: x))`, in which `x` stands for the number, which is also the label.
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
mod bytes;
mod check;
mod cluster;
mod contents;
mod decode;
mod diagnostic;
mod fields;
mod file;
mod format;
mod generated;
mod left_out;
mod lexer;
mod outline;
mod parser;
mod profile;
mod published;
mod scheduling;
mod selection;
mod syntax;
mod table;
mod tables;
mod vocabulary;

pub use axis::{Axis, AxisValue};
pub use bytes::text;
pub use cluster::{Cluster, Resources};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use file::{Source, parse};
pub use format::format;
pub use scheduling::{Arrangement, Terms};
pub use selection::{Condition, ConditionalChange, Selection};
pub use table::{Best, CitedRow, Figure, MetricColumn, Published, Side, TableSpec};

use crate::recipe::{Evaluation, EvaluationPatch, Patchable, Recipe};

/// A checked sweep file.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// What the sweep is about, one line.
    pub title: String,
    /// Every setting before the axes change some, with the changes of the profile.
    pub base: Recipe,
    /// What varies; trials are points of the Cartesian product of the axes, the last one varying fastest.
    pub axes: Vec<Axis>,
    /// Changes of the recipe at some points, after those of the axes.
    pub changes: Vec<ConditionalChange>,
    /// Which points are trials.
    pub selection: Selection,
    /// When and where the jobs of trials run; what is said later goes before what is said earlier.
    pub scheduling: Vec<Arrangement>,
    /// Each trial runs once per seed.
    pub seeds: Vec<u64>,
    /// How each pretrained encoder is evaluated; one pretraining feeds all of them.
    pub evaluations: Vec<NamedEvaluation>,
    /// The tables to print.
    pub tables: Vec<TableSpec>,
    /// The chosen profile.
    pub profile: Option<String>,
    /// Names of all profiles.
    pub profiles: Vec<String>,
}

/// A named evaluation of each pretrained encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedEvaluation {
    /// The name that tables refer to.
    pub name: String,
    /// What it changes in [`Recipe::evaluation`].
    pub patch: EvaluationPatch,
    /// What the chosen profile changes after that.
    pub in_profile: Option<EvaluationPatch>,
}

impl NamedEvaluation {
    /// Changes the evaluation of a recipe.
    pub fn apply(&self, evaluation: &mut Evaluation) {
        evaluation.apply(&self.patch);
        self.in_profile.iter().for_each(|patch| evaluation.apply(patch));
    }
}

/// One point of the grid, still without a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Index of the chosen value on each axis.
    pub point: Vec<usize>,
    /// The complete settings.
    pub recipe: Recipe,
}

/// Axes that stand at the same place of their values.
struct Digit {
    axes: Vec<usize>,
    values: usize,
}

impl Sweep {
    /// The published numbers of a table, if this profile is the paper's experiment.
    pub fn published<'t>(&self, table: &'t TableSpec) -> Option<&'t Published> {
        table.published.as_ref().filter(|_| self.is_of_paper())
    }

    /// The cited rows of a table, which stand beside the paper's experiment only.
    pub fn cited<'t>(&self, table: &'t TableSpec) -> &'t [CitedRow] {
        if self.is_of_paper() { &table.cited } else { &[] }
    }

    /// When and where the jobs of a trial run.
    pub fn terms(&self, point: &[usize]) -> Terms {
        let holds = |arrangement: &&Arrangement| arrangement.when.as_ref().is_none_or(|when| when.takes(point));
        self.scheduling.iter().filter(holds).fold(Terms::default(), |terms, later| terms.then(later.terms))
    }

    fn is_of_paper(&self) -> bool {
        self.profile.as_deref().is_none_or(|profile| profile == Published::PROFILE)
    }

    /// All points of the product that are trials, the last axis varying fastest.
    pub fn points(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        let digits = self.digits();
        let count = digits.iter().try_fold(1_usize, |count, digit| count.checked_mul(digit.values)).unwrap_or(0);
        let at = move |mut number: usize| {
            let mut point = vec![0; self.axes.len()];
            for digit in digits.iter().rev() {
                digit.axes.iter().for_each(|&axis| point[axis] = number % digit.values);
                number /= digit.values;
            }
            point
        };
        (0..count).map(at).filter(|point| self.selection.takes(point))
    }

    /// The axes in their order, those that advance together at the place of the first of them.
    fn digits(&self) -> Vec<Digit> {
        let group_of = |axis: usize| self.selection.zip.iter().find(|group| group.contains(&axis));
        let digit = |axis: usize| {
            let axes = group_of(axis).cloned().unwrap_or_else(|| vec![axis]);
            let first = axes.iter().min() == Some(&axis);
            first.then(|| Digit { values: self.axes[axis].values.len(), axes })
        };
        (0..self.axes.len()).filter_map(digit).collect()
    }

    /// All trials, in the order of [`Sweep::points`].
    pub fn trials(&self) -> impl Iterator<Item = Trial> + '_ {
        self.points().map(|point| self.trial_at(point))
    }

    /// The trial at a point: the index of a value of each axis.
    pub fn trial_at(&self, point: Vec<usize>) -> Trial {
        Trial { recipe: self.recipe_at(&point), point }
    }

    /// The recipe with the given value of each axis.
    fn recipe_at(&self, point: &[usize]) -> Recipe {
        let mut recipe = self.base.clone();
        for (axis, &value) in self.axes.iter().zip(point) {
            let AxisValue { patch, in_profile, .. } = &axis.values[value];
            recipe.apply(patch);
            in_profile.iter().for_each(|patch| recipe.apply(patch));
        }
        let changes = self.changes.iter().filter(|change| change.when.takes(point));
        changes.for_each(|change| recipe.apply(&change.patch));
        recipe
    }
}
