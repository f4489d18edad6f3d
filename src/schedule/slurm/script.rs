//! The script of a batch job: starts the jobs of an allocation, hands signals on to them, and has them started again.

use std::{fmt::Write, path::PathBuf};

use super::Submission;
use crate::{plan::JobId, schedule::STOPPED, sweep::Resources};

/// What is the same for all jobs of a run.
#[derive(Clone, Debug)]
pub struct Site {
    /// The program on the nodes.
    pub program: String,
    /// The store, as the nodes know it.
    pub store: PathBuf,
    /// The working directory of the run.
    pub directory: PathBuf,
    /// Where scripts write what they have to say themselves.
    pub folder: PathBuf,
    /// A word that no other store has.
    pub identity: String,
    /// Seconds before its end at which a job is warned.
    pub warning: u64,
    /// Slots of each of the scheduler's devices, of which every one stands for an allocation.
    pub slots: usize,
}

/// A job to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub job: JobId,
    /// The submission's number.
    pub number: u64,
    pub arguments: Vec<String>,
}

/// What is submitted at once: the tasks of an array, or a single one, each with the jobs that share its allocation.
#[derive(Clone, Debug)]
pub(super) struct Batch<'a> {
    pub site: &'a Site,
    pub name: String,
    pub resources: &'a Resources,
    /// The longest that a task may run.
    pub minutes: Option<u64>,
    /// Nodes to stay away from.
    pub exclude: &'a [String],
    /// Whether it is a job array.
    pub array: bool,
    /// Each with its index.
    pub tasks: Vec<(u32, Vec<Member>)>,
}

/// What the names of a store's jobs begin with.
pub fn prefix(identity: &str) -> String {
    format!("ablate-{identity}-")
}

/// What tells that a job of this name is of the store.
pub(super) fn comment(identity: &str) -> String {
    format!("ablate store {identity}")
}

/// A name that no other submission of the store has: a job is not submitted twice with the same number.
pub(super) fn name(identity: &str, job: JobId, number: u64) -> String {
    format!("{}{}-{number}", prefix(identity), job.short())
}

/// What the cluster's file asks for, as options of sbatch; `exclude` are further nodes to stay away from.
pub fn asked(resources: &Resources, exclude: &[String]) -> Vec<String> {
    let Resources { partition, account, qos, gres, constraint, exclude: own, cpus, memory, options, .. } = resources;
    let own = [own].into_iter().filter(|nodes| !nodes.is_empty());
    let exclude: Vec<&str> = own.chain(exclude).map(String::as_str).collect();
    let texts = [
        ("partition", partition),
        ("account", account),
        ("qos", qos),
        ("gres", gres),
        ("constraint", constraint),
        ("exclude", &exclude.join(",")),
    ];
    let written = texts.into_iter().filter(|(_, value)| !value.is_empty());
    let mut asked = vec!["--nodes=1".to_owned(), "--ntasks=1".to_owned(), format!("--cpus-per-task={cpus}")];
    asked.extend(written.map(|(name, value)| format!("--{name}={value}")));
    asked.extend(memory.map(|bytes| format!("--mem={}M", bytes.div_ceil(1 << 20))));
    asked.extend(options.iter().cloned());
    asked
}

impl Batch<'_> {
    /// What is handed to sbatch.
    pub(super) fn submission(&self) -> Submission {
        Submission {
            name: self.name.clone(),
            comment: comment(&self.site.identity),
            options: self.options(),
            script: format!("#!/bin/bash\n{}", self.body()),
        }
    }

    /// The script with all that sbatch is told, for people.
    pub(super) fn text(&self) -> String {
        let Submission { name, comment, options, .. } = self.submission();
        let own = [format!("--job-name={name}"), format!("--comment={comment}")];
        let line = |option: &String| format!("#SBATCH {}\n", quoted(option));
        let options: String = own.iter().chain(&options).map(line).collect();
        format!("#!/bin/bash\n{options}{}", self.body())
    }

    fn options(&self) -> Vec<String> {
        let output = if self.array { "%x-%a.out" } else { "%x.out" };
        let mut options = vec![
            format!("--output={}", self.site.folder.join(output).display()),
            "--open-mode=append".to_owned(),
            format!("--chdir={}", self.site.directory.display()),
            "--requeue".to_owned(),
            format!("--signal=B:USR1@{}", self.site.warning),
        ];
        options.extend(self.minutes.map(|minutes| format!("--time={minutes}")));
        if self.array {
            let indices: Vec<String> = self.tasks.iter().map(|(index, _)| index.to_string()).collect();
            options.push(format!("--array={}", indices.join(",")));
        }
        options.extend(asked(self.resources, self.exclude));
        options
    }

    fn body(&self) -> String {
        let Site { program, store, warning, .. } = self.site;
        let (program, store) = (quoted(program), quoted(&store.display().to_string()));
        let setup: String = self.resources.setup.iter().map(|line| format!("{line}\n")).collect();
        let mut tasks = String::new();
        for (index, jobs) in &self.tasks {
            // Writing to a string cannot fail.
            let _ = writeln!(tasks, "{index})\n    together={}", jobs.len());
            for Member { job, number, arguments } in jobs {
                let arguments: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
                let _ = writeln!(tasks, "    job {job} {number} {}", arguments.join(" "));
            }
            tasks.push_str("    ;;\n");
        }
        format!(
            r#"
store={store}
jobs=() requeue=

# Starts a job: its id, the number of its submission, further arguments.
job() {{
    local folder=$store/jobs/$1 threads=$((${{SLURM_CPUS_PER_TASK:-1}} / together))
    {program} job "$1" --store "$store" --submission "$2" --threads $((threads > 0 ? threads : 1)) "${{@:3}}" \
        >"$folder/messages-$2-${{SLURM_RESTART_COUNT:-0}}.jsonl" 2>>"$folder/log.txt" &
    jobs+=($!)
}}

tell() {{
    kill -s "$1" "${{jobs[@]}}" 2>/dev/null
}}

# The time is nearly over, or, where that can be told apart, the allocation is wanted for others.
warned() {{
    requeue=1
    if ((${{SLURM_JOB_END_TIME:-0}} - $(date +%s) > 2 * {warning} + 60)); then tell TERM; else tell USR1; fi
}}
trap warned USR1
trap 'tell TERM' TERM

export MIMALLOC_PURGE_DELAY=${{MIMALLOC_PURGE_DELAY:--1}}
{setup}case ${{SLURM_ARRAY_TASK_ID:-0}} in
{tasks}esac

# Waits for a job's process however often signals interrupt that.
ended() {{
    local code
    while wait "$1"; code=$?; ((code > 128)) && kill -0 "$1" 2>/dev/null; do :; done
    if ((code > 128)); then
        # Perhaps that was a signal to this script; the shell remembers how the process ended.
        wait "$1"
        local last=$?
        ((last == 127)) || code=$last
    fi
    return "$code"
}}

status=0 stopped=
for process in "${{jobs[@]}}"; do
    ended "$process"
    code=$?
    ((code == {STOPPED})) && stopped=1
    ((code == 0)) || status=$code
done
if [[ $stopped && $requeue ]]; then
    id=$SLURM_JOB_ID
    [[ $SLURM_ARRAY_JOB_ID ]] && id=${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID
    scontrol requeue "$id"
fi
[[ $stopped ]] && status={STOPPED}
exit "$status"
"#
        )
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+%@".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
