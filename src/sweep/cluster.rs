//! What a file says about a cluster: what the jobs of each kind ask of it. Changes no result.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{
    Diagnostics,
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::Section,
    outline::entries,
    parser,
    syntax::{Kind, Node},
    vocabulary::suggestion,
};

/// The kinds of jobs, as `JobSpec::kind` names them.
const KINDS: [&str; 5] = ["pretrain", "fine-tune", "evaluate", "initialize", "import"];
/// The settings of a kind of job.
const FIELDS: [&str; 14] = [
    "partition",
    "account",
    "qos",
    "gres",
    "constraint",
    "cpus",
    "memory",
    "time",
    "gpu",
    "gpu_memory",
    "share",
    "setup",
    "options",
    "exclude",
];
/// Jobs in the queue at a time unless the file says.
const QUEUE: usize = 100;
/// Seconds before the end at which a job is warned unless the file says: enough to write a large checkpoint.
const WARNING: u64 = 120;

/// A cluster as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// What jobs ask for whose kind has no entry of its own.
    pub jobs: Resources,
    /// What the jobs of some kinds ask for.
    pub kinds: BTreeMap<String, Resources>,
    /// Allocations in the queue at a time, running ones included.
    pub queue: usize,
    /// Seconds before its end at which a job is warned, to keep a checkpoint.
    pub warning: u64,
    /// The program on the nodes, if it lies elsewhere than here.
    pub program: Option<String>,
}

/// What a job asks of a cluster; texts are passed on to Slurm as they are, and an empty one asks for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// `--partition`.
    pub partition: String,
    /// `--account`.
    pub account: String,
    /// `--qos`.
    pub qos: String,
    /// `--gres`, as `gpu:1`.
    pub gres: String,
    /// `--constraint`.
    pub constraint: String,
    /// Nodes to stay away from, as `--exclude` takes them.
    pub exclude: String,
    /// Cores; jobs that share an allocation divide them.
    pub cpus: usize,
    /// Main memory in bytes; what the cluster gives if it is not said.
    pub memory: Option<u64>,
    /// The longest that a job may run, in minutes; what the cluster allows if it is not said.
    pub time: Option<u64>,
    /// Whether it computes on a GPU.
    pub gpu: bool,
    /// Memory of a GPU in bytes, for jobs that share one.
    pub gpu_memory: Option<u64>,
    /// Jobs that may share an allocation.
    pub share: usize,
    /// Lines of the script before the job, such as `module load cuda`.
    pub setup: Vec<String>,
    /// Further options of sbatch, such as `--reservation=course`.
    pub options: Vec<String>,
}

impl Resources {
    /// Bytes that jobs which share an allocation have together, if that is known.
    pub fn room(&self) -> Option<u64> {
        if self.gpu { self.gpu_memory } else { self.memory }
    }
}

impl Cluster {
    /// What a job of this kind asks for.
    pub fn resources(&self, kind: &str) -> &Resources {
        self.kinds.get(kind).unwrap_or(&self.jobs)
    }

    /// All that jobs may ask for.
    pub fn all(&self) -> impl Iterator<Item = &Resources> {
        self.kinds.values().chain([&self.jobs])
    }

    /// Reads and checks the file; `name` only serves to name it in diagnostics.
    pub fn parse(name: &str, text: &str) -> Result<Self, Diagnostics> {
        let mut findings = Findings::default();
        let cluster = match parser::parse(text) {
            Ok(root) => Some(Self::read(&root, &mut findings)),
            Err(diagnostic) => {
                findings.push(*diagnostic);
                None
            }
        };
        match cluster {
            Some(cluster) if findings.is_empty() => Ok(cluster),
            _ => Err(findings.into_diagnostics(name, text)),
        }
    }

    fn read(root: &Node, findings: &mut Findings) -> Self {
        let file =
            Section::open(root, "the cluster's file", &["jobs"], &["kinds", "queue", "warning", "program"], findings);
        let base = Resources { cpus: 1, share: 1, ..Resources::default() };
        let jobs = file.get("jobs").map_or_else(|| base.clone(), |node| resources(node, "`jobs`", &base, findings));
        let kinds = file.get("kinds").map(|node| entries(node, "`kinds`", "kind of job", findings)).unwrap_or_default();
        let mut of_kinds = BTreeMap::new();
        for entry in kinds {
            if !KINDS.contains(&entry.label) {
                let message = format!("there are no jobs of kind \"{}\"", entry.label);
                let help = suggestion(entry.label, &KINDS, "kinds");
                findings.push(Diagnostic::new(entry.mark.clone(), message, "unknown kind").help(help));
            }
            let owner = format!("\"{}\"", entry.label);
            of_kinds.insert(entry.label.to_owned(), resources(entry.node, &owner, &jobs, findings));
        }
        let queue = number(file, "queue", 1..=100_000, "write how many jobs may be in the queue at a time", findings);
        let warning = number(file, "warning", 10..=3600, "write seconds from 10 to 3600", findings);
        let warning = warning.unwrap_or(WARNING);
        let times = [&jobs].into_iter().chain(of_kinds.values()).filter_map(|resources| resources.time);
        if let Some(short) = times.min().filter(|minutes| minutes * 60 < 2 * warning) {
            let place = file.get("warning").unwrap_or(root).mark.clone();
            let message = format!("jobs of {short} min are warned {warning} s before their end");
            let help = "write a `warning` of less than half the shortest `time`, in seconds";
            findings.push(Diagnostic::new(place, message, "leaves no time to work").help(help));
        }
        Self {
            jobs,
            kinds: of_kinds,
            queue: queue.map_or(QUEUE, |queue| queue as usize),
            warning,
            program: word(file, "program", findings),
        }
    }
}

/// The settings that a group changes in others.
fn resources(node: &Node, owner: &str, base: &Resources, findings: &mut Findings) -> Resources {
    let group = Section::open(node, owner, &[], &FIELDS, findings);
    let mut text = |field: &str, inherited: &String| word(group, field, findings).unwrap_or_else(|| inherited.clone());
    let mut read = Resources {
        partition: text("partition", &base.partition),
        account: text("account", &base.account),
        qos: text("qos", &base.qos),
        gres: text("gres", &base.gres),
        constraint: text("constraint", &base.constraint),
        exclude: text("exclude", &base.exclude),
        ..base.clone()
    };
    let counts = "write how many cores a job has";
    read.cpus = number(group, "cpus", 1..=4096, counts, findings).map_or(base.cpus, |cpus| cpus as usize);
    let shares = "write how many jobs may share an allocation";
    read.share = number(group, "share", 1..=1024, shares, findings).map_or(base.share, |share| share as usize);
    let minutes = "write the longest that a job may run in minutes, as `480`";
    read.time = number(group, "time", 1..=10_000_000, minutes, findings).or(base.time);
    read.memory = gigabytes(group, "memory", findings).or(base.memory);
    read.gpu_memory = gigabytes(group, "gpu_memory", findings).or(base.gpu_memory);
    read.gpu = value(group, "gpu", findings).unwrap_or(base.gpu);
    read.setup = lines(group, "setup", findings).unwrap_or_else(|| base.setup.clone());
    read.options = lines(group, "options", findings).unwrap_or_else(|| base.options.clone());
    if let Some(wrong) =
        read.options.iter().find(|option| !option.starts_with('-') || option.contains(char::is_whitespace))
    {
        let place = group.get("options").unwrap_or(node).mark.clone();
        let message = format!("`{wrong}` is no option of sbatch");
        let help = "write each as one word, as `--reservation=course`";
        findings.push(Diagnostic::new(place, message, "not an option").help(help));
    }
    if read.share > 1 && read.room().is_none() {
        let place = group.get("share").unwrap_or(node).mark.clone();
        let field = if read.gpu { "gpu_memory" } else { "memory" };
        let message = format!("jobs can share an allocation only if `{field}` says how much memory it has");
        let help = format!("add `{field}: …`, in GB, or write `share: 1`");
        findings.push(Diagnostic::new(place, message, "shared without a measure").help(help));
    }
    read
}

fn value<T: DeserializeOwned>(group: Section, field: &str, findings: &mut Findings) -> Option<T> {
    decode(group.get(field)?, &format!("`{field}`"), findings)
}

/// A whole number that must lie in a range.
fn number(
    group: Section,
    field: &str,
    range: std::ops::RangeInclusive<u64>,
    help: &str,
    findings: &mut Findings,
) -> Option<u64> {
    let number: u64 = value(group, field, findings)?;
    if !range.contains(&number) {
        let place = group.get(field)?.mark.clone();
        let message = format!("`{field}` cannot be {number}");
        findings.push(Diagnostic::new(place, message, "impossible value").help(help));
    }
    Some(number)
}

/// An amount of memory in bytes.
fn gigabytes(group: Section, field: &str, findings: &mut Findings) -> Option<u64> {
    let number: f64 = value(group, field, findings)?;
    if !(0.1..1e6).contains(&number) {
        let place = group.get(field)?.mark.clone();
        let message = format!("`{field}` cannot be {number}");
        findings.push(Diagnostic::new(place, message, "impossible value").help("write it in GB, as `32` or `0.5`"));
    }
    Some((1e9 * number) as u64)
}

/// A text that may be empty, and that Slurm takes as one word.
fn word(group: Section, field: &str, findings: &mut Findings) -> Option<String> {
    let text: String = value(group, field, findings)?;
    if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        let place = group.get(field)?.mark.clone();
        let message = format!("`{field}` must be one word");
        findings.push(Diagnostic::new(place, message, "contains a space").help("write it as Slurm's commands take it"));
    }
    Some(text)
}

/// Lines of text; none are possible.
fn lines(group: Section, field: &str, findings: &mut Findings) -> Option<Vec<String>> {
    let node = group.get(field)?;
    let lines: Vec<String> = match &node.kind {
        Kind::Text(line) => vec![line.clone()],
        _ => decode(node, &format!("`{field}`"), findings)?,
    };
    if lines.iter().any(|line| line.contains(['\n', '\r', '\0'])) {
        let message = format!("a line of `{field}` must be one line");
        findings.push(Diagnostic::new(node.mark.clone(), message, "contains a line break").help("write several texts"));
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_change_what_all_jobs_ask_for() {
        let text = r#"(
            jobs: (partition: "gpu", gres: "gpu:1", cpus: 8, memory: 32, time: 480, gpu: true, setup: ["module load cuda"]),
            kinds: {"evaluate": (partition: "cpu", gres: "", gpu: false, time: 30)},
            queue: 20,
        )"#;
        let cluster = Cluster::parse("cluster.ron", text).unwrap();
        assert_eq!((cluster.queue, cluster.warning, cluster.program.as_deref()), (20, WARNING, None));
        let [pretrain, evaluate] = ["pretrain", "evaluate"].map(|kind| cluster.resources(kind));
        assert_eq!(
            (&*pretrain.partition, &*pretrain.gres, pretrain.gpu, pretrain.time),
            ("gpu", "gpu:1", true, Some(480))
        );
        assert_eq!((&*evaluate.partition, &*evaluate.gres, evaluate.gpu, evaluate.time), ("cpu", "", false, Some(30)));
        assert_eq!((evaluate.cpus, evaluate.memory, &evaluate.setup), (8, Some(32_000_000_000), &pretrain.setup));
        let least = Cluster::parse("cluster.ron", "(jobs: ())").unwrap();
        assert_eq!((least.jobs.cpus, least.jobs.share, least.queue), (1, 1, QUEUE));
    }

    #[test]
    fn mistakes_are_shown_at_their_place() {
        let text = r#"(
    jobs: (partition: "a b", cpu: 8, time: 0, memory: "much", share: 2, options: ["reservation=x"]),
    kinds: {"evaluation": (gpu: yes)},
    queue: 0,
)"#;
        let found = Cluster::parse("cluster.ron", text).unwrap_err();
        let lines: Vec<String> =
            found.iter().map(|it| format!("{}; {}", it.message, it.help.as_deref().unwrap_or_default())).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        jobs of 0 min are warned 120 s before their end; write a `warning` of less than half the shortest `time`, in seconds
        `partition` must be one word; write it as Slurm's commands take it
        `jobs` has no field `cpu`; did you mean `cpus`? The fields here are `partition`, `account`, `qos`, `gres`, `constraint`, `cpus`, `memory`, `time`, `gpu`, `gpu_memory`, `share`, `setup`, `options` and `exclude`
        `time` cannot be 0; write the longest that a job may run in minutes, as `480`
        `memory` must be a number, not text; numbers are written like `20`, `0.5` or `1e-6`
        jobs can share an allocation only if `memory` says how much memory it has; add `memory: …`, in GB, or write `share: 1`
        `reservation=x` is no option of sbatch; write each as one word, as `--reservation=course`
        there are no jobs of kind "evaluation"; did you mean `evaluate`? The kinds here are `pretrain`, `fine-tune`, `evaluate`, `initialize` and `import`
        `reservation=x` is no option of sbatch; write each as one word, as `--reservation=course`
        jobs can share an allocation only if `memory` says how much memory it has; add `memory: …`, in GB, or write `share: 1`
        `gpu` must be `true` or `false`, not the word `yes`; write `true`
        `queue` cannot be 0; write how many jobs may be in the queue at a time
        "#);
    }
}
