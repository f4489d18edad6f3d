//! Runs one command of Slurm: in an environment that does not bend its answers, and not for ever.

use std::{
    env,
    ffi::OsStr,
    io::{self, Read, Write},
    process::{Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use super::ClientError;
use crate::schedule::process::{Signaller, spawn};

/// What a command said, and whether it ended well.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its standard output.
    pub(super) out: String,
    /// Its standard error, or how it ended if it said nothing.
    pub(super) err: String,
    /// Whether its exit code is 0.
    pub(super) success: bool,
}

/// Variables of Slurm that reach its commands: where the cluster is, who asks, and what a user sets as own defaults.
/// All others are left out: formats and filters for people, options for single jobs, and what describes the allocation
/// in which this program itself may run.
const KEPT: [&str; 8] = [
    "SLURM_CONF",
    "SLURM_CONF_SERVER",
    "SLURM_JWT",
    "SBATCH_ACCOUNT",
    "SBATCH_CONSTRAINT",
    "SBATCH_PARTITION",
    "SBATCH_QOS",
    "SBATCH_RESERVATION",
];

/// The beginnings of the names of Slurm's variables.
const PREFIXES: [&str; 7] = ["SLURM_", "SBATCH_", "SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_", "SCONTROL_"];

/// The command with its environment, not started yet.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let of_slurm = name.to_str().is_some_and(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
        if of_slurm && !KEPT.iter().any(|kept| name == *kept) {
            command.env_remove(name);
        }
    }
    // Else long lists of array tasks end in "...".
    command.env("SLURM_BITSTR_LEN", "0");
    command
}

/// Runs a command to its end, or kills it after `deadline`; `input` is its standard input.
pub(super) fn run(
    program: &'static str,
    mut command: Command,
    input: &str,
    deadline: Duration,
) -> Result<Answer, ClientError> {
    let no_command = |source| ClientError::NoCommand { program, source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match spawn(command) {
        Ok(child) => child,
        // Too many processes, or too little memory, for the moment.
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory) => {
            return Err(ClientError::Unreachable { program, said: error.to_string() });
        }
        Err(error) => return Err(no_command(error)),
    };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let signaller = Signaller::new(&child);
    let (ended, end) = channel::<()>();
    let (waited, out, err) = thread::scope(|scope| {
        scope.spawn(|| {
            if let Some(mut stdin) = stdin {
                // A command that does not read on has its reasons, and says them.
                let _ = stdin.write_all(input.as_bytes());
            }
        });
        let out = scope.spawn(|| text(stdout));
        let err = scope.spawn(|| text(stderr));
        let killer = signaller.clone();
        scope.spawn(move || {
            if end.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
                killer.kill();
            }
        });
        let waited = signaller.wait(child);
        drop(ended);
        (waited, out.join().unwrap_or_default(), err.join().unwrap_or_default())
    });
    match waited.map_err(no_command)? {
        (_, true) => {
            let said = format!("it said nothing within {} s", deadline.as_secs());
            Err(ClientError::Unreachable { program, said })
        }
        (status, false) => {
            let err = if err.trim().is_empty() { status.to_string() } else { err };
            Ok(Answer { out, err, success: status.success() })
        }
    }
}

/// All that comes out of a pipe; a pipe that fails has ended.
fn text(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, input: &str, deadline: Duration) -> Result<Answer, ClientError> {
        let mut command = command("sh");
        command.args(["-c", script]);
        run("sh", command, input, deadline)
    }

    #[test]
    fn what_a_command_says_is_kept_apart() {
        let answer = shell("cat; echo no >&2; exit 3", "yes", Duration::from_secs(60)).unwrap();
        assert_eq!((&*answer.out, &*answer.err, answer.success), ("yes", "no\n", false));
        let answer = shell("exit 3", "", Duration::from_secs(60)).unwrap();
        assert_eq!((&*answer.err, answer.success), ("exit status: 3", false));
    }

    #[test]
    fn more_input_than_a_pipe_holds_is_passed_on_or_ignored() {
        let input = "x".repeat(1 << 20);
        assert_eq!(shell("wc -c", &input, Duration::from_secs(60)).unwrap().out.trim(), "1048576");
        assert!(shell("exec 0<&-; exit 0", &input, Duration::from_secs(60)).unwrap().success);
    }

    #[test]
    fn a_command_that_hangs_is_ended_with_what_it_started() {
        let error = shell("sleep 1000 & sleep 1000", "", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    }

    #[test]
    fn a_command_that_is_not_there_is_said_to_be_missing() {
        let missing = Command::new("/nonexistent/sbatch");
        let error = run("sbatch", missing, "", Duration::from_secs(60)).unwrap_err();
        insta::assert_snapshot!(error, @"cannot start sbatch: run this where Slurm's commands are installed, such as the cluster's login node");
    }
}
