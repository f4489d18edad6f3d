//! `explain`: where the numbers of a trial come from.

use super::{CliError, args::ExplainArgs, print, results::Results, sweeps};
use crate::{report, store::Store, sweep::Sweep};

/// Prints the lineage of the trial that the given values of axes tell from the others.
pub fn explain(args: &ExplainArgs) -> Result<(), CliError> {
    let planned = sweeps::read(std::slice::from_ref(&args.file), args.profile.as_deref())?;
    let sweep = &planned.sweeps[0];
    let wanted = args.values.iter().map(|value| place(sweep, value)).collect::<Result<Vec<_>, _>>()?;
    let meets = |point: &[usize]| wanted.iter().all(|&(axis, value)| point[axis] == value);
    let mut trials = sweep.trials().filter(|trial| meets(&trial.point));
    let Some(trial) = trials.next() else {
        return Err(CliError::input(format!("{} has no trial with these values", args.file.display())));
    };
    if let Some(other) = trials.next() {
        let differing = sweep.axes.iter().enumerate().find(|&(axis, _)| trial.point[axis] != other.point[axis]);
        let (name, values) = differing.map_or(("", vec![]), |(_, axis)| {
            (axis.name.as_str(), axis.values.iter().map(|value| value.label.as_str()).collect())
        });
        return Err(CliError::input(format!(
            "several trials have these values: add \"{name}=LABEL\" with one of {}",
            values.join(", ")
        )));
    }
    let store = Store::open(&args.store)?;
    let results = Results::read(store.as_ref())?;
    let log = |job| store.as_ref().map(|store| store.log_path(job).display().to_string());
    let of_trial: Vec<_> = planned.plan.trials.iter().filter(|planned| planned.point == trial.point).collect();
    print(&report::lineage(sweep, &planned.plan, &trial, &of_trial, &|job| results.view(job), &log))?;
    let profile = args.profile.as_ref().map(|name| format!(" --profile {name}")).unwrap_or_default();
    let (file, store) = (args.file.display(), args.store.display());
    print(&format!("\nrun what is missing of it: ablate run {file}{profile} --store {store}\n"))
}

/// The axis and the value that `AXIS=LABEL` names, as indices.
fn place(sweep: &Sweep, text: &str) -> Result<(usize, usize), CliError> {
    let axes = || sweep.axes.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>().join(", ");
    // Names and labels may contain `=` themselves.
    let splits = text.match_indices('=').map(|(at, _)| (&text[..at], &text[at + 1..]));
    let known = |name: &str| sweep.axes.iter().position(|axis| axis.name == name);
    let named: Vec<(usize, &str)> = splits.filter_map(|(name, label)| Some((known(name)?, label))).collect();
    let Some(&(axis, wrong)) = named.first() else {
        return Err(CliError::input(format!("`{text}` is not AXIS=LABEL; the axes are: {}", axes())));
    };
    let value_of = |&(axis, label): &(usize, &str)| {
        Some((axis, sweep.axes[axis].values.iter().position(|value| value.label == label)?))
    };
    named.iter().find_map(value_of).ok_or_else(|| {
        let labels: Vec<&str> = sweep.axes[axis].values.iter().map(|value| value.label.as_str()).collect();
        CliError::input(format!(
            "`{}` has no value `{wrong}`; its values are: {}",
            sweep.axes[axis].name,
            labels.join(", ")
        ))
    })
}
