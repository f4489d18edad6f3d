//! Sums and pairs of exponentials over a row of similarities, for the contrastive objective.

use super::simd::{mul_add, vectorized};

/// Values that are worked on at a time; partial results are kept per lane and added in order.
const LANES: usize = 16;

/// The largest value; −∞ of none, and any number if one is not a number (the exponentials then tell).
pub fn largest(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    largest_lanes(values, &mut lanes);
    lanes.into_iter().fold(f32::NEG_INFINITY, |largest, value| if value > largest { value } else { largest })
}

/// Σ exp(scale · (x − shift)), where no exponent is much above zero.
pub fn sum_of_exponentials(values: &[f32], scale: f32, shift: f32) -> f64 {
    let mut lanes = [0.0; LANES];
    sum_lanes(values, scale, shift, &mut lanes);
    lanes.into_iter().sum()
}

vectorized! {
    fn largest_lanes(values: &[f32], lanes: &mut [f32; LANES]) {
        let mut kept = *lanes;
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (kept, &value) in kept.iter_mut().zip(chunk) {
                *kept = if value > *kept { value } else { *kept };
            }
        }
        for (kept, &value) in kept.iter_mut().zip(rest) {
            *kept = if value > *kept { value } else { *kept };
        }
        *lanes = kept;
    }
}

vectorized! {
    fn sum_lanes(values: &[f32], scale: f32, shift: f32, lanes: &mut [f64; LANES]) {
        let mut sums = *lanes;
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (sum, &value) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(exponential::<FMA>(scale * (value - shift)));
            }
        }
        for (sum, &value) in sums.iter_mut().zip(rest) {
            *sum += f64::from(exponential::<FMA>(scale * (value - shift)));
        }
        *lanes = sums;
    }
}

vectorized! {
    /// Replaces each x by factor · (exp(scale · x − own) + exp(scale · x − other)), with one `other` per value.
    pub fn pair_of_exponentials(values: &mut [f32], scale: f32, own: f32, others: &[f32], factor: f32) {
        for (value, &other) in values.iter_mut().zip(others) {
            let exponent = scale * *value;
            *value = factor * (exponential::<FMA>(exponent - own) + exponential::<FMA>(exponent - other));
        }
    }
}

/// eˣ to within two units in the last place between −87 and 88, outside of which it keeps its value at these ends: by
/// x = n ln 2 + r and a polynomial in r (Cephes' `expf`).
#[inline(always)]
fn exponential<const FMA: bool>(x: f32) -> f32 {
    /// 1.5 · 2²³: adding it rounds to a whole number, which then stands in the last bits.
    const ROUNDING: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let rounded = mul_add::<FMA>(x, std::f32::consts::LOG2_E, ROUNDING);
    let n = rounded - ROUNDING;
    // ln 2 in two parts, so that the first product is exact.
    let r = mul_add::<FMA>(n, -0.693_359_4, x);
    let r = mul_add::<FMA>(n, 2.121_944_4e-4, r);
    let mut y = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        y = mul_add::<FMA>(y, r, coefficient);
    }
    let y = mul_add::<FMA>(y, r * r, r) + 1.0;
    y * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right_to_two_units_in_the_last_place() {
        for step in -8700..=8800 {
            let x = step as f32 / 100.0 + 0.003;
            let exact = f64::from(x.clamp(-87.0, 88.0)).exp();
            for ours in [exponential::<true>(x), exponential::<false>(x)] {
                assert!((f64::from(ours) / exact - 1.0).abs() < 2.4e-7, "{x}: {ours} {exact}");
            }
        }
        assert!(exponential::<true>(f32::NAN).is_nan());
        assert_eq!(exponential::<true>(0.0), 1.0);
    }

    #[test]
    fn rows_of_any_length() {
        for length in [0, 1, 15, 16, 33] {
            let values: Vec<f32> = (0..length).map(|index| (index as f32 * 0.7).sin()).collect();
            let exact: f64 = values.iter().map(|&x| (3.0 * (f64::from(x) - 1.0)).exp()).sum();
            assert!((sum_of_exponentials(&values, 3.0, 1.0) - exact).abs() <= 1e-6 * exact);
            let expected = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(largest(&values), expected);
            let mut pairs = values.clone();
            let others: Vec<f32> = values.iter().map(|x| x + 1.0).collect();
            pair_of_exponentials(&mut pairs, 2.0, 0.5, &others, 0.25);
            for ((pair, x), other) in pairs.iter().zip(&values).zip(&others) {
                let exact = 0.25 * ((2.0 * x - 0.5).exp() + (2.0 * x - other).exp());
                assert!((pair - exact).abs() < 1e-6 * exact.max(1.0), "{pair} {exact}");
            }
        }
    }
}
