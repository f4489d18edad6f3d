//! What a run on a cluster costs beside bare `sbatch` of the same graph: 30 networks that are not trained and their 30
//! evaluations, on a private cluster of two nodes with eight cores each on this machine.
//!
//! `cargo bench --bench slurm`
//!
//! Bare means one sbatch for each job, an evaluation with `--dependency=afterok`, and one squeue a second until none is
//! left. Both ways take turns; jobs are the same processes with the same arguments. Needs Slurm: tests/slurm/cluster.sh.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use ablate::{
    plan::{JobId, Plan},
    store::Store,
    sweep,
};

/// How often each way is measured.
const TURNS: usize = 5;

/// The program.
const ABLATE: &str = env!("CARGO_BIN_EXE_ablate");

/// The private cluster, stopped at the end.
struct Cluster(PathBuf);

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    match measure() {
        Ok(text) => print!("{text}"),
        Err(problem) => eprintln!("{problem}"),
    }
}

fn measure() -> Result<String, Box<dyn Error>> {
    let folder = tempfile::Builder::new().prefix("slurm").tempdir_in("/tmp")?;
    let cluster = Cluster(folder.path().join("c"));
    cluster.script("start")?;
    let file = folder.path().join("graph.ron");
    fs::write(&file, text())?;
    fs::write(folder.path().join("cluster.ron"), "(jobs: (cpus: 1))")?;
    let plan = Plan::new(&[sweep::parse("graph.ron", &text()).map_err(|wrong| wrong.to_string())?]);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        bare.push(by_sbatch(&cluster, &plan, &folder.path().join(format!("bare{turn}")))?);
        ours.push(by_ablate(&cluster, folder.path(), &format!("ours{turn}"))?);
    }
    let (ours, bare) = (median(ours), median(bare));
    Ok(format!(
        "{} jobs, median of {TURNS} turns\nbare sbatch  {bare:.2} s\nablate run   {ours:.2} s, {:.2} times as long\n",
        plan.len(),
        ours / bare
    ))
}

/// A sweep of jobs that take a moment each.
fn text() -> String {
    let example = include_str!("../src/sweep/example.ron");
    let base = example.split_once("    axes:").map_or(example, |(base, _)| base);
    let seeds: Vec<String> = (0..30).map(|seed| seed.to_string()).collect();
    format!(
        r#"{base}
    axes: [(name: "objective", values: {{ "untrained": (
        objective: Untrained,
        data: (source: Shapes, train_images: 40, test_images: 20),
        evaluation: (epochs: 1, batch_size: 20),
    ) }})],
    seeds: [{}],
    evaluations: {{ "linear": () }},
    tables: [(
        name: "t", title: "T", rows: ["objective"], columns: [], metrics: [(metric: Top1, evaluation: "linear")],
    )],
)
"#,
        seeds.join(", ")
    )
}

/// Seconds of the graph with nothing but Slurm's commands.
fn by_sbatch(cluster: &Cluster, plan: &Plan, root: &Path) -> Result<f64, Box<dyn Error>> {
    let store = Store::create(root)?;
    for job in plan.jobs() {
        store.write_job(job)?;
    }
    let begin = Instant::now();
    let mut numbers: BTreeMap<JobId, String> = BTreeMap::new();
    for job in plan.jobs() {
        let log = store.log_path(job.id).display().to_string();
        let command = format!("{ABLATE} job {} --store {} >/dev/null", job.id, root.display());
        let mut sbatch = cluster.command("sbatch");
        sbatch.args(["--parsable", "--cpus-per-task=1", &format!("--output={log}"), &format!("--wrap={command}")]);
        let parents: Vec<&str> = job.parents.iter().map(|parent| numbers[parent].as_str()).collect();
        if !parents.is_empty() {
            sbatch.arg(format!("--dependency=afterok:{}", parents.join(":")));
        }
        numbers.insert(job.id, said(sbatch)?);
    }
    loop {
        let mut squeue = cluster.command("squeue");
        squeue.args(["--noheader", "--states=pending,running,completing"]);
        if said(squeue)?.is_empty() {
            break;
        }
        thread::sleep(Duration::from_secs(1));
    }
    let seconds = begin.elapsed().as_secs_f64();
    for job in plan.jobs() {
        store.record(job.id)?.ok_or("a job has no record")?;
    }
    Ok(seconds)
}

/// Seconds of the graph as a user runs it, tables included.
fn by_ablate(cluster: &Cluster, folder: &Path, store: &str) -> Result<f64, Box<dyn Error>> {
    let begin = Instant::now();
    let mut run = cluster.command(ABLATE);
    run.current_dir(folder).args(["run", "graph.ron", "--quiet", "--store", store]);
    run.args(["--executor", "slurm", "--cluster", "cluster.ron"]);
    said(run)?;
    Ok(begin.elapsed().as_secs_f64())
}

impl Cluster {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.0.join("etc/slurm.conf")).stdin(Stdio::null());
        command
    }

    fn script(&self, verb: &str) -> Result<(), Box<dyn Error>> {
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/cluster.sh"));
        script.arg(verb).arg(&self.0).env("CPUS", "8").env("GPUS", "0").env("PORT", "18817");
        said(script).map(drop)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nobody is left to tell if it fails.
        let _ = self.script("stop");
    }
}

/// What a command prints; an error if it fails.
fn said(mut command: Command) -> Result<String, Box<dyn Error>> {
    let Output { status, stdout, stderr } = command.output()?;
    if status.success() {
        Ok(String::from_utf8(stdout)?.trim().to_owned())
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&stderr)).into())
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
