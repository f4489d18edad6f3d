//! The device's objectives beside the CPU's, on the CPU backend.

use burn::tensor::{Tensor, TensorData};

use super::{block::MOST, in_blocks};
use crate::{
    recipe::{Contrastive, Loss, Mining, Negatives},
    train::{
        device::{Cpu, Device},
        objective::{Batch, contrastive},
        random::{Purpose, Stream},
    },
};

/// All losses with all options.
fn objectives() -> Vec<Contrastive> {
    let mut losses = vec![Loss::NtXent { temperature: 0.1 }, Loss::NtXent { temperature: 1.0 }];
    for mining in [Mining::All, Mining::SemiHard] {
        losses.extend([0.2, 1.0].map(|temperature| Loss::NtLogistic { temperature, mining }));
        losses.extend([0.0, 0.4].map(|margin| Loss::MarginTriplet { margin, mining }));
    }
    let mut all = Vec::new();
    for normalize in [true, false] {
        for negatives in [Negatives::BothViews, Negatives::OneView] {
            all.extend(losses.iter().map(|&loss| Contrastive { loss, normalize, negatives }));
        }
    }
    all
}

fn nt_xent(normalize: bool) -> Contrastive {
    Contrastive { loss: Loss::NtXent { temperature: 0.5 }, normalize, negatives: Negatives::BothViews }
}

fn projections(pairs: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::Shapes, [0, 0], 0);
    (0..2 * pairs * dimension).map(|_| stream.normal()).collect()
}

/// The device's results as the CPU gives its own.
fn in_pieces(objective: &Contrastive, z: &[f32], dimension: usize, most: usize) -> Batch {
    let z = TensorData::new(z.to_vec(), [z.len() / dimension, dimension]);
    let batch = in_blocks(objective, Tensor::<Cpu, 2>::from_data(z, &Device::default()), most);
    let measured: Vec<f64> = batch.measured.into_data().iter::<f64>().collect();
    Batch {
        loss: measured[0],
        gradient: batch.gradient.into_data().iter::<f32>().collect(),
        accuracy: measured[1],
        entropy: measured[2],
    }
}

fn on_device(objective: &Contrastive, z: &[f32], dimension: usize) -> Batch {
    in_pieces(objective, z, dimension, MOST)
}

/// Compares with the CPU's results. An exponent x is rounded by 2⁻²⁴ x here and there, which is the relative error of
/// what depends on it; sums add a few units in the last place.
#[track_caller]
fn assert_alike(objective: &Contrastive, z: &[f32], dimension: usize, ours: &Batch) {
    let expected = contrastive(objective, z, dimension);
    let lengths = z.chunks_exact(dimension).map(|row| row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt());
    let (shortest, longest) =
        lengths.fold((f64::MAX, 0.0_f64), |(low, high), length| (low.min(length), high.max(length)));
    let (largest, factor) = if objective.normalize { (1.0, 1.0 / shortest) } else { (longest.powi(2), longest) };
    let steepness = match objective.loss {
        Loss::NtXent { temperature } | Loss::NtLogistic { temperature, .. } => 1.0 / temperature,
        Loss::MarginTriplet { .. } => 1.0,
    };
    let relative = 4.0 * 2_f64.powi(-24) * (4.0 + largest * steepness);
    // How large a term of the gradient can be: the derivative by a similarity, times what that multiplies.
    let scale = 2.0 * steepness * factor * dimension as f64 / z.len() as f64;
    let pairs = ours.gradient.iter().zip(&expected.gradient);
    let error = pairs.fold(0_f64, |error, (a, b)| error.max(f64::from((a - b).abs())));
    assert_eq!(ours.gradient.len(), z.len());
    assert!(error <= relative * scale, "gradient of {objective:?}: {error} of {scale}");
    let near = |ours: f64, expected: f64| (ours - expected).abs() <= relative * (1.0 + expected.abs());
    assert!(near(ours.loss, expected.loss), "loss of {objective:?}: {} {}", ours.loss, expected.loss);
    assert!(near(ours.entropy, expected.entropy), "entropy of {objective:?}: {} {}", ours.entropy, expected.entropy);
    assert!((ours.accuracy - expected.accuracy).abs() < 1e-4, "accuracy: {} {}", ours.accuracy, expected.accuracy);
}

#[test]
fn all_losses_and_options_are_those_of_the_cpu() {
    for objective in objectives() {
        for (pairs, dimension, seed) in [(2, 1, 1), (7, 5, 2), (40, 16, 3), (150, 64, 4)] {
            let z = projections(pairs, dimension, seed);
            assert_alike(&objective, &z, dimension, &on_device(&objective, &z, dimension));
        }
    }
}

#[test]
fn views_of_an_image_may_be_alike_and_blocks_small() {
    for objective in objectives() {
        // Partners close together, as in training, so that accuracy is not that of chance.
        let mut z = projections(13, 8, 5);
        let (first, second) = z.split_at_mut(13 * 8);
        second.iter_mut().zip(first).for_each(|(second, first)| *second = *first + 0.3 * *second);
        assert!(on_device(&objective, &z, 8).accuracy > 50.0);
        for most in [1, 60, 130] {
            assert_alike(&objective, &z, 8, &in_pieces(&objective, &z, 8, most));
        }
    }
}

#[test]
fn a_single_pair_has_no_negatives() {
    let z = projections(1, 3, 0);
    for objective in objectives() {
        let ours = on_device(&objective, &z, 3);
        match objective.loss {
            // The mean over no negatives.
            Loss::NtLogistic { mining: Mining::All, .. } | Loss::MarginTriplet { mining: Mining::All, .. } => {
                assert!(ours.loss.is_nan() && contrastive(&objective, &z, 3).loss.is_nan());
            }
            _ => assert_alike(&objective, &z, 3, &ours),
        }
    }
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let (z, dimension, step) = (projections(6, 4, 8), 4, 1e-2_f32);
    for normalize in [true, false] {
        let objective = nt_xent(normalize);
        let gradient = on_device(&objective, &z, dimension).gradient;
        for (index, slope) in gradient.iter().enumerate() {
            let moved = |by: f32| {
                let mut z = z.clone();
                z[index] += by;
                on_device(&objective, &z, dimension).loss
            };
            let difference = (moved(step) - moved(-step)) / f64::from(2.0 * step);
            // Losses are rounded by 2e-7 or so, and the cubic term is step² / 6 times a third derivative of order one.
            assert!((f64::from(*slope) - difference).abs() < 1e-4, "{index}: {slope} {difference}");
        }
    }
}

#[test]
fn collapsed_projections_have_the_first_view_as_their_guess() {
    // All equal, all zero: every similarity is the same.
    for value in [1.0, 0.0] {
        let z = vec![value; 2 * 5 * 4];
        for objective in objectives() {
            let ours = on_device(&objective, &z, 4);
            assert_eq!(ours.accuracy, contrastive(&objective, &z, 4).accuracy);
            assert!((ours.loss - contrastive(&objective, &z, 4).loss).abs() < 1e-6, "{objective:?}");
            assert!(ours.gradient.iter().all(|slope| slope.is_finite()), "{objective:?}");
        }
    }
}

#[test]
fn very_long_and_very_short_projections_have_directions() {
    let z = projections(6, 4, 9);
    let plain = on_device(&nt_xent(true), &z, 4);
    for factor in [1e25_f32, 1e-5] {
        let scaled: Vec<f32> = z.iter().map(|x| x * factor).collect();
        let ours = on_device(&nt_xent(true), &scaled, 4);
        assert!((ours.loss - plain.loss).abs() < 1e-6, "{factor} {} {}", ours.loss, plain.loss);
    }
    // Plain dot products of 10⁴ over a temperature: softmaxes are all but hard, and nothing overflows.
    let long: Vec<f32> = z.iter().map(|x| x * 100.0).collect();
    assert_alike(&nt_xent(false), &long, 4, &on_device(&nt_xent(false), &long, 4));
}

#[test]
fn what_is_not_a_number_shows_in_every_loss() {
    for objective in objectives() {
        for wrong in [f32::NAN, f32::INFINITY] {
            let mut z = projections(5, 4, 10);
            z[17] = wrong;
            assert!(on_device(&objective, &z, 4).loss.is_nan(), "{objective:?} {wrong}");
        }
    }
}
