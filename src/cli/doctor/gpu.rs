//! What the doctor says of GPUs, their driver and the toolkit.

use std::{fs, path::Path};

use indicatif::DecimalBytes;

use super::{
    Finding, Level, fine, note, problem,
    toolkit::{Compiler, Toolkit, toolkit},
};
use crate::{
    cli::{computer::REMEDY, error::chain},
    schedule::{ForeignProcess, Gpu, GpuError, Gpus, Slowdown, gpus},
    train::device,
};

/// More than this share of a GPU's memory in others' hands is worth a note. The driver keeps up to some percent.
const FOREIGN_SHARE: f64 = 0.1;

/// GPUs that cannot be used, for want of a driver.
#[derive(Clone, Copy, Debug, Default)]
struct Idle {
    nvidia: bool,
    amd: bool,
}

/// All about GPUs.
pub(super) fn gpu() -> Vec<Finding> {
    match gpus() {
        Ok(gpus) => {
            let toolkit = (!gpus.usable.is_empty()).then(toolkit);
            present(&gpus, toolkit.as_ref(), device::CUDA)
        }
        Err(error) => vec![absent(&error, idle(), device::CUDA)],
    }
}

/// Whether kernels can be compiled for the GPUs and started on them; if so, the compiler's library and CUDA version in
/// one word.
pub(in crate::cli) fn ready(gpus: &Gpus) -> Result<String, String> {
    let toolkit = toolkit();
    let problems = compiling(&toolkit, gpus.cuda, true).into_iter().filter(|finding| finding.level == Level::Problem);
    let problems: Vec<String> = problems.map(|Finding { what, text, .. }| format!("{what} {text}")).collect();
    match (problems.is_empty(), toolkit.compiler) {
        (true, Ok(Compiler { version: Some((major, minor)), .. })) => Ok(format!("nvrtc-{major}.{minor}")),
        (true, _) => Ok("nvrtc".to_owned()),
        (false, _) => Err(format!("GPUs cannot be computed on: {}", problems.join("; "))),
    }
}

/// What the system knows of GPUs without asking their drivers.
fn idle() -> Idle {
    let devices = fs::read_dir("/sys/bus/pci/devices").into_iter().flatten().flatten();
    let is_nvidia = |device: &Path| {
        let value = |name| fs::read_to_string(device.join(name)).unwrap_or_default();
        value("vendor").trim() == "0x10de" && value("class").starts_with("0x03")
    };
    Idle { nvidia: devices.map(|entry| entry.path()).any(|path| is_nvidia(&path)), amd: Path::new("/dev/kfd").exists() }
}

/// A problem for builds that can compute on GPUs, a note for others.
fn bad(computes: bool) -> fn(&str, String) -> Finding {
    if computes { |what, text| problem(what, text) } else { |what, text| note(what, text) }
}

/// Why no GPU is known.
fn absent(error: &GpuError, idle: Idle, computes: bool) -> Finding {
    match (error, idle) {
        (GpuError::NoDriver, Idle { nvidia: true, .. }) => note(
            "gpu",
            "none to use: there is one by NVIDIA, but not its driver; install it, load it by `modprobe nvidia`, or \
             start the container with GPUs",
        ),
        (GpuError::NoDriver, Idle { amd: true, .. }) => fine("gpu", "none to use: of AMD's GPUs none is supported"),
        (GpuError::NoDriver, _) => fine("gpu", format!("none ({error})")),
        (GpuError::Driver(_) | GpuError::Repeated { .. } | GpuError::Part { .. }, _) => {
            bad(computes)("gpu", chain(error))
        }
    }
}

/// The driver, each GPU, and what is needed to compute on them.
fn present(gpus: &Gpus, toolkit: Option<&Toolkit>, computes: bool) -> Vec<Finding> {
    let (major, minor) = gpus.cuda;
    let mut findings = vec![fine("driver", format!("{}, for CUDA up to {major}.{minor}", gpus.driver))];
    if gpus.usable.is_empty() {
        findings.push(match (gpus.present, gpus.notes.len()) {
            (0, _) => fine("gpu", "none (the driver finds none)"),
            (all, 0) => fine("gpu", format!("none to use of {all}: CUDA_VISIBLE_DEVICES hides them")),
            (all, _) => note("gpu", format!("none to use of {all}")),
        });
    }
    findings.extend(gpus.notes.iter().map(|text| note("gpu", text)));
    gpus.usable.iter().enumerate().for_each(|(place, gpu)| findings.extend(device(&format!("cuda:{place}"), gpu)));
    if let Some(toolkit) = toolkit {
        findings.extend(compiling(toolkit, gpus.cuda, computes));
    }
    if !gpus.usable.is_empty() && !computes {
        let them = if gpus.usable.len() == 1 { "it" } else { "them" };
        findings
            .push(note("gpu", format!("this build does not use {them}: it computes on the processor only; {REMEDY}")));
    }
    findings
}

/// One GPU.
fn device(what: &str, gpu: &Gpu) -> Vec<Finding> {
    let Gpu { name, uuid, memory, free, capability: (major, minor), foreign, slowdowns, .. } = gpu;
    let taken = memory.saturating_sub(*free);
    let much = taken as f64 > FOREIGN_SHARE * *memory as f64;
    let (all, left) = (DecimalBytes(*memory), DecimalBytes(*free));
    let others = foreign.iter().map(person).collect::<Vec<_>>().join(", ");
    let also = if much || others.is_empty() { String::new() } else { format!(", also used by {others}") };
    let text = format!("{name}, {all}, {left} free, compute capability {major}.{minor}, {uuid}{also}");
    let mut findings = vec![fine(what, text)];
    if much {
        let others = if others.is_empty() { "processes that this one cannot see".to_owned() } else { others };
        findings.push(note(
            what,
            format!(
                "{} is taken, by {others}: wait for their end, or choose other GPUs by CUDA_VISIBLE_DEVICES",
                DecimalBytes(taken)
            ),
        ));
    }
    findings.extend(slowdowns.iter().map(|slowdown| note(what, slowness(*slowdown))));
    findings
}

/// A process on a GPU, by program, id and memory.
fn person(process: &ForeignProcess) -> String {
    let name = process.name.as_deref().and_then(|name| Path::new(name).file_name()?.to_str()).unwrap_or("process");
    let bytes = process.bytes.map(|bytes| format!(" with {}", DecimalBytes(bytes))).unwrap_or_default();
    format!("{name} ({}){bytes}", process.pid)
}

fn slowness(slowdown: Slowdown) -> &'static str {
    match slowdown {
        Slowdown::Heat => "slowed down by heat: see to its fans, the air around it and what else it computes",
        Slowdown::PowerBrake => "slowed down by its power supply: see to it and its cables",
        Slowdown::Hardware => {
            "slowed down by its hardware just now: if that stays, `nvidia-smi -q -d PERFORMANCE` says more"
        }
    }
}

/// What compiles and starts kernels. `cuda` is the newest version that the driver supports.
fn compiling(toolkit: &Toolkit, cuda: (u32, u32), computes: bool) -> Vec<Finding> {
    let bad = bad(computes);
    let driver = match &toolkit.driver {
        Ok(name) => fine("libcuda", *name),
        Err(said) => bad(
            "libcuda",
            format!(
                "cannot be opened ({said}): it comes with the driver, in a container with \
                 NVIDIA_DRIVER_CAPABILITIES=compute,utility"
            ),
        ),
    };
    let compiler = match &toolkit.compiler {
        // An older driver refuses what a newer compiler writes.
        Ok(Compiler { name, version: Some(version) }) if *version > cuda => bad(
            "nvrtc",
            format!(
                "{name} is of CUDA {}.{}, the driver takes no kernels newer than {}.{}: update the driver, or put an \
                 older NVRTC first in LD_LIBRARY_PATH",
                version.0, version.1, cuda.0, cuda.1
            ),
        ),
        Ok(Compiler { name, version: Some((major, minor)) }) => {
            fine("nvrtc", format!("{name}, of CUDA {major}.{minor}"))
        }
        Ok(Compiler { name, version: None }) => note("nvrtc", format!("{name} does not tell its version")),
        Err(said) => bad(
            "nvrtc",
            format!(
                "cannot be opened ({said}): install that of the CUDA toolkit, in Debian's packages by NVIDIA \
                 cuda-nvrtc-12-8 for instance, or put its folder into LD_LIBRARY_PATH"
            ),
        ),
    };
    let headers = match &toolkit.headers {
        Ok(folder) => fine("headers", folder.display().to_string()),
        Err(folder) => bad(
            "headers",
            format!(
                "no cuda_runtime.h in {}: install the headers of the CUDA toolkit, cuda-cudart-dev-12-8 for instance, \
                 or set CUDA_PATH to the toolkit's folder",
                folder.display()
            ),
        ),
    };
    vec![driver, compiler, headers]
}

#[cfg(test)]
mod tests;
