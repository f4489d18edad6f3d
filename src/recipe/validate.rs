//! Checks that a recipe describes something that can be run.

mod evaluation;
mod several_labels;
mod training;

use super::Recipe;

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
    /// Every impossible value, mostly in the order of the fields; empty if the recipe can be run.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        self.data.check(&["data"], &mut found);
        if let Some(other) = &self.evaluation.transfer_data {
            other.check(&["evaluation", "transfer_data"], &mut found);
        }
        self.augmentation.check(&mut found);
        training::check(self, &mut found);
        evaluation::check(self, &mut found);
        several_labels::check(self, &mut found);
        found
    }
}

pub(super) fn problem(path: &[&str], message: String, remedy: String) -> Problem {
    Problem { path: path.iter().map(|&part| part.to_owned()).collect(), message, remedy }
}
