//! Closed forms on made-up samples, and what holds for any samples.

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

use super::*;
use crate::{
    plan::fixture,
    recipe::{JobSpec, Patchable, Recipe},
};

const DEVICE: &str = "cpu (made up)";

/// Pretraining and evaluation of the fixture's recipe with some changes.
fn jobs(change: &str, seed: u64) -> (Job, Job) {
    let mut recipe: Recipe = fixture::recipe();
    recipe.apply(&fixture::patch(change));
    let pretrain = Job::new(JobSpec::Pretrain(recipe.pretrain_job(seed)), vec![], None);
    let evaluate = Job::new(JobSpec::Evaluate(recipe.evaluation_job(seed)), vec![pretrain.id], None);
    (pretrain, evaluate)
}

fn epochs(epochs: usize) -> Job {
    jobs(&format!("(schedule: (epochs: {epochs}))"), 0).0
}

fn sample(job: &Job, seconds: f64) -> Sample<'_> {
    Sample { job, parent: None, seconds, threads: 1, device: DEVICE }
}

/// What is learned of jobs without parents.
fn learn(samples: &[(&Job, f64)]) -> Durations {
    Durations::learn(samples.iter().map(|&(job, seconds)| sample(job, seconds)))
}

fn of(durations: &Durations, job: &Job) -> Estimate {
    durations.of(job, None, 1, DEVICE).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-9
}

#[test]
fn another_seed_takes_the_mean_of_its_recipe() {
    let [first, second, third] = [0, 1, 2].map(|seed| jobs("()", seed).0);
    let estimate = of(&learn(&[(&first, 9.0), (&second, 4.0), (&epochs(30), 1000.0)]), &third);
    assert!(close(estimate.seconds, 6.0), "the geometric mean, {estimate:?}");
    assert!(estimate.low < 4.0 && estimate.high > 9.0, "{estimate:?}");
}

#[test]
fn a_fixed_part_and_a_rate_are_recovered() {
    let seconds = |job: &Job| 2.0 + 1e-10 * Cost::of(job, None).macs;
    let known = [3, 6, 40].map(epochs);
    let durations = learn(&known.each_ref().map(|job| (job, seconds(job))));
    for other in [4, 20, 80] {
        let job = epochs(other);
        let estimate = of(&durations, &job);
        assert!(close(estimate.seconds, seconds(&job)), "{other} epochs: {estimate:?}");
    }
}

#[test]
fn one_sample_scales_with_the_work() {
    let durations = learn(&[(&epochs(10), 20.0)]);
    let [same, twice, far] = [10, 20, 1000].map(|number| of(&durations, &epochs(number)));
    assert!(close(same.seconds, 20.0) && close(twice.seconds, 40.0) && close(far.seconds, 2000.0));
    let width = |estimate: Estimate| estimate.high / estimate.low;
    assert!(width(twice) < width(far), "farther away less is known");
}

#[test]
fn other_networks_are_estimated_by_their_work() {
    let [narrow, wide] = ["1.0", "2.0"].map(|width| jobs(&format!("(encoder: (width: {width}))"), 0).0);
    let estimate = of(&learn(&[(&narrow, 10.0)]), &wide);
    assert!(close(estimate.seconds, 10.0 * Cost::of(&wide, None).macs / Cost::of(&narrow, None).macs));
    assert!(estimate.high > 2.0 * estimate.seconds && estimate.low < 0.5 * estimate.seconds, "{estimate:?}");
    assert_eq!(estimate.shared, 1.0, "the error is that of the network, not of the job");
}

#[test]
fn an_evaluation_is_like_those_of_equal_networks() {
    let (pretrain, evaluate) = jobs("()", 0);
    let (other, of_other) = jobs("(objective: NtXent(temperature: 0.1))", 0);
    let (wide, of_wide) = jobs("(encoder: (width: 2.0))", 0);
    let [one, cold, wider] = [(&evaluate, &pretrain), (&of_other, &other), (&of_wide, &wide)]
        .map(|(job, parent)| Likeness::of(job, Some(parent)).unwrap());
    assert_eq!((one.with(&cold), one.with(&wider)), (Level::Recipe, Level::Kind));
    let [batch, of_pretraining] =
        ["(schedule: (batch_size: 32))", "()"].map(|change| Likeness::of(&jobs(change, 1).0, None).unwrap());
    assert_eq!((one.with(&of_pretraining), batch.with(&of_pretraining)), (Level::Device, Level::Network));
    assert_eq!(Likeness::of(&evaluate, None), None);
}

#[test]
fn nothing_is_said_without_a_measurement() {
    let (pretrain, evaluate) = jobs("()", 0);
    let (untrained, _) = jobs("(objective: Untrained)", 0);
    let durations = learn(&[(&pretrain, 10.0)]);
    assert_eq!(Durations::default().of(&pretrain, None, 1, DEVICE), None);
    assert_eq!(durations.of(&pretrain, None, 1, "another device"), None);
    assert_eq!(durations.of(&evaluate, None, 1, DEVICE), None, "its network is not known");
    assert_eq!(durations.of(&untrained, None, 1, DEVICE), None, "it has no work to scale");
    assert!(durations.of(&evaluate, Some(&pretrain), 1, DEVICE).is_some());
    let huge = jobs("(encoder: (architecture: ResNet50, width: 4.0), schedule: (epochs: 1000))", 0).0;
    assert_eq!(durations.of(&huge, None, 1, DEVICE), None, "too far away");
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(learn(&[(&pretrain, wrong)]).of(&pretrain, None, 1, DEVICE), None);
    }
}

#[test]
fn jobs_without_work_take_what_others_took() {
    let [first, second] = [0, 1].map(|seed| jobs("(objective: Untrained)", seed).0);
    let other = jobs("(objective: Untrained, encoder: (width: 2.0))", 0).0;
    let durations = learn(&[(&first, 0.25), (&epochs(3), 10.0)]);
    assert!(close(of(&durations, &second).seconds, 0.25) && close(of(&durations, &other).seconds, 0.25));
}

#[test]
fn other_numbers_of_threads_are_another_population() {
    let job = epochs(10);
    let two = Sample { threads: 2, ..sample(&job, 30.0) };
    let durations = Durations::learn([two]);
    let estimate = |threads| durations.of(&job, None, threads, DEVICE).unwrap();
    let (one, two, four) = (estimate(1), estimate(2), estimate(4));
    // Fewer threads: at worst twice as long, at best as long. More: at worst as long, at best half as long.
    assert!(close(one.seconds, 60.0) && close(one.low, two.low) && close(one.high, 2.0 * two.high));
    assert!(close(four.seconds, 30.0) && close(four.low, 0.5 * two.low) && close(four.high, two.high));
    let both = Durations::learn([Sample { threads: 2, ..sample(&job, 30.0) }, sample(&job, 50.0)]);
    assert!(close(both.of(&job, None, 1, DEVICE).unwrap().seconds, 50.0));
    assert_eq!(both.measured(1, DEVICE), Measured { alike: 1, other_threads: 1 });
    assert_eq!(both.measured(1, "another device"), Measured::default());
}

#[test]
fn few_samples_leave_a_wide_range() {
    let seeds: Vec<Job> = (0..40).map(|seed| jobs("()", seed).0).collect();
    let width = |count: usize| {
        let samples: Vec<_> = seeds[1..=count].iter().map(|job| (job, 10.0)).collect();
        let Estimate { low, high, .. } = of(&learn(&samples), &seeds[0]);
        high / low
    };
    let widths = [1, 2, 5, 39].map(width);
    assert!(widths.is_sorted_by(|a, b| a > b), "{widths:?}");
    assert!(widths[0] > 1.5 && widths[3] < 1.15, "{widths:?}");
}

#[test]
fn ranges_hold_four_of_five() {
    // Quantiles of a log-normal distribution of 20 %, as many above as below.
    let normal = [-1.64, -1.04, -0.67, -0.39, -0.13, 0.13, 0.39, 0.67, 1.04, 1.64];
    let seeds: Vec<Job> = (0..10).map(|seed| jobs("()", seed).0).collect();
    let seconds = normal.map(|deviation: f64| 10.0 * (0.2 * deviation).exp());
    let samples: Vec<_> = seeds.iter().zip(seconds).collect();
    let estimate = of(&learn(&samples), &jobs("()", 99).0);
    let within = seconds.iter().filter(|&&seconds| estimate.low < seconds && seconds < estimate.high).count();
    assert_eq!(within, 8, "{estimate:?}");
}

fn config(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() }
}

/// Jobs of several kinds and sizes with times that have nothing to do with them.
fn samples() -> impl Strategy<Value = Vec<(Job, Option<Job>, f64, usize)>> {
    let sample = (1..60_usize, 0..3_usize, 0..4_usize, 0..3_u64, 1e-3..1e4_f64, 1..4_usize);
    prop::collection::vec(sample, 0..12).prop_map(|samples| {
        let one = |(epochs, width, kind, seed, seconds, threads)| {
            let objective = if kind == 3 { "Untrained" } else { "NtXent(temperature: 0.5)" };
            let change =
                format!("(encoder: (width: {}.0), schedule: (epochs: {epochs}), objective: {objective})", width + 1);
            let (pretrain, evaluate) = jobs(&change, seed);
            if kind == 2 { (evaluate, Some(pretrain), seconds, threads) } else { (pretrain, None, seconds, threads) }
        };
        samples.into_iter().map(one).collect()
    })
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn estimates_are_positive_and_within_their_range(samples in samples(), others in samples()) {
        let learned = samples.iter().map(|(job, parent, seconds, threads)| Sample {
            job, parent: parent.as_ref(), seconds: *seconds, threads: *threads, device: DEVICE
        });
        let durations = Durations::learn(learned);
        for (job, parent, _, threads) in samples.iter().chain(&others) {
            if let Some(Estimate { seconds, low, high, shared }) = durations.of(job, parent.as_ref(), *threads, DEVICE) {
                prop_assert!(0.0 < low && low <= seconds && seconds <= high && high.is_finite());
                prop_assert!((0.0..=1.0).contains(&shared));
            }
        }
        for (job, parent, ..) in &samples {
            let zero = Cost::of(job, parent.as_ref()).macs == 0.0;
            prop_assert!(zero || durations.of(job, parent.as_ref(), 1, DEVICE).is_some(), "a measured one is known");
        }
    }

    #[test]
    fn more_epochs_do_not_take_less(samples in samples(), numbers in (60..300_usize, 60..300_usize)) {
        // None of the samples has so many epochs: what was measured itself need not be in line with the others.
        let durations = learn(&samples.iter().map(|(job, _, seconds, _)| (job, *seconds)).collect::<Vec<_>>());
        let (fewer, more) = (numbers.0.min(numbers.1), numbers.0.max(numbers.1));
        let [fewer, more] = [fewer, more].map(|number| durations.of(&epochs(number), None, 1, DEVICE));
        if let (Some(fewer), Some(more)) = (fewer, more) {
            prop_assert!(fewer.seconds <= more.seconds, "{fewer:?} {more:?}");
        }
    }
}
