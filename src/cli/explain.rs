//! `explain`: where the numbers of a trial come from, and what has changed since stale ones were made.

use super::{
    CliError,
    args::ExplainArgs,
    choice::{Choice, choices},
    print,
    results::Results,
    shell::quoted,
    sweeps::{self, Planned},
};
use crate::{
    plan::PlannedTrial,
    report,
    store::Store,
    sweep::{Sweep, Trial},
};

/// Prints the lineage of the trial that the given values of axes tell from the others; or, of all trials that have
/// them, what has changed since stale ones were made.
pub fn explain(args: &ExplainArgs) -> Result<(), CliError> {
    let planned = sweeps::read(std::slice::from_ref(&args.file), args.profile.as_deref())?;
    let sweep = &planned.sweeps[0];
    let wanted = &choices(&planned, &args.values)?[0];
    let store = Store::open(&args.store)?;
    let results = Results::read(store.as_ref(), &planned)?;
    if args.why_stale {
        return why_stale(&planned, wanted, &results);
    }
    let trial = only_one(args, sweep, wanted)?;
    let log = |job| store.as_ref().map(|store| store.log_path(job).display().to_string());
    print(&report::lineage(sweep, &planned.plan, &trial, &of_trial(&planned, &trial), &|job| results.view(job), &log))?;
    print(&report::neighborhood(sweep, &trial))?;
    print(&reproduction(args, sweep, &trial))
}

fn of_trial<'p>(planned: &'p Planned, trial: &Trial) -> Vec<&'p PlannedTrial> {
    planned.plan.trials.iter().filter(|planned| planned.point == trial.point).collect()
}

fn why_stale(planned: &Planned, wanted: &Choice, results: &Results) -> Result<(), CliError> {
    let trials = planned.sweeps[0].trials().filter(|trial| wanted.takes(&trial.point));
    let texts = trials.filter_map(|trial| {
        report::staleness(&planned.sweeps[0], &trial, &of_trial(planned, &trial), &|job| results.view(job), &|job| {
            results.earlier(job)
        })
    });
    let texts: Vec<String> = texts.collect();
    print(&if texts.is_empty() { "nothing is stale\n".to_owned() } else { texts.join("\n") })
}

/// The only trial that is wanted.
fn only_one(args: &ExplainArgs, sweep: &Sweep, wanted: &Choice) -> Result<Trial, CliError> {
    let mut trials = sweep.trials().filter(|trial| wanted.takes(&trial.point));
    let Some(trial) = trials.next() else {
        return Err(CliError::input(format!("{} has no trial with these values", args.file.display())));
    };
    let Some(other) = trials.next() else { return Ok(trial) };
    let differing = sweep.axes.iter().enumerate().find(|&(axis, _)| trial.point[axis] != other.point[axis]);
    let (name, values) = differing.map_or(("", vec![]), |(_, axis)| {
        (axis.name.as_str(), axis.values.iter().map(|value| value.label.as_str()).collect())
    });
    Err(CliError::input(format!(
        "several trials have these values: add \"{name}=LABEL\" with one of {}",
        values.join(", ")
    )))
}

/// The commands that run what is missing of a trial, and that run all of it anew and compare.
fn reproduction(args: &ExplainArgs, sweep: &Sweep, trial: &Trial) -> String {
    let file = quoted(&args.file.display().to_string());
    let profile = args.profile.as_ref().map(|name| format!(" --profile {}", quoted(name))).unwrap_or_default();
    let only =
        sweep.axes.iter().zip(&trial.point).map(|(axis, &value)| {
            format!(" --only {}", quoted(&format!("{}={}", axis.name, axis.values[value].label)))
        });
    let command = format!("ablate run {file}{profile}{}", only.collect::<String>());
    let store = quoted(&args.store.display().to_string());
    format!(
        "\nrun what is missing of it: {command} --store {store}\n\
         run all of it anew:        {command} --store again\n\
         and compare:               ablate diff {store} again\n"
    )
}
