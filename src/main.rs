//! The `ablate` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ablate::cli::main()
}
