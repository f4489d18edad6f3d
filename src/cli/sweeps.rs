//! Sweep files from disk.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{CliError, error::chain};
use crate::{
    plan::Plan,
    sweep::{self, Sweep},
};

/// The sweeps of some files and the plan of their jobs.
pub struct Planned {
    /// The files' names without folder and ending; they name the folders of exports.
    pub names: Vec<String>,
    /// The sweeps, in the order of the files.
    pub sweeps: Vec<Sweep>,
    /// All their jobs.
    pub plan: Plan,
}

/// Reads and plans sweep files; all of them must be right.
pub fn read(files: &[PathBuf]) -> Result<Planned, CliError> {
    let mut names: Vec<String> = Vec::new();
    let mut sweeps = Vec::new();
    for file in files {
        let name = name(file)?;
        if names.contains(&name) {
            return Err(CliError::input(format!(
                "two sweep files are named {name}: their tables would overwrite each other; rename one"
            )));
        }
        names.push(name);
        let text = fs::read_to_string(file)
            .map_err(|error| CliError::input(format!("cannot read {}: {}", file.display(), chain(&error))))?;
        sweeps.push(sweep::parse(&file.display().to_string(), &text).map_err(|wrong| CliError::diagnostics(&wrong))?);
    }
    let plan = Plan::new(&sweeps);
    Ok(Planned { names, sweeps, plan })
}

fn name(file: &Path) -> Result<String, CliError> {
    match file.file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) => Ok(stem.to_owned()),
        None => Err(CliError::input(format!("{} does not name a sweep file", file.display()))),
    }
}
