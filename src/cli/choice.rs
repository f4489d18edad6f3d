//! Which trials of a sweep a command is about, as written on the command line: `AXIS=LABEL`.

use std::collections::{BTreeMap, BTreeSet};

use super::CliError;
use crate::sweep::Sweep;

/// Chosen values of axes.
pub struct Choice {
    values: BTreeMap<usize, BTreeSet<usize>>,
}

impl Choice {
    /// The choice that these texts make; without any, all trials are chosen.
    pub fn of(sweep: &Sweep, texts: &[String]) -> Result<Self, CliError> {
        let mut values: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for text in texts {
            let (axis, value) = place(sweep, text)?;
            values.entry(axis).or_default().insert(value);
        }
        Ok(Self { values })
    }

    /// Whether a trial is chosen: several axes narrow down, several values of one axis add up.
    pub fn takes(&self, point: &[usize]) -> bool {
        self.values.iter().all(|(&axis, values)| values.contains(&point[axis]))
    }
}

/// The axis and the value that `AXIS=LABEL` names, as indices.
fn place(sweep: &Sweep, text: &str) -> Result<(usize, usize), CliError> {
    let axes = || sweep.axes.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>().join(", ");
    // Names and labels may contain `=` themselves.
    let splits = text.match_indices('=').map(|(at, _)| (&text[..at], &text[at + 1..]));
    let known = |name: &str| sweep.axes.iter().position(|axis| axis.name == name);
    let named: Vec<(usize, &str)> = splits.filter_map(|(name, label)| Some((known(name)?, label))).collect();
    let Some(&(axis, wrong)) = named.first() else {
        return Err(CliError::input(format!("`{text}` is not AXIS=LABEL; the axes are: {}", axes())));
    };
    let value_of = |&(axis, label): &(usize, &str)| {
        Some((axis, sweep.axes[axis].values.iter().position(|value| value.label == label)?))
    };
    named.iter().find_map(value_of).ok_or_else(|| {
        let labels: Vec<&str> = sweep.axes[axis].values.iter().map(|value| value.label.as_str()).collect();
        CliError::input(format!(
            "`{}` has no value `{wrong}`; its values are: {}",
            sweep.axes[axis].name,
            labels.join(", ")
        ))
    })
}
