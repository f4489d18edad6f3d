//! Sweep files from disk.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

use super::{CliError, error::chain, print};
use crate::{
    plan::Plan,
    store::Store,
    sweep::{self, Source, Sweep},
};

/// The sweeps of some files and the plan of their jobs.
pub struct Planned {
    /// The files' names without folder and ending, with that of the profile; they name the folders of exports.
    pub names: Vec<String>,
    /// The files.
    pub files: Vec<PathBuf>,
    /// The sweeps, in the order of the files.
    pub sweeps: Vec<Sweep>,
    /// All their jobs.
    pub plan: Plan,
}

impl Planned {
    /// Where the sweep with this index is from, to tell it from others of its name: the file's path from the folder of
    /// a store, so that both may move together, and the profile.
    pub fn source(&self, index: usize, store: &Store) -> String {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (file, root) = (whole(&self.files[index]), whole(store.root()));
        let path = pathdiff::diff_paths(&file, root).unwrap_or(file);
        source(&path.display().to_string(), self.sweeps[index].profile.as_deref())
    }
}

/// A file and a profile as one text.
pub fn source(file: &str, profile: Option<&str>) -> String {
    profile.map_or_else(|| file.to_owned(), |profile| format!("{file}, profile {profile}"))
}

/// Reads and plans sweep files; all of them must be right.
pub fn read(files: &[PathBuf], profile: Option<&str>) -> Result<Planned, CliError> {
    let mut names: Vec<String> = Vec::new();
    let mut sweeps = Vec::new();
    for file in files {
        let name = name(file, profile)?;
        if names.contains(&name) {
            return Err(CliError::input(format!(
                "two sweep files are named {name}: their tables would overwrite each other; rename one"
            )));
        }
        names.push(name);
        sweeps.push(read_one(file, profile)?);
    }
    let plan = Plan::new(&sweeps);
    Ok(Planned { names, files: files.to_vec(), sweeps, plan })
}

/// Reads a sweep file.
pub fn read_one(file: &Path, profile: Option<&str>) -> Result<Sweep, CliError> {
    let text = text_of(file)?;
    let include = |name: &str| {
        let path = file.parent().unwrap_or(Path::new("")).join(name);
        let text = included(&path)?;
        Ok((path.display().to_string(), text))
    };
    let source = Source { name: &file.display().to_string(), text: &text, profile, include: &include };
    source.parse().map_err(|wrong| CliError::diagnostics(&wrong))
}

/// The texts of a sweep file and of what it includes, by their paths from the folder of the file.
pub fn sources(file: &Path, profile: Option<&str>) -> Result<Vec<(String, String)>, CliError> {
    let text = text_of(file)?;
    let included = RefCell::new(Vec::new());
    let include = |name: &str| {
        let path = file.parent().unwrap_or(Path::new("")).join(name);
        let text = self::included(&path)?;
        included.borrow_mut().push((name.to_owned(), text.clone()));
        Ok((path.display().to_string(), text))
    };
    let source = Source { name: &file.display().to_string(), text: &text, profile, include: &include };
    source.parse().map_err(|wrong| CliError::diagnostics(&wrong))?;
    let included = included.into_inner();
    let outside = |name: &String| Path::new(name).components().any(|part| !matches!(part, Component::Normal(_)));
    if let Some((name, _)) = included.iter().find(|(name, _)| outside(name)) {
        return Err(CliError::input(format!(
            "{} includes {name}, which lies outside its folder: move it there to bundle it",
            file.display()
        )));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(std::iter::once((name, text)).chain(included).collect())
}

/// A complete sweep file with comments.
const STARTER: &str = include_str!("starter.ron");

/// Writes a sweep file to start from; an existing file stays as it is.
pub fn write_starter(file: &Path) -> Result<(), CliError> {
    let refused = |error: io::Error| {
        let remedy = if error.kind() == io::ErrorKind::AlreadyExists { "; choose another name" } else { "" };
        CliError::input(format!("cannot write {}: {}{remedy}", file.display(), chain(&error)))
    };
    let mut new = File::create_new(file).map_err(refused)?;
    new.write_all(STARTER.as_bytes()).and_then(|()| new.sync_all()).map_err(refused)?;
    print(&format!("{}: a complete sweep; `ablate run {}` runs it\n", file.display(), file.display()))
}

/// The text of a file.
pub fn text_of(file: &Path) -> Result<String, CliError> {
    let name = file.display().to_string();
    let bytes = fs::read(file).map_err(|error| CliError::input(format!("cannot read {name}: {}", chain(&error))))?;
    sweep::text(&name, &bytes).map(str::to_owned).map_err(|wrong| CliError::diagnostics(&wrong))
}

/// The text of a file that another includes, or in a few words why there is none.
fn included(path: &Path) -> Result<String, String> {
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| format!("cannot read {name}: {}", chain(&error)))?;
    let text = sweep::text(&name, &bytes).map_err(|wrong| {
        wrong.iter().next().map_or_else(|| wrong.to_string(), |first| format!("{name}: {}", first.message))
    })?;
    Ok(text.to_owned())
}

/// The file's name without folder and ending, and the profile's: results of several profiles stand side by side.
fn name(file: &Path, profile: Option<&str>) -> Result<String, CliError> {
    let stem = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .ok_or_else(|| CliError::input(format!("{} does not name a sweep file", file.display())))?;
    Ok(profile.map_or_else(|| stem.to_owned(), |profile| format!("{stem}-{}", file_name(profile))))
}

/// A profile's name as a part of a file's.
fn file_name(profile: &str) -> String {
    profile.chars().map(|character| if character.is_alphanumeric() { character } else { '-' }).collect()
}
