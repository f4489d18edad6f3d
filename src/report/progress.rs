//! What a run looks like while it goes: events come in, lines come out. No clock: the caller says how long it ran.

use std::{collections::BTreeMap, time::Duration};

use super::{
    lines::{cut, one_line, width_of},
    time::{duration, rough_duration},
};
use crate::{
    plan::{Estimate, JobId},
    recipe::{Metric, Metrics},
};

/// The narrowest text about the running job that is worth showing.
const LEAST_DETAIL: usize = 16;
/// Columns of the bar on a terminal.
const WIDEST_BAR: usize = 24;
const NARROWEST_BAR: usize = 8;

/// A run as far as a display needs to know it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    total: usize,
    done: usize,
    failed: usize,
    skipped: usize,
    /// In the order in which they started; the display follows the first, so that it does not jump about.
    running: Vec<Running>,
    /// Expected cost of the jobs that have not ended, in any one unit.
    weights: BTreeMap<JobId, f64>,
    /// Cost of the jobs that ended.
    spent: f64,
    /// How long what is left will take, as was found at this time after the start.
    expected: Option<(Estimate, Duration)>,
    /// Whether a job that was never weighed is part of the run, so that no remaining time can be told.
    unweighed: bool,
}

#[derive(Clone, Debug)]
struct Running {
    job: JobId,
    kind: String,
    label: String,
    /// Where it runs.
    place: String,
    epoch: Option<Epoch>,
    /// What it does besides training; empty while it trains.
    phase: String,
}

#[derive(Clone, Debug)]
struct Epoch {
    epoch: usize,
    epochs: usize,
    loss: f64,
    images_per_second: f64,
    /// The most memory that it has taken, with its unit; empty if it is not known.
    memory: String,
}

/// Cost of what is done, failed or under way, and of what is left, in one unit.
#[derive(Clone, Copy, Debug)]
struct Work {
    done: f64,
    left: f64,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Well.
    Done {
        /// What it measured.
        metrics: Metrics,
        /// Duration in seconds.
        wall_seconds: f64,
    },
    /// Badly.
    Failed {
        /// The kind of failure.
        class: String,
        /// What the job said last.
        message: String,
    },
    /// It did not run.
    Skipped {
        /// Why not.
        because: String,
    },
}

impl Progress {
    /// A run of `total` jobs, `reused` of which were done before it began.
    pub fn new(total: usize, reused: usize) -> Self {
        Self { total, done: reused, ..Self::default() }
    }

    /// Says what a job that is yet to run is expected to cost, in any one unit; without it for every job, the line
    /// tells no remaining time.
    pub fn weigh(&mut self, job: JobId, weight: f64) {
        self.weights.insert(job, weight);
    }

    /// What is left was found to take so long, `elapsed` after the start; `None` if that is not known.
    pub fn expect(&mut self, left: Option<Estimate>, elapsed: Duration) {
        self.expected = left.map(|left| (left, elapsed));
    }

    /// A job started; returns the line for a log. `label` is its name from [`job_labels`](super::job_labels), `place`
    /// the device it runs on.
    pub fn started(&mut self, job: JobId, kind: &str, label: &str, place: &str) -> String {
        self.running.retain(|running| running.job != job);
        self.running.push(Running {
            job,
            kind: one_line(kind),
            label: one_line(label),
            place: one_line(place),
            epoch: None,
            phase: String::new(),
        });
        self.unweighed |= !self.weights.contains_key(&job);
        format!("start   {} {} {}", kind, job.short(), one_line(label))
    }

    /// A job that ran waits for its next start.
    pub fn paused(&mut self, job: JobId) {
        self.running.retain(|running| running.job != job);
    }

    /// A running job finished an epoch, counted from 1. `memory` is what it takes, with its unit, or empty.
    pub fn epoch(&mut self, job: JobId, epoch: usize, epochs: usize, loss: f64, images_per_second: f64, memory: &str) {
        if let Some(running) = self.running.iter_mut().find(|running| running.job == job) {
            running.epoch = Some(Epoch { epoch, epochs, loss, images_per_second, memory: memory.to_owned() });
            running.phase.clear();
        }
    }

    /// A running job began something else than an epoch, or got on with it.
    pub fn phase(&mut self, job: JobId, name: &str) {
        if let Some(running) = self.running.iter_mut().find(|running| running.job == job) {
            running.phase = one_line(name);
        }
    }

    /// A job ended, whether it ran or not; returns the line for a log. `kind` and `label` as for [`Self::started`].
    pub fn ended(&mut self, job: JobId, kind: &str, label: &str, outcome: &Outcome) -> String {
        let share = self.running.iter().find(|running| running.job == job).map_or(0.0, Running::share);
        self.running.retain(|running| running.job != job);
        let weight = self.weights.remove(&job).unwrap_or(0.0);
        let name = format!("{kind} {} {}", job.short(), one_line(label));
        match outcome {
            Outcome::Done { metrics, wall_seconds } => {
                self.done += 1;
                self.spent += weight;
                let metrics: String = metrics.iter().map(|(&metric, &value)| metric_text(metric, value)).collect();
                format!("done    {name}:{metrics} in {}", duration(*wall_seconds))
            }
            Outcome::Failed { class, message } => {
                self.failed += 1;
                self.spent += weight * share;
                format!("FAILED  {name}: {}: {}", one_line(class), one_line(message))
            }
            Outcome::Skipped { because } => {
                self.skipped += 1;
                format!("skipped {name}: {}", one_line(because))
            }
        }
    }

    /// The whole run in one line of at most `width` columns, `elapsed` after its start.
    pub fn line(&self, width: usize, elapsed: Duration) -> String {
        let (head, tail) = (self.counts(), self.outlook(elapsed));
        let outside = format!("{head} · {tail}");
        let room = width.saturating_sub(width_of(&outside) + width_of(" · "));
        match self.running.first() {
            Some(running) if room >= LEAST_DETAIL => format!("{head} · {} · {tail}", running.text(room)),
            _ => cut(&outside, width),
        }
    }

    /// The run on a terminal of the given width: one line for the whole, one for each running job, at most `most`
    /// lines in all; the last then says how many jobs are not shown.
    pub fn screen(&self, width: usize, most: usize, elapsed: Duration) -> Vec<String> {
        let counts = format!("{} · {}", self.counts(), self.outlook(elapsed));
        let room = width.saturating_sub(width_of(&counts) + width_of("  ")).min(WIDEST_BAR);
        let bar = match self.work() {
            Some(work) if room >= NARROWEST_BAR => format!("{}  ", bar(work.share(), room)),
            _ => String::new(),
        };
        let mut lines = vec![cut(&format!("{bar}{counts}"), width)];
        let shown = if self.running.len() < most { self.running.len() } else { most.saturating_sub(2) };
        lines.extend(self.running[..shown].iter().map(|running| running.text(width)));
        if shown < self.running.len() && most > 1 {
            lines.push(cut(&format!("… and {} more", self.running.len() - shown), width));
        }
        lines
    }

    fn counts(&self) -> String {
        format!("[{}/{} jobs] {} running", self.done, self.total, self.running.len())
    }

    fn outlook(&self, elapsed: Duration) -> String {
        let mut text = format!("{} failed", self.failed);
        if self.skipped > 0 {
            text += &format!(" · {} skipped", self.skipped);
        }
        if let Some((left, found)) = self.expected {
            let since = elapsed.saturating_sub(found).as_secs_f64();
            let [seconds, low, high] =
                [left.seconds, left.low, left.high].map(|seconds| rough_duration((seconds - since).max(0.0)));
            text += &format!(" · about {seconds} left ({low} to {high})");
        } else if let Some(seconds) = self.work().and_then(|work| work.seconds_left(elapsed)) {
            text += &format!(" · about {} left", rough_duration(seconds));
        }
        text
    }

    /// The work so far; `None` if the cost of a job is not known, or nothing is left.
    fn work(&self) -> Option<Work> {
        let pending = self.total.checked_sub(self.done + self.failed + self.skipped)?;
        if self.unweighed || pending == 0 || self.weights.len() < pending {
            return None;
        }
        let under_way: f64 = self
            .running
            .iter()
            .map(|running| running.share() * self.weights.get(&running.job).copied().unwrap_or(0.0))
            .sum();
        Some(Work { done: self.spent + under_way, left: self.weights.values().sum::<f64>() - under_way })
    }
}

impl Work {
    /// Share that is done, between 0 and 1.
    fn share(&self) -> f64 {
        let all = self.done + self.left;
        if all > 0.0 { (self.done / all).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Remaining time in seconds if the rest goes as fast as the part that is done; `None` while nothing is.
    fn seconds_left(&self, elapsed: Duration) -> Option<f64> {
        let seconds = elapsed.as_secs_f64() * self.left / self.done;
        (self.done > 0.0 && seconds.is_finite()).then_some(seconds)
    }
}

/// A bar of `width` columns of which the given share is filled.
fn bar(share: f64, width: usize) -> String {
    let filled = (share * width as f64).floor() as usize;
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}

impl Running {
    /// Share of the job that is done, between 0 and 1, as far as it said.
    fn share(&self) -> f64 {
        self.epoch.as_ref().map_or(0.0, |epoch| (epoch.epoch as f64 / epoch.epochs.max(1) as f64).min(1.0))
    }

    /// The job in at most `width` columns; its label gives way first.
    fn text(&self, width: usize) -> String {
        let place = if self.place.is_empty() { String::new() } else { format!("{} ", self.place) };
        let name = format!("{place}{} {}", self.kind, self.job.short());
        let numbers = match &self.epoch {
            _ if !self.phase.is_empty() => format!(" {}", self.phase),
            Some(Epoch { epoch, epochs, loss, images_per_second, memory }) => {
                let memory = if memory.is_empty() { String::new() } else { format!(" {memory}") };
                format!(" epoch {epoch}/{epochs} loss {loss:.3} {images_per_second:.0} img/s{memory}")
            }
            None => String::new(),
        };
        let brackets = width_of(" ()");
        let room = width.saturating_sub(width_of(&name) + width_of(&numbers) + brackets);
        let label = if room > 1 { format!(" ({})", cut(&self.label, room)) } else { String::new() };
        cut(&format!("{name}{label}{numbers}"), width)
    }
}

/// ` loss 3.91` or ` top-1 62.3 %`.
fn metric_text(metric: Metric, value: f64) -> String {
    let heading = metric.heading();
    let name = heading.split_once(" (").map_or(heading, |(name, _)| name);
    let unit = if metric.unit() == "percent" { " %" } else { "" };
    format!(" {name} {value:.0$}{unit}", metric.decimals())
}
