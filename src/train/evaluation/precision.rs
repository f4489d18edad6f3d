//! Average precision as PASCAL VOC 2007 defines it, by interpolation at 11 recalls (Everingham et al. 2010, §4.2).

/// Average precision of every class and its mean.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanAveragePrecision {
    /// Mean over the classes that have a positive image, in percent; not a number if none has.
    pub mean: f64,
    /// Average precision of each class in percent; none for a class without positive images.
    pub per_class: Vec<Option<f64>>,
}

/// 11-point interpolated average precision in percent; none if no image is positive.
///
/// `ranked` holds the score of each image and whether it is positive; images that VOC calls difficult are to be left
/// out of it. As in the VOC development kit, equal scores keep their order. Recall is compared with 0, 0.1, …, 1
/// exactly, by integers; the development kit does it in floating point, where 3 · 0.1 is more than a recall of 3 / 10, so
/// that where the number of positives is a multiple of ten, the fourth point takes its precision from larger recalls.
pub fn average_precision(ranked: impl IntoIterator<Item = (f64, bool)>) -> Option<f64> {
    // Adding zero makes -0 equal to 0; a score that is not a number counts against its image.
    let comparable = |(score, positive): (f64, bool)| match (score.is_nan(), positive) {
        (false, _) => (score + 0.0, positive),
        (true, true) => (f64::NEG_INFINITY, true),
        (true, false) => (f64::INFINITY, false),
    };
    let mut ranked: Vec<(f64, bool)> = ranked.into_iter().map(comparable).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = ranked.iter().filter(|(_, positive)| *positive).count();
    // The largest precision at recall i / 10 or more, for i from 0 to 10.
    let mut best = [0_f64; 11];
    let mut found = 0;
    for (rank, &(_, positive)) in ranked.iter().enumerate() {
        found += usize::from(positive);
        let precision = found as f64 / (rank + 1) as f64;
        for (point, best) in best.iter_mut().enumerate() {
            if 10 * found >= point * positives {
                *best = best.max(precision);
            }
        }
    }
    (positives > 0).then(|| 100.0 * best.iter().sum::<f64>() / 11.0)
}

/// Average precision of every class from `scores` `[n, classes]`.
///
/// `positive(image, class)` says whether an image shows a class, or nothing if it is not to be counted for it (VOC's
/// difficult images). For one label per image it is `Some(labels[image] == class)`, each class against the rest.
pub fn mean_average_precision(
    scores: &[f64],
    classes: usize,
    positive: impl Fn(usize, usize) -> Option<bool>,
) -> MeanAveragePrecision {
    let of_class = |class: usize| {
        let images = scores.chunks_exact(classes).enumerate();
        average_precision(images.filter_map(|(image, row)| Some((row[class], positive(image, class)?))))
    };
    let per_class: Vec<Option<f64>> = (0..classes).map(of_class).collect();
    let present = per_class.iter().flatten();
    MeanAveragePrecision { mean: present.clone().sum::<f64>() / present.count() as f64, per_class }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Precision 1 up to recall 1/2, then 2/3 (the later of the two positives stands third).
        let ranked = [(0.9, true), (0.8, false), (0.7, true), (0.1, false)];
        let expected = 100.0 * (6.0 + 5.0 * 2.0 / 3.0) / 11.0;
        assert!((average_precision(ranked).unwrap() - expected).abs() < 1e-12);
        // Perfect and worst.
        assert_eq!(average_precision([(2.0, true), (1.0, false)]), Some(100.0));
        assert_eq!(average_precision([(2.0, false), (1.0, true)]), Some(50.0));
        assert_eq!(average_precision([(2.0, false)]), None);
    }

    #[test]
    fn a_recall_of_three_tenths_reaches_the_point() {
        // Ten positives; the first three come first, a negative follows: points 0..=3 see precision 1. In floating
        // point 3 * 0.1 > 0.3 would lose one point.
        let ranked = (0..11).map(|rank| (-f64::from(rank), rank != 3));
        let expected = 100.0 * (4.0 + 7.0 * 10.0 / 11.0) / 11.0;
        assert!((average_precision(ranked).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn zeros_are_equal_and_numbers_that_are_none_count_against() {
        assert_eq!(average_precision([(-0.0, true), (0.0, false)]), Some(100.0));
        assert_eq!(average_precision([(f64::NAN, true), (0.0, false)]), Some(50.0));
        assert_eq!(average_precision([(1.0, true), (f64::NAN, false)]), Some(50.0));
    }

    #[test]
    fn classes_without_positives_and_uncounted_images_are_left_out() {
        let scores = [0.9, 0.1, 0.5, 0.5, 0.1, 0.9];
        let all = mean_average_precision(&scores, 2, |image, class| Some(class == 0 && image == 1));
        assert_eq!(all, MeanAveragePrecision { mean: 50.0, per_class: vec![Some(50.0), None] });
        // Without the image that ranks before it.
        let some = mean_average_precision(&scores, 2, |image, class| (image != 0).then_some(class == 0 && image == 1));
        assert_eq!(some.per_class, [Some(100.0), None]);
    }
}
