//! The death of whatever takes part: the run, the controller, a node; and jobs that Slurm puts back or forgets.

use std::{fs, thread, time::Duration};

use super::{
    cluster::{Cluster, wait_until},
    lab::{AtWork, assert_trained_once, at_work, calm, finish, logs, quick, run, start},
};

#[test]
fn a_run_that_is_killed_at_any_time_leaves_its_jobs_to_the_next() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let calm = calm(&quick());
    for line in [0, 1, 4, 7, 10] {
        let lab = quick();
        let mut run_at_work = start(&cluster, &lab, &[]);
        if line == 0 {
            // Perhaps while sbatch is at work.
            wait_until("something is submitted", || lab.path("results/cluster").exists());
        }
        wait_until("the journal has grown", || lab.lines().len() >= line);
        run_at_work.kill().unwrap();
        run_at_work.wait().unwrap();
        let before = lab.lines();
        run(&cluster, &lab);
        assert_eq!(lab.lines()[..before.len()], before, "what was acknowledged stays");
        lab.assert_done_once_as(&calm, &format!("killed after line {line}"));
        assert_trained_once(&lab);
    }
    wait_until("nothing is left in the queue", || cluster.in_state("PENDING").is_empty());
}

#[test]
fn a_controller_that_dies_right_after_a_submission_loses_nothing() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let lab = quick();
    let calm = calm(&lab);
    let run = start(&cluster, &lab, &[]);
    wait_until("a job is submitted", || !cluster.jobs().is_empty());
    cluster.tell("kill", "slurmctld");
    thread::sleep(Duration::from_secs(1));
    cluster.tell("resume", "slurmctld");
    finish(run);
    lab.assert_done_once_as(&calm, "after the death of slurmctld");
}

#[test]
fn a_controller_that_is_down_is_waited_for() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let lab = quick();
    let calm = calm(&lab);
    cluster.tell("kill", "slurmctld");
    let run = start(&cluster, &lab, &[]);
    // Nine seconds are what sbatch tries by itself.
    thread::sleep(Duration::from_secs(11));
    cluster.tell("resume", "slurmctld");
    let told = finish(run);
    assert!(told.contains("Slurm does not answer"), "{told}");
    lab.assert_done_once_as(&calm, "after slurmctld was down");
}

#[test]
fn a_daemon_of_a_node_that_is_started_again_finds_its_jobs() {
    let Some(AtWork { cluster, lab, calm, run }) = at_work(&[], &[], 1) else { return };
    cluster.tell("kill", "n1");
    thread::sleep(Duration::from_secs(2));
    cluster.tell("resume", "n1");
    finish(run);
    lab.assert_done_once_as(&calm, "after the death of slurmd");
    assert_trained_once(&lab);
}

#[test]
fn a_node_that_is_gone_for_good_costs_only_the_work_since_the_last_checkpoint() {
    // All have kept a checkpoint.
    let Some(AtWork { cluster, lab, calm, run }) = at_work(&[], &["--checkpoint-epochs", "5"], 6) else { return };
    cluster.tell("crash", "n1");
    cluster.slurm("scontrol", &["update", "nodename=n1", "state=down", "reason=crashed"]);
    finish(run);
    lab.assert_done_once_as(&calm, "after the death of a node");
    assert!(logs(&lab).iter().any(|log| log.contains("going on from a checkpoint")));
    assert!(cluster.jobs().iter().filter(|row| row.state == "COMPLETED").all(|row| row.node == "n2"));
}

#[test]
fn a_copy_that_lives_on_a_lost_node_publishes_nothing() {
    let Some(AtWork { cluster, lab, calm, run }) = at_work(&[], &[], 1) else { return };
    // Its jobs live on, and Slurm starts them once more on the other node.
    cluster.tell("kill", "n1");
    cluster.slurm("scontrol", &["update", "nodename=n1", "state=down", "reason=lost"]);
    finish(run);
    lab.assert_done_once_as(&calm, "with two copies");
    assert_trained_once(&lab);
}

#[test]
fn a_job_that_is_warned_keeps_a_checkpoint_and_goes_on_in_another_start() {
    let Some(AtWork { cluster, lab, calm, run }) = at_work(&[], &[], 1) else { return };
    // The signal by which Slurm warns of a time limit.
    for job in cluster.in_state("RUNNING") {
        cluster.slurm("scancel", &["--batch", "--signal=USR1", &job.id]);
    }
    finish(run);
    lab.assert_done_once_as(&calm, "after a warning");
    let went_on = logs(&lab).iter().filter(|log| log.contains("going on from a checkpoint")).count();
    assert_eq!(went_on, 4, "{:?}", logs(&lab));
}

#[test]
fn a_requeued_job_starts_again() {
    // All have kept a checkpoint.
    let Some(AtWork { cluster, lab, calm, run }) = at_work(&[], &["--checkpoint-epochs", "5"], 6) else { return };
    for job in cluster.in_state("RUNNING") {
        cluster.slurm("scontrol", &["requeue", &job.id]);
    }
    finish(run);
    lab.assert_done_once_as(&calm, "after a requeue");
    assert!(logs(&lab).iter().any(|log| log.contains("going on from a checkpoint")));
}

#[test]
fn a_job_that_somebody_cancels_is_left_to_the_next_run() {
    let Some(AtWork { cluster, lab, calm, run: run_at_work }) = at_work(&[], &[], 1) else { return };
    let victim = cluster.in_state("RUNNING").remove(0);
    cluster.slurm("scancel", &[&victim.id]);
    let output = run_at_work.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("stopped: 2 jobs were not finished"), "{told}");
    run(&cluster, &lab);
    assert_eq!((lab.table(), lab.numbers()), (calm.table(), calm.numbers()));
    assert_trained_once(&lab);
}

#[test]
fn jobs_that_slurm_has_forgotten_are_known_by_what_they_left() {
    let Some(cluster) = Cluster::start(&[("MINJOBAGE", "2")]) else { return };
    let lab = quick();
    let calm = calm(&lab);
    let mut run_at_work = start(&cluster, &lab, &[]);
    wait_until("all pretrainings are submitted", || cluster.jobs().len() >= 4);
    run_at_work.kill().unwrap();
    run_at_work.wait().unwrap();
    wait_until("all is over and forgotten", || cluster.jobs().is_empty());
    run(&cluster, &lab);
    lab.assert_done_once_as(&calm, "with a forgetful controller");
    assert_trained_once(&lab);
}

#[test]
fn accounting_tells_what_became_of_jobs_that_the_queue_forgot() {
    let Some(AtWork { cluster, lab, calm, run: mut run_at_work }) =
        at_work(&[("ACCOUNTING", "1"), ("MINJOBAGE", "2")], &[], 1)
    else {
        return;
    };
    run_at_work.kill().unwrap();
    run_at_work.wait().unwrap();
    let jobs = cluster.in_state("RUNNING");
    for job in &jobs[..2] {
        cluster.slurm("scancel", &[&job.id]);
    }
    wait_until("the queue forgets", || cluster.jobs().iter().all(|row| row.id != jobs[0].id && row.id != jobs[1].id));
    cluster.tell("kill", "slurmdbd");
    cluster.tell("resume", "slurmdbd");
    run(&cluster, &lab);
    lab.assert_done_once_as(&calm, "with accounting");
    let told = logs(&lab).iter().filter(|log| log.contains("it was cancelled before this run began")).count();
    assert_eq!(told, 2, "{:?}", logs(&lab));
    let (code, said, _) = cluster.ablate(&lab, &["doctor", "--executor", "slurm"]);
    assert!(code == 0 && said.contains("ok       accounting sacct answers"), "{said}");
    assert!(fs::metadata(lab.path("results/tables/tiny/tiny.csv")).is_ok());
}
