//! Classification by the nearest training images in cosine similarity: exact, in blocks of matrix products.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::{
    error::{Error, ErrorKind},
    features::{Features, Labeled, check_dimensions},
};
use crate::train::ops::{Matrix, add_product};

/// Images classified together. Blocks are always full (of zeros if need be), so that a similarity does not depend on
/// what else stands in its block.
const QUERIES: usize = 64;
/// Training images compared at once with a block of queries.
const BANK: usize = 512;

/// A training image near a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// Number of the training image.
    pub index: u32,
    /// Cosine similarity; 0 if either image has no length.
    pub similarity: f32,
}

impl Neighbor {
    /// Nearest first. Of equally near ones, which float32 has now and then among different images, the one whose features
    /// `[dimension]` in the `bank` are smaller, so that the order of the images makes no difference; of equal ones the first.
    fn order(&self, other: &Self, bank: &[f32], dimension: usize) -> Ordering {
        let row = |neighbor: &Self| &bank[neighbor.index as usize * dimension..][..dimension];
        let by_features = || {
            let pairs = row(self).iter().zip(row(other));
            pairs.map(|(one, other)| one.total_cmp(other)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        other.similarity.total_cmp(&self.similarity).then_with(by_features).then(self.index.cmp(&other.index))
    }
}

/// The `k` nearest training images of every query, nearest first: `[queries, k]`.
pub fn nearest(bank: Features<'_>, queries: Features<'_>, k: usize) -> Result<Vec<Neighbor>, Error> {
    check_dimensions(bank, queries)?;
    let (images, dimension) = (bank.images(), bank.dimension());
    if k == 0 || k > images {
        return Err(ErrorKind::Neighbors { k, images }.into());
    }
    let bank = unit_rows(bank.values(), dimension, images.next_multiple_of(BANK));
    let mut found = vec![Neighbor { index: 0, similarity: 0.0 }; queries.images() * k];
    queries.values().par_chunks(QUERIES * dimension).zip(found.par_chunks_mut(QUERIES * k)).for_each(
        |(queries, found)| {
            let unit = unit_rows(queries, dimension, QUERIES);
            for (nearest, found) in block(&bank, &unit, images, dimension, k).iter().zip(found.chunks_exact_mut(k)) {
                found.copy_from_slice(nearest);
            }
        },
    );
    Ok(found)
}

/// The neighbors of a block of queries.
fn block(bank: &[f32], queries: &[f32], images: usize, dimension: usize, k: usize) -> Vec<Vec<Neighbor>> {
    let mut candidates: Vec<Vec<Neighbor>> = (0..QUERIES).map(|_| Vec::with_capacity(k + BANK)).collect();
    let order = |one: &Neighbor, other: &Neighbor| one.order(other, bank, dimension);
    let mut similarities = vec![0.0; QUERIES * BANK];
    for (number, part) in bank.chunks_exact(BANK * dimension).enumerate() {
        similarities.fill(0.0);
        let transposed = Matrix::new(part, BANK, dimension).transposed();
        add_product(&mut similarities, Matrix::new(queries, QUERIES, dimension), transposed);
        let first = number * BANK;
        let present = (images - first).min(BANK);
        for (row, candidates) in similarities.chunks_exact(BANK).zip(&mut candidates) {
            // An image farther than the last of k candidates is out.
            let bound = if candidates.len() == k { candidates[k - 1].similarity } else { f32::NEG_INFINITY };
            let better = row[..present].iter().enumerate().filter(|(_, similarity)| **similarity >= bound);
            candidates.extend(better.map(|(index, &similarity)| {
                // Adding zero makes -0 and 0 the same to the order.
                Neighbor { index: (first + index) as u32, similarity: similarity + 0.0 }
            }));
            if candidates.len() >= k {
                candidates.select_nth_unstable_by(k - 1, order);
                candidates.truncate(k);
            }
        }
    }
    candidates.iter_mut().for_each(|candidates| candidates.sort_unstable_by(order));
    candidates
}

/// Rows of unit length, filled up with rows of zeros.
fn unit_rows(values: &[f32], dimension: usize, rows: usize) -> Vec<f32> {
    let mut unit = vec![0.0; rows * dimension];
    for (row, unit) in values.chunks_exact(dimension).zip(unit.chunks_exact_mut(dimension)) {
        let length = row.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt();
        if length > 0.0 {
            unit.iter_mut().zip(row).for_each(|(unit, &value)| *unit = (f64::from(value) / length) as f32);
        }
    }
    unit
}

/// Votes for every class, `[queries, classes]`: each of the `k` nearest votes for its class with weight exp(s / T)
/// (Wu et al. 2018, §3.4; k = 200 and T = 0.1 there).
///
/// Weights are taken relative to the nearest neighbor's, which changes no order and cannot overflow. The prediction is
/// [`super::metrics::predictions`] of the votes.
pub fn weighted(bank: Labeled<'_>, queries: Features<'_>, k: usize, temperature: f64) -> Result<Vec<f64>, Error> {
    if !(temperature > 0.0 && temperature.is_finite()) {
        return Err(ErrorKind::Temperature { temperature }.into());
    }
    let neighbors = nearest(bank.features, queries, k)?;
    let mut votes = vec![0.0; queries.images() * bank.classes()];
    for (neighbors, votes) in neighbors.chunks_exact(k).zip(votes.chunks_exact_mut(bank.classes())) {
        for neighbor in neighbors {
            let behind = f64::from(neighbor.similarity) - f64::from(neighbors[0].similarity);
            votes[usize::from(bank.labels()[neighbor.index as usize])] += (behind / temperature).exp();
        }
    }
    Ok(votes)
}

/// The most frequent class among the `k` nearest of each query; on a tie the class with the larger sum of
/// similarities, then the smaller class.
pub fn majority(bank: Labeled<'_>, queries: Features<'_>, k: usize) -> Result<Vec<u16>, Error> {
    let neighbors = nearest(bank.features, queries, k)?;
    let mut tally = vec![(0_usize, 0_f64); bank.classes()];
    let winner = |neighbors: &[Neighbor]| {
        tally.fill((0, 0.0));
        for neighbor in neighbors {
            let (count, sum) = &mut tally[usize::from(bank.labels()[neighbor.index as usize])];
            *count += 1;
            *sum += f64::from(neighbor.similarity);
        }
        let mut best = 0;
        for class in 1..tally.len() {
            let ((count, sum), (most, nearest)) = (tally[class], tally[best]);
            if count > most || count == most && sum > nearest {
                best = class;
            }
        }
        best as u16
    };
    Ok(neighbors.chunks_exact(k).map(winner).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit vectors at these angles in degrees.
    fn directions(degrees: &[f32]) -> Vec<f32> {
        degrees.iter().flat_map(|angle| [angle.to_radians().cos(), angle.to_radians().sin()]).collect()
    }

    #[test]
    fn neighbors_are_sorted_and_ties_keep_the_order_of_the_training_set() {
        let bank = directions(&[90.0, 10.0, 40.0, 10.0, 180.0]);
        let (bank, query) = (Features::new(&bank, 2).unwrap(), directions(&[0.0, 90.0]));
        let found = nearest(bank, Features::new(&query, 2).unwrap(), 3).unwrap();
        assert_eq!(found.iter().map(|neighbor| neighbor.index).collect::<Vec<_>>(), [1, 3, 2, 0, 2, 1]);
        assert!((found[0].similarity - 10_f32.to_radians().cos()).abs() < 1e-6);
    }

    #[test]
    fn majorities_and_their_ties() {
        let bank = directions(&[1.0, 2.0, 3.0, 4.0]);
        let bank = Features::new(&bank, 2).unwrap();
        let query = directions(&[0.0]);
        let winner = |labels: &[u16]| {
            majority(Labeled::new(bank, labels, 9).unwrap(), Features::new(&query, 2).unwrap(), 4).unwrap()[0]
        };
        assert_eq!(winner(&[8, 3, 3, 5]), 3);
        // Two each: class 7 is nearer in total.
        assert_eq!(winner(&[7, 7, 2, 2]), 7);
        let same = Features::new(&[1.0; 4], 1).unwrap();
        let tied = majority(Labeled::new(same, &[7, 2, 7, 2], 9).unwrap(), Features::new(&[1.0], 1).unwrap(), 4);
        assert_eq!(tied.unwrap(), [2]);
    }

    #[test]
    fn weights_never_overflow_and_follow_the_temperature() {
        let bank = directions(&[0.0, 60.0, 60.0]);
        let bank = Labeled::new(Features::new(&bank, 2).unwrap(), &[0, 1, 1], 2).unwrap();
        let query = directions(&[0.0]);
        let votes = |temperature| weighted(bank, Features::new(&query, 2).unwrap(), 3, temperature).unwrap();
        for (temperature, ratio) in [(0.5, 2.0 * (-1_f64).exp()), (1e-6, 0.0), (1e9, 2.0)] {
            let votes = votes(temperature);
            assert!(votes[0] > 0.0 && (votes[1] / votes[0] - ratio).abs() < 1e-6, "{votes:?}");
        }
    }

    #[test]
    fn lengths_do_not_matter_and_images_without_one_are_similar_to_nothing() {
        let bank = Features::new(&[0.0, 0.0, 1e30, 1e30, -1e-30, -1e-30], 2).unwrap();
        let found = nearest(bank, Features::new(&[2.0, 2.0], 2).unwrap(), 3).unwrap();
        let rounded: Vec<(u32, f32)> = found.iter().map(|found| (found.index, found.similarity.round())).collect();
        assert_eq!(rounded, [(1, 1.0), (0, 0.0), (2, -1.0)]);
    }

    #[test]
    fn wrong_settings_are_named() {
        let bank = Labeled::new(Features::new(&[1.0, 2.0], 1).unwrap(), &[0, 1], 2).unwrap();
        let query = Features::new(&[1.0], 1).unwrap();
        let text = |result: Result<Vec<f64>, Error>| result.unwrap_err().to_string();
        for k in [0, 3] {
            let expected =
                format!("cannot take the {k} nearest of 2 training images: set the number of neighbors to 1..=2");
            assert_eq!(text(weighted(bank, query, k, 0.1)), expected);
        }
        assert_eq!(
            text(weighted(bank, query, 1, 0.0)),
            "the temperature of the neighbors' votes is 0: set it above 0 (0.1 is usual)"
        );
        let wide = Features::new(&[1.0, 2.0], 2).unwrap();
        assert!(text(weighted(bank, wide, 1, 0.1)).contains("features per image: 1 and 2"));
    }
}
