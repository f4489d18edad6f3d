//! The best and the second best of cells, and whether the difference is more than chance.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{
    cell::Cell,
    standing::{CellState, SeedResult},
    statistics::{mean, sample_deviation},
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
    let equal = |one, other| (value(one) - value(other)).abs() <= 1e-9 * value(one).abs().max(1.0);
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
/// `None` with fewer than two seeds.
fn probability(one: &Cell, other: &Cell) -> Option<f64> {
    // Where some combinations were not asked for, there may be nothing to pair with.
    let same = |(one, other): (&SeedResult, &SeedResult)| one.seed == other.seed && one.over == other.over;
    if one.seeds.len() != other.seeds.len() || !one.seeds.iter().zip(&other.seeds).all(same) {
        return None;
    }
    let pairs = one.values().zip(other.values());
    let differences: Option<Vec<f64>> = pairs.map(|((_, one), (_, other))| Some(one? - other?)).collect();
    paired_t_test(&differences?)
}

/// The two-sided probability of differences whose true mean is zero; none of differences that are all equal, whose
/// spread tells nothing: accuracies are counts, and often differ by the same few images.
fn paired_t_test(differences: &[f64]) -> Option<f64> {
    let (mean, deviation) = (mean(differences)?, sample_deviation(differences)?);
    if deviation == 0.0 {
        return (mean == 0.0).then_some(1.0);
    }
    let n = differences.len() as f64;
    let distribution = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
    Some(2.0 * distribution.cdf(-(mean / (deviation / n.sqrt())).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_scipy() {
        // scipy.stats.ttest_rel(differences, zeros).pvalue of SciPy 1.17.1; the first also in closed form.
        for (differences, expected) in [
            (vec![1.0, 2.0], 1.0 - 2.0 / std::f64::consts::PI * 3_f64.atan()),
            (vec![0.5, 0.7, 0.9], 0.026_148_318_903_646_63),
            (vec![-0.2, 0.4, 0.1, 0.3, -0.1], 0.429_973_379_488_549),
        ] {
            let found = paired_t_test(&differences).unwrap();
            assert!((found - expected).abs() < 1e-9, "{differences:?}: {found} {expected}");
        }
    }

    #[test]
    fn degenerate_differences_have_their_limits() {
        assert_eq!(paired_t_test(&[1.0]), None);
        assert_eq!(paired_t_test(&[0.0, 0.0]), Some(1.0));
        assert_eq!(paired_t_test(&[0.5, 0.5]), None);
    }
}
