//! Affine maps by nearest pixels, black outside the image, in the 16.16 fixed point that PIL computes in.

use super::Bytes;

/// Where a target pixel comes from, x before y, in 16.16 fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Source of the first pixel.
    pub start: [i64; 2],
    /// From one column to the next.
    pub along_x: [i64; 2],
    /// From one row to the next.
    pub along_y: [i64; 2],
}

impl Path {
    /// No movement at all.
    pub const IDENTITY: Self = Self { start: [0; 2], along_x: [1 << 16, 0], along_y: [0, 1 << 16] };

    /// For the target pixel (x, y), the source pixel at (a x + b y + c, d x + e y + f); pixel centers lie at halves.
    pub(super) fn new([a, b, c, d, e, f]: [f64; 6]) -> Self {
        let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
        Self {
            start: [fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5)],
            along_x: [fixed(a), fixed(d)],
            along_y: [fixed(b), fixed(e)],
        }
    }

    /// Turns counterclockwise about the middle of an image of `size` pixels.
    pub(super) fn rotation(degrees: f64, size: usize) -> Self {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let middle = size as f64 / 2.0;
        let back = [middle - cosine * middle + sine * middle, middle - sine * middle - cosine * middle];
        Self::new([cosine, -sine, back[0], sine, cosine, back[1]])
    }
}

/// Takes every pixel from where the path says.
pub(super) fn transform(image: &mut Bytes, path: Path) {
    let size = image.size as i64;
    let mut start = path.start;
    let source = image.values.clone();
    let pixels = image.size * image.size;
    for row in 0..image.size {
        let mut place = start;
        for column in 0..image.size {
            let [x, y] = place.map(|coordinate| coordinate >> 16);
            let inside = (0..size).contains(&x) && (0..size).contains(&y);
            for channel in 0..3 {
                image.values[channel * pixels + row * image.size + column] =
                    if inside { source[channel * pixels + (y * size + x) as usize] } else { 0 };
            }
            place = std::array::from_fn(|axis| place[axis] + path.along_x[axis]);
        }
        start = std::array::from_fn(|axis| start[axis] + path.along_y[axis]);
    }
}
