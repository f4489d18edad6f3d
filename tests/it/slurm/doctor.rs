//! `doctor --executor slurm`.

use super::{cluster::Cluster, lab::of};
use crate::cli::{Lab, SWEEP};

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

#[test]
fn what_the_file_asks_for_is_tried_out() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    for (asks, problem) in [
        (r#"(jobs: (partition: "nowhere"))"#, "invalid partition specified: nowhere"),
        (r#"(jobs: (), kinds: {"evaluate": (gres: "gpu:9")})"#, "Requested node configuration is not available"),
        (r#"(jobs: (), program: "/nowhere/ablate")"#, "cannot start /nowhere/ablate: install it where nodes see it"),
        (r#"(jobs: (setup: ["exit 3"]))"#, "ended as FAILED (NonZeroExitCode), with exit code 3"),
    ] {
        let lab = of(SWEEP, asks);
        let (code, said, _) = cluster.ablate(&lab, &[&DOCTOR[..], &["--cluster", "cluster.ron"]].concat());
        assert!(code == 1 && said.contains(problem), "{asks}: {said}");
    }
    let lab = of(SWEEP, r#"(jobs: (gres: "gpu:2"), kinds: {"evaluate": (partition: "high")})"#);
    let (code, said, _) = cluster.ablate(&lab, &[&DOCTOR[..], &["--cluster", "cluster.ron"]].concat());
    assert!(code == 0 && said.matches("ok       probe ").count() == 2, "{said}");
}
