//! The `ablate` program.

use std::process::ExitCode;

/// Training frees and takes the same large blocks at every step; the system's allocator gives them back to the kernel in
/// between, which then cleans them anew. `docs/performance.md` has the numbers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ablate::cli::main()
}
