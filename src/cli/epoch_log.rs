//! What a job leaves while it runs: `metrics.csv`, lines in the log, messages to whoever listens, checkpoints.

use std::{
    fs::{self, File},
    io,
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{error::chain, job::send, tell};
use crate::{
    plan::{Job, JobId},
    schedule::{Epoch, JobMessage, Phase},
    store::{EPOCH_COLUMNS, Store},
    train::{EpochReport, Watch, Wish, data},
};

/// Shortest time between two messages about epochs.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(200);
/// Time between two lines about pictures that are read; most jobs have read theirs before.
const PICTURES_INTERVAL: Duration = Duration::from_secs(5);
/// Time between checkpoints: the most that gradient steps lose when a job is killed.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(180);

/// Watches a job.
pub struct EpochLog<'a> {
    csv: csv::Writer<File>,
    path: PathBuf,
    store: &'a Store,
    job: JobId,
    stop: &'a AtomicBool,
    said: Option<Instant>,
    said_of_pictures: Instant,
    kept: Instant,
    problem: Option<String>,
}

impl<'a> EpochLog<'a> {
    /// Starts an empty `metrics.csv`; a job that goes on from a checkpoint reports its earlier epochs again.
    pub fn create(store: &'a Store, job: &Job, stop: &'a AtomicBool) -> Result<Self, String> {
        let path = store.metrics_path(job.id);
        let failed = |error: io::Error| format!("cannot write {}: {error}", path.display());
        fs::create_dir_all(store.job_folder(job.id)).map_err(failed)?;
        let mut csv = csv::Writer::from_path(&path).map_err(|error| failed(error.into()))?;
        csv.write_record(EPOCH_COLUMNS).map_err(|error| failed(error.into()))?;
        let now = Instant::now();
        Ok(Self { csv, path, store, job: job.id, stop, said: None, said_of_pictures: now, kept: now, problem: None })
    }

    /// The reason why watching itself stopped the job, if it did.
    pub fn take_problem(&mut self) -> Option<String> {
        self.problem.take()
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
        self.csv.write_record([
            report.epoch.to_string(),
            report.loss.to_string(),
            optional(report.contrastive_accuracy),
            optional(report.contrastive_entropy),
            optional(report.online_top1),
            report.learning_rate.to_string(),
            report.images_per_second.to_string(),
            report.waiting_percent.to_string(),
        ])?;
        self.csv.flush()
    }
}

impl Watch for EpochLog<'_> {
    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<()> {
        if let Err(error) = self.write(report) {
            self.problem = Some(format!("cannot write {}: {error}", self.path.display()));
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
            };
            if send(&JobMessage::Epoch(epoch)).is_err() {
                // Whoever started this job is gone, and with it the reason to go on.
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn wish(&mut self) -> Wish {
        if self.stop.load(Ordering::Relaxed) {
            Wish::Stop
        } else if self.kept.elapsed() >= CHECKPOINT_INTERVAL {
            Wish::Checkpoint
        } else {
            Wish::GoOn
        }
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        self.kept = Instant::now();
        match self.store.keep_checkpoint(self.job, bytes) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.problem = Some(chain(&error));
                ControlFlow::Break(())
            }
        }
    }
}
