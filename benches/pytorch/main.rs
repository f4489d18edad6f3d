//! A training step beside PyTorch's: forward, NT-Xent, backward and SGD, from the same weights on the same views.
//!
//! `ABLATE_PYTHON=/tmp/venv/bin/python cargo bench --bench pytorch`, where that Python has torch. Each side is a process
//! of its own; they take turns, and while one works the others wait. Without `ABLATE_PYTHON`, ablate alone is timed.
//!
//! `cargo bench --features cuda --bench pytorch -- --device cuda` does so on a GPU, `--device rehearsal` does on the
//! processor, with a network that is tiny, all that is done there.

mod case;
mod own;
mod side;

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use ablate::recipe::Precision;
use clap::Parser;

use self::{
    case::{CASES, Case, Place, Way},
    side::Side,
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As `run` starts jobs: the allocator keeps what a step has freed for the next.
const KEEP_FREED: &str = "MIMALLOC_PURGE_DELAY";

const HEADER: &str = "\
| step | | a step (fastest) | images/s | of ablate's | share of the ceiling | first step | tensors at most | \
memory held | loss of the first and last step |
|---|---|---|---|---|---|---|---|---|---|";

/// A training step beside PyTorch's.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// What is computed on
    #[arg(long, value_enum, default_value = "cpu")]
    device: Place,
    /// Which steps [default: all of the device]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    cases: Vec<String>,
    /// What is computed with: float32, bfloat16 [default: float32, and on GPUs bfloat16 before it]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = precision)]
    precision: Vec<Precision>,
    /// Python with torch [default: ablate alone is timed]
    #[arg(long, value_name = "FILE", env = "ABLATE_PYTHON")]
    python: Option<OsString>,
    /// PyTorch's side
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pytorch/pytorch.py"))]
    script: PathBuf,
    /// Where kernels that were compiled for a GPU are kept and looked for [default: nowhere]
    #[arg(long, value_name = "DIR")]
    kernels: Option<PathBuf>,
    /// How PyTorch computes [default: channels-last and contiguous; on GPUs, channels-last and compiled]
    #[arg(long, value_enum, value_name = "NAME", value_delimiter = ',')]
    ways: Vec<Way>,
    /// Seconds after which a case gets no further turns, once there were two, and sides that have not answered are left
    /// out [default: all turns]
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Be ablate's side
    #[arg(long, hide = true)]
    side: bool,
    /// What `cargo bench` says
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// How PyTorch computes, one side for each.
    fn ways(&self) -> Vec<Way> {
        match (self.ways.as_slice(), self.device) {
            ([], Place::Cpu) => vec![Way::ChannelsLast, Way::Contiguous],
            ([], Place::Cuda | Place::Rehearsal) => vec![Way::ChannelsLast, Way::Compiled],
            (chosen, _) => chosen.to_vec(),
        }
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() -> ExitCode {
    let options = Options::parse();
    let chosen = match chosen(&options) {
        Ok(chosen) => chosen,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    if let (true, Some((case, precision))) = (options.side, chosen.first()) {
        if let Err(problem) = own::serve(options.device, case, *precision, options.kernels.as_deref()) {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
        return ExitCode::SUCCESS;
    }
    println!("{HEADER}");
    let mut sound = true;
    for (case, precision) in chosen {
        match compare(&options, case, precision) {
            Ok((rows, problems)) => {
                rows.iter().for_each(|row| println!("{row}"));
                problems.iter().for_each(|problem| eprintln!("{}: {problem}", case.name));
                sound &= problems.is_empty();
            }
            Err(problem) => {
                eprintln!("{}: {problem}", case.name);
                sound = false;
            }
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn precision(text: &str) -> Result<Precision, String> {
    match text {
        "float32" => Ok(Precision::Float32),
        "bfloat16" => Ok(Precision::BFloat16),
        _ => Err("write float32 or bfloat16".to_owned()),
    }
}

/// The cases to time, each in its precisions.
fn chosen(options: &Options) -> Result<Vec<(&'static Case, Precision)>, String> {
    let mut cases: Vec<&Case> = CASES.iter().filter(|case| case.place == options.device).collect();
    if !options.cases.is_empty() {
        let known: Vec<&str> = cases.iter().map(|case| case.name).collect();
        if let Some(name) = options.cases.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("no case {name} on this device: there are {}", known.join(", ")));
        }
        cases.retain(|case| options.cases.iter().any(|name| name == case.name));
    }
    let precisions = match (options.precision.as_slice(), options.device) {
        ([], Place::Cpu) => vec![Precision::Float32],
        ([], Place::Cuda | Place::Rehearsal) => vec![Precision::BFloat16, Precision::Float32],
        (chosen, _) => chosen.to_vec(),
    };
    Ok(cases.iter().flat_map(|&case| precisions.iter().map(move |&precision| (case, precision))).collect())
}

/// Times a step on all sides: the rows of its table, and what went wrong on sides that then are not in it.
fn compare(options: &Options, case: &Case, precision: Precision) -> Result<(Vec<String>, Vec<String>), String> {
    let folder = env::temp_dir().join(format!("ablate-bench-{}", std::process::id()));
    let written = case.write(precision, options.device, &folder);
    let measured = written.and_then(|()| take_turns(options, case, precision, &folder));
    if let Err(error) = fs::remove_dir_all(&folder) {
        return Err(format!("cannot remove {}: {error}", folder.display()));
    }
    let (sides, ceiling, problems) = measured?;
    let own = sides.iter().find(|side| side.is_own).map(Side::seconds);
    let work = case.operations(precision);
    let rows = sides.iter().map(|side| {
        let share = ceiling.map(|ceiling| 100.0 * work / side.seconds() / ceiling);
        let cells = [
            format!("{}, {}", case.title(), case::name(precision)),
            side.name.to_owned(),
            format!("{:.1} ms ({:.1})", 1e3 * side.seconds(), 1e3 * side.fastest()),
            format!("{:.0}", case.views as f64 / 2.0 / side.seconds()),
            own.filter(|_| !side.is_own).map_or_else(String::new, |own| format!("{:.2}", side.seconds() / own)),
            share.map_or_else(String::new, |share| format!("{share:.1} %")),
            format!("{:.1} s", side.first()),
            megabytes(side.tensors()),
            megabytes(side.held()),
            side.losses(),
        ];
        format!("| {} |", cells.join(" | "))
    });
    let mut rows: Vec<String> = rows.collect();
    if let Some(ceiling) = ceiling {
        let title = format!("{}, {}", case.title(), case::name(precision));
        let (work, ceiling) = (1e-9 * work, 1e-12 * ceiling);
        rows.push(format!(
            "| {title} | {work:.1} GFLOP a step; ceiling {ceiling:.2} TFLOP/s, a large product by torch | | | | | | | | |"
        ));
    }
    Ok((rows, problems))
}

fn megabytes(bytes: f64) -> String {
    if bytes.is_finite() { format!("{:.0} MB", 1e-6 * bytes) } else { String::new() }
}

/// Sides that worked to the end, operations per second that torch reaches at most, and what failed.
type Measured = (Vec<Side>, Option<f64>, Vec<String>);

fn take_turns(options: &Options, case: &Case, precision: Precision, folder: &Path) -> Result<Measured, String> {
    let until = options.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut sides = side::start(options, case, precision, folder)?;
    let (mut ceiling, mut problems) = (None, Vec::new());
    for turn in 0..options.device.turns() {
        if turn > 1 && until.is_some_and(|until| Instant::now() > until) {
            break;
        }
        sides.retain_mut(|side| {
            // OpenMP's threads spin for a while before they sleep.
            if options.device != Place::Cuda {
                thread::sleep(Duration::from_millis(500));
            }
            let told = side.turn(turn, options.device, until).map_err(|problem| problems.push(problem));
            told.is_ok()
        });
    }
    if options.device != Place::Cpu
        && let Some(side) = sides.iter_mut().find(|side| !side.is_own)
    {
        match side.ceiling(until) {
            Ok(found) => ceiling = Some(found),
            Err(problem) => problems.push(problem),
        }
    }
    if sides.is_empty() { Err(problems.join("; ")) } else { Ok((sides, ceiling, problems)) }
}
