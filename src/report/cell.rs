//! One cell of a table: what all seeds of one trial say about one metric.

use super::{
    rank::Rank,
    statistics::{mean, sample_deviation},
    view::{DoneView, JobView},
};
use crate::recipe::Metric;

/// A number with its spread, or the reason why it is not one yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What is measured.
    pub metric: Metric,
    /// The trial whose cell it is; none of averages and of what the sweep does not ask for.
    pub point: Option<Vec<usize>>,
    /// What each seed says, in the order of the sweep's seeds.
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

/// What is known for one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// The job that reports the metric.
    pub job: JobView,
    /// The pretraining job it depends on, if the metric comes from an evaluation.
    pub pretrain: Option<JobView>,
}

/// Whether a cell is a number, and if not, why.
#[derive(Clone, Debug, PartialEq)]
pub enum CellState {
    /// Every seed gave a value.
    Done,
    /// Some seeds gave a value, the others are still to come.
    Partial {
        /// Seeds with a value.
        done: usize,
        /// Seeds of the sweep.
        of: usize,
    },
    /// The first value is being made.
    Running {
        /// Share of the cell's seeds that is done, between 0 and 1, if known.
        progress: Option<f64>,
    },
    /// Nothing ran yet.
    Missing,
    /// The sweep does not ask for it.
    NotPlanned,
    /// A seed failed. The mean of the others would favor settings that fail, so there is none.
    Failed(String),
    /// A seed will not run.
    Skipped(String),
    /// The jobs are done and do not report this metric, as an untrained encoder reports no loss.
    NotMeasured,
    /// The seeds were not measured alike; says what differs.
    NotComparable(String),
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
            point: None,
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
            point: None,
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
            point: None,
        }
    }

    /// Whether it is an average of other cells.
    pub fn is_average(&self) -> bool {
        self.seeds.is_empty() && self.state != CellState::NotPlanned
    }

    /// Whether a number of all seeds is within the tolerance of what the paper found; `None` without either.
    pub fn reproduces(&self) -> Option<bool> {
        let PublishedValue { value, tolerance } = self.published?;
        let mean = self.mean.filter(|_| self.state == CellState::Done)?;
        // Rounding must not decide: 64.5 is within 0.2 of 64.3.
        Some((mean - value).abs() <= tolerance + 1e-9)
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
            CellState::Done => None,
            CellState::Partial { done, of } => Some((*done, *of)),
            CellState::Running { progress: Some(share) } => {
                return word(&format!("running {:.0} %", 100.0 * share));
            }
            CellState::Running { progress: None } => return word("running"),
            CellState::Missing => return word("–"),
            CellState::NotPlanned => return CellText::Word(String::new()),
            CellState::Failed(_) => return word("FAILED"),
            CellState::Skipped(_) => return word("skipped"),
            CellState::NotMeasured => return word("n/a"),
            CellState::NotComparable(_) => return word("not comparable"),
        };
        let number = |value: f64| format!("{value:.decimals$}");
        let Some(mean) = self.mean else { return word("–") };
        let seeds = partial.map_or_else(String::new, |(done, of)| format!(" ({done}/{of} seeds)"));
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
        CellText::Number { mean, spread, rank: self.rank, suffix: format!("{seeds}{comparison}") }
    }
}

/// Of the cells that can be compared with published numbers, how many are within their tolerance, and how many there
/// are.
pub(super) fn reproduced<'c>(cells: impl Iterator<Item = &'c Cell>) -> (usize, usize) {
    let verdicts = cells.filter_map(Cell::reproduces);
    verdicts.fold((0, 0), |(within, compared), verdict| (within + usize::from(verdict), compared + 1))
}

impl CellState {
    /// The graver, the smaller.
    fn gravity(&self) -> usize {
        match self {
            Self::NotComparable(_) => 0,
            Self::Failed(_) => 1,
            Self::Skipped(_) => 2,
            Self::NotMeasured => 3,
            Self::Missing => 4,
            Self::Running { .. } | Self::Partial { .. } => 5,
            Self::NotPlanned | Self::Done => 6,
        }
    }

    /// The state of what waits for such a cell.
    fn without_count(self) -> Self {
        match self {
            Self::Partial { .. } | Self::Running { .. } => Self::Missing,
            other => other,
        }
    }
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

impl SeedResult {
    /// The metric's value, if the job is done and reports it.
    pub fn value(&self, metric: Metric) -> Option<f64> {
        self.job.record()?.metrics.get(&metric).copied()
    }

    /// Where the seed stands: before its evaluation begins, pretraining says more.
    fn standing(&self) -> JobView {
        match (&self.job, &self.pretrain) {
            (JobView::Missing | JobView::Queued, Some(running @ JobView::Running { .. })) => running.clone(),
            (JobView::Missing | JobView::Queued, Some(JobView::Failed { class, message })) => {
                JobView::Skipped { because: format!("pretraining failed: {class}: {message}") }
            }
            (JobView::Missing | JobView::Queued, Some(skipped @ JobView::Skipped { .. })) => skipped.clone(),
            (own, _) => own.clone(),
        }
    }
}

fn state(metric: Metric, seeds: &[SeedResult], values: usize) -> CellState {
    let records = || seeds.iter().filter_map(|seed| seed.job.record());
    let pretrains = || seeds.iter().filter_map(|seed| seed.pretrain.as_ref()?.record());
    let mut differences = Vec::new();
    let mut compare = |name: &'static str, all_equal: bool| {
        if !all_equal {
            differences.push(name);
        }
    };
    compare("protocol", all_equal(records(), |record| &record.protocol));
    compare("data", all_equal(records(), |record| &record.data));
    compare("code", all_equal(records(), |record| &record.code));
    compare("pretraining data", all_equal(pretrains(), |record| &record.data));
    compare("pretraining code", all_equal(pretrains(), |record| &record.code));
    if !differences.is_empty() {
        return CellState::NotComparable(differences.join(", "));
    }
    if values > 0 && values == seeds.len() {
        return CellState::Done;
    }

    let standings: Vec<JobView> = seeds.iter().map(SeedResult::standing).collect();
    for standing in &standings {
        if let JobView::Failed { class, message } = standing {
            return CellState::Failed(format!("{class}: {message}"));
        }
    }
    for standing in &standings {
        if let JobView::Skipped { because } = standing {
            return CellState::Skipped(because.clone());
        }
    }
    if records().any(|record| !record.metrics.contains_key(&metric)) {
        return CellState::NotMeasured;
    }
    if values > 0 {
        return CellState::Partial { done: values, of: seeds.len() };
    }
    if standings.iter().any(|standing| matches!(standing, JobView::Running { .. })) {
        let shares: Option<Vec<f64>> = standings.iter().map(share_done).collect();
        return CellState::Running { progress: shares.and_then(|shares| mean(&shares)) };
    }
    CellState::Missing
}

/// Share of a job that is done, `None` if it runs without saying.
fn share_done(job: &JobView) -> Option<f64> {
    match job {
        JobView::Running { progress } => progress.map(|share| share.clamp(0.0, 1.0)),
        JobView::Done(_) => Some(1.0),
        _ => Some(0.0),
    }
}

fn all_equal<'r>(mut records: impl Iterator<Item = &'r DoneView>, field: impl Fn(&'r DoneView) -> &'r str) -> bool {
    records.next().is_none_or(|first| records.all(|record| field(record) == field(first)))
}
