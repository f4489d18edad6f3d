//! What the executor needs of Slurm's queue.

use super::{Client, ClientError, Listed, SlurmId, Submission};

/// Slurm's queue, or what stands for it in tests. As the methods of [`Client`].
pub trait Queue: Send {
    /// Submits a job and returns its number.
    fn submit(&mut self, job: &Submission) -> Result<u64, ClientError>;
    /// The user's jobs whose names begin so.
    fn list(&mut self, prefix: &str) -> Result<Vec<Listed>, ClientError>;
    /// What accounting knows of some jobs; `None` where there is no accounting.
    fn accounting(&mut self, jobs: &[SlurmId]) -> Result<Option<Vec<Listed>>, ClientError>;
    /// Cancels jobs.
    fn cancel(&mut self, jobs: &[SlurmId]) -> Result<(), ClientError>;
    /// Sends a signal to the scripts of running jobs.
    fn signal(&mut self, jobs: &[SlurmId], signal: &str) -> Result<(), ClientError>;
    /// How many nodes of a partition can run jobs; of the largest, if it has no name.
    fn usable_nodes(&mut self, partition: &str) -> Result<usize, ClientError>;
}

impl Queue for Client {
    fn submit(&mut self, job: &Submission) -> Result<u64, ClientError> {
        Client::submit(self, job)
    }

    fn list(&mut self, prefix: &str) -> Result<Vec<Listed>, ClientError> {
        Client::list(self, prefix)
    }

    fn accounting(&mut self, jobs: &[SlurmId]) -> Result<Option<Vec<Listed>>, ClientError> {
        Client::accounting(self, jobs)
    }

    fn cancel(&mut self, jobs: &[SlurmId]) -> Result<(), ClientError> {
        Client::cancel(self, jobs)
    }

    fn signal(&mut self, jobs: &[SlurmId], signal: &str) -> Result<(), ClientError> {
        Client::signal(self, jobs, signal)
    }

    fn usable_nodes(&mut self, partition: &str) -> Result<usize, ClientError> {
        let partitions = Client::partitions(self)?;
        let of_it = partitions.iter().filter(|found| partition.is_empty() || found.name == partition);
        Ok(of_it.map(|found| found.usable).max().unwrap_or(0))
    }
}
