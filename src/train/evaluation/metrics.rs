//! Accuracy from scores or from predicted classes: top-k, mean per class, confusion counts; shares in percent.
//!
//! Scores are `[n, classes]`, row by row. All functions panic if there is not one label below `classes` per row.

/// Whether the label of each image is among its `k` largest scores.
///
/// Ties count against: an equal score of another class, or one that is not a number, ranks before the label's.
pub fn top_k_hits<T: PartialOrd>(scores: &[T], labels: &[u16], classes: usize, k: usize) -> Vec<bool> {
    assert_eq!(scores.len(), labels.len() * classes, "scores of {} images", labels.len());
    let hit = |(row, &label): (&[T], &u16)| {
        let own = &row[usize::from(label)];
        // "Not less" instead of "at least": comparisons with NaN are false.
        let ahead = |&(class, score): &(usize, &T)| {
            class != usize::from(label) && !matches!(score.partial_cmp(own), Some(std::cmp::Ordering::Less))
        };
        row.iter().enumerate().filter(ahead).count() < k
    };
    scores.chunks_exact(classes).zip(labels).map(hit).collect()
}

/// Share of hits in percent; not a number if there are none to count.
pub fn accuracy(hits: &[bool]) -> f64 {
    100.0 * hits.iter().filter(|&&hit| hit).count() as f64 / hits.len() as f64
}

/// Top-k accuracy in percent for each `k`; ties count against, as in [`top_k_hits`].
pub fn top_k<T: PartialOrd, const K: usize>(scores: &[T], labels: &[u16], classes: usize, k: [usize; K]) -> [f64; K] {
    k.map(|k| accuracy(&top_k_hits(scores, labels, classes, k)))
}

/// Mean over the classes of each class's share of hits, in percent; classes without images are left out.
pub fn mean_per_class(hits: &[bool], labels: &[u16], classes: usize) -> f64 {
    assert_eq!(hits.len(), labels.len(), "one label per hit");
    let mut counts = vec![(0_usize, 0_usize); classes];
    for (&hit, &label) in hits.iter().zip(labels) {
        let (correct, all) = &mut counts[usize::from(label)];
        *correct += usize::from(hit);
        *all += 1;
    }
    let present = counts.iter().filter(|(_, all)| *all > 0);
    let sum: f64 = present.clone().map(|&(correct, all)| 100.0 * correct as f64 / all as f64).sum();
    sum / present.count() as f64
}

/// The class of the largest score of each image; the smaller class on a tie.
pub fn predictions<T: PartialOrd>(scores: &[T], classes: usize) -> Vec<u16> {
    let largest = |row: &[T]| {
        let mut best = 0;
        for class in 1..row.len() {
            if row[class] > row[best] {
                best = class;
            }
        }
        best as u16
    };
    scores.chunks_exact(classes).map(largest).collect()
}

/// Whether each prediction is right.
pub fn hits(predicted: &[u16], labels: &[u16]) -> Vec<bool> {
    assert_eq!(predicted.len(), labels.len(), "one label per prediction");
    predicted.iter().zip(labels).map(|(predicted, label)| predicted == label).collect()
}

/// Counts of images by class (row) and predicted class (column), `[classes, classes]`.
pub fn confusion(predicted: &[u16], labels: &[u16], classes: usize) -> Vec<u64> {
    assert_eq!(predicted.len(), labels.len(), "one label per prediction");
    let mut counts = vec![0; classes * classes];
    for (&predicted, &label) in predicted.iter().zip(labels) {
        counts[usize::from(label) * classes + usize::from(predicted)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_and_numbers_that_are_none_count_against() {
        let scores = [3.0, 2.0, 1.0, 1.0, 1.0, 0.0, f64::NAN, 5.0, 1.0];
        // Clear; tied with class 1; label's score not a number.
        assert_eq!(top_k_hits(&scores, &[0, 0, 0], 3, 1), [true, false, false]);
        assert_eq!(top_k_hits(&scores, &[0, 0, 0], 3, 2), [true, true, false]);
        // Another class's score not a number.
        assert_eq!(top_k_hits(&[f64::NAN, 5.0], &[1], 2, 1), [false]);
        assert_eq!(top_k(&scores, &[0, 0, 0], 3, [1, 2, 3]).map(|share| share.round()), [33.0, 67.0, 100.0]);
        // A constant classifier is right about nothing.
        assert_eq!(top_k(&[0_f32; 20], &[1; 2], 10, [1, 5]), [0.0, 0.0]);
    }

    #[test]
    fn classes_weigh_the_same_and_empty_ones_nothing() {
        // Class 0: 3 of 4; class 1: 0 of 1; class 2 has no image.
        let hits = [true, true, true, false, false];
        assert_eq!(mean_per_class(&hits, &[0, 0, 0, 0, 1], 3), 37.5);
        assert_eq!(accuracy(&hits), 60.0);
    }

    #[test]
    fn predictions_and_their_confusion() {
        let predicted = predictions(&[0.0, 1.0, 1.0, 2.0, 2.0, 2.0, -1.0, -3.0, -0.5], 3);
        assert_eq!(predicted, [1, 0, 2]);
        assert_eq!(hits(&predicted, &[1, 1, 2]), [true, false, true]);
        assert_eq!(confusion(&predicted, &[1, 1, 2], 3), [0, 0, 0, 1, 1, 0, 0, 0, 1]);
    }
}
