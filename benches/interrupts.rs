//! What interruptions cost: a sweep that is stopped or killed again and again, beside the same sweep left alone.
//!
//! `cargo bench --bench interrupts`

use std::{
    error::Error,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Times between interruptions, in milliseconds, as if at random: those of a linear congruential generator.
fn pauses(mut state: u64) -> impl Iterator<Item = Duration> {
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(3_000 + (state >> 33) % 6_000)
    })
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    match measure() {
        Ok(text) => print!("{text}"),
        Err(problem) => eprintln!("{problem}"),
    }
}

fn measure() -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    let (calm, table) = {
        let folder = tempfile::tempdir()?;
        let (seconds, _, table) = run(folder.path(), None)?;
        (seconds, table)
    };
    out += &format!("left alone                         {calm:>6.1} s\n");
    for (what, signal) in [("stopped (SIGINT)", Signal::INT), ("killed (SIGKILL)", Signal::KILL)] {
        let folder = tempfile::tempdir()?;
        let (seconds, times, same) = run(folder.path(), Some(signal))?;
        if same != table {
            return Err(format!("{what}: the table is another one").into());
        }
        out += &format!("{what} {times:>2} times         {seconds:>6.1} s, {:.3} of that\n", seconds / calm);
    }
    out += "checkpoints every 3 s; the time counts the starts of the program; same tables, byte for byte\n";
    Ok(out)
}

/// Runs the sweep until it is done, and interrupts it by a signal from time to time; returns the seconds, the number of
/// interruptions, and the table.
fn run(folder: &Path, signal: Option<Signal>) -> Result<(f64, usize, String), Box<dyn Error>> {
    fs::write(folder.join("bench.ron"), SWEEP)?;
    let (begin, mut times, mut pauses) = (Instant::now(), 0, pauses(7));
    loop {
        let mut run = Command::new(env!("CARGO_BIN_EXE_ablate"))
            .args(["run", "bench.ron", "--quiet", "--checkpoint-every", "0.05"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let until = signal.and_then(|_| pauses.next()).map(|pause| Instant::now() + pause);
        let ended = loop {
            if let Some(status) = run.try_wait()? {
                break Some(status);
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                break None;
            }
            thread::sleep(Duration::from_millis(5));
        };
        match (ended, signal) {
            (Some(status), _) if status.success() => break,
            (Some(status), _) => return Err(format!("the run ended with {status}").into()),
            (None, Some(signal)) => {
                kill_process(Pid::from_child(&run), signal)?;
                run.wait()?;
                times += 1;
            }
            (None, None) => {}
        }
    }
    let table = fs::read_to_string(folder.join("results/tables/bench/t.csv"))?;
    Ok((begin.elapsed().as_secs_f64(), times, table))
}

const SWEEP: &str = r#"(
    title: "Interrupts",
    base: (
        data: (source: Shapes, train_images: 1000, test_images: 500),
        augmentation: (both: [RandomResizedCrop(area: (0.2, 1.0), aspect: (0.75, 1.3333), interpolation: Bicubic), HorizontalFlip(probability: 0.5)]),
        encoder: (architecture: ResNet8, width: 1.0, stem: Cifar, zero_init_residual: true),
        head: (kind: Nonlinear, dimension: 32, batch_norm: true),
        objective: NtXent(temperature: 0.5),
        optimizer: (algorithm: Sgd(nesterov: false), learning_rate: Fixed(0.1), momentum: 0.9, weight_decay: 0.0),
        schedule: (epochs: 20, batch_size: 100, warmup_epochs: 1, decay: Cosine),
        evaluation: (epochs: 50, batch_size: 100, learning_rate: 1.0, momentum: 0.9, weight_decay: 0.0),
    ),
    axes: [(name: "τ", values: { "0.1": (objective: NtXent(temperature: 0.1)), "0.5": () })],
    seeds: [0, 1, 2],
    evaluations: { "linear": () },
    tables: [(name: "t", title: "T", rows: ["τ"], columns: [], metrics: [(metric: Top1, evaluation: "linear")])],
)"#;
