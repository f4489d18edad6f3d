//! Which rectangle of a picture a view shows.

use crate::{recipe::BoxSampling, train::random::Stream};

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CropBox {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

impl CropBox {
    /// Everything.
    pub fn whole(height: usize, width: usize) -> Self {
        Self { top: 0, left: 0, height, width }
    }

    /// The square in the middle with `proportion` of the shorter side, rounded as the reference code's `center_crop`
    /// does it.
    pub fn center(height: usize, width: usize, proportion: f64) -> Self {
        let side = ((proportion * height.min(width) as f64).round_ties_even() as usize).clamp(1, height.min(width));
        Self { top: (height - side).div_ceil(2), left: (width - side).div_ceil(2), height: side, width: side }
    }
}

/// Attempts before the whole image is taken, as in the reference code.
const ATTEMPTS: usize = 100;
/// Attempts before a central box is taken, as in torchvision.
const TORCHVISION_ATTEMPTS: usize = 10;
/// Smallest area that the reference code takes, as a fraction of the image (`min_object_covered`).
const LEAST_COVERED: f64 = 0.1;

/// A random rectangle of a picture with area (as a fraction of the picture) and aspect ratio (width to height) in the
/// given ranges; what [`BoxSampling`] says if no draw fits.
pub fn random_box(
    (height, width): (usize, usize),
    area: (f64, f64),
    aspect: (f64, f64),
    sampling: BoxSampling,
    stream: &mut Stream,
) -> CropBox {
    let extent = (height, width);
    let pixels = (height * width) as f64;
    let log_aspect = sampling == BoxSampling::UniformAreaLogAspect;
    for _ in 0..if log_aspect { TORCHVISION_ATTEMPTS } else { ATTEMPTS } {
        let mut draw = |low: f64, high: f64| f64::from(stream.uniform(low as f32, high as f32));
        let cut = match sampling {
            BoxSampling::UniformArea => {
                let (area, aspect) = (draw(area.0, area.1) * pixels, draw(aspect.0, aspect.1));
                by_area(extent, area, aspect, stream)
            }
            BoxSampling::UniformAreaLogAspect => {
                let (area, aspect) = (draw(area.0, area.1) * pixels, draw(aspect.0.ln(), aspect.1.ln()).exp());
                by_area(extent, area, aspect, stream)
            }
            BoxSampling::UniformHeight => {
                let aspect = draw(aspect.0, aspect.1);
                by_height(extent, (area.0 * pixels, area.1 * pixels), aspect, stream)
                    .filter(|cut| (cut.height * cut.width) as f64 >= LEAST_COVERED * pixels)
            }
        };
        if let Some(cut) = cut {
            return cut;
        }
    }
    if log_aspect { central(extent, aspect) } else { CropBox::whole(height, width) }
}

/// The box of this area, in pixels, and aspect ratio, if it fits.
fn by_area((rows, columns): (usize, usize), area: f64, aspect: f64, stream: &mut Stream) -> Option<CropBox> {
    let height = (area / aspect).sqrt().round() as usize;
    let width = (area * aspect).sqrt().round() as usize;
    ((1..=rows).contains(&height) && (1..=columns).contains(&width)).then(|| CropBox {
        top: stream.below((rows - height) as u32 + 1) as usize,
        left: stream.below((columns - width) as u32 + 1) as usize,
        height,
        width,
    })
}

/// The largest box in the middle whose aspect ratio is in range.
fn central((rows, columns): (usize, usize), aspect: (f64, f64)) -> CropBox {
    let whole = columns as f64 / rows as f64;
    let rounded = |length: f64, most: usize| (length.round_ties_even() as usize).clamp(1, most);
    let (height, width) = if whole < aspect.0 {
        (rounded(columns as f64 / aspect.0, rows), columns)
    } else if whole > aspect.1 {
        (rows, rounded(rows as f64 * aspect.1, columns))
    } else {
        (rows, columns)
    };
    CropBox { top: (rows - height) / 2, left: (columns - width) / 2, height, width }
}

/// Height uniform among those that fit with the given aspect ratio, areas in pixels; what TensorFlow's
/// `GenerateRandomCrop` computes, including that it never draws the last row and column as a place.
fn by_height((rows, columns): (usize, usize), area: (f64, f64), aspect: f64, stream: &mut Stream) -> Option<CropBox> {
    let width_of = |height: usize| (height as f64 * aspect).round_ties_even() as usize;
    let height_of = |area: f64| (area / aspect).sqrt().round_ties_even() as usize;
    let mut tallest = height_of(area.1);
    if width_of(tallest) > columns {
        tallest = ((columns as f64 + 0.5) / aspect) as usize;
        tallest -= usize::from(width_of(tallest) > columns);
    }
    let tallest = tallest.min(rows);
    let shortest = height_of(area.0).min(tallest);
    let mut height = shortest + stream.below((tallest - shortest) as u32 + 1) as usize;
    // Rounding alone must not put a box out of its range: try one that is a little higher, then one a little lower.
    let pixels = |height: usize| (height * width_of(height)) as f64;
    if pixels(height) < area.0 {
        height += 1;
    }
    if pixels(height) > area.1 {
        height = height.saturating_sub(1);
    }
    let width = width_of(height);
    let fits = (1..=rows).contains(&height) && (1..=columns).contains(&width);
    if !fits || pixels(height) < area.0 || pixels(height) > area.1 {
        return None;
    }
    let mut place = |free: usize| if free == 0 { 0 } else { stream.below(free as u32) as usize };
    Some(CropBox { top: place(rows - height), left: place(columns - width), height, width })
}
