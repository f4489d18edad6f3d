//! A table as points over the size of the encoder in SVG, as the paper's Figure 7.

use super::{
    absent::{absence, notes, number, published, sign, table_range, tooltip},
    drawing::{Drawing, INK, LABEL, Point},
    font,
    frame::{self, MARGIN},
    labels::{Area, Labels},
    legend::Legend,
    palette::mark,
    panels::{column_label, row_label},
    scale::{Scale, range},
};
use crate::{
    plan::parameters,
    report::{cell::Cell, table::Table},
    sweep::{Side, Sweep},
};

/// Width and height of the data.
const SIZE: Point = (560.0, 340.0);

/// A cell with its place.
struct Spot<'t> {
    cell: &'t Cell,
    /// Which series it belongs to.
    series: usize,
    /// What it is called within its series.
    label: String,
    /// Trainable parameters of its encoder, in millions.
    millions: f64,
}

/// The points of a table of one metric; `source` is where its published numbers stand.
pub(super) fn scatter(sweep: &Sweep, table: &Table, side: Side, source: Option<&str>) -> String {
    let rows: Vec<String> = table.rows.iter().map(row_label).collect();
    let columns: Vec<String> = table.columns.iter().map(column_label).collect();
    let (series, axes) = match side {
        Side::Rows => (&rows, &table.row_axes),
        Side::Columns => (&columns, &table.column_axes),
    };
    let spots = spots(sweep, table, side, (&rows, &columns));
    let mut drawing = Drawing::default();

    let heights = table_range(table);
    // Room for labels and signs below the lowest point.
    let room = 0.06 * (heights.1 - heights.0);
    let lowest = if heights.0 >= 0.0 { (heights.0 - room).max(0.0) } else { heights.0 - room };
    let upright = Scale::new((lowest, heights.1), (SIZE.1, 0.0), 8);
    let left = MARGIN + frame::upright_room(&upright);
    let right = left + SIZE.0;
    let legend = legend(series, axes, &spots, source);
    let top = MARGIN + legend.draw(&mut drawing, (MARGIN, MARGIN), right - MARGIN) + 4.0;
    let upright = upright.shifted(top);
    let bottom = top + SIZE.1;
    let widest = range(spots.iter().map(|spot| spot.millions)).map_or(1.0, |(_, high)| high);
    let level = Scale::new((0.0, 1.04 * widest), (left, right), 10);

    frame::upright(&mut drawing, &upright, (left, right), true);
    let metric = table.columns.first().map_or("", |column| column.shows.metric.heading());
    frame::upright_title(&mut drawing, (top, bottom), metric);
    frame::level(&mut drawing, &level, bottom, (left, right), "parameters of the encoder (millions)");

    let places = |spot: &Spot| {
        let x = level.place(spot.millions);
        [number(spot.cell), published(spot.cell)].map(|value| value.map(|value| (x, upright.place(value))))
    };
    for spot in &spots {
        let text = tooltip(&[&series[spot.series], &spot.label], spot.cell);
        drawing.explained(&text, |drawing| {
            let [own, paper] = places(spot);
            if let Some(at) = paper {
                mark(drawing, spot.series, at, true);
            }
            match own {
                Some(at) => {
                    if let Some((high, low)) = spread(spot.cell, &upright) {
                        drawing.line((at.0, high), (at.0, low), INK, 1.1, "");
                    }
                    mark(drawing, spot.series, at, false);
                }
                // Where several would stand over each other, the gravest does.
                None if !gravest(spot, &spots, &level) => {}
                None => sign(drawing, (level.place(spot.millions), bottom - 8.0), spot.cell, 12.0),
            }
        });
    }
    let marks = spots.iter().flat_map(|spot| places(spot).into_iter().flatten());
    let mut taken: Vec<Area> = marks.map(|(x, y)| (x - 6.0, y - 6.0, x + 6.0, y + 6.0)).collect();
    taken.extend(spots.iter().filter_map(|spot| {
        let (x, (high, low)) = (level.place(spot.millions), spread(spot.cell, &upright)?);
        Some((x - 2.0, high, x + 2.0, low))
    }));
    let mut labels = Labels::new((left + 2.0, top, right, bottom - 16.0), taken);
    let mut left_out = 0;
    for spot in &spots {
        let [own, paper] = places(spot);
        if let Some(at) = own.or(paper) {
            left_out += usize::from(!spot.label.is_empty() && !labels.place(&mut drawing, at, &spot.label));
        }
    }
    let mut notes = notes(table, true);
    if left_out > 0 {
        notes.push(format!("without label, as others stand too close: {left_out}"));
    }
    let foot = frame::notes(&mut drawing, (MARGIN, bottom + frame::LEVEL_ROOM + 2.0), right - MARGIN, &notes);
    // The last label of the axis reaches over its end.
    drawing.finish((right + 2.0 * MARGIN, bottom + frame::LEVEL_ROOM + 2.0 + foot + MARGIN), &table.caption)
}

/// The cells that the sweep asks for, the highest first, so that labels go to the best points where room is scarce.
fn spots<'t>(sweep: &Sweep, table: &'t Table, side: Side, (rows, columns): (&[String], &[String])) -> Vec<Spot<'t>> {
    let mut spots: Vec<Spot> = Vec::new();
    for (row, cells) in table.rows.iter().map(|row| &row.cells).enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let Some(point) = cell.points.first() else { continue };
            let (series, label) = match side {
                Side::Rows => (row, &columns[column]),
                Side::Columns => (column, &rows[row]),
            };
            let millions = parameters(&sweep.trial_at(point.clone()).recipe.encoder) as f64 / 1e6;
            spots.push(Spot { cell, series, label: label.replace(", ", " "), millions });
        }
    }
    let height = |spot: &Spot| number(spot.cell).or_else(|| published(spot.cell)).unwrap_or(f64::NEG_INFINITY);
    spots.sort_by(|left, right| height(right).total_cmp(&height(left)));
    spots
}

/// Whether no other cell without a number, in the same place or nearly so, has a graver reason or is drawn before.
fn gravest(spot: &Spot, spots: &[Spot], level: &Scale) -> bool {
    let rank = |other: &Spot| absence(other.cell).map(|(_, order, _)| (order, other.millions.to_bits(), other.series));
    let near = |other: &&Spot| (level.place(other.millions) - level.place(spot.millions)).abs() < 8.0;
    let others = spots.iter().filter(|other| number(other.cell).is_none()).filter(near);
    others.filter_map(rank).min() == rank(spot)
}

fn legend<'a>(series: &'a [String], axes: &[String], spots: &[Spot], source: Option<&'a str>) -> Legend<'a> {
    let mut legend = Legend::default();
    if series.len() > 1 {
        legend.title = axes.join(", ");
        for (index, label) in series.iter().enumerate() {
            legend.add(label, move |drawing, at| mark(drawing, index, at, false));
        }
    }
    if let (Some(source), true) = (source, spots.iter().any(|spot| published(spot.cell).is_some())) {
        let source = font::fit(source, LABEL, 200.0);
        legend.add(&format!("{source} (hollow)"), |drawing, at| mark(drawing, 0, at, true));
    }
    if spots.iter().any(|spot| number(spot.cell).is_some() && spot.cell.deviation.is_some()) {
        legend.add("± standard deviation", |drawing, (x, y)| {
            drawing.line((x, y - 6.0), (x, y + 6.0), INK, 1.1, "");
        });
    }
    legend
}

/// Where the spread of a cell over its seeds begins and ends.
fn spread(cell: &Cell, scale: &Scale) -> Option<(f64, f64)> {
    let (mean, deviation) = (number(cell)?, cell.deviation?);
    Some((scale.place(mean + deviation), scale.place(mean - deviation)))
}
