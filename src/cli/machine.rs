//! What this process knows of its surroundings: clock, host, processor, memory, code version.

mod cores;
mod memory;

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

pub use self::{
    cores::{core_ids, cores, pin},
    memory::{available_memory, memory, peak_memory},
};
use crate::store::{CodeVersion, Holder};

/// Milliseconds since 1970 (UTC).
pub fn unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
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
