//! Reduces pictures with a Lanczos filter (three lobes, widened by the factor), as Pillow's `LANCZOS` does.

use super::decode::Rgb;

/// Number of lobes on each side.
const LOBES: f64 = 3.0;

/// The picture with its shorter side reduced to `short_side` pixels, the longer one in proportion, rounded down;
/// smaller pictures stay as they are.
pub fn reduce(picture: Rgb, short_side: usize) -> Rgb {
    let Rgb { height, width, pixels } = &picture;
    let short = *height.min(width);
    if short <= short_side {
        return picture;
    }
    let (new_height, new_width) = (height * short_side / short, width * short_side / short);
    // Between the two directions values are rounded and cut as in Pillow, which keeps them as bytes.
    let mut rows = Vec::with_capacity(height * new_width * 3);
    let columns = windows(*width, new_width);
    for row in pixels.chunks_exact(width * 3) {
        for (start, weights) in &columns {
            let mut sums = [0.0; 3];
            for (pixel, weight) in row[start * 3..].chunks_exact(3).zip(weights) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += weight * f32::from(value));
            }
            rows.extend(sums.map(to_byte));
        }
    }
    let mut reduced = Vec::with_capacity(new_height * new_width * 3);
    for (start, weights) in windows(*height, new_height) {
        let mut sums = vec![0.0; new_width * 3];
        for (row, weight) in rows[start * new_width * 3..].chunks_exact(new_width * 3).zip(weights) {
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += weight * f32::from(value));
        }
        reduced.extend(sums.into_iter().map(to_byte));
    }
    Rgb { height: new_height, width: new_width, pixels: reduced }
}

fn to_byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// For each of `new` positions: the first old position that counts, and the weights from there on.
fn windows(old: usize, new: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = old as f64 / new as f64;
    let reach = LOBES * scale;
    let window = |position: usize| {
        let center = (position as f64 + 0.5) * scale;
        let start = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(old);
        let weights: Vec<f64> = (start..end).map(|at| lanczos((at as f64 + 0.5 - center) / scale)).collect();
        let sum: f64 = weights.iter().sum();
        (start, weights.iter().map(|weight| (weight / sum) as f32).collect())
    };
    (0..new).map(window).collect()
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    if x.abs() < LOBES { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_their_proportion() {
        let size = |height, width, short_side| {
            let reduced = reduce(Rgb { height, width, pixels: vec![77; height * width * 3] }, short_side);
            assert!(reduced.pixels.iter().all(|&value| value == 77), "the weights add up to one");
            (reduced.height, reduced.width)
        };
        assert_eq!(size(30, 41, 10), (10, 13));
        assert_eq!(size(41, 30, 10), (13, 10));
        assert_eq!(size(10, 41, 10), (10, 41));
        assert_eq!(size(8, 41, 10), (8, 41));
    }
}
