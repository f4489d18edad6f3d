//! The devices of a run: which slots are free, how much memory is taken, and where a job fits.

use std::collections::BTreeSet;

use super::{Demand, Device, Sharing};

/// Failures of a device, one after the other, that take it out of the run.
const STRIKES: usize = 2;

/// The devices of a run.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    devices: Vec<DeviceState>,
}

#[derive(Clone, Debug)]
struct DeviceState {
    device: Device,
    /// Number of its first slot.
    first: usize,
    free: BTreeSet<usize>,
    jobs: usize,
    /// Bytes that its jobs hold; more than there are if one turned out to need more than it was thought to.
    used: u64,
    strikes: usize,
    /// Whether it takes no more jobs until all that it has have ended.
    sealed: bool,
}

/// What a running job holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) slots: Vec<usize>,
    /// Bytes on each of its devices.
    pub(super) memory: u64,
}

impl Pool {
    pub(super) fn new(devices: &[Device]) -> Self {
        let mut first = 0;
        let state = |&device: &Device| {
            let slots = first..first + device.slots;
            first = slots.end;
            DeviceState {
                device,
                first: slots.start,
                free: slots.collect(),
                jobs: 0,
                used: 0,
                strikes: 0,
                sealed: false,
            }
        };
        Self { devices: devices.iter().map(state).collect() }
    }

    /// Whether any device may take another job.
    pub(super) fn has_room(&self) -> bool {
        self.usable(&[]).any(|(_, state)| state.has_room())
    }

    /// Number of devices that are not out of the run.
    pub(super) fn working(&self) -> usize {
        self.usable(&[]).count()
    }

    pub(super) fn all_work(&self, devices: &[usize]) -> bool {
        devices.iter().all(|&device| self.devices[device].works())
    }

    /// Memory of the largest device in bytes.
    pub(super) fn largest(&self) -> u64 {
        self.usable(&[]).map(|(_, state)| state.device.memory).max().unwrap_or(0)
    }

    /// Where a job can start now without touching the `kept` devices: on the emptiest device. `crowd` is how many jobs
    /// of its kind may share a contended one, `ready` how many jobs wait for cores, this one included.
    pub(super) fn place(&self, demand: Demand, crowd: usize, ready: usize, kept: &[usize]) -> Option<Hold> {
        match demand {
            Demand::Shared { memory } => {
                let memory = memory.min(self.largest());
                let fits =
                    |state: &DeviceState| state.has_room() && state.missing(memory) == (0, 0) && state.takes(crowd);
                let found = self.usable(kept).map(|(_, state)| state).filter(|state| fits(state));
                let best = found.min_by_key(|state| state.appeal())?;
                // Alone in an allocation, a job has all there is.
                let alone = best.device.sharing == Sharing::Packed && best.device.jobs == 1;
                let memory = if alone { best.device.memory } else { memory };
                let width = best.width(memory).max(best.share_of(ready));
                Some(Hold { slots: best.free.iter().copied().take(width).collect(), memory })
            }
            Demand::Whole { devices } => {
                let free: Vec<_> = self.usable(kept).filter(|(_, state)| state.jobs == 0).take(devices).collect();
                let slots = free.iter().flat_map(|(_, state)| state.free.iter().copied()).collect();
                (free.len() == devices).then_some(Hold { slots, memory: u64::MAX })
            }
        }
    }

    /// The devices to keep for a job that fits nowhere now: where least is missing.
    pub(super) fn soonest(&self, demand: Demand) -> Vec<usize> {
        let mut usable: Vec<_> = self.usable(&[]).collect();
        match demand {
            Demand::Shared { memory } => {
                let memory = memory.min(self.largest());
                usable.retain(|(_, state)| state.device.memory >= memory);
                usable.sort_by_key(|(_, state)| (state.missing(memory), state.jobs));
                usable.truncate(1);
            }
            // Too many are out of the run, so that it never will.
            Demand::Whole { devices } if devices > usable.len() => usable.clear(),
            Demand::Whole { devices } => {
                usable.sort_by_key(|(_, state)| state.jobs);
                usable.truncate(devices);
            }
        }
        usable.into_iter().map(|(index, _)| index).collect()
    }

    pub(super) fn take(&mut self, hold: &Hold) {
        for slot in &hold.slots {
            self.of_slot(*slot, |state| {
                state.free.remove(slot);
            });
        }
        self.each_device(&hold.slots, |state| {
            state.jobs += 1;
            state.used = state.used.saturating_add(state.held(hold.memory));
        });
    }

    pub(super) fn give_back(&mut self, hold: &Hold) {
        for slot in &hold.slots {
            self.of_slot(*slot, |state| {
                state.free.insert(*slot);
            });
        }
        self.each_device(&hold.slots, |state| {
            state.jobs = state.jobs.saturating_sub(1);
            state.sealed &= state.jobs > 0;
            state.used = state.used.saturating_sub(state.held(hold.memory));
        });
    }

    /// No job joins those that have been placed on packed devices so far.
    pub(super) fn seal(&mut self) {
        for state in self.devices.iter_mut().filter(|state| state.device.sharing == Sharing::Packed) {
            state.sealed = state.jobs > 0;
        }
    }

    /// Notes that a job of these slots did its work, so that its devices are sound. One that is out stays out.
    pub(super) fn praise(&mut self, slots: &[usize]) {
        self.each_device(slots, |state| {
            if state.works() {
                state.strikes = 0;
            }
        });
    }

    /// Notes a failure of a job's devices, and returns those that are out of the run from now on.
    pub(super) fn strike(&mut self, slots: &[usize]) -> Vec<usize> {
        self.each_device(slots, |state| state.strikes += 1);
        let lost = |index: &usize| self.devices[*index].strikes == STRIKES;
        let mut devices: Vec<usize> = slots.iter().map(|&slot| self.device_of(slot)).filter(lost).collect();
        devices.dedup();
        devices
    }

    /// The device to which a slot belongs.
    pub(super) fn device_of(&self, slot: usize) -> usize {
        self.devices.partition_point(|state| state.first + state.device.slots <= slot)
    }

    pub(super) fn is_contended(&self, device: usize) -> bool {
        self.devices.get(device).is_some_and(|state| state.device.sharing == Sharing::Contended)
    }

    /// Number of jobs on a device.
    pub(super) fn jobs_on(&self, device: usize) -> usize {
        self.devices.get(device).map_or(0, |state| state.jobs)
    }

    fn usable<'a>(&'a self, kept: &'a [usize]) -> impl Iterator<Item = (usize, &'a DeviceState)> {
        self.devices.iter().enumerate().filter(|(index, state)| state.works() && !kept.contains(index))
    }

    fn of_slot(&mut self, slot: usize, change: impl FnOnce(&mut DeviceState)) {
        let device = self.device_of(slot);
        if let Some(state) = self.devices.get_mut(device) {
            change(state);
        }
    }

    fn each_device(&mut self, slots: &[usize], mut change: impl FnMut(&mut DeviceState)) {
        let devices: BTreeSet<usize> = slots.iter().map(|&slot| self.device_of(slot)).collect();
        for device in devices {
            self.devices.get_mut(device).map(&mut change);
        }
    }
}

impl DeviceState {
    fn works(&self) -> bool {
        self.strikes < STRIKES
    }

    fn has_room(&self) -> bool {
        self.jobs < self.device.jobs && !self.free.is_empty() && !self.sealed
    }

    /// What a hold of so many bytes takes of this device.
    fn held(&self, memory: u64) -> u64 {
        memory.min(self.device.memory)
    }

    /// The slots that a job needs which takes so much memory: of cores as large a share, so that none idles because the
    /// memory is taken.
    fn width(&self, memory: u64) -> usize {
        let Device { slots, memory: all, sharing, .. } = self.device;
        if sharing != Sharing::Cores || all == 0 {
            return 1;
        }
        let share = (u128::from(memory) * slots as u128).div_ceil(u128::from(all));
        usize::try_from(share).unwrap_or(slots).clamp(1, slots)
    }

    /// The share of the free cores of one of so many jobs that are ready.
    fn share_of(&self, ready: usize) -> usize {
        match self.device.sharing {
            Sharing::Cores => self.free.len().div_ceil(ready.min(self.device.jobs - self.jobs).max(1)),
            Sharing::Places | Sharing::Contended | Sharing::Packed => 1,
        }
    }

    /// The smaller, the rather a job goes there: to the emptiest device, but not to another allocation if one has room.
    fn appeal(&self) -> (usize, u64) {
        let taken = if self.device.sharing == Sharing::Packed { self.device.jobs - self.jobs } else { self.jobs };
        (taken, self.used)
    }

    fn takes(&self, crowd: usize) -> bool {
        self.device.sharing != Sharing::Contended || self.jobs < crowd
    }

    /// Bytes and slots that must become free before so many bytes fit.
    fn missing(&self, memory: u64) -> (u64, usize) {
        let bytes = self.used.saturating_add(memory).saturating_sub(self.device.memory);
        (bytes, self.width(memory).saturating_sub(self.free.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1 << 30;

    fn gpu(slots: usize, memory: u64) -> Device {
        Device { slots, jobs: slots, memory, sharing: Sharing::Contended }
    }

    fn shared(memory: u64) -> Demand {
        Demand::Shared { memory }
    }

    /// Starts a job if it fits, and returns its slots.
    fn start(pool: &mut Pool, demand: Demand) -> Option<Hold> {
        let hold = pool.place(demand, usize::MAX, usize::MAX, &[])?;
        pool.take(&hold);
        Some(hold)
    }

    #[test]
    fn jobs_go_to_the_emptiest_device_that_has_the_memory() {
        let mut pool = Pool::new(&[gpu(2, 10 * GB), gpu(2, 40 * GB)]);
        let mut slots = |memory| start(&mut pool, shared(memory)).map(|hold| hold.slots);
        assert_eq!(slots(20 * GB), Some(vec![2]), "only the second is large enough");
        assert_eq!(slots(4 * GB), Some(vec![0]));
        assert_eq!(slots(7 * GB), Some(vec![3]), "4 of 10 GB are taken");
        assert_eq!(slots(7 * GB), None);
        assert_eq!(slots(6 * GB), Some(vec![1]));
        assert_eq!(slots(0), None, "no slot is free");
    }

    #[test]
    fn what_is_larger_than_any_device_runs_alone_on_the_largest() {
        let mut pool = Pool::new(&[gpu(2, 10 * GB), gpu(2, 40 * GB)]);
        let hold = start(&mut pool, shared(100 * GB)).unwrap();
        assert_eq!((hold.slots.as_slice(), hold.memory), (&[2][..], 40 * GB));
        assert_eq!(pool.place(shared(GB), usize::MAX, usize::MAX, &[]).unwrap().slots, [0]);
        pool.give_back(&hold);
        assert_eq!(start(&mut pool, shared(40 * GB)), Some(hold));
    }

    #[test]
    fn whole_devices_are_shared_with_nobody() {
        let mut pool = Pool::new(&[gpu(2, GB), gpu(2, GB), gpu(2, GB)]);
        let small = start(&mut pool, shared(1)).unwrap();
        let pair = start(&mut pool, Demand::Whole { devices: 2 }).unwrap();
        assert_eq!(pair.slots, [2, 3, 4, 5]);
        assert_eq!(start(&mut pool, Demand::Whole { devices: 1 }), None);
        pool.give_back(&small);
        assert_eq!(start(&mut pool, Demand::Whole { devices: 1 }).unwrap().slots, [0, 1]);
        pool.give_back(&pair);
        assert_eq!(start(&mut pool, shared(GB)).unwrap().slots, [2]);
    }

    #[test]
    fn the_device_where_least_is_missing_is_kept_for_a_job_that_fits_nowhere() {
        let mut pool = Pool::new(&[gpu(3, 10 * GB), gpu(3, 10 * GB), gpu(3, 4 * GB)]);
        for memory in [9 * GB, 5 * GB, 3 * GB] {
            start(&mut pool, shared(memory)).unwrap();
        }
        assert_eq!(pool.soonest(shared(8 * GB)), [1]);
        assert_eq!(pool.soonest(Demand::Whole { devices: 2 }), [0, 1]);
        assert_eq!(
            pool.place(shared(2 * GB), usize::MAX, usize::MAX, &[1]),
            None,
            "1 GB is free beside the one that is kept"
        );
    }

    #[test]
    fn on_a_processor_the_share_of_the_cores_is_that_of_the_memory() {
        let mut pool = Pool::new(&[Device { sharing: Sharing::Cores, ..gpu(8, 16 * GB) }]);
        let mut slots = |memory| start(&mut pool, shared(memory)).map(|hold| hold.slots);
        assert_eq!(slots(0), Some(vec![0]));
        assert_eq!(slots(2 * GB), Some(vec![1]));
        assert_eq!(slots(2 * GB + 1), Some(vec![2, 3]));
        assert_eq!(slots(10 * GB), None, "four slots are left");
        assert_eq!(slots(8 * GB), Some(vec![4, 5, 6, 7]));
    }

    #[test]
    fn a_device_that_fails_twice_without_a_success_between_is_out() {
        let mut pool = Pool::new(&[gpu(1, GB), gpu(1, 2 * GB)]);
        assert_eq!(pool.strike(&[1]), [0; 0]);
        pool.praise(&[1]);
        assert_eq!(pool.strike(&[1]), [0; 0]);
        assert_eq!(pool.strike(&[1]), [1]);
        assert_eq!(pool.strike(&[1]), [0; 0], "it is said once");
        pool.praise(&[1]);
        assert_eq!((pool.working(), pool.largest()), (1, GB), "what is out stays out");
        assert_eq!(pool.place(shared(2 * GB), usize::MAX, usize::MAX, &[]).unwrap().slots, [0]);
    }

    #[test]
    fn a_crowd_is_kept_off_contended_devices_only() {
        for (sharing, fits) in [(Sharing::Contended, false), (Sharing::Cores, true), (Sharing::Places, true)] {
            let mut pool = Pool::new(&[Device { sharing, ..gpu(4, GB) }]);
            start(&mut pool, shared(0)).unwrap();
            assert_eq!(pool.place(shared(0), 1, 9, &[]).is_some(), fits);
            assert!(pool.place(shared(0), 2, 9, &[]).is_some());
        }
    }

    #[test]
    fn an_allocation_is_filled_at_once_and_taken_again_when_it_is_empty() {
        let mut pool = Pool::new(&[Device { sharing: Sharing::Packed, ..gpu(3, 10 * GB) }; 2]);
        let slots = |pool: &mut Pool, memory| start(pool, shared(memory)).map(|hold| hold.slots);
        assert_eq!(
            [GB, 8 * GB, 2 * GB].map(|memory| slots(&mut pool, memory)),
            [Some(vec![0]), Some(vec![1]), Some(vec![3])]
        );
        pool.seal();
        pool.give_back(&Hold { slots: vec![0], memory: GB });
        assert_eq!(slots(&mut pool, 0), None, "both are under way");
        pool.give_back(&Hold { slots: vec![3], memory: 2 * GB });
        assert_eq!(slots(&mut pool, 0), Some(vec![3]));
        let alone = Pool::new(&[Device { sharing: Sharing::Packed, jobs: 1, ..gpu(1, GB) }]);
        assert_eq!(alone.place(shared(1), 1, 1, &[]).unwrap().memory, GB);
    }

    #[test]
    fn free_cores_are_divided_among_the_jobs_that_are_ready() {
        let widths = |jobs: usize, ready: &[usize]| -> Vec<usize> {
            let mut pool = Pool::new(&[Device { sharing: Sharing::Cores, jobs, ..gpu(8, GB) }]);
            let mut width = |&ready: &usize| {
                let hold = pool.place(shared(0), 1, ready, &[]);
                hold.iter().for_each(|hold| pool.take(hold));
                hold.map_or(0, |hold| hold.slots.len())
            };
            ready.iter().map(&mut width).collect()
        };
        assert_eq!(widths(8, &[3, 2, 1, 9]), [3, 3, 2, 0]);
        assert_eq!(widths(8, &[100; 9]), [1, 1, 1, 1, 1, 1, 1, 1, 0]);
        assert_eq!(widths(2, &[100, 100, 100]), [4, 4, 0], "two jobs at a time");
        assert_eq!(widths(8, &[1]), [8]);
    }
}
