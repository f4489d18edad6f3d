//! Whether the libraries and headers are there with which CUDA programs compile and start kernels at run time.
//!
//! They are looked for where burn's CUDA backend does it: by the names that its crate cudarc tries, and in the folders
//! of its crate cubecl.

use std::{
    env,
    path::{Path, PathBuf},
};

use libloading::Library;

/// The driver's own library.
const DRIVER: [&str; 2] = ["libcuda.so", "libcuda.so.1"];

/// The compiler of kernels, in the order of preference.
const COMPILER: [&str; 3] = ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"];

/// What was found of the toolkit.
#[derive(Clone, Debug)]
pub(super) struct Toolkit {
    /// Name of the driver's library, or why it cannot be opened.
    pub driver: Result<&'static str, String>,
    /// The compiler, or why its library cannot be opened.
    pub compiler: Result<Compiler, String>,
    /// The folder with `cuda_runtime.h`, or where it was looked for.
    pub headers: Result<PathBuf, PathBuf>,
}

/// What compiles kernels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compiler {
    /// Name of its library.
    pub name: &'static str,
    /// Its CUDA version, if it tells: major, minor.
    pub version: Option<(u32, u32)>,
}

/// Looks at the toolkit of this machine.
pub(super) fn toolkit() -> Toolkit {
    let installed = |path: &Path| path.exists();
    Toolkit {
        driver: open(&DRIVER).map(|(name, _)| name),
        compiler: open(&COMPILER).map(|(name, library)| Compiler { name, version: version(&library) }),
        headers: headers(env::var_os("CUDA_PATH").map(PathBuf::from), installed),
    }
}

/// The first library that can be opened, or what the system says of the last.
fn open(names: &[&'static str]) -> Result<(&'static str, Library), String> {
    let mut said = String::new();
    for &name in names {
        // SAFETY: opening runs the initializers of NVIDIA's libraries, which every CUDA program runs, and of nothing
        // else: the names are constant.
        match unsafe { Library::new(name) } {
            Ok(library) => return Ok((name, library)),
            Err(error) => said = error.to_string(),
        }
    }
    Err(said)
}

/// The CUDA version of a library that compiles kernels: major, minor.
fn version(compiler: &Library) -> Option<(u32, u32)> {
    type Version = unsafe extern "C" fn(*mut i32, *mut i32) -> i32;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: since CUDA 7 the function has this type, and it only writes the two numbers.
    let result = unsafe { compiler.get::<Version>(b"nvrtcVersion\0").ok()?(&mut major, &mut minor) };
    (result == 0).then_some((u32::try_from(major).ok()?, u32::try_from(minor).ok()?))
}

/// The folder of the headers: that in `CUDA_PATH`, or else the first usual one that is there.
fn headers(chosen: Option<PathBuf>, exists: impl Fn(&Path) -> bool) -> Result<PathBuf, PathBuf> {
    let usual = [("/usr/local/cuda", "/usr/local/cuda"), ("/opt/cuda", "/opt/cuda"), ("/usr", "/usr/bin/nvcc")];
    let found = || usual.iter().find(|(_, sign)| exists(Path::new(sign))).map(|(folder, _)| PathBuf::from(folder));
    let folder = chosen.or_else(found).unwrap_or_else(|| PathBuf::from(usual[0].0)).join("include");
    if exists(&folder.join("cuda_runtime.h")) { Ok(folder) } else { Err(folder) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_is_named() {
        let said = open(&["libablate-a.so", "libablate-b.so"]).map(|(name, _)| name).unwrap_err();
        assert!(said.contains("libablate-b.so"), "{said}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_first_library_that_opens_is_taken_and_need_not_be_a_compiler() {
        let (name, library) = open(&["libablate-a.so", "libc.so.6", "libm.so.6"]).unwrap();
        assert_eq!((name, version(&library)), ("libc.so.6", None));
    }

    #[test]
    fn headers_are_looked_for_in_one_folder() {
        let of = |chosen: Option<&str>, there: &[&str]| {
            headers(chosen.map(PathBuf::from), |path| there.iter().any(|found| Path::new(found) == path))
        };
        let at = |folder: &str| PathBuf::from(folder).join("include");
        let header = "/usr/local/cuda/include/cuda_runtime.h";
        assert_eq!(of(None, &["/usr/local/cuda", header]), Ok(at("/usr/local/cuda")));
        assert_eq!(of(None, &["/usr/bin/nvcc", "/usr/include/cuda_runtime.h"]), Ok(at("/usr")));
        assert_eq!(of(Some("/my"), &["/my/include/cuda_runtime.h"]), Ok(at("/my")));
        // The backend looks no further, either.
        assert_eq!(of(Some("/my"), &["/usr/local/cuda", header]), Err(at("/my")));
        assert_eq!(of(None, &["/opt/cuda"]), Err(at("/opt/cuda")));
        assert_eq!(of(None, &[]), Err(at("/usr/local/cuda")));
    }
}
