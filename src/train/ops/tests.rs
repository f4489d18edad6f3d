//! The kernels against the same expressions in burn's own operations, values and gradients.

use burn::{
    backend::{Autodiff, flex::Flex},
    tensor::{Tensor, TensorData, Tolerance},
};

use super::{
    Window, batch_norm, conv_kernels,
    conv_layout::{self, Planes},
    conv_norm, conv2d, normalize, plain,
    simd::Level,
};
use crate::train::random::{Purpose, Stream};

type B = Autodiff<Flex>;

/// Numbers from a normal distribution.
pub(super) fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<B, D> {
    let mut stream = Stream::new(seed, Purpose::Shapes, [0, 0], 0);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| stream.normal()).collect();
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

fn assert_close<const D: usize>(ours: Tensor<B, D>, reference: Tensor<B, D>) {
    ours.into_data().assert_approx_eq::<f32>(&reference.into_data(), Tolerance::rel_abs(1e-4, 1e-4));
}

#[test]
fn convolution_equals_the_plain_expression() {
    // (images, height, width, inputs, outputs, kernel, stride): odd sizes, ragged tiles and blocks, 1 x 1 and stride 2.
    let cases = [
        (2, 8, 8, 3, 16, 3, 1),
        (3, 7, 9, 16, 5, 3, 1),
        (2, 8, 8, 16, 32, 3, 2),
        (2, 7, 5, 6, 17, 3, 2),
        (2, 8, 8, 16, 32, 1, 2),
        (2, 5, 6, 33, 20, 1, 1),
        (1, 11, 13, 3, 8, 7, 2),
        (70, 2, 1, 2, 3, 3, 1),
        // Winograd's way: even and odd sizes, images of a tile or less, unequal channels.
        (3, 8, 8, 32, 48, 3, 1),
        (2, 7, 5, 64, 32, 3, 1),
        (9, 3, 4, 32, 32, 3, 1),
        (20, 1, 2, 48, 32, 3, 1),
    ];
    for (case, (n, h, w, c, o, kernel, stride)) in cases.into_iter().enumerate() {
        let window = Window { kernel, stride };
        let x = random([n, h, w, c], case as u64).require_grad();
        let weight = random([kernel, kernel, c, o], 100 + case as u64).require_grad();
        let ours = conv2d(x.clone(), weight.clone(), window);
        let reference = plain::conv2d(x.clone(), weight.clone(), window);
        assert_close(ours.clone(), reference.clone());
        let pull = random(ours.dims(), 200 + case as u64);
        let (ours, reference) = ((ours * pull.clone()).sum().backward(), (reference * pull).sum().backward());
        for (ours, reference) in [(x.grad(&ours), x.grad(&reference)), (weight.grad(&ours), weight.grad(&reference))] {
            assert_close(Tensor::<B, 4>::from_inner(ours.unwrap()), Tensor::from_inner(reference.unwrap()));
        }
    }
}

#[test]
fn batch_norm_equals_the_plain_expression() {
    for (case, (rows, c, residual, relu)) in
        [(40, 16, false, true), (6000, 5, true, true), (33, 3, true, false), (9, 130, false, false)]
            .into_iter()
            .enumerate()
    {
        let x = random([rows, c], case as u64).require_grad();
        let (gamma, beta) = (random([c], 10).require_grad(), random([c], 11).require_grad());
        let residual = residual.then(|| random([rows, c], 12).require_grad());
        let (ours, statistics) = batch_norm(x.clone(), gamma.clone(), beta.clone(), residual.clone(), relu, 1e-5);
        let (reference, plain_statistics) =
            plain::batch_norm(x.clone(), gamma.clone(), beta.clone(), residual.clone(), relu, 1e-5);
        let inference =
            normalize(x.clone(), plain_statistics, gamma.clone(), beta.clone(), residual.clone(), relu, 1e-5);
        assert_close(inference, reference.clone());
        assert_close(ours.clone(), reference.clone());
        assert_close(statistics.mean.unsqueeze::<2>(), x.clone().mean_dim(0));
        assert_close(statistics.variance.unsqueeze::<2>(), x.clone().var_bias(0));
        let pull = random([rows, c], 13);
        let (ours, reference) = ((ours * pull.clone()).sum().backward(), (reference * pull).sum().backward());
        let mut pairs = vec![(x.grad(&ours), x.grad(&reference))];
        if let Some(residual) = residual {
            pairs.push((residual.grad(&ours), residual.grad(&reference)));
        }
        for (ours, reference) in pairs {
            assert_close(Tensor::<B, 2>::from_inner(ours.unwrap()), Tensor::from_inner(reference.unwrap()));
        }
        for parameter in [gamma, beta] {
            let (ours, reference) = (parameter.grad(&ours).unwrap(), parameter.grad(&reference).unwrap());
            assert_close(Tensor::<B, 1>::from_inner(ours), Tensor::from_inner(reference));
        }
    }
}

#[test]
fn convolution_and_normalization_in_one_equal_both_in_turn() {
    // (inputs, outputs, stride, residual, ReLU): both ways to convolve, all kinds of masks.
    let cases = [
        (5, 16, 1, false, true),
        (16, 17, 2, false, false),
        (16, 16, 1, true, true),
        (32, 32, 1, true, true),
        (32, 48, 1, false, true),
        (32, 32, 1, true, false),
    ];
    for (case, (c, o, stride, residual, relu)) in cases.into_iter().enumerate() {
        let window = Window { kernel: 3, stride };
        let x = random([5, 6, 8, c], case as u64).require_grad();
        let weight = random([3, 3, c, o], 20).require_grad();
        let (gamma, beta) = (random([o], 21).require_grad(), random([o], 22).require_grad());
        let shape = [5, 6_usize.div_ceil(stride), 8_usize.div_ceil(stride), o];
        let residual = residual.then(|| random(shape, 23).require_grad());
        let (ours, statistics) =
            conv_norm(x.clone(), weight.clone(), window, gamma.clone(), beta.clone(), residual.clone(), relu, 1e-5);
        let y = plain::conv2d(x.clone(), weight.clone(), window);
        let (reference, expected) = plain::batch_norm(y, gamma.clone(), beta.clone(), residual.clone(), relu, 1e-5);
        assert_close(ours.clone(), reference.clone());
        assert_close(statistics.mean, expected.mean);
        assert_close(statistics.variance, expected.variance);
        let pull = random(shape, 24);
        let (ours, reference) = ((ours * pull.clone()).sum().backward(), (reference * pull).sum().backward());
        let pairs = [Some(&x), Some(&weight), residual.as_ref()];
        for tensor in pairs.into_iter().flatten() {
            let [ours, reference] =
                [&ours, &reference].map(|grads| Tensor::<B, 4>::from_inner(tensor.grad(grads).unwrap()));
            assert_close(ours, reference);
        }
        for tensor in [gamma, beta] {
            let [ours, reference] =
                [&ours, &reference].map(|grads| Tensor::<B, 1>::from_inner(tensor.grad(grads).unwrap()));
            assert_close(ours, reference);
        }
    }
}

/// Output and gradients of a convolution at one level.
fn convolved(level: Level, [n, h, w, c, o]: [usize; 5], window: Window) -> [Vec<f32>; 3] {
    let values =
        |count: usize, step: f32| -> Vec<f32> { (0..count).map(|index| (index as f32 * step).sin()).collect() };
    let shape = conv_layout::Shape::new(conv_layout::Dims { n, h, w, c }, o, window);
    let (x, weight) = (values(shape.input.len(), 0.7), values(shape.taps() * c * o, 0.3));
    let (grad, image) = (values(shape.output.len(), 0.9), shape.output.image());
    let fill = |first: usize, count: usize, planes: &mut Planes| planes.fill(&grad[first * image..][..count * image]);
    let job = conv_kernels::Backward { level, shape, x: &x, weight: &weight, fill };
    let (input, weights) = conv_kernels::backward(&job, true);
    [conv_kernels::forward(level, shape, &x, &weight, |_| ()).0, input.unwrap(), weights]
}

#[test]
fn all_vectors_give_the_same_results() {
    for (sizes, stride) in [([3, 9, 10, 20, 35], 1), ([3, 9, 10, 20, 35], 2), ([4, 6, 7, 32, 48], 1)] {
        let window = Window { kernel: 3, stride };
        let results: Vec<_> =
            Level::available().iter().map(|&level| (level, convolved(level, sizes, window))).collect();
        for (level, result) in &results {
            for (ours, first) in result.iter().zip(&results[0].1) {
                let scale = first.iter().fold(0_f32, |scale, value| scale.max(value.abs()));
                assert!(ours.iter().zip(first).all(|(a, b)| (a - b).abs() <= 1e-5 * scale), "{level:?} {sizes:?}");
            }
        }
        // Those with fused multiply-add agree to the bit.
        assert!(results.iter().skip(1).all(|(_, result)| *result == results[1].1), "{sizes:?}");
    }
}

#[test]
fn winograd_is_about_as_exact_as_direct_convolution() {
    let (sizes, window) = ([4, 8, 8, 64, 64], Window { kernel: 3, stride: 1 });
    let [n, h, w, c, o] = sizes;
    let [output, ..] = convolved(Level::best(), sizes, window);
    let value = |index: usize, step: f32| f64::from((index as f32 * step).sin());
    let (mut error, mut scale) = (0.0_f64, 0.0_f64);
    for (index, &ours) in output.iter().enumerate() {
        let (image, y, x, channel) = (index / (h * w * o), index / (w * o) % h, index / o % w, index % o);
        let mut exact = 0.0;
        for tap in 0..9 {
            let (Some(row), Some(col)) = ((y + tap / 3).checked_sub(1), (x + tap % 3).checked_sub(1)) else { continue };
            if row < h && col < w {
                for input in 0..c {
                    let place = ((image * h + row) * w + col) * c + input;
                    exact += value(place, 0.7) * value((tap * c + input) * o + channel, 0.3);
                }
            }
        }
        error = error.max((f64::from(ours) - exact).abs());
        scale = scale.max(exact.abs());
    }
    assert_eq!(output.len(), n * h * w * o);
    // 576 products: float32 sums of as many numbers are off by some units in the last place of the largest.
    assert!(error <= 16.0 * f64::from(f32::EPSILON) * scale, "{error} of {scale}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let run = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let x = random([40, 9, 9, 16], 1).require_grad();
            let weight = random([3, 3, 16, 32], 2).require_grad();
            let y = conv2d(x.clone(), weight.clone(), Window { kernel: 3, stride: 2 });
            let ones = Tensor::<B, 1>::ones([32], &Default::default());
            let (y, _) = batch_norm(y, ones.clone(), ones.clone(), None, true, 1e-5);
            let square = random([3, 3, 32, 32], 3);
            let (y, _) = conv_norm(y, square, Window { kernel: 3, stride: 1 }, ones.clone(), ones, None, true, 1e-5);
            let grads = (y.clone() * y).sum().backward();
            (x.grad(&grads).unwrap().into_data(), weight.grad(&grads).unwrap().into_data())
        })
    };
    assert_eq!(run(1), run(5));
}
