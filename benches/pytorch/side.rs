//! The processes that take turns, as the one that asks them sees them.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use ablate::recipe::Precision;
use clap::ValueEnum;

use super::{
    KEEP_FREED, Options,
    case::{self, Case, Place},
};

/// What one side says of a turn.
struct Turn {
    /// Of a step.
    seconds: f64,
    /// Of the last step.
    loss: f64,
    /// Most bytes of tensors so far; not a number if it is not known.
    tensors: f64,
    /// Most bytes that the process held so far: main memory, or the GPU's.
    held: f64,
}

/// A process that trains when it is asked to.
pub struct Side {
    pub name: &'static str,
    /// Whether it is ablate.
    pub is_own: bool,
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    turns: Vec<Turn>,
}

impl Side {
    fn start(name: &'static str, is_own: bool, command: &mut Command) -> Result<Self, String> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        let (Some(asks), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("{name} has no pipes"));
        };
        Ok(Self { name, is_own, process, asks, answers: BufReader::new(answers), turns: vec![] })
    }

    /// Sends a line; the numbers of the answer.
    fn ask(&mut self, line: &str) -> Result<Vec<f64>, String> {
        let mut answer = String::new();
        writeln!(self.asks, "{line}").map_err(|error| format!("{} went away: {error}", self.name))?;
        self.answers.read_line(&mut answer).map_err(|error| format!("{} went away: {error}", self.name))?;
        let numbers: Result<Vec<f64>, _> = answer.split_whitespace().map(str::parse).collect();
        numbers.map_err(|_| format!("{} answered {answer:?}", self.name))
    }

    /// Has it train.
    pub fn turn(&mut self, turn: usize, place: Place) -> Result<(), String> {
        let (untimed, steps) = if turn == 0 { (0, 1) } else { (place.untimed(), place.steps()) };
        match self.ask(&format!("{untimed} {steps}"))?.as_slice() {
            &[seconds, loss, tensors, held] => {
                self.turns.push(Turn { seconds: seconds / steps as f64, loss, tensors, held });
                Ok(())
            }
            answer => Err(format!("{} ended, or answered {answer:?}", self.name)),
        }
    }

    /// Operations per second of a large matrix product; only PyTorch's sides answer.
    pub fn ceiling(&mut self) -> Result<f64, String> {
        match self.ask("ceiling")?.as_slice() {
            &[found] => Ok(found),
            answer => Err(format!("{} ended, or answered {answer:?}", self.name)),
        }
    }

    /// Median seconds of a step.
    pub fn seconds(&self) -> f64 {
        let mut all: Vec<f64> = self.turns.iter().skip(1).map(|turn| turn.seconds).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Seconds of a step in the fastest turn.
    pub fn fastest(&self) -> f64 {
        self.turns.iter().map(|turn| turn.seconds).fold(f64::INFINITY, f64::min)
    }

    /// Seconds of the first step, for which kernels are compiled and chosen.
    pub fn first(&self) -> f64 {
        self.turns.first().map_or(f64::NAN, |turn| turn.seconds)
    }

    pub fn tensors(&self) -> f64 {
        self.turns.iter().map(|turn| turn.tensors).fold(f64::NAN, f64::max)
    }

    pub fn held(&self) -> f64 {
        self.turns.iter().map(|turn| turn.held).fold(f64::NAN, f64::max)
    }

    /// The losses of the first and the last step.
    pub fn losses(&self) -> String {
        let [first, last] = [self.turns.first(), self.turns.last()].map(|turn| turn.map_or(f64::NAN, |turn| turn.loss));
        format!("{first:.5}, {last:.5}")
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // Nothing is lost if it is gone already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Starts all sides of a case, ablate first.
pub fn start(options: &Options, case: &Case, precision: Precision, folder: &Path) -> Result<Vec<Side>, String> {
    let this = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let device = options.device.to_possible_value().ok_or("a device without a name")?;
    let mut own = Command::new(this);
    own.args(["--side", "--cases", case.name, "--device", device.get_name()]);
    own.args(["--precision", case::name(precision)]).env(KEEP_FREED, "-1");
    if let Some(kernels) = &options.kernels {
        own.arg("--kernels").arg(kernels);
    }
    let mut sides = vec![Side::start("ablate", true, &mut own)?];
    if let Some(python) = &options.python {
        let ways = match options.device {
            Place::Cpu => [("PyTorch, channels last", "channels_last"), ("PyTorch, NCHW", "contiguous")],
            Place::Cuda | Place::Rehearsal => {
                [("PyTorch, channels last", "channels_last"), ("torch.compile, channels last", "compiled")]
            }
        };
        for (name, way) in ways {
            sides.push(Side::start(name, false, Command::new(python).arg(&options.script).arg(folder).arg(way))?);
        }
    }
    Ok(sides)
}
