//! What cannot be done with images that show several classes.

use super::{Problem, problem};
use crate::recipe::{DataSource, Objective, Protocol, Recipe};

pub(super) fn check(recipe: &Recipe, found: &mut Vec<Problem>) {
    let evaluation = &recipe.evaluation;
    let mut refuse = |source: DataSource, path: &[&str], why: &str, remedy: &str| {
        if source.is_multi_label() {
            let message = format!("images of {} show several classes, {why}", source.name());
            found.push(problem(path, message, remedy.to_owned()));
        }
    };
    let (trained_on, evaluated_on) = (&recipe.data, recipe.evaluation_data());
    if recipe.objective == Objective::Supervised {
        let why = "and supervised pretraining learns one";
        refuse(trained_on.source, &["objective"], why, "choose a contrastive objective, or other data");
    }
    if recipe.online_probe.is_some() {
        refuse(trained_on.source, &["online_probe"], "and the online probe learns one", "write None");
    }
    if matches!(evaluation.protocol, Protocol::NearestNeighbors { .. }) {
        let remedy = "write `LogisticRegression`, `Linear` or `FineTune`";
        refuse(evaluated_on.source, &["evaluation", "protocol"], "and neighbors vote for one", remedy);
    }
    if evaluation.label_fraction < 1.0 {
        let why = "so that no share of each is equal";
        refuse(evaluated_on.source, &["evaluation", "label_fraction"], why, "leave it out, or write 1");
    }
}
