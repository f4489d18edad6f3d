//! Whether a cell is a number, and if not, why: follows from where the jobs of its seeds stand.

use super::{
    statistics::mean,
    view::{DoneView, JobView},
};
use crate::recipe::Metric;

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
        /// Whether one of the others is being made.
        running: bool,
    },
    /// The first value is being made.
    Running {
        /// Share of the cell's seeds that is done, between 0 and 1, if known.
        progress: Option<f64>,
    },
    /// A run is going to make it.
    Queued,
    /// Nothing ran yet.
    Missing,
    /// There is a value from before the sweep or the program was changed; says what has changed.
    Stale(String),
    /// The data of a seed's jobs are absent; says which.
    NoData(String),
    /// The sweep does not ask for it.
    NotPlanned,
    /// The number stands in a paper and is shown with this mark; nothing was measured.
    Cited(String),
    /// A seed failed. The mean of the others would favor settings that fail, so there is none.
    Failed(String),
    /// A seed will not run.
    Skipped(String),
    /// The jobs are done and do not report this metric, as an untrained encoder reports no loss.
    NotMeasured,
    /// The seeds were not measured alike; says what differs.
    NotComparable(String),
}

/// What is known for one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// The values of the axes that the cell averages over, as indices.
    pub over: Vec<usize>,
    /// The job that reports the metric.
    pub job: JobView,
    /// The pretraining job it depends on, if the metric comes from an evaluation.
    pub pretrain: Option<JobView>,
}

impl CellState {
    /// The graver, the smaller.
    pub(super) fn gravity(&self) -> usize {
        match self {
            Self::NotComparable(_) => 0,
            Self::Failed(_) => 1,
            Self::NoData(_) => 2,
            Self::Skipped(_) => 3,
            Self::NotMeasured => 4,
            Self::Stale(_) => 5,
            Self::Missing => 6,
            Self::Queued => 7,
            Self::Running { .. } | Self::Partial { .. } => 8,
            Self::NotPlanned | Self::Cited(_) | Self::Done => 9,
        }
    }

    /// The state of what waits for such a cell.
    pub(super) fn without_count(self) -> Self {
        match self {
            Self::Partial { .. } | Self::Running { .. } | Self::Queued => Self::Missing,
            other => other,
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
        let not_begun =
            matches!(self.job, JobView::Missing | JobView::Queued | JobView::Stale { .. } | JobView::Skipped { .. });
        match self.pretrain.as_ref().filter(|_| not_begun) {
            Some(JobView::Failed { class, message }) => {
                JobView::Skipped { because: format!("pretraining failed: {class}: {message}") }
            }
            Some(pretrain @ (JobView::Running { .. } | JobView::Skipped { .. } | JobView::WithoutData { .. })) => {
                pretrain.clone()
            }
            _ => self.job.clone(),
        }
    }
}

/// The state of a cell whose seeds say this, `values` of them a value of the metric.
pub(super) fn state(metric: Metric, seeds: &[SeedResult], values: usize) -> CellState {
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
        if let JobView::WithoutData { message } = standing {
            return CellState::NoData(message.clone());
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
    let running = standings.iter().any(|standing| matches!(standing, JobView::Running { .. }));
    if values > 0 {
        return CellState::Partial { done: values, of: seeds.len(), running };
    }
    if running {
        let shares: Option<Vec<f64>> = standings.iter().map(share_done).collect();
        return CellState::Running { progress: shares.and_then(|shares| mean(&shares)) };
    }
    if standings.contains(&JobView::Queued) {
        return CellState::Queued;
    }
    for standing in &standings {
        if let JobView::Stale { why } = standing {
            return CellState::Stale(why.clone());
        }
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
