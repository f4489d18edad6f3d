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
/// Smallest area that the reference code takes, as a fraction of the image (`min_object_covered`).
const LEAST_COVERED: f64 = 0.1;

/// A random rectangle of a picture with area (as a fraction of the picture) and aspect ratio (width to height) in the
/// given ranges; the whole picture if 100 draws do not fit.
pub fn random_box(
    (height, width): (usize, usize),
    area: (f64, f64),
    aspect: (f64, f64),
    sampling: BoxSampling,
    stream: &mut Stream,
) -> CropBox {
    let pixels = (height * width) as f64;
    for _ in 0..ATTEMPTS {
        let cut = match sampling {
            BoxSampling::UniformArea => by_area((height, width), area, aspect, stream),
            BoxSampling::UniformHeight => {
                let aspect = f64::from(stream.uniform(aspect.0 as f32, aspect.1 as f32));
                by_height((height, width), (area.0 * pixels, area.1 * pixels), aspect, stream)
                    .filter(|cut| (cut.height * cut.width) as f64 >= LEAST_COVERED * pixels)
            }
        };
        if let Some(cut) = cut {
            return cut;
        }
    }
    CropBox::whole(height, width)
}

/// Area and aspect ratio uniform.
fn by_area(
    (rows, columns): (usize, usize),
    area: (f64, f64),
    aspect: (f64, f64),
    stream: &mut Stream,
) -> Option<CropBox> {
    let area = f64::from(stream.uniform(area.0 as f32, area.1 as f32)) * (rows * columns) as f64;
    let aspect = f64::from(stream.uniform(aspect.0 as f32, aspect.1 as f32));
    let height = (area / aspect).sqrt().round() as usize;
    let width = (area * aspect).sqrt().round() as usize;
    ((1..=rows).contains(&height) && (1..=columns).contains(&width)).then(|| CropBox {
        top: stream.below((rows - height) as u32 + 1) as usize,
        left: stream.below((columns - width) as u32 + 1) as usize,
        height,
        width,
    })
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
