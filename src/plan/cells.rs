//! Names of a sweep's cells that stay the same when the sweep's recipes change.

use super::{JobId, Plan};
use crate::sweep::Sweep;

/// Every job that a sweep asks for, by the name of what asks for it: the labels of the trial in the order of the axes'
/// names, the seed, and the evaluation or none for pretraining; as JSON. `sweep_index` is the sweep's place among those
/// planned together.
pub fn cells<'a>(sweep: &'a Sweep, sweep_index: usize, plan: &'a Plan) -> impl Iterator<Item = (String, JobId)> + 'a {
    let mut axes: Vec<usize> = (0..sweep.axes.len()).collect();
    axes.sort_by_key(|&axis| &sweep.axes[axis].name);
    let trials = plan.trials.iter().filter(move |trial| trial.sweep == sweep_index);
    trials.flat_map(move |trial| {
        let label = |&axis: &usize| (&sweep.axes[axis].name, &sweep.axes[axis].values[trial.point[axis]].label);
        let labels: Vec<_> = axes.iter().map(label).collect();
        let name = |evaluation: Option<&String>| serde_json::json!([labels, trial.seed, evaluation]).to_string();
        let evaluations = sweep.evaluations.iter().map(|evaluation| Some(&evaluation.name)).zip(&trial.evaluations);
        let jobs: Vec<_> = std::iter::once((None, &trial.pretrain)).chain(evaluations).collect();
        jobs.into_iter().map(|(evaluation, &job)| (name(evaluation), job)).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    #[test]
    fn names_do_not_depend_on_recipes_nor_on_the_order_of_axes() {
        let sweep = fixture::sweep(&[0, 1]);
        let plan = Plan::new(std::slice::from_ref(&sweep));
        let names: Vec<_> = cells(&sweep, 0, &plan).collect();
        assert_eq!(names.len(), 6 * 2 * 3);
        let mut sorted: Vec<_> = names.iter().map(|(name, _)| name).collect();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len(), "names are unique");

        let mut changed = sweep.clone();
        changed.base.schedule.epochs += 1;
        changed.axes.reverse();
        let plan = Plan::new(std::slice::from_ref(&changed));
        let others: Vec<_> = cells(&changed, 0, &plan).map(|(name, _)| name).collect();
        assert_eq!(others.len(), names.len());
        assert!(names.iter().all(|(name, _)| others.contains(name)));
    }
}
