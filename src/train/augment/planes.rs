//! Square images as the operations work on them: channel by channel, so that loops over neighbors in memory are loops
//! over pixels.

/// Brings every value into [0, 1].
pub(super) fn clip(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
}

/// A square color image, or three equally large maps of whatever `T` is: `[3, size, size]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes<T = f32> {
    /// Height and width in pixels.
    pub size: usize,
    /// The values, one channel after the other, each row by row.
    pub values: Vec<T>,
}

impl<T: Copy + Default> Planes<T> {
    /// An image of zeros.
    pub fn zeros(size: usize) -> Self {
        Self { size, values: vec![T::default(); 3 * size * size] }
    }

    /// From `[size, size, 3]`; panics if there are not that many values.
    pub fn from_interleaved(size: usize, pixels: &[T]) -> Self {
        assert_eq!(pixels.len(), 3 * size * size, "number of values of a {size} x {size} image");
        let mut planes = Self::zeros(size);
        let [red, green, blue] = planes.channels_mut();
        for (pixel, ((red, green), blue)) in pixels.chunks_exact(3).zip(red.iter_mut().zip(green).zip(blue)) {
            (*red, *green, *blue) = (pixel[0], pixel[1], pixel[2]);
        }
        planes
    }

    /// Writes `[size, size, 3]`.
    pub fn interleave(&self, pixels: &mut [T]) {
        let [red, green, blue] = self.channels();
        for (pixel, ((red, green), blue)) in pixels.chunks_exact_mut(3).zip(red.iter().zip(green).zip(blue)) {
            (pixel[0], pixel[1], pixel[2]) = (*red, *green, *blue);
        }
    }

    /// Red, green and blue, `[size, size]` each.
    pub fn channels(&self) -> [&[T]; 3] {
        let (red, others) = self.values.split_at(self.size * self.size);
        let (green, blue) = others.split_at(self.size * self.size);
        [red, green, blue]
    }

    /// Red, green and blue, `[size, size]` each.
    pub fn channels_mut(&mut self) -> [&mut [T]; 3] {
        let (red, others) = self.values.split_at_mut(self.size * self.size);
        let (green, blue) = others.split_at_mut(self.size * self.size);
        [red, green, blue]
    }
}
