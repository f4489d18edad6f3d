//! An axis: a named list of labelled changes to the recipe.

use crate::recipe::RecipePatch;

/// What varies between trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The name that tables refer to and show.
    pub name: String,
    /// Its values, in the order of the file; labels are unique.
    pub values: Vec<AxisValue>,
}

/// One value of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisValue {
    /// What tables show; not part of any job's identity.
    pub label: String,
    /// The fields it changes; any number of them.
    pub patch: RecipePatch,
    /// What the chosen profile changes after that.
    pub in_profile: Option<RecipePatch>,
}
