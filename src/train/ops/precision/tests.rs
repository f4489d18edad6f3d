//! What rounding to bfloat16 does to results and gradients: exactly that, and no more than its 8 bits can.

use burn::{
    backend::{Autodiff, flex::Flex},
    tensor::{Distribution, Tensor, TensorPrimitive},
};

use super::*;
use crate::train::ops::tests::random;

type B = Autodiff<Flex>;

/// Half of the distance between numbers of 8 bits, as a share of them.
const UNIT: f64 = 1.0 / 256.0;

fn rounded<const D: usize>(tensor: Tensor<Flex, D>) -> Tensor<Flex, D> {
    Tensor::from_primitive(TensorPrimitive::Float(Flex::rounded(tensor.into_primitive().tensor())))
}

fn bits<const D: usize>(tensor: Tensor<Flex, D>) -> Vec<u32> {
    tensor.into_data().iter::<f32>().map(f32::to_bits).collect()
}

/// Two operands, rounded, and a result, rounded: no value is off by more than (1 + u)³ - 1 of what the result would be if
/// all terms of its sum had the same sign.
#[track_caller]
fn assert_within_bounds<const D: usize>([float32, bfloat16, magnitudes]: [Tensor<Flex, D>; 3]) {
    let bound = (1.0 + UNIT).powi(3) - 1.0 + 1e-5;
    let values = |tensor: Tensor<Flex, D>| tensor.into_data().iter::<f64>().collect::<Vec<_>>();
    let (float32, bfloat16, magnitudes) = (values(float32), values(bfloat16), values(magnitudes));
    let mut worst = 0_f64;
    for ((exact, found), magnitude) in float32.iter().zip(&bfloat16).zip(&magnitudes) {
        let error = (exact - found).abs();
        assert!(error <= bound * magnitude, "{exact} became {found}, of terms that add up to {magnitude}");
        worst = worst.max(error / magnitude);
    }
    // It is rounded at all.
    assert!(worst > 0.01 * UNIT, "{worst}");
}

/// Result and gradients of both operands of an operation, pulled at by `pull`.
fn pulled<const D: usize>(
    operands: [Tensor<B, D>; 2],
    pull: &Tensor<B, D>,
    operation: impl Fn(Tensor<B, D>, Tensor<B, D>) -> Tensor<B, D>,
) -> [Tensor<Flex, D>; 3] {
    let [a, b] = operands.map(|tensor| tensor.detach().require_grad());
    let output = operation(a.clone(), b.clone());
    let gradients = (output.clone() * pull.clone()).sum().backward();
    [output.inner(), a.grad(&gradients).unwrap(), b.grad(&gradients).unwrap()]
}

#[test]
fn a_rounded_convolution_is_that_of_rounded_numbers() {
    let window = Window { kernel: 3, stride: 2 };
    let [x, weight] = [random([2, 5, 6, 3], 1).inner(), random([3, 3, 3, 4], 2).inner()];
    let found = conv2d_in(x.clone(), weight.clone(), window, Precision::BFloat16);
    let expected = rounded(super::super::conv2d(rounded(x), rounded(weight), window));
    assert_eq!(bits(found), bits(expected));
}

#[test]
fn rounding_keeps_eight_bits_and_ties_go_to_even() {
    let values = [1.0, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -2.7, 1e-30, 3e38];
    let found = rounded(Tensor::<Flex, 1>::from_floats(values, &Default::default())).into_data();
    let found: Vec<f32> = found.iter::<f32>().collect();
    assert_eq!(found[..4], [1.0, 1.0, 1.015625, -2.703125]);
    assert!(
        values
            .iter()
            .zip(&found)
            .all(|(value, found)| f64::from((value - found).abs()) <= UNIT * f64::from(value.abs()))
    );
}

#[test]
fn convolutions_and_their_gradients_are_off_by_no_more_than_the_bits_allow() {
    for (case, (kernel, stride)) in [(3, 1), (3, 2), (1, 1), (1, 2)].into_iter().enumerate() {
        let (window, seed) = (Window { kernel, stride }, case as u64);
        let operands = [random([3, 8, 7, 16], seed), random([kernel, kernel, 16, 8], 10 + seed)];
        let pull = random([3, window.output_size(8), window.output_size(7), 8], 20 + seed);
        let in_precision = |precision| pulled(operands.clone(), &pull, |x, w| conv2d_in(x, w, window, precision));
        let absolute = operands.clone().map(Tensor::abs);
        let magnitudes = pulled(absolute, &pull.clone().abs(), |x, w| super::super::conv2d(x, w, window));
        let (exact, found) = (in_precision(Precision::Float32), in_precision(Precision::BFloat16));
        for ((exact, found), magnitude) in exact.into_iter().zip(found).zip(magnitudes) {
            assert_within_bounds([exact, found, magnitude]);
        }
    }
}

#[test]
fn products_and_their_gradients_are_off_by_no_more_than_the_bits_allow() {
    let operands = [random([9, 33], 1), random([33, 12], 2)];
    let pull = random([9, 12], 3);
    let in_precision = |precision| pulled(operands.clone(), &pull, |a, b| product_in(a, b, precision));
    let magnitudes = pulled(operands.clone().map(Tensor::abs), &pull.clone().abs(), Tensor::matmul);
    let (exact, found) = (in_precision(Precision::Float32), in_precision(Precision::BFloat16));
    for ((exact, found), magnitude) in exact.into_iter().zip(found).zip(magnitudes) {
        assert_within_bounds([exact, found, magnitude]);
    }
}

#[test]
fn a_float32_product_is_burns_bit_for_bit() {
    let operands = [random([70, 33], 4), random([33, 12], 5)];
    let pull = Tensor::random([70, 12], Distribution::Normal(0.0, 1.0), &Default::default());
    let ours = pulled(operands.clone(), &pull, |a, b| product_in(a, b, Precision::Float32));
    let burns = pulled(operands, &pull, Tensor::matmul);
    assert_eq!(ours.map(bits), burns.map(bits));
}
