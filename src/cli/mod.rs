//! The edge: arguments, wiring, printing, exit codes. The only module that prints.

mod args;
mod bundle;
mod changes;
mod children;
mod choice;
mod cluster;
mod computer;
mod copy;
mod data;
mod diff;
mod display;
mod doctor;
mod durations;
mod epoch_log;
mod error;
mod events;
mod explain;
mod format;
mod gc;
mod inspect;
mod job;
mod lock;
mod logs;
mod machine;
mod needs;
mod nodes;
mod places;
mod prepare;
mod results;
mod room;
mod run;
mod shapes;
mod shell;
mod sweeps;
mod tables;
mod todo;
mod watch;
mod weights;

pub use error::{CliError, ErrorKind};

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser};

use args::{Args, Command};

/// Runs the program with the arguments of the process and returns its exit code: 0 done, 1 something failed, 2 wrong
/// input.
pub fn main() -> ExitCode {
    // clap prints its own messages and exits with 2 for wrong arguments.
    let args = Args::parse();
    match dispatch(&args.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(command: &Command) -> Result<(), CliError> {
    match command {
        Command::New { file } => sweeps::write_starter(file),
        Command::Check(args) => inspect::check(args),
        Command::Fmt(args) => format::fmt(args),
        Command::Plan(args) => inspect::plan(args),
        Command::Run(args) => run::run(args),
        Command::Cancel(args) => cluster::cancel(args),
        Command::Status(args) => inspect::status(args),
        Command::Watch(args) => watch::watch(args),
        Command::Table(args) => tables::table(args),
        Command::Explain(args) => explain::explain(args),
        Command::Diff(args) => diff::diff(args),
        Command::Export(args) => tables::export(args),
        Command::Gc(args) => gc::gc(args),
        Command::Logs(args) => logs::logs(args),
        Command::Data(args) => data::run(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Job(args) => job::run(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "ablate", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    }
}

/// Prints to standard output; a reader that has gone away (`ablate table … | head`) is no error.
fn print(text: &str) -> Result<(), CliError> {
    print_if_read(text).map(drop)
}

/// Prints to standard output and answers whether there is still a reader.
fn print_if_read(text: &str) -> Result<bool, CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CliError::failed(format!("cannot write to standard output: {error}"))),
    }
}

/// Prints a line to standard error. That nobody reads it (`ablate run … 2>&1 | head`) or that it cannot be written is no
/// reason to stop, unlike with `eprintln!`, which panics.
fn tell(line: &str) {
    // In one piece, so that lines of several threads do not mix.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
