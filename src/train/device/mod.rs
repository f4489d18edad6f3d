//! What jobs compute on: the only place that names backends.

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(any(feature = "cuda", test))]
mod guard;

use std::path::Path;

use burn::backend::{Autodiff, flex::Flex};

#[cfg(feature = "cuda")]
pub use self::{cuda::Gpu, guard::guarded};
use super::ops::{Implementation, Kernels, Ops};
use crate::recipe::Precision;

/// Plain tensors, for inference.
pub type Cpu = Flex;

/// Tensors that remember how they were made, for training.
pub type TrainCpu = Autodiff<Cpu>;

/// The device of [`Cpu`]; there is one, used by as many threads as rayon's pool has.
pub type Device = burn::backend::flex::FlexDevice;

/// Whether this build can compute on NVIDIA GPUs.
pub const CUDA: bool = cfg!(feature = "cuda");

/// A backend that networks are trained and evaluated on.
pub trait Compute: Kernels + Ops {}

impl<B: Kernels + Ops> Compute for B {}

/// What a job computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// The processor.
    Cpu,
    /// The first GPU that CUDA shows to this process.
    #[cfg(feature = "cuda")]
    Cuda,
}

impl Processor {
    /// The GPU; `None` if this build computes on the processor only.
    pub fn gpu() -> Option<Self> {
        #[cfg(feature = "cuda")]
        return Some(Self::Cuda);
        #[cfg(not(feature = "cuda"))]
        None
    }

    /// The backend and what it computes with, as it stands in records.
    pub fn backend(self, precision: Precision) -> &'static str {
        match (self, precision) {
            (Self::Cpu, _) if Implementation::chosen() == Implementation::Burn => "burn-flex 0.21.0, float32",
            (Self::Cpu, Precision::Float32) => "burn-flex 0.21.0 with ablate's kernels, float32",
            (Self::Cpu, Precision::BFloat16) => {
                "burn-flex 0.21.0 with ablate's kernels, operands rounded to bfloat16 and multiplied in float32"
            }
            #[cfg(feature = "cuda")]
            (Self::Cuda, Precision::Float32) => "burn-cuda 0.21.0 with named kernels, float32 without TensorFloat32",
            #[cfg(feature = "cuda")]
            (Self::Cuda, Precision::BFloat16) => "burn-cuda 0.21.0 with named kernels, bfloat16 with float32 sums",
        }
    }

    /// Bytes of its own memory that this process holds, if it has any of its own and tells.
    pub fn reserved(self) -> Option<u64> {
        match self {
            Self::Cpu => None,
            #[cfg(feature = "cuda")]
            Self::Cuda => cuda::reserved(),
        }
    }

    /// Keeps what is compiled and tuned for the processor in `folder`; to be called once, before it is used.
    pub fn cache_in(self, #[cfg_attr(not(feature = "cuda"), expect(unused_variables))] folder: &Path) {
        match self {
            Self::Cpu => {}
            #[cfg(feature = "cuda")]
            Self::Cuda => cuda::cache_in(folder),
        }
    }
}
