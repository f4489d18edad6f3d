//! The kernels of the CPU backend (burn-flex): tensors are borrowed as float32 slices, results become tensors.

use burn::{
    backend::flex::{Flex, FlexTensor, Layout},
    tensor::{Bytes, DType, Shape},
};

use super::{
    Conv, ConvNormGrads, Follow, Kernels, Norm, NormGrads, Ops, conv_kernels,
    conv_layout::{self, Dims, Planes},
    conv_norm::one_after_the_other,
    norm_kernels::{self, Affine, Line},
    norm_statistics::{self, Part},
    simd::Level,
};

impl Kernels for Flex {
    fn convolve(conv: &Conv<FlexTensor>) -> FlexTensor {
        forward(conv, |_| ()).0
    }

    fn convolve_grads(conv: &Conv<FlexTensor>, grad: &FlexTensor, input_too: bool) -> (Option<FlexTensor>, FlexTensor) {
        let grad = grad.to_contiguous();
        let (grads, image) = (floats(&grad), dims(&grad).image());
        let fill = |first, count, planes: &mut Planes| planes.fill(&grads[first * image..][..count * image]);
        backward(conv, channels(&grad), fill, input_too)
    }

    fn convolve_and_measure(conv: &Conv<FlexTensor>) -> [FlexTensor; 3] {
        let channels = channels(&conv.weight);
        let (output, parts) = forward(conv, |image| Part::of(image, channels));
        let (mean, variance) = norm_statistics::combined(&parts, channels);
        [output, tensor(mean, [channels].into()), tensor(variance, [channels].into())]
    }

    fn conv_norm_grads(
        conv: &Conv<FlexTensor>,
        norm: &Norm<FlexTensor>,
        output: &FlexTensor,
        grad: &FlexTensor,
        input_too: bool,
    ) -> ConvNormGrads<FlexTensor> {
        let norm = Normalized::new(norm, output, grad);
        let (line, y, image) = (norm.backward().line(), floats(&norm.x), dims(&norm.x).image());
        let behind = line.masked.as_deref().unwrap_or(floats(&norm.grad));
        let fill = |first: usize, count: usize, planes: &mut Planes| {
            let range = first * image..(first + count) * image;
            planes.fill_with(&y[range.clone()], &behind[range], |y, grad, row| line.of(y, grad, row));
        };
        let (input, weight) = backward(conv, channels(&norm.x), fill, input_too);
        let (gamma, beta, residual) = norm.rest(line);
        ConvNormGrads { input, weight, gamma, beta, residual }
    }

    fn channel_statistics(x: &FlexTensor) -> (FlexTensor, FlexTensor) {
        let x = x.to_contiguous();
        let channels = channels(&x);
        let (mean, variance) = norm_statistics::statistics(floats(&x), channels);
        (tensor(mean, [channels].into()), tensor(variance, [channels].into()))
    }

    fn normalize(args: &Norm<FlexTensor>) -> FlexTensor {
        let x = args.x.to_contiguous();
        let residual = args.residual.as_ref().map(FlexTensor::to_contiguous);
        let affine = affine(args, &inverse_deviation(args));
        let output = norm_kernels::apply(floats(&x), &affine, residual.as_ref().map(floats), args.relu);
        tensor(output, x.layout().shape().clone())
    }

    fn normalize_grads(args: &Norm<FlexTensor>, output: &FlexTensor, grad: &FlexTensor) -> NormGrads<FlexTensor> {
        let norm = Normalized::new(args, output, grad);
        let line = norm.backward().line();
        let input = tensor(norm.backward().input(&line), norm.x.layout().shape().clone());
        let (gamma, beta, residual) = norm.rest(line);
        NormGrads { input, gamma, beta, residual }
    }
}

impl Ops for Flex {
    fn normalize(args: Norm<FlexTensor>) -> FlexTensor {
        <Self as Kernels>::normalize(&args)
    }

    fn batch_norm(args: Norm<FlexTensor>) -> FlexTensor {
        <Self as Kernels>::normalize(&args)
    }

    fn conv_norm(conv: Conv<FlexTensor>, follow: Follow<FlexTensor>) -> [FlexTensor; 3] {
        one_after_the_other::<Self>(&conv, follow)
    }

    fn channel_statistics(x: &FlexTensor) -> (FlexTensor, FlexTensor) {
        <Self as Kernels>::channel_statistics(x)
    }
}

/// A convolution, and what `look` says of each image of its result.
fn forward<T: Send>(conv: &Conv<FlexTensor>, look: impl Fn(&[f32]) -> T + Sync) -> (FlexTensor, Vec<T>) {
    let (x, weight) = (conv.x.to_contiguous(), conv.weight.to_contiguous());
    let shape = conv_layout::Shape::new(dims(&x), channels(&weight), conv.window);
    let (output, looked) = conv_kernels::forward(Level::best(), shape, floats(&x), floats(&weight), look);
    (tensor(output, shape.output.into()), looked)
}

/// Both gradients of a convolution with `outputs` channels, whose gradients `fill` fills in.
fn backward(
    conv: &Conv<FlexTensor>,
    outputs: usize,
    fill: impl Fn(usize, usize, &mut Planes) + Sync,
    input_too: bool,
) -> (Option<FlexTensor>, FlexTensor) {
    let (x, weight) = (conv.x.to_contiguous(), conv.weight.to_contiguous());
    let shape = conv_layout::Shape::new(dims(&x), outputs, conv.window);
    let job = conv_kernels::Backward { level: Level::best(), shape, x: floats(&x), weight: floats(&weight), fill };
    let (input, weights) = conv_kernels::backward(&job, input_too);
    let kernel = [conv.window.kernel, conv.window.kernel, shape.input.c, outputs];
    (input.map(|input| tensor(input, shape.input.into())), tensor(weights, kernel.into()))
}

/// A normalization and the gradient of its output, as contiguous tensors.
struct Normalized {
    x: FlexTensor,
    mean: FlexTensor,
    gamma: FlexTensor,
    /// If a residual went in.
    output: Option<FlexTensor>,
    grad: FlexTensor,
    inverse_deviation: Vec<f32>,
    affine: Affine,
    relu: bool,
}

impl Normalized {
    fn new(args: &Norm<FlexTensor>, output: &FlexTensor, grad: &FlexTensor) -> Self {
        let inverse_deviation = inverse_deviation(args);
        Self {
            x: args.x.to_contiguous(),
            mean: args.mean.to_contiguous(),
            gamma: args.gamma.to_contiguous(),
            output: args.residual.as_ref().map(|_| output.to_contiguous()),
            grad: grad.to_contiguous(),
            affine: affine(args, &inverse_deviation),
            inverse_deviation,
            relu: args.relu,
        }
    }

    fn backward(&self) -> norm_kernels::Backward<'_> {
        norm_kernels::Backward {
            x: floats(&self.x),
            mean: floats(&self.mean),
            inverse_deviation: &self.inverse_deviation,
            gamma: floats(&self.gamma),
            affine: &self.affine,
            relu: self.relu,
            output: self.output.as_ref().map(floats),
            grad: floats(&self.grad),
        }
    }

    /// Gradients of γ, β and, if there is one, the residual.
    fn rest(self, line: Line) -> (FlexTensor, FlexTensor, Option<FlexTensor>) {
        let channels = Shape::from([channels(&self.x)]);
        let residual = self.output.map(|_| match line.masked {
            Some(masked) => tensor(masked, self.x.layout().shape().clone()),
            None => self.grad,
        });
        (tensor(line.gamma, channels.clone()), tensor(line.beta, channels), residual)
    }
}

fn affine(args: &Norm<FlexTensor>, inverse_deviation: &[f32]) -> Affine {
    let (mean, gamma, beta) = (args.mean.to_contiguous(), args.gamma.to_contiguous(), args.beta.to_contiguous());
    Affine::new(floats(&mean), inverse_deviation, floats(&gamma), floats(&beta))
}

fn inverse_deviation(args: &Norm<FlexTensor>) -> Vec<f32> {
    let variance = args.variance.to_contiguous();
    floats(&variance).iter().map(|&variance| (1.0 / (f64::from(variance) + args.epsilon).sqrt()) as f32).collect()
}

fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}

/// The elements of a contiguous float32 tensor; the only kind that the program makes on this backend.
fn floats(tensor: &FlexTensor) -> &[f32] {
    match tensor.layout().contiguous_offsets() {
        Some((start, end)) => &tensor.storage::<f32>()[start..end],
        None => unreachable!("the caller made the tensor contiguous"),
    }
}

impl From<Dims> for Shape {
    fn from(dims: Dims) -> Self {
        [dims.n, dims.h, dims.w, dims.c].into()
    }
}

fn dims(x: &FlexTensor) -> Dims {
    let shape = x.layout().shape();
    Dims { n: shape[0], h: shape[1], w: shape[2], c: shape[3] }
}

/// The last dimension.
fn channels(x: &FlexTensor) -> usize {
    let shape = x.layout().shape();
    shape[shape.num_dims() - 1]
}
