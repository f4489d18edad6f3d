//! Images in memory.

/// Square color images with a class each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Height and width in pixels.
    pub size: usize,
    /// Channel values 0 to 255, image by image, each row by row, RGB interleaved.
    pub pixels: Vec<u8>,
    /// Class of each image, from 0.
    pub labels: Vec<u16>,
    /// Number of classes.
    pub classes: usize,
    /// Name of each class.
    pub class_names: Vec<String>,
}

/// One image as it lies in the data set, before augmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture<'a> {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// Channel values 0 to 255, row by row, RGB interleaved: `[height, width, 3]`.
    pub pixels: &'a [u8],
}

impl Images {
    /// One image; panics if there are not that many.
    pub fn picture(&self, index: usize) -> Picture<'_> {
        Picture { height: self.size, width: self.size, pixels: self.image(index) }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of one image; panics if there are not that many.
    pub fn image(&self, index: usize) -> &[u8] {
        let length = self.image_length();
        &self.pixels[index * length..][..length]
    }

    /// The images with the given indices, in that order.
    pub fn select(&self, indices: &[usize]) -> Self {
        let mut pixels = Vec::with_capacity(indices.len() * self.image_length());
        for &index in indices {
            pixels.extend_from_slice(self.image(index));
        }
        Self {
            size: self.size,
            pixels,
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
            classes: self.classes,
            class_names: self.class_names.clone(),
        }
    }

    /// BLAKE3 of size, labels and pixels as 32 hexadecimal digits: equal if and only if training sees the same data.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.size as u64).to_le_bytes());
        hasher.update(&(self.len() as u64).to_le_bytes());
        for label in &self.labels {
            hasher.update(&label.to_le_bytes());
        }
        hasher.update_rayon(&self.pixels);
        hasher.finalize().to_hex()[..32].to_owned()
    }

    /// Number of bytes of one image.
    fn image_length(&self) -> usize {
        self.size * self.size * 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Images {
        Images {
            size: 1,
            pixels: vec![1, 2, 3, 4, 5, 6],
            labels: vec![0, 1],
            classes: 2,
            class_names: vec!["a".into(), "b".into()],
        }
    }

    #[test]
    fn selection_keeps_pixels_and_labels_together() {
        let swapped = two().select(&[1, 0]);
        assert_eq!((swapped.image(0), swapped.labels[0]), (&[4, 5, 6][..], 1));
        assert_eq!((swapped.image(1), swapped.labels[1]), (&[1, 2, 3][..], 0));
    }

    #[test]
    fn fingerprint_depends_on_all_that_training_sees() {
        let original = two();
        // Pinned: it is stored with results, so it must not change between releases.
        assert_eq!(original.fingerprint(), "f4234330894749889100fd80436efeac");
        let changes: [fn(&mut Images); 3] = [|i| i.size = 2, |i| i.labels[0] = 1, |i| i.pixels[5] = 7];
        for change in changes {
            let mut changed = two();
            change(&mut changed);
            assert_ne!(changed.fingerprint(), original.fingerprint());
        }
        let renamed = Images { class_names: vec!["x".into(), "y".into()], ..two() };
        assert_eq!(renamed.fingerprint(), original.fingerprint());
    }
}
