//! Runs that nothing goes wrong with except what is meant to.

use std::{collections::BTreeSet, fs, process::Output};

use super::{
    cluster::{Cluster, wait_until},
    lab::{AtWork, RUN, assert_trained_once, at_work, endless, of, quick, run, start, wait_for_epoch},
};
use crate::cli::{Lab, SWEEP};

#[test]
fn tables_are_those_of_this_machine_to_the_byte() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let (lab, calm) = (quick(), Lab::new());
    // The notes below a table name the number of threads; allocations have one core.
    calm.run(&["--devices", "cpu:1"]);
    run(&cluster, &lab);
    lab.assert_done_once_as(&calm, "on a cluster");
    for file in ["tiny.csv", "tiny.md", "tiny.tex"] {
        let read = |lab: &Lab| fs::read_to_string(lab.path("results/tables/tiny").join(file)).unwrap();
        assert_eq!(read(&lab), read(&calm), "{file}");
    }
    // The run knows by the store that the last job is done, before Slurm does.
    wait_until("Slurm knows that all is done", || cluster.in_state("COMPLETED").len() == 8);
    let jobs = cluster.jobs();
    for node in ["n1", "n2"] {
        assert!(jobs.iter().any(|row| row.node == node), "{node}: {jobs:?}");
    }
    let (code, _, told) = cluster.ablate(&lab, &RUN);
    assert!(code == 0 && told.contains("nothing to do"), "{told}");
    assert_eq!(cluster.jobs().len(), jobs.len());
}

#[test]
fn sixty_jobs_run_and_need_fewer_submissions() {
    let Some(cluster) = Cluster::start(&[("CPUS", "8"), ("GPUS", "0")]) else { return };
    let seeds: Vec<String> = (0..15).map(|seed| seed.to_string()).collect();
    let sweep = SWEEP
        .replace("objective: NtXent(temperature: 0.5)", "objective: Untrained")
        .replace(r#""cold": (objective: NtXent(temperature: 0.1))"#, r#""cold": (encoder: (width: 0.25))"#)
        .replace(r#""warm": (objective: NtXent(temperature: 1.0))"#, r#""warm": (encoder: (width: 0.5))"#)
        .replace(", (metric: Loss)", "")
        .replace("seeds: [0, 1]", &format!("seeds: [{}]", seeds.join(", ")));
    let lab = of(&sweep, "(jobs: (cpus: 1))");
    run(&cluster, &lab);
    assert_eq!(lab.count("Succeeded"), 60);
    let jobs = cluster.jobs();
    assert_eq!(jobs.len(), 60, "{jobs:?}");
    let submissions: BTreeSet<&str> = jobs.iter().map(|row| row.id.split('_').next().unwrap()).collect();
    assert!(submissions.len() < 40, "{submissions:?}");
}

#[test]
fn a_job_that_fails_takes_nothing_else_down() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let wild = r#""wild": (optimizer: (learning_rate: Fixed(1e30)))"#;
    let lab = quick();
    lab.write(&SWEEP.replace(r#""warm": (objective: NtXent(temperature: 1.0))"#, wild));
    let (code, table, told) = cluster.ablate(&lab, &RUN);
    assert_eq!(code, 1, "{told}");
    assert!(table.contains("FAILED") && table.contains("│ cold"), "{table}");
    assert!(told.contains("the pretraining loss became") && told.contains("log.txt"), "{told}");
    assert_eq!((lab.count("Succeeded"), lab.count("Failed"), lab.count("Skipped")), (4, 2, 2));
}

#[test]
fn what_slurm_refuses_is_said_in_its_words() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let lab = of(SWEEP, r#"(jobs: (partition: "nowhere"))"#);
    let (code, _, told) = cluster.ablate(&lab, &RUN);
    assert!(code == 1 && told.contains("invalid partition specified: nowhere"), "{told}");
}

#[test]
fn several_devices_of_a_job_are_asked_for_in_the_clusters_file() {
    // Nothing of Slurm is asked.
    let scheduled =
        |devices: usize| SWEEP.replace("    seeds:", &format!("    scheduling: [(devices: {devices})],\n    seeds:"));
    let lab = of(&scheduled(2), "(jobs: ())");
    let dry_run = [&RUN[..], &["--dry-run"]].concat();
    let Output { status, stderr, .. } = lab.command(&dry_run).output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert!(status.code() == Some(2) && told.contains("`scheduling` gives a job 2 devices"), "{status}: {told}");
    lab.write(&scheduled(1));
    assert!(lab.command(&dry_run).output().unwrap().status.success());
}

#[test]
fn scripts_are_shown_without_submitting_anything() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let lab = quick();
    let (code, scripts, told) = cluster.ablate(&lab, &[&RUN[..], &["--dry-run"]].concat());
    assert_eq!(code, 0, "{told}");
    assert!(scripts.starts_with("#!/bin/bash\n#SBATCH ") && scripts.contains("#SBATCH --gres=gpu:1"), "{scripts}");
    assert_eq!(cluster.jobs(), []);
}

#[test]
fn a_run_in_the_background_outlives_the_command() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let lab = quick();
    let (code, said, told) = cluster.ablate(&lab, &[&RUN[..], &["--detach"]].concat());
    assert_eq!(code, 0, "{said}{told}");
    let (code, watched, told) = cluster.ablate(&lab, &["watch", "tiny.ron"]);
    assert!(code == 0 && watched.contains("8 done"), "{watched}{told}");
    assert_eq!(lab.count("Succeeded"), 8);
}

#[test]
fn only_the_jobs_of_the_sweep_are_cancelled() {
    let Some(cluster) = Cluster::start(&[("CPUS", "8"), ("GPUS", "4")]) else { return };
    let (lab, other) = (endless(), endless());
    let foreign = cluster.slurm("sbatch", &["--parsable", "--output=/dev/null", "--wrap=sleep 1000"]);
    let runs = [start(&cluster, &lab, &[]), start(&cluster, &other, &[])];
    wait_for_epoch(&lab, 1, 4);
    wait_for_epoch(&other, 1, 4);
    assert_eq!(cluster.in_state("RUNNING").len(), 9);
    let (code, said, told) = cluster.ablate(&lab, &["cancel", "tiny.ron"]);
    assert!(code == 0 && said.starts_with("cancelled: 4 jobs"), "{said}{told}");
    let [mut run, mut left] = runs;
    assert_eq!(run.wait().unwrap().code(), Some(1));
    wait_until("the cancelled jobs have ended", || cluster.in_state("CANCELLED").len() == 4);
    let running = cluster.in_state("RUNNING");
    assert_eq!(running.len(), 5, "{running:?}");
    assert!(running.iter().any(|row| row.id == foreign), "{running:?}");
    assert_eq!(left.try_wait().unwrap(), None, "the other run goes on");
    left.kill().unwrap();
    left.wait().unwrap();
}

#[test]
fn an_interrupted_run_leaves_its_jobs_to_the_next() {
    let Some(AtWork { cluster, lab, calm, run: run_at_work }) = at_work(&[], &[], 1) else { return };
    let pid = rustix::process::Pid::from_child(&run_at_work);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = run_at_work.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("run the same command again"), "{told}");
    assert_eq!(cluster.in_state("RUNNING").len(), 4);
    run(&cluster, &lab);
    assert_eq!((lab.table(), lab.numbers()), (calm.table(), calm.numbers()));
    assert_trained_once(&lab);
}
