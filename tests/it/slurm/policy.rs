//! What a cluster does by its own rules: other jobs go first, time is up, nodes start nothing, jobs share an allocation.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use super::{
    cluster::{Cluster, wait_until},
    lab::{AtWork, assert_trained_once, at_work, calm, endless, finish, logs, of, start, wait_for_epoch},
};
use crate::cli::{Lab, SWEEP};

/// What was kept of the last submission of each job.
fn submissions(lab: &Lab) -> Vec<Value> {
    let jobs = lab.path("results/jobs").read_dir().unwrap();
    let texts = jobs.filter_map(|job| fs::read_to_string(job.unwrap().path().join("submission.json")).ok());
    // Its first word is a checksum.
    texts.map(|text| serde_json::from_str(&text[text.find('{').unwrap()..]).unwrap()).collect()
}

#[test]
fn preempted_jobs_are_started_again_by_slurm_and_go_on() {
    // All have kept a checkpoint.
    let Some(AtWork { cluster, lab, calm, run }) = at_work(&[], &["--checkpoint-epochs", "5"], 6) else { return };
    let foreign = ["--parsable", "--partition=high", "--gres=gpu:2", "--output=/dev/null", "--wrap=sleep 1000"];
    let foreign = cluster.slurm("sbatch", &foreign);
    let goes_first = |row: &super::cluster::Row| row.id == foreign && row.state == "RUNNING";
    wait_until("the job that goes first runs", || cluster.jobs().iter().any(goes_first));
    cluster.slurm("scancel", &[&foreign]);
    finish(run);
    lab.assert_done_once_as(&calm, "after preemption");
    assert_trained_once(&lab);
    assert!(logs(&lab).iter().any(|log| log.contains("going on from a checkpoint")));
    assert_eq!(cluster.jobs().len(), 9, "nothing is submitted twice: {:?}", cluster.jobs());
    assert!(cluster.log().contains("preempted"), "{}", cluster.log());
}

#[test]
fn small_jobs_share_an_allocation() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let slow = SWEEP.replace("epochs: 2, batch_size: 20", "epochs: 200, batch_size: 20");
    let lab = of(&slow, r#"(jobs: (cpus: 2, gres: "gpu:1", share: 2, memory: 8))"#);
    let calm = calm(&lab);
    let run = start(&cluster, &lab, &[]);
    wait_for_epoch(&lab, 1, 4);
    let running = cluster.in_state("RUNNING");
    finish(run);
    lab.assert_done_once_as(&calm, "in shared allocations");
    assert_trained_once(&lab);
    assert!(running.len() <= 2, "four jobs in two allocations: {running:?}");
    let mut members: BTreeMap<String, u64> = BTreeMap::new();
    for handed in submissions(&lab) {
        *members.entry(format!("{} {}", handed["name"], handed["task"])).or_default() += 1;
    }
    assert!(members.values().filter(|&&jobs| jobs == 2).count() >= 2, "{members:?}");
}

#[test]
fn a_node_that_starts_nothing_is_said_and_the_others_do_the_work() {
    let Some(cluster) = Cluster::start(&[("BROKEN", "n1")]) else { return };
    let lab = of(SWEEP, r#"(jobs: (cpus: 1, gres: "gpu:1"))"#);
    let calm = calm(&lab);
    let told = finish(start(&cluster, &lab, &[]));
    lab.assert_done_once_as(&calm, "beside a broken node");
    assert_trained_once(&lab);
    assert!(told.contains("back after it could not be run: launch failed requeued held"), "{told}");
    wait_until("no job is left in the queue", || cluster.in_state("PENDING").is_empty());
    let done = cluster.in_state("COMPLETED");
    assert!(done.len() == 8 && done.iter().all(|row| row.node == "n2"), "{done:?}");
}

#[test]
fn a_job_whose_time_is_up_before_it_keeps_anything_fails_and_says_why() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let lab = endless();
    // Deaf to the warning.
    fs::write(lab.path("cluster.ron"), r#"(jobs: (cpus: 1, gres: "gpu:1", time: 60, setup: ["trap '' USR1"]))"#)
        .unwrap();
    let run = start(&cluster, &lab, &[]);
    wait_for_epoch(&lab, 1, 4);
    // Slurm looks every 30 s for jobs whose time is up.
    for job in cluster.in_state("RUNNING") {
        cluster.slurm("scontrol", &["update", &format!("jobid={}", job.id), "endtime=now+1"]);
    }
    let output = run.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("Slurm's time limit ended job") && told.contains("allow it more `time`"), "{told}");
    assert_eq!((lab.count("Succeeded"), lab.count("Failed"), lab.count("Skipped")), (0, 4, 4));
    assert_eq!(cluster.in_state("TIMEOUT").len(), 4);
    assert_eq!(cluster.jobs().len(), 4, "all had all the time there is: {:?}", cluster.jobs());
}
