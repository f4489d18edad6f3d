//! One cell of a table: what all seeds of one trial say about one metric.

use super::{
    rank::Rank,
    standing::{CellState, SeedResult, state},
    statistics::{mean, rounding, sample_deviation},
};
use crate::recipe::Metric;

/// A number with its spread, or the reason why it is not one yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What is measured.
    pub metric: Metric,
    /// The trial whose cell it is, or all those that it averages over; none of what the sweep does not ask
    /// for.
    pub points: Vec<Vec<usize>>,
    /// What each seed says, in the order of the sweep's seeds; of a cell that averages over axes, each run.
    pub seeds: Vec<SeedResult>,
    /// Whether the cell is a number.
    pub state: CellState,
    /// Number of seeds that gave a value.
    pub n: usize,
    /// Mean over the seeds; only of `Done` and `Partial` cells.
    pub mean: Option<f64>,
    /// Sample standard deviation over the seeds (divisor n − 1); none of fewer than two values.
    pub deviation: Option<f64>,
    /// Whether it is the best of those that it is compared with, or the second best.
    pub rank: Option<Rank>,
    /// What the paper found.
    pub published: Option<PublishedValue>,
}

/// A published number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PublishedValue {
    /// The number.
    pub value: f64,
    /// How far a cell may be from it.
    pub tolerance: f64,
}

/// What stands in a cell, before a renderer gives it its look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellText {
    /// A number.
    Number {
        /// The mean.
        mean: String,
        /// The standard deviation, with as many decimals.
        spread: Option<String>,
        /// Whether it is the best of those that it is compared with, or the second best.
        rank: Option<Rank>,
        /// What follows: seeds done and seeds wanted, if some are missing; what the paper found.
        suffix: String,
    },
    /// The state in words.
    Word(String),
}

impl Cell {
    /// The cell that follows from what its seeds say.
    pub fn new(metric: Metric, seeds: Vec<SeedResult>) -> Self {
        let values: Vec<f64> = seeds.iter().filter_map(|seed| seed.value(metric)).collect();
        let state = state(metric, &seeds, values.len());
        let shown: &[f64] = if matches!(state, CellState::Done | CellState::Partial { .. }) { &values } else { &[] };
        Self {
            metric,
            n: values.len(),
            mean: mean(shown),
            deviation: sample_deviation(shown),
            seeds,
            state,
            rank: None,
            published: None,
            points: vec![],
        }
    }

    /// A cell that the sweep does not ask for.
    pub fn not_planned(metric: Metric) -> Self {
        Self {
            metric,
            seeds: vec![],
            state: CellState::NotPlanned,
            n: 0,
            mean: None,
            deviation: None,
            rank: None,
            published: None,
            points: vec![],
        }
    }

    /// The average of cells of one metric: of each seed first, then over the seeds.
    pub fn average(metric: Metric, cells: &[&Self]) -> Self {
        let cells: Vec<&&Self> = cells.iter().filter(|cell| cell.state != CellState::NotPlanned).collect();
        if cells.is_empty() {
            return Self::not_planned(metric);
        }
        let done = cells.iter().all(|cell| cell.state == CellState::Done);
        // Why there is no average yet: what keeps one of the cells from being a number.
        let unfinished = cells.iter().map(|cell| &cell.state).filter(|state| **state != CellState::Done);
        let worst = unfinished.min_by_key(|state| state.gravity()).map_or(CellState::Missing, Clone::clone);
        let seeds = if done { cells[0].n } else { 0 };
        let of_seed = |seed: usize| {
            let values: Option<Vec<f64>> = cells.iter().map(|cell| cell.seeds[seed].value(metric)).collect();
            values.as_deref().and_then(mean)
        };
        let averages: Vec<f64> = (0..seeds).filter_map(of_seed).collect();
        let state = if done { CellState::Done } else { worst.without_count() };
        let (mean, deviation) = (mean(&averages), sample_deviation(&averages));
        Self {
            metric,
            seeds: vec![],
            state,
            n: averages.len(),
            mean,
            deviation,
            rank: None,
            published: None,
            points: cells.iter().flat_map(|cell| cell.points.iter().cloned()).collect(),
        }
    }

    /// Whether it is an average of other cells.
    pub fn is_average(&self) -> bool {
        self.seeds.is_empty() && !matches!(self.state, CellState::NotPlanned | CellState::Cited(_))
    }

    /// Whether a number of all seeds is within the tolerance of what the paper found; `None` without either.
    pub fn reproduces(&self) -> Option<bool> {
        let PublishedValue { value, tolerance } = self.published?;
        let mean = self.mean.filter(|_| self.state == CellState::Done)?;
        // Rounding must not decide: 64.5 is within 0.2 of 64.3.
        Some((mean - value).abs() <= tolerance + rounding(self.metric, mean.abs().max(value.abs())))
    }

    /// Each seed with its value, in the order of the sweep's seeds.
    pub fn values(&self) -> impl Iterator<Item = (u64, Option<f64>)> + '_ {
        self.seeds.iter().map(|seed| (seed.seed, seed.value(self.metric)))
    }

    /// What the cell shows.
    pub fn text(&self) -> CellText {
        let decimals = self.metric.decimals();
        let published = self.published.map(|published| format!("{:.decimals$}", published.value));
        let beside = |text: String| match &published {
            Some(value) => format!("{text} (paper {value})"),
            None => text,
        };
        let word = |text: &str| CellText::Word(beside(text.to_owned()));
        let partial = match &self.state {
            CellState::Done | CellState::Cited(_) => None,
            CellState::Partial { done, of, running } => Some((*done, *of, *running)),
            CellState::Running { progress: Some(share) } => {
                return word(&format!("running {:.0} %", 100.0 * share));
            }
            CellState::Running { progress: None } => return word("running"),
            CellState::Queued => return word("queued"),
            CellState::Missing => return word("–"),
            CellState::Stale(_) => return word("stale"),
            CellState::NoData(_) => return word("no data"),
            CellState::NotPlanned => return CellText::Word(String::new()),
            CellState::Failed(_) => return word("FAILED"),
            CellState::Skipped(_) => return word("skipped"),
            CellState::NotMeasured => return word("n/a"),
            CellState::NotComparable(_) => return word("not comparable"),
        };
        let number = |value: f64| format!("{value:.decimals$}");
        let Some(mean) = self.mean else { return word("–") };
        let what = if self.seeds.iter().any(|run| !run.over.is_empty()) { "runs" } else { "seeds" };
        let seeds = partial.map_or_else(String::new, |(done, of, running)| {
            format!(" ({done}/{of} {what}{})", if running { ", running" } else { "" })
        });
        let mark = if let CellState::Cited(mark) = &self.state { mark } else { "" };
        let comparison = match (self.published, self.reproduces()) {
            (Some(PublishedValue { value, .. }), Some(within)) => {
                let difference = number((mean - value).abs());
                let zero = difference.bytes().all(|digit| matches!(digit, b'0' | b'.'));
                let sign = match mean < value {
                    _ if zero => "±",
                    true => "−",
                    false => "+",
                };
                format!(" (paper {}, {sign}{difference} {})", number(value), if within { "✓" } else { "✗" })
            }
            _ => beside(String::new()),
        };
        let (mean, spread) = (number(mean), self.deviation.map(number));
        CellText::Number { mean, spread, rank: self.rank, suffix: format!("{mark}{seeds}{comparison}") }
    }
}

/// Of the cells that can be compared with published numbers, how many are within their tolerance, and how many there
/// are.
pub(super) fn reproduced<'c>(cells: impl Iterator<Item = &'c Cell>) -> (usize, usize) {
    let verdicts = cells.filter_map(Cell::reproduces);
    verdicts.fold((0, 0), |(within, compared), verdict| (within + usize::from(verdict), compared + 1))
}

impl CellText {
    /// The text on one line: `63.2 ± 0.4`, `63.2 ± 0.4 (2/3 seeds)`, `running 40 %`.
    pub fn plain(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Number { mean, spread, suffix, .. } => {
                let spread = spread.as_ref().map(|spread| format!(" ± {spread}")).unwrap_or_default();
                format!("{mean}{spread}{suffix}")
            }
        }
    }
}
