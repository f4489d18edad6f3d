//! Mean and spread over seeds.

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
}
