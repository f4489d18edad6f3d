//! A duration that is not known, and how several of them add up.

/// How long something will take, with a range that holds it in four of five cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Expected duration in seconds.
    pub seconds: f64,
    /// One in ten takes less, in seconds.
    pub low: f64,
    /// One in ten takes more, in seconds.
    pub high: f64,
    /// Share of the error's variance, between 0 and 1, that other estimates have in common: it remains where many jobs
    /// add up, while the rest averages out.
    pub shared: f64,
}

impl Estimate {
    /// What takes no time.
    pub const NOTHING: Self = Self { seconds: 0.0, low: 0.0, high: 0.0, shared: 0.0 };

    /// A share of it, such as what is left of a job that is under way.
    #[must_use]
    pub fn times(self, share: f64) -> Self {
        Self { seconds: self.seconds * share, low: self.low * share, high: self.high * share, ..self }
    }

    /// The same with nothing but the part of the error that no other estimate has in common.
    pub(super) fn without_shared(self) -> Self {
        let own = (1.0 - self.shared).sqrt();
        let end = |end: f64| self.seconds + own * (end - self.seconds);
        Self { seconds: self.seconds, low: end(self.low), high: end(self.high), shared: 0.0 }
    }

    /// The same with further distances of the range's ends, in seconds, that other estimates have in common.
    pub(super) fn with_shared(self, below: f64, above: f64) -> Self {
        let (own_below, own_above) = (self.seconds - self.low, self.high - self.seconds);
        let share = |shared: f64, own: f64| shared * shared / (shared * shared + own * own);
        Self {
            seconds: self.seconds,
            low: self.seconds - below.hypot(own_below),
            high: self.seconds + above.hypot(own_above),
            shared: [share(below, own_below), share(above, own_above)].into_iter().fold(0.0, f64::max),
        }
    }

    /// The time that all take together, one after the other.
    pub fn total(estimates: impl IntoIterator<Item = Self>) -> Self {
        estimates.into_iter().fold(Sum::default(), Sum::and).estimate()
    }
}

/// Durations one after the other, and how their errors add up: what is shared adds like the durations, the rest like
/// the sides of a right angle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    seconds: f64,
    below: Error,
    above: Error,
}

/// The distance of one end of a range from what is expected.
#[derive(Clone, Copy, Debug, Default)]
struct Error {
    /// Of the part that is shared, in seconds.
    shared: f64,
    /// Of the rest, squared.
    own: f64,
}

impl Sum {
    /// With one more.
    pub(super) fn and(self, next: Estimate) -> Self {
        Self {
            seconds: self.seconds + next.seconds,
            below: self.below.and(next.seconds - next.low, next.shared),
            above: self.above.and(next.high - next.seconds, next.shared),
        }
    }

    pub(super) fn estimate(self) -> Estimate {
        let (below, above) = (self.below, self.above);
        let shares = [below, above].map(|error| error.shared.powi(2) / error.squared());
        Estimate {
            seconds: self.seconds,
            low: self.seconds - below.squared().sqrt(),
            high: self.seconds + above.squared().sqrt(),
            shared: shares.into_iter().filter(|share| share.is_finite()).fold(0.0, f64::max),
        }
    }
}

impl Error {
    fn and(self, distance: f64, shared: f64) -> Self {
        Self { shared: self.shared + shared.sqrt() * distance, own: self.own + (1.0 - shared) * distance * distance }
    }

    fn squared(self) -> f64 {
        self.shared * self.shared + self.own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Estimate = Estimate { seconds: 10.0, low: 8.0, high: 14.0, shared: 0.0 };

    #[test]
    fn independent_errors_average_out_and_shared_ones_do_not() {
        let total = |shared| Estimate::total([Estimate { shared, ..ONE }; 100]);
        assert_eq!(total(0.0), Estimate { seconds: 1000.0, low: 980.0, high: 1040.0, shared: 0.0 });
        assert_eq!(total(1.0), Estimate { seconds: 1000.0, low: 800.0, high: 1400.0, shared: 1.0 });
        let half = total(0.5);
        assert!(half.low > 800.0 && half.low < 980.0 && half.shared > 0.98);
        assert_eq!(Estimate::total([]), Estimate::NOTHING);
    }

    #[test]
    fn a_share_is_a_share_of_the_range() {
        assert_eq!(ONE.times(0.5), Estimate { seconds: 5.0, low: 4.0, high: 7.0, shared: 0.0 });
    }
}
