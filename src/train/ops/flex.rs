//! The kernels of the CPU backend (burn-flex): tensors are borrowed as float32 slices, results become tensors.

use burn::{
    backend::flex::{Flex, FlexTensor, Layout},
    tensor::{Bytes, DType, Shape},
};

use super::{
    Kernels, Norm, NormGrads, Ops, Window, conv_kernels,
    conv_layout::{self, Dims, Planes},
    norm_kernels,
    simd::Level,
};

impl Kernels for Flex {
    fn convolve(x: &FlexTensor, weight: &FlexTensor, window: Window) -> FlexTensor {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let shape = conv_layout::Shape::new(dims(&x), channels(&weight), window);
        let (output, _) = conv_kernels::forward(Level::best(), shape, floats(&x), floats(&weight), |_| ());
        tensor(output, shape.output.into())
    }

    fn convolve_input_grad(weight: &FlexTensor, grad: &FlexTensor, shape: Shape, window: Window) -> FlexTensor {
        let x = tensor(vec![0.0; shape.num_elements()], shape);
        match Self::convolve_grads(&x, weight, grad, window, true) {
            (Some(input), _) => input,
            (None, _) => unreachable!("it was asked for"),
        }
    }

    fn convolve_weight_grad(x: &FlexTensor, grad: &FlexTensor, window: Window) -> FlexTensor {
        let (dims, outputs) = (dims(x), channels(grad));
        let shape = [window.kernel, window.kernel, dims.c, outputs].into();
        Self::convolve_grads(x, &tensor(vec![], Shape::from([0])), grad, window, false).1.reshape(shape)
    }

    fn convolve_grads(
        x: &FlexTensor,
        weight: &FlexTensor,
        grad: &FlexTensor,
        window: Window,
        input_too: bool,
    ) -> (Option<FlexTensor>, FlexTensor) {
        let (x, weight, grad) = (x.to_contiguous(), weight.to_contiguous(), grad.to_contiguous());
        let shape = conv_layout::Shape::new(dims(&x), channels(&grad), window);
        let (grads, image) = (floats(&grad), shape.output.image());
        let job = conv_kernels::Backward {
            level: Level::best(),
            shape,
            x: floats(&x),
            weight: floats(&weight),
            fill: |first: usize, count: usize, planes: &mut Planes| {
                planes.fill(&grads[first * image..][..count * image])
            },
        };
        let (input, weights) = conv_kernels::backward(&job, input_too);
        let kernel = [window.kernel, window.kernel, shape.input.c, shape.output.c];
        (input.map(|input| tensor(input, shape.input.into())), tensor(weights, kernel.into()))
    }

    fn channel_statistics(x: &FlexTensor) -> (FlexTensor, FlexTensor) {
        let x = x.to_contiguous();
        let channels = channels(&x);
        let (mean, variance) = norm_kernels::statistics(floats(&x), channels);
        (tensor(mean, [channels].into()), tensor(variance, [channels].into()))
    }

    fn normalize(args: &Norm<FlexTensor>) -> FlexTensor {
        let x = args.x.to_contiguous();
        let residual = args.residual.as_ref().map(FlexTensor::to_contiguous);
        let (mean, gamma, beta) = (args.mean.to_contiguous(), args.gamma.to_contiguous(), args.beta.to_contiguous());
        let inverse = inverse_deviation(args);
        let scale: Vec<f32> = floats(&gamma).iter().zip(&inverse).map(|(gamma, inverse)| gamma * inverse).collect();
        let shift: Vec<f32> = floats(&beta)
            .iter()
            .zip(floats(&mean).iter().zip(&scale))
            .map(|(beta, (mean, scale))| beta - mean * scale)
            .collect();
        let output = norm_kernels::apply(floats(&x), &scale, &shift, residual.as_ref().map(floats), args.relu);
        tensor(output, x.layout().shape().clone())
    }

    fn normalize_grads(args: &Norm<FlexTensor>, output: &FlexTensor, grad: &FlexTensor) -> NormGrads<FlexTensor> {
        let (x, output, grad) = (args.x.to_contiguous(), output.to_contiguous(), grad.to_contiguous());
        let (mean, gamma) = (args.mean.to_contiguous(), args.gamma.to_contiguous());
        let grads = norm_kernels::grads(
            floats(&x),
            floats(&mean),
            &inverse_deviation(args),
            floats(&gamma),
            args.relu.then(|| floats(&output)),
            floats(&grad),
        );
        let (shape, channels) = (x.layout().shape().clone(), Shape::from([channels(&x)]));
        NormGrads {
            input: tensor(grads.input, shape.clone()),
            gamma: tensor(grads.gamma, channels.clone()),
            beta: tensor(grads.beta, channels),
            residual: tensor(grads.residual, shape),
        }
    }
}

impl Ops for Flex {
    fn convolution(x: FlexTensor, weight: FlexTensor, window: Window) -> FlexTensor {
        Self::convolve(&x, &weight, window)
    }

    fn normalize(args: Norm<FlexTensor>) -> FlexTensor {
        <Self as Kernels>::normalize(&args)
    }

    fn batch_norm(args: Norm<FlexTensor>) -> FlexTensor {
        <Self as Kernels>::normalize(&args)
    }

    fn channel_statistics(x: &FlexTensor) -> (FlexTensor, FlexTensor) {
        <Self as Kernels>::channel_statistics(x)
    }
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
