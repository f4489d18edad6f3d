//! Augmentation against PIL, torch, colorsys and float64 NumPy, from `tests/fixtures/augmentation.py`.

mod device;
mod operations;
mod pipeline;

use std::sync::LazyLock;

use ablate::train::augment::Planes;
use serde_json::Value;

static FIXTURE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../fixtures/augmentation.json")).unwrap());

/// Everything that comes of values in [0, 1] by a few dozen float32 operations.
const TOLERANCE: f32 = 3e-6;

/// The numbers of a nested list, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// A square image of the fixture.
fn planes(value: &Value) -> Planes {
    let pixels: Vec<f32> = numbers(value).into_iter().map(|number| number as f32).collect();
    Planes::from_interleaved((pixels.len() / 3).isqrt(), &pixels)
}

#[track_caller]
fn assert_close(ours: &Planes, reference: &Value, what: &str) {
    let reference = planes(reference);
    assert_eq!(ours.size, reference.size, "{what}");
    for (index, (ours, reference)) in ours.values.iter().zip(&reference.values).enumerate() {
        assert!((ours - reference).abs() < TOLERANCE, "{what}: {ours} is not {reference} at {index}");
    }
}
