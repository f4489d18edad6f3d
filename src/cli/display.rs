//! How a run is shown: moving lines on a terminal, plain lines elsewhere.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{durations, places::Places, tell};
use crate::{
    plan::{Estimate, JobId, Plan},
    report::{self, Outcome, Place},
    schedule::{self, Launch},
};

/// Columns of a table when the width of the terminal is unknown.
const WIDTH: usize = 120;
/// The spinner and a space stand before the first moving line, and as many before the others; one column stays empty.
const INDENT: usize = 3;
/// Time between plain progress lines where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(15);

/// Whether the user has not asked for output without color (<https://no-color.org>).
pub fn color_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Width and color of tables on standard output.
pub fn table_style() -> (usize, bool) {
    let terminal = std::io::stdout().is_terminal();
    let width = if terminal { usize::from(console::Term::stdout().size().1) } else { WIDTH };
    (width, terminal && color_wanted())
}

/// Shows a run as it goes on.
pub struct Display {
    progress: report::Progress,
    labels: BTreeMap<JobId, (&'static str, String)>,
    begin: Instant,
    bar: ProgressBar,
    places: Arc<Places>,
    device: String,
    quiet: bool,
    said: Instant,
    last_look: LastLook,
    tables: Vec<String>,
}

/// What a look at the whole of a run shows.
#[derive(Default)]
pub struct Look {
    /// The tables, drawn for the terminal.
    pub tables: String,
    /// How long what is left will take, if that is known.
    pub left: Option<Estimate>,
}

/// When the last look was taken, and how long that took.
#[derive(Clone, Copy, Default)]
struct LastLook {
    at: Option<Instant>,
    took: Duration,
}

/// Width and color of tables, and whether they are shown at all.
pub type Style = (usize, bool, bool);

/// Least time between two looks, and by how much it is longer than what a look takes: at a large sweep one looks less
/// often than something changes.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const LOOK_SHARE: u32 = 20;

impl Display {
    /// A display for the jobs of `plan`, of which some are to run and cost so much in any one unit.
    pub fn new(
        plan: &Plan,
        labels: BTreeMap<JobId, String>,
        costs: &BTreeMap<JobId, f64>,
        places: Arc<Places>,
        quiet: bool,
    ) -> Self {
        let mut progress = report::Progress::new(costs.len(), 0);
        costs.iter().for_each(|(&job, &cost)| progress.weigh(job, cost));
        let labels = plan
            .jobs()
            .map(|job| (job.id, (job.spec.kind(), labels.get(&job.id).cloned().unwrap_or_default())))
            .collect();
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        let now = Instant::now();
        Self {
            progress,
            labels,
            begin: now,
            bar,
            device: places.model(),
            places,
            quiet,
            said: now,
            last_look: LastLook::default(),
            tables: vec![],
        }
    }

    /// Kind and label of a job.
    pub fn label(&self, job: JobId) -> (&'static str, String) {
        self.labels.get(&job).cloned().unwrap_or_default()
    }

    /// A job started.
    pub fn started(&mut self, launch: &Launch) {
        let (kind, label) = self.label(launch.job);
        let line = self.progress.started(launch.job, kind, &label, &self.places.place(&launch.slots));
        if self.bar.is_hidden() && !self.quiet {
            tell(&line);
        }
        self.refresh();
    }

    /// A running job got on.
    pub fn progressed(&mut self, job: JobId, progress: &schedule::Progress) {
        match progress {
            schedule::Progress::Epoch(epoch) => {
                let memory = epoch.memory.map(|bytes| DecimalBytes(bytes).to_string()).unwrap_or_default();
                self.progress.epoch(job, epoch.epoch, epoch.epochs, epoch.loss, epoch.images_per_second, &memory);
            }
            schedule::Progress::Phase(phase) | schedule::Progress::Queued(phase) => {
                self.progress.phase(job, &phase.name);
            }
            schedule::Progress::Note(phase) => {
                self.progress.phase(job, &phase.name);
                self.say(&format!("{} {}", job.short(), phase.name));
            }
            schedule::Progress::Alive(_) => {}
        }
        self.refresh();
        if self.bar.is_hidden() && !self.quiet && self.said.elapsed() >= PLAIN_INTERVAL {
            self.said = Instant::now();
            tell(&self.progress.line(400, self.begin.elapsed()));
        }
    }

    /// A device is out of the run; returns its name.
    pub fn lost(&mut self, device: usize) -> String {
        let name = self.places.name(device);
        self.say(&format!(
            "{name} is left out from now on: jobs failed on it that are not at fault (see `ablate doctor`)"
        ));
        name
    }

    /// A job does not run any more, for now.
    pub fn retried(&mut self, job: JobId, line: &str) {
        self.progress.paused(job);
        self.say(line);
        self.refresh();
    }

    /// A job ended.
    pub fn ended(&mut self, job: JobId, outcome: &Outcome) {
        let (kind, label) = self.label(job);
        let line = self.progress.ended(job, kind, &label, outcome);
        if !self.quiet || !matches!(outcome, Outcome::Done { .. }) {
            self.say(&line);
        }
        self.refresh();
    }

    /// Shows what `make` finds when it looks at the whole run, if it is time for that.
    pub fn look<E>(&mut self, make: impl FnOnce(Place<'_>, Style) -> Result<Look, E>) -> Result<(), E> {
        let LastLook { at, took } = self.last_look;
        if self.quiet || at.is_some_and(|at| at.elapsed() < LOOK_INTERVAL.max(took * LOOK_SHARE)) {
            return Ok(());
        }
        let begin = Instant::now();
        let width = usize::from(console::Term::stderr().size().1).saturating_sub(INDENT);
        let style = (width, color_wanted(), !self.bar.is_hidden());
        let look = make(durations::place(&self.places, &self.device), style)?;
        self.tables = look.tables.lines().map(str::to_owned).collect();
        self.progress.expect(look.left, self.begin.elapsed());
        self.last_look = LastLook { at: Some(Instant::now()), took: begin.elapsed() };
        self.refresh();
        Ok(())
    }

    /// Says something above the moving lines.
    pub fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            tell(line);
        } else {
            self.bar.suspend(|| tell(line));
        }
    }

    /// Takes the moving lines away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn refresh(&self) {
        if !self.bar.is_hidden() {
            let (rows, columns) = console::Term::stderr().size();
            let (width, most) = (usize::from(columns).saturating_sub(INDENT), usize::from(rows / 2).max(1));
            let mut lines = self.progress.screen(width, most, self.begin.elapsed());
            // One row is the cursor's, one stands empty.
            let room = usize::from(rows).saturating_sub(lines.len() + 2);
            lines.extend(fitting(&self.tables, room));
            self.bar.set_message(lines.join("\n  "));
        }
    }
}

/// An empty line and as many lines as there is room for; nothing where there is hardly any.
fn fitting(lines: &[String], room: usize) -> Vec<String> {
    const LEAST: usize = 6;
    if lines.is_empty() || room < LEAST.min(lines.len()) {
        return vec![];
    }
    let mut shown = vec![String::new()];
    if lines.len() <= room {
        shown.extend_from_slice(lines);
    } else {
        shown.extend_from_slice(&lines[..room - 1]);
        shown.push(format!("… {} more lines: `ablate watch` in another terminal shows more", lines.len() - room + 1));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_get_the_room_that_is_left() {
        let lines: Vec<String> = (1..=8).map(|number| number.to_string()).collect();
        assert_eq!(fitting(&lines, 8).len(), 9);
        assert_eq!(fitting(&lines, 7).last().unwrap(), "… 2 more lines: `ablate watch` in another terminal shows more");
        assert_eq!(fitting(&lines, 7).len(), 8);
        assert_eq!(fitting(&lines, 5), [""; 0]);
        assert_eq!(fitting(&lines[..2], 2), ["", "1", "2"]);
        assert_eq!(fitting(&[], 50), [""; 0]);
    }
}
