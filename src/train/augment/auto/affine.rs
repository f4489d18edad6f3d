//! Affine maps by nearest pixels, black outside the image, in the 16.16 fixed point that PIL computes in.

use super::Bytes;

/// For every target pixel (x, y), takes the source pixel at (a x + b y + c, d x + e y + f); pixel centers lie at halves.
pub(super) fn transform(image: &mut Bytes, [a, b, c, d, e, f]: [f64; 6]) {
    let size = image.size as i64;
    let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
    let (along_x, along_y) = ([fixed(a), fixed(d)], [fixed(b), fixed(e)]);
    let mut start = [fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5)];
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
            place = std::array::from_fn(|axis| place[axis] + along_x[axis]);
        }
        start = std::array::from_fn(|axis| start[axis] + along_y[axis]);
    }
}

/// Turns counterclockwise about the middle of the image.
pub(super) fn rotate(image: &mut Bytes, degrees: f64) {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let middle = image.size as f64 / 2.0;
    let back = [middle - cosine * middle + sine * middle, middle - sine * middle - cosine * middle];
    transform(image, [cosine, -sine, back[0], sine, cosine, back[1]]);
}
