//! The composed computations against the hand-written kernels, on the backend that has both.

use burn::{
    backend::flex::Flex,
    tensor::{Tolerance, ops::FloatTensorOps},
};

use super::*;
use crate::train::ops::{Kernels, tests::random};

/// Sums of some hundred products of normal numbers, in another order: an error of 1e-7 of each.
#[track_caller]
fn assert_close(ours: FloatTensor<Flex>, kernels: FloatTensor<Flex>) {
    assert_eq!(ours.shape(), kernels.shape());
    let data =
        |x: FloatTensor<Flex>| tensor::<Flex, 1>(&Flex::float_reshape(x.clone(), [x.shape().num_elements()].into()));
    data(ours).into_data().assert_approx_eq::<f32>(&data(kernels).into_data(), Tolerance::rel_abs(1e-4, 1e-4));
}

#[test]
fn convolutions_and_their_gradients_are_those_of_the_kernels() {
    // (images, height, width, inputs, outputs, window, stride); several parts, for a part is small in tests.
    let cases = [
        (3, 6, 6, 3, 8, 3, 1),
        (2, 7, 9, 5, 4, 3, 2),
        (2, 8, 8, 4, 6, 3, 2),
        (4, 5, 6, 7, 3, 1, 1),
        (2, 5, 8, 4, 6, 1, 2),
        (1, 11, 12, 3, 4, 7, 2),
        (5, 1, 2, 2, 3, 3, 2),
    ];
    for (case, (n, h, w, c, o, kernel, stride)) in cases.into_iter().enumerate() {
        let (window, seed) = (Window { kernel, stride }, case as u64);
        let [x, weight] =
            [random([n, h, w, c], seed), random([kernel, kernel, c, o], 100 + seed)].map(|x| primitive(x.inner()));
        let conv = Conv { x, weight, window };
        assert_close(convolve::<Flex>(&conv, by_columns), Flex::convolve(&conv));
        let grad = primitive(random([n, window.output_size(h), window.output_size(w), o], 200 + seed).inner());
        let (input, of_weight) = Flex::convolve_grads(&conv, &grad, true);
        assert_close(convolve_input_grad::<Flex>(&conv, &grad, by_columns), input.unwrap());
        assert_close(convolve_weight_grad::<Flex>(&conv, &grad, weight_grad_by_columns), of_weight);
    }
}

#[test]
fn many_values_go_in_parts() {
    assert_eq!(parts(7, COLUMNS / 3).collect::<Vec<_>>(), [0..3, 3..6, 6..7]);
    assert_eq!(parts(2, 3 * COLUMNS).collect::<Vec<_>>(), [0..1, 1..2]);
    assert_eq!(parts(5, 0).collect::<Vec<_>>(), vec![0..5; 1]);
}

#[test]
fn batch_normalization_and_its_gradients_are_those_of_the_kernels() {
    // Images and rows; with and without what follows.
    for (case, (shape, residual, relu)) in [
        (vec![3, 4, 5, 6], true, true),
        (vec![40, 7], false, true),
        (vec![2, 3, 3, 16], true, false),
        (vec![9, 130], false, false),
    ]
    .into_iter()
    .enumerate()
    {
        let (seed, c) = (case as u64, shape[shape.len() - 1]);
        let images = |seed| {
            let count = shape.iter().product();
            Flex::float_reshape(primitive(random([count], seed).inner()), shape.clone().into())
        };
        let x = images(seed);
        let (mean, variance) = channel_statistics::<Flex>(&x);
        let (kernel_mean, kernel_variance) = <Flex as Kernels>::channel_statistics(&x);
        assert_close(mean.clone(), kernel_mean);
        assert_close(variance.clone(), kernel_variance);
        let args = Norm {
            x,
            mean,
            variance,
            gamma: primitive(random([c], 10).inner()),
            beta: primitive(random([c], 11).inner()),
            residual: residual.then(|| images(12 + seed)),
            relu,
            epsilon: 1e-5,
        };
        let output = normalize::<Flex>(&args);
        assert_close(output.clone(), <Flex as Kernels>::normalize(&args));
        let grad = images(20 + seed);
        let ours = normalize_grads::<Flex>(&args, &output, &grad);
        let kernels = Flex::normalize_grads(&args, &output, &grad);
        assert_close(ours.input, kernels.input);
        assert_close(ours.gamma, kernels.gamma);
        assert_close(ours.beta, kernels.beta);
        assert_eq!([&ours.residual, &kernels.residual].map(Option::is_some), [residual; 2]);
        if let (Some(ours), Some(kernels)) = (ours.residual, kernels.residual) {
            assert_close(ours, kernels);
        }
    }
}
