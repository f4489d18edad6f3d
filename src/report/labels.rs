//! What people call a job: the axis labels of the trials that use it, and its seed.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::lines::one_line;
use crate::{
    plan::{JobId, Plan, PlannedTrial},
    sweep::Sweep,
};

/// A name such as `crop + color, seed 0` for every job of the plan. Axes whose every value shares the job are left
/// out; a job of several sweeps goes by its name in the first and says how many others use it.
pub fn job_labels(sweeps: &[Sweep], plan: &Plan) -> BTreeMap<JobId, String> {
    let mut users: BTreeMap<JobId, Vec<&PlannedTrial>> = BTreeMap::new();
    for trial in &plan.trials {
        for &id in std::iter::once(&trial.pretrain).chain(&trial.evaluations) {
            users.entry(id).or_default().push(trial);
        }
    }
    users.into_par_iter().map(|(id, trials)| (id, label(sweeps, id, &trials))).collect()
}

fn label(sweeps: &[Sweep], id: JobId, trials: &[&PlannedTrial]) -> String {
    let indices: BTreeSet<usize> = trials.iter().map(|trial| trial.sweep).collect();
    let Some((first, sweep)) = indices.first().and_then(|&first| Some((first, sweeps.get(first)?))) else {
        return id.short();
    };
    let trials: Vec<_> = trials.iter().filter(|trial| trial.sweep == first).copied().collect();
    let mut parts = axis_labels(sweep, &trials);
    let evaluations = trials.iter().flat_map(|trial| trial.evaluations.iter().zip(&sweep.evaluations));
    let evaluations: BTreeSet<&str> =
        evaluations.filter(|(job, _)| **job == id).map(|(_, evaluation)| evaluation.name.as_str()).collect();
    if sweep.evaluations.len() > 1 {
        parts.extend(evaluations.into_iter().map(str::to_owned));
    }
    let point = if parts.is_empty() { "base".to_owned() } else { parts.join(" + ") };
    let seed = trials[0].seed;
    let elsewhere = match indices.len() - 1 {
        0 => String::new(),
        1 => " (and 1 other sweep)".to_owned(),
        others => format!(" (and {others} other sweeps)"),
    };
    one_line(&format!("{point}, seed {seed}{elsewhere}"))
}

/// One text per axis that matters to a job which these trials share.
pub(super) fn axis_labels(sweep: &Sweep, trials: &[&PlannedTrial]) -> Vec<String> {
    let points: BTreeSet<&[usize]> = trials.iter().map(|trial| trial.point.as_slice()).collect();
    let used: Vec<BTreeSet<usize>> =
        (0..sweep.axes.len()).map(|axis| points.iter().map(|point| point[axis]).collect()).collect();
    // Only if the points are all combinations do the values of each axis say which points they are.
    if used.iter().map(BTreeSet::len).product::<usize>() != points.len() {
        let first = points.first().copied().unwrap_or_default();
        let labels = sweep.axes.iter().zip(first).map(|(axis, &value)| axis.values[value].label.clone());
        return vec![format!("{} (and {} other trials)", labels.collect::<Vec<_>>().join(" + "), points.len() - 1)];
    }
    let shown =
        sweep.axes.iter().zip(&used).filter(|(axis, used)| axis.values.len() == 1 || used.len() < axis.values.len());
    shown
        .map(|(axis, used)| used.iter().map(|&value| axis.values[value].label.as_str()).collect::<Vec<_>>().join(" / "))
        .collect()
}
