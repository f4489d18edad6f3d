//! Results as text: tables in every format, status, plan and progress.

use std::collections::BTreeMap;

use ablate::{
    plan::{Durations, JobId, Plan, Sample},
    recipe::{EvaluationPatch, Metric, Metrics, Recipe, RecipePatch},
    report::{DoneView, JobView, Outlook, Place, Table},
    sweep::{Axis, AxisValue, MetricColumn, NamedEvaluation, Selection, Sweep, TableSpec},
};

use crate::recipes::{patch, tiny};

mod cited;
mod curves;
mod figures;
mod honesty;
mod long_form;
mod outlook;
mod over;
mod published;
mod ranks;
mod renderers;
mod run;

/// Sweeps, their plan and what is known of its jobs.
struct Results {
    sweeps: Vec<Sweep>,
    plan: Plan,
    views: BTreeMap<JobId, JobView>,
}

impl Results {
    /// Every job done, with values that follow from the trial's number and the seed.
    fn complete(sweeps: Vec<Sweep>) -> Self {
        let plan = Plan::new(&sweeps);
        let mut views = BTreeMap::new();
        for trial in &plan.trials {
            let number = trial.point.iter().fold(0, |number, value| 2 * number + value) as f64;
            let seed = trial.seed as f64;
            let loss = Metrics::from([(Metric::Loss, 4.0 - 0.25 * number + 0.125 * seed)]);
            views.entry(trial.pretrain).or_insert(JobView::Done(record("NT-Xent, 20 epochs", loss).into()));
            for (index, id) in trial.evaluations.iter().enumerate() {
                let top1 = 5.5 + 20.0 * number + 0.5 * seed + index as f64;
                let metrics = Metrics::from([(Metric::Top1, top1), (Metric::Top5, 99.0)]);
                views.entry(*id).or_insert(JobView::Done(record("linear, 90 epochs", metrics).into()));
            }
        }
        Self { sweeps, plan, views }
    }

    /// Nothing done yet.
    fn none(sweeps: Vec<Sweep>) -> Self {
        Self { plan: Plan::new(&sweeps), sweeps, views: BTreeMap::new() }
    }

    fn view(&self, id: JobId) -> JobView {
        self.views.get(&id).cloned().unwrap_or(JobView::Missing)
    }

    /// The first table of the first sweep.
    fn table(&self) -> Table {
        Table::new(&self.sweeps[0], 0, &self.plan, &self.sweeps[0].tables[0], &|id| self.view(id))
    }

    /// The pretraining and the first evaluation of a trial of the first sweep.
    fn jobs(&self, point: &[usize], seed: u64) -> [JobId; 2] {
        let trial =
            self.plan.trials.iter().find(|trial| trial.sweep == 0 && trial.point == point && trial.seed == seed);
        let trial = trial.expect("the trial is planned");
        [trial.pretrain, trial.evaluations[0]]
    }

    /// How long the rest takes, two jobs at a time, if these jobs took so many seconds.
    fn outlook(&self, measured: &[(JobId, f64)]) -> Outlook {
        let parent = |id: JobId| self.plan.job(self.plan.job(id)?.parents.first().copied()?);
        let sample = |&(id, seconds): &(JobId, f64)| {
            let job = self.plan.job(id).expect("the job is planned");
            Sample { job, parent: parent(id), seconds, threads: 1, device: "cpu" }
        };
        let durations = Durations::learn(measured.iter().map(sample));
        let place = Place { device: "cpu", slots: 2, threads: 1 };
        Outlook::new(&self.sweeps, &self.plan, &|id| self.view(id), &durations, place)
    }

    /// Changes the record of a job that is done.
    fn edit(&mut self, id: JobId, change: impl FnOnce(&mut DoneView)) {
        let Some(JobView::Done(record)) = self.views.get_mut(&id) else { panic!("{id} is not done") };
        change(std::sync::Arc::make_mut(record));
    }

    /// Values whose differences between trials differ a little from seed to seed, as measured ones do.
    fn scatter(&mut self) {
        let trials = self.plan.trials.clone();
        for trial in &trials {
            let number = trial.point.iter().fold(0, |number, value| 2 * number + value) as f64;
            let more = 0.01 * number * trial.seed as f64;
            self.edit(trial.pretrain, |record| *record.metrics.get_mut(&Metric::Loss).unwrap() -= more);
            for &id in &trial.evaluations {
                self.edit(id, |record| *record.metrics.get_mut(&Metric::Top1).unwrap() += more);
            }
        }
    }

    /// The text with each job's id replaced by its number in the plan, so that snapshots do not depend on hashes.
    fn without_ids(&self, text: &str) -> String {
        self.plan.jobs().enumerate().fold(text.to_owned(), |text, (number, job)| {
            text.replace(&job.id.to_string(), &format!("#{number}"))
                .replace(&job.id.short(), &format!("job{number:05}"))
        })
    }
}

fn record(protocol: &str, metrics: Metrics) -> DoneView {
    DoneView {
        metrics,
        protocol: protocol.to_owned(),
        data: "shapes-5f3c".to_owned(),
        code: "0.1.0-a1b2".to_owned(),
        commit: "a1b2c3".to_owned(),
        device: "cpu".to_owned(),
        backend: "flex, float32".to_owned(),
        wall_seconds: 12.25,
        images_per_second: 812.5,
        started_unix: 1_767_225_600,
        threads: 2,
        host: "node7".to_owned(),
        checkpoint: None,
        remarks: vec![],
    }
}

/// Two axes of two values, two metrics.
fn two_by_two(seeds: &[u64]) -> Sweep {
    let batch = |label: &str, batch_size| value(label, batch_patch(batch_size));
    let temperature = |label: &str, temperature| value(label, temperature_patch(temperature));
    Sweep {
        title: "SimCLR in miniature".to_owned(),
        base: recipe(),
        axes: vec![
            axis("batch size", vec![batch("64", 64), batch("128", 128)]),
            axis("temperature", vec![temperature("τ = 0.1", 0.1), temperature("τ = 0.5", 0.5)]),
        ],
        seeds: seeds.to_vec(),
        evaluations: vec![evaluation("linear", 90)],
        tables: vec![TableSpec {
            name: "table-1".to_owned(),
            title: "Batch size and temperature".to_owned(),
            rows: vec![0],
            columns: vec![1],
            over: vec![],
            only: vec![],
            metrics: vec![shows(Metric::Top1, Some(0)), shows(Metric::Loss, None)],
            average: false,
            best: None,
            figure: None,
            published: None,
            cited: vec![],
            note: None,
        }],
        changes: vec![],
        selection: Selection::default(),
        scheduling: vec![],
        profile: None,
        profiles: vec![],
    }
}

fn axis(name: &str, values: Vec<AxisValue>) -> Axis {
    Axis { name: name.to_owned(), values }
}

fn value(label: &str, patch: RecipePatch) -> AxisValue {
    AxisValue { label: label.to_owned(), patch, in_profile: None }
}

fn shows(metric: Metric, evaluation: Option<usize>) -> MetricColumn {
    MetricColumn { metric, evaluation }
}

fn evaluation(name: &str, epochs: usize) -> NamedEvaluation {
    let patch = EvaluationPatch { epochs: Some(epochs), ..EvaluationPatch::default() };
    NamedEvaluation { name: name.to_owned(), patch, in_profile: None }
}

fn batch_patch(batch_size: usize) -> RecipePatch {
    patch(&format!("(schedule: (batch_size: {batch_size}))"))
}

fn temperature_patch(temperature: f64) -> RecipePatch {
    patch(&format!("(objective: NtXent(temperature: {temperature}))"))
}

fn recipe() -> Recipe {
    tiny(
        "(
            data: (train_images: 1000, test_images: 100),
            augmentation: (both: []),
            encoder: (width: 1.0),
            head: (dimension: 64),
            optimizer: (weight_decay: 1e-6),
            schedule: (epochs: 20, batch_size: 64),
            evaluation: (epochs: 90, batch_size: 256, learning_rate: 0.1),
        )",
    )
}
