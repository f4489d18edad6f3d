//! Allocations of a cluster as devices of the scheduler.

use super::{DeviceName, Places, Slot, tell};
use crate::{
    report::count,
    schedule::{Device, Sharing},
    sweep::Cluster,
};

impl Places {
    /// The allocations that may be in a cluster's queue at a time. `model` is what its jobs compute on, as records have
    /// it, and `most` how many jobs can run at the same time.
    pub fn cluster(cluster: &Cluster, most: usize, model: String) -> Self {
        let share = cluster.all().map(|resources| resources.share).max().unwrap_or(1);
        let rooms = |shared: bool| {
            cluster.all().filter(move |resources| !shared || resources.share > 1).map(|resources| resources.room())
        };
        // A job alone has all that there is; 0 stands for a room of which nobody knows how large it is.
        let memory = if share > 1 {
            rooms(true).flatten().min()
        } else {
            rooms(false).collect::<Option<Vec<u64>>>().and_then(|rooms| rooms.into_iter().max())
        };
        let memory = memory.unwrap_or(0);
        let device = Device { slots: share, jobs: share, memory, sharing: Sharing::Packed };
        let allocations = cluster.queue.min(most).max(1);
        let threads = (cluster.jobs.cpus / cluster.jobs.share.max(1)).max(1);
        let slots = (0..allocations).flat_map(|device| vec![Slot { device, threads, core: None, gpu: None }; share]);
        Self {
            devices: vec![device; allocations],
            names: vec![DeviceName::Slurm; allocations],
            slots: slots.collect(),
            model: None,
            gpu_memory: None,
            on_cluster: Some(model),
        }
    }

    pub(super) fn tell_cluster(&self) {
        let share = self.devices.first().map_or(1, |device| device.jobs);
        let shared = if share > 1 { format!(", each shared by up to {share} jobs") } else { String::new() };
        tell(&format!("on Slurm: up to {} in the queue{shared}", count(self.devices.len(), "allocation")));
    }
}
