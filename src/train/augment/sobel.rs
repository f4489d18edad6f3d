//! Edges by the two windows of `tf.image.sobel_edges`.

use super::planes::{Planes, clip};

/// Replaces every value by a quarter of the length of its channel's gradient, √(dx² + dy²) / 4, clipped to 1.
///
/// The windows are [1, 2, 1] × [-1, 0, 1], across and down; beyond an edge, the image is its own reflection without
/// the edge pixel repeated. An image of less than two pixels has no edges.
pub fn sobel(image: &mut Planes) {
    let size = image.size;
    if size < 2 {
        return image.values.fill(0.0);
    }
    // One row with a column on each side, summed with its neighbors (1, 2, 1), and the difference of the neighbors.
    let (mut summed, mut difference) = (vec![0.0; size + 2], vec![0.0; size + 2]);
    for channel in image.channels_mut() {
        let source = channel.to_vec();
        let row = |index: usize| &source[index * size..][..size];
        for (index, target) in channel.chunks_exact_mut(size).enumerate() {
            let above = row(if index == 0 { 1 } else { index - 1 });
            let below = row(if index == size - 1 { size - 2 } else { index + 1 });
            for (column, (middle, (above, below))) in row(index).iter().zip(above.iter().zip(below)).enumerate() {
                summed[column + 1] = above + 2.0 * middle + below;
                difference[column + 1] = below - above;
            }
            for padded in [&mut summed, &mut difference] {
                (padded[0], padded[size + 1]) = (padded[2], padded[size - 1]);
            }
            for (value, (sums, differences)) in target.iter_mut().zip(summed.windows(3).zip(difference.windows(3))) {
                let across = sums[2] - sums[0];
                let down = differences[0] + 2.0 * differences[1] + differences[2];
                *value = 0.25 * (across * across + down * down).sqrt();
            }
        }
    }
    clip(&mut image.values);
}
