//! The best and the second best of cells, and whether the difference is more than chance.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{
    cell::Cell,
    standing::{CellState, SeedResult},
    statistics::{mean, rounding, same, sample_deviation},
    table::Row,
};
use crate::{recipe::Metric, sweep::Best};

/// A difference counts if chance alone gave one as large less often than this.
pub(super) const SIGNIFICANCE: f64 = 0.05;

/// The place of a cell among those that it is compared with; equal cells share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// The best, significantly better than the second.
    Best,
    /// The best, but the second might be as good.
    NotSignificantlyBest,
    /// The second best.
    Second,
}

impl Rank {
    /// What stands behind a number in plain text.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Best => " ¹",
            Self::NotSignificantlyBest => " ¹ n.s.",
            Self::Second => " ²",
        }
    }
}

/// Ranks the cells of the first `columns` columns, in which `metrics` take turns.
pub(super) fn rank(rows: &mut [Row], best: Best, columns: usize, metrics: &[Metric]) {
    let count = metrics.len();
    let groups = match best {
        Best::Row => rows.len() * count,
        Best::Column => columns,
        Best::Table => count,
    };
    let mut groups: Vec<Vec<(usize, usize)>> = vec![vec![]; groups];
    for row in 0..rows.len() {
        for column in 0..columns {
            let group = match best {
                Best::Row => row * count + column % count,
                Best::Column => column,
                Best::Table => column % count,
            };
            groups[group].push((row, column));
        }
    }
    for group in groups {
        rank_group(rows, group);
    }
}

fn rank_group(rows: &mut [Row], mut group: Vec<(usize, usize)>) {
    let cell = |(row, column): (usize, usize)| &rows[row].cells[column];
    group.retain(|&place| cell(place).state == CellState::Done && cell(place).metric.more_is_better().is_some());
    // The better, the smaller.
    let value = |place| {
        let sign = if cell(place).metric.more_is_better() == Some(true) { -1.0 } else { 1.0 };
        sign * cell(place).mean.unwrap_or_default()
    };
    group.sort_by(|&one, &other| value(one).total_cmp(&value(other)));
    let Some(&first) = group.first() else { return };
    // Means of the same numbers in another order may differ in their last bits.
    let equal = |one, other| same(cell(one).metric, value(one), value(other));
    let best = group.iter().filter(|&&place| equal(place, first)).count();
    let Some(&second) = group.get(best) else { return };
    if !alike(group.iter().map(|&place| cell(place))) {
        return;
    }
    let seconds = group.iter().filter(|&&place| equal(place, second)).copied().collect::<Vec<_>>();
    // Of several that are equal, none is the best; nor is one that is not better than each of several seconds.
    let better = |&second: &(usize, usize)| probability(cell(first), cell(second)).is_some_and(|p| p < SIGNIFICANCE);
    let clear = best == 1 && seconds.iter().all(better);
    for (row, column) in group[..best].iter().copied() {
        rows[row].cells[column].rank = Some(if clear { Rank::Best } else { Rank::NotSignificantlyBest });
    }
    // Beside several that share the first place, there is no second.
    for (row, column) in seconds.into_iter().filter(|_| best == 1) {
        rows[row].cells[column].rank = Some(Rank::Second);
    }
}

/// Whether all records behind the cells have the same protocol, data and code, the code of pretraining included; what
/// data an encoder was pretrained on may be what is compared.
fn alike<'c>(cells: impl Iterator<Item = &'c Cell>) -> bool {
    let records = cells.flat_map(|cell| &cell.seeds).filter_map(|seed| Some((seed.job.record()?, &seed.pretrain)));
    let mut kinds = records.map(|(record, pretrain)| {
        let pretrain = pretrain.as_ref().and_then(|pretrain| Some(&pretrain.record()?.code));
        (&record.protocol, &record.data, &record.code, pretrain)
    });
    kinds.next().is_none_or(|first| kinds.all(|other| other == first))
}

/// How often chance alone would make two cells differ by as much, by the two-sided paired t-test over their seeds;
/// `None` with fewer than two seeds. As the cells are chosen by the same numbers, the best and the second of several,
/// this is less than how often the best of equally good ones would lead by as much; it is not corrected for that.
fn probability(one: &Cell, other: &Cell) -> Option<f64> {
    // Where some combinations were not asked for, there may be nothing to pair with.
    let paired = |(one, other): (&SeedResult, &SeedResult)| one.seed == other.seed && one.over == other.over;
    if one.seeds.len() != other.seeds.len() || !one.seeds.iter().zip(&other.seeds).all(paired) {
        return None;
    }
    let pairs = one.values().zip(other.values());
    let pairs: Option<Vec<(f64, f64)>> = pairs.map(|((_, one), (_, other))| Some((one?, other?))).collect();
    let pairs = pairs?;
    let size = pairs.iter().fold(0.0_f64, |size, (one, other)| size.max(one.abs()).max(other.abs()));
    let differences: Vec<f64> = pairs.iter().map(|(one, other)| one - other).collect();
    paired_t_test(&differences, rounding(one.metric, size))
}

/// The two-sided probability of differences whose true mean is zero; none of differences that are all equal but for
/// `rounding`, whose spread tells nothing: accuracies are counts, and often differ by the same few images.
fn paired_t_test(differences: &[f64], rounding: f64) -> Option<f64> {
    let (mean, deviation) = (mean(differences)?, sample_deviation(differences)?);
    let least = differences.iter().copied().fold(f64::INFINITY, f64::min);
    let most = differences.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most - least <= rounding {
        return (mean.abs() <= rounding).then_some(1.0);
    }
    let n = differences.len() as f64;
    let distribution = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
    Some(2.0 * distribution.cdf(-(mean / (deviation / n.sqrt())).abs()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        recipe::Metrics,
        report::view::{DoneView, JobView},
    };

    #[test]
    fn probabilities_are_those_of_scipy() {
        // scipy.stats.ttest_rel(differences, zeros).pvalue of SciPy 1.17.1; the first also in closed form.
        for (differences, expected) in [
            (vec![1.0, 2.0], 1.0 - 2.0 / std::f64::consts::PI * 3_f64.atan()),
            (vec![0.5, 0.7, 0.9], 0.026_148_318_903_646_63),
            (vec![-0.2, 0.4, 0.1, 0.3, -0.1], 0.429_973_379_488_549),
        ] {
            let found = paired_t_test(&differences, 0.0).unwrap();
            assert!((found - expected).abs() < 1e-9, "{differences:?}: {found} {expected}");
        }
    }

    #[test]
    fn degenerate_differences_have_their_limits() {
        assert_eq!(paired_t_test(&[1.0], 0.0), None);
        assert_eq!(paired_t_test(&[0.0, 0.0], 0.0), Some(1.0));
        assert_eq!(paired_t_test(&[1e-10, -1e-10], 1e-9), Some(1.0));
        assert_eq!(paired_t_test(&[0.5, 0.5], 0.0), None);
        assert_eq!(paired_t_test(&[0.5, 0.5 + 1e-10], 1e-9), None);
    }

    /// A cell whose seeds have these values.
    fn cell(metric: Metric, values: &[f64]) -> Cell {
        let seed = |(seed, value): (u64, &f64)| {
            let record = DoneView {
                metrics: Metrics::from([(metric, *value)]),
                protocol: String::new(),
                data: String::new(),
                code: String::new(),
                commit: String::new(),
                device: String::new(),
                backend: String::new(),
                wall_seconds: 0.0,
                images_per_second: 0.0,
                started_unix: 0,
                threads: 1,
                host: String::new(),
                checkpoint: None,
                remarks: vec![],
            };
            SeedResult { seed, over: vec![], job: JobView::Done(Arc::new(record)), pretrain: None }
        };
        Cell::new(metric, (0..).zip(values).map(seed).collect())
    }

    /// The ranks of two cells of one column with so many right of `images` for each seed.
    fn ranks(images: u32, counts: [&[u32]; 2]) -> [Option<Rank>; 2] {
        let share = |&count: &u32| 100.0 * f64::from(count) / f64::from(images);
        let row = |counts: &[u32]| {
            let values: Vec<f64> = counts.iter().map(share).collect();
            Row { labels: vec![], cells: vec![cell(Metric::Top1, &values)] }
        };
        let mut rows = counts.map(row);
        rank(&mut rows, Best::Column, 1, &[Metric::Top1]);
        rows.map(|row| row.cells[0].rank)
    }

    /// Sizes of test sets: CIFAR's, Cars', ImageNet's and others, of powers of ten and not.
    const SIZES: [u32; 6] = [50, 300, 1000, 8041, 10_000, 50_000];

    /// Counts of two to five seeds, all of them or some hundred first ones, and by how many images others lead.
    fn cases(images: u32) -> impl Iterator<Item = (Vec<u32>, u32)> {
        let starts = move || (0..images - 41).step_by((images / 200).max(1) as usize);
        (2..=5).flat_map(move |seeds| {
            starts().flat_map(move |start| {
                let counts: Vec<u32> = (0..seeds).map(|seed| start + (seed * seed + start) % 11).collect();
                [1, 7, 30].map(|lead| (counts.clone(), lead))
            })
        })
    }

    #[test]
    fn a_lead_of_as_many_images_for_every_seed_is_never_tested() {
        for images in SIZES {
            for (counts, lead) in cases(images) {
                let leading: Vec<u32> = counts.iter().map(|count| count + lead).collect();
                let ranks = ranks(images, [&counts, &leading]);
                let expected = [Some(Rank::Second), Some(Rank::NotSignificantlyBest)];
                assert_eq!(ranks, expected, "{counts:?} of {images}, and {lead} more");
            }
        }
    }

    #[test]
    fn a_lead_of_one_image_more_for_one_seed_is_tested_as_counts_are() {
        for images in SIZES {
            for (counts, lead) in cases(images) {
                let mut leads = vec![lead; counts.len()];
                leads[0] += 1;
                let leading: Vec<u32> = counts.iter().zip(&leads).map(|(count, lead)| count + lead).collect();
                let exact: Vec<f64> = leads.iter().copied().map(f64::from).collect();
                let clear = paired_t_test(&exact, 0.0).is_some_and(|p| p < SIGNIFICANCE);
                let best = Some(if clear { Rank::Best } else { Rank::NotSignificantlyBest });
                assert_eq!(ranks(images, [&counts, &leading]), [Some(Rank::Second), best], "{counts:?} of {images}");
            }
        }
    }

    #[test]
    fn cells_with_as_many_images_in_all_share_the_first_place() {
        for images in SIZES {
            for (counts, lead) in cases(images) {
                // As many in all, for other seeds.
                let mut other = counts.clone();
                other.rotate_left(1);
                other[0] += lead;
                let last = other.len() - 1;
                let mut one = counts.clone();
                one[last] += lead;
                assert_eq!(ranks(images, [&one, &other]), [None; 2], "{one:?} and {other:?} of {images}");
            }
        }
    }

    #[test]
    fn losses_that_differ_in_their_last_bits_are_equal() {
        let row = |values: &[f64]| Row { labels: vec![], cells: vec![cell(Metric::Loss, values)] };
        let mut rows = [row(&[4.158_883_1, 4.158_883_3]), row(&[4.158_882_9, 4.158_883_0]), row(&[4.5, 4.6])];
        rank(&mut rows, Best::Column, 1, &[Metric::Loss]);
        let shared = Some(Rank::NotSignificantlyBest);
        assert_eq!(rows.map(|row| row.cells[0].rank), [shared, shared, None]);
    }
}
