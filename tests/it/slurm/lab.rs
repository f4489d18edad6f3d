//! A sweep that runs on a cluster.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
};

use serde_json::Value;

use super::cluster::{Cluster, wait_until};
use crate::cli::{Lab, SWEEP};

/// Every job on a GPU of its own, of which the cluster has four.
const ASKS: &str = r#"(jobs: (cpus: 1, gres: "gpu:1"))"#;

pub(super) const RUN: [&str; 6] = ["run", "tiny.ron", "--executor", "slurm", "--cluster", "cluster.ron"];

/// A lab whose jobs take a moment.
pub(super) fn quick() -> Lab {
    of(SWEEP, ASKS)
}

/// A lab whose pretrainings take seconds, and whose evaluations take a moment.
pub(super) fn slow() -> Lab {
    of(&SWEEP.replace("epochs: 2, batch_size: 20", "epochs: 200, batch_size: 20"), ASKS)
}

/// A lab whose pretrainings do not end while a test lasts.
pub(super) fn endless() -> Lab {
    of(&SWEEP.replace("epochs: 2, batch_size: 20", "epochs: 1000000, batch_size: 20"), ASKS)
}

pub(super) fn of(sweep: &str, asks: &str) -> Lab {
    let lab = Lab::new();
    lab.write(sweep);
    fs::write(lab.path("cluster.ron"), asks).unwrap();
    lab
}

/// The same sweep, run on this machine.
pub(super) fn calm(lab: &Lab) -> Lab {
    let calm = Lab::new();
    fs::copy(lab.path("tiny.ron"), calm.path("tiny.ron")).unwrap();
    calm.run(&[]);
    calm
}

/// Starts a run and goes on.
pub(super) fn start(cluster: &Cluster, lab: &Lab, more: &[&str]) -> Child {
    let mut command = cluster.command(lab, &RUN);
    command.args(more).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A run in the midst of its work, and the same sweep run on this machine.
pub(super) struct AtWork {
    pub cluster: Cluster,
    pub lab: Lab,
    pub calm: Lab,
    pub run: Child,
}

/// Starts a run of [`slow`] jobs and waits until its four pretrainings have come to this epoch; `None` where there is no Slurm.
pub(super) fn at_work(options: &[(&str, &str)], more: &[&str], epoch: u64) -> Option<AtWork> {
    let cluster = Cluster::start(options)?;
    let lab = slow();
    let calm = calm(&lab);
    let run = start(&cluster, &lab, more);
    wait_for_epoch(&lab, epoch, 4);
    Some(AtWork { cluster, lab, calm, run })
}

/// Waits until a run has ended well, and returns what it told.
pub(super) fn finish(run: Child) -> String {
    let output = run.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    told
}

/// Runs the sweep to its end, and returns what it told.
pub(super) fn run(cluster: &Cluster, lab: &Lab) -> String {
    finish(start(cluster, lab, &[]))
}

/// The logs of all jobs of the lab.
pub(super) fn logs(lab: &Lab) -> Vec<String> {
    let jobs = lab.path("results/jobs").read_dir().unwrap();
    jobs.map(|job| fs::read_to_string(job.unwrap().path().join("log.txt")).unwrap_or_default()).collect()
}

/// Waits until so many jobs have come at least to the end of this epoch; not every epoch is told of.
pub(super) fn wait_for_epoch(lab: &Lab, epoch: u64, jobs: usize) {
    let of_line = |line: &str| serde_json::from_str::<Value>(line).ok()?.pointer("/Epoch/epoch")?.as_u64();
    let has_come = |folder: PathBuf| {
        let files = folder.read_dir().into_iter().flatten().filter_map(|file| Some(file.ok()?.path()));
        let messages = files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
        let texts = messages.filter_map(|path| fs::read_to_string(path).ok());
        texts.flat_map(|text| text.lines().filter_map(of_line).collect::<Vec<_>>()).any(|found| found >= epoch)
    };
    wait_until("jobs train", || {
        let folders = lab.path("results/jobs").read_dir().into_iter().flatten();
        folders.filter(|folder| has_come(folder.as_ref().unwrap().path())).count() >= jobs
    });
}

/// No job was trained twice to its end.
pub(super) fn assert_trained_once(lab: &Lab) {
    for log in logs(lab) {
        let ends = log.lines().filter(|line| line.starts_with("done in ")).count();
        assert!(ends <= 1, "trained twice:\n{log}");
    }
}
