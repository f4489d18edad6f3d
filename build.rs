//! Tells the program which commit it is built from, and what was changed since; without git it is built all the same.

use std::{env, error::Error, fs, path::Path, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    // A package that lies within another project's repository, as an unpacked one may, is not at that one's commit.
    let own = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty());
    let commit = git(&["rev-parse", "HEAD"]).filter(|_| own).unwrap_or_default();
    let changes = git(&["status", "--porcelain", "--untracked-files=no"]).filter(|_| own);
    let dirty = changes.is_some_and(|changes| !changes.is_empty());
    let patch = if dirty { output(&["diff", "--binary", "HEAD"]).unwrap_or_default() } else { vec![] };
    let folder = env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?;
    fs::write(Path::new(&folder).join("changes.patch"), patch)?;
    println!("cargo:rustc-env=ABLATE_COMMIT={commit}");
    println!("cargo:rustc-env=ABLATE_DIRTY={dirty}");
    for path in ["Cargo.toml", "src", "build.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }
    // The log of HEAD grows with every commit and checkout.
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name]).filter(|path| own && Path::new(path).exists());
        if let Some(path) = path {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    Ok(())
}

fn git(arguments: &[&str]) -> Option<String> {
    output(arguments).map(|text| String::from_utf8_lossy(&text).trim().to_owned())
}

fn output(arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then_some(output.stdout)
}
