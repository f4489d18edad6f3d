//! The commands that only look: `check`, `plan`, `status`.

use std::path::Path;

use super::{
    CliError,
    args::{CheckArgs, GraphFormat, PlanArgs, StoreArgs},
    cluster, display, durations, print,
    results::Results,
    sweeps::{self, Planned},
};
use crate::{
    plan::JobId,
    recipe::{self, explain::FieldDoc},
    report,
    store::{Snapshot, Store},
};

/// Checks sweep files in all their profiles, all of them even if one is wrong.
pub fn check(args: &CheckArgs) -> Result<(), CliError> {
    if let Some(field) = &args.explain {
        explain(field)?;
    }
    let mut wrong = false;
    for file in &args.files {
        match check_profile(file, args.profile.as_deref())? {
            // The base is right, so the profiles are known; each is a sweep of its own.
            Some(profiles) if args.profile.is_none() => {
                for profile in &profiles {
                    wrong |= check_profile(file, Some(profile))?.is_none();
                }
            }
            checked => wrong |= checked.is_none(),
        }
    }
    if !wrong {
        return Ok(());
    }
    let count = args.files.len();
    Err(CliError::input(if count == 1 { "the sweep file is wrong" } else { "some of the sweep files are wrong" }))
}

/// Shows the jobs of sweep files.
pub fn plan(args: &PlanArgs) -> Result<(), CliError> {
    let planned = sweeps::read(&args.sweeps.files, args.sweeps.profile.as_deref())?;
    match args.graph {
        Some(GraphFormat::Dot) => return print(&planned.plan.to_dot()),
        Some(GraphFormat::Mermaid) => return print(&planned.plan.to_mermaid()),
        None => {}
    }
    let store = Store::open(&args.sweeps.store)?;
    let results = Results::read(store.as_ref(), &planned)?;
    let cost = |job| Some(planned.plan.cost(job).to_string());
    let outlook = durations::outlook(&planned, &results, store.as_ref())?;
    let mut text = report::plan_text(&planned.sweeps, &planned.plan, &|job| results.view(job), &cost, &outlook);
    text.push_str(&planned.plan.critical_path_line());
    print(&format!("{}\n", text.trim_end()))
}

/// Shows how far sweep files are.
pub fn status(args: &StoreArgs) -> Result<(), CliError> {
    let planned = sweeps::read(&args.files, args.profile.as_deref())?;
    let store = Store::open(&args.store)?;
    let results = Results::read(store.as_ref(), &planned)?;
    print(&format!("{}\n", overview(&planned, &results, store.as_ref())?.trim_end()))
}

/// How far sweeps are, in lines.
pub fn overview(planned: &Planned, results: &Results, store: Option<&Store>) -> Result<String, CliError> {
    let log = |job| store.map(|store| store.log_path(job).display().to_string());
    let summary = report::summary(&planned.sweeps, &planned.plan, &|job| results.view(job), &log);
    let on_cluster = store.map_or(Ok(String::new()), |store| cluster::left_alone(planned, results, store))?;
    Ok(summary + &durations::outlook(planned, results, store)?.text() + &on_cluster)
}

/// Prints what a field of the recipe means.
fn explain(name: &str) -> Result<(), CliError> {
    let found = recipe::explain::explain(name);
    if found.is_empty() {
        let fields = recipe::explain::fields();
        let near = |field: &&FieldDoc| {
            let last = field.paths[0].rsplit('.').next().unwrap_or_default();
            (1000.0 * strsim::jaro_winkler(last, name.rsplit('.').next().unwrap_or_default())) as u32
        };
        let nearest = fields.iter().max_by_key(near).map_or("", |field| &field.paths[0]);
        return Err(CliError::input(format!("a recipe has no field `{name}`; did you mean `{nearest}`?")));
    }
    let width = display::table_style().0;
    print(&found.iter().map(|field| report::field_text(field, width)).collect::<Vec<_>>().join("\n"))
}

/// Checks a sweep file with a profile and says what it found; returns the names of all profiles if it is right.
fn check_profile(file: &Path, profile: Option<&str>) -> Result<Option<Vec<String>>, CliError> {
    match sweeps::read(&[file.to_owned()], profile) {
        Ok(planned) => {
            let sweep = &planned.sweeps[0];
            let profile = profile.map(|name| format!(", profile {name}")).unwrap_or_default();
            print(&format!(
                "{}{profile}: ok, {} trials × {} seeds, {} jobs\n",
                file.display(),
                sweep.points().count(),
                sweep.seeds.len(),
                planned.plan.len()
            ))?;
            Ok(Some(sweep.profiles.clone()))
        }
        Err(error) => {
            error.print();
            Ok(None)
        }
    }
}

/// The one job of a store whose id begins as given.
pub fn job_named(text: &str, snapshot: &Snapshot, store: &Store) -> Result<JobId, CliError> {
    let matching: Vec<JobId> = snapshot.jobs.keys().copied().filter(|job| job.to_string().starts_with(text)).collect();
    match matching[..] {
        [] => Err(CliError::input(format!(
            "no job that ever ran in {} has an id that begins with {text}",
            store.root().display()
        ))),
        [job] => Ok(job),
        _ => {
            let list: String = matching.iter().map(|job| format!("\n  {job}")).collect();
            Err(CliError::input(format!("{text} could be any of:{list}")))
        }
    }
}
