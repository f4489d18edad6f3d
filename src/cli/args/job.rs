//! What `ablate job` is told by whoever starts it.

use std::path::PathBuf;

use super::not_negative;
use crate::plan::JobId;

/// Arguments of `job`.
#[derive(Clone, Debug, clap::Args)]
pub struct JobArgs {
    /// The job
    pub id: JobId,
    /// Folder of the results
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// CPU threads to use
    #[arg(long, value_name = "N", default_value = "1")]
    pub threads: usize,
    /// Compute on the first GPU of CUDA_VISIBLE_DEVICES, and nowhere else
    #[arg(long)]
    pub gpu: bool,
    /// CPU cores to stay on [default: any]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub cores: Vec<usize>,
    /// Minutes between two checkpoints
    #[arg(long, value_name = "MINUTES", default_value = "3", value_parser = not_negative)]
    pub checkpoint_every: f64,
    /// Epochs between two checkpoints [default: any]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub checkpoint_epochs: Option<u32>,
    /// Keep a checkpoint after the last epoch, and leave it when the job is done
    #[arg(long)]
    pub keep_checkpoint: bool,
    /// On a cluster, how often the job was handed to it: the last one that starts may write results
    #[arg(long, value_name = "N")]
    pub submission: Option<u64>,
    /// Seconds between two signs of life
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = not_negative)]
    pub alive_every: f64,
    /// Folder of the data files
    #[arg(long, value_name = "DIR", env = "ABLATE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Images at a time through the network that is trained, instead of what the recipe says; a divisor of the batch
    #[arg(long, value_name = "N")]
    pub micro_batch: Option<usize>,
    /// When the job is done, read the next one from standard input, a line of JSON, until that ends
    #[arg(long)]
    pub stay: bool,
}
