//! Learning curves in SVG: one line per trial over the epochs of pretraining.

use std::collections::BTreeMap;

use super::{
    drawing::{Drawing, Point},
    frame::{self, MARGIN},
    legend::Legend,
    lines::{Line, lines, prominent},
    palette::{dashes, ordered},
    scale::{Scale, range},
};
use crate::{
    plan::{JobId, Plan},
    report::lines::one_line,
    store::EpochMetrics,
    sweep::Sweep,
};

/// What is drawn: name of the drawing, column of the file, title of the axis.
const METRICS: [(&str, &str, &str); 4] = [
    ("curves-loss", "loss_nats", "loss in pretraining (nats)"),
    ("curves-contrastive-accuracy", "contrastive_accuracy_percent", "contrastive accuracy (%)"),
    ("curves-contrastive-entropy", "contrastive_entropy_nats", "contrastive entropy (nats)"),
    ("curves-online-top1", "online_top1_percent", "online top-1 (%)"),
];

/// Width and height of the data.
const SIZE: Point = (560.0, 300.0);
/// Lines that have a color; of more, the others are gray.
const MOST: usize = 12;
/// Points of a line with a color, and of a gray one.
const POINTS: (usize, usize) = (500, 120);

/// The learning curves of a sweep for one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// File name without ending; no table has such a name.
    pub name: &'static str,
    /// The drawing.
    pub svg: String,
}

/// A drawing for each metric that pretraining jobs of a sweep reported. `sweep_index` is the sweep's place among those
/// planned together.
pub fn curves(sweep: &Sweep, sweep_index: usize, plan: &Plan, epochs: &BTreeMap<JobId, EpochMetrics>) -> Vec<Curves> {
    let drawn = METRICS.iter().filter_map(|&(name, column, title)| {
        let lines = lines(sweep, sweep_index, plan, epochs, column);
        let any = lines.iter().any(|line| !line.mean.is_empty() || !line.seeds.is_empty());
        any.then(|| Curves { name, svg: draw(sweep, &lines, title) })
    });
    drawn.collect()
}

fn draw(sweep: &Sweep, lines: &[Line], axis: &str) -> String {
    let chosen = prominent(lines, MOST);
    let mut drawing = Drawing::default();
    let points = || lines.iter().flat_map(|line| line.seeds.iter().chain([&line.mean])).flatten();
    let heights = range(points().filter_map(|(_, value)| *value)).unwrap_or((0.0, 1.0));
    let upright = Scale::new(heights, (SIZE.1, 0.0), 7);
    let left = MARGIN + frame::upright_room(&upright);
    let right = left + SIZE.0;

    let mut legend = Legend { title: axes(sweep, lines), entries: vec![] };
    for (index, &line) in chosen.iter().enumerate() {
        let color = ordered(index, chosen.len(), true);
        legend.add(&lines[line].label, move |drawing, (x, y)| {
            drawing.line((x - 9.0, y), (x + 9.0, y), &color, 2.0, dashes(index));
        });
    }
    let drawn = lines.iter().filter(|line| !line.mean.is_empty()).count();
    if chosen.len() < drawn {
        legend.add("others", |drawing, (x, y)| drawing.line((x - 9.0, y), (x + 9.0, y), GRAY, 1.0, ""));
    }
    let top = MARGIN + legend.draw(&mut drawing, (MARGIN, MARGIN), right - MARGIN) + 4.0;
    let upright = upright.shifted(top);
    let bottom = top + SIZE.1;
    let last = points().map(|(epoch, _)| *epoch).max().unwrap_or(1).max(2);
    let level = Scale::new((0.0, last as f64), (left, right), (last + 1).min(11));
    frame::upright(&mut drawing, &upright, (left, right), true);
    frame::upright_title(&mut drawing, (top, bottom), axis);
    frame::level(&mut drawing, &level, bottom, (left, right), "epoch");

    let place = |&(epoch, value): &(usize, Option<f64>)| {
        value.filter(|value| value.is_finite()).map(|value| (level.place(epoch as f64), upright.place(value)))
    };
    let trace = |drawing: &mut Drawing, points: &[(usize, Option<f64>)], most: usize, pen: (&str, f64, &str)| {
        let places: Vec<Option<Point>> = thinned(points, most).iter().map(place).collect();
        drawing.polyline(&places, pen.0, pen.1, pen.2);
        // A line needs two points.
        if let [Some((x, y))] = places[..] {
            drawing.rectangle((x - 2.0, y - 2.0), (4.0, 4.0), pen.0, "");
        }
    };
    for (index, line) in lines.iter().enumerate() {
        if !chosen.contains(&index) {
            drawing.explained(&line.label, |drawing| trace(drawing, &line.mean, POINTS.1, (GRAY, 1.0, "")));
        }
    }
    for (index, &line) in chosen.iter().enumerate() {
        let (color, line) = (ordered(index, chosen.len(), true), &lines[line]);
        drawing.explained(&line.label, |drawing| {
            if line.seeds.len() > 1 {
                for seed in &line.seeds {
                    trace(drawing, seed, POINTS.0, (&color, 0.8, " stroke-opacity=\"0.45\""));
                }
            }
            trace(drawing, &line.mean, POINTS.0, (&color, 2.0, dashes(index)));
        });
    }
    let foot = bottom + frame::LEVEL_ROOM + 2.0;
    let height = frame::notes(&mut drawing, (MARGIN, foot), right - MARGIN, &notes(lines, chosen.len(), drawn));
    drawing.finish((right + 2.0 * MARGIN, foot + height + MARGIN), &format!("{axis}: {}", sweep.title))
}

/// The names of the axes in labels such as `1000 + 256`; none if labels leave out some axes.
fn axes(sweep: &Sweep, lines: &[Line]) -> String {
    let names: Vec<String> = sweep.axes.iter().map(|axis| one_line(&axis.name)).collect();
    let all = lines.iter().all(|line| line.labels == names.len());
    if all { names.join(" + ") } else { String::new() }
}

/// Lines without a color of their own.
const GRAY: &str = "#c4c4c4";

/// What the lines are, and what is missing of them.
fn notes(lines: &[Line], chosen: usize, drawn: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if lines.iter().any(|line| line.seeds.len() > 1) {
        notes.push("thick: mean over the seeds that all reached the epoch; thin: each seed".to_owned());
    }
    if chosen < drawn {
        notes.push(format!(
            "in color: {chosen} of {drawn} trials, at even distances from the highest last value to the lowest"
        ));
    }
    let jobs: usize = lines.iter().map(|line| line.jobs).sum();
    let mut count = |of: fn(&Line) -> usize, words: &str| {
        let count: usize = lines.iter().map(of).sum();
        if count > 0 {
            notes.push(format!("{count} of {jobs} jobs {words}"));
        }
    };
    count(|line| line.without, "reported nothing of this");
    count(|line| line.unfinished, "did not reach their last epoch");
    count(|line| line.damaged, "left a damaged file; their lines end before the damage");
    count(|line| line.diverged, "reported values that are not finite; their lines have gaps there");
    notes
}

/// Few enough points for a drawing: the smallest and the largest of every few epochs, so that no spike is lost.
fn thinned(points: &[(usize, Option<f64>)], most: usize) -> Vec<(usize, Option<f64>)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for chunk in points.chunks((2 * points.len()).div_ceil(most)) {
        let finite = || chunk.iter().filter(|(_, value)| value.is_some_and(f64::is_finite));
        let by_value = |left: &&(usize, Option<f64>), right: &&(usize, Option<f64>)| {
            left.1.unwrap_or(0.0).total_cmp(&right.1.unwrap_or(0.0))
        };
        match (finite().min_by(by_value), finite().max_by(by_value)) {
            (Some(low), Some(high)) if low.0 == high.0 => kept.push(*low),
            (Some(low), Some(high)) => kept.extend(if low.0 < high.0 { [*low, *high] } else { [*high, *low] }),
            _ => kept.push(chunk[0]),
        }
    }
    kept
}
