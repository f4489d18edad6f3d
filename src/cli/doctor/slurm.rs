//! The cluster: Slurm's commands, partitions, accounting, and what a short job finds on a node.

mod probe;

use std::path::Path;

use super::{Finding, fine, note, place, problem};
use crate::{
    cli::error::chain,
    report::count,
    schedule::slurm::{Client, ClientError, Partition},
    sweep::Cluster,
};

/// Looks at the cluster, and submits a job for each way in which its file asks for resources.
pub(super) fn slurm(store: &Path, file: &Cluster) -> Vec<Finding> {
    let client = Client::default();
    match client.version() {
        Ok(version) => {
            let mut findings = vec![fine("slurm", version)];
            findings.extend(cluster(&client, store, file));
            findings
        }
        Err(error) => vec![trouble(&error)],
    }
}

fn trouble(error: &ClientError) -> Finding {
    let remedy = match error {
        ClientError::Unreachable { .. } => "; `scontrol ping` says whether slurmctld is up: wait, or ask who runs it",
        _ => "",
    };
    problem("slurm", format!("{}{remedy}", chain(error)))
}

fn cluster(client: &Client, store: &Path, file: &Cluster) -> Vec<Finding> {
    let partitions = match client.partitions() {
        Ok(partitions) => partitions,
        Err(error) => return vec![trouble(&error)],
    };
    let mut findings: Vec<Finding> = partitions.iter().map(partition).collect();
    let works = partitions.iter().any(|partition| partition.up && partition.usable > 0);
    findings.push(match client.has_accounting() {
        Ok(true) => fine("accounting", "sacct answers"),
        Ok(false) => {
            fine("accounting", "none: jobs that squeue has forgotten are judged by what they left in the store")
        }
        Err(error @ ClientError::Unreachable { .. }) => note("accounting", format!("{error}; runs go on without it")),
        Err(error) => trouble(&error),
    });
    match place(store) {
        _ if !works => {
            findings.push(problem("slurm", "no partition has a node that can run jobs: ask who runs the cluster"));
        }
        Some(folder) => findings.extend(probe::probe(client, &folder, file)),
        None => findings
            .push(problem("probe", format!("no folder above {} is there: choose another --store", store.display()))),
    }
    findings
}

fn partition(partition: &Partition) -> Finding {
    let Partition { name, up, time_limit, nodes, usable, gres } = partition;
    let mut text = format!("{name}: {usable} of {} can run jobs, each for at most {time_limit}", count(*nodes, "node"));
    for gres in gres {
        text.push_str(&format!(", {gres}"));
    }
    if *up { fine("partition", text) } else { note("partition", format!("{text}; it is closed")) }
}
