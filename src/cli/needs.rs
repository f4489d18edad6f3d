//! What jobs need of this machine, found out before anything runs: folders of data files, and memory.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
};

use indicatif::DecimalBytes;

use super::{CliError, error::chain, tell, weights};
use crate::{
    plan::{Batch, Job, JobId, Plan, cut_batch, evaluation_bytes},
    recipe::{DataSource, JobSpec, PretrainJob, Training},
    train::data,
};

/// Fewest images whose statistics a batch is left to without its author's word.
const FEWEST: usize = 8;

/// What the jobs of a run need.
pub struct Needs {
    /// Folder of each job's data files.
    pub folders: BTreeMap<JobId, PathBuf>,
    /// Jobs whose data files are in none of the folders, and which they are.
    pub absent: BTreeMap<JobId, String>,
    /// How the batches of the jobs that train an encoder go through it.
    passes: BTreeMap<JobId, Pass>,
}

/// How batches go through a network.
#[derive(Clone, Copy, Debug)]
struct Pass {
    /// Images in a batch.
    images: usize,
    /// Images at a time that fit the memory.
    at_a_time: usize,
    /// Whether the recipe says how many, so that it is not for us to say.
    stated: bool,
    /// Bytes of memory that a step takes, by estimate.
    bytes: f64,
}

impl Needs {
    /// Finds the data files of jobs in `folders`, or where their recipes say if there are none, and cuts batches that
    /// do not fit the `memory` of each, in bytes, where it is known.
    pub fn find(
        plan: &Plan,
        todo: &[JobId],
        folders: &[PathBuf],
        memory: &dyn Fn(&Job) -> Option<f64>,
    ) -> Result<Self, CliError> {
        let mut jobs: Vec<&Job> = todo.iter().filter_map(|&job| plan.job(job)).collect();
        let (folders, absent) = find_data(&jobs, folders)?;
        let mut needs = Self { folders, absent, passes: BTreeMap::new() };
        jobs.retain(|job| !needs.absent.contains_key(&job.id));
        needs.fit_memory(plan, &jobs, memory)?;
        Ok(needs)
    }

    /// Bytes of memory that a job takes, by estimate; 0 where there is none.
    pub fn memory(&self, plan: &Plan, job: &Job) -> u64 {
        let parent = job.parents.first().and_then(|&parent| plan.job(parent));
        self.passes.get(&job.id).map_or_else(|| evaluation_bytes(job, parent), |pass| pass.bytes) as u64
    }

    /// How often the batch of a job can be cut further; never if its author says how many images go at a time.
    pub fn most_cuts(&self, job: JobId) -> usize {
        let Some(pass) = self.passes.get(&job).filter(|pass| !pass.stated) else { return 0 };
        (1..).take_while(|&cuts| cut_batch(pass.images, pass.at_a_time, cuts, FEWEST).is_some()).count()
    }

    /// Images at a time of a job whose batch is cut, and was found too large so many times more.
    pub fn micro_batch(&self, job: JobId, cuts: usize) -> Option<usize> {
        let pass = self.passes.get(&job)?;
        if pass.stated || (cuts == 0 && pass.at_a_time == pass.images) {
            return None;
        }
        cut_batch(pass.images, pass.at_a_time, cuts.min(self.most_cuts(job)), FEWEST)
    }

    fn fit_memory(&mut self, plan: &Plan, jobs: &[&Job], memory: &dyn Fn(&Job) -> Option<f64>) -> Result<(), CliError> {
        let mut cut: BTreeMap<(usize, usize, u64), usize> = BTreeMap::new();
        for job in jobs {
            let Some(memory) = memory(job) else { continue };
            let parent = job.parents.first().and_then(|&parent| plan.job(parent));
            let Some(batch) = Batch::of(job, parent) else { continue };
            let stated = batch.micro_batch.filter(|_| batch.bytes() <= memory);
            let fitting = stated.or_else(|| batch.largest_micro_batch(memory));
            let at_a_time = match (batch.micro_batch, fitting) {
                (None, Some(all)) if all == batch.images => all,
                (None, Some(micro)) if micro >= FEWEST => {
                    *cut.entry((batch.images, micro, memory as u64)).or_default() += 1;
                    micro
                }
                (Some(stated), Some(fitting)) if stated == fitting => fitting,
                (stated, fitting) => return Err(too_large(job, &batch, stated, fitting, memory)),
            };
            let bytes = batch.bytes_with(at_a_time);
            let stated = batch.micro_batch.is_some();
            self.passes.insert(job.id, Pass { images: batch.images, at_a_time, stated, bytes });
        }
        for ((images, micro, memory), jobs) in cut {
            tell(&format!(
                "memory: batches of {images} images do not fit {}; {jobs} jobs go through them by micro-batches of \
                 {micro}, which gives the same gradient, but batch normalization sees the micro-batch",
                DecimalBytes(memory)
            ));
        }
        Ok(())
    }
}

/// A batch that no micro-batch makes fit, or whose stated micro-batch does not.
fn too_large(job: &Job, batch: &Batch, stated: Option<usize>, fitting: Option<usize>, memory: f64) -> CliError {
    let owner = if job.parents.is_empty() { "schedule" } else { "evaluation" };
    let remedy = match fitting {
        Some(fitting) => format!("set {owner}.micro_batch to {fitting}"),
        None if batch.bytes_with(2) <= memory => {
            format!("no divisor of the batch fits: write a {owner}.batch_size that has smaller divisors")
        }
        None => "not even two images fit: take a smaller encoder, or smaller images".to_owned(),
    };
    CliError::input(format!(
        "job {} needs about {} of memory for {} images at a time, and there are {} for it: {remedy}",
        job.id.short(),
        decimal(batch.bytes()),
        stated.unwrap_or(batch.images),
        decimal(memory)
    ))
}

fn decimal(bytes: f64) -> DecimalBytes {
    DecimalBytes(bytes as u64)
}

/// Where the data files of a job are.
enum Place {
    /// It needs none.
    Nowhere,
    Folder(PathBuf),
    /// In none of the folders; says what was looked for.
    Absent(String),
}

type Found = (BTreeMap<JobId, PathBuf>, BTreeMap<JobId, String>);

/// The folder of each job's data files, the first of `folders` that has them; and what the other jobs lack.
fn find_data(jobs: &[&Job], folders: &[PathBuf]) -> Result<Found, CliError> {
    let mut known: BTreeMap<(DataSource, usize, Option<&Path>), Place> = BTreeMap::new();
    let (mut found, mut absent) = (BTreeMap::new(), BTreeMap::new());
    for job in jobs {
        let (source, corrupt) = match &*job.spec {
            JobSpec::Pretrain(PretrainJob { training: Training::Pretrained { blake3 }, .. }) => {
                weights::read(job.folder.as_deref(), blake3).map_err(CliError::input)?;
                continue;
            }
            JobSpec::Pretrain(PretrainJob { data: None, .. }) => continue,
            JobSpec::Pretrain(PretrainJob { data: Some(data), .. }) => (data.source, data.corrupt_images),
            JobSpec::Evaluate(evaluation) => (evaluation.data.source, evaluation.data.corrupt_images),
        };
        let of_recipe = job.folder.as_deref();
        let key = (source, corrupt, of_recipe);
        let place = match known.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let candidates: Vec<&Path> = match folders {
                    [] => of_recipe.into_iter().collect(),
                    _ => folders.iter().map(PathBuf::as_path).collect(),
                };
                unknown.insert(first_with(source, corrupt, &candidates)?)
            }
        };
        match place {
            Place::Nowhere => {}
            Place::Folder(folder) => drop(found.insert(job.id, folder.clone())),
            Place::Absent(what) => drop(absent.insert(job.id, what.clone())),
        }
    }
    Ok((found, absent))
}

/// The first folder that has the data files. Files that are there and wrong are an error.
fn first_with(source: DataSource, corrupt: usize, folders: &[&Path]) -> Result<Place, CliError> {
    if folders.is_empty() {
        return Ok(match data::check(source, corrupt, None) {
            Ok(_) => Place::Nowhere,
            Err(error) => Place::Absent(chain(&error)),
        });
    }
    let mut problems = Vec::new();
    for folder in folders {
        match data::check(source, corrupt, Some(folder)) {
            Ok(_) => {
                for (_, problem) in problems.iter().filter(|(absent, _)| !absent) {
                    tell(&format!("passed over: {problem}"));
                }
                return Ok(Place::Folder(folder.to_path_buf()));
            }
            Err(error) => {
                // Where a data set simply is not, it is looked for elsewhere without a word.
                problems.push((error.is_absence(), chain(&error)));
            }
        }
    }
    let all_absent = problems.iter().all(|(absent, _)| *absent);
    let text = problems.into_iter().map(|(_, problem)| problem).collect::<Vec<_>>().join("\nand ");
    if all_absent { Ok(Place::Absent(text)) } else { Err(CliError::input(text)) }
}
