//! Class-balanced subsets that depend on the images only, never on the order of the records in the files.

use rayon::prelude::*;

use super::Images;

/// Some classes have too few images for an equal share; this is the smallest.
#[derive(Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The class.
    pub class: usize,
    /// Number of its images that there are.
    pub found: usize,
    /// Number of its images that were asked for.
    pub wanted: usize,
}

/// Chooses `count / classes` images of each class: those whose pixels have the smallest BLAKE3 hashes, sorted by hash.
///
/// The hash acts as a shuffle that every copy of the data set agrees on, and a smaller subset is part of each larger
/// one. Returns the indices of the images.
pub fn balanced(images: &Images, count: usize) -> Result<Vec<usize>, Shortage> {
    let wanted = count / images.classes;
    let mut order: Vec<_> = (0..images.len())
        .into_par_iter()
        // The index comes last: it decides only between copies of one image with one label, which are alike.
        .map(|index| (*blake3::hash(images.image(index)).as_bytes(), images.labels[index], index))
        .collect();
    order.par_sort_unstable();

    let mut found = vec![0; images.classes];
    let mut chosen = Vec::with_capacity(count);
    for (_, label, index) in order {
        let found = &mut found[usize::from(label)];
        if *found < wanted {
            *found += 1;
            chosen.push(index);
        }
    }
    match found.iter().enumerate().min_by_key(|(_, found)| **found) {
        Some((class, &found)) if found < wanted => Err(Shortage { class, found, wanted }),
        _ => Ok(chosen),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One image per pair of label and seed; equal seeds give equal pixels, whatever the label.
    fn images(records: &[(u16, u8)]) -> Images {
        Images {
            size: 2,
            pixels: records.iter().flat_map(|&(_, seed)| [seed; 12]).collect(),
            labels: records.iter().map(|&(label, _)| label).collect(),
            classes: 3,
            class_names: Vec::new(),
        }
    }

    fn records() -> impl Strategy<Value = Vec<(u16, u8)>> {
        // At least two images of each class, and few seeds so that the same pixels come with several labels.
        prop::collection::vec((0..3_u16, 0..12_u8), 0..40)
            .prop_map(|extra| [0, 1, 2, 0, 1, 2].into_iter().zip(0..).chain(extra).collect())
    }

    proptest! {
        #[test]
        fn any_order_of_the_records_gives_the_same_subset(
            (original, shuffled) in records().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
        ) {
            let (original, shuffled) = (images(&original), images(&shuffled));
            let subset = |all: &Images| all.select(&balanced(all, 6).unwrap());
            prop_assert_eq!(subset(&original), subset(&shuffled));
        }

        #[test]
        fn every_class_has_its_share(list in records()) {
            let all = images(&list);
            let subset = all.select(&balanced(&all, 6).unwrap());
            for class in 0..3 {
                prop_assert_eq!(subset.labels.iter().filter(|&&label| label == class).count(), 2);
            }
        }

        #[test]
        fn a_smaller_subset_is_part_of_a_larger_one(list in records()) {
            let all = images(&list);
            let (small, large) = (balanced(&all, 3).unwrap(), balanced(&all, 6).unwrap());
            let common: Vec<_> = large.into_iter().filter(|index| small.contains(index)).collect();
            prop_assert_eq!(common, small);
        }
    }

    #[test]
    fn the_smallest_class_is_reported() {
        let all = images(&[(0, 1), (1, 2), (1, 3), (2, 4), (0, 5)]);
        assert_eq!(balanced(&all, 9), Err(Shortage { class: 2, found: 1, wanted: 3 }));
    }
}
