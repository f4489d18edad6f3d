//! Axes: from numbers to pixels, with ticks at round numbers.

/// An axis that covers all its numbers and begins and ends at ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    step: f64,
    /// Where the two ends are, in pixels.
    ends: (f64, f64),
}

/// Numbers beyond this are drawn at the edge: sums and products of coordinates must stay finite.
const LARGEST: f64 = 1e100;

/// Smallest and largest of some numbers that are drawn; `None` of nothing.
pub(super) fn range(numbers: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = numbers.into_iter().filter(|number| number.is_finite()).map(|number| number.clamp(-LARGEST, LARGEST));
    finite.fold(None, |range, number| {
        let (low, high) = range.unwrap_or((number, number));
        Some((number.min(low), number.max(high)))
    })
}

impl Scale {
    /// An axis from `ends.0` to `ends.1` in pixels for numbers in `range`, with at most `most` ticks, three at least.
    pub fn new((mut low, mut high): (f64, f64), ends: (f64, f64), most: usize) -> Self {
        // Equal numbers are in the middle, with room for a tick on either side.
        let smallest = 1e-9 * low.abs().max(high.abs()).max(1e-9);
        if high - low <= smallest {
            let room = if low == 0.0 { 1.0 } else { 0.05 * low.abs() };
            (low, high) = (low - room, high + room);
        }
        let step = step((high - low) / (most.max(3) - 1) as f64);
        let ticks = |step: f64| ((low / step).floor(), (high / step).ceil());
        let mut step = step;
        // Rounding outwards can take one tick more than there is room for.
        let (first, last) = loop {
            let (first, last) = ticks(step);
            if last - first < most.max(3) as f64 {
                break (first, last);
            }
            step = next(step);
        };
        Self { low: first * step, high: last * step, step, ends }
    }

    /// Where a number is, in pixels; numbers beyond the ends are at the ends.
    pub fn place(&self, number: f64) -> f64 {
        let share = ((number - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.ends.0 + share * (self.ends.1 - self.ends.0)
    }

    /// The same axis moved by some pixels.
    pub fn shifted(&self, by: f64) -> Self {
        Self { ends: (self.ends.0 + by, self.ends.1 + by), ..self.clone() }
    }

    /// The number at the beginning.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The ticks with their labels.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let first = (self.low / self.step).round();
        let number = |index: usize| (first + index as f64) * self.step;
        (0..=count).map(|index| (number(index), self.label(number(index)))).collect()
    }

    /// A number with as many decimals as the ticks need, and a true minus.
    fn label(&self, number: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        let text = if number == 0.0 {
            "0".to_owned()
        } else if largest >= 1e6 || decimals > 6 {
            // As many digits as tell neighbors apart.
            let digits = (number.abs().log10().floor() - self.step.log10().floor()).max(0.0) as usize;
            format!("{number:.*e}", digits.min(15))
        } else {
            format!("{number:.decimals$}")
        };
        text.replace('-', "−")
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least `wanted`.
fn step(wanted: f64) -> f64 {
    let power = 10_f64.powf(wanted.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= wanted * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// The step after a step.
fn next(current: f64) -> f64 {
    step(1.5 * current)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(range: (f64, f64), most: usize) -> String {
        let ticks = Scale::new(range, (0.0, 100.0), most).ticks();
        ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels((51.5, 69.4), 6), "50 55 60 65 70");
        assert_eq!(labels((0.0, 375.0), 9), "0 50 100 150 200 250 300 350 400");
        assert_eq!(labels((0.12, 0.31), 6), "0.10 0.15 0.20 0.25 0.30 0.35");
        assert_eq!(labels((-1.3, 2.0), 6), "−2 −1 0 1 2");
        assert_eq!(labels((0.0, 3.0e7), 5), "0 1e7 2e7 3e7");
    }

    #[test]
    fn equal_numbers_are_in_the_middle() {
        for number in [0.0, 64.5, -3.0, 1e-7] {
            let place = Scale::new((number, number), (0.0, 100.0), 6).place(number);
            assert!((20.0..80.0).contains(&place), "{number} {place}");
        }
    }

    #[test]
    fn nothing_has_no_range() {
        assert_eq!(range([]), None);
        assert_eq!(range([f64::NAN, f64::INFINITY]), None);
        assert_eq!(range([2.0, f64::NAN, -1.0]), Some((-1.0, 2.0)));
    }

    proptest! {
        #[test]
        fn places_are_finite_ordered_and_inside(
            low in prop::num::f64::NORMAL, span in 0.0_f64..1e9, share in 0.0_f64..1.0, most in 2_usize..12,
        ) {
            let Some((low, high)) = range([low, low + span]) else { return Ok(()) };
            let scale = Scale::new((low, high), (10.0, 90.0), most);
            let number = low + share * (high - low);
            let [first, middle, last] = [low, number, high].map(|number| scale.place(number));
            prop_assert!(10.0 <= first && first <= middle && middle <= last && last <= 90.0);
            let ticks = scale.ticks();
            prop_assert!((2..=most.max(3)).contains(&ticks.len()), "{:?}", ticks);
            prop_assert!(ticks.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
