//! The processes that take turns, as the one that asks them sees them.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use ablate::recipe::Precision;
use clap::ValueEnum;

use super::{
    KEEP_FREED, Options,
    case::{self, Case, Place},
};

/// An answer may take so long even if the time is up.
const PATIENCE: Duration = Duration::from_secs(20);

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
    answers: Receiver<std::io::Result<String>>,
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
        let (sender, receiver) = channel();
        // Ends with the process, or when nobody waits for its answers any more.
        thread::spawn(move || BufReader::new(answers).lines().try_for_each(|line| sender.send(line)));
        Ok(Self { name, is_own, process, asks, answers: receiver, turns: vec![] })
    }

    /// Sends a line; the numbers of the answer, which is waited for until then, if there is a time.
    fn ask(&mut self, line: &str, until: Option<Instant>) -> Result<Vec<f64>, String> {
        let gone = |error: &dyn std::fmt::Display| format!("{} went away: {error}", self.name);
        writeln!(self.asks, "{line}").map_err(|error| gone(&error))?;
        let answer = match until {
            None => self.answers.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => self.answers.recv_timeout(until.saturating_duration_since(Instant::now()).max(PATIENCE)),
        };
        let answer = match answer {
            Ok(line) => line.map_err(|error| gone(&error))?,
            Err(RecvTimeoutError::Timeout) => return Err(format!("{} was too slow and is left out", self.name)),
            Err(RecvTimeoutError::Disconnected) => return Err(gone(&"what it printed last says more")),
        };
        let numbers: Result<Vec<f64>, _> = answer.split_whitespace().map(str::parse).collect();
        numbers.map_err(|_| format!("{} answered {answer:?}", self.name))
    }

    /// Has it train.
    pub fn turn(&mut self, turn: usize, place: Place, until: Option<Instant>) -> Result<(), String> {
        let (untimed, steps) = if turn == 0 { (0, 1) } else { (place.untimed(), place.steps()) };
        match self.ask(&format!("{untimed} {steps}"), until)?.as_slice() {
            &[seconds, loss, tensors, held] => {
                self.turns.push(Turn { seconds: seconds / steps as f64, loss, tensors, held });
                Ok(())
            }
            answer => Err(format!("{} answered {answer:?}", self.name)),
        }
    }

    /// Operations per second of a large matrix product; only PyTorch's sides answer.
    pub fn ceiling(&mut self, until: Option<Instant>) -> Result<f64, String> {
        match self.ask("ceiling", until)?.as_slice() {
            &[found] => Ok(found),
            answer => Err(format!("{} answered {answer:?}", self.name)),
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
        for way in options.ways() {
            let mut command = Command::new(python);
            command.arg(&options.script).arg(folder).arg(way.argument());
            sides.push(Side::start(way.name(), false, &mut command)?);
        }
    }
    Ok(sides)
}
