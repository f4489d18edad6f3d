//! A child process that never outlives its parent and can be signalled safely while another thread waits for it.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::{
    io::retry_on_intr,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};

/// Starts a process in a group of its own, so that Ctrl-C at the terminal reaches only the parent. On Linux it is
/// killed when the thread that calls this ends, however it ends, so that thread must be the one that waits for it.
pub(super) fn spawn(mut command: Command) -> io::Result<Child> {
    command.process_group(0);
    die_with_parent(&mut command);
    command.spawn()
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use rustix::process::{getpid, getppid, set_parent_process_death_signal};

    let parent = getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above; then nothing would ever kill this process.
        if getppid() == Some(parent) { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec the closure makes two system calls and touches no memory that another thread of
    // the parent may have locked; an `io::Error` made of an error number does not allocate.
    unsafe {
        command.pre_exec(prepare);
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}

/// A handle for signalling a process, shared with the thread that waits for it.
#[derive(Clone, Debug)]
pub(super) struct Signaller(Arc<Mutex<Target>>);

#[derive(Debug)]
struct Target {
    /// `None` once the process is waited for, since its number may belong to another one from then on.
    group: Option<Pid>,
    cancelled: bool,
}

impl Signaller {
    pub(super) fn new(child: &Child) -> Self {
        Self(Arc::new(Mutex::new(Target { group: Some(Pid::from_child(child)), cancelled: false })))
    }

    /// Tells the process, and those it started, to end.
    pub(super) fn cancel(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends the process, and those it started.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        let mut target = self.target();
        if let Some(group) = target.group {
            target.cancelled = true;
            // Fails only if the process has ended, and then there is nothing to do.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Waits for the end of the process, and ends what it left behind. Returns also whether it had been signalled.
    pub(super) fn wait(&self, mut child: Child) -> io::Result<(ExitStatus, bool)> {
        let id = WaitId::Pid(Pid::from_child(&child));
        // Leaves the dead process in place, and so its number taken, until nobody can signal it any more.
        let waited = retry_on_intr(|| waitid(id.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        let mut target = self.target();
        if let (Ok(_), Some(group)) = (waited, target.group.take()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let cancelled = target.cancelled;
        drop(target);
        Ok((child.wait()?, cancelled))
    }

    /// Whether the process was told to end.
    pub(super) fn was_signalled(&self) -> bool {
        self.target().cancelled
    }

    fn target(&self) -> MutexGuard<'_, Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
