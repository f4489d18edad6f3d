//! `doctor`: whether this machine, a store and data folders are fit for a run, and what to do if not.

mod gpu;
mod slurm;
mod toolkit;

pub(super) use gpu::ready;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use indicatif::DecimalBytes;
use rustix::fs::statvfs;

use super::{
    CliError,
    args::{DoctorArgs, ExecutorName},
    cluster,
    data::named,
    error::chain,
    machine, print,
};
use crate::{
    recipe::DataSource,
    report::count,
    store::Store,
    train::data::{self, Summary},
};

/// Less free space than this, in bytes, is a problem: the paper's largest encoder has 375 million parameters, 1.5 GB in
/// float32, which a checkpoint holds with as many momenta and the result once more.
const LEAST_SPACE: u64 = 5_000_000_000;

/// What was looked at.
struct Finding {
    what: String,
    /// What there is, or what is wrong and what to do.
    text: String,
    level: Level,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Fine,
    /// A run is possible, but perhaps not as it could be.
    Note,
    Problem,
}

fn fine(what: impl Into<String>, text: impl Into<String>) -> Finding {
    Finding { what: what.into(), text: text.into(), level: Level::Fine }
}

fn note(what: impl Into<String>, text: impl Into<String>) -> Finding {
    Finding { what: what.into(), text: text.into(), level: Level::Note }
}

fn problem(what: impl Into<String>, text: impl Into<String>) -> Finding {
    Finding { what: what.into(), text: text.into(), level: Level::Problem }
}

/// One line each.
fn lines(findings: &[Finding]) -> String {
    let line = |Finding { what, text, level }: &Finding| {
        let level = match level {
            Level::Fine => "ok",
            Level::Note => "note",
            Level::Problem => "PROBLEM",
        };
        format!("{level:<8} {what:<10} {text}\n")
    };
    findings.iter().map(line).collect()
}

/// Prints all findings; exit code 1 if one is a problem.
pub fn doctor(args: &DoctorArgs) -> Result<(), CliError> {
    let mut findings = vec![program(), processor(), memory()];
    findings.extend(gpu::gpu());
    findings.extend(store(&args.store));
    findings.push(space(&args.store));
    if args.executor == ExecutorName::Slurm {
        findings.extend(slurm::slurm(&args.store, &cluster::parse(args.cluster.as_deref())?));
    }
    args.data_dir.iter().for_each(|folder| findings.extend(data_sets(folder)));
    print(&lines(&findings))?;
    match findings.iter().filter(|finding| finding.level == Level::Problem).count() {
        0 => Ok(()),
        problems => Err(CliError::failed(count(problems, "problem"))),
    }
}

fn program() -> Finding {
    let code = machine::code();
    let commit = code.commit.map(|commit| format!(", commit {commit}")).unwrap_or_default();
    let changes = if code.dirty { " with changes" } else { "" };
    fine("program", format!("ablate {}{commit}{changes}", code.version))
}

fn processor() -> Finding {
    let ids = match ranges(&machine::core_ids()) {
        ids if ids.is_empty() => ids,
        ids => format!(" (of {ids})"),
    };
    fine("processor", format!("{}, {} to use{ids}", machine::processor(), count(machine::cores(), "core")))
}

/// Ascending numbers as `0-3, 8`.
fn ranges(numbers: &[usize]) -> String {
    let ranges = numbers.chunk_by(|a, b| a + 1 == *b).map(|range| match range {
        [first, .., last] => format!("{first}-{last}"),
        range => range.iter().map(usize::to_string).collect(),
    });
    ranges.collect::<Vec<_>>().join(", ")
}

fn memory() -> Finding {
    match machine::memory() {
        Some(bytes) => {
            let left = machine::available_memory().map(|left| format!(", {} free", DecimalBytes(left as u64)));
            fine("memory", format!("{} to use{}", DecimalBytes(bytes as u64), left.unwrap_or_default()))
        }
        None => {
            problem("memory", "cannot be told: say how much there is by `run --memory GB`, or large batches may fail")
        }
    }
}

/// The store, if there is one.
fn store(root: &Path) -> Vec<Finding> {
    let place = root.display();
    let (store, snapshot) = match Store::open(root).and_then(|store| {
        let snapshot = store.as_ref().map(Store::load).transpose()?;
        Ok(store.zip(snapshot))
    }) {
        Ok(Some(found)) => found,
        Ok(None) => return vec![fine("store", format!("{place} is not there yet; `run` makes it"))],
        Err(error) => return vec![problem("store", chain(&error))],
    };
    let done = snapshot.jobs.values().filter(|status| status.record.is_some()).count();
    let mut findings = vec![fine("store", format!("{place}: {} done", count(done, "job")))];
    findings.extend(snapshot.problems.iter().map(|text| problem("store", text.as_str())));
    match store.in_use_since() {
        Ok(Some(_)) => findings.push(fine("store", "a run is at work")),
        Ok(None) => {}
        Err(error) => findings.push(problem("store", chain(&error))),
    }
    let last = snapshot.jobs.values().map(|status| status.time_unix_ms).max().unwrap_or(0);
    if last > machine::unix_ms() {
        findings.push(problem(
            "clock",
            "it is before the last event of the store: set the clock, or times will not be right",
        ));
    }
    if let Err(error) = writable(root) {
        findings
            .push(problem("store", format!("nothing can be written into {place} ({error}): check its permissions")));
    }
    findings
}

/// Whether a file can be made and removed.
fn writable(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    File::create_new(&path)?;
    fs::remove_file(path)
}

/// The folder that is there in which a store is or would be.
fn place(root: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    whole.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned)
}

/// Free space where the store is or would be.
fn space(root: &Path) -> Finding {
    let there = place(root);
    let free = there.as_ref().map(|folder| statvfs(folder).map(|found| found.f_bavail.saturating_mul(found.f_frsize)));
    match free {
        Some(Ok(free)) if free < LEAST_SPACE => {
            let (free, least) = (DecimalBytes(free), DecimalBytes(LEAST_SPACE));
            problem(
                "disk",
                format!(
                    "{free} free; large encoders and their checkpoints need {least}: make room, or choose another --store"
                ),
            )
        }
        Some(Ok(free)) => fine("disk", format!("{} free", DecimalBytes(free))),
        Some(Err(error)) => problem("disk", format!("cannot tell the free space: {error}")),
        None => problem("disk", format!("no folder above {} is there: choose another --store", root.display())),
    }
}

/// The data sets in a folder.
fn data_sets(folder: &Path) -> Vec<Finding> {
    let place = folder.display();
    if !folder.is_dir() {
        return vec![problem("data", format!("{place} is no folder: name another by --data-dir"))];
    }
    let mut findings = Vec::new();
    for source in named().filter(|source| *source != DataSource::Shapes) {
        match data::check(source, 0, Some(folder)) {
            Ok(Summary { folder: found, train_images, test_images, .. }) => {
                let at = found.unwrap_or_else(|| folder.to_owned());
                let text = format!("{} in {}: {train_images} + {test_images} images", source.name(), at.display());
                findings.push(fine("data", text));
            }
            Err(error) if error.is_absence() => {}
            Err(error) => findings.push(problem("data", chain(&error))),
        }
    }
    if let Some(described) = data::describe(folder, DataSource::ImageNet.image_size()) {
        findings.push(match described {
            Ok(source) => {
                let (train, test) = source.available();
                fine("data", format!("class folders in {place}: {train} + {test} pictures"))
            }
            Err(error) => problem("data", chain(&error)),
        });
    }
    if findings.is_empty() {
        findings.push(fine("data", format!("no known data set in {place}; `ablate data get` gets some")));
    }
    findings
}
