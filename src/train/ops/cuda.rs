//! The kernels of NVIDIA GPUs: which of burn's kernels compute what, so that no number is cut shorter than it should be.
//!
//! What burn-cubecl 0.21.0 does if it is left to itself, and why it is not:
//! - It computes convolutions channels-last and takes channels-first tensors by turning them, so that a turned view of a
//!   channels-last tensor costs nothing. Here channels-last tensors go in and come out; only weights, which are small, are
//!   copied to lie as its kernels want them, `[outputs, k, k, inputs]`.
//! - Tuning chooses among kernels by time alone. For float32 most of them use tensor cores with operands cut to
//!   TensorFloat32, for matrix products as for convolutions, and nothing turns that off. So float32 is multiplied by the
//!   kernels without tensor cores, by name, and convolutions in float32 are products of columns ([`composed`]).
//! - For bfloat16 its matrix products add up in float32, whatever the kernel, so they are left to tuning. Of its
//!   convolutions, those without tensor cores add up in bfloat16, so the one with tensor cores is called by name; shapes
//!   that it refuses are computed in float32, which holds the same numbers: products of rounded operands are exact.

use burn::{
    backend::ir::{CustomOpIr, HandleContainer, OperationIr, TensorIr},
    tensor::{
        DType, FloatDType, Shape, Tensor, TensorMetadata, TensorPrimitive,
        ops::{ConvOptions, FloatTensor, FloatTensorOps},
    },
};
use burn_cubecl::{
    CubeBackend,
    fusion::FusionCubeRuntime,
    kernel::{
        cast,
        conv::{ConvStrategy, conv_forward_nhwc, conv_weight_backward},
        matmul::init_matmul_output,
    },
    ops::{permute, permute_nhwc_to_nchw},
    tensor::CubeTensor,
};
use burn_fusion::stream::{Operation, OperationStreams};
use cubecl::cuda::CudaRuntime;
use cubek::{
    matmul::{
        definition::{MatmulElems, MatmulGlobalElems},
        launch::{Strategy, launch_ref},
        routines::{
            BlueprintStrategy, TileSizeSelection, double_unit::DoubleUnitSelectionArgs,
            simple_unit::SimpleUnitSelectionArgs,
        },
    },
    std::InputBinding,
};

use super::{
    Arithmetic, Conv, Follow, Kernels, Norm, NormGrads, Ops, Precise, Window, composed, conv_norm::one_after_the_other,
    precision,
};
use crate::{recipe::Precision, train::device::Gpu};

/// A tensor of the backend below fusion.
type Cube = CubeTensor<CudaRuntime>;
/// The backend below fusion.
type Unfused = CubeBackend<CudaRuntime, f32, i32, u8>;

impl Arithmetic for Gpu {
    const ON_HOST: bool = false;

    fn rounded(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        if tensor.dtype() == DType::BF16 { tensor } else { Self::float_cast(tensor, FloatDType::BF16) }
    }

    fn float32(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        if tensor.dtype() == DType::F32 { tensor } else { Self::float_cast(tensor, FloatDType::F32) }
    }

    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        if a.dtype() == DType::BF16 {
            return Self::float_matmul(a, b);
        }
        let mut shape = a.shape();
        let last = shape.num_dims() - 1;
        shape[last] = b.shape()[last];
        queued("ablate-product", a, b, shape, |a, b, ()| exact_product(a, b), ())
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
    tensor(queued("ablate-convolution", x, weight, shape, rounded_convolution, window))
}

/// The gradient of [`wide`] with respect to the weight.
fn wide_weight_grad(x: Tensor<Gpu, 4>, grad: Tensor<Gpu, 4>, window: Window) -> Tensor<Gpu, 4> {
    if x.dtype() != DType::BF16 {
        return composed::weight_grad_by_columns(x, grad, window);
    }
    let ([.., c], [.., o]) = (x.dims(), grad.dims());
    let shape = [window.kernel, window.kernel, c, o].into();
    let (x, grad) = (primitive(x), primitive(grad));
    tensor(queued("ablate-convolution-weight-grad", x, grad, shape, rounded_weight_grad, window))
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

/// The product of float32 matrices by kernels without tensor cores, the fastest that takes their shapes.
fn exact_product(a: Cube, b: Cube) -> Cube {
    let tile_size = TileSizeSelection::MaxTileSize;
    let strategies = [
        Strategy::DoubleUnit(BlueprintStrategy::Inferred(DoubleUnitSelectionArgs { tile_size })),
        Strategy::SimpleUnit(BlueprintStrategy::Inferred(SimpleUnitSelectionArgs { tile_size })),
        Strategy::Naive,
    ];
    let float32 = DType::F32.into();
    let output = init_matmul_output(&a, &b, DType::F32);
    let done = strategies.iter().any(|strategy| {
        let operand = |tensor: &Cube| InputBinding::new(tensor.clone().binding(), float32);
        let mut types = MatmulElems::from_globals(&MatmulGlobalElems { lhs: float32, rhs: float32, out: float32 });
        let output = output.clone().binding();
        launch_ref(strategy, &a.client, operand(&a), operand(&b), output, &mut types).is_ok()
    });
    if done { output } else { unreachable!("the naive kernel takes matrices of all shapes") }
}

/// The convolution of bfloat16 `[n, h, w, c]` with `[k, k, c, o]` on tensor cores.
fn rounded_convolution(x: Cube, weight: Cube, window: Window) -> Cube {
    let weight = permute(weight, &[3, 0, 1, 2]);
    let convolved =
        |x, weight, strategy| conv_forward_nhwc::<CudaRuntime, 2>(x, weight, None, options(window), strategy);
    convolved(x.clone(), weight.clone(), ConvStrategy::ImplicitGemm).unwrap_or_else(|_| {
        let [x, weight] = [x, weight].map(|tensor| cast(tensor, DType::F32));
        cast(taken(convolved(x, weight, ConvStrategy::Direct)), DType::BF16)
    })
}

/// The gradient of [`rounded_convolution`] with respect to the weight; `grad` is `[n, h', w', o]`.
fn rounded_weight_grad(x: Cube, grad: Cube, window: Window) -> Cube {
    let (inputs, outputs) = (x.shape()[3], grad.shape()[3]);
    let shape = || Shape::from([outputs, inputs, window.kernel, window.kernel]);
    let [x, grad] = [x, grad].map(permute_nhwc_to_nchw);
    let computed =
        |x, grad, strategy| conv_weight_backward::<CudaRuntime, 2>(x, grad, shape(), options(window), strategy);
    let result = computed(x.clone(), grad.clone(), ConvStrategy::ImplicitGemm).unwrap_or_else(|_| {
        let [x, grad] = [x, grad].map(|tensor| cast(tensor, DType::F32));
        cast(taken(computed(x, grad, ConvStrategy::Autotune)), DType::BF16)
    });
    permute(result, &[2, 3, 1, 0])
}

fn options(window: Window) -> ConvOptions<2> {
    ConvOptions::new([window.stride; 2], [window.padding(); 2], [1, 1], 1)
}

/// The result of a kernel that takes all shapes.
fn taken<E: std::fmt::Debug>(result: Result<Cube, E>) -> Cube {
    result.unwrap_or_else(|error| unreachable!("a convolution in float32 was refused: {error:?}"))
}
