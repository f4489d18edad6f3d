//! What a job leaves while it runs: `metrics.csv`, lines in the log, messages to whoever listens, checkpoints.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{
    error::chain,
    job::send,
    machine,
    room::{cannot_write, is_full, until_room},
    tell,
};
#[cfg(feature = "cuda")]
use crate::schedule::own_bytes;
use crate::{
    plan::{Job, JobId},
    schedule::{Alive, Epoch, JobMessage, Phase},
    store::{EPOCH_COLUMNS, Store},
    train::{EpochReport, Watch, Wish, data, device::Processor},
};

/// Shortest time between two messages about epochs.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(200);
/// Time between two lines about pictures that are read; most jobs have read theirs before.
const PICTURES_INTERVAL: Duration = Duration::from_secs(5);

/// When a job keeps checkpoints and gives signs of life.
pub struct Habits {
    /// Time between two signs of life.
    pub alive_every: Duration,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Epochs between two, if there are to be more for their sake.
    pub checkpoint_epochs: Option<u32>,
    /// Whether there is one more after the last epoch.
    pub keep_last: bool,
    /// What the job computes on, whose memory is told.
    pub processor: Processor,
}

/// Watches a job.
pub struct EpochLog<'a> {
    csv: Rows,
    store: &'a Store,
    job: JobId,
    stop: &'a AtomicBool,
    habits: Habits,
    said: Option<Instant>,
    said_of_pictures: Instant,
    alive: Instant,
    kept: Instant,
    /// Epochs since the last checkpoint.
    epochs: u32,
    /// Whether the last epoch is over, and no checkpoint was taken since.
    over: bool,
    /// Whether a checkpoint was kept.
    has_kept: bool,
    /// Whether this process has done what the job does again and again.
    is_measured: bool,
    problem: Option<String>,
}

impl<'a> EpochLog<'a> {
    /// Starts an empty `metrics.csv`; a job that goes on from a checkpoint reports its earlier epochs again.
    pub fn create(store: &'a Store, job: &Job, stop: &'a AtomicBool, habits: Habits) -> Result<Self, String> {
        let path = store.metrics_path(job.id);
        let create = || {
            fs::create_dir_all(store.job_folder(job.id))?;
            // A copy of the job that still runs elsewhere keeps the file that it has open, without a name.
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut rows = Rows { file: File::create(&path)?, path: path.clone(), length: 0 };
            rows.add(EPOCH_COLUMNS)?;
            Ok(rows)
        };
        let csv = until_room(stop, note, create).map_err(|error: io::Error| cannot_write(&path, &error))?;
        let now = Instant::now();
        Ok(Self {
            csv,
            store,
            job: job.id,
            stop,
            habits,
            said: None,
            said_of_pictures: now,
            alive: now,
            kept: now,
            epochs: 0,
            over: false,
            has_kept: false,
            is_measured: true,
            problem: None,
        })
    }

    /// The reason why watching itself stopped the job, if it did.
    pub fn take_problem(&mut self) -> Option<String> {
        self.problem.take()
    }

    /// Whether this process has kept a checkpoint.
    pub fn has_kept(&self) -> bool {
        self.has_kept
    }

    /// The most memory that the job has taken, in bytes; `None` if all its epochs were done by an earlier process.
    pub fn memory(&self) -> Option<u64> {
        if self.is_measured { self.peak() } else { None }
    }

    /// Of a GPU, what the driver says, or else what is reserved for tensors. Either is the most so far: nothing is given
    /// back before the end.
    fn peak(&self) -> Option<u64> {
        match self.habits.processor {
            Processor::Cpu => machine::peak_memory(),
            #[cfg(feature = "cuda")]
            gpu => own_bytes().max(gpu.reserved()),
        }
    }

    /// Tells how far the reading of pictures is if it takes long, and answers whether to go on.
    pub fn pictures(&mut self, progress: data::Progress) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        let often = self.said_of_pictures.elapsed() < PICTURES_INTERVAL;
        if !often {
            self.said_of_pictures = Instant::now();
            tell(&progress.to_string());
        }
        // The last one counts too: until the first epoch is over, it says what the job has done.
        if often && progress.done < progress.all {
            return ControlFlow::Continue(());
        }
        let told = send(&JobMessage::Phase(Phase { name: progress.to_string() }));
        // Whoever started this job is gone, and with it the reason to go on.
        if told.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn write(&mut self, report: &EpochReport) -> io::Result<()> {
        let optional = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let row = [
            report.epoch.to_string(),
            report.loss.to_string(),
            optional(report.contrastive_accuracy),
            optional(report.contrastive_entropy),
            optional(report.online_top1),
            report.learning_rate.to_string(),
            report.images_per_second.to_string(),
            report.waiting_percent.to_string(),
        ];
        until_room(self.stop, note, || self.csv.add(&row))
    }

    /// Whether it is time for a checkpoint.
    fn is_due(&self) -> bool {
        let Habits { checkpoint_every, checkpoint_epochs, keep_last, .. } = self.habits;
        self.kept.elapsed() >= checkpoint_every
            || checkpoint_epochs.is_some_and(|most| self.epochs >= most)
            || keep_last && self.over
    }

    /// Gives a sign of life from time to time; breaks if nobody is there to take it.
    fn live(&mut self) -> ControlFlow<()> {
        if self.alive.elapsed() < self.habits.alive_every {
            return ControlFlow::Continue(());
        }
        if let Err(error) = self.store.check_claim(self.job) {
            self.problem = Some(chain(&error));
            return ControlFlow::Break(());
        }
        // Of memory only epochs tell, since the first steps may not have come to everything yet.
        match send(&JobMessage::Alive(Alive { memory: None })) {
            Ok(()) => {
                self.alive = Instant::now();
                ControlFlow::Continue(())
            }
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Writes and says what there is to say of an epoch.
    fn tell(&mut self, report: &EpochReport, memory: Option<u64>) -> ControlFlow<()> {
        if let Err(error) = self.write(report) {
            self.problem = Some(cannot_write(&self.csv.path, &error));
            return ControlFlow::Break(());
        }
        let last = report.epoch == report.epochs;
        if last || self.said.is_none_or(|said| said.elapsed() >= MESSAGE_INTERVAL) {
            self.said = Some(Instant::now());
            tell(&format!(
                "epoch {}/{}: loss {:.4}, lr {:.4e}, {:.0} images/s, {:.1} % of the time waiting for data",
                report.epoch,
                report.epochs,
                report.loss,
                report.learning_rate,
                report.images_per_second,
                report.waiting_percent
            ));
            let epoch = Epoch {
                epoch: report.epoch,
                epochs: report.epochs,
                loss: report.loss,
                images_per_second: report.images_per_second,
                memory,
            };
            if send(&JobMessage::Epoch(epoch)).is_err() {
                // Whoever started this job is gone, and with it the reason to go on.
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

impl Watch for EpochLog<'_> {
    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<()> {
        (self.over, self.epochs, self.is_measured) =
            (report.epoch == report.epochs, self.epochs.saturating_add(1), true);
        self.tell(report, self.peak())
    }

    fn again(&mut self, report: &EpochReport) -> ControlFlow<()> {
        // Of this epoch, this process has done nothing.
        self.is_measured = false;
        self.tell(report, None)
    }

    fn wish(&mut self) -> Wish {
        if self.stop.load(Ordering::Relaxed) || self.live().is_break() {
            Wish::Stop
        } else if self.is_due() {
            Wish::Checkpoint
        } else {
            Wish::GoOn
        }
    }

    fn alive(&mut self) {
        // If nobody is there, the next wish finds it out again.
        let _ = self.live();
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        (self.kept, self.epochs, self.over) = (Instant::now(), 0, false);
        match self.store.keep_checkpoint(self.job, bytes) {
            Ok(()) => {
                self.has_kept = true;
                ControlFlow::Continue(())
            }
            // The state is in memory still, so training had better go on than wait.
            Err(error) if is_full(&error) && !self.stop.load(Ordering::Relaxed) => {
                note(&format!("no checkpoint was kept: {}", chain(&error)));
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.problem = Some(chain(&error));
                ControlFlow::Break(())
            }
        }
    }
}

/// Tells the log, and whoever started the job, what a person should know.
pub fn note(text: &str) {
    tell(text);
    // Whether somebody listens is found out by signs of life.
    let _ = send(&JobMessage::Note(Phase { name: text.to_owned() }));
}

/// A CSV file that grows by whole rows.
struct Rows {
    file: File,
    path: PathBuf,
    /// Bytes of the rows that were written as a whole.
    length: u64,
}

impl Rows {
    /// Adds a row; after an error the same call may be made again.
    fn add<T: AsRef<[u8]>>(&mut self, row: impl IntoIterator<Item = T>) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(row).map_err(io::Error::from)?;
        let bytes = csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        // What an earlier call wrote of this row before the disk was full goes.
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(&bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole_after_a_write_that_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut rows = Rows { file: File::create(&path).unwrap(), path: path.clone(), length: 0 };
        rows.add(["epoch", "loss"]).unwrap();
        rows.file.write_all(b"1,0.").unwrap();
        rows.add(["1", "0.5"]).unwrap();
        rows.add(["2", "0,25"]).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "epoch,loss\n1,0.5\n2,\"0,25\"\n");
    }
}
