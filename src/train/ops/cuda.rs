//! NVIDIA GPUs: the operations of networks by the kernels of [`cuda_kernels`], which are queued among those that fusion
//! holds back.
//!
//! burn-cubecl 0.21.0 computes convolutions channels-last and takes channels-first tensors by turning them, so that a turned
//! view of a channels-last tensor costs nothing. Here channels-last tensors go in and come out; only weights, which are
//! small, are copied to lie as its kernels want them, `[outputs, k, k, inputs]`.

use burn::{
    backend::ir::{CustomOpIr, HandleContainer, OperationIr, TensorIr},
    tensor::{
        DType, FloatDType, Shape, Tensor, TensorMetadata, TensorPrimitive,
        ops::{FloatTensor, FloatTensorOps},
    },
};
use burn_cubecl::{CubeBackend, fusion::FusionCubeRuntime, kernel::cast, tensor::CubeTensor};
use burn_fusion::stream::{Operation, OperationStreams};
use cubecl::cuda::CudaRuntime;

use super::{
    Arithmetic, Conv, Follow, Kernels, Norm, NormGrads, Ops, Precise, Window, composed, conv_norm::one_after_the_other,
    cuda_kernels, precision,
};
use crate::{recipe::Precision, train::device::Gpu};

/// A tensor of the backend below fusion.
pub(super) type Cube = CubeTensor<CudaRuntime>;
/// The backend below fusion.
pub(super) type Unfused = CubeBackend<CudaRuntime, f32, i32, u8>;

impl Arithmetic for Gpu {
    const ON_HOST: bool = false;

    fn rounded(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        if tensor.dtype() == DType::BF16 { tensor } else { Self::float_cast(tensor, FloatDType::BF16) }
    }

    fn float32(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        if tensor.dtype() == DType::F32 { tensor } else { Self::float_cast(tensor, FloatDType::F32) }
    }

    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let mut shape = a.shape();
        let last = shape.num_dims() - 1;
        shape[last] = b.shape()[last];
        queued("ablate-product", a, b, shape, |a, b, ()| cuda_kernels::product(a, b), ())
    }
}

impl Arithmetic for Unfused {
    const ON_HOST: bool = false;

    fn rounded(tensor: Cube) -> Cube {
        cast(tensor, DType::BF16)
    }

    fn float32(tensor: Cube) -> Cube {
        cast(tensor, DType::F32)
    }

    fn product(a: Cube, b: Cube) -> Cube {
        cuda_kernels::product(a, b)
    }
}

impl Kernels for Gpu {
    fn convolve(conv: &Conv<FloatTensor<Self>>) -> FloatTensor<Self> {
        composed::convolve::<Self>(conv, wide)
    }

    fn convolve_grads(
        conv: &Conv<FloatTensor<Self>>,
        grad: &FloatTensor<Self>,
        input_too: bool,
    ) -> (Option<FloatTensor<Self>>, FloatTensor<Self>) {
        let input = input_too.then(|| composed::convolve_input_grad::<Self>(conv, grad, wide));
        (input, composed::convolve_weight_grad::<Self>(conv, grad, wide_weight_grad))
    }

    fn channel_statistics(x: &FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::channel_statistics::<Self>(x)
    }

    fn normalize(args: &Norm<FloatTensor<Self>>) -> FloatTensor<Self> {
        composed::normalize::<Self>(args)
    }

    fn normalize_grads(
        args: &Norm<FloatTensor<Self>>,
        output: &FloatTensor<Self>,
        grad: &FloatTensor<Self>,
    ) -> NormGrads<FloatTensor<Self>> {
        composed::normalize_grads::<Self>(args, output, grad)
    }
}

impl Precise for Gpu {
    fn convolution_in(conv: Conv<FloatTensor<Self>>, precision: Precision) -> FloatTensor<Self> {
        precision::convolution::<Self>(conv, precision)
    }

    fn product_in(a: FloatTensor<Self>, b: FloatTensor<Self>, precision: Precision) -> FloatTensor<Self> {
        precision::product::<Self>(a, b, precision)
    }
}

impl Ops for Gpu {
    fn conv_norm(conv: Conv<FloatTensor<Self>>, follow: Follow<FloatTensor<Self>>) -> [FloatTensor<Self>; 3] {
        one_after_the_other::<Self>(&conv, follow)
    }

    fn normalize(args: Norm<FloatTensor<Self>>) -> FloatTensor<Self> {
        <Self as Kernels>::normalize(&args)
    }

    fn batch_norm(args: Norm<FloatTensor<Self>>) -> FloatTensor<Self> {
        <Self as Kernels>::normalize(&args)
    }

    fn channel_statistics(x: &FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        <Self as Kernels>::channel_statistics(x)
    }
}

/// A convolution with a window of more than one pixel.
fn wide(x: Tensor<Gpu, 4>, weight: Tensor<Gpu, 4>, window: Window) -> Tensor<Gpu, 4> {
    if x.dtype() != DType::BF16 {
        return composed::by_columns(x, weight, window);
    }
    let ([n, h, w, _], [.., o]) = (x.dims(), weight.dims());
    let shape = [n, window.output_size(h), window.output_size(w), o].into();
    let (x, weight) = (primitive(x), primitive(weight));
    tensor(queued("ablate-convolution", x, weight, shape, cuda_kernels::convolved, window))
}

/// The gradient of [`wide`] with respect to the weight.
fn wide_weight_grad(x: Tensor<Gpu, 4>, grad: Tensor<Gpu, 4>, window: Window) -> Tensor<Gpu, 4> {
    if x.dtype() != DType::BF16 {
        return composed::weight_grad_by_columns(x, grad, window);
    }
    let ([.., c], [.., o]) = (x.dims(), grad.dims());
    let shape = [window.kernel, window.kernel, c, o].into();
    let (x, grad) = (primitive(x), primitive(grad));
    tensor(queued("ablate-convolution-weight-grad", x, grad, shape, cuda_kernels::weight_grad, window))
}

fn primitive(tensor: Tensor<Gpu, 4>) -> FloatTensor<Gpu> {
    tensor.into_primitive().tensor()
}

fn tensor(primitive: FloatTensor<Gpu>) -> Tensor<Gpu, 4> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

/// A kernel of two tensors that takes its turn among the operations that fusion holds back.
struct Queued<A> {
    description: CustomOpIr,
    kernel: fn(Cube, Cube, A) -> Cube,
    arguments: A,
}

impl<A> std::fmt::Debug for Queued<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.description.id)
    }
}

impl<A: Copy + Send + Sync> Operation<FusionCubeRuntime<CudaRuntime>> for Queued<A> {
    fn execute(&self, handles: &mut HandleContainer<<Unfused as burn::backend::ir::BackendIr>::Handle>) {
        let ([a, b], [output]) = self.description.as_fixed();
        let (a, b) = (handles.get_float_tensor::<Unfused>(a), handles.get_float_tensor::<Unfused>(b));
        handles.register_float_tensor::<Unfused>(&output.id, (self.kernel)(a, b, self.arguments));
    }
}

/// Queues a kernel whose result has the shape that is given and the type of `a`.
fn queued<A: Copy + Send + Sync + 'static>(
    name: &'static str,
    a: FloatTensor<Gpu>,
    b: FloatTensor<Gpu>,
    shape: Shape,
    kernel: fn(Cube, Cube, A) -> Cube,
    arguments: A,
) -> FloatTensor<Gpu> {
    let (client, dtype) = (a.client.clone(), a.dtype());
    let streams = OperationStreams::with_inputs([&a, &b]);
    let output = TensorIr::uninit(client.create_empty_handle(), shape, dtype);
    let description = CustomOpIr::new(name, &[a.into_ir(), b.into_ir()], &[output]);
    let operation = Queued { description: description.clone(), kernel, arguments };
    client.register(streams, OperationIr::Custom(description), operation).remove(0)
}
