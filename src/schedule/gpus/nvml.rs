//! Asks the NVIDIA driver, by its management library NVML, which is looked for at run time. Concludes nothing.

use nvml_wrapper::{
    Device, Nvml,
    bitmasks::{InitFlags, device::ThrottleReasons},
    enums::device::UsedGpuMemory,
    error::NvmlError,
};

use super::ForeignProcess;

/// What the driver answered.
#[derive(Debug)]
pub(super) struct Reading {
    /// Version of the driver.
    pub driver: String,
    /// Newest CUDA version as one number, 12040 for 12.4.
    pub cuda: i32,
    /// One answer for each GPU of the machine.
    pub gpus: Vec<Result<RawGpu, NvmlError>>,
}

/// What the driver answered about one GPU.
#[derive(Debug)]
pub(super) struct RawGpu {
    pub uuid: String,
    pub name: String,
    pub memory: u64,
    pub free: u64,
    pub capability: (u32, u32),
    /// Whether MIG is on.
    pub split: bool,
    /// Processes that compute and processes that draw.
    pub processes: Result<Vec<ForeignProcess>, NvmlError>,
    pub throttling: Result<ThrottleReasons, NvmlError>,
}

/// Longest name of a program that is asked for.
const NAME_LENGTH: usize = 256;

/// Asks all there is to ask.
pub(super) fn read() -> Result<Reading, NvmlError> {
    let nvml = Nvml::init_with_flags(InitFlags::NO_GPUS)?;
    Ok(Reading {
        driver: nvml.sys_driver_version()?,
        cuda: nvml.sys_cuda_driver_version()?,
        gpus: (0..nvml.device_count()?).map(|index| raw_gpu(&nvml, &nvml.device_by_index(index)?)).collect(),
    })
}

fn raw_gpu(nvml: &Nvml, device: &Device) -> Result<RawGpu, NvmlError> {
    let memory = device.memory_info()?;
    let capability = device.cuda_compute_capability()?;
    Ok(RawGpu {
        uuid: device.uuid()?,
        name: device.name()?,
        memory: memory.total,
        free: memory.free,
        capability: (capability.major.unsigned_abs(), capability.minor.unsigned_abs()),
        split: match device.mig_mode() {
            Ok(mode) => mode.current != 0,
            Err(NvmlError::NotSupported) => false,
            Err(error) => return Err(error),
        },
        processes: processes(nvml, device),
        throttling: device.current_throttle_reasons(),
    })
}

fn processes(nvml: &Nvml, device: &Device) -> Result<Vec<ForeignProcess>, NvmlError> {
    let found = device.running_compute_processes()?.into_iter().chain(device.running_graphics_processes()?);
    let process = |process: nvml_wrapper::struct_wrappers::device::ProcessInfo| ForeignProcess {
        pid: process.pid,
        // Other users' processes and those outside of a container have no name for this one.
        name: nvml.sys_process_name(process.pid, NAME_LENGTH).ok().filter(|name| !name.is_empty()),
        bytes: match process.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        },
    };
    Ok(found.map(process).collect())
}
