//! Memory that a step of training takes, in closed form, and the micro-batches into which a batch is cut that is too
//! large for a machine.

use super::{
    Job,
    cost::{head_parameters, kept_values, parameters},
};
use crate::recipe::{Algorithm, Encoder, EvaluationJob, EvaluationTask, JobSpec, Objective, PretrainJob, Training};

/// Peak memory by the values that are kept for the gradient alone: 1.2 to 1.9 as measured (docs/performance.md).
const PEAK: f64 = 1.9;
/// Bytes per parameter and copy of all parameters.
const COPY: f64 = 4.0;

/// A batch that goes through an encoder and back.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    encoder: &'a Encoder,
    image_size: usize,
    /// Images in it.
    pub images: usize,
    /// Images that go through the encoder at a time, if the recipe says so.
    pub micro_batch: Option<usize>,
    views_per_image: usize,
    /// Weights besides the encoder's.
    head_parameters: usize,
    algorithm: &'a Algorithm,
}

impl<'a> Batch<'a> {
    /// The batches of a job that trains an encoder; `parent` is the job whose encoder it evaluates, if it evaluates one.
    pub fn of(job: &'a Job, parent: Option<&'a Job>) -> Option<Self> {
        match (&*job.spec, parent.map(|parent| &*parent.spec)) {
            (
                JobSpec::Pretrain(PretrainJob {
                    data: Some(data), encoder, training: Training::Trained(trained), ..
                }),
                _,
            ) => Some(Self {
                encoder,
                image_size: data.image_size(),
                images: trained.schedule.batch_size,
                micro_batch: trained.schedule.micro_batch,
                views_per_image: if trained.objective == Objective::Supervised { 1 } else { 2 },
                head_parameters: trained.head.as_ref().map_or(0, |head| head_parameters(head, encoder)),
                algorithm: &trained.optimizer.algorithm,
            }),
            (
                JobSpec::Evaluate(EvaluationJob { data, task: EvaluationTask::FineTune(training), .. }),
                Some(JobSpec::Pretrain(PretrainJob { encoder, .. })),
            ) => Some(Self {
                encoder,
                image_size: data.image_size(),
                images: training.batch_size,
                micro_batch: training.micro_batch,
                views_per_image: 1,
                head_parameters: encoder.dimension() * data.source.classes(),
                algorithm: &training.solver,
            }),
            _ => None,
        }
    }

    /// Bytes that a step takes at its peak, roughly.
    pub fn bytes(&self) -> f64 {
        self.bytes_with(self.micro_batch.unwrap_or(self.images))
    }

    /// Bytes that a step takes at its peak with so many images at a time.
    pub fn bytes_with(&self, at_a_time: usize) -> f64 {
        let values = kept_values(self.encoder, self.image_size) * self.views_per_image * at_a_time;
        // Weights, gradients, what the optimizer remembers, and one to compute with; micro-batches add a sum of gradients.
        let remembered = if matches!(self.algorithm, Algorithm::AdamW { .. }) { 2.0 } else { 1.0 };
        let copies = 3.0 + remembered + if at_a_time < self.images { 1.0 } else { 0.0 };
        4.0 * PEAK * values as f64 + COPY * copies * self.parameters() as f64
    }

    fn parameters(&self) -> usize {
        parameters(self.encoder) + self.head_parameters
    }

    /// The largest divisor of the batch, at least two, whose images `memory` bytes hold at a time.
    pub fn largest_micro_batch(&self, memory: f64) -> Option<usize> {
        (2..=self.images).rev().find(|&size| self.images.is_multiple_of(size) && self.bytes_with(size) <= memory)
    }
}

/// Bytes that the evaluation of a frozen encoder takes, roughly: its images with three bytes a pixel, their features
/// twice, and the encoder. 0 for other jobs.
pub fn evaluation_bytes(job: &Job, parent: Option<&Job>) -> f64 {
    let (JobSpec::Evaluate(evaluation), Some(JobSpec::Pretrain(PretrainJob { encoder, .. }))) =
        (&*job.spec, parent.map(|parent| &*parent.spec))
    else {
        return 0.0;
    };
    if matches!(evaluation.task, EvaluationTask::FineTune(_)) {
        return 0.0;
    }
    let data = &evaluation.data;
    let images = (data.train_set().count() + data.test_count()) as f64;
    let pixels = (data.image_size() * data.image_size()) as f64;
    images * (3.0 * pixels + 2.0 * COPY * encoder.dimension() as f64) + COPY * parameters(encoder) as f64
}

/// The largest divisor of a batch of `images` that is at most `at_a_time` halved so often, and at least `fewest`.
pub fn cut_batch(images: usize, at_a_time: usize, cuts: usize, fewest: usize) -> Option<usize> {
    let most = at_a_time.checked_shr(u32::try_from(cuts).ok()?).unwrap_or(0);
    (fewest.max(1)..=most).rev().find(|&size| images.is_multiple_of(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::fixture,
        recipe::{Patchable, Recipe},
    };

    fn jobs(change: &str) -> (Job, Job) {
        let mut recipe: Recipe = fixture::recipe();
        recipe.apply(&fixture::patch(change));
        let pretrain = Job::new(JobSpec::Pretrain(recipe.pretrain_job(0)), vec![], None);
        let evaluate = Job::new(JobSpec::Evaluate(recipe.evaluation_job(0)), vec![pretrain.id], None);
        (pretrain, evaluate)
    }

    /// Bytes less those of so many copies of the parameters, in values of four bytes.
    fn kept(batch: &Batch<'_>, copies: usize) -> f64 {
        (batch.bytes() - 4.0 * (copies * batch.parameters()) as f64) / 4.0 / PEAK
    }

    #[test]
    fn memory_grows_with_what_goes_through_the_encoder_at_a_time() {
        // 48,384 values of convolutions and as many of normalizations for each view of 24 px.
        for (change, views, copies) in [
            ("()", 2.0 * 64.0, 4),
            ("(optimizer: (algorithm: AdamW(beta2: 0.99, epsilon: 1e-8)))", 2.0 * 64.0, 5),
            ("(schedule: (micro_batch: 16))", 2.0 * 16.0, 5),
            ("(objective: Supervised)", 64.0, 4),
        ] {
            let (pretrain, evaluate) = jobs(change);
            assert_eq!(kept(&Batch::of(&pretrain, None).unwrap(), copies), 2.0 * 48_384.0 * views, "{change}");
            assert!(Batch::of(&evaluate, Some(&pretrain)).is_none(), "the encoder is frozen");
        }
        let (pretrain, tuned) = jobs("(evaluation: (protocol: FineTune, batch_size: 100, micro_batch: 20))");
        assert_eq!(kept(&Batch::of(&tuned, Some(&pretrain)).unwrap(), 5), 2.0 * 48_384.0 * 20.0);
        assert!(Batch::of(&jobs("(objective: Untrained)").0, None).is_none());
        // 64 × 64 and 64 × 16 weights of the head beside the encoder's.
        let (pretrain, _) = jobs("()");
        let batch = Batch::of(&pretrain, None).unwrap();
        assert_eq!(batch.parameters(), parameters(batch.encoder) + 5120);
    }

    #[test]
    fn an_evaluation_holds_its_images_and_their_features() {
        let (pretrain, evaluate) = jobs("()");
        // 1200 images of 24 px, 64 features.
        let of_encoder = 4.0 * parameters(Batch::of(&pretrain, None).unwrap().encoder) as f64;
        assert_eq!(evaluation_bytes(&evaluate, Some(&pretrain)), 1200.0 * (3.0 * 576.0 + 8.0 * 64.0) + of_encoder);
        assert_eq!(evaluation_bytes(&pretrain, None), 0.0);
        let (pretrain, tuned) = jobs("(evaluation: (protocol: FineTune, batch_size: 100))");
        assert_eq!(evaluation_bytes(&tuned, Some(&pretrain)), 0.0, "that is for its batches to say");
    }

    #[test]
    fn batches_are_cut_into_the_largest_equal_parts_that_fit() {
        let (pretrain, _) = jobs("(schedule: (batch_size: 60))");
        let batch = Batch::of(&pretrain, None).unwrap();
        assert_eq!(batch.largest_micro_batch(batch.bytes()), Some(60));
        assert_eq!(batch.largest_micro_batch(batch.bytes() - 1.0), Some(30));
        assert_eq!(batch.largest_micro_batch(batch.bytes_with(14)), Some(12));
        assert_eq!(batch.largest_micro_batch(batch.bytes_with(2) - 1.0), None);
    }

    #[test]
    fn a_cut_halves_what_goes_through_at_a_time_as_far_as_the_batch_divides() {
        assert_eq!([0, 1, 2, 3].map(|cuts| cut_batch(60, 60, cuts, 8)), [Some(60), Some(30), Some(15), None]);
        assert_eq!([0, 1, 2].map(|cuts| cut_batch(60, 25, cuts, 2)), [Some(20), Some(12), Some(6)]);
        assert_eq!(cut_batch(60, 60, 200, 1), None);
    }
}
