//! Losses, optimizers, schedules and normalization against float64 values from `tests/fixtures/numerics.py`.

use ablate::{
    recipe::{Algorithm, Decay, LearningRate, Objective, Schedule},
    train::{
        augment::{Planes, solarize},
        model::{Mode, Norm},
        objective::contrastive,
        ops::batch_norm,
        optimizer::{Exemptions, Rule},
        schedule::LearningRateCurve,
    },
};
use burn::{
    backend::{Autodiff, flex::Flex},
    tensor::{Tensor, TensorData, Tolerance},
};
use serde_json::Value;

type B = Autodiff<Flex>;

fn fixture(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../fixtures/numerics.json")).unwrap();
    all[name].clone()
}

/// The numbers of a nested list, in order.
fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

fn tensor<const D: usize>(value: &Value) -> Tensor<B, D> {
    let mut shape = [0; D];
    let mut inner = value;
    for size in &mut shape {
        *size = inner.as_array().unwrap().len();
        inner = &inner[0];
    }
    Tensor::from_data(TensorData::new(numbers(value), shape), &Default::default())
}

fn assert_close<const D: usize>(ours: Tensor<Flex, D>, reference: &Value, tolerance: f32) {
    let reference = tensor::<D>(reference).inner().into_data();
    ours.into_data().assert_approx_eq::<f32>(&reference, Tolerance::rel_abs(tolerance, tolerance));
}

/// The objective that a case of the fixture describes, in the words of sweep files.
fn objective(case: &Value) -> Objective {
    let mut fields = case.as_object().unwrap().clone();
    fields.retain(|name, _| ["temperature", "margin", "normalize", "negatives", "mining"].contains(&name.as_str()));
    serde_json::from_value(serde_json::json!({ case["kind"].as_str().unwrap(): fields })).unwrap()
}

#[test]
fn contrastive_objectives_and_their_gradients() {
    for case in fixture("objectives").as_array().unwrap() {
        let objective = objective(case);
        let z = numbers(&case["z"]);
        let dimension = case["z"][0].as_array().unwrap().len();
        let batch = contrastive(&objective.contrastive().unwrap(), &z, dimension);
        let expected = |name: &str| case[name].as_f64().unwrap();
        assert!((batch.loss - expected("loss")).abs() < 2e-6 * expected("loss").max(1.0), "{objective:?} {batch:?}");
        for (ours, reference) in batch.gradient.iter().zip(numbers(&case["grad"])) {
            assert!((ours - reference).abs() < 2e-6 + 2e-5 * reference.abs(), "{objective:?}: {ours} {reference}");
        }
        assert!((batch.accuracy - expected("accuracy")).abs() < 1e-9, "{objective:?}");
        assert!((batch.entropy - expected("entropy")).abs() < 1e-5, "{objective:?}");
    }
}

#[test]
fn untrained_views_cost_the_logarithm_of_their_number() {
    // All similarities equal: each view picks its partner among 2N - 1 others by chance.
    let objective = Objective::NtXent { temperature: 0.5, normalize: true, negatives: Default::default() };
    let batch = contrastive(&objective.contrastive().unwrap(), &vec![1.0; 64 * 8], 8);
    assert!((batch.loss - 63_f64.ln()).abs() < 1e-6);
    assert!((batch.entropy - 32_f64.ln()).abs() < 1e-6);
}

#[test]
fn the_objective_does_not_depend_on_the_number_of_threads() {
    let z: Vec<f32> = (0..600 * 7).map(|index| (index as f32 * 0.37).sin()).collect();
    let objective = Objective::NtXent { temperature: 0.1, normalize: true, negatives: Default::default() };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| contrastive(&objective.contrastive().unwrap(), &z, 7))
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn optimizer_trajectories() {
    for case in fixture("optimizers").as_array().unwrap() {
        let number = |name: &str| case[name].as_f64().unwrap();
        let algorithm = match case["kind"].as_str().unwrap() {
            "lars" => Algorithm::Lars { trust_coefficient: number("eta") },
            "adamw" => Algorithm::AdamW { beta2: number("beta2"), epsilon: number("epsilon") },
            kind => Algorithm::Sgd { nesterov: kind == "nesterov" },
        };
        let rule = Rule { algorithm, momentum: number("momentum"), weight_decay: number("decay") };
        let vector = !case["start"][0].is_array();
        let exempt = Exemptions { decay: vector, adaptation: vector };
        let flat = |value: &Value| {
            let values = numbers(value);
            Tensor::<Flex, 1>::from_floats(values.as_slice(), &Default::default())
        };
        let mut weight = flat(&case["start"]);
        let mut memory = None;
        for (step, rate) in case["rates"].as_array().unwrap().iter().enumerate() {
            let (next, remembered) =
                rule.update(rate.as_f64().unwrap(), weight, flat(&case["grads"][step]), memory, exempt);
            let reference = flat(&case["path"][step]).into_data();
            next.to_data().assert_approx_eq::<f32>(&reference, Tolerance::rel_abs(1e-5, 1e-5));
            (weight, memory) = (next, Some(remembered));
        }
    }
}

#[test]
fn learning_rates() {
    for case in fixture("schedules").as_array().unwrap() {
        let number = |name: &str| case[name].as_u64().unwrap() as usize;
        let schedule = Schedule {
            epochs: number("epochs"),
            batch_size: number("batch"),
            micro_batch: None,
            warmup_epochs: number("warmup"),
            decay: Decay::Cosine,
        };
        assert_rates(case, &schedule);
    }
}

#[test]
fn learning_rates_that_drop_at_some_epochs() {
    let case = fixture("step_schedule");
    let number = |name: &str| case[name].as_u64().unwrap() as usize;
    let schedule = Schedule {
        epochs: number("epochs"),
        batch_size: number("batch"),
        micro_batch: None,
        warmup_epochs: number("warmup"),
        decay: Decay::Step {
            epochs: case["drops"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect(),
            factor: case["factor"].as_f64().unwrap(),
        },
    };
    assert_rates(&case, &schedule);
}

/// The schedule's rate at every step is the fixture's.
fn assert_rates(case: &Value, schedule: &Schedule) {
    let peak = LearningRate::Fixed(case["peak"].as_f64().unwrap());
    let curve = LearningRateCurve::new(schedule, peak, case["images"].as_u64().unwrap() as usize);
    for (step, expected) in case["rates"].as_array().unwrap().iter().enumerate() {
        assert!((curve.at(step) - expected.as_f64().unwrap()).abs() < 1e-12, "step {step}");
    }
}

#[test]
fn learning_rates_scale_with_the_batch_as_in_appendix_b() {
    // The paper's Table B.1: equal at a batch of 4096.
    for (batch, linear, square_root) in [(256, 0.3, 1.2), (1024, 1.2, 2.4), (4096, 4.8, 4.8), (8192, 9.6, 6.788)] {
        assert!((LearningRate::LinearScaling(0.3).peak(batch) - linear).abs() < 1e-9);
        assert!((LearningRate::SquareRootScaling(0.075).peak(batch) - square_root).abs() < 1e-3);
    }
}

#[test]
fn batch_normalization_with_residual_and_relu() {
    let case = fixture("batch_norm");
    let inputs: Vec<Tensor<B, 2>> =
        ["x", "residual"].iter().map(|name| tensor::<2>(&case[name]).require_grad()).collect();
    let gamma = tensor::<1>(&case["gamma"]).require_grad();
    let beta = tensor::<1>(&case["beta"]).require_grad();
    let (x, residual) = (inputs[0].clone(), inputs[1].clone());
    let (y, statistics) = batch_norm(x.clone(), gamma.clone(), beta.clone(), Some(residual.clone()), true, 1e-5);
    assert_close(y.clone().inner(), &case["y"], 1e-5);
    assert_close(statistics.mean.inner(), &case["mean"], 1e-5);
    assert_close(statistics.variance.inner(), &case["variance"], 1e-5);
    let grads = (y * tensor::<2>(&case["pull"])).sum().backward();
    assert_close(x.grad(&grads).unwrap(), &case["grad_x"], 1e-4);
    assert_close(residual.grad(&grads).unwrap(), &case["grad_residual"], 1e-4);
    assert_close(gamma.grad(&grads).unwrap(), &case["grad_gamma"], 1e-4);
    assert_close(beta.grad(&grads).unwrap(), &case["grad_beta"], 1e-4);
}

#[test]
fn running_statistics_keep_nine_tenths() {
    let case = fixture("batch_norm");
    let x = tensor::<2>(&case["x"]).inner();
    let mut norm = Norm::<Flex>::new(3, 1.0, true, &Default::default());
    norm.forward(x.clone(), None, false, Mode::BatchStatistics);
    assert_eq!(norm.running_mean.val().into_data().iter::<f32>().collect::<Vec<_>>(), [0.0; 3]);
    for _ in 0..2 {
        norm.forward(x.clone(), None, false, Mode::Train);
    }
    // From mean 0 and variance 1: after two steps 0.81 of the start and 0.19 of the batch's (biased) statistics.
    let close = |ours: Tensor<Flex, 1>, start: f32, batch: &Value| {
        for (ours, batch) in ours.into_data().iter::<f32>().zip(numbers(batch)) {
            let expected = 0.81 * start + 0.19 * batch;
            assert!((ours - expected).abs() < 1e-5 * expected.abs().max(1.0), "{ours} {expected}");
        }
    };
    close(norm.running_mean.val(), 0.0, &case["mean"]);
    close(norm.running_var.val(), 1.0, &case["variance"]);
    // Inference uses them and leaves them alone.
    let before = norm.running_var.val().into_data();
    let y = norm.forward(x.clone(), None, false, Mode::Inference);
    let expected = (x - norm.running_mean.val().unsqueeze()) / (norm.running_var.val() + 1e-5).sqrt().unsqueeze::<2>();
    y.into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::rel_abs(1e-5, 1e-5));
    assert_eq!(norm.running_var.val().into_data(), before);
}

#[test]
fn what_is_not_a_number_is_no_loss_of_zero() {
    for text in
        ["MarginTriplet(margin: 0.8)", "MarginTriplet(margin: 0.8, mining: SemiHard)", "NtXent(temperature: 0.5)"]
    {
        let objective = crate::recipes::patch(&format!("(objective: {text})")).objective.unwrap();
        let mut z = vec![0.5; 8 * 3];
        z[4] = f32::NAN;
        assert!(contrastive(&objective.contrastive().unwrap(), &z, 3).loss.is_nan(), "{text}");
    }
}

#[test]
fn solarizing_begins_at_the_threshold_itself() {
    let mut planes = Planes::from_interleaved(1, &[0.25, 0.5, 0.75]);
    solarize(&mut planes, 0.5);
    assert_eq!(planes.values, [0.25, 0.5, 0.25]);
    solarize(&mut planes, 0.25);
    assert_eq!(planes.values, [0.75, 0.5, 0.75]);
}
