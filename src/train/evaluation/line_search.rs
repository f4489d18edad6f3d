//! A line search for the strong Wolfe conditions (Nocedal and Wright 2006, algorithms 3.5 and 3.6).

/// Sufficient decrease: f(t) ≤ f(0) + `DECREASE` · t · f'(0).
const DECREASE: f64 = 1e-4;
/// Curvature: |f'(t)| ≤ `CURVATURE` · |f'(0)|.
const CURVATURE: f64 = 0.9;
/// Evaluations before the search gives up.
const EVALUATIONS: usize = 50;
/// Growth of the step while the function still falls.
const GROWTH: f64 = 4.0;
/// Difference of two values, relative to f(0), that may be rounding: sums of many terms lose a few of the last bits.
/// Close to the minimum only slopes tell one point from another.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// The function at the start of the line, and where to look first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// f(0).
    pub value: f64,
    /// f'(0), negative if the direction leads down.
    pub slope: f64,
    /// The first step tried, above 0.
    pub first_step: f64,
}

/// A point of the line.
#[derive(Clone, Copy, Debug)]
struct Trial {
    step: f64,
    value: f64,
    slope: f64,
}

/// The value at a step that meets both conditions, or nothing if none was found; `evaluate` gives value and slope at a
/// step, and its last call was at the step that is accepted.
pub(super) fn strong_wolfe(line: Line, mut evaluate: impl FnMut(f64) -> (f64, f64)) -> Option<f64> {
    if line.slope >= 0.0 || line.slope.is_nan() {
        return None;
    }
    let slack = ROUNDING * line.value.abs();
    let start = Trial { step: 0.0, value: line.value, slope: line.slope };
    // `low` is the best point so far that decreases enough; once there is a `high`, a good step lies between the two.
    let (mut low, mut high): (Trial, Option<Trial>) = (start, None);
    let mut step = line.first_step;
    for _ in 0..EVALUATIONS {
        let (value, slope) = evaluate(step);
        let trial = Trial { step, value, slope };
        let enough = value <= line.value + DECREASE * step * line.slope + slack;
        // Not "greater": values that are not numbers are too high.
        if !(enough && value <= low.value + slack && slope.is_finite()) {
            high = Some(trial);
        } else if slope.abs() <= CURVATURE * line.slope.abs() {
            return Some(value);
        } else {
            // The minimum lies where the slope leads down; if that is back towards `low`, it is the other end.
            let towards = high.map_or(1.0, |high| high.step - low.step);
            if slope * towards >= 0.0 {
                high = Some(low);
            }
            low = trial;
        }
        let next = match high {
            Some(high) => between(low, high),
            None => GROWTH * step,
        };
        if next == step || next == low.step || !next.is_finite() {
            return None;
        }
        step = next;
    }
    None
}

/// The minimum of the cubic through both points and slopes, kept off the ends; the middle if there is none.
fn between(low: Trial, high: Trial) -> f64 {
    let width = high.step - low.step;
    let d1 = low.slope + high.slope - 3.0 * (low.value - high.value) / (low.step - high.step);
    let d2 = width.signum() * (d1 * d1 - low.slope * high.slope).sqrt();
    let cubic = high.step - width * (high.slope + d2 - d1) / (high.slope - low.slope + 2.0 * d2);
    let share = (cubic - low.step) / width;
    low.step + width * if share.is_nan() { 0.5 } else { share.clamp(0.1, 0.9) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches along f from 0 and returns the accepted step after checking both conditions there.
    fn search(f: impl Fn(f64) -> (f64, f64), first_step: f64) -> Option<f64> {
        let (value, slope) = f(0.0);
        let mut last = 0.0;
        let accepted = strong_wolfe(Line { value, slope, first_step }, |step| {
            last = step;
            f(step)
        })?;
        let (there, slope_there) = f(last);
        assert_eq!(accepted, there);
        assert!(there <= value + DECREASE * last * slope + ROUNDING * value.abs(), "{last}");
        assert!(slope_there.abs() <= CURVATURE * slope.abs(), "{last}");
        Some(last)
    }

    #[test]
    fn steps_that_are_far_too_short_or_long_are_mended() {
        let parabola = |t: f64| ((t - 3.0).powi(2), 2.0 * (t - 3.0));
        let wavy = |t: f64| ((t - 3.0).powi(2) + (5.0 * t).sin(), 2.0 * (t - 3.0) + 5.0 * (5.0 * t).cos());
        let quartic = |t: f64| ((t - 2.0).powi(4), 4.0 * (t - 2.0).powi(3));
        for first_step in [1e-8, 1e-3, 1.0, 5.9, 7.0, 1e3, 1e8] {
            assert!(search(parabola, first_step).is_some(), "{first_step}");
            assert!(search(|t| wavy(t + 0.7), first_step).is_some(), "{first_step}");
            assert!(search(quartic, first_step).is_some(), "{first_step}");
        }
    }

    #[test]
    fn functions_with_holes_are_searched_where_they_are_finite() {
        let barrier =
            |t: f64| if t < 1.0 { (-t - 0.1 * (1.0 - t).ln(), -1.0 + 0.1 / (1.0 - t)) } else { (f64::NAN, 1.0) };
        assert!(search(barrier, 64.0).is_some_and(|step| step < 1.0));
    }

    #[test]
    fn slopes_decide_where_values_are_all_the_same() {
        // The decrease, 1e-20, is lost in a value of 1.
        let flat = |t: f64| (1.0, 1e-10 * (t - 1.0) * 2.0);
        assert!(search(flat, 1e-3).is_some());
        assert!(search(flat, 100.0).is_some());
    }

    #[test]
    fn uphill_and_bottomless_lines_have_no_step() {
        assert_eq!(search(|t| (t, 1.0), 1.0), None);
        assert_eq!(search(|t| (-t, -1.0), 1.0), None);
    }
}
