//! Time and memory of a million jobs: a sweep file of that size is read, expanded, hashed and planned, on one thread.
//! Each shape of sweep has a process of its own, so that the peak of its memory is its own; beside it stands what the
//! bare hashing of as many jobs takes, serde_json and BLAKE3 one after the other.
//!
//! `cargo bench --bench plan`

use std::{fs, hint::black_box, process::Command, time::Instant};

use ablate::{plan::Plan, sweep};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Says which shape a process of its own measures.
const SHAPE: &str = "ABLATE_BENCH_SHAPE";
/// The fastest of so many processes counts.
const ROUNDS: usize = 3;

/// Values on the first axis, and evaluations. A trial has one pretraining and as many jobs more as evaluations.
const SHAPES: [(usize, usize); 2] = [(500, 1), (250, 3)];

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    if let Some((values, evaluations)) = asked() {
        return match measure(values, evaluations) {
            Ok(line) => println!("{line}"),
            Err(problem) => eprintln!("{problem}"),
        };
    }
    println!("one thread; best of {ROUNDS}");
    println!(
        "{:>9} {:>11}  {:>7}  {:>7}  {:>9}  {:>5}  {:>9}  {:>9}",
        "jobs", "evaluations", "read", "plan", "bare hash", "ratio", "peak", "bytes/job"
    );
    for (values, evaluations) in SHAPES {
        let mut lines: Vec<String> = (0..ROUNDS).filter_map(|_| in_process(values, evaluations)).collect();
        lines.sort_by(|a, b| plan_seconds(a).total_cmp(&plan_seconds(b)));
        println!("{}", lines.first().map_or("cannot measure", String::as_str).trim_end());
    }
}

/// The shape that this process is to measure.
fn asked() -> Option<(usize, usize)> {
    let shape = std::env::var(SHAPE).ok()?;
    let (values, evaluations) = shape.split_once(' ')?;
    Some((values.parse().ok()?, evaluations.parse().ok()?))
}

/// What another process measures.
fn in_process(values: usize, evaluations: usize) -> Option<String> {
    let output = Command::new(std::env::current_exe().ok()?)
        .env(SHAPE, format!("{values} {evaluations}"))
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok().filter(|line| !line.is_empty())
}

/// The seconds that a line gives for planning.
fn plan_seconds(line: &str) -> f64 {
    line.split_whitespace().nth(4).and_then(|word| word.parse().ok()).unwrap_or(f64::INFINITY)
}

/// Reads and plans a sweep of `values` × 10 × 10 × 10 trials; one line with all figures.
fn measure(values: usize, evaluations: usize) -> Result<String, String> {
    let text = text(values, evaluations);
    let start = Instant::now();
    let sweep = sweep::parse("bench.ron", &text).map_err(|wrong| wrong.to_string())?;
    let read = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let plan = Plan::new(&[sweep]);
    let planned = start.elapsed().as_secs_f64();
    let peak = peak_bytes().unwrap_or(f64::NAN);
    let start = Instant::now();
    for job in plan.jobs() {
        let json = serde_json::to_vec(&*job.spec).map_err(|error| error.to_string())?;
        black_box(blake3::hash(&json));
    }
    let bare = start.elapsed().as_secs_f64();
    let jobs = plan.len();
    Ok(format!(
        "{jobs:>9} {evaluations:>11}  {read:>5.2} s  {planned:>5.2} s  {bare:>7.2} s  {:>5.2}  {:>6.0} MB  {:>9.0}",
        planned / bare,
        peak / 1e6,
        peak / jobs as f64
    ))
}

/// Largest resident memory of this process so far.
fn peak_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024.0 * line.trim().trim_end_matches(" kB").parse::<f64>().ok()?)
}

/// A sweep file over four axes that rules generate, none of whose jobs are equal.
fn text(values: usize, evaluations: usize) -> String {
    let example = include_str!("../src/sweep/example.ron");
    let base = example.split_once("    axes:").map_or(example, |(base, _)| base);
    let evaluations: String =
        (0..evaluations).map(|index| format!("\"{index}\": (epochs: {}), ", 10 + index)).collect();
    format!(
        "{base}
    axes: [
        (name: \"temperature\", values: Range(from: 1, to: {values}, step: 1), change: (objective: NtXent(temperature: x))),
        (name: \"learning rate\", values: Log(from: 0.1, to: 1, count: 10), change: (optimizer: (learning_rate: LinearScaling(x)))),
        (name: \"weight decay\", values: Log(from: 1e-6, to: 1e-3, count: 10), change: (optimizer: (weight_decay: x))),
        (name: \"epochs\", values: Range(from: 10, to: 100, step: 10), change: (schedule: (epochs: x))),
    ],
    seeds: [0],
    evaluations: {{ {evaluations} }},
    tables: [(
        name: \"all\",
        title: \"Everything\",
        rows: [\"temperature\", \"learning rate\"],
        columns: [\"weight decay\", \"epochs\"],
        metrics: [(metric: Top1, evaluation: \"0\")],
    )],
)
"
    )
}
