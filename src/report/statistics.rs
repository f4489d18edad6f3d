//! Mean and spread over seeds, and when two numbers are the same.

use crate::recipe::Metric;

/// The arithmetic mean, or `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample standard deviation (divisor n − 1), or `None` of fewer than two values.
pub fn sample_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    // Two passes: sums of squares would cancel when the spread is small beside the mean, as it is over seeds.
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// How far apart numbers of a metric may be, the largest of them of this size, and still be the same: numbers, their
/// means over seeds, and the differences of both.
///
/// Evaluations report shares of test images, 100 k / n in f64. Rounding moves them by less than 1e-13 points (the mean
/// over a thousand classes by less than 1e-11), whereas different counts of n images lie 100 / n apart and their means
/// over s seeds 100 / (n s). So 1e-9 of the number, or of 1 below that, decides as the counts themselves would as long
/// as n s is below 1e9. Pretraining reports means of float32 numbers, which have 24 bits (6e-8 of the number) and come
/// out of several operations: 1e-6.
pub(super) fn rounding(metric: Metric, size: f64) -> f64 {
    let resolution = if metric.of_pretraining() { 1e-6 } else { 1e-9 };
    resolution * size.abs().max(1.0)
}

/// Whether two numbers of a metric are the same but for [`rounding`].
pub(super) fn same(metric: Metric, one: f64, other: f64) -> bool {
    (one - other).abs() <= rounding(metric, one.abs().max(other.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_closed_forms() {
        // 1..=n has mean (n + 1) / 2 and sample variance n (n + 1) / 12.
        for n in [2_usize, 3, 10, 101] {
            let values: Vec<f64> = (1..=n).map(|value| value as f64).collect();
            let n = n as f64;
            assert!((mean(&values).unwrap() - (n + 1.0) / 2.0).abs() < 1e-12);
            assert!((sample_deviation(&values).unwrap() - (n * (n + 1.0) / 12.0).sqrt()).abs() < 1e-12);
        }
    }

    #[test]
    fn one_value_has_no_spread() {
        assert_eq!(mean(&[]), None);
        assert_eq!(sample_deviation(&[]), None);
        assert_eq!(mean(&[3.0]), Some(3.0));
        assert_eq!(sample_deviation(&[3.0]), None);
        assert_eq!(sample_deviation(&[3.0, 3.0]), Some(0.0));
    }

    #[test]
    fn a_large_mean_does_not_swallow_the_spread() {
        let shifted: Vec<f64> = [1.0, 2.0, 3.0].iter().map(|value| value + 1e9).collect();
        assert_eq!(sample_deviation(&shifted), Some(1.0));
    }

    #[test]
    fn the_same_numbers_are_so_in_any_order_and_different_counts_never_are() {
        for images in [7, 300, 8041, 1_281_167_u32] {
            let share = |count: u32| 100.0 * f64::from(count) / f64::from(images);
            for count in (2..images - 1).step_by(images.div_ceil(1000) as usize) {
                let around = [count - 2, count, count + 1].map(share);
                let [mut one, mut other] = [around, around];
                one.rotate_left(1);
                other.reverse();
                let means = [around, one, other].map(|values| mean(&values).unwrap());
                assert!(same(Metric::Top1, means[0], means[1]) && same(Metric::Top1, means[0], means[2]));
                let more = mean(&[share(count - 2), share(count), share(count + 2)]).unwrap();
                assert!(!same(Metric::Top1, means[0], more), "{count} of {images}");
            }
        }
    }

    #[test]
    fn float32_numbers_are_the_same_to_their_last_bits() {
        let loss = 4.158_883_f32;
        let next = f64::from(f32::from_bits(loss.to_bits() + 2));
        assert!(same(Metric::Loss, loss.into(), next) && !same(Metric::Top1, loss.into(), next));
        assert!(!same(Metric::Loss, loss.into(), f64::from(loss) + 1e-4));
    }
}
