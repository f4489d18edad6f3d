//! How well durations are foretold: every measured job of some stores is estimated from the others, and again without
//! those of the same recipe, of the same work per image and of the same kind, so that each level of likeness is tried.
//!
//! `cargo bench --bench durations -- PLACE...`, where a place is a results folder, or one with the `jobs.csv` of a sweep
//! of its name; the committed reference tables unless written.

use std::{collections::BTreeMap, env, error::Error, fs, path::Path};

use ablate::{
    plan::{Durations, Job, JobId, Level, Likeness, Plan, Sample},
    store::Store,
    sweep,
};

/// The reference tables.
const REFERENCE: [&str; 3] = [
    "results/reference/quickstart",
    "results/reference/cifar10-augmentations",
    "results/reference/cifar10-convergence",
];

/// A measured job.
struct Measured {
    job: Job,
    parent: Option<Job>,
    likeness: Likeness,
    seconds: f64,
    threads: usize,
    device: String,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    let mut places: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if places.is_empty() {
        places = REFERENCE.map(str::to_owned).to_vec();
    }
    println!(
        "{:<28} {:>6} {:>9} {:>9} {:>9} {:>9}  {:>8} {:>10}",
        "estimated from", "jobs", "median", "90 %", "within", "range", "bias", "total time"
    );
    let mut all = Vec::new();
    for place in &places {
        let table = Path::new(place).join("jobs.csv");
        let found = if table.exists() { of_table(place, &table) } else { of_store(Path::new(place)) };
        match found {
            Ok(found) => {
                print!("{place}\n{}", lines(&found));
                all.extend(found);
            }
            Err(problem) => eprintln!("{place}: {problem}"),
        }
    }
    if places.len() > 1 {
        print!("all together\n{}", lines(&all));
    }
}

/// The measured jobs of a store.
fn of_store(root: &Path) -> Result<Vec<Measured>, Box<dyn Error>> {
    let store = Store::open(root)?.ok_or("there is no store")?;
    let snapshot = store.load()?;
    let mut jobs: BTreeMap<JobId, Job> = BTreeMap::new();
    for &id in snapshot.jobs.keys() {
        jobs.insert(id, store.job(id)?);
    }
    let found = jobs.values().filter_map(|job| {
        let record = snapshot.record(job.id)?;
        let parent = job.parents.first().and_then(|parent| jobs.get(parent));
        measured(job, parent, record.wall_seconds, record.threads, &record.device)
    });
    Ok(found.collect())
}

/// The measured jobs of a table whose folder has the name of its sweep.
fn of_table(place: &str, table: &Path) -> Result<Vec<Measured>, Box<dyn Error>> {
    let name = Path::new(place).file_name().ok_or("the folder has no name")?.to_string_lossy();
    let file = format!("sweeps/{name}.ron");
    let sweep = sweep::parse(&file, &fs::read_to_string(&file)?).map_err(|wrong| wrong.to_string())?;
    let plan = Plan::new(&[sweep]);
    let mut reader = csv::Reader::from_path(table)?;
    let headers = reader.headers()?.clone();
    let column = |name: &str| headers.iter().position(|header| header == name).ok_or(format!("no column {name}"));
    let (job, seconds, threads, device) =
        (column("job")?, column("wall_seconds")?, column("threads")?, column("device")?);
    let mut found = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        // Some rows may be of an earlier state of the sweep.
        let Some(job) = row[job].parse::<JobId>().ok().and_then(|id| plan.job(id)) else { continue };
        let parent = job.parents.first().and_then(|&parent| plan.job(parent));
        let (seconds, threads) = (row[seconds].parse()?, row[threads].parse()?);
        found.insert(job.id, measured(job, parent, seconds, threads, &row[device]));
    }
    Ok(found.into_values().flatten().collect())
}

fn measured(job: &Job, parent: Option<&Job>, seconds: f64, threads: usize, device: &str) -> Option<Measured> {
    let likeness = Likeness::of(job, parent)?;
    let (job, parent, device) = (job.clone(), parent.cloned(), device.to_owned());
    Some(Measured { job, parent, likeness, seconds, threads, device })
}

/// One line per level.
fn lines(jobs: &[Measured]) -> String {
    let levels = [
        ("the same recipe", Level::Recipe),
        ("the same work per image", Level::Shape),
        ("the same but for the batch", Level::Network),
        ("the same kind", Level::Kind),
        ("the same device", Level::Device),
    ];
    levels.iter().map(|&(name, level)| line(name, jobs, level)).collect()
}

/// How far estimates are off of jobs of which others share this level, made without the job itself and without those
/// that share more with it.
fn line(name: &str, jobs: &[Measured], level: Level) -> String {
    let (mut errors, mut within, mut ranges, mut biases, mut expected, mut took) =
        (vec![], 0, vec![], vec![], 0.0, 0.0);
    for (index, job) in jobs.iter().enumerate() {
        let common = |other: &Measured| other.likeness.with(&job.likeness);
        let others = || jobs.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
        if others().all(|other| common(other) != level) {
            continue;
        }
        let durations = Durations::learn(others().filter(|other| common(other) >= level).map(sample));
        let Some(estimate) = durations.of(&job.job, job.parent.as_ref(), job.threads, &job.device) else { continue };
        errors.push((estimate.seconds / job.seconds).ln().abs());
        biases.push((estimate.seconds / job.seconds).ln());
        within += usize::from((estimate.low..=estimate.high).contains(&job.seconds));
        ranges.push((estimate.high / estimate.low).sqrt().ln());
        expected += estimate.seconds;
        took += job.seconds;
    }
    let count = errors.len();
    if count == 0 {
        return format!("  {name:<26} {count:>6}\n");
    }
    format!(
        "  {name:<26} {count:>6} {:>9} {:>9} {:>7.0} % {:>9}  {:>8.2} {:>10.2}\n",
        factor(quantile(&mut errors, 0.5)),
        factor(quantile(&mut errors, 0.9)),
        100.0 * within as f64 / count as f64,
        factor(quantile(&mut ranges, 0.5)),
        quantile(&mut biases, 0.5).exp(),
        expected / took
    )
}

fn sample(measured: &Measured) -> Sample<'_> {
    let Measured { job, parent, seconds, threads, device, .. } = measured;
    Sample { job, parent: parent.as_ref(), seconds: *seconds, threads: *threads, device }
}

fn factor(logarithm: f64) -> String {
    format!("×/÷ {:.2}", logarithm.exp())
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
