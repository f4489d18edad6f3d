//! L-BFGS (Liu and Nocedal 1989) in float64: the minimizer of the paper's logistic regression (appendix B.8.1).

use std::collections::VecDeque;

use super::line_search::{Line, strong_wolfe};

/// Pairs of steps and gradient changes that are remembered, as in SciPy.
const MEMORY: usize = 10;

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Most steps.
    pub iterations: usize,
    /// The largest component of the gradient, in absolute value, at which the minimum counts as found; scikit-learn
    /// takes 1e-4.
    pub gradient: f64,
}

/// Why the minimization stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The gradient is within its limit.
    Converged,
    /// The limit on steps was reached first.
    IterationLimit,
    /// It was asked to.
    Asked,
    /// No acceptable step was found, not even along the gradient: rounding, or a gradient that is wrong.
    LineSearchFailed,
    /// The function or its gradient is not finite at the start.
    NotFinite,
}

/// The point at which the minimization stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimum {
    /// The point.
    pub point: Vec<f64>,
    /// The function there.
    pub value: f64,
    /// The largest component of the gradient there, in absolute value.
    pub gradient: f64,
    /// Steps taken.
    pub iterations: usize,
    /// Evaluations of the function and its gradient.
    pub evaluations: usize,
    /// Why it stopped.
    pub stop: Stop,
}

/// Minimizes a smooth function from `start`, as long as `go_on` says so, which is asked before each step.
///
/// `function` writes its gradient at the point, the first argument, to the second and returns its value.
pub fn minimize(
    start: Vec<f64>,
    limits: Limits,
    go_on: &mut dyn FnMut() -> bool,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Minimum {
    let mut point = start;
    let mut gradient = vec![0.0; point.len()];
    let mut evaluations = 1;
    let mut value = function(&point, &mut gradient);
    let mut next = (point.clone(), gradient.clone());
    let mut history = History::default();
    let mut iterations = 0;
    let stop = loop {
        if !value.is_finite() || !largest(&gradient).is_finite() {
            break Stop::NotFinite;
        }
        if largest(&gradient) <= limits.gradient {
            break Stop::Converged;
        }
        if iterations == limits.iterations {
            break Stop::IterationLimit;
        }
        if !go_on() {
            break Stop::Asked;
        }
        let direction = history.direction(&gradient);
        let line = Line { value, slope: dot(&gradient, &direction), first_step: history.first_step(&gradient) };
        let found = strong_wolfe(line, |step| {
            evaluations += 1;
            for ((next, &x), &d) in next.0.iter_mut().zip(&point).zip(&direction) {
                *next = x + step * d;
            }
            let value = function(&next.0, &mut next.1);
            (value, dot(&next.1, &direction))
        });
        match found {
            Some(found) => {
                history.remember(difference(&next.0, &point), difference(&next.1, &gradient));
                std::mem::swap(&mut point, &mut next.0);
                std::mem::swap(&mut gradient, &mut next.1);
                value = found;
                iterations += 1;
            }
            // Start afresh along the gradient, once.
            None if !history.pairs.is_empty() => history.pairs.clear(),
            None => break Stop::LineSearchFailed,
        }
    };
    Minimum { gradient: largest(&gradient), point, value, iterations, evaluations, stop }
}

/// A step s, the change y of the gradient over it, and s · y.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    product: f64,
}

/// The latest pairs, oldest first.
#[derive(Default)]
struct History {
    pairs: VecDeque<Pair>,
}

impl History {
    /// Keeps a pair unless the curvature along it is not positive beyond rounding.
    fn remember(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let product = dot(&step, &change);
        if product > f64::EPSILON * dot(&change, &change) {
            if self.pairs.len() == MEMORY {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair { step, change, product });
        }
    }

    /// -H g by the two-loop recursion (Nocedal and Wright 2006, algorithm 7.4).
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut factors = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let factor = dot(&pair.step, &direction) / pair.product;
            add_multiple(&mut direction, -factor, &pair.change);
            factors.push(factor);
        }
        if let Some(Pair { change, product, .. }) = self.pairs.back() {
            let scale = product / dot(change, change);
            direction.iter_mut().for_each(|d| *d *= scale);
        }
        for (pair, factor) in self.pairs.iter().zip(factors.into_iter().rev()) {
            let correction = factor - dot(&pair.change, &direction) / pair.product;
            add_multiple(&mut direction, correction, &pair.step);
        }
        direction
    }

    /// 1, the quasi-Newton step; without a past, a step of unit length at most.
    fn first_step(&self, gradient: &[f64]) -> f64 {
        if self.pairs.is_empty() { (1.0 / dot(gradient, gradient).sqrt()).min(1.0) } else { 1.0 }
    }
}

/// The largest absolute value; not a number if any is.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| if value.abs() <= largest { largest } else { value.abs() })
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add_multiple(sum: &mut [f64], factor: f64, values: &[f64]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

/// The inner product in eight partial sums, which the compiler turns into vector instructions.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { iterations: 500, gradient: 1e-10 };

    /// Σ c_i (x_i - i)² / 2.
    fn bowl(curvatures: &[f64]) -> impl FnMut(&[f64], &mut [f64]) -> f64 {
        move |x, gradient| {
            let mut value = 0.0;
            for (index, &curvature) in curvatures.iter().enumerate() {
                let distance = x[index] - index as f64;
                gradient[index] = curvature * distance;
                value += curvature * distance * distance / 2.0;
            }
            value
        }
    }

    #[test]
    fn ill_conditioned_quadratics_reach_their_minimum() {
        for curvatures in [vec![1.0; 20], vec![1e-3, 1.0, 1e3], vec![1e5, 0.1, 1e5, 0.2]] {
            let minimum = minimize(vec![-3.0; curvatures.len()], LIMITS, &mut || true, bowl(&curvatures));
            assert_eq!(minimum.stop, Stop::Converged);
            for (index, x) in minimum.point.iter().enumerate() {
                // |x - x*| = |g| / c.
                assert!((x - index as f64).abs() <= 1e-10 / curvatures[index] + 1e-13 * index as f64, "{minimum:?}");
            }
        }
    }

    #[test]
    fn stops_say_why() {
        let from = |start: Vec<f64>, limits, function: &mut dyn FnMut(&[f64], &mut [f64]) -> f64| {
            let minimum = minimize(start, limits, &mut || true, function);
            (minimum.stop, minimum.iterations)
        };
        assert_eq!(from(vec![0.0], LIMITS, &mut bowl(&[1.0])), (Stop::Converged, 0));
        let few = Limits { iterations: 2, ..LIMITS };
        assert_eq!(from(vec![5.0; 3], few, &mut bowl(&[1.0, 10.0, 300.0])), (Stop::IterationLimit, 2));
        let mut left = 2;
        let mut twice = || {
            left -= 1;
            left >= 0
        };
        let asked = minimize(vec![5.0; 3], LIMITS, &mut twice, bowl(&[1.0, 10.0, 300.0]));
        assert_eq!((asked.stop, asked.iterations), (Stop::Asked, 2));
        let mut not_a_number = |_: &[f64], gradient: &mut [f64]| {
            gradient[0] = f64::NAN;
            1.0
        };
        assert_eq!(from(vec![0.0], LIMITS, &mut not_a_number), (Stop::NotFinite, 0));
        let mut wrong_sign = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = -x[0];
            x[0] * x[0] / 2.0
        };
        assert_eq!(from(vec![1.0], LIMITS, &mut wrong_sign), (Stop::LineSearchFailed, 0));
    }

    #[test]
    fn steps_into_the_infinite_are_taken_back() {
        // -ln x + x has its minimum at 1 and no value left of 0.
        let minimum = minimize(vec![1e-3], LIMITS, &mut || true, |x, gradient| {
            gradient[0] = 1.0 - 1.0 / x[0];
            x[0] - x[0].ln()
        });
        assert_eq!(minimum.stop, Stop::Converged);
        assert!((minimum.point[0] - 1.0).abs() < 1e-9);
    }
}
