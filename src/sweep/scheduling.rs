//! What a sweep file says about when and where jobs run. It changes no result, so it is no part of a job's identity.

use super::{
    Condition,
    decode::decode,
    diagnostic::{Diagnostic, Findings},
    fields::Section,
    outline::{Outline, elements},
    selection::condition,
    syntax::Node,
};

/// What holds for the jobs of some trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrangement {
    /// The trials; all if there is none.
    pub when: Option<Condition>,
    /// What it says of them.
    pub terms: Terms,
}

/// When and where jobs run; what is not said is left as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Terms {
    /// Jobs with a larger priority start before others, whatever the seed; 0 if nothing is said.
    pub priority: Option<f64>,
    /// Minutes that a job may run.
    pub minutes: Option<f64>,
    /// Whole devices that a job gets for itself, instead of sharing one.
    pub devices: Option<usize>,
}

impl Terms {
    /// These, and what `later` says instead.
    pub fn then(self, later: Self) -> Self {
        Self {
            priority: later.priority.or(self.priority),
            minutes: later.minutes.or(self.minutes),
            devices: later.devices.or(self.devices),
        }
    }

    /// What holds for a job of two trials: it goes as early as either wants, and has as much time and room.
    pub fn and(self, other: Self) -> Self {
        // A trial that says nothing of time lets its jobs run as long as they like.
        let minutes = self.minutes.zip(other.minutes).map(|(one, other)| one.max(other));
        let priority = self.priority.unwrap_or(0.0).max(other.priority.unwrap_or(0.0));
        Self { priority: Some(priority), minutes, devices: self.devices.max(other.devices) }
    }
}

/// Reads `scheduling`: `[(when: {"axis": "label"}, priority: 2, minutes: 90, devices: 1), …]`.
pub(super) fn read(node: &Node, outline: &Outline, findings: &mut Findings) -> Vec<Arrangement> {
    let mut arrangements = vec![];
    for node in elements(node, "`scheduling`", "entry", findings) {
        if findings.is_full() {
            break;
        }
        let owner = "this entry of `scheduling`";
        let section = Section::open(node, owner, &[], &["when", "priority", "minutes", "devices"], findings);
        let when = section.get("when").map(|node| condition(node, outline, findings));
        let mut number = |field: &str, fits: fn(f64) -> bool, help: &str| {
            let node = section.get(field)?;
            let number: f64 = decode(node, &format!("`{field}`"), findings)?;
            if !fits(number) {
                let message = format!("`{field}` cannot be {}", node.source);
                findings.push(Diagnostic::new(node.mark.clone(), message, "impossible value").help(help));
            }
            Some(number)
        };
        let priority = number("priority", f64::is_finite, "write a number; larger ones go first, 0 is in between");
        let minutes = number("minutes", |number| number > 0.0 && number < 1e9, "write how many minutes a job may run");
        let devices = section.get("devices").and_then(|node| {
            let devices: usize = decode(node, "`devices`", findings)?;
            if devices == 0 {
                let diagnostic = Diagnostic::new(node.mark.clone(), "`devices` cannot be 0", "impossible value");
                findings.push(
                    diagnostic.help("write how many whole devices a job gets, or leave it out: it then shares one"),
                );
            }
            Some(devices)
        });
        let terms = Terms { priority, minutes, devices };
        if terms == Terms::default() && findings.is_empty() {
            let diagnostic =
                Diagnostic::new(node.mark.clone(), format!("{owner} says nothing"), "neither when nor where");
            findings.push(diagnostic.help("add `priority`, `minutes` or `devices`, or delete it"));
        }
        arrangements.push(Arrangement { when: when.flatten(), terms });
    }
    arrangements
}
