//! `diff`: two jobs, two stores, or the tables of two sweeps or of one sweep in two stores.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    CliError,
    args::DiffArgs,
    inspect::job_named,
    print,
    results::{self, Results, open},
    sweeps, tables,
};
use crate::{
    plan::JobId,
    recipe::Metrics,
    report::{self, ComparedJob, Comparison, Table},
    store::{Snapshot, Store},
};

/// Compares what is named; exit code 1 if it differs.
pub fn diff(args: &DiffArgs) -> Result<(), CliError> {
    let needless = |what: &str| CliError::input(format!("{what} has no part in this comparison: leave it out"));
    let comparisons = match (operand(&args.before)?, operand(&args.after)?) {
        (Operand::Store(a), Operand::Store(b)) => match &args.sweep {
            Some(file) => compare_tables((file, &a), (file, &b), args.profile.as_deref())?,
            None if args.profile.is_some() => return Err(needless("--profile, without --sweep,")),
            None => vec![compare_stores(&a, &b)?],
        },
        _ if args.sweep.is_some() => return Err(needless("--sweep, which is for two stores,")),
        (Operand::Sweep(a), Operand::Sweep(b)) => {
            let store = open(&args.store)?;
            compare_tables((&a, &store), (&b, &store), args.profile.as_deref())?
        }
        (Operand::Job(_), Operand::Job(_)) if args.profile.is_some() => return Err(needless("--profile")),
        (Operand::Job(a), Operand::Job(b)) => {
            vec![report::compare_jobs(&job(&a, &args.store)?, &job(&b, &args.store)?)]
        }
        _ => {
            return Err(CliError::input(format!(
                "{} and {} are of different kinds: name two jobs, two stores or two sweep files",
                args.before, args.after
            )));
        }
    };
    print(&comparisons.iter().map(|comparison| comparison.text.as_str()).collect::<Vec<_>>().join("\n"))?;
    if comparisons.iter().all(|comparison| comparison.equal) { Ok(()) } else { Err(CliError::silent()) }
}

/// What is compared.
enum Operand {
    /// By the beginning of its id, or by its folder in a store.
    Job(String),
    Store(Store),
    Sweep(PathBuf),
}

fn operand(text: &str) -> Result<Operand, CliError> {
    let path = Path::new(text);
    if path.join("job.json").is_file() {
        return Ok(Operand::Job(text.to_owned()));
    }
    if path.is_dir() {
        return open(path).map(Operand::Store);
    }
    let is_sweep = path.extension().is_some_and(|ending| ending == "ron");
    Ok(if is_sweep { Operand::Sweep(path.to_owned()) } else { Operand::Job(text.to_owned()) })
}

/// A job by its folder, or by the beginning of its id in the store.
fn job(text: &str, store: &Path) -> Result<ComparedJob, CliError> {
    let path = Path::new(text);
    let (store, name) = match (path.file_name(), path.parent().and_then(Path::parent)) {
        (Some(name), Some(root)) if path.join("job.json").is_file() => {
            (open(root)?, name.to_string_lossy().into_owned())
        }
        _ => (open(store)?, text.to_owned()),
    };
    let snapshot = store.load()?;
    let id = job_named(&name, &snapshot, &store)?;
    let job = store.job(id)?;
    let parents = job.parents.iter().map(|&parent| store.job(parent)).collect::<Result<_, _>>()?;
    Ok(ComparedJob { job, parents, record: snapshot.record(id).map(results::done) })
}

fn compare_stores(a: &Store, b: &Store) -> Result<Comparison, CliError> {
    let snapshots = [a.load()?, b.load()?];
    snapshots.iter().for_each(results::warn);
    let [of_a, of_b] = snapshots.each_ref().map(finished);
    let [name_a, name_b] = [a, b].map(|store| store.root().display().to_string());
    Ok(report::compare_stores((&name_a, &of_a), (&name_b, &of_b)))
}

fn finished(snapshot: &Snapshot) -> BTreeMap<JobId, (&str, &Metrics)> {
    let records = snapshot.jobs.iter().filter_map(|(&id, status)| Some((id, status.record.as_ref()?)));
    records.map(|(id, record)| (id, (record.kind.as_str(), &record.metrics))).collect()
}

/// Compares the tables that have the same name.
fn compare_tables(a: (&Path, &Store), b: (&Path, &Store), profile: Option<&str>) -> Result<Vec<Comparison>, CliError> {
    let tables = |(file, store): (&Path, &Store)| -> Result<Vec<Table>, CliError> {
        let planned = sweeps::read(&[file.to_owned()], profile)?;
        let results = Results::read(Some(store), &planned)?;
        Ok(tables::all(&planned, &results).into_iter().flatten().collect())
    };
    let (a, b) = (tables(a)?, tables(b)?);
    let of_name = |tables: &[Table], name: &str| tables.iter().position(|table| table.name == name);
    let pairs = a.iter().filter_map(|a| Some((a, &b[of_name(&b, &a.name)?])));
    let mut comparisons: Vec<Comparison> = pairs.map(|(a, b)| report::compare_tables(a, b)).collect();
    if comparisons.is_empty() {
        return Err(CliError::input("the sweeps have no table of the same name"));
    }
    for (which, here, there) in [("first", &a, &b), ("second", &b, &a)] {
        let alone = here.iter().filter(|table| of_name(there, &table.name).is_none());
        comparisons.extend(alone.map(|table| report::lonely_table(table, which)));
    }
    Ok(comparisons)
}
