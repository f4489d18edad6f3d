//! How a process that stays comes to its next job.

use std::{
    fs::OpenOptions,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::Parser;
use signal_hook::{consts::SIGTERM, flag, low_level};

use crate::{
    cli::{
        CliError,
        args::{Args, Command, JobArgs},
    },
    schedule::NextJob,
};

/// Waits for the next job and sends what is logged to its log; `None` if there will be none. Ends the process by the signal
/// if it was or is told to stop meanwhile.
pub(super) fn next_job(stop: &AtomicBool) -> Result<Option<JobArgs>, CliError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| CliError::failed(format!("{what}: {error}"));
    let waiting = Arc::new(AtomicBool::new(true));
    let signal = flag::register_conditional_default(SIGTERM, Arc::clone(&waiting))
        .map_err(|error| failed("cannot handle signals", &error))?;
    if stop.load(Ordering::Relaxed) {
        low_level::emulate_default_handler(SIGTERM).map_err(|error| failed("cannot end by SIGTERM", &error))?;
    }
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line).map_err(|error| failed("cannot read the next job", &error))?;
    waiting.store(false, Ordering::Relaxed);
    low_level::unregister(signal);
    if read == 0 {
        return Ok(None);
    }
    let NextJob { arguments, log } =
        serde_json::from_str(&line).map_err(|error| failed("the next job cannot be read", &error))?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .map_err(|error| failed(&format!("cannot open the log {}", log.display()), &error))?;
    rustix::stdio::dup2_stderr(&log).map_err(|error| failed("cannot log", &error))?;
    let program = std::iter::once("ablate".to_owned());
    match Args::try_parse_from(program.chain(arguments)) {
        Ok(Args { command: Command::Job(args) }) => Ok(Some(args)),
        Ok(_) => Err(CliError::failed("the next job is no job")),
        Err(error) => Err(failed("the next job cannot be understood", &error)),
    }
}
