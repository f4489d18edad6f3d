//! How many jobs of a shape should share a device they compete for: one more as long as that gets more work done.

use std::collections::BTreeMap;

/// What one more job must add to the work that a device gets done to be worth it.
const GAIN: f64 = 1.1;

/// What was measured of jobs that share contended devices.
#[derive(Clone, Debug)]
pub(super) struct Crowds {
    /// For each shape the images per second of one, two, … jobs of it together on one device.
    rates: Vec<Vec<Rate>>,
    /// The jobs on each device.
    devices: BTreeMap<usize, BTreeMap<usize, Member>>,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    images_per_second: f64,
    /// Whether it is from earlier runs, whose jobs did not all have the same company all the time.
    remembered: bool,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    shape: usize,
    /// Reports since jobs last came to the device or left it.
    reports: usize,
    /// Images per second of the last report.
    rate: f64,
}

impl Crowds {
    /// Begins with what earlier runs tell of each shape: the images per second of one, two, … jobs together.
    pub(super) fn new<'a>(remembered: impl Iterator<Item = &'a [f64]>) -> Self {
        let rate = |&images_per_second: &f64| Rate { images_per_second, remembered: true };
        Self { rates: remembered.map(|rates| rates.iter().map(rate).collect()).collect(), devices: BTreeMap::new() }
    }

    /// How many jobs of a shape may share a device: as many as are known to be worth it, and one to try.
    pub(super) fn limit(&self, shape: usize) -> usize {
        let rates = self.rates.get(shape).map_or(&[][..], Vec::as_slice);
        let pays = |pair: &&[Rate]| pair[1].images_per_second >= GAIN * pair[0].images_per_second;
        let worthwhile = rates.windows(2).take_while(pays).count();
        match rates.len() {
            0 => 1,
            // The last try paid, so another may.
            tried if worthwhile + 1 == tried => tried + 1,
            _ => worthwhile + 1,
        }
    }

    pub(super) fn joined(&mut self, device: usize, job: usize, shape: usize) {
        let members = self.devices.entry(device).or_default();
        members.insert(job, Member { shape, reports: 0, rate: 0.0 });
        members.values_mut().for_each(|member| member.reports = 0);
    }

    pub(super) fn left(&mut self, device: usize, job: usize) {
        let members = self.devices.entry(device).or_default();
        members.remove(&job);
        members.values_mut().for_each(|member| member.reports = 0);
    }

    /// Takes notice of the speed of a job's last epoch in images per second.
    pub(super) fn reported(&mut self, device: usize, job: usize, rate: f64) {
        let members = self.devices.entry(device).or_default();
        let Some(member) = members.get_mut(&job) else { return };
        *member = Member { reports: member.reports + 1, rate, ..*member };
        let shape = member.shape;
        // The first report after a change is about an epoch that began before it.
        if members.values().any(|member| member.reports < 2 || member.shape != shape) {
            return;
        }
        let (crowd, together) = (members.len(), members.values().map(|member| member.rate).sum::<f64>());
        let Some(rates) = self.rates.get_mut(shape) else { return };
        let measured = Rate { images_per_second: together, remembered: false };
        if let Some(best) = rates.get_mut(crowd - 1) {
            if best.remembered || best.images_per_second < together {
                *best = measured;
            }
        } else if rates.len() == crowd - 1 {
            // Of larger crowds nothing is learned before the smaller ones were measured.
            rates.push(measured);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit that is found when a crowd of k jobs gets `together[k - 1]` done, and never fewer than the limit share.
    fn found(together: &[f64]) -> usize {
        let mut crowds = Crowds::new([&[][..]].into_iter());
        let mut members = 0;
        while members < crowds.limit(0).min(together.len()) {
            crowds.joined(0, members, 0);
            members += 1;
            for _ in 0..2 {
                for job in 0..members {
                    crowds.reported(0, job, together[members - 1] / members as f64);
                }
            }
        }
        crowds.limit(0)
    }

    #[test]
    fn one_more_is_let_in_as_long_as_it_pays() {
        assert_eq!(found(&[]), 1);
        assert_eq!(found(&[100.0]), 2, "a second one is tried");
        assert_eq!(found(&[100.0, 105.0, 300.0]), 1, "it did not pay");
        assert_eq!(found(&[100.0, 180.0, 190.0]), 2);
        assert_eq!(found(&[100.0, 180.0, 240.0, 250.0, 900.0]), 3);
        assert_eq!(found(&[100.0, 180.0, 240.0]), 4);
    }

    #[test]
    fn what_earlier_runs_found_counts_until_it_is_measured_anew() {
        let mut crowds = Crowds::new([&[100.0, 150.0, 155.0][..]].into_iter());
        assert_eq!(crowds.limit(0), 2);
        crowds.joined(0, 1, 0);
        crowds.joined(0, 2, 0);
        for _ in 0..2 {
            crowds.reported(0, 1, 52.0);
            crowds.reported(0, 2, 52.0);
        }
        assert_eq!(crowds.limit(0), 1, "104 is hardly more than 100");
    }

    #[test]
    fn epochs_that_began_in_another_crowd_and_mixed_crowds_tell_nothing() {
        let mut crowds = Crowds::new([&[][..], &[]].into_iter());
        crowds.joined(0, 1, 0);
        crowds.reported(0, 1, 100.0);
        assert_eq!(crowds.limit(0), 1);
        crowds.joined(0, 2, 1);
        for _ in 0..3 {
            crowds.reported(0, 1, 60.0);
            crowds.reported(0, 2, 60.0);
        }
        assert_eq!((crowds.limit(0), crowds.limit(1)), (1, 1));
        crowds.left(0, 2);
        crowds.reported(0, 1, 80.0);
        assert_eq!(crowds.limit(0), 1);
        crowds.reported(0, 1, 100.0);
        assert_eq!((crowds.limit(0), crowds.limit(1)), (2, 1));
    }
}
