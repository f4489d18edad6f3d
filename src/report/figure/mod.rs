//! Tables and learning curves as drawings: SVG, and PNG of the same look.
//!
//! Positions follow from the numbers alone, and the font is part of the program, so equal inputs give equal drawings on
//! every machine. Cells that are no numbers are never drawn as if they were; their count stands below the drawing.

mod absent;
mod bars;
mod curves;
mod drawing;
mod font;
mod frame;
mod heat_map;
mod labels;
mod legend;
mod lines;
mod palette;
mod panels;
mod raster;
mod scale;
mod scatter;

pub use curves::{Curves, curves};
pub use raster::{not_drawn, png};

use super::{standing::CellState, table::Table};
use crate::sweep::{Figure, Sweep};

/// The drawing of one of the sweep's tables as SVG, if there is to be one.
pub fn figure(sweep: &Sweep, table: &Table) -> Option<String> {
    let spec = sweep.tables.iter().find(|spec| spec.name == table.name);
    let source = spec.and_then(|spec| sweep.published(spec)).map(|published| published.source.as_str());
    let table = &measured(table);
    table.figure.map(|figure| match figure {
        Figure::HeatMap => heat_map::heat_map(table, source),
        Figure::Bars { groups } => bars::bars(table, groups, source),
        Figure::Scatter { series } => scatter::scatter(sweep, table, series, source),
    })
}

/// A table without the rows that it cites.
fn measured(table: &Table) -> Table {
    let mut table = table.clone();
    table.rows.retain(|row| !row.cells.iter().any(|cell| matches!(cell.state, CellState::Cited(_))));
    table
}
