//! What can be typed; nothing here looks at the system.

mod cluster;
mod job;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub use cluster::{CancelArgs, ClusterArgs, ExecutorName};
pub use job::JobArgs;

use super::{data, places::DeviceName};

/// Turns a declarative sweep file into a paper table.
#[derive(Debug, Parser)]
#[command(name = "ablate", version, propagate_version = true, after_help = AFTER_HELP)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  ablate check sweeps/quickstart.ron    is the file right?
  ablate plan sweeps/quickstart.ron     what would run, and what is there already?
  ablate run sweeps/quickstart.ron      run what is missing, print and export the tables

Exit codes: 0 done, 1 something failed, 2 wrong input.";

/// Headings of `run --help`.
const DEVICES: &str = "Devices";
const FAULTS: &str = "Faults and checkpoints";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented sweep file to start from
    New {
        /// Where to write it
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Check sweep files without running anything
    Check(CheckArgs),
    /// Rewrite sweep files in the canonical layout, with all their comments
    Fmt(FmtArgs),
    /// Show the jobs that sweep files need, and which of them are done
    Plan(PlanArgs),
    /// Run the missing jobs of sweep files, then print and export their tables
    Run(RunArgs),
    /// Cancel the jobs of sweep files that are on a cluster, and end the run that looks after them
    Cancel(CancelArgs),
    /// Show how far sweep files are
    Status(StoreArgs),
    /// Show how far sweep files are and their tables, again and again until the run at work has ended
    Watch(StoreArgs),
    /// Print tables from the results that are there
    Table(TableArgs),
    /// Show where the numbers of one trial come from
    Explain(ExplainArgs),
    /// Compare two jobs, two stores, or the tables of two sweep files
    Diff(DiffArgs),
    /// Write tables and the tidy CSV of all jobs to files
    Export(ExportArgs),
    /// Remove from a store what no sweep asks for any more
    Gc(GcArgs),
    /// Print the log of a job
    Logs(LogsArgs),
    /// List, get, verify and look at data sets
    Data(data::Args),
    /// Check this machine, a store and data folders, and say what to do where something is wrong
    Doctor(DoctorArgs),
    /// Run one job of a store (started by `ablate run`)
    #[command(hide = true)]
    Job(JobArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Sweep files
    #[arg(required_unless_present = "explain", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Say what a field of the recipe means: type, default, allowed values, place in the paper; by its path or name,
    /// such as `optimizer.learning_rate` or `strength`
    #[arg(long, value_name = "FIELD")]
    pub explain: Option<String>,
    /// Check this profile only [default: the base as it is, and every profile]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// Arguments of `fmt`.
#[derive(Debug, clap::Args)]
pub struct FmtArgs {
    /// Sweep files, or files that they include; `-` for standard input, which is printed
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Change nothing; list the files that would change, and exit with 1 if there are any
    #[arg(long)]
    pub check: bool,
}

/// Sweep files and a store.
#[derive(Debug, clap::Args)]
pub struct StoreArgs {
    /// Sweep files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Profile of the sweep files [default: their base as it is]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Folder of the results
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub store: PathBuf,
}

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Sweep files and a store.
    #[command(flatten)]
    pub sweeps: StoreArgs,
    /// Print the job graph in this language instead
    #[arg(long, value_enum)]
    pub graph: Option<GraphFormat>,
}

/// Languages for graphs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GraphFormat {
    /// Graphviz
    Dot,
    /// Mermaid, which GitHub renders
    Mermaid,
}

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Sweep files and a store.
    #[command(flatten)]
    pub sweeps: StoreArgs,
    /// Where jobs run: `cpu`, `cpu:4` (so many cores, shared by the jobs), or GPUs, as `cuda:0,cuda:2` [default: all GPUs
    /// if this build can use them and there are any, else all cores]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = DEVICES)]
    pub devices: Vec<DeviceName>,
    /// Jobs to run at a time, on each GPU, on the processor or on a cluster [default: one per core; on a GPU as many as get most done]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = DEVICES)]
    pub jobs: Option<u16>,
    /// Main memory in GB that jobs may take together; batches that do not fit are cut into micro-batches [default: all]
    #[arg(long, value_name = "GB", value_parser = positive, help_heading = DEVICES)]
    pub memory: Option<f64>,
    /// Folder of the data files; goes before `data.folder` of the recipe. May be repeated: each data set is taken from
    /// the first folder that has it
    #[arg(long, value_name = "DIR", env = "ABLATE_DATA_DIR")]
    pub data_dir: Vec<PathBuf>,
    /// Go on without the jobs whose data files are in none of the folders; their cells say so
    #[arg(long)]
    pub skip_absent_data: bool,
    /// Run only the trials with this value of an axis. May be repeated: several axes narrow down, several values of one
    /// axis add up
    #[arg(long, value_name = "AXIS=LABEL")]
    pub only: Vec<String>,
    /// Start nothing more after the first failure
    #[arg(long, help_heading = FAULTS)]
    pub fail_fast: bool,
    /// Start a job at most so often when it was killed, hung or ran out of memory
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..=100), help_heading = FAULTS)]
    pub attempts: u16,
    /// Seconds before the second attempt; twice as many before each further one
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = not_negative, help_heading = FAULTS)]
    pub backoff: f64,
    /// Minutes that a job may run; it then keeps a checkpoint and counts as failed [default: any]
    #[arg(long, value_name = "MINUTES", value_parser = positive, help_heading = FAULTS)]
    pub time_limit: Option<f64>,
    /// Minutes that a job may give no sign of life (a micro-batch, a step) before it is ended and tried again
    #[arg(long, value_name = "MINUTES", default_value = "30", value_parser = hang_limit, help_heading = FAULTS)]
    pub hung_after: f64,
    /// Seconds that jobs get to keep a checkpoint when they are told to stop
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = not_negative, help_heading = FAULTS)]
    pub grace: f64,
    /// Minutes between two checkpoints of a job: the most that it loses when it is killed
    #[arg(long, value_name = "MINUTES", default_value = "3", value_parser = not_negative, help_heading = FAULTS)]
    pub checkpoint_every: f64,
    /// Keep a checkpoint also after so many epochs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = FAULTS)]
    pub checkpoint_epochs: Option<u32>,
    /// What stays of a pretraining
    #[arg(long, value_enum, value_name = "WHAT", default_value = "encoder", help_heading = FAULTS)]
    pub keep: Keep,
    /// Where jobs are executed.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Print only problems and the tables
    #[arg(long)]
    pub quiet: bool,
    /// Print what happens as lines of JSON on standard output, instead of the tables; the files are written all the same
    #[arg(long)]
    pub json: bool,
}

/// What stays of a pretraining when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// The encoder, and the last checkpoint with the state of the optimizer
    Last,
    /// The encoder
    Encoder,
    /// Nothing, once all its evaluations are done: a new one trains the encoder again
    None,
}

/// Arguments of `table`.
#[derive(Debug, clap::Args)]
pub struct TableArgs {
    /// Sweep files and a store.
    #[command(flatten)]
    pub sweeps: StoreArgs,
    /// How to print
    #[arg(long, value_enum, default_value = "terminal")]
    pub format: TableFormat,
    /// Print only the table with this name
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// Say how many cells are within tolerance of the published numbers, and exit with 1 if one is not or is missing
    #[arg(long)]
    pub verify: bool,
}

/// Ways to print a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For people
    Terminal,
    /// GitHub's Markdown
    Markdown,
    /// LaTeX with booktabs and siunitx
    Latex,
    /// CSV as shown
    Csv,
    /// CSV with one row per job and metric
    Tidy,
}

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// Sweep file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which trial: as many values of axes as tell it from the others
    #[arg(value_name = "AXIS=LABEL")]
    pub values: Vec<String>,
    /// Say of every stale cell what has changed since it was made
    #[arg(long)]
    pub why_stale: bool,
    /// Profile of the sweep file [default: its base as it is]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Folder of the results
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub store: PathBuf,
}

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// A job (the beginning of its id, or its folder), a store, or a sweep file
    #[arg(value_name = "A")]
    pub before: String,
    /// Another of the same kind
    #[arg(value_name = "B")]
    pub after: String,
    /// Compare the tables of this sweep file in two stores
    #[arg(long, value_name = "FILE")]
    pub sweep: Option<PathBuf>,
    /// Profile of the sweep files [default: their base as it is]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Folder of the results of jobs and sweep files
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub store: PathBuf,
}

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Sweep files and a store.
    #[command(flatten)]
    pub sweeps: StoreArgs,
    /// Write here instead of <STORE>/tables/<SWEEP>
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write one archive of the sweep files, the results behind their tables and the tables, for others to check
    #[arg(long, value_name = "FILE.tar.gz", conflicts_with = "out")]
    pub bundle: Option<PathBuf>,
    /// Put the encoders into the archive, too
    #[arg(long, requires = "bundle")]
    pub encoders: bool,
}

/// Arguments of `gc`.
#[derive(Debug, clap::Args)]
pub struct GcArgs {
    /// Remove it, instead of saying what would be removed
    #[arg(long)]
    pub delete: bool,
    /// Also remove the encoders of pretrainings whose evaluations are all done; a new evaluation then trains them again
    #[arg(long)]
    pub encoders: bool,
    /// Also remove what only this sweep asks for, named as its folder of tables. May be repeated
    #[arg(long, value_name = "SWEEP")]
    pub forget: Vec<String>,
    /// Also remove jobs of which no sweep is known that asked for them, such as those copied from elsewhere
    #[arg(long)]
    pub unknown: bool,
    /// Folder of the results
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub store: PathBuf,
}

/// Arguments of `logs`.
#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// The job's id, or the beginning of it
    pub job: String,
    /// Go on printing what is added until the run at work has ended the job
    #[arg(short, long)]
    pub follow: bool,
    /// Folder of the results
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub store: PathBuf,
}

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// What is to run jobs; for `slurm`, also a short job is submitted
    #[arg(long, value_enum, value_name = "WHERE", default_value = "local")]
    pub executor: ExecutorName,
    /// File that says what jobs ask of the cluster [default: one core each, and what the cluster gives]
    #[arg(long, value_name = "FILE", env = "ABLATE_CLUSTER")]
    pub cluster: Option<PathBuf>,
    /// Folder of the results
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub store: PathBuf,
    /// Folder of the data files. May be repeated
    #[arg(long, value_name = "DIR", env = "ABLATE_DATA_DIR")]
    pub data_dir: Vec<PathBuf>,
}

/// A number above 0.
fn positive(text: &str) -> Result<f64, String> {
    let number = not_negative(text)?;
    if number > 0.0 { Ok(number) } else { Err("write a number above 0".to_owned()) }
}

/// A number from 0 up, such that as many minutes are a duration.
fn not_negative(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "write a number, as 12.5".to_owned())?;
    if (0.0..1e9).contains(&number) { Ok(number) } else { Err("write a number from 0 to 1e9".to_owned()) }
}

/// Minutes without a sign of life, which jobs give every few seconds.
fn hang_limit(text: &str) -> Result<f64, String> {
    let minutes = not_negative(text)?;
    if minutes >= 0.05 { Ok(minutes) } else { Err("write 0.05 or more: signs of life need seconds".to_owned()) }
}
