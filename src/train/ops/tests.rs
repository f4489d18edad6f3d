//! The kernels against the same expressions in burn's own operations, values and gradients.

use burn::{
    backend::{Autodiff, flex::Flex},
    tensor::{Tensor, Tolerance},
};

use super::{Window, batch_norm, conv2d, plain};

type B = Autodiff<Flex>;

fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<B, D> {
    let count = shape.iter().product();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let values: Vec<f32> = (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32) / 8_388_608.0 - 1.0
        })
        .collect();
    Tensor::<B, 1>::from_floats(values.as_slice(), &Default::default()).reshape(shape)
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
        let reference = plain::batch_norm(x.clone(), gamma.clone(), beta.clone(), residual.clone(), relu, 1e-5);
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
fn results_do_not_depend_on_the_number_of_threads() {
    let run = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let x = random([40, 9, 9, 16], 1).require_grad();
            let weight = random([3, 3, 16, 16], 2).require_grad();
            let y = conv2d(x.clone(), weight.clone(), Window { kernel: 3, stride: 2 });
            let ones = Tensor::<B, 1>::ones([16], &Default::default());
            let (y, _) = batch_norm(y, ones.clone(), ones, None, true, 1e-5);
            let grads = (y.clone() * y).sum().backward();
            (x.grad(&grads).unwrap().into_data(), weight.grad(&grads).unwrap().into_data())
        })
    };
    assert_eq!(run(1), run(5));
}
