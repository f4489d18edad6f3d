//! The canonical form of a job, whose hash is its id: compact JSON with sorted keys.
//!
//! In a grid most settings of a job are those of the job before it. [`Forms`] keeps their text, so that only what changed
//! is written anew.

use std::fmt::Write as _;

use serde::Serialize;

use super::{JobId, Versions};
use crate::recipe::{
    Augmentation, Data, Encoder, EvaluationJob, EvaluationTask, JobSpec, Objective, OnlineProbe, Optimizer,
    PretrainJob, ProjectionHead, Representation, Schedule, TrainSet, Trained, Training,
};

/// Version of the form itself; what changes the numbers of some jobs has a version of its own in [`Versions`].
const FORM: u32 = 1;

/// The text whose hash is the job's id, if the parts of the program that it needs have these versions.
pub(super) fn canonical_form(spec: &JobSpec, parents: &[JobId], versions: &Versions) -> String {
    let mut form = serde_json::json!({ "identity_version": FORM, "parents": parents, "spec": spec });
    if !versions.are_first() {
        form["versions"] = serde_json::json!(versions);
    }
    canonical(&form)
}

/// A value as compact JSON with sorted keys.
fn canonical(value: &impl Serialize) -> String {
    serde_json::json!(value).to_string()
}

/// Writes the canonical forms of similar jobs one after the other.
#[derive(Debug, Default)]
pub(super) struct Forms {
    form: String,
    seed: Part<u64>,
    train_set: Part<Option<TrainSet>>,
    encoder: Part<Encoder>,
    augmentation: Part<Augmentation>,
    head: Part<Option<ProjectionHead>>,
    objective: Part<Objective>,
    online_probe: Part<Option<OnlineProbe>>,
    optimizer: Part<Optimizer>,
    schedule: Part<Schedule>,
    data: Part<Data>,
    label_fraction: Part<f64>,
    representation: Part<Representation>,
    task: Part<EvaluationTask>,
}

impl Forms {
    /// The same text as that of [`canonical_form`] for this program.
    pub(super) fn of(&mut self, spec: &JobSpec, parents: &[JobId]) -> &str {
        self.form.clear();
        let _ = write!(self.form, "{{\"identity_version\":{FORM},\"parents\":[");
        for (index, parent) in parents.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(self.form, "{comma}\"{parent}\"");
        }
        self.form += "],\"spec\":";
        match spec {
            JobSpec::Pretrain(job) => self.add_pretraining(job),
            JobSpec::Evaluate(job) => self.add_evaluation(job),
        }
        let versions = Versions::of(spec);
        if !versions.are_first() {
            self.form += ",\"versions\":";
            self.form += &canonical(&versions);
        }
        self.form += "}";
        &self.form
    }

    fn add_pretraining(&mut self, job: &PretrainJob) {
        let PretrainJob { data, encoder, training, seed } = job;
        let Training::Trained(trained) = training else {
            // The controls of a sweep are few.
            self.form += &canonical(&JobSpec::Pretrain(job.clone()));
            return;
        };
        let Trained { augmentation, head, objective, optimizer, schedule, online_probe } = &**trained;
        add(
            &mut self.form,
            &[
                ("{\"Pretrain\":{\"data\":", self.train_set.text(data)),
                (",\"encoder\":", self.encoder.text(encoder)),
                (",\"seed\":", self.seed.text(seed)),
                (",\"training\":{\"Trained\":{\"augmentation\":", self.augmentation.text(augmentation)),
                (",\"head\":", self.head.text(head)),
                (",\"objective\":", self.objective.text(objective)),
                (",\"online_probe\":", self.online_probe.text(online_probe)),
                (",\"optimizer\":", self.optimizer.text(optimizer)),
                (",\"schedule\":", self.schedule.text(schedule)),
                ("}}}}", ""),
            ],
        );
    }

    fn add_evaluation(&mut self, job: &EvaluationJob) {
        let EvaluationJob { data, representation, label_fraction, task, seed } = job;
        add(
            &mut self.form,
            &[
                ("{\"Evaluate\":{\"data\":", self.data.text(data)),
                (",\"label_fraction\":", self.label_fraction.text(label_fraction)),
                (",\"representation\":", self.representation.text(representation)),
                (",\"seed\":", self.seed.text(seed)),
                (",\"task\":", self.task.text(task)),
                ("}}", ""),
            ],
        );
    }
}

fn add(form: &mut String, parts: &[(&str, &str)]) {
    for (name, text) in parts {
        form.push_str(name);
        form.push_str(text);
    }
}

/// A setting and its text.
#[derive(Debug)]
struct Part<T> {
    value: Option<T>,
    text: String,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { value: None, text: String::new() }
    }
}

impl<T: Clone + PartialEq + Serialize> Part<T> {
    /// The text of a value, taken over from the last one if that was equal. Only negative zeros are equal to something
    /// with another text, and sweep files have none.
    fn text(&mut self, value: &T) -> &str {
        if self.value.as_ref() != Some(value) {
            self.text = canonical(value);
            self.value = Some(value.clone());
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use super::*;
    use crate::{
        plan::{
            Plan,
            fixture::{self, CHANGES},
        },
        recipe::Patchable,
        sweep::{Axis, Sweep},
    };

    /// A sweep whose axes make any changes.
    fn sweep(axes: &[Vec<Index>]) -> Sweep {
        let axis = |changes: &Vec<Index>| -> Axis {
            let values: Vec<(&str, &str)> =
                changes.iter().map(|change| change.get(&CHANGES).0).map(|change| (change, change)).collect();
            fixture::axis("", &values)
        };
        Sweep { axes: axes.iter().map(axis).collect(), ..fixture::sweep(&[0, u64::MAX]) }
    }

    proptest! {
        #[test]
        fn jobs_one_after_the_other_have_the_ids_that_they_have_alone(
            axes in prop::collection::vec(prop::collection::vec(any::<Index>(), 1..4), 0..4)
        ) {
            let plan = Plan::new(&[sweep(&axes)]);
            for job in plan.jobs() {
                prop_assert_eq!(job.id, JobId::of(&job.spec, &job.parents));
            }
        }

        #[test]
        fn forms_do_not_depend_on_what_was_written_before(changes in prop::collection::vec(any::<Index>(), 1..20)) {
            let mut forms = Forms::default();
            let mut recipe = fixture::recipe();
            let mut parents = vec![];
            for (seed, change) in changes.iter().enumerate() {
                recipe.apply(&fixture::patch(change.get(&CHANGES).0));
                for spec in [
                    JobSpec::Pretrain(recipe.pretrain_job(seed as u64)),
                    JobSpec::Evaluate(recipe.evaluation_job(seed as u64)),
                ] {
                    prop_assert_eq!(forms.of(&spec, &parents), canonical_form(&spec, &parents, &Versions::of(&spec)));
                    parents.truncate(2);
                    parents.push(JobId::of(&spec, &parents));
                }
            }
        }
    }
}
