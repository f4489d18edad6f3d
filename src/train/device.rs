//! The backend that jobs run on: the only file that names one.

use burn::backend::{Autodiff, flex::Flex};

/// Plain tensors, for inference.
pub type Cpu = Flex;

/// Tensors that remember how they were made, for training.
pub type TrainCpu = Autodiff<Cpu>;

/// The device of [`Cpu`]; there is one, used by as many threads as rayon's pool has.
pub type Device = burn::backend::flex::FlexDevice;

/// The backend's name as it stands in records.
pub const BACKEND: &str = "burn-flex 0.21.0 with ablate's kernels, float32";

/// Whether this build can compute on NVIDIA GPUs.
pub const CUDA: bool = false;
