//! A table as the drawing that its sweep asks for.

use super::{heat_map::heat_map, table::Table};
use crate::sweep::Figure;

/// The drawing as SVG, if there is to be one.
pub fn figure(table: &Table) -> Option<String> {
    table.figure.map(|figure| match figure {
        Figure::HeatMap => heat_map(table),
    })
}
