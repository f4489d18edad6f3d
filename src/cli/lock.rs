//! Takes a store's lock, with patience where the lock belongs to nobody.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use super::{CliError, machine};
use crate::store::{self, ErrorKind, Holder, RunLock, Store};

/// How long to wait for a lock that belongs to nobody.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock of a store, or says who has it.
///
/// A lock outlives its run for a moment if the run is killed while it starts a job: until the new process has become
/// the job or noticed that its parent is gone, it has a copy of the open lock file. Likewise, a command that asks
/// whether there is a run holds the lock for an instant.
pub fn take(store: &Store) -> Result<RunLock, CliError> {
    let begin = Instant::now();
    loop {
        match store.lock(&machine::holder()) {
            Err(error) if is_nobodys(&error) && begin.elapsed() < PATIENCE => thread::sleep(PAUSE),
            result => return Ok(result?),
        }
    }
}

/// Whether the lock is taken, but not by a process that is known to run.
fn is_nobodys(error: &store::Error) -> bool {
    match error.kind() {
        ErrorKind::Locked { holder: Some(holder), .. } => holder.host == machine::host() && is_dead(holder),
        // The lock file is empty until its first run has written its name.
        ErrorKind::Locked { holder: None, .. } => true,
        _ => false,
    }
}

fn is_dead(holder: &Holder) -> bool {
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}
