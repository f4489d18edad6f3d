//! A private Slurm cluster, which ends with the test that uses it.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::cli::Lab;

/// No test waits this long unless it has failed already.
const LONG: Duration = Duration::from_secs(120);

/// TCP ports that a cluster takes.
const PORTS: u16 = 8;

/// A cluster with the nodes n1 and n2.
pub(super) struct Cluster {
    folder: TempDir,
}

/// A job as squeue lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) node: String,
}

impl Cluster {
    /// Starts a cluster, with the variables that `cluster.sh` reads; `None` where Slurm is not installed.
    pub(super) fn start(variables: &[(&str, &str)]) -> Option<Self> {
        let accounting = variables.contains(&("ACCOUNTING", "1"));
        let missing = missing(accounting);
        if !missing.is_empty() {
            assert!(env::var_os("ABLATE_TEST_SLURM").is_none(), "not installed: {missing:?}");
            eprintln!("skipped: {} not installed; tests/slurm/cluster.sh says how to", missing.join(", "));
            return None;
        }
        // Its path is short: sockets lie in it.
        let folder = tempfile::Builder::new().prefix("slurm").tempdir_in("/tmp").unwrap();
        let cluster = Self { folder };
        let port = free_ports().to_string();
        let mut script = cluster.script(&["start"]);
        let output = script.env("PORT", port).envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(cluster)
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/cluster.sh"));
        script.arg(arguments[0]).arg(self.folder.path()).args(&arguments[1..]).stdin(Stdio::null());
        script
    }

    /// `kill`, `crash` or `resume` of a daemon.
    pub(super) fn tell(&self, verb: &str, daemon: &str) {
        let output = self.script(&[verb, daemon]).output().unwrap();
        assert!(output.status.success(), "{verb} {daemon}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The same command, for this cluster.
    pub(super) fn here(&self, mut command: Command) -> Command {
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("SLURM_")) {
                command.env_remove(name);
            }
        }
        command.env("SLURM_CONF", self.configuration());
        command
    }

    pub(super) fn configuration(&self) -> PathBuf {
        self.folder.path().join("etc/slurm.conf")
    }

    /// Runs a command of Slurm that has to succeed, and returns what it prints.
    pub(super) fn slurm(&self, program: &str, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } =
            self.here(Command::new(program)).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(status.success(), "{program} {arguments:?}, {status}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap().trim().to_owned()
    }

    /// All jobs that Slurm remembers, of whoever.
    pub(super) fn jobs(&self) -> Vec<Row> {
        let text = self.slurm("squeue", &["-h", "-r", "--states=all", "-o", "%i|%j|%T|%N"]);
        let row = |line: &str| {
            let fields: Vec<&str> = line.split('|').collect();
            let [id, name, state, node] = fields[..] else { panic!("{line}") };
            Row { id: id.to_owned(), name: name.to_owned(), state: state.to_owned(), node: node.to_owned() }
        };
        text.lines().map(row).collect()
    }

    /// The jobs in this state.
    pub(super) fn in_state(&self, state: &str) -> Vec<Row> {
        self.jobs().into_iter().filter(|row| row.state == state).collect()
    }

    /// `ablate …` in the folder of a lab, on this cluster.
    pub(super) fn command(&self, lab: &Lab, arguments: &[&str]) -> Command {
        self.here(lab.command(arguments))
    }

    /// Exit code, standard output and standard error of `ablate …`.
    pub(super) fn ablate(&self, lab: &Lab, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(lab, arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    /// What the controller has written into its log, for a test that fails.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log/slurmctld.log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the controller's log:\n{}", self.log());
        }
        if let Err(error) = self.script(&["stop"]).output() {
            eprintln!("the cluster in {} was not stopped: {error}", self.folder.path().display());
        }
    }
}

/// What of Slurm is not installed.
fn missing(accounting: bool) -> Vec<&'static str> {
    let mut programs = vec!["sbatch", "slurmctld", "slurmd", "munged"];
    if accounting {
        programs.extend(["slurmdbd", "mariadbd"]);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    programs.retain(|program| !folders.iter().any(|folder| folder.join(program).exists()));
    programs
}

/// The first of some neighbouring ports that nobody listens on, below those that systems hand out by themselves. Clusters
/// of other processes begin elsewhere.
fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = (std::process::id() % 100) as u16 * 100;
    loop {
        let first = 20_000 + (own + NEXT.fetch_add(PORTS, Ordering::Relaxed)) % 10_000;
        if (first..first + PORTS).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return first;
        }
    }
}

pub(super) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < LONG, "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
