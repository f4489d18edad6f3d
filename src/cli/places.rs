//! Where the jobs of a run go: devices, the jobs that each of them takes at a time, and the cores of each.

mod cluster;

use std::{fmt, path::Path, process::Command, str::FromStr};

use indicatif::DecimalBytes;

use super::{
    CliError,
    computer::{self, REMEDY, gpu_in_records},
    doctor, machine, tell,
};
use crate::{
    report::count,
    schedule::{self, Device, Gpu, GpuError, Launch, Sharing},
    train::{device, ops::Implementation},
};

/// Jobs that may share a GPU if nobody says how many; how many do is found out by measuring.
const JOBS_PER_GPU: usize = 8;

/// A device as it can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceName {
    /// The processor, with so many of its cores or all.
    Cpu(Option<usize>),
    /// The GPU at this position among those that the process may use.
    Cuda(usize),
    /// An allocation of a cluster; cannot be asked for as a device.
    Slurm,
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no device: write cpu, cpu:4 (cores) or cuda:0, several with commas between");
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu(None)),
            Some(("cpu", cores)) => match cores.parse() {
                Ok(cores @ 1..=1024) => Ok(Self::Cpu(Some(cores))),
                _ => Err(wrong()),
            },
            Some(("cuda", index)) => index.parse().map(Self::Cuda).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu(_) => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Slurm => f.write_str("slurm"),
        }
    }
}

/// Where the jobs of a run go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The devices.
    pub devices: Vec<Device>,
    names: Vec<DeviceName>,
    slots: Vec<Slot>,
    /// The GPUs' model, or that of the first.
    model: Option<String>,
    /// Bytes of memory that the largest GPU has, others' included; `None` on the processor.
    pub gpu_memory: Option<u64>,
    /// If they are on a cluster: what its jobs compute on, as records have it.
    on_cluster: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    device: usize,
    /// Number of threads of a job in it.
    threads: usize,
    /// The core of its own; `None` if the system is to choose.
    core: Option<usize>,
    gpu: Option<String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The devices; empty for whatever there is.
    pub devices: &'a [DeviceName],
    /// Jobs at a time, on each device.
    pub jobs: Option<usize>,
    /// Bytes of main memory that jobs may take together.
    pub memory: f64,
    /// The most jobs that can run at the same time, as far as they wait for each other.
    pub most: usize,
}

impl Places {
    /// The devices that are asked for, by default all GPUs if the program can use them and there are any, else all cores.
    pub fn find(wanted: Wanted<'_>) -> Result<Self, CliError> {
        let (cores, ids) = (machine::cores(), machine::core_ids());
        check(wanted.devices, cores)?;
        let cuda = wanted.devices.iter().find(|name| matches!(name, DeviceName::Cuda(_)));
        match cuda {
            Some(name) if !device::CUDA => Err(CliError::input(format!(
                "{name} cannot be used: this build of ablate computes on the processor only; {REMEDY}, or leave \
                 --devices out"
            ))),
            // With a quota of fewer cores than there are, which ones is for the system to say.
            _ => Self::of(wanted, cores, if ids.len() == cores { &ids } else { &[] }, &usable(wanted.devices)?),
        }
    }

    /// The devices that are asked for, on a machine with so many cores, of these ids if that is known, and these GPUs.
    fn of(wanted: Wanted<'_>, cores: usize, ids: &[usize], gpus: &[Gpu]) -> Result<Self, CliError> {
        let chosen: Vec<(usize, &Gpu)> = match wanted.devices {
            [] => gpus.iter().enumerate().collect(),
            [DeviceName::Cpu(_)] => vec![],
            names => names.iter().map(|&name| gpu_named(name, gpus)).collect::<Result<_, _>>()?,
        };
        if chosen.is_empty() {
            let cores_wanted = match wanted.devices {
                [DeviceName::Cpu(Some(cores))] => Some(*cores),
                _ => None,
            };
            return Ok(Self::processor(wanted, cores_wanted.unwrap_or(cores), ids));
        }
        Ok(Self::gpus(wanted, &chosen, cores))
    }

    fn processor(wanted: Wanted<'_>, used: usize, ids: &[usize]) -> Self {
        let jobs = wanted.jobs.unwrap_or(used).min(wanted.most).max(1);
        // With more jobs than cores, each has a slot all the same.
        let slots = used.max(jobs);
        // Where only a part of the cores is used, others may use the same ones: the system knows better which are free.
        let own = slots == ids.len();
        let slot =
            |slot: usize| Slot { device: 0, threads: 1, core: ids.get(slot).copied().filter(|_| own), gpu: None };
        let device = Device { slots, jobs, memory: wanted.memory as u64, sharing: Sharing::Cores };
        Self {
            devices: vec![device],
            names: vec![DeviceName::Cpu(None)],
            slots: (0..slots).map(slot).collect(),
            model: None,
            gpu_memory: None,
            on_cluster: None,
        }
    }

    fn gpus(wanted: Wanted<'_>, gpus: &[(usize, &Gpu)], cores: usize) -> Self {
        let jobs = wanted.jobs.unwrap_or(JOBS_PER_GPU).min(wanted.most).max(1);
        let threads = (cores / (jobs * gpus.len())).max(1);
        let device =
            |(_, gpu): &(usize, &Gpu)| Device { slots: jobs, jobs, memory: gpu.free, sharing: Sharing::Contended };
        let slots = gpus.iter().enumerate().flat_map(|(index, (_, gpu))| {
            let slot = Slot { device: index, threads, core: None, gpu: Some(gpu.uuid.clone()) };
            vec![slot; jobs]
        });
        Self {
            devices: gpus.iter().map(device).collect(),
            names: gpus.iter().map(|(index, _)| DeviceName::Cuda(*index)).collect(),
            slots: slots.collect(),
            model: gpus.first().map(|(_, gpu)| gpu.name.clone()),
            gpu_memory: gpus.iter().map(|(_, gpu)| gpu.memory).max(),
            on_cluster: None,
        }
    }

    /// What jobs are computed on, as their records have it.
    pub fn model(&self) -> String {
        let here = || self.model.as_deref().map_or_else(machine::processor, gpu_in_records);
        self.on_cluster.clone().unwrap_or_else(here)
    }

    /// Refuses GPUs on which nothing can be computed for want of a library, or of what is to compute.
    pub fn check(&self, implementation: Implementation) -> Result<(), CliError> {
        if self.model.is_none() {
            return Ok(());
        }
        computer::on_gpus(implementation).map_err(CliError::input)?;
        let gpus = schedule::gpus().map_err(|error| CliError::failed(error.to_string()))?;
        let ready = doctor::ready(&gpus).map(|_| ());
        ready.map_err(|error| CliError::failed(format!("{error}; --devices cpu does without GPUs")))
    }

    /// Name of a device.
    pub fn name(&self, device: usize) -> String {
        self.names.get(device).map(ToString::to_string).unwrap_or_default()
    }

    /// Where a job of these slots runs, as it is shown: `cuda:1`, or `cpu 2-3` with the numbers of its cores.
    pub fn place(&self, slots: &[usize]) -> String {
        let mut devices: Vec<usize> = self.of_slots(slots).map(|slot| slot.device).collect();
        devices.dedup();
        let names: Vec<String> = devices.iter().map(|&device| self.name(device)).collect();
        let cores: Vec<usize> = self.of_slots(slots).filter_map(|slot| slot.core).collect();
        match (cores.first(), cores.last()) {
            (Some(first), Some(last)) if first == last => format!("{} {first}", names.join("+")),
            (Some(first), Some(last)) if last - first + 1 == cores.len() => {
                format!("{} {first}-{last}", names.join("+"))
            }
            (Some(_), _) => format!("{} {}", names.join("+"), listed(&cores)),
            _ => names.join("+"),
        }
    }

    /// Threads of a job in these slots.
    pub fn threads(&self, slots: &[usize]) -> usize {
        self.of_slots(slots).map(|slot| slot.threads).sum::<usize>().max(1)
    }

    /// Gives a job's process its devices, cores and threads.
    pub fn equip(&self, command: &mut Command, launch: &Launch) {
        command.arg("--threads").arg(self.threads(&launch.slots).to_string());
        let cores: Vec<usize> = self.of_slots(&launch.slots).filter_map(|slot| slot.core).collect();
        if !cores.is_empty() {
            command.arg("--cores").arg(listed(&cores));
        }
        let mut gpus: Vec<&str> = self.of_slots(&launch.slots).filter_map(|slot| slot.gpu.as_deref()).collect();
        gpus.dedup();
        if !gpus.is_empty() {
            command.arg("--gpu");
        }
        // A job on the processor must not even look at GPUs.
        command.env("CUDA_VISIBLE_DEVICES", gpus.join(","));
    }

    /// Says what the run works with.
    pub fn tell(&self) {
        if self.on_cluster.is_some() {
            return self.tell_cluster();
        }
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        let jobs: usize = self.devices.iter().map(|device| device.jobs).sum();
        let threads = self.slots.iter().map(|slot| slot.threads).sum();
        let memory: u64 = self.devices.iter().map(|device| device.memory).fold(0, u64::saturating_add);
        let memory = if memory < u64::MAX { format!(" and {}", DecimalBytes(memory)) } else { String::new() };
        let left_alone = if !device::CUDA && Path::new("/dev/nvidiactl").exists() {
            "; the GPU is left alone, since this build computes on the processor only (`--features cuda`)"
        } else {
            ""
        };
        tell(&format!(
            "on {}: up to {} at a time, sharing {}{memory}{left_alone}",
            names.join(", "),
            count(jobs, "job"),
            count(threads, "thread"),
        ));
    }

    /// Threads that a job has on average while as many run as can.
    pub fn usual_threads(&self) -> usize {
        let jobs: usize = self.devices.iter().map(|device| device.jobs).sum();
        (self.slots.iter().map(|slot| slot.threads).sum::<usize>() / jobs.max(1)).max(1)
    }

    fn of_slots(&self, slots: &[usize]) -> impl Iterator<Item = &Slot> {
        slots.iter().filter_map(|&slot| self.slots.get(slot))
    }
}

/// The GPUs that a run may use, if this build can use any and they may be wanted.
fn usable(wanted: &[DeviceName]) -> Result<Vec<Gpu>, CliError> {
    if !device::CUDA || matches!(wanted, [DeviceName::Cpu(_)]) {
        return Ok(vec![]);
    }
    match schedule::gpus() {
        Ok(found) => {
            found.notes.iter().for_each(|note| tell(note));
            Ok(found.usable)
        }
        Err(GpuError::NoDriver) => Ok(vec![]),
        Err(error) => Err(CliError::failed(format!("{error}; --devices cpu does without GPUs"))),
    }
}

/// Refuses devices that are asked for twice, and more cores than there are.
fn check(wanted: &[DeviceName], cores: usize) -> Result<(), CliError> {
    for (index, name) in wanted.iter().enumerate() {
        if wanted[..index].iter().any(|other| other.to_string() == name.to_string()) {
            return Err(CliError::input(format!("--devices names {name} twice")));
        }
        match name {
            DeviceName::Cpu(Some(wanted)) if *wanted > cores => {
                let there = count(cores, "core");
                return Err(CliError::input(format!(
                    "--devices asks for {wanted} cores, and this process may use {there}"
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

fn listed(cores: &[usize]) -> String {
    cores.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

fn gpu_named(name: DeviceName, gpus: &[Gpu]) -> Result<(usize, &Gpu), CliError> {
    let DeviceName::Cuda(index) = name else {
        return Err(CliError::input(
            "--devices names the processor beside others: jobs of one run must not differ in the kind of device, since \
             their numbers could not be compared",
        ));
    };
    gpus.get(index).map(|gpu| (index, gpu)).ok_or_else(|| {
        let there: Vec<String> = (0..gpus.len()).map(|index| DeviceName::Cuda(index).to_string()).collect();
        let there = if there.is_empty() { "no GPU".to_owned() } else { there.join(", ") };
        CliError::input(format!("{name} is not there: this process may use {there} (see `ablate doctor`)"))
    })
}

#[cfg(test)]
mod tests;
