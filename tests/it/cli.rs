//! The program as a user runs it: commands, exit codes, crashes.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

mod bundles;
mod checkpoints;
mod damage;
mod files;
mod format;
mod frozen;
mod full_disk;
mod gpus;
mod journal;
mod keeping;
mod kernels;
mod killed_jobs;
mod kills;
mod limits;
mod pictures;
mod precision;
mod states;
mod staying;
mod surroundings;
mod torn_journal;

/// A folder with a small sweep file and a store.
pub(crate) struct Lab {
    folder: TempDir,
}

pub(crate) const SWEEP: &str = r#"(
    title: "Tiny",
    base: (
        data: (source: Shapes, train_images: 40, test_images: 20),
        augmentation: (both: [HorizontalFlip(probability: 0.5)]),
        encoder: (architecture: ResNet8, width: 0.25, stem: Cifar, zero_init_residual: true),
        head: (kind: Nonlinear, dimension: 8, batch_norm: true),
        objective: NtXent(temperature: 0.5),
        optimizer: (
            algorithm: Sgd(nesterov: false), learning_rate: Fixed(0.1), momentum: 0.9, weight_decay: 0.0,
        ),
        schedule: (epochs: 2, batch_size: 20, warmup_epochs: 1, decay: Cosine),
        evaluation: (epochs: 3, batch_size: 20, learning_rate: 1.0, momentum: 0.9, weight_decay: 0.0),
    ),
    axes: [(name: "temperature", values: {
        "cold": (objective: NtXent(temperature: 0.1)),
        "warm": (objective: NtXent(temperature: 1.0)),
    })],
    seeds: [0, 1],
    evaluations: {"linear": ()},
    tables: [(
        name: "tiny", title: "Tiny", rows: ["temperature"], columns: [],
        metrics: [(metric: Top1, evaluation: "linear"), (metric: Loss)],
    )],
)"#;

impl Lab {
    pub(crate) fn new() -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        lab.write(SWEEP);
        lab
    }

    pub(crate) fn write(&self, text: &str) {
        fs::write(self.path("tiny.ron"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_ablate"), arguments)
    }

    fn command_of(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_remove("ABLATE_DATA_DIR").env("NO_COLOR", "1");
        command
    }

    fn ablate(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    /// Runs the sweep to its end and returns what it printed.
    pub(crate) fn run(&self, more: &[&str]) -> (String, String) {
        let arguments: Vec<&str> = ["run", "tiny.ron"].iter().chain(more).copied().collect();
        let (code, stdout, stderr) = self.ablate(&arguments);
        assert_eq!(code, 0, "{stdout}\n{stderr}");
        (stdout, stderr)
    }

    /// Job ids of the journal's entries of one kind.
    pub(crate) fn journal(&self, event: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path("results/journal.jsonl")).unwrap();
        let entries = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(&line[17..]).unwrap());
        entries
            .filter(|entry| entry["event"].get(event).is_some() || entry["event"] == event)
            .map(|entry| entry["job"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Takes the store's lock in the name of another process.
    fn hold_lock(&self, pid: u32) -> fs::File {
        let path = self.path("results/lock");
        let mut holder: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        holder["pid"] = pid.into();
        fs::write(&path, holder.to_string()).unwrap();
        let file = fs::File::open(path).unwrap();
        file.lock().unwrap();
        file
    }

    /// The table as CSV: numbers only, nothing about when and where.
    pub(crate) fn table(&self) -> String {
        fs::read_to_string(self.path("results/tables/tiny/tiny.csv")).unwrap()
    }
}

#[test]
fn a_second_run_trains_nothing_and_a_new_value_only_itself() {
    let lab = Lab::new();
    let (first, _) = lab.run(&[]);
    assert!(first.contains("│ cold") && first.contains("│ warm") && first.contains("top-1 (%)"), "{first}");
    for file in ["tiny.md", "tiny.tex", "tiny.csv", "jobs.csv", "curves-loss.svg", "curves-loss.png"] {
        assert!(lab.path("results/tables/tiny").join(file).exists(), "{file}");
    }
    assert_eq!(lab.journal("Started").len(), 8);
    let (second, told) = lab.run(&[]);
    assert_eq!(first, second);
    assert!(told.contains("nothing to do: all 8 jobs are in results"), "{told}");
    assert_eq!(lab.journal("Started").len(), 8);
    lab.write(&SWEEP.replace("\"warm\"", "\"hot\": (objective: NtXent(temperature: 10.0)),\n\"warm\""));
    let (third, _) = lab.run(&[]);
    assert!(third.contains("│ hot"), "{third}");
    assert_eq!(lab.journal("Started").len(), 12);
}

#[test]
fn one_and_two_jobs_at_a_time_give_the_same_bytes() {
    let (one, two) = (Lab::new(), Lab::new());
    one.run(&["--jobs", "1", "--devices", "cpu:2"]);
    two.run(&["--jobs", "2", "--devices", "cpu:2"]);
    assert_eq!(one.table(), two.table());
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let calm = Lab::new();
    calm.run(&[]);
    for milliseconds in [150, 500, 900] {
        let lab = Lab::new();
        let mut run = lab.command(&["run", "tiny.ron", "--jobs", "2"]);
        let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(milliseconds));
        run.kill().unwrap();
        run.wait().unwrap();
        let finished = if lab.path("results/journal.jsonl").exists() { lab.journal("Succeeded") } else { vec![] };
        lab.run(&[]);
        assert_eq!(lab.table(), calm.table(), "killed after {milliseconds} ms");
        let all = lab.journal("Succeeded");
        assert!(finished.iter().all(|job| all.iter().filter(|other| *other == job).count() == 1), "{all:?}");
    }
}

#[test]
fn an_interrupted_run_says_so_and_goes_on() {
    let lab = Lab::new();
    lab.write(&SWEEP.replace("epochs: 2, batch_size: 20", "epochs: 2000, batch_size: 20"));
    let mut run = lab.command(&["run", "tiny.ron"]);
    let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !lab.path("results/journal.jsonl").exists() || lab.journal("Started").is_empty() {
        thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = run.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("run the same command again"), "{told}");
    assert!(!lab.journal("Interrupted").is_empty());
    lab.write(SWEEP);
    lab.run(&[]);
}

#[test]
fn a_failing_job_takes_nothing_else_down() {
    let lab = Lab::new();
    lab.write(&SWEEP.replace(
        "\"warm\": (objective: NtXent(temperature: 1.0))",
        "\"wild\": (optimizer: (learning_rate: Fixed(1e30)))",
    ));
    let (code, table, told) = lab.ablate(&["run", "tiny.ron"]);
    assert_eq!(code, 1, "{told}");
    assert!(table.contains("FAILED") && table.contains("│ cold"), "{table}");
    assert!(told.contains("the pretraining loss became") && told.contains("log.txt"), "{told}");
    assert_eq!(lab.journal("Succeeded").len(), 4);
    assert_eq!(lab.journal("Failed").len(), 2);
    assert_eq!(lab.journal("Skipped").len(), 2);
}

#[test]
fn a_damaged_record_is_repaired_by_running_again() {
    let lab = Lab::new();
    lab.run(&[]);
    let table = lab.table();
    let journal = fs::read(lab.path("results/journal.jsonl")).unwrap();
    // Lose the last two thirds of the journal and damage one record.
    fs::write(lab.path("results/journal.jsonl"), &journal[..journal.len() / 3]).unwrap();
    let job = lab.path("results/jobs").read_dir().unwrap().next().unwrap().unwrap().path();
    fs::write(job.join("record.json"), "{}").unwrap();
    lab.run(&[]);
    assert_eq!(lab.table(), table);
}

#[test]
fn wrong_input_ends_with_two_and_says_where() {
    let lab = Lab::new();
    lab.write(&SWEEP.replace("batch_size: 20, warmup", "batch_size: 50, warmup"));
    let (code, _, told) = lab.ablate(&["run", "tiny.ron"]);
    assert_eq!(code, 2);
    assert!(told.contains("tiny.ron:12:43") && told.contains("larger than the 40 training images"), "{told}");
    assert!(!lab.path("results").exists());
    let (code, _, told) = lab.ablate(&["check", "missing.ron"]);
    assert_eq!(code, 2);
    assert!(told.contains("cannot read missing.ron"), "{told}");
    assert_eq!(lab.ablate(&["run"]).0, 2);
    assert_eq!(lab.ablate(&["run", "tiny.ron", "--jobs", "0"]).0, 2);
}

#[test]
fn missing_data_and_impossible_stores_are_found_before_anything_runs() {
    let lab = Lab::new();
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--store", "tiny.ron/inside"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("tiny.ron"), "{told}");
    lab.write(&SWEEP.replace("source: Shapes", "source: Cifar10"));
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--data-dir", "nowhere"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("nowhere") && told.contains("ablate data get cifar10"), "{told}");
    assert!(!lab.path("results/jobs").exists() || lab.path("results/jobs").read_dir().unwrap().next().is_none());
}

#[test]
fn two_runs_of_one_store_refuse_each_other() {
    let lab = Lab::new();
    lab.run(&[]);
    let _lock = lab.hold_lock(std::process::id());
    let (code, _, told) = lab.ablate(&["run", "tiny.ron"]);
    assert_eq!(code, 1);
    assert!(told.contains(&format!("results is in use by process {}", std::process::id())), "{told}");
    // Looking does no harm and is not disturbed.
    assert_eq!(lab.ablate(&["table", "tiny.ron"]).0, 0);
}

#[test]
fn a_lock_that_a_dead_run_left_behind_is_waited_for() {
    let lab = Lab::new();
    lab.run(&[]);
    let mut dead = lab.command(&["--version"]).stdout(Stdio::null()).spawn().unwrap();
    dead.wait().unwrap();
    let lock = lab.hold_lock(dead.id());
    let run = lab.command(&["run", "tiny.ron"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    drop(lock);
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn looking_does_not_need_a_run() {
    let lab = Lab::new();
    for (arguments, expected) in [
        (vec!["check", "tiny.ron"], "tiny.ron: ok, 2 trials × 2 seeds, 8 jobs"),
        (vec!["plan", "tiny.ron"], "8 missing"),
        (vec!["plan", "tiny.ron"], "time left: unknown, since no job was measured on cpu ("),
        (vec!["plan", "tiny.ron", "--graph", "dot"], "digraph"),
        (vec!["table", "tiny.ron"], "–"),
        (vec!["status", "tiny.ron"], "8 missing"),
        (vec!["completions", "bash"], "_ablate"),
        (vec!["data", "list"], "Cifar10"),
        (vec!["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let (code, shown, told) = lab.ablate(&arguments);
        assert_eq!(code, 0, "{arguments:?}: {told}");
        assert!(shown.contains(expected), "{arguments:?}: {shown}");
    }
    assert!(!lab.path("results").exists());
    lab.run(&[]);
    for (arguments, expected) in [
        (vec!["table", "tiny.ron", "--format", "markdown"], "| temperature"),
        (vec!["table", "tiny.ron", "--format", "latex"], "\\toprule"),
        (vec!["table", "tiny.ron", "--format", "csv"], "cold"),
        (vec!["table", "tiny.ron", "--format", "tidy"], "protocol"),
        (vec!["export", "tiny.ron", "--out", "out"], "written to out"),
        (vec!["status", "tiny.ron"], "8 done"),
    ] {
        let (code, shown, told) = lab.ablate(&arguments);
        assert_eq!(code, 0, "{arguments:?}: {told}");
        assert!(shown.contains(expected), "{arguments:?}: {shown}");
    }
    assert!(lab.path("out/tiny.tex").exists());
    let job = &lab.journal("Succeeded")[0];
    let (code, log, _) = lab.ablate(&["logs", &job[..10]]);
    assert_eq!(code, 0);
    assert!(log.contains("done in"), "{log}");
    assert_eq!(lab.ablate(&["logs", "xyz"]).0, 2);
    assert_eq!(lab.ablate(&["table", "tiny.ron", "--table", "none"]).0, 2);
}

#[test]
fn a_contact_sheet_is_a_picture() {
    let lab = Lab::new();
    let (code, told, _) = lab.ablate(&["data", "show", "shapes", "--sweep", "tiny.ron", "--out", "sheet.png"]);
    assert_eq!(code, 0, "{told}");
    let picture = png(&lab.path("sheet.png"));
    assert!(picture.0 > 10 * 24 && picture.1 >= 10 * 24, "{picture:?}");
    let (code, told, _) = lab.ablate(&["data", "show", "shapes", "--each", "--out", "each.png"]);
    assert!(code == 0 && told.contains("sobel, equalize"), "{told}");
    assert!(png(&lab.path("each.png")).1 > 13 * 24);
    let (code, _, told) = lab.ablate(&["data", "show", "shapes", "--sweep", "tiny.ron", "--trial", "7"]);
    assert_eq!(code, 2);
    assert!(told.contains("0  cold"), "{told}");
}

#[test]
fn histograms_are_a_table_and_a_drawing() {
    let lab = Lab::new();
    let (code, told, _) = lab.ablate(&["data", "histogram", "shapes", "--crops", "3", "--out", "figure6"]);
    assert_eq!(code, 0, "{told}");
    let csv = fs::read_to_string(lab.path("figure6/histogram.csv")).unwrap();
    // A header, then a line for each of 2 images, 3 crops, 2 kinds and 64 bins.
    assert_eq!(csv.lines().count(), 1 + 2 * 3 * 2 * 64);
    let count = |line: &str| line.rsplit(',').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(csv.lines().skip(1).map(count).sum::<u32>(), 2 * 3 * 2 * 3 * 24 * 24);
    let svg = fs::read_to_string(lab.path("figure6/histogram.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && !svg.contains("NaN"), "{svg}");
    assert!(fs::read(lab.path("figure6/histogram.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn data_sets_are_listed_where_they_are() {
    let lab = Lab::new();
    let (code, shown, _) = lab.ablate(&["data", "list"]);
    assert_eq!(code, 0);
    assert!(shown.contains("not in data; ablate data get cifar10 gets it\n"), "{shown}");

    // What cannot be downloaded says where it is to be had.
    assert!(shown.contains("Voc2007            20      any    5011   4952  not in data"), "{shown}");
    let (code, _, told) = lab.ablate(&["data", "get", "voc2007"]);
    assert!(code == 2 && told.contains("VOCtrainval_06-Nov-2007.tar"), "{told}");

    write_cifar10(&lab.path("here"), 1);
    let (_, shown, _) = lab.ablate(&["data", "list", "--data-dir", "here"]);
    assert!(shown.contains("here/cifar-10-batches-bin (5 + 1 images)"), "{shown}");
    assert!(shown.contains("not in here; ablate data get cifar100"), "{shown}");
    let (code, shown, _) = lab.ablate(&["data", "get", "cifar10", "--data-dir", "here"]);
    assert_eq!(code, 0);
    assert!(shown.contains("there already in here/cifar-10-batches-bin"), "{shown}");
    assert!(shown.contains("next: ablate data show cifar10 --data-dir here"), "{shown}");

    fs::write(lab.path("here/cifar-10-batches-bin/test_batch.bin"), "torn").unwrap();
    let (code, shown, _) = lab.ablate(&["data", "list", "--data-dir", "here"]);
    assert_eq!(code, 0);
    assert!(shown.contains("damaged in here; ablate data verify cifar10"), "{shown}");
    let (code, _, told) = lab.ablate(&["data", "verify", "cifar10", "--data-dir", "here"]);
    assert_eq!(code, 1);
    assert!(told.contains("test_batch.bin is truncated"), "{told}");
}

#[test]
fn a_wrong_request_for_data_is_not_a_failed_download() {
    let lab = Lab::new();
    assert_eq!(lab.ablate(&["data", "get", "shapes"]).0, 2);
    assert_eq!(lab.ablate(&["data", "get", "cifar10", "--from", "ftp://host/file"]).0, 2);
    // Nothing listens on the port of a listener that is gone.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, _, told) = lab.ablate(&["data", "get", "cifar10", "--from", &format!("http://127.0.0.1:{port}/file")]);
    assert_eq!(code, 1);
    assert!(told.contains("put it at data/cifar-10-binary.tar.gz"), "{told}");
}

/// A sound CIFAR-10 with so many black images in each file, of one class after the other.
fn write_cifar10(folder: &Path, images: u8) {
    let folder = folder.join("cifar-10-batches-bin");
    fs::create_dir_all(&folder).unwrap();
    let names = (0..10).map(|class| format!("class{class}\n")).collect::<String>();
    fs::write(folder.join("batches.meta.txt"), names).unwrap();
    for file in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        let records = (0..images).flat_map(|image| [vec![image % 10], vec![0; 3072]].concat());
        fs::write(folder.join(file).with_extension("bin"), records.collect::<Vec<u8>>()).unwrap();
    }
}

/// Width and height of a PNG file.
fn png(path: &Path) -> (u32, u32) {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    let reader = decoder.read_info().unwrap();
    (reader.info().width, reader.info().height)
}
