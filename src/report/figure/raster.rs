//! Drawings as pictures of pixels, for what does not show SVG.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use resvg::{tiny_skia, usvg};

use super::font::{self, DATA};

/// Pixels for each pixel of the drawing: enough for print at the width of a column.
const DENSITY: f32 = 2.0;
/// Longest side of a picture in pixels; larger drawings become coarser.
const LONGEST: f32 = 8000.0;

/// The one font, for whatever a drawing asks for.
static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(DATA.to_vec());
    // Text whose families are unknown falls back to the serif one.
    fonts.set_serif_family("DejaVu Sans");
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

/// The characters of a drawing that a PNG shows as boxes, since the one font lacks them.
pub fn not_drawn(svg: &str) -> BTreeSet<char> {
    svg.chars().filter(|&character| !font::has(character)).collect()
}

/// An SVG drawing as PNG; `Err` says why it is none.
pub fn png(svg: &str) -> Result<Vec<u8>, String> {
    let options = usvg::Options { fontdb: FONTS.clone(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let size = tree.size();
    let density = DENSITY.min(LONGEST / size.width().max(size.height()));
    let pixels = |length: f32| (length * density).round().max(1.0) as u32;
    let mut picture = tiny_skia::Pixmap::new(pixels(size.width()), pixels(size.height()))
        .ok_or_else(|| "the drawing is too large".to_owned())?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(density, density), &mut picture.as_mut());
    picture.encode_png().map_err(|error| error.to_string())
}
