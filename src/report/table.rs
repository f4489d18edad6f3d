//! A table of cells: which trial stands where. How it looks is the renderers' business.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cell::{Cell, PublishedValue, reproduced},
    cited,
    lines::one_line,
    notes::{notes, setting},
    rank::rank,
    standing::{CellState, SeedResult},
    view::JobView,
};
use crate::{
    plan::{JobId, Plan, PlannedTrial},
    sweep::{Condition, Figure, MetricColumn, Published, Sweep, TableSpec},
};

/// A table, ready to be rendered; all texts are single lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// File name of the exported table, without extension.
    pub name: String,
    /// The caption.
    pub caption: String,
    /// How the table is also drawn.
    pub figure: Option<Figure>,
    /// Names of the axes that make the rows.
    pub row_axes: Vec<String>,
    /// Names of the axes that make the columns, outermost first.
    pub column_axes: Vec<String>,
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The rows, top to bottom.
    pub rows: Vec<Row>,
    /// What a reader must know to trust the numbers, one paragraph each.
    pub notes: Vec<String>,
    /// The notes its drawing repeats: over what the numbers are means, and their profile.
    pub setting: Vec<String>,
}

/// The heading of a column of cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The value on each column axis, outermost first.
    pub labels: Vec<String>,
    /// The metric, and the evaluation's name where the table shows several.
    pub heading: String,
    /// What is measured, and how.
    pub shows: MetricColumn,
}

/// A row of cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The value on each row axis.
    pub labels: Vec<String>,
    /// One cell per column.
    pub cells: Vec<Cell>,
}

impl Column {
    /// All headings on one line, for formats with a single header row.
    pub fn title(&self) -> String {
        let labels = self.labels.iter().map(|label| format!("{label}, ")).collect::<String>();
        labels + &self.heading
    }
}

/// Chosen values as pairs of axis and value.
pub(super) type Choice = Vec<(usize, usize)>;

impl Table {
    /// The table that `spec` asks for. `sweep_index` is the sweep's place among those planned together; `view` says
    /// where a job stands.
    pub fn new(
        sweep: &Sweep,
        sweep_index: usize,
        plan: &Plan,
        spec: &TableSpec,
        view: &dyn Fn(JobId) -> JobView,
    ) -> Self {
        let shown = |trial: &&PlannedTrial| trial.sweep == sweep_index && spec.shows(&trial.point);
        let trials: Trials = plan.trials.iter().filter(shown).map(|trial| (key(trial), trial)).collect();
        let row_choices = choices(&trials, &spec.rows);
        let column_choices = choices(&trials, &spec.columns);
        let over_choices = choices(&trials, &spec.over);
        let of_choice = |choice| spec.metrics.iter().map(move |shows| column(sweep, spec, choice, shows));
        let mut columns: Vec<Column> = column_choices.iter().flat_map(of_choice).collect();
        if spec.average {
            columns.extend(spec.metrics.iter().map(|shows| average_column(sweep, spec, shows)));
        }
        let mut incomplete = 0;
        let mut rows: Vec<Row> = row_choices
            .iter()
            .map(|row| {
                let cells = column_choices.iter().flat_map(|column| {
                    let point = |over: &Choice| {
                        let mut point = vec![0; sweep.axes.len()];
                        row.iter().chain(column).chain(over).for_each(|&(axis, value)| point[axis] = value);
                        point
                    };
                    let planned =
                        |point: &Vec<usize>| sweep.seeds.iter().any(|&seed| trials.contains_key(&(&point[..], seed)));
                    let points: Vec<Vec<usize>> = over_choices.iter().map(point).filter(planned).collect();
                    incomplete += usize::from(!points.is_empty() && points.len() < over_choices.len());
                    let trials = &trials;
                    spec.metrics.iter().map(move |shows| match &points[..] {
                        [] => Cell::not_planned(shows.metric),
                        _ => cell(trials, points.clone(), spec, &sweep.seeds, shows, view),
                    })
                });
                let mut cells: Vec<Cell> = cells.collect();
                if spec.average {
                    let averages: Vec<Cell> = spec
                        .metrics
                        .iter()
                        .enumerate()
                        .map(|(index, shows)| {
                            let of_metric: Vec<&Cell> = cells.iter().skip(index).step_by(spec.metrics.len()).collect();
                            Cell::average(shows.metric, &of_metric)
                        })
                        .collect();
                    cells.extend(averages);
                }
                Row { labels: labels(sweep, row), cells }
            })
            .collect();
        // Numbers of papers stand for all combinations, whether the sweep asks for them or not; averages come last.
        let all_columns = number_of_choices(sweep, &spec.columns);
        let places = column_choices.iter().map(|column| place(sweep, column)).chain([all_columns]);
        let places: Vec<usize> = places
            .flat_map(|place| (0..spec.metrics.len()).map(move |metric| place * spec.metrics.len() + metric))
            .collect();
        if let Some(Published { tolerance, values, .. }) = sweep.published(spec) {
            // Nor is an average over some of the values the paper's.
            let all_over = combinations(sweep, spec);
            let planned = |cell: &Cell| {
                cell.state != CellState::NotPlanned && (spec.over.is_empty() || cell.points.len() == all_over)
            };
            for (row, choice) in rows.iter_mut().zip(&row_choices) {
                let Some(values) = values.get(place(sweep, choice)) else { continue };
                let complete = column_choices.len() == all_columns && row.cells.iter().all(planned);
                for (index, cell) in row.cells.iter_mut().enumerate() {
                    let (column, metric) = (index / spec.metrics.len(), index % spec.metrics.len());
                    // An average of some of the columns is not the paper's.
                    if planned(cell) && (complete || column < column_choices.len()) {
                        let value = values.get(places[index]).copied().flatten();
                        let tolerance = tolerance[metric % tolerance.len()];
                        cell.published = value.map(|value| PublishedValue { value, tolerance });
                    }
                }
            }
        }
        if let Some(best) = spec.best {
            let metrics: Vec<_> = spec.metrics.iter().map(|shows| shows.metric).collect();
            rank(&mut rows, best, column_choices.len() * metrics.len(), &metrics);
        }
        rows.splice(0..0, cited::rows(sweep, spec, &places[..columns.len()]));
        Self {
            name: spec.name.clone(),
            caption: one_line(&spec.title),
            figure: spec.figure,
            row_axes: spec.rows.iter().map(|&axis| one_line(&sweep.axes[axis].name)).collect(),
            column_axes: spec.columns.iter().map(|&axis| one_line(&sweep.axes[axis].name)).collect(),
            notes: notes(sweep, spec, &columns, &rows, incomplete),
            setting: setting(sweep, spec),
            columns,
            rows,
        }
    }

    /// All cells, row by row.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.rows.iter().flat_map(|row| &row.cells)
    }

    /// Of the cells that can be compared with published numbers, how many are within their tolerance, and how many
    /// there are.
    pub fn reproduced(&self) -> (usize, usize) {
        reproduced(self.cells())
    }
}

/// The heading over the averages of the rows.
fn average_column(sweep: &Sweep, spec: &TableSpec, shows: &MetricColumn) -> Column {
    let labels = spec.columns.iter().enumerate().map(|(level, _)| if level == 0 { "average" } else { "" }.to_owned());
    Column { labels: labels.collect(), ..column(sweep, spec, &vec![], shows) }
}

/// The planned trials of one sweep by point and seed.
type Trials<'p> = BTreeMap<(&'p [usize], u64), &'p PlannedTrial>;

fn key(trial: &PlannedTrial) -> (&[usize], u64) {
    (&trial.point, trial.seed)
}

/// The combinations of the values of some axes that the sweep asks for, the last axis varying fastest; of no axes, the
/// empty combination.
fn choices(trials: &Trials, axes: &[usize]) -> Vec<Choice> {
    let of_point = |point: &[usize]| axes.iter().map(|&axis| (axis, point[axis])).collect();
    let found: BTreeSet<Choice> = trials.keys().map(|(point, _)| of_point(point)).collect();
    found.into_iter().collect()
}

/// How many combinations of their values some axes have.
fn number_of_choices(sweep: &Sweep, axes: &[usize]) -> usize {
    axes.iter().fold(1_usize, |all, &axis| all.saturating_mul(sweep.axes[axis].values.len()))
}

/// How many combinations of the values of the axes that cells average over the table is meant to have.
fn combinations(sweep: &Sweep, spec: &TableSpec) -> usize {
    let mut points = vec![vec![None; sweep.axes.len()]];
    for &axis in &spec.over {
        let with = |point: Vec<Option<usize>>| {
            (0..sweep.axes[axis].values.len()).map(move |value| {
                let mut point = point.clone();
                point[axis] = Some(value);
                point
            })
        };
        points = points.into_iter().flat_map(with).collect();
    }
    let may_be_shown = |point: &&Vec<Option<usize>>| {
        let meets = |condition: &Condition| {
            condition.values.iter().all(|(axis, values)| point[*axis].is_none_or(|value| values.contains(&value)))
        };
        spec.only.is_empty() || spec.only.iter().any(meets)
    };
    points.iter().filter(may_be_shown).count()
}

/// The place of a combination among all of its axes, the last axis varying fastest.
fn place(sweep: &Sweep, choice: &Choice) -> usize {
    choice.iter().fold(0, |place, &(axis, value)| place * sweep.axes[axis].values.len() + value)
}

fn labels(sweep: &Sweep, choice: &Choice) -> Vec<String> {
    choice.iter().map(|&(axis, value)| one_line(&sweep.axes[axis].values[value].label)).collect()
}

fn column(sweep: &Sweep, spec: &TableSpec, choice: &Choice, shows: &MetricColumn) -> Column {
    let mut evaluations = spec.metrics.iter().filter_map(|column| column.evaluation);
    let several = evaluations.next().is_some_and(|first| evaluations.any(|other| other != first));
    let heading = match shows.evaluation {
        Some(index) if several => {
            format!("{}, {}", shows.metric.heading(), one_line(&sweep.evaluations[index].name))
        }
        _ => shows.metric.heading().to_owned(),
    };
    Column { labels: labels(sweep, choice), heading, shows: shows.clone() }
}

fn cell(
    trials: &Trials,
    points: Vec<Vec<usize>>,
    spec: &TableSpec,
    seeds: &[u64],
    shows: &MetricColumn,
    view: &dyn Fn(JobId) -> JobView,
) -> Cell {
    let runs = points.iter().flat_map(|point| seeds.iter().map(move |&seed| (point, seed)));
    let results = runs.map(|(point, seed)| {
        let trial = trials.get(&(&point[..], seed));
        let over: Vec<usize> = spec.over.iter().map(|&axis| point[axis]).collect();
        let pretrain = trial.map_or(JobView::Missing, |trial| view(trial.pretrain));
        match shows.evaluation {
            None => SeedResult { seed, over, job: pretrain, pretrain: None },
            Some(index) => {
                let job = trial.and_then(|trial| trial.evaluations.get(index)).map_or(JobView::Missing, |&id| view(id));
                SeedResult { seed, over, job, pretrain: Some(pretrain) }
            }
        }
    });
    let results = results.collect();
    Cell { points, ..Cell::new(shows.metric, results) }
}
