//! What a job costs besides its work: jobs that initialize a tiny network or look at ten images with it, through the real
//! program, beside bare starts of the same program, as many at a time.
//!
//! `cargo bench --bench overhead`

use std::{
    error::Error,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

/// Jobs of a run, half of which initialize and half of which evaluate.
const JOBS: usize = 1000;
/// Jobs at a time.
const SLOTS: usize = 2;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    match measure() {
        Ok(text) => print!("{text}"),
        Err(problem) => eprintln!("{problem}"),
    }
}

fn measure() -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    // A run that finds nothing to do shows what reading, planning and tables take; the rest is the jobs'.
    for (place, folder) in
        [("in memory", tempfile::tempdir_in("/dev/shm")), ("on disk", tempfile::tempdir_in("target"))]
    {
        let folder = folder?;
        std::fs::write(folder.path().join("bench.ron"), sweep())?;
        let bare = bare_starts(folder.path())?;
        let run = seconds(&["run", "bench.ron", "--quiet", "--jobs", &SLOTS.to_string()], folder.path())?;
        let again = seconds(&["run", "bench.ron", "--quiet"], folder.path())?;
        let each = |all: f64| 1e3 * all / JOBS as f64;
        out += &format!("{JOBS} jobs, {SLOTS} at a time, {place}\n");
        out += &format!("bare start of the program  {:>6.2} ms each\n", each(bare));
        out += &format!("a job of a run             {:>6.2} ms each\n", each(run - again));
        out += &format!("ratio                      {:>6.2}\n", (run - again) / bare);
    }
    Ok(out)
}

/// Encoders that nobody trains, each with one evaluation.
fn sweep() -> String {
    let seeds = (0..JOBS / 2).map(|seed| seed.to_string()).collect::<Vec<_>>().join(", ");
    format!(
        r#"(
    title: "Overhead",
    base: (
        data: (source: Shapes, train_images: 10, test_images: 10),
        augmentation: (both: []),
        encoder: (architecture: ResNet8, width: 0.25, stem: Cifar, zero_init_residual: true),
        head: (kind: Nonlinear, dimension: 8, batch_norm: true),
        objective: Untrained,
        optimizer: (algorithm: Sgd(nesterov: false), learning_rate: Fixed(0.1), momentum: 0.9, weight_decay: 0.0),
        schedule: (epochs: 1, batch_size: 10, warmup_epochs: 0, decay: Cosine),
        evaluation: (
            protocol: NearestNeighbors(neighbors: 1),
            epochs: 1, batch_size: 10, learning_rate: 1.0, momentum: 0.9, weight_decay: 0.0,
        ),
    ),
    axes: [(name: "objective", values: {{ "untrained": () }})],
    seeds: [{seeds}],
    evaluations: {{ "neighbors": () }},
    tables: [(
        name: "t", title: "T", rows: ["objective"], columns: [], metrics: [(metric: Top1, evaluation: "neighbors")],
    )],
)"#
    )
}

/// Starts the program as often as there are jobs, `SLOTS` at a time, to do nothing.
fn bare_starts(folder: &Path) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut running: Vec<Child> = Vec::new();
    for _ in 0..JOBS {
        if running.len() == SLOTS {
            running.remove(0).wait()?;
        }
        running.push(command(&["--version"], folder).spawn()?);
    }
    running.into_iter().try_for_each(|mut child| child.wait().map(drop))?;
    Ok(start.elapsed().as_secs_f64())
}

fn seconds(arguments: &[&str], folder: &Path) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let status = command(arguments, folder).status()?;
    let seconds = start.elapsed().as_secs_f64();
    if status.success() { Ok(seconds) } else { Err(format!("ablate {} fails", arguments.join(" ")).into()) }
}

fn command(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ablate"));
    command.args(arguments).current_dir(folder).stdout(Stdio::null());
    command
}
