//! Which trials of sweeps a command is about, as written on the command line: `AXIS=LABEL`.

use std::collections::{BTreeMap, BTreeSet};

use super::{CliError, sweeps::Planned};
use crate::sweep::Sweep;

/// The trials of one sweep that have chosen values of axes.
pub struct Choice {
    values: BTreeMap<usize, BTreeSet<usize>>,
    /// Whether all chosen axes are among the sweep's.
    possible: bool,
}

impl Choice {
    /// Whether a trial is chosen: several axes narrow down, several values of one axis add up.
    pub fn takes(&self, point: &[usize]) -> bool {
        self.possible && self.values.iter().all(|(&axis, values)| values.contains(&point[axis]))
    }
}

/// What these texts choose of each sweep; without any, all trials are chosen. A sweep that lacks an axis or a value has
/// no trial with it, but one of the sweeps must have it.
pub fn choices(planned: &Planned, texts: &[String]) -> Result<Vec<Choice>, CliError> {
    let everything = |_: &Sweep| Choice { values: BTreeMap::new(), possible: true };
    let mut choices: Vec<Choice> = planned.sweeps.iter().map(everything).collect();
    for text in texts {
        let places: Vec<Place> = planned.sweeps.iter().map(|sweep| place(sweep, text)).collect();
        if !places.iter().any(|place| matches!(place, Place::Value(..))) {
            let problems = planned.names.iter().zip(&planned.sweeps).zip(&places);
            let problems: Vec<String> =
                problems.map(|((name, sweep), place)| problem(name, sweep, place, text)).collect();
            return Err(CliError::input(problems.join("\n")));
        }
        for (choice, place) in choices.iter_mut().zip(places) {
            match place {
                Place::Value(axis, value) => drop(choice.values.entry(axis).or_default().insert(value)),
                Place::NoValue(axis, _) => drop(choice.values.entry(axis).or_default()),
                Place::NoAxis => choice.possible = false,
            }
        }
    }
    Ok(choices)
}

/// Where `AXIS=LABEL` is in a sweep.
enum Place<'t> {
    /// The indices of axis and value.
    Value(usize, usize),
    /// The index of the axis, and the label that it lacks.
    NoValue(usize, &'t str),
    NoAxis,
}

fn place<'t>(sweep: &Sweep, text: &'t str) -> Place<'t> {
    // Names and labels may contain `=` themselves.
    let splits = text.match_indices('=').map(|(at, _)| (&text[..at], &text[at + 1..]));
    let known = |name: &str| sweep.axes.iter().position(|axis| axis.name == name);
    let named: Vec<(usize, &str)> = splits.filter_map(|(name, label)| Some((known(name)?, label))).collect();
    let value_of = |&(axis, label): &(usize, &str)| {
        Some((axis, sweep.axes[axis].values.iter().position(|value| value.label == label)?))
    };
    match (named.iter().find_map(value_of), named.first()) {
        (Some((axis, value)), _) => Place::Value(axis, value),
        (None, Some(&(axis, label))) => Place::NoValue(axis, label),
        (None, None) => Place::NoAxis,
    }
}

/// What is wrong with `AXIS=LABEL` for a sweep.
fn problem(name: &str, sweep: &Sweep, place: &Place, text: &str) -> String {
    if let Place::NoValue(axis, label) = *place {
        let axis = &sweep.axes[axis];
        let labels: Vec<&str> = axis.values.iter().map(|value| value.label.as_str()).collect();
        return format!("{name}: `{}` has no value `{label}`; its values are: {}", axis.name, labels.join(", "));
    }
    let axes: Vec<&str> = sweep.axes.iter().map(|axis| axis.name.as_str()).collect();
    let axes = if axes.is_empty() { "it has none".to_owned() } else { format!("its axes are: {}", axes.join(", ")) };
    match text.split_once('=') {
        Some((axis, _)) => format!("{name}: there is no axis `{axis}`; {axes}"),
        None => format!("{name}: `{text}` is not AXIS=LABEL; {axes}"),
    }
}
