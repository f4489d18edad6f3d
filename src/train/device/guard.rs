//! Turns panics of a GPU's backend into errors.
//!
//! burn answers what goes wrong on a device by panicking: on the threads that talk to the device, which go on, and on the
//! thread that then waits for a result in vain. The first of a chain says what went wrong; the last ends the job.

use std::{
    panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Mutex, Once, PoisonError},
};

use crate::train::Error;

/// Crates that talk to the device, as they stand in the paths of their sources, and the files that call their kernels.
const CRATES: [&str; 5] = ["/cubecl-", "/cubek-", "/cudarc-", "/burn-", "src/train/ops/cuda"];
/// What stands in messages about memory: cubecl's for a buffer that it cannot allocate, and the driver's.
const MEMORY: [&str; 3] = ["can't allocate buffer", "BufferTooBig", "OUT_OF_MEMORY"];
/// Most panics that are remembered.
const REMEMBERED: usize = 64;
/// Most characters of a message that are shown; backtraces and sources of kernels follow.
const SHOWN: usize = 300;

/// Panics of the backend, the first of them first.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The result of work on a device, or what ended it there; a panic of anything but the backend goes on.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if panic.location().is_some_and(|place| is_of_backend(place.file())) {
                let mut said = said();
                if said.len() < REMEMBERED {
                    said.push(panic.payload_as_str().unwrap_or("it does not say why").to_owned());
                }
            }
            before(panic);
        }));
    });
    said().clear();
    // Tuning tries kernels that may panic, so only what ends the work counts.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(payload) => failure(&said()).map_or_else(|| resume_unwind(payload), Err),
    }
}

fn said() -> std::sync::MutexGuard<'static, Vec<String>> {
    // A list of texts is sound whatever happened while it was locked.
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_of_backend(file: &str) -> bool {
    CRATES.iter().any(|name| file.contains(name))
}

/// What the backend's panics mean; none if it had none.
fn failure(said: &[String]) -> Option<Error> {
    let of_memory = said.iter().find(|text| MEMORY.iter().any(|mark| text.contains(mark)));
    match of_memory {
        Some(text) => Some(Error::DeviceMemory { what: shown(text) }),
        None => said.first().map(|text| Error::Device { what: shown(text) }),
    }
}

/// The beginning of a message, on one line.
fn shown(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use super::*;

    #[test]
    fn what_the_backend_says_is_sorted() {
        let of = |said: &[&str]| failure(&said.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert!(of(&[]).is_none());
        let memory = "called `Result::unwrap()` on an `Err` value: can't allocate buffer of size: 4096\n  0: backtrace";
        insta::assert_snapshot!(of(&["Resource to exist.", memory, "CallError"]).unwrap(), @"the GPU has too little memory: called `Result::unwrap()` on an `Err` value: can't allocate buffer of size: 4096 0: backtrace");
        assert!(matches!(of(&[memory]), Some(Error::DeviceMemory { .. })));
        let broken = of(&["CUDA_ERROR_ILLEGAL_ADDRESS", "CallError"]).unwrap();
        insta::assert_snapshot!(broken, @"the GPU failed: CUDA_ERROR_ILLEGAL_ADDRESS");
        let long = format!("{}é", "x".repeat(2 * SHOWN));
        let Some(Error::Device { what }) = of(&[&long]) else { panic!("no failure of the device") };
        assert_eq!(what.chars().count(), SHOWN + 1);
    }

    #[test]
    fn panics_are_told_apart_by_where_they_arise() {
        let registry = "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/";
        let is = |path: &str| is_of_backend(&format!("{registry}{path}"));
        assert!(is("cubecl-cuda-0.10.0/src/compute/server.rs") && is("burn-tensor-0.21.0/src/tensor/api/base.rs"));
        assert!(is("cubek-matmul-0.2.0/src/launch/base.rs") && is("cudarc-0.19.10/src/driver/result.rs"));
        assert!(is_of_backend("src/train/ops/cuda.rs") && is_of_backend("src/train/ops/cuda_kernels.rs"));
        assert!(!is("rayon-core-1.13.0/src/job.rs") && !is_of_backend("src/train/pretrain/mod.rs"));
    }

    // One test, since what panics say is remembered for the whole process.
    #[test]
    fn panics_of_the_backend_become_errors_and_own_ones_go_on() {
        assert_eq!(guarded(|| Ok(3)).unwrap(), 3);
        assert!(matches!(guarded::<()>(|| Err(Error::Stopped)), Err(Error::Stopped)));
        let panicked = catch_unwind(|| guarded::<()>(|| panic!("a mistake of our own")));
        assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"a mistake of our own"));
        // A shape that no tensor can take: burn's own check panics.
        let wrong = || {
            let tensor = Tensor::<crate::train::device::Cpu, 1>::zeros([3], &Default::default());
            Ok(tensor.reshape([2, 2]).dims())
        };
        assert!(matches!(guarded(wrong), Err(Error::Device { .. })));
    }
}
