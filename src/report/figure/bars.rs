//! A table as grouped bars in SVG, as the paper's Figures 8 and 9.

use super::{
    absent::{notes, number, published, sign, table_range, tooltip},
    drawing::{Anchor, Drawing, INK, LABEL, Point, Style, TITLE},
    font,
    frame::{self, MARGIN},
    legend::Legend,
    palette::ordered,
    panels::{Group, Panel, Panels},
    scale::Scale,
};
use crate::{
    report::{cell::Cell, table::Table},
    sweep::Side,
};

/// Height of a panel's data, and of a panel that is one of many.
const HEIGHT: f64 = 260.0;
const LOW: f64 = 170.0;
/// Widest and narrowest bar.
const BAR: (f64, f64) = (26.0, 3.0);
/// Longest label under a group that is turned.
const TURNED: f64 = 130.0;

/// The bars of a table of one metric; `source` is where its published numbers stand.
pub(super) fn bars(table: &Table, groups: Side, source: Option<&str>) -> String {
    let panels = Panels::new(table, groups);
    let plan = Layout::new(&panels);
    let scale = scale(table, plan.height);
    let mut drawing = Drawing::default();
    let left = MARGIN + frame::upright_room(&scale);
    let across = plan.across.max(1) as f64;
    let right = left + across * plan.width + (across - 1.0) * plan.gap;

    let top = MARGIN + legend(&panels, source).draw(&mut drawing, (MARGIN, MARGIN), right - MARGIN);
    let mut bottom = top;
    for (index, panel) in panels.panels.iter().enumerate() {
        let (row, column) = (index / plan.across, index % plan.across);
        let corner = (left + column as f64 * (plan.width + plan.gap), top + row as f64 * plan.step());
        let frame = Frame { scale: &scale, plan: &plan, corner, labelled: column == 0 };
        frame.panel(&mut drawing, panel, &panels.bars);
        bottom = corner.1 + plan.step();
    }
    let metric = table.columns.first().map_or("", |column| column.shows.metric.heading());
    frame::upright_title(&mut drawing, (top, bottom - plan.below), metric);
    let axis = font::fit(&panels.axis, TITLE, right - left);
    drawing.text(((left + right) / 2.0, bottom + 6.0), Style::new(TITLE, Anchor::Middle), &axis);
    let mut notes = notes(table, true);
    if scale.low() > 0.0 {
        let first = scale.ticks().into_iter().next().map(|(_, label)| label).unwrap_or_default();
        notes.push(format!("the upright axis begins at {first}"));
    }
    let width = (right + MARGIN).max(340.0);
    let foot = frame::notes(&mut drawing, (MARGIN, bottom + 20.0), width - 2.0 * MARGIN, &notes);
    drawing.finish((width, bottom + 20.0 + foot + MARGIN), &table.caption)
}

/// The axis for all panels. It begins at zero unless all numbers are far from it and close to each other.
fn scale(table: &Table, height: f64) -> Scale {
    let (low, high) = table_range(table);
    let close = low > 0.5 * high && high > low;
    let low = if close { low - 0.5 * (high - low).max(0.05 * high) } else { low.min(0.0) };
    Scale::new((low, high.max(0.0)), (height, 0.0), 6)
}

fn legend<'a>(panels: &'a Panels, source: Option<&str>) -> Legend<'a> {
    let mut legend = Legend { title: panels.bars_axis.clone(), entries: vec![] };
    let of = panels.bars.len();
    if of > 1 {
        for (index, label) in panels.bars.iter().enumerate() {
            legend.add(label, move |drawing, (x, y)| {
                drawing.rectangle((x - 6.0, y - 5.0), (12.0, 10.0), &ordered(index, of, false), OUTLINE);
            });
        }
    } else {
        legend.title.clear();
    }
    let cells = || panels.panels.iter().flat_map(|panel| &panel.groups).flat_map(|group| &group.cells);
    if let (Some(source), true) = (source, cells().any(|cell| published(cell).is_some())) {
        legend.add(source, |drawing, (x, y)| publish(drawing, (x - 8.0, x + 8.0), y));
    }
    if cells().any(|cell| number(cell).is_some() && cell.deviation.is_some()) {
        legend.add("± standard deviation", |drawing, (x, y)| whisker(drawing, x, (y - 6.0, y + 6.0), 3.0));
    }
    legend
}

/// Dark edges, so that bright bars stand out from white.
const OUTLINE: &str = " stroke=\"#1a1a1a\" stroke-width=\"0.5\"";

/// Marks of published numbers (vermilion of Okabe and Ito): neither a color of bars nor that of spreads.
const PUBLISHED: &str = "#d55e00";

/// How the panels are placed.
struct Layout {
    /// Panels side by side.
    across: usize,
    /// Width of a bar, of the space between groups, and of a panel.
    bar: f64,
    space: f64,
    width: f64,
    height: f64,
    /// Space between panels, and above and below their data.
    gap: f64,
    above: f64,
    below: f64,
    /// Whether the labels of groups are turned.
    turned: bool,
}

impl Layout {
    fn new(panels: &Panels) -> Self {
        let count = panels.panels.len();
        let bars = panels.bars.len().max(1) as f64;
        let groups = panels.panels.iter().map(|panel| panel.groups.len()).max().unwrap_or(0).max(1) as f64;
        let across = panels.across.clamp(1, count.max(1));
        let wanted = match across {
            1 => 620.0,
            2 => 380.0,
            3 => 250.0,
            _ => 190.0,
        };
        let bar = (0.78 * wanted / (groups * bars)).clamp(BAR.1, BAR.0);
        let space = (0.28 * bars * bar).clamp(5.0, 30.0);
        let width = groups * (bars * bar + space) + space;
        let labels = || panels.panels.iter().flat_map(|panel| &panel.groups).map(|group| group.label.as_str());
        let widest = font::widest(labels(), LABEL);
        let turned = widest + 6.0 > bars * bar + space;
        let below = 8.0 + if turned { 0.77 * widest.min(TURNED) + 12.0 } else { 16.0 };
        let height = if count > 1 { LOW } else { HEIGHT };
        let above = if panels.panels.iter().any(|panel| !panel.title.is_empty()) { 22.0 } else { 8.0 };
        Self { across, bar, space, width, height, gap: 14.0, above, below, turned }
    }

    /// Height of a panel with all that belongs to it.
    fn step(&self) -> f64 {
        self.above + self.height + self.below
    }
}

/// Where a panel is drawn.
struct Frame<'a> {
    scale: &'a Scale,
    plan: &'a Layout,
    corner: Point,
    /// Whether the ticks have labels.
    labelled: bool,
}

impl Frame<'_> {
    fn panel(&self, drawing: &mut Drawing, panel: &Panel, bars: &[String]) {
        let plan = self.plan;
        let (left, right) = (self.corner.0, self.corner.0 + plan.width);
        let bottom = self.corner.1 + plan.above + plan.height;
        if !panel.title.is_empty() {
            let title = font::fit(&panel.title, LABEL, plan.width);
            let middle = ((left + right) / 2.0, self.corner.1 + plan.above - 11.0);
            drawing.text(middle, Style::new(LABEL, Anchor::Middle), &title);
        }
        let shifted = self.scale.shifted(self.corner.1 + plan.above);
        frame::upright(drawing, &shifted, (left, right), self.labelled);
        let base = shifted.place(shifted.low().max(0.0));
        for (index, group) in panel.groups.iter().enumerate() {
            let start = left + plan.space + index as f64 * (bars.len() as f64 * plan.bar + plan.space);
            self.group(drawing, group, (start, base), &shifted, (bars, &panel.title));
            let middle = start + bars.len() as f64 * plan.bar / 2.0;
            if plan.turned {
                let label = font::fit_label(&group.label, LABEL, TURNED);
                drawing.text((middle + 3.0, bottom + 10.0), Style::new(LABEL, Anchor::End).turn(-50.0), &label);
            } else {
                drawing.text((middle, bottom + 12.0), Style::new(LABEL, Anchor::Middle), &group.label);
            }
        }
        drawing.line((left, base), (right, base), INK, 1.0, "");
    }

    fn group(
        &self,
        drawing: &mut Drawing,
        group: &Group,
        (start, base): Point,
        scale: &Scale,
        (bars, panel): (&[String], &str),
    ) {
        let width = self.plan.bar;
        for (index, cell) in group.cells.iter().enumerate() {
            let x = start + index as f64 * width;
            let text = tooltip(&[panel, &group.label, bars.get(index).map_or("", String::as_str)], cell);
            drawing.explained(&text, |drawing| {
                bar(drawing, (x, width), base, scale, cell, &ordered(index, bars.len(), false));
            });
        }
    }
}

/// A bar with its spread and what was published; a sign where there is no number.
fn bar(drawing: &mut Drawing, (x, width): Point, base: f64, scale: &Scale, cell: &Cell, color: &str) {
    let middle = x + width / 2.0;
    match number(cell) {
        Some(mean) => {
            let end = scale.place(mean);
            drawing.rectangle((x, end.min(base)), (width, (end - base).abs()), color, OUTLINE);
            if let Some(deviation) = cell.deviation {
                let ends = (scale.place(mean + deviation), scale.place(mean - deviation));
                whisker(drawing, middle, ends, (0.25 * width).clamp(1.0, 4.0));
            }
        }
        None => sign(drawing, (middle, base - 7.0), cell, width),
    }
    if let Some(value) = published(cell) {
        publish(drawing, (x, x + width), scale.place(value));
    }
}

/// A spread: a line with caps.
fn whisker(drawing: &mut Drawing, x: f64, (top, bottom): (f64, f64), cap: f64) {
    // White around it keeps it visible on dark bars.
    drawing.line((x, top), (x, bottom), "white", 2.6, "");
    drawing.line((x, top), (x, bottom), INK, 1.1, "");
    for y in [top, bottom] {
        drawing.line((x - cap, y), (x + cap, y), INK, 1.1, "");
    }
}

/// A published number: a thin mark across the bar.
fn publish(drawing: &mut Drawing, (left, right): (f64, f64), y: f64) {
    drawing.line((left, y), (right, y), "white", 3.4, "");
    drawing.line((left, y), (right, y), PUBLISHED, 1.8, "");
}
