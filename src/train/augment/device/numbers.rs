//! What a change of one view is in numbers, and the numbers that change nothing.

use super::super::{Adjustment, Change, Jitter, Operation, Shift, auto::Path};

/// Columns of each place in a jitter's order: factor of every value, what is added, factor of the channel's mean that
/// is added, factor of the saturation or a negative number, what is added to the hue in sixths of a turn (0 to 6) or a
/// negative number.
pub(super) const JITTER: usize = 5;

/// The columns of a jitter, place by place.
pub(super) fn jitter(change: Option<&Change>) -> [[f32; JITTER]; 4] {
    const NOTHING: [f32; JITTER] = [1.0, 0.0, 0.0, -1.0, -1.0];
    let Some(Change::Jitter(jitter)) = change else { return [NOTHING; 4] };
    let &Jitter { brightness, contrast, saturation, hue, order } = jitter;
    order.map(|adjustment| {
        let mut columns = NOTHING;
        match (adjustment, brightness) {
            (Adjustment::Brightness, Shift::Add(amount)) => columns[1] = amount,
            (Adjustment::Brightness, Shift::Multiply(factor)) => columns[0] = factor,
            // (x − mean) · factor + mean.
            (Adjustment::Contrast, _) => (columns[0], columns[2]) = (contrast, 1.0 - contrast),
            (Adjustment::Saturation, _) => columns[3] = saturation,
            (Adjustment::Hue, _) => columns[4] = (6.0 * hue).rem_euclid(6.0),
        }
        columns
    })
}

/// Columns of one of AutoAugment's operations: the factor of a blend; whether it is with gray, with the mean of gray or
/// with the smoothed image, otherwise it is with black; the step that levels are rounded down to; the level from which
/// on they are inverted; whether contrast is stretched; whether the histogram is equalized.
pub(super) const OPERATION: usize = 8;

/// The columns of an operation.
pub(super) fn operation(operation: Option<Operation>) -> [f32; OPERATION] {
    let mut columns = [1.0, 0.0, 0.0, 0.0, 1.0, 256.0, 0.0, 0.0];
    match operation {
        Some(Operation::Brightness(factor)) => columns[0] = factor,
        Some(Operation::Color(factor)) => (columns[0], columns[1]) = (factor, 1.0),
        Some(Operation::Contrast(factor)) => (columns[0], columns[2]) = (factor, 1.0),
        Some(Operation::Sharpness(factor)) => (columns[0], columns[3]) = (factor, 1.0),
        Some(Operation::Posterize(bits)) => columns[4] = (0x100_u32 >> bits.min(8)) as f32,
        // A level is a whole number.
        Some(Operation::Solarize(threshold)) => columns[5] = threshold.ceil() as f32,
        Some(Operation::Invert) => columns[5] = 0.0,
        Some(Operation::AutoContrast) => columns[6] = 1.0,
        Some(Operation::Equalize) => columns[7] = 1.0,
        Some(
            Operation::ShearX(_)
            | Operation::ShearY(_)
            | Operation::TranslateX(_)
            | Operation::TranslateY(_)
            | Operation::Rotate(_),
        )
        | None => {}
    }
    columns
}

/// Integer columns of where an operation takes pixels from: x and y each of start, along x and along y, in 16.16 fixed
/// point.
pub(super) const PATH: usize = 6;

/// The integer columns of an operation in an image of `size` pixels.
pub(super) fn path(operation: Option<Operation>, size: usize) -> [i32; PATH] {
    let Path { start, along_x, along_y } =
        operation.and_then(|operation| operation.path(size)).unwrap_or(Path::IDENTITY);
    // Images of up to a few thousand pixels stay within 32 bits.
    [start[0], start[1], along_x[0], along_x[1], along_y[0], along_y[1]].map(|fixed| fixed as i32)
}
