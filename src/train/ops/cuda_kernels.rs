//! The kernels of CubeCL that GPUs multiply matrices and convolve by: each is called by name, and none is left to tuning.
//!
//! Left to themselves, burn-cubecl 0.21.0 and cubek 0.2.0 try many and keep the fastest, whether it is right or not:
//! - **Kernels with two buffers are wrong for some lengths of the sum** (cubek issue 434, mended in 0.3.1): they take an
//!   even number of steps along k and look at its end only if k is no multiple of one step. Where k is an odd multiple, they
//!   multiply whatever lies behind: ones `[4, 8]` times their transpose are 16. Hit are all that cubek calls double, ordered
//!   or specialized, in every precision, and they are among the candidates of each tuned product. Kernels with one
//!   buffer (called simple) and the naive one have no such loop. So only those stand here.
//! - For float32 most candidates use tensor cores with operands cut to TensorFloat32, for matrix products as for
//!   convolutions, and nothing turns that off. So float32 is multiplied by kernels without tensor cores, and
//!   convolutions in float32 are products of columns ([`composed`]).
//! - For bfloat16, products add up in float32, whatever the kernel. Of convolutions, those without tensor cores add up in
//!   bfloat16, so the one with tensor cores and one buffer is called. Shapes that a kernel refuses are computed in
//!   float32, which holds the same numbers: products of rounded operands are exact.
//! - **The gradient of a convolution's weight is wrong where its columns do not fill blocks** (cubek-convolution 0.2.0 to
//!   0.4.0-pre.1; `kernels/backward_weight/args.rs` gives the turned weight the bounds of the one that is not turned):
//!   zeros overwrite the first taps of the window, 7 of 9 for 3 inputs and 64 outputs. With all bounds looked at it is
//!   right, so the kernel is called with those.

use burn::tensor::{DType, Shape, Tensor, TensorMetadata, TensorPrimitive, ops::ConvOptions};
use burn_cubecl::{
    kernel::{
        cast,
        conv::{ConvStrategy, conv_forward_nhwc},
        matmul::init_matmul_output,
    },
    ops::{numeric::empty_device_dtype, permute},
};
use cubecl::{
    cuda::CudaRuntime,
    ir::{AddressType, StorageType},
};
use cubek::{
    convolution::{
        self, ConvAlgorithm, ConvolutionArgs, ConvolutionInputs,
        components::Dimensionality,
        definition::{BackwardWeightBlueprint, ConvBlueprint},
    },
    matmul::{
        definition::{MatmulElems, MatmulGlobalElems, MatmulProblem, MatmulVectorSizes},
        launch::{Strategy, launch_ref},
        routines::{
            BlueprintStrategy, Routine, TileSizeSelection,
            simple::{SimpleAlgorithm, SimpleArgs},
            simple_unit::SimpleUnitSelectionArgs,
        },
    },
    std::{InputBinding, MatrixLayout},
};

use super::{
    Window, composed,
    cuda::{Cube, Unfused},
};

/// `[.., m, k]` times `[.., k, n]`, both float32 or both bfloat16; sums are float32 and the result has the operands' type.
pub(super) fn product(a: Cube, b: Cube) -> Cube {
    if a.dtype == DType::F32 {
        return exact_product(a, b);
    }
    let tensor_cores = Strategy::SimpleCyclicCmma(BlueprintStrategy::Inferred(SimpleArgs::default()));
    multiplied(&a, &b, &tensor_cores).unwrap_or_else(|| {
        let [a, b] = [a, b].map(|tensor| cast(tensor, DType::F32));
        cast(exact_product(a, b), DType::BF16)
    })
}

/// The product of float32 matrices by a kernel without tensor cores.
fn exact_product(a: Cube, b: Cube) -> Cube {
    let tiles = SimpleUnitSelectionArgs { tile_size: TileSizeSelection::MaxTileSize };
    let strategies = [Strategy::SimpleUnit(BlueprintStrategy::Inferred(tiles)), Strategy::Naive];
    let done = strategies.iter().find_map(|strategy| multiplied(&a, &b, strategy));
    done.unwrap_or_else(|| unreachable!("the naive kernel takes matrices of all shapes"))
}

/// The product by a kernel; none if it does not take the shapes.
fn multiplied(a: &Cube, b: &Cube, strategy: &Strategy) -> Option<Cube> {
    let kind: StorageType = a.dtype.into();
    let operand = |tensor: &Cube| InputBinding::new(tensor.clone().binding(), kind);
    let mut types = MatmulElems::from_globals(&MatmulGlobalElems { lhs: kind, rhs: kind, out: kind });
    let output = init_matmul_output(a, b, a.dtype);
    launch_ref(strategy, &a.client, operand(a), operand(b), output.clone().binding(), &mut types).ok()?;
    Some(output)
}

/// The convolution of bfloat16 `[n, h, w, c]` with `[k, k, c, o]` on tensor cores.
pub(super) fn convolved(x: Cube, weight: Cube, window: Window) -> Cube {
    let weight = permute(weight, &[3, 0, 1, 2]);
    let by = |x, weight, strategy| conv_forward_nhwc::<CudaRuntime, 2>(x, weight, None, options(window), strategy);
    by(x.clone(), weight.clone(), ConvStrategy::ImplicitGemm).unwrap_or_else(|_| {
        let [x, weight] = [x, weight].map(|tensor| cast(tensor, DType::F32));
        let result = by(x, weight, ConvStrategy::Direct);
        cast(result.unwrap_or_else(|error| unreachable!("the direct kernel refused a shape: {error:?}")), DType::BF16)
    })
}

/// The gradient of [`convolved`] with respect to the weight; `grad` is `[n, h', w', o]`.
pub(super) fn weight_grad(x: Cube, grad: Cube, window: Window) -> Cube {
    on_tensor_cores(&x, &grad, window).unwrap_or_else(|| by_columns(x, grad, window))
}

/// [`weight_grad`] by the kernel that cubek infers, which writes past the ends of its blocks of the gradient unless it is
/// told to look at them; none if it does not take the shapes.
fn on_tensor_cores(x: &Cube, grad: &Cube, window: Window) -> Option<Cube> {
    let kind: StorageType = DType::BF16.into();
    let elements = || MatmulGlobalElems { lhs: kind, rhs: kind, out: kind };
    let ([_, _, _, c], [n, height, width, o], kernel) = (x.shape().dims(), grad.shape().dims(), window.kernel);
    let (places, columns) = (n * height * width, kernel * kernel * c);
    let (across, along) = (MatrixLayout::ColMajor, MatrixLayout::RowMajor);
    let (single, addresses) = (|| Shape::from([0; 0]), AddressType::U32);
    let problem = MatmulProblem::from_parameters(
        o,
        columns,
        places,
        single(),
        single(),
        across,
        along,
        along,
        None,
        None,
        elements(),
        addresses,
    );
    // Blocks of tensor cores are chosen without a look at how wide memory is read.
    let reads = MatmulVectorSizes { lhs: 1, rhs: 1, out: 1 };
    let settings = <SimpleAlgorithm as Routine<()>>::device_settings(&x.client, reads);
    let inferred = BlueprintStrategy::Inferred(SimpleArgs::default());
    let mut matmul = <SimpleAlgorithm as Routine<()>>::expand_blueprint(&problem, &settings, &inferred).ok()?.blueprint;
    (matmul.check_m_bounds, matmul.check_n_bounds, matmul.check_k_bounds) = (true, true, true);
    let blueprint = BackwardWeightBlueprint { matmul, dimensionality: Dimensionality::Dim2 };
    let strategy = convolution::Strategy::Forced {
        algorithm: ConvAlgorithm::SimpleSyncCyclic,
        blueprint: ConvBlueprint::BackwardWeight(blueprint),
    };
    let shape = Shape::from([o, kernel, kernel, c]);
    let result = empty_device_dtype(x.client.clone(), x.device.clone(), shape, DType::BF16);
    let [input, out_grad] = [x, grad].map(|tensor| InputBinding::new(tensor.clone().binding(), kind));
    let inputs = ConvolutionInputs::BackwardWeight { input, out_grad, weight_grad: result.clone().binding() };
    let ConvOptions { stride, padding, dilation, .. } = options(window);
    let arguments = ConvolutionArgs { stride, padding, dilation };
    let types = MatmulElems::from_globals(&elements());
    convolution::launch_ref::<CudaRuntime, 2>(&strategy, &x.client, inputs, arguments, types).ok()?;
    Some(permute(result, &[1, 2, 3, 0]))
}

/// [`weight_grad`] in float32.
fn by_columns(x: Cube, grad: Cube, window: Window) -> Cube {
    let [x, grad] =
        [x, grad].map(|tensor| Tensor::<Unfused, 4>::from_primitive(TensorPrimitive::Float(cast(tensor, DType::F32))));
    cast(composed::weight_grad_by_columns(x, grad, window).into_primitive().tensor(), DType::BF16)
}

fn options(window: Window) -> ConvOptions<2> {
    ConvOptions::new([window.stride; 2], [window.padding(); 2], [1, 1], 1)
}
