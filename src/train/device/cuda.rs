//! NVIDIA GPUs: burn's CUDA backend, its memory and its caches.

use std::path::Path;

use burn::backend::Cuda;
use cubecl::{
    Runtime,
    config::{CubeClRuntimeConfig, RuntimeConfig, cache::CacheConfig},
    cuda::{CudaDevice, CudaRuntime},
};

/// Tensors on a GPU; elementwise operations are fused.
pub type Gpu = Cuda<f32, i32>;

/// Bytes that this process has reserved on its GPU for tensors; `None` if the device does not answer.
///
/// What is freed stays reserved, so this is what was needed at most. The driver takes some hundred megabytes more for
/// each process.
pub(super) fn reserved() -> Option<u64> {
    let client = CudaRuntime::client(&CudaDevice::default());
    client.memory_usage().ok().map(|usage| usage.bytes_reserved)
}

/// Keeps compiled kernels and results of tuning in a folder, for other processes with the same kind of GPU; to be called
/// before the device is used. What environment variables say of cubecl otherwise holds.
pub(super) fn cache_in(folder: &Path) {
    let mut config = CubeClRuntimeConfig::default().override_from_env();
    config.autotune.cache = CacheConfig::File(folder.to_owned());
    config.compilation.cache = Some(CacheConfig::File(folder.to_owned()));
    CubeClRuntimeConfig::set(config);
}
