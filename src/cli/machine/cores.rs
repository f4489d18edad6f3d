//! The CPU cores that this process may run on, and how a thread is bound to some of them.

use std::{io, num::NonZeroUsize, thread};

/// Number of CPU cores that this process may use: those of [`core_ids`], or fewer if its control group has a quota.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The numbers of the cores that the calling thread may run on, ascending. Empty if the system does not tell, as on
/// machines with more than 1024 cores: then nothing can be bound.
#[cfg(target_os = "linux")]
pub fn core_ids() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};

    sched_getaffinity(None)
        .map(|set| (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
        .unwrap_or_default()
}

/// Empty: only on Linux can it be told.
#[cfg(not(target_os = "linux"))]
pub fn core_ids() -> Vec<usize> {
    Vec::new()
}

/// Binds the calling thread to some cores, and with it the threads and processes that it starts from now on. An error
/// if one of them is not for this process.
#[cfg(target_os = "linux")]
pub fn pin(cores: &[usize]) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};

    let mut set = CpuSet::new();
    if let Some(core) = cores.iter().find(|&&core| core >= CpuSet::MAX_CPU) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("there is no core {core} to bind a thread to"),
        ));
    }
    cores.iter().for_each(|&core| set.set(core));
    let before = core_ids();
    sched_setaffinity(None, &set)?;
    // The system leaves out cores that are not for this process and is content with one that is.
    let bound = core_ids();
    if let Some(core) = cores.iter().find(|core| !bound.contains(core)) {
        let mut set = CpuSet::new();
        before.iter().for_each(|&core| set.set(core));
        sched_setaffinity(None, &set)?;
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("core {core} is not for this process")));
    }
    Ok(())
}

/// An error: only on Linux can threads be bound.
#[cfg(not(target_os = "linux"))]
pub fn pin(_: &[usize]) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "threads can be bound to cores on Linux only"))
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// In a thread of its own, since other tests run in this process.
    fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        thread::spawn(work).join().unwrap()
    }

    #[test]
    fn a_quota_may_leave_fewer_cores_than_there_are_ids() {
        let ids = core_ids();
        assert!(ids.is_sorted() && (1..=ids.len()).contains(&cores()), "{ids:?}");
    }

    #[test]
    fn a_bound_thread_and_what_it_starts_keep_to_their_cores() {
        let before = core_ids();
        for core in before.clone() {
            let (own, thread, process) = apart(move || {
                pin(&[core]).unwrap();
                let status = Command::new("cat").arg("/proc/self/status").output().unwrap().stdout;
                (core_ids(), apart(core_ids), String::from_utf8(status).unwrap())
            });
            assert_eq!((own, thread), (vec![core], vec![core]));
            let allowed = process.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
            assert_eq!(allowed.unwrap().trim(), core.to_string());
        }
        let all = before.clone();
        assert_eq!(apart(move || pin(&all).map(|()| core_ids()).unwrap()), before);
        assert_eq!(core_ids(), before, "other threads are not bound");
    }

    #[test]
    fn cores_that_are_not_there_are_refused_and_nothing_is_bound() {
        let before = core_ids();
        let first = before[0];
        // Not 1023: it might be there one day, and is checked by asking back like all others.
        for cores in [vec![], vec![1023], vec![first, 1023], vec![first, 1024], vec![usize::MAX]] {
            let after = apart(move || pin(&cores).map_err(|_| core_ids()));
            assert_eq!(after, Err(before.clone()));
        }
    }
}
