//! Tells the program which commit it is built from; without git it is built all the same.

use std::process::Command;

fn main() {
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_default();
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    println!("cargo:rustc-env=ABLATE_COMMIT={commit}");
    println!("cargo:rustc-env=ABLATE_DIRTY={dirty}");
    for path in ["Cargo.toml", "src", "build.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }
    if let Some(folder) = git(&["rev-parse", "--git-dir"]) {
        println!("cargo:rerun-if-changed={folder}/HEAD");
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
