//! `doctor --executor slurm`.

use super::cluster::Cluster;
use crate::cli::Lab;

const DOCTOR: [&str; 3] = ["doctor", "--executor", "slurm"];

#[test]
fn a_cluster_that_works_is_described_and_tried_out() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let lab = Lab::new();
    let (code, said, told) = cluster.ablate(&lab, &DOCTOR);
    assert_eq!(code, 0, "{said}{told}");
    for line in [
        "ok       slurm      slurm-wlm ",
        "ok       partition  main: 2 of 2 nodes can run jobs, each for at most infinite, gpu:2\n",
        "ok       accounting none: ",
        "ok       probe      job 1 on n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let left: Vec<_> = lab.path("").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["tiny.ron"]);
    assert_eq!(cluster.in_state("COMPLETED").len(), 1);
}

#[test]
fn a_cluster_that_does_not_answer_or_has_no_nodes_is_a_problem() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let lab = Lab::new();
    cluster.slurm("scontrol", &["update", "nodename=n[1-2]", "state=drain", "reason=test"]);
    let (code, said, _) = cluster.ablate(&lab, &DOCTOR);
    assert!(code == 1 && said.contains("PROBLEM  slurm      no partition has a node that can run jobs"), "{said}");
    assert_eq!(cluster.jobs(), [], "no job is submitted that cannot run");
    cluster.tell("kill", "slurmctld");
    let (code, said, _) = cluster.ablate(&lab, &DOCTOR);
    assert!(code == 1 && said.contains("PROBLEM  slurm      Slurm does not answer sinfo"), "{said}");
}
