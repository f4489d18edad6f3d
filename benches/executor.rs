//! What lies between two jobs: the real executor, the scheduler and a journal on disk, with jobs that do nothing or sleep.
//!
//! `cargo bench --bench executor`
//!
//! Jobs are copies of this program that write down when they start and end. Beside them, as many processes started by
//! `xargs -P`, and by GNU parallel where it is installed.

use std::{
    env,
    error::Error,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, mpsc::channel},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ablate::{
    plan::JobId,
    schedule::{
        Change, Device, JobMessage, JobState, Launch, LocalExecutor, LocalJobs, Node, Notice, Outcome, Policy,
        Scheduler, Shape, Sharing, drive,
    },
    store::{Entry, Holder, JobEvent, JournalWriter, Store},
};

/// Jobs that do nothing.
const IDLE_JOBS: usize = 2000;
/// Jobs that sleep for a second.
const SECOND_JOBS: usize = 40;
/// Jobs at a time.
const SLOTS: usize = 2;
/// Set for a copy of this program that is a job: how long it takes, in milliseconds.
const WORK: &str = "ABLATE_BENCH_WORK";
/// The file to which a job writes its slot, its start and its end.
const TIMES: &str = "ABLATE_BENCH_TIMES";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints what it measured, a job its messages"
)]
fn main() {
    if let Some(work) = env::var_os(WORK) {
        let done = be_a_job(work.to_str().and_then(|text| text.parse().ok()).unwrap_or(0));
        return match done {
            Ok(()) => println!("{}", JobMessage::Done {}),
            Err(problem) => eprintln!("{problem}"),
        };
    }
    match measure() {
        Ok(text) => print!("{text}"),
        Err(problem) => eprintln!("{problem}"),
    }
}

/// Microseconds since 1970.
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}

fn be_a_job(milliseconds: u64) -> Result<(), Box<dyn Error>> {
    let start = now();
    thread::sleep(Duration::from_millis(milliseconds));
    let path = env::var_os(TIMES).ok_or("no file for the times")?;
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path)?;
    writeln!(file, "{} {start} {}", env::var("SLOT")?, now())?;
    Ok(())
}

fn measure() -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    for (place, folder) in
        [("in memory", tempfile::tempdir_in("/dev/shm")), ("on disk", tempfile::tempdir_in("target"))]
    {
        let folder = folder?;
        let (idle, gaps) = run(&folder.path().join("idle"), IDLE_JOBS, 0)?;
        out += &format!("journal {place}, {SLOTS} at a time\n");
        out += &format!(
            "a slot is free until the next job runs: median {:.2} ms, 99th percentile {:.2} ms, most {:.2} ms\n",
            percentile(&gaps, 50.0),
            percentile(&gaps, 99.0),
            percentile(&gaps, 100.0)
        );
        out += &format!("{IDLE_JOBS} jobs that do nothing: {:.2} ms each\n", each(idle));
        let (seconds, _) = run(&folder.path().join("seconds"), SECOND_JOBS, 1000)?;
        let ideal = (SECOND_JOBS / SLOTS) as f64;
        out += &format!("{SECOND_JOBS} jobs of one second: {seconds:.2} s, {:.4} of the ideal\n\n", seconds / ideal);
    }
    for (name, command) in [
        ("xargs -P", format!("seq {IDLE_JOBS} | xargs -P {SLOTS} -n 1 true")),
        ("GNU parallel", format!("seq {IDLE_JOBS} | parallel -j {SLOTS} true")),
    ] {
        let begin = Instant::now();
        let ended = Command::new("sh").args(["-c", &command]).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        out += &match ended.success() {
            true => format!("{name}: {:.2} ms a process\n", each(begin.elapsed().as_secs_f64())),
            false => format!("{name}: not installed\n"),
        };
    }
    Ok(out)
}

fn each(seconds: f64) -> f64 {
    1e3 * seconds / IDLE_JOBS as f64
}

/// Jobs that all are copies of this program.
struct Copies {
    work: u64,
    folder: PathBuf,
}

impl LocalJobs for Copies {
    fn command(&self, launch: &Launch) -> Command {
        let mut command = Command::new(env::current_exe().unwrap_or_default());
        command.env(WORK, self.work.to_string()).env(TIMES, self.folder.join("times"));
        command.env("SLOT", launch.slots.first().copied().unwrap_or_default().to_string());
        command
    }

    fn kin(&self, _: &Launch) -> Option<String> {
        None
    }

    fn log(&self, _: JobId) -> PathBuf {
        self.folder.join("log")
    }

    fn judge(&self, _: JobId) -> Outcome {
        Outcome::Succeeded
    }
}

/// Runs so many jobs of so many milliseconds; returns the seconds of the whole run, and for each job but the first of
/// its slot the milliseconds since the one before it, ascending.
fn run(folder: &Path, jobs: usize, work: u64) -> Result<(f64, Vec<f64>), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let store = Store::create(&folder.join("results"))?;
    let lock = store.lock(&Holder { pid: std::process::id(), host: "bench".to_owned(), started_unix: 0 })?;
    let (_, mut journal) = store.journal(lock)?;
    let nodes = (0..jobs).map(|number| Ok(Node::new(format!("{number:032x}").parse()?, vec![])));
    let nodes: Vec<Node> = nodes.collect::<Result<_, Box<dyn Error>>>()?;
    let device = Device { slots: SLOTS, jobs: SLOTS, memory: 1 << 30, sharing: Sharing::Places };
    let scheduler = Scheduler::new(nodes, &[Shape::UNKNOWN], &[device], Policy::default())?;
    let (sender, receiver) = channel();
    let mut executor = LocalExecutor::new(Arc::new(Copies { work, folder: folder.to_owned() }), sender);
    let begin = Instant::now();
    let summary =
        drive(scheduler, &mut executor, &receiver, &|| begin.elapsed(), &mut |notice| note(notice, &mut journal))?;
    let seconds = begin.elapsed().as_secs_f64();
    if summary.done != jobs {
        return Err(format!("only {} of {jobs} jobs are done", summary.done).into());
    }
    Ok((seconds, gaps(&fs::read_to_string(folder.join("times"))?)?))
}

/// Writes changes into the journal as `ablate run` does, synced before anything is done about them.
fn note(notice: &Notice, journal: &mut JournalWriter) -> Result<(), ablate::store::Error> {
    let Notice::Changes(changes) = notice else { return Ok(()) };
    let entry = |change: &Change| {
        let event = match &change.to {
            JobState::Running(_) => {
                JobEvent::Started { attempt: 1, pid: None, slot: 0, memory: 0, cuts: 0, together: 1 }
            }
            // What counts is that a line as long as a record's is synced.
            JobState::Done { .. } => {
                JobEvent::Failed { class: "none".to_owned(), message: "x".repeat(800), again: false }
            }
            _ => return None,
        };
        Some(Entry { time_unix_ms: 0, job: change.job, event })
    };
    journal.append(&changes.iter().filter_map(entry).collect::<Vec<_>>())
}

fn gaps(times: &str) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut gaps = Vec::new();
    for slot in 0..SLOTS {
        let mut spans: Vec<(u128, u128)> = Vec::new();
        for line in times.lines() {
            let mut parts = line.split(' ');
            let mut part = || parts.next().ok_or("a line is cut");
            if part()? == slot.to_string() {
                spans.push((part()?.parse()?, part()?.parse()?));
            }
        }
        spans.sort_unstable();
        gaps.extend(spans.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].1) as f64 / 1e3));
    }
    gaps.sort_by(f64::total_cmp);
    Ok(gaps)
}

fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let index = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
