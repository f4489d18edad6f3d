//! Class-balanced subsets that depend on the images only, never on the order of the records in the files.
//!
//! BLAKE3 hashes act as a shuffle that every copy of a data set agrees on. Training images are taken from its
//! beginning and validation images from its end, so each subset is part of every larger one of its kind.

use rayon::prelude::*;

use super::Images;
use crate::recipe::Count;

/// Some class has too few images; of several, the smallest.
#[derive(Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The class.
    pub class: usize,
    /// Number of its images that there are.
    pub found: usize,
    /// Number of its images that were asked for, those of the other end included.
    pub wanted: usize,
}

/// The first images of each class, `images / classes` or all, without the last `others / classes`, sorted by hash.
pub fn first(images: &Images, count: Count, others: usize, seed: u64) -> Result<Vec<usize>, Shortage> {
    let others = others / images.classes;
    let sizes = class_sizes(images);
    let share = match count {
        Count::All => None,
        Count::Number(number) => Some(number / images.classes),
    };
    require(&sizes, share.unwrap_or(1) + others)?;
    let mut left: Vec<usize> = sizes.iter().map(|size| share.unwrap_or(size - others)).collect();
    Ok(take(&by_hash(images, seed), &images.labels, &mut left))
}

/// The last `count / classes` images of each class, sorted by hash from the end; the first `others` stay untouched.
pub fn last(images: &Images, count: usize, others: Count, seed: u64) -> Result<Vec<usize>, Shortage> {
    let share = count / images.classes;
    require(&class_sizes(images), share + others.of(images.classes) / images.classes)?;
    let order: Vec<usize> = by_hash(images, seed).into_iter().rev().collect();
    Ok(take(&order, &images.labels, &mut vec![share; images.classes]))
}

/// A share of the images for training with few labels, in the order of `images`: equally many of each class, at least
/// one and at most all.
///
/// The choice depends on the images only. A smaller share is part of a larger one, and neither has to do with which
/// images were taken for training.
pub fn labeled(images: &Images, fraction: f64, seed: u64) -> Vec<usize> {
    let share = (fraction * images.len() as f64 / images.classes as f64).round() as usize;
    let keys = (0..images.len()).into_par_iter().map(|index| {
        let key = blake3::derive_key("ablate 2026 subset of labels", &shuffled(images.key(index), seed));
        (key, images.labels[index], index)
    });
    let mut chosen = take(&sorted(keys), &images.labels, &mut vec![share.max(1); images.classes]);
    chosen.sort_unstable();
    chosen
}

/// All indices in the order of the images' hashes.
fn by_hash(images: &Images, seed: u64) -> Vec<usize> {
    let key = |index| shuffled(images.key(index), seed);
    sorted((0..images.len()).into_par_iter().map(|index| (key(index), images.labels[index], index)))
}

/// The key of an image in the shuffle with this number; the one with number 0 is by the keys themselves.
fn shuffled(key: [u8; 16], seed: u64) -> [u8; 16] {
    if seed == 0 {
        return key;
    }
    let mut hasher = blake3::Hasher::new_derive_key("ablate 2026 subset seed");
    hasher.update(&seed.to_le_bytes()).update(&key);
    let mut other = [0; 16];
    other.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    other
}

/// The indices come last: they decide only between copies of one image with one label, which are alike.
fn sorted<K: Ord + Send>(keys: impl ParallelIterator<Item = (K, u16, usize)>) -> Vec<usize> {
    let mut order: Vec<_> = keys.collect();
    order.par_sort_unstable();
    order.into_iter().map(|(_, _, index)| index).collect()
}

/// Takes images in the given order until nothing is left to take of their class.
fn take(order: &[usize], labels: &[u16], left: &mut [usize]) -> Vec<usize> {
    let mut wanted = |index: &usize| {
        let left = &mut left[usize::from(labels[*index])];
        let some = *left > 0;
        *left -= usize::from(some);
        some
    };
    order.iter().copied().filter(|index| wanted(index)).collect()
}

fn class_sizes(images: &Images) -> Vec<usize> {
    let mut sizes = vec![0; images.classes];
    images.labels.iter().for_each(|&label| sizes[usize::from(label)] += 1);
    sizes
}

fn require(sizes: &[usize], wanted: usize) -> Result<(), Shortage> {
    match sizes.iter().enumerate().min_by_key(|(_, found)| **found) {
        Some((class, &found)) if found < wanted => Err(Shortage { class, found, wanted }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const CLASSES: usize = 3;

    /// One image per pair of label and seed; equal seeds give equal pixels, whatever the label.
    fn images(records: &[(u16, u8)]) -> Images {
        let pixels = records.iter().flat_map(|&(_, seed)| [seed; 12]).collect();
        Images::in_memory(2, pixels, records.iter().map(|&(label, _)| label).collect(), CLASSES, Vec::new())
    }

    /// At least three images of each class, and few seeds so that the same pixels come with several labels.
    fn records() -> impl Strategy<Value = Vec<(u16, u8)>> {
        prop::collection::vec((0..3_u16, 0..12_u8), 0..40)
            .prop_map(|extra| [0, 1, 2, 0, 1, 2, 0, 1, 2].into_iter().zip(0..).chain(extra).collect())
    }

    /// Every kind of subset: its name and its indices.
    fn subsets(all: &Images, seed: u64) -> Vec<(&'static str, Vec<usize>)> {
        vec![
            ("two per class", first(all, Count::Number(6), 3, seed).unwrap()),
            ("one per class", first(all, Count::Number(3), 0, seed).unwrap()),
            ("all but one", first(all, Count::All, 3, seed).unwrap()),
            ("all", first(all, Count::All, 0, seed).unwrap()),
            ("validation", last(all, 3, Count::Number(6), seed).unwrap()),
            ("more validation", last(all, 6, Count::All, seed).unwrap()),
            ("labels", labeled(all, 0.2, seed)),
            ("more labels", labeled(all, 0.5, seed)),
        ]
    }

    fn contents(all: &Images, indices: &[usize]) -> Vec<(u16, Vec<u8>)> {
        indices.iter().map(|&index| (all.labels[index], all.picture(index).pixels.to_vec())).collect()
    }

    proptest! {
        #[test]
        fn any_order_of_the_records_gives_the_same_subset(
            (original, shuffled) in records().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
            seed in 0..3_u64,
        ) {
            let (original, shuffled) = (images(&original), images(&shuffled));
            for ((name, one), (_, other)) in subsets(&original, seed).into_iter().zip(subsets(&shuffled, seed)) {
                let (mut one, mut other) = (contents(&original, &one), contents(&shuffled, &other));
                if name.ends_with("labels") {
                    // These keep the order of the images.
                    one.sort();
                    other.sort();
                }
                prop_assert_eq!(one, other, "{}", name);
            }
        }

        #[test]
        fn every_class_has_its_share(list in records(), seed in 0..3_u64) {
            let all = images(&list);
            for (name, indices) in subsets(&all, seed) {
                let sizes = class_sizes(&all.select(&indices));
                let expected: Vec<_> = class_sizes(&all).iter().map(|&size| match name {
                    "two per class" | "more validation" => 2,
                    "one per class" | "validation" => 1,
                    "all but one" => size - 1,
                    "all" => size,
                    "labels" => ((0.2 * list.len() as f64 / 3.0).round() as usize).max(1).min(size),
                    _ => ((0.5 * list.len() as f64 / 3.0).round() as usize).max(1).min(size),
                }).collect();
                prop_assert_eq!(sizes, expected, "{}", name);
            }
        }

        #[test]
        fn subsets_are_nested_or_apart(list in records(), seed in 0..3_u64) {
            let all = images(&list);
            let sets: Vec<BTreeSet<usize>> =
                subsets(&all, seed).into_iter().map(|(_, indices)| indices.into_iter().collect()).collect();
            let [two, one, most, everything, validation, more, labels, more_labels] = &sets[..] else { panic!() };
            prop_assert!(one.is_subset(two) && two.is_subset(most) && most.is_subset(everything));
            prop_assert!(validation.is_subset(more) && labels.is_subset(more_labels));
            prop_assert!(validation.is_disjoint(two) && validation.is_disjoint(most));
            prop_assert_eq!(validation.union(most).count(), list.len());
        }
    }

    #[test]
    fn another_seed_chooses_other_images() {
        let records: Vec<_> = (0..300_u16).map(|number| (number % 3, (number / 3) as u8)).collect();
        let all = images(&records);
        let chosen = |seed| first(&all, Count::Number(90), 0, seed).unwrap();
        let (one, other): (BTreeSet<usize>, BTreeSet<usize>) =
            (chosen(1).into_iter().collect(), chosen(2).into_iter().collect());
        // Two choices of 30 % share 9 % of all on average.
        assert!((10..45).contains(&one.intersection(&other).count()));
        assert_ne!(chosen(0), chosen(1));
        assert_ne!(labeled(&all, 0.2, 1), labeled(&all, 0.2, 2));
    }

    #[test]
    fn labels_are_not_chosen_by_the_order_of_training_images() {
        // Of 1,000 images the first 100 and the labeled 100 share 10 on average, with a deviation below 3.
        let records: Vec<_> = (0..1000_u16).map(|number| (0, number)).collect();
        let pixels = records.iter().flat_map(|(_, number)| [number.to_le_bytes(); 6].concat()).collect();
        let all = Images::in_memory(2, pixels, vec![0; 1000], 1, Vec::new());
        let labels = labeled(&all, 0.1, 0);
        assert!(labels.is_sorted() && labels.len() == 100);
        let common =
            first(&all, Count::Number(100), 0, 0).unwrap().iter().filter(|index| labels.contains(index)).count();
        assert!((1..=22).contains(&common), "{common}");
    }

    #[test]
    fn the_smallest_class_is_reported() {
        let all = images(&[(0, 1), (1, 2), (1, 3), (2, 4), (0, 5)]);
        let shortage = |wanted| Shortage { class: 2, found: 1, wanted };
        assert_eq!(first(&all, Count::Number(9), 0, 0), Err(shortage(3)));
        assert_eq!(first(&all, Count::Number(3), 3, 0), Err(shortage(2)));
        assert_eq!(first(&all, Count::All, 3, 0), Err(shortage(2)));
        assert_eq!(last(&all, 6, Count::All, 0), Err(shortage(3)));
        assert_eq!(last(&all, 3, Count::Number(3), 0), Err(shortage(2)));
    }
}
