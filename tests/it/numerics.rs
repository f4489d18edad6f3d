//! Losses, optimizers, schedules, normalization and colors against float64 values from `tests/fixtures/numerics.py`.

use ablate::{
    recipe::{Algorithm, Decay, LearningRate, Optimizer, Schedule},
    train::{
        augment::{Jitter, grayscale, jitter},
        objective::{contrastive_metrics, nt_xent, scalar},
        ops::batch_norm,
        optimizer::Momentum,
        schedule::LearningRateCurve,
    },
};
use burn::{
    backend::{Autodiff, flex::Flex},
    optim::SimpleOptimizer,
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

#[test]
fn nt_xent_and_its_gradient() {
    for case in fixture("losses").as_array().unwrap() {
        let temperature = case["temperature"].as_f64().unwrap();
        let z = tensor::<2>(&case["z"]).require_grad();
        let loss = nt_xent(z.clone(), temperature);
        let expected = case["loss"].as_f64().unwrap();
        let value = scalar(loss.clone());
        assert!((value - expected).abs() < 1e-5 * expected.max(1.0), "{value} {expected}");
        assert_close(z.grad(&loss.backward()).unwrap(), &case["grad"], 2e-5);
        let (accuracy, entropy) = contrastive_metrics(z.inner(), temperature);
        assert!((accuracy - case["accuracy"].as_f64().unwrap()).abs() < 1e-9);
        assert!((entropy - case["entropy"].as_f64().unwrap()).abs() < 1e-5);
    }
}

#[test]
fn untrained_views_cost_the_logarithm_of_their_number() {
    // All similarities equal: each view picks its partner among 2N - 1 others by chance.
    let z = Tensor::<Flex, 2>::ones([64, 8], &Default::default());
    assert!((scalar(nt_xent(z, 0.5)) - 63_f64.ln()).abs() < 1e-5);
}

#[test]
fn optimizer_trajectories() {
    for case in fixture("optimizers").as_array().unwrap() {
        let number = |name: &str| case[name].as_f64().unwrap();
        let algorithm = match case["kind"].as_str().unwrap() {
            "lars" => Algorithm::Lars { trust_coefficient: number("eta") },
            kind => Algorithm::Sgd { nesterov: kind == "nesterov" },
        };
        let optimizer = Momentum::new(&Optimizer {
            algorithm,
            learning_rate: LearningRate::Fixed(1.0),
            momentum: number("momentum"),
            weight_decay: number("decay"),
        });
        if case["start"][0].is_array() { follow::<2>(&optimizer, case) } else { follow::<1>(&optimizer, case) }
    }
}

fn follow<const D: usize>(optimizer: &Momentum, case: &Value) {
    let mut weight = tensor::<D>(&case["start"]).inner();
    let mut state = None;
    for (step, rate) in case["rates"].as_array().unwrap().iter().enumerate() {
        let grad = tensor::<D>(&case["grads"][step]).inner();
        (weight, state) = optimizer.step(rate.as_f64().unwrap(), weight, grad, state);
        assert_close(weight.clone(), &case["path"][step], 1e-5);
    }
}

#[test]
fn learning_rates() {
    for case in fixture("schedules").as_array().unwrap() {
        let number = |name: &str| case[name].as_u64().unwrap() as usize;
        let schedule = Schedule {
            epochs: number("epochs"),
            batch_size: number("batch"),
            warmup_epochs: number("warmup"),
            decay: Decay::Cosine,
        };
        let curve =
            LearningRateCurve::new(&schedule, LearningRate::Fixed(case["peak"].as_f64().unwrap()), number("images"));
        for (step, expected) in case["rates"].as_array().unwrap().iter().enumerate() {
            assert!((curve.at(step) - expected.as_f64().unwrap()).abs() < 1e-12, "step {step}");
        }
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
fn color_jitter_and_grayscale() {
    let case = fixture("color");
    let number = |name: &str| case[name].as_f64().unwrap() as f32;
    for each in case["cases"].as_array().unwrap() {
        let mut pixels = numbers(&case["pixels"]);
        let order: Vec<u8> = each["order"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as u8).collect();
        let parameters = Jitter {
            brightness: number("brightness"),
            contrast: number("contrast"),
            saturation: number("saturation"),
            hue: number("hue"),
            order: order.try_into().unwrap(),
        };
        jitter(&mut pixels, &parameters);
        for (ours, reference) in pixels.iter().zip(numbers(&each["result"])) {
            assert!((ours - reference).abs() < 1e-5, "{ours} {reference} in order {:?}", parameters.order);
        }
    }
    let mut pixels = numbers(&case["pixels"]);
    grayscale(&mut pixels);
    for (pixel, gray) in pixels.chunks(3).zip(numbers(&case["gray"])) {
        assert!(pixel.iter().all(|value| (value - gray).abs() < 1e-6), "{pixel:?} {gray}");
    }
}
