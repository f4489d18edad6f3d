//! A training step beside PyTorch's: forward, NT-Xent, backward and SGD, float32, from the same weights on the same views.
//!
//! `ABLATE_PYTHON=/tmp/venv/bin/python cargo bench --bench pytorch`, where that Python has torch. Each side is a process
//! of its own; they take turns, and while one works the others wait. Without `ABLATE_PYTHON`, ablate alone is timed.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ablate::{
    recipe::{Algorithm, Architecture, Contrastive, Encoder, Loss, Negatives, Precision, ProjectionHead, Stem},
    train::{
        device::{Cpu, Device, TrainCpu},
        model::{self, Mode, ResNet},
        objective::contrastive,
        optimizer::{Optimizer, Rule, gradients},
    },
};
use burn::{
    module::Module,
    tensor::{Tensor, TensorData},
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As `run` starts jobs: the allocator keeps what a step has freed for the next.
const KEEP_FREED: &str = "MIMALLOC_PURGE_DELAY";

/// Steps of a turn, and turns; the first turn is one step and warms up, the median of the others counts.
const STEPS: usize = 3;
const TURNS: usize = 8;
/// Images are so high and wide.
const SIZE: usize = 32;
const DIMENSION: usize = 64;
const TEMPERATURE: f64 = 0.5;
const LEARNING_RATE: f64 = 0.001;
const MOMENTUM: f64 = 0.9;
const WEIGHT_DECAY: f64 = 1e-4;

/// Networks, and views of a step.
const CASES: [(Architecture, usize); 2] = [(Architecture::ResNet20, 256), (Architecture::ResNet18, 128)];

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    let outcome = match env::args().nth(1).filter(|argument| argument == "--side") {
        Some(_) => own_side(Path::new(&env::args().nth(2).unwrap_or_default())),
        None => CASES.into_iter().try_for_each(|(architecture, views)| {
            for line in compare(architecture, views)? {
                println!("{line}");
            }
            Ok(())
        }),
    };
    if let Err(problem) = outcome {
        eprintln!("{problem}");
    }
}

/// Encoder and head, trained together.
#[derive(Module, Debug)]
struct Network<B: ablate::train::ops::Ops> {
    encoder: ResNet<B>,
    head: model::ProjectionHead<B>,
}

impl Network<TrainCpu> {
    fn new(architecture: Architecture) -> Self {
        let encoder = encoder(architecture);
        let head = ProjectionHead { hidden_layers: 1, dimension: DIMENSION, batch_norm: true };
        Self {
            encoder: ResNet::new(&encoder, 0, &Device::default()),
            head: model::ProjectionHead::new(
                Some(&head),
                encoder.dimension(),
                Precision::Float32,
                0,
                &Device::default(),
            ),
        }
    }
}

fn encoder(architecture: Architecture) -> Encoder {
    let (stem, precision) = (Stem::Cifar, Precision::Float32);
    Encoder { architecture, width: 1.0, stem, zero_init_residual: false, input_normalization: None, precision }
}

/// Views with values in [0, 1].
fn pixels(views: usize) -> Vec<f32> {
    (0..views * SIZE * SIZE * 3).map(|index| ((index as f32 * 0.61).sin() + 1.0) / 2.0).collect()
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What one side says of a turn: seconds of a step, the last loss, and the largest resident set so far in bytes.
struct Turn {
    seconds: f64,
    loss: f64,
    peak: f64,
}

/// A process that trains when it is asked to.
struct Side {
    name: &'static str,
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    turns: Vec<Turn>,
}

impl Side {
    fn start(name: &'static str, command: &mut Command) -> Result<Self, String> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        let (Some(asks), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("{name} has no pipes"));
        };
        Ok(Self { name, process, asks, answers: BufReader::new(answers), turns: vec![] })
    }

    fn turn(&mut self) -> Result<(), String> {
        let mut line = String::new();
        let steps = if self.turns.is_empty() { 1 } else { STEPS };
        writeln!(self.asks, "{steps}").map_err(|error| format!("{} went away: {error}", self.name))?;
        self.answers.read_line(&mut line).map_err(|error| format!("{} went away: {error}", self.name))?;
        let numbers: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        let Ok([seconds, loss, peak]) = numbers.as_deref() else {
            return Err(format!("{} answered {line:?}", self.name));
        };
        self.turns.push(Turn { seconds: seconds / steps as f64, loss: *loss, peak: *peak });
        Ok(())
    }

    /// Median seconds of a step.
    fn seconds(&self) -> f64 {
        let mut all: Vec<f64> = self.turns.iter().skip(1).map(|turn| turn.seconds).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // Nothing is lost if it is gone already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Times one network on all sides; the lines of its table.
fn compare(architecture: Architecture, views: usize) -> Result<Vec<String>, String> {
    let folder = env::temp_dir().join(format!("ablate-bench-{}", std::process::id()));
    let written = write_case(architecture, views, &folder);
    let sides = written.and_then(|()| {
        let mut sides = sides(&folder)?;
        for _ in 0..TURNS {
            for side in &mut sides {
                // OpenMP's threads spin for a while before they sleep.
                thread::sleep(Duration::from_millis(500));
                side.turn()?;
            }
        }
        Ok(sides)
    });
    _ = fs::remove_dir_all(&folder);
    let sides = sides?;
    let own = sides.first().map_or(f64::NAN, Side::seconds);
    let title = format!("{architecture:?}, {views} views of {SIZE} px, {} threads", threads());
    let lines = sides.iter().map(|side| {
        let [first, last] = [side.turns.first(), side.turns.last()].map(|turn| turn.map_or(f64::NAN, |turn| turn.loss));
        let fastest = side.turns.iter().map(|turn| turn.seconds).fold(f64::INFINITY, f64::min);
        format!(
            "  {:<24} {:>7.1} ms a step (fastest {:>7.1}), ratio {:.2}, peak {:>5.0} MB, losses {first:.5} … {last:.5}",
            side.name,
            1e3 * side.seconds(),
            1e3 * fastest,
            side.seconds() / own,
            side.turns.last().map_or(f64::NAN, |turn| turn.peak) / 1e6,
        )
    });
    Ok([title].into_iter().chain(lines).collect())
}

/// What all sides read.
fn write_case(architecture: Architecture, views: usize, folder: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("cannot write {}: {error}", folder.display());
    let (encoder, network) = (encoder(architecture), Network::new(architecture));
    let mut weights = model::tensors(&network.encoder, "");
    weights.extend(model::tensors(&network.head, "projection."));
    let bytes: Vec<u8> = pixels(views).iter().flat_map(|value| value.to_le_bytes()).collect();
    let case = format!(
        r#"{{"architecture": "{architecture:?}", "views": {views}, "channels": {:?}, "blocks": {:?}, "size": {SIZE},
        "dimension": {DIMENSION}, "temperature": {TEMPERATURE}, "learning_rate": {LEARNING_RATE},
        "momentum": {MOMENTUM}, "weight_decay": {WEIGHT_DECAY}, "threads": {}}}"#,
        encoder.stage_channels(),
        architecture.blocks(),
        threads(),
    );
    fs::create_dir_all(folder).map_err(told)?;
    fs::write(folder.join("weights.safetensors"), model::encode(&weights).map_err(|error| error.to_string())?)
        .map_err(told)?;
    fs::write(folder.join("views.f32"), bytes).map_err(told)?;
    fs::write(folder.join("case.json"), case).map_err(told)
}

fn sides(folder: &Path) -> Result<Vec<Side>, String> {
    let this = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut sides = vec![Side::start("ablate", Command::new(this).arg("--side").arg(folder).env(KEEP_FREED, "-1"))?];
    if let Some(python) = env::var_os("ABLATE_PYTHON") {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pytorch.py");
        for (name, layout) in [("PyTorch, channels last", "channels_last"), ("PyTorch, NCHW", "contiguous")] {
            sides.push(Side::start(name, Command::new(&python).arg(script).arg(folder).arg(layout))?);
        }
    }
    Ok(sides)
}

/// Ablate's side: trains as many steps as each line asks for.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
fn own_side(folder: &Path) -> Result<(), String> {
    let case = fs::read_to_string(folder.join("case.json")).map_err(|error| format!("no case: {error}"))?;
    let Some((architecture, views)) =
        CASES.into_iter().find(|(architecture, _)| case.contains(&format!("{architecture:?}")))
    else {
        return Err(format!("an unknown case: {case}"));
    };
    // As in a job, whose main thread works along.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads());
    let pool = if threads() > 1 { pool.use_current_thread() } else { pool };
    pool.build_global().map_err(|error| format!("cannot start threads: {error}"))?;
    let mut network = Network::new(architecture);
    let algorithm = Algorithm::Sgd { nesterov: false };
    let mut optimizer = Optimizer::new(Rule { algorithm, momentum: MOMENTUM, weight_decay: WEIGHT_DECAY });
    let objective = Contrastive {
        loss: Loss::NtXent { temperature: TEMPERATURE },
        normalize: true,
        negatives: Negatives::BothViews,
    };
    let pixels = pixels(views);
    for line in std::io::stdin().lines() {
        let steps: usize = line.ok().and_then(|line| line.parse().ok()).ok_or("a turn has no number of steps")?;
        let start = Instant::now();
        let mut loss = f64::NAN;
        for _ in 0..steps {
            (network, loss) = step(network, &mut optimizer, &objective, &pixels);
        }
        println!("{} {loss} {}", start.elapsed().as_secs_f64(), peak());
    }
    Ok(())
}

/// As `train::pretrain` does it.
fn step(
    mut network: Network<TrainCpu>,
    optimizer: &mut Optimizer<Cpu>,
    objective: &Contrastive,
    pixels: &[f32],
) -> (Network<TrainCpu>, f64) {
    let shape = [pixels.len() / (SIZE * SIZE * 3), SIZE, SIZE, 3];
    let device = Device::default();
    let views = Tensor::from_data(TensorData::new(pixels.to_vec(), shape), &device);
    let h = network.encoder.forward(views, Mode::Train);
    let z = network.head.forward(h, Mode::Train);
    let values: Vec<f32> = z.clone().inner().into_data().iter::<f32>().collect();
    let batch = contrastive(objective, &values, DIMENSION);
    let pull = Tensor::from_data(TensorData::new(batch.gradient, z.dims()), &device);
    let gradients = gradients(&network, &(z * pull).sum());
    (optimizer.step(LEARNING_RATE, network, gradients), batch.loss)
}

/// Largest resident set of this process in bytes, where the kernel tells.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    1024 * kilobytes.unwrap_or_default()
}
