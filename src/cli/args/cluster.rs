//! What can be typed about clusters.

use std::path::PathBuf;

use clap::ValueEnum;

use super::StoreArgs;

/// Heading in `run --help`.
const CLUSTER: &str = "Cluster";

/// Where jobs are executed.
#[derive(Debug, clap::Args)]
pub struct ClusterArgs {
    /// What runs the jobs
    #[arg(long, value_enum, value_name = "WHERE", default_value = "local", help_heading = CLUSTER)]
    pub executor: ExecutorName,
    /// File that says what jobs ask of the cluster (docs/cluster.md) [default: one core each, and what the cluster gives]
    #[arg(long, value_name = "FILE", env = "ABLATE_CLUSTER", help_heading = CLUSTER)]
    pub cluster: Option<PathBuf>,
    /// Print the scripts of the jobs that would be submitted first, and submit nothing
    #[arg(long, help_heading = CLUSTER)]
    pub dry_run: bool,
    /// Go on in the background, also after logging out; the output goes into a file of the store
    #[arg(long, conflicts_with = "dry_run", help_heading = CLUSTER)]
    pub detach: bool,
    /// This is the process in the background.
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// What runs jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExecutorName {
    /// Processes on this machine
    Local,
    /// Slurm, by sbatch and squeue
    Slurm,
}

/// Arguments of `cancel`.
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    /// Sweep files and a store.
    #[command(flatten)]
    pub sweeps: StoreArgs,
    /// What runs the jobs
    #[arg(long, value_enum, value_name = "WHERE", default_value = "slurm")]
    pub executor: ExecutorName,
}
