//! Commands on a store of 100,000 finished jobs, and the rendering of a table from 10,000 records. The store lies in
//! memory where the system offers that, so that its files are read as from a warm page cache.
//!
//! `cargo bench --bench store`

use std::{
    collections::BTreeMap,
    error::Error,
    hint::black_box,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use ablate::{
    plan::{JobId, Plan},
    recipe::Metric,
    report::{self, DoneView, JobView, Table},
    store::{CodeVersion, Entry, Holder, JobEvent, Record, Store},
    sweep,
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The fastest of so many times counts.
const ROUNDS: usize = 5;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    match commands().and_then(|lines| Ok(lines + &renderings()?)) {
        Ok(text) => print!("{text}"),
        Err(problem) => eprintln!("{problem}"),
    }
}

/// Times the program itself on a finished store: 25,000 trials with three evaluations each.
fn commands() -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    let (file, root) = (folder.path().join("bench.ron"), folder.path().join("results"));
    let text = text([50, 50, 10], 3);
    std::fs::write(&file, &text)?;
    let plan = Plan::new(&[sweep::parse("bench.ron", &text)?]);
    finish(&plan, &root)?;
    let mut out = format!("a finished store of {} jobs, best of {ROUNDS}\n", plan.len());
    let commands: [&[&str]; 7] = [
        &["check"],
        &["plan"],
        &["status"],
        &["table"],
        &["table", "--format", "tidy"],
        &["export", "--out", "out"],
        &["run", "--quiet"],
    ];
    for arguments in commands {
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let mut command = Command::new(env!("CARGO_BIN_EXE_ablate"));
            command.args(arguments).arg(&file).current_dir(folder.path()).stdout(Stdio::null());
            if arguments[0] != "check" {
                command.arg("--store").arg(&root);
            }
            let start = Instant::now();
            if !command.status()?.success() {
                return Err(format!("ablate {} fails", arguments.join(" ")).into());
            }
            best = best.min(start.elapsed().as_secs_f64());
        }
        out += &format!("{:<24} {best:>6.2} s\n", arguments.join(" "));
    }
    Ok(out)
}

/// Times the formats of a table of 5,000 cells; a pretraining and an evaluation stand behind each.
fn renderings() -> Result<String, Box<dyn Error>> {
    let sweep = sweep::parse("bench.ron", &text([50, 10, 10], 1))?;
    let plan = Plan::new(std::slice::from_ref(&sweep));
    let views: BTreeMap<JobId, JobView> =
        plan.jobs().map(|job| (job.id, done(&record(job.id, job.spec.kind())))).collect();
    let view = |id: JobId| views.get(&id).cloned().unwrap_or(JobView::Missing);
    let log = |_: JobId| Some("results/jobs/0/log.txt".to_owned());
    let new = || Table::new(&sweep, 0, &plan, &sweep.tables[0], &view);
    let tables = [new()];
    let table = &tables[0];
    let formats: [(&str, &dyn Fn() -> String); 8] = [
        ("the table itself", &|| new().name),
        ("terminal", &|| report::terminal(table, 120, true)),
        ("Markdown", &|| report::markdown(table)),
        ("LaTeX", &|| report::latex(table)),
        ("CSV", &|| report::table_csv(table)),
        ("tidy CSV", &|| report::tidy_csv("bench", &sweep, 0, &plan, &view)),
        ("SVG", &|| report::figure(&sweep, table).unwrap_or_default()),
        ("HTML", &|| report::html(&sweep, 0, &plan, &tables, &[], &view, &log)),
    ];
    let mut out = format!("a table from {} records, best of {ROUNDS}\n", plan.len());
    for (name, render) in formats {
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            black_box(render());
            best = best.min(start.elapsed().as_secs_f64());
        }
        out += &format!("{name:<24} {:>6.1} ms\n", 1e3 * best);
    }
    Ok(out)
}

/// Fills a store as if every job of the plan had run.
fn finish(plan: &Plan, root: &Path) -> Result<(), Box<dyn Error>> {
    let store = Store::create(root)?;
    let lock = store.lock(&Holder { pid: 1, host: "node7".into(), started_unix: 1_700_000_000 })?;
    let (_, mut journal) = store.journal(lock)?;
    let mut entries = Vec::new();
    for job in plan.jobs() {
        let record = store.publish(record(job.id, job.spec.kind()), None)?;
        let started = JobEvent::Started { attempt: 1, pid: Some(4242), slot: 0, memory: 0, cuts: 0, together: 1 };
        for event in [started, JobEvent::Succeeded { record: record.into() }] {
            entries.push(Entry { time_unix_ms: 1_700_000_000_000, job: job.id, event });
        }
    }
    Ok(journal.append(&entries)?)
}

/// A record as jobs write it.
fn record(job: JobId, kind: &str) -> Record {
    let metrics = if kind == "pretrain" {
        vec![(Metric::Loss, 5.123456), (Metric::ContrastiveAccuracy, 54.25), (Metric::ContrastiveEntropy, 2.5)]
    } else {
        vec![(Metric::Top1, 64.125), (Metric::Top5, 91.5), (Metric::MeanPerClass, 63.75), (Metric::TrainTop1, 70.0625)]
    };
    Record {
        job,
        kind: kind.into(),
        seed: 0,
        metrics: metrics.into_iter().collect(),
        protocol:
            "linear classifier on h, 90 epochs, batch 250, SGD with Nesterov momentum 0.9, cosine learning rate 0.1, \
                   center crops; accuracy on the 500 test images after the last epoch"
                .into(),
        remarks: vec![],
        data: "shapes 1000+500 blake3 4f1e5b0e93c4f64c8b5be1b0dd5f7f7e".into(),
        device: "AMD EPYC 9B14".into(),
        backend: "burn-flex 0.21.0".into(),
        threads: 2,
        host: "node7".into(),
        code: CodeVersion {
            version: "0.1.0".into(),
            commit: Some("842f7486a1b5e7f3f4c3c7c9d0a1b2c3d4e5f607".into()),
            dirty: false,
            patch: None,
        },
        started_unix: 1_700_000_000,
        wall_seconds: 123.456,
        images_per_second: 1234.5,
        micro_batch: None,
        peak_memory: Some(500_000_000),
        submission: None,
        checkpoint: None,
    }
}

/// The record as reports see it.
fn done(record: &Record) -> JobView {
    let view = DoneView {
        metrics: record.metrics.clone(),
        protocol: record.protocol.clone(),
        data: record.data.clone(),
        code: format!("ablate {}", record.code.version),
        commit: record.code.commit.clone().unwrap_or_default(),
        device: record.device.clone(),
        backend: "burn-flex".to_owned(),
        wall_seconds: record.wall_seconds,
        images_per_second: record.images_per_second,
        started_unix: record.started_unix,
        threads: record.threads,
        host: record.host.clone(),
        checkpoint: record.checkpoint.clone(),
        remarks: record.remarks.clone(),
    };
    JobView::Done(view.into())
}

/// A sweep file over three axes that rules generate, none of whose jobs are equal.
fn text([temperatures, rates, decays]: [usize; 3], evaluations: usize) -> String {
    let example = include_str!("../src/sweep/example.ron");
    let base = example.split_once("    axes:").map_or(example, |(base, _)| base);
    let evaluations: String =
        (0..evaluations).map(|index| format!("\"{index}\": (epochs: {}), ", 10 + index)).collect();
    format!(
        "{base}
    axes: [
        (name: \"temperature\", values: Range(from: 1, to: {temperatures}, step: 1), change: (objective: NtXent(temperature: x))),
        (name: \"learning rate\", values: Log(from: 0.1, to: 1, count: {rates}), change: (optimizer: (learning_rate: LinearScaling(x)))),
        (name: \"weight decay\", values: Log(from: 1e-6, to: 1e-3, count: {decays}), change: (optimizer: (weight_decay: x))),
    ],
    seeds: [0],
    evaluations: {{ {evaluations} }},
    tables: [(
        name: \"all\",
        title: \"Everything\",
        rows: [\"temperature\"],
        columns: [\"learning rate\", \"weight decay\"],
        metrics: [(metric: Top1, evaluation: \"0\")],
        figure: HeatMap,
    )],
)
"
    )
}
