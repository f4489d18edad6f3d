//! How much faster a layer is with ablate's kernels than with burn-flex's own operations: convolution, batch
//! normalization and ReLU, forward and backward, in one process and on one thread.
//!
//! `cargo bench --bench layers`

use std::{hint::black_box, time::Instant};

use ablate::train::ops::{self, Window, plain};
use burn::{
    backend::{Autodiff, flex::Flex},
    tensor::Tensor,
};

type B = Autodiff<Flex>;

/// Views per step and height of an image.
const VIEWS: usize = 128;
const SIZE: usize = 24;
const EPSILON: f64 = 1e-5;
/// The two ways take turns so often; the fastest time of each counts.
const ROUNDS: usize = 7;

/// Inputs, outputs, kernel, stride and halvings of the image before it, of every kind of layer in ResNet-8.
const LAYERS: [(usize, usize, usize, usize, usize); 8] = [
    (3, 16, 3, 1, 0),
    (16, 16, 3, 1, 0),
    (16, 32, 3, 2, 0),
    (16, 32, 1, 2, 0),
    (32, 32, 3, 1, 1),
    (32, 64, 3, 2, 1),
    (32, 64, 1, 2, 1),
    (64, 64, 3, 1, 2),
];

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(1).build_global() {
        return eprintln!("cannot set the number of threads: {error}");
    }
    println!("{VIEWS} views of {SIZE} px, one thread; best of {ROUNDS}");
    println!(
        "{:>4} {:>4} {:>2} {:>2} {:>5}  {:>8}  {:>8}  {:>6}",
        "in", "out", "k", "s", "size", "flex", "ablate", "ratio"
    );
    let mut sums = [0.0; 2];
    for (inputs, outputs, kernel, stride, halvings) in LAYERS {
        let size = SIZE >> halvings;
        let window = Window { kernel, stride };
        let device = Default::default();
        let x = numbers([VIEWS, size, size, inputs]);
        let weight = numbers([kernel, kernel, inputs, outputs]);
        let gamma = Tensor::<B, 1>::ones([outputs], &device);
        let beta = Tensor::<B, 1>::zeros([outputs], &device);
        let mut best = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            for (way, best) in best.iter_mut().enumerate() {
                let [x, weight] = [&x, &weight].map(|tensor| tensor.clone().require_grad());
                let [gamma, beta] = [&gamma, &beta].map(|tensor| tensor.clone().require_grad());
                let start = Instant::now();
                let output = if way == 0 {
                    let y = plain::conv2d(x, weight, window);
                    plain::batch_norm(y, gamma, beta, None, true, EPSILON).0.sum()
                } else {
                    let y = ops::conv2d(x, weight, window);
                    ops::batch_norm(y, gamma, beta, None, true, EPSILON).0.sum()
                };
                black_box(output.backward());
                *best = best.min(start.elapsed().as_secs_f64());
            }
        }
        let [flex, own] = best.map(|seconds| 1e3 * seconds);
        println!(
            "{inputs:>4} {outputs:>4} {kernel:>2} {stride:>2} {size:>5}  {flex:>5.1} ms  {own:>5.1} ms  {:>6.2}",
            flex / own
        );
        sums[0] += flex;
        sums[1] += own;
    }
    println!("{:>25}  {:>5.1} ms  {:>5.1} ms  {:>6.2}", "all", sums[0], sums[1], sums[0] / sums[1]);
}

/// Numbers between -1 and 1.
fn numbers<const D: usize>(shape: [usize; D]) -> Tensor<B, D> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|index: usize| (index as f32 * 0.7).sin()).collect();
    Tensor::<B, 1>::from_floats(values.as_slice(), &Default::default()).reshape(shape)
}
