//! What this process knows of its surroundings: clock, host, processor, code version.

use std::{
    fs,
    num::NonZeroUsize,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::store::{CodeVersion, Holder};

/// Milliseconds since 1970 (UTC).
pub fn unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Number of CPU cores that this process may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Main memory in bytes that this process may use, if it can be told: what the machine has or, if that is less, what
/// its control group is allowed.
pub fn memory() -> Option<f64> {
    let limit = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<f64>().ok();
    let own = fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| {
        let group = text.lines().find_map(|line| line.strip_prefix("0::"))?.trim_end_matches('/').to_owned();
        limit(&format!("/sys/fs/cgroup{group}/memory.max"))
    });
    let limits = [own, limit("/sys/fs/cgroup/memory.max"), limit("/sys/fs/cgroup/memory/memory.limit_in_bytes")];
    limits.into_iter().chain([main_memory()]).flatten().min_by(f64::total_cmp)
}

fn main_memory() -> Option<f64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024.0 * kibibytes)
}

/// Name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The processor, as its maker names it.
pub fn processor() -> String {
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    format!("cpu ({})", model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()))
}

/// The code that is running.
pub fn code() -> CodeVersion {
    let commit = env!("ABLATE_COMMIT");
    CodeVersion {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: (!commit.is_empty()).then(|| commit.to_owned()),
        dirty: env!("ABLATE_DIRTY") == "true",
    }
}

/// This process, as the holder of a store's lock.
pub fn holder() -> Holder {
    Holder { pid: std::process::id(), host: host(), started_unix: unix_ms() / 1000 }
}
