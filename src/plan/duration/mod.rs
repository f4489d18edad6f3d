//! How long a job will take, learned from how long others took: closed forms scale what was measured, and nothing is
//! said where nothing was measured. No clock: durations come in with the samples.
//!
//! A job is estimated from the samples that are most like it: those of the same recipe with another seed, else those
//! with the same work per image, else those of the same network in another batch, else those of the same kind of job,
//! else all on the same device. Their times are fitted by `fixed + rate × MACs` (see [`Cost`]), where the fixed part
//! stands for starting and for loading data.
//!
//! Ranges hold four of five jobs. They come from the scatter of measured over fitted times, together with the scatter
//! that other stores showed at the same level of likeness, which counts like three samples: few samples leave a wide
//! range. Beyond the work of all samples they widen with the distance, and far beyond it nothing is said.

mod fit;
mod likeness;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use likeness::{Level, Likeness};

use self::{
    fit::{Fit, Point},
    likeness::Key,
};
use super::{Cost, Estimate, Job};

/// A job that was measured.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The job.
    pub job: &'a Job,
    /// The job whose encoder it evaluates, if it evaluates one.
    pub parent: Option<&'a Job>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// CPU threads it had.
    pub threads: usize,
    /// The device, as its maker names it.
    pub device: &'a str,
}

/// What was learned of the durations of jobs.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    devices: BTreeMap<String, BTreeMap<usize, Population>>,
}

/// How many measured jobs stand behind the estimates for a device and a number of threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// With this number of threads.
    pub alike: usize,
    /// With other numbers of threads: their times are scaled, which widens the range.
    pub other_threads: usize,
}

/// The samples of one device with one number of threads.
#[derive(Clone, Debug, Default)]
struct Population {
    samples: usize,
    fits: BTreeMap<Key, Fit>,
}

/// In which order samples are looked at, and whether they must have the same number of threads. A recipe that was
/// measured with other threads says more than another network with the same.
const ORDER: [(Level, bool); 10] = [
    (Level::Recipe, true),
    (Level::Shape, true),
    (Level::Network, true),
    (Level::Recipe, false),
    (Level::Shape, false),
    (Level::Network, false),
    (Level::Kind, true),
    (Level::Device, true),
    (Level::Kind, false),
    (Level::Device, false),
];

impl Durations {
    /// Learns from measured jobs. Times that are not positive, and evaluations without their parent, are passed over.
    pub fn learn<'a>(samples: impl IntoIterator<Item = Sample<'a>>) -> Self {
        let mut gathered: BTreeMap<(&str, usize), Vec<(Likeness, Point)>> = BTreeMap::new();
        for Sample { job, parent, seconds, threads, device } in samples {
            let Some(likeness) = Likeness::of(job, parent) else { continue };
            if seconds.is_finite() && seconds > 0.0 && threads > 0 {
                let point = Point { macs: Cost::of(job, parent).macs, seconds };
                gathered.entry((device, threads)).or_default().push((likeness, point));
            }
        }
        let mut durations = Self::default();
        for ((device, threads), samples) in gathered {
            durations.devices.entry(device.to_owned()).or_default().insert(threads, Population::of(&samples));
        }
        durations
    }

    /// How long a job will take with so many threads on a device; `None` if nothing was measured that says it.
    pub fn of(&self, job: &Job, parent: Option<&Job>, threads: usize, device: &str) -> Option<Estimate> {
        let populations = self.devices.get(device)?;
        let likeness = Likeness::of(job, parent)?;
        let macs = Cost::of(job, parent).macs;
        ORDER.iter().find_map(|&(level, same_threads)| {
            let key = likeness.key(level);
            if same_threads {
                return populations.get(&threads)?.estimate(&key, macs);
            }
            let others = populations.iter().filter(|(other, _)| **other != threads);
            let known = others.filter_map(|(&other, found)| Some((other, found.estimate(&key, macs)?)));
            let (other, estimate) = known.min_by(|a, b| distance(a.0, threads).total_cmp(&distance(b.0, threads)))?;
            Some(with_threads(estimate, other, threads))
        })
    }

    /// How many measured jobs there are for a device.
    pub fn measured(&self, threads: usize, device: &str) -> Measured {
        let populations = self.devices.get(device);
        let all: usize = populations.iter().flat_map(|found| found.values()).map(|found| found.samples).sum();
        let alike = populations.and_then(|found| found.get(&threads)).map_or(0, |found| found.samples);
        Measured { alike, other_threads: all - alike }
    }
}

impl Population {
    fn of(samples: &[(Likeness, Point)]) -> Self {
        let mut groups: BTreeMap<Key, Vec<Point>> = BTreeMap::new();
        let mut shapes: BTreeMap<(Key, u64), (Likeness, Vec<Point>)> = BTreeMap::new();
        for (likeness, point) in samples {
            for level in [Level::Recipe, Level::Shape] {
                groups.entry(likeness.key(level)).or_default().push(*point);
            }
            let shape = (likeness.key(Level::Shape), point.macs.to_bits());
            shapes.entry(shape).or_insert_with(|| (likeness.clone(), vec![])).1.push(*point);
        }
        // Across batches and networks, a hundred measurements of one say no more than one of another.
        for (likeness, points) in shapes.values() {
            let mean = fit::mean(points);
            for level in [Level::Network, Level::Kind, Level::Device] {
                groups.entry(likeness.key(level)).or_default().push(mean);
            }
        }
        let with_work = samples.iter().filter(|(_, point)| point.macs > 0.0);
        let shortest = with_work.map(|(_, point)| point.seconds).fold(f64::INFINITY, f64::min);
        let fits = groups
            .into_iter()
            .filter_map(|(key, points)| Some((key, Fit::of(&points, key.level(), shortest)?)))
            .collect();
        Self { samples: samples.len(), fits }
    }

    fn estimate(&self, key: &Key, macs: f64) -> Option<Estimate> {
        self.fits.get(key)?.estimate(macs)
    }
}

/// How far two numbers of threads are from each other.
fn distance(a: usize, b: usize) -> f64 {
    (a as f64 / b.max(1) as f64).ln().abs()
}

/// An estimate for `measured` threads, for another number of them: further threads may help as much as they can or not
/// at all, and missing ones the other way round. The expectation is the worse of the two.
fn with_threads(estimate: Estimate, measured: usize, threads: usize) -> Estimate {
    let Estimate { seconds, low, high, .. } = estimate;
    let perfect = measured as f64 / threads.max(1) as f64;
    let worse = perfect.max(1.0);
    Estimate { seconds: seconds * worse, low: low * perfect.min(1.0), high: high * worse, shared: 1.0 }
}
