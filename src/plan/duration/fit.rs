//! Times fitted by a fixed part and a rate, and how far they scatter around it.

use super::{Estimate, Level};

/// A measured job, or the mean of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) macs: f64,
    pub(super) seconds: f64,
}

/// What is known beforehand of the scatter counts like so many samples.
const PRIOR_WEIGHT: f64 = 3.0;
/// Work that differs by no more than this factor cannot tell a fixed part from a rate.
const SAME_WORK: f64 = 1.2;
/// Quantile of the normal distribution at 90 %: 10 % of jobs take longer, and 10 % less than the range.
const NORMAL_QUANTILE: f64 = 1.281_552;
/// Least share of the error's variance that all jobs have in common: a machine that is busier than when the samples
/// were measured slows all of them.
const LEAST_SHARED: f64 = 0.25;

/// Across networks, a job of so many times the work of any that was measured is too far away to tell.
const OUT_OF_SIGHT: f64 = 1000.0;

/// `seconds = fixed + rate × MACs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    level: Level,
    /// In seconds.
    fixed: f64,
    /// In seconds per multiply-accumulate.
    rate: f64,
    /// Standard deviation of the logarithm of measured over fitted times, and of the fit itself.
    deviation: f64,
    /// Deviations to either end of the range.
    quantile: f64,
    /// Least and most work of a sample.
    work: (f64, f64),
    /// Growth of the deviation where the work is e times that of any sample.
    beyond: f64,
    /// See [`Estimate::shared`].
    shared: f64,
}

/// Deviation of the logarithm among samples of a level, and its growth where the work is e times that of any: as
/// leaving samples out shows it (`benches/durations.rs`, docs/performance.md), rounded up.
fn prior(level: Level) -> (f64, f64) {
    match level {
        Level::Recipe => (0.12, 0.0),
        Level::Shape => (0.15, 0.1),
        Level::Network => (0.3, 0.1),
        Level::Kind => (0.6, 0.2),
        Level::Device => (1.0, 0.4),
    }
}

/// The mean of samples of the same work; nothing of none.
pub(super) fn mean(points: &[Point]) -> Point {
    let count = points.len().max(1) as f64;
    let sum = |of: fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / count;
    Point { macs: sum(|point| point.macs), seconds: sum(|point| point.seconds) }
}

impl Fit {
    /// The fit of samples; `None` without any. `shortest` is the time of the shortest job with work in seconds: no
    /// fixed part is longer.
    pub(super) fn of(points: &[Point], level: Level, shortest: f64) -> Option<Self> {
        let least = points.iter().map(|point| point.macs).reduce(f64::min)?;
        let most = points.iter().map(|point| point.macs).fold(least, f64::max);
        let (fixed, rate) = line(points, (least, most), shortest);
        let (scatter, beyond) = prior(level);
        let count = points.len() as f64;
        let squares: f64 = logarithms(points, fixed, rate).map(|logarithm| logarithm * logarithm).sum();
        let parameters = if fixed > 0.0 && rate > 0.0 { 2.0 } else { 1.0 };
        let freedom = PRIOR_WEIGHT + (count - parameters).max(0.0);
        let variance = (PRIOR_WEIGHT * scatter * scatter + squares) / freedom;
        // What jobs of one recipe or shape have in common is the error of their mean; beyond, what is wrong for one job
        // is wrong for all like it.
        let shared = match level {
            Level::Recipe | Level::Shape => (1.0 / (count + 1.0)).max(LEAST_SHARED),
            Level::Network | Level::Kind | Level::Device => 1.0,
        };
        Some(Self {
            level,
            fixed,
            rate,
            deviation: (variance * (1.0 + 1.0 / count)).sqrt(),
            quantile: student_quantile(freedom),
            work: (least, most),
            beyond,
            shared,
        })
    }

    /// The estimate for so much work; `None` if the samples do not say what it takes: what a job without work does
    /// instead is known from its own kind alone.
    pub(super) fn estimate(&self, macs: f64) -> Option<Estimate> {
        if macs <= 0.0 && self.level == Level::Device {
            return None;
        }
        let seconds = self.fixed + self.rate * macs;
        let (least, most) = self.work;
        let distance =
            [macs / most, least / macs].into_iter().filter(|ratio| ratio.is_finite()).fold(1.0, f64::max).ln();
        if self.level >= Level::Kind && distance > OUT_OF_SIGHT.ln() {
            return None;
        }
        let known = self.deviation * self.deviation;
        let variance = known + (self.beyond * distance).powi(2);
        let factor = (self.quantile * variance.sqrt()).exp();
        let shared = ((self.shared * known + variance - known) / variance).min(1.0);
        // Far from all samples the fixed part is unsure: there may be none.
        let in_proportion = |work: f64| (self.fixed + self.rate * work) * macs / work;
        let low = if macs < least { seconds.min(in_proportion(least)) } else { seconds };
        let high = if macs > most && most > 0.0 { seconds.max(in_proportion(most)) } else { seconds };
        let estimate = Estimate { seconds, low: low / factor, high: high * factor, shared };
        (seconds > 0.0 && estimate.high.is_finite()).then_some(estimate)
    }
}

/// Fixed part and rate by least squares of relative errors, corrected so that the mean of the logarithm of measured over
/// fitted times is zero. The fixed part is neither negative nor longer than `shortest`.
fn line(points: &[Point], (least, most): (f64, f64), shortest: f64) -> (f64, f64) {
    if most <= 0.0 {
        return (mean(points).seconds, 0.0);
    }
    // Of sum ((fixed + rate × macs) / seconds − 1)², with a = 1 / seconds and b = macs / seconds.
    let sum = |of: fn(f64, f64) -> f64| -> f64 {
        points.iter().map(|point| of(1.0 / point.seconds, point.macs / point.seconds)).sum()
    };
    let (a, b, aa, ab, bb) = (sum(|a, _| a), sum(|_, b| b), sum(|a, _| a * a), sum(|a, b| a * b), sum(|_, b| b * b));
    let free = (a * bb - b * ab) / (aa * bb - ab * ab);
    let fixed = if most > SAME_WORK * least && free > 0.0 { free.min(shortest) } else { 0.0 };
    let rate = (b - fixed * ab) / bb;
    let count = points.len() as f64;
    let correction = (logarithms(points, fixed, rate).sum::<f64>() / count).exp();
    (fixed * correction, rate * correction)
}

/// The logarithms of measured over fitted times. A job without work has none if there is no fixed part.
fn logarithms(points: &[Point], fixed: f64, rate: f64) -> impl Iterator<Item = f64> {
    points.iter().filter_map(move |point| {
        let fitted = fixed + rate * point.macs;
        (fitted > 0.0).then(|| (point.seconds / fitted).ln())
    })
}

/// 90 % quantile of Student's distribution, by the Cornish-Fisher expansion; 0.7 % too small at 3 degrees of freedom,
/// exact for many.
fn student_quantile(freedom: f64) -> f64 {
    let z = NORMAL_QUANTILE;
    z + (z.powi(3) + z) / (4.0 * freedom) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom * freedom)
}
