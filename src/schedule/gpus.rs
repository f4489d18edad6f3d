//! The CUDA GPUs of this machine that this process may use: which they are, what they hold, who else is on them.
//!
//! Everything but the calls themselves, which stand in `nvml`, works on plain data.

mod nvml;
mod visible;

use std::{env, fmt, process};

use nvml_wrapper::{bitmasks::device::ThrottleReasons, error::NvmlError};

use self::{
    nvml::{RawGpu, Reading},
    visible::visible,
};

/// What there is for CUDA on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpus {
    /// The GPUs that this process may use, in the order of `CUDA_VISIBLE_DEVICES` or else of the driver. The place in
    /// this list is the number in a device's name, `cuda:N`.
    pub usable: Vec<Gpu>,
    /// How many GPUs the driver knows of, usable or not.
    pub present: usize,
    /// Version of the driver, such as `570.86.15`.
    pub driver: String,
    /// The newest CUDA version that the driver supports: major, minor.
    pub cuda: (u32, u32),
    /// What a user should know: GPUs that are left out and why, names that are ambiguous. One sentence each.
    pub notes: Vec<String>,
}

/// A GPU that this process may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Its number for `nvidia-smi`. CUDA programs may number GPUs otherwise.
    pub index: u32,
    /// The name that means this GPU to every program: what belongs in a child's `CUDA_VISIBLE_DEVICES`.
    pub uuid: String,
    /// The model.
    pub name: String,
    /// All of its memory in bytes.
    pub memory: u64,
    /// Bytes of memory that are free now.
    pub free: u64,
    /// Compute capability: major, minor.
    pub capability: (u32, u32),
    /// Other processes that hold some of its memory now, as far as the driver tells. In a container it often does not.
    pub foreign: Vec<ForeignProcess>,
    /// What makes it slower than it could be now.
    pub slowdowns: Vec<Slowdown>,
}

/// Another process that is on a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignProcess {
    /// Its id, which in a container may be that of the host.
    pub pid: u32,
    /// The program, if this process may know.
    pub name: Option<String>,
    /// Bytes of the GPU's memory that it holds, if the driver knows.
    pub bytes: Option<u64>,
}

/// Why a GPU runs at a lower clock than its load asks for, by something other than its power limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slowdown {
    /// It is too hot.
    Heat,
    /// The power supply asks for it.
    PowerBrake,
    /// The hardware does not say why.
    Hardware,
}

/// Why there is no answer to which GPUs there are.
#[derive(Debug)]
pub enum GpuError {
    /// There is no NVIDIA driver, as on every machine without such a GPU: nothing is wrong.
    NoDriver,
    /// The driver is there and fails.
    Driver(NvmlError),
    /// `CUDA_VISIBLE_DEVICES` names a GPU twice.
    Repeated {
        /// The second of the entries.
        entry: String,
    },
    /// `CUDA_VISIBLE_DEVICES` names a part of a GPU.
    Part {
        /// The entry.
        entry: String,
    },
}

impl fmt::Display for GpuError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDriver => f.write_str("no NVIDIA driver"),
            Self::Driver(error) => write!(f, "the NVIDIA driver fails: {error}: {}", remedy(error)),
            Self::Repeated { entry } => write!(
                f,
                "CUDA_VISIBLE_DEVICES names a GPU for the second time by {entry}, and CUDA then shows no GPU at all: \
                 name each once"
            ),
            Self::Part { entry } => write!(
                f,
                "CUDA_VISIBLE_DEVICES names a part of a GPU, {entry}, which is not supported: name whole GPUs as \
                 `nvidia-smi -L` does, GPU-…"
            ),
        }
    }
}

impl std::error::Error for GpuError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Driver(error) => Some(error),
            Self::NoDriver | Self::Repeated { .. } | Self::Part { .. } => None,
        }
    }
}

impl From<NvmlError> for GpuError {
    fn from(error: NvmlError) -> Self {
        let absent = match &error {
            NvmlError::DriverNotLoaded => true,
            // Only the text says whether the library is absent, or there and damaged.
            NvmlError::LibloadingError(cause) => cause.to_string().to_lowercase().contains("no such file"),
            _ => false,
        };
        if absent { Self::NoDriver } else { Self::Driver(error) }
    }
}

/// What to do about a failure of the driver or of a GPU.
fn remedy(error: &NvmlError) -> &'static str {
    match error {
        NvmlError::LibRmVersionMismatch => {
            "the driver was updated while it ran; reboot, or end what uses the GPUs and reload the module: \
             rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia, then modprobe nvidia"
        }
        NvmlError::NoPermission | NvmlError::OperatingSystem => {
            "this process may not talk to it; see to the permissions of /dev/nvidia*, or to the GPUs of the container"
        }
        NvmlError::GpuLost | NvmlError::ResetRequired | NvmlError::IrqIssue => {
            "`dmesg | grep -i xid` says more; reset it by nvidia-smi --gpu-reset -i, or reboot"
        }
        NvmlError::InsufficientPower => "attach its power cables",
        NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => {
            "the driver is too old; CUDA 12 needs 525 or later"
        }
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => "install the driver again",
        _ => "see whether `nvidia-smi` works; if it does not, restart the container or reboot",
    }
}

/// The GPUs that this process may use: those of the driver, less those that `CUDA_VISIBLE_DEVICES` hides.
pub fn gpus() -> Result<Gpus, GpuError> {
    // An entry that is no Unicode names no GPU, with a replacement character as without.
    let variable = |name| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let (list, order) = (variable("CUDA_VISIBLE_DEVICES"), variable("CUDA_DEVICE_ORDER"));
    assemble(nvml::read()?, list.as_deref(), order.as_deref(), process::id())
}

/// Bytes of GPU memory that this process holds, as the driver counts them; `None` if it does not tell, as in many
/// containers.
pub fn own_bytes() -> Option<u64> {
    own_of(nvml::read().ok()?, process::id())
}

/// What a process holds on all GPUs; it may be in two of the driver's lists.
fn own_of(reading: Reading, own: u32) -> Option<u64> {
    let on_each = reading.gpus.into_iter().flatten().filter_map(|gpu| {
        let of_own = gpu.processes.ok()?.into_iter().filter(|process| process.pid == own);
        of_own.filter_map(|process| process.bytes).max()
    });
    on_each.reduce(|sum, bytes| sum + bytes)
}

/// Draws the conclusions from what the driver said. `own` is the id of this process.
fn assemble(reading: Reading, list: Option<&str>, order: Option<&str>, own: u32) -> Result<Gpus, GpuError> {
    let mut notes = Vec::new();
    let (present, mut closed) = (reading.gpus.len(), 0);
    // CUDA does not count GPUs that the process cannot open, so they go before the variable is looked at.
    let mut open = Vec::new();
    for (index, answer) in (0..).zip(reading.gpus) {
        match answer {
            Ok(gpu) => open.push(understand(index, gpu, own, &mut notes)),
            Err(NvmlError::NoPermission) => closed += 1,
            Err(error) => notes.push(format!("GPU {index} is left out: {error}: {}", remedy(&error))),
        }
    }
    if closed > 0 {
        notes.push(format!("GPUs of this machine that are closed to this process: {closed} of {present}"));
    }
    let (all, split): (Vec<Gpu>, Vec<bool>) = open.into_iter().unzip();
    let seen = visible(list, order, &all)?;
    notes.extend(seen.notes);
    let mut usable = Vec::new();
    for place in seen.places {
        let gpu = &all[place];
        if split[place] {
            notes.push(format!(
                "GPU {index} ({name}) is left out: it is split by MIG, which is not supported; \
                 nvidia-smi -i {index} -mig 0 makes it whole",
                index = gpu.index,
                name = gpu.name
            ));
        } else {
            usable.push(gpu.clone());
        }
    }
    let cuda = u32::try_from(reading.cuda).unwrap_or(0);
    Ok(Gpus { usable, present, driver: reading.driver, cuda: (cuda / 1000, cuda % 1000 / 10), notes })
}

/// A GPU, and whether it is split by MIG.
fn understand(index: u32, raw: RawGpu, own: u32, notes: &mut Vec<String>) -> (Gpu, bool) {
    let foreign = raw.processes.map(|all| others(all, own)).unwrap_or_else(|error| {
        notes.push(format!("who else is on GPU {index} cannot be told: {error}"));
        Vec::new()
    });
    let slowdowns = match raw.throttling {
        Ok(reasons) => slowdowns(reasons),
        // GeForce cards of some generations and virtual GPUs do not tell.
        Err(NvmlError::NotSupported) => Vec::new(),
        Err(error) => {
            notes.push(format!("whether GPU {index} is slowed down cannot be told: {error}"));
            Vec::new()
        }
    };
    let RawGpu { uuid, name, memory, free, capability, split, .. } = raw;
    (Gpu { index, uuid, name, memory, free, capability, foreign, slowdowns }, split)
}

/// The processes besides this one, each once: what computes and draws is in two of the driver's lists.
fn others(mut all: Vec<ForeignProcess>, own: u32) -> Vec<ForeignProcess> {
    all.retain(|process| process.pid != own);
    all.sort_by_key(|process| (process.pid, std::cmp::Reverse(process.bytes)));
    all.dedup_by_key(|process| process.pid);
    all
}

fn slowdowns(reasons: ThrottleReasons) -> Vec<Slowdown> {
    let heat = ThrottleReasons::SW_THERMAL_SLOWDOWN | ThrottleReasons::HW_THERMAL_SLOWDOWN;
    let mut found = Vec::new();
    if reasons.intersects(heat) {
        found.push(Slowdown::Heat);
    }
    if reasons.contains(ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN) {
        found.push(Slowdown::PowerBrake);
    }
    // This flag accompanies the hardware's reasons above, too.
    if found.is_empty() && reasons.contains(ThrottleReasons::HW_SLOWDOWN) {
        found.push(Slowdown::Hardware);
    }
    found
}

#[cfg(test)]
mod tests;
