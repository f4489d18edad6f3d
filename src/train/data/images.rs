//! Images to train or test on: small ones in memory, pictures of any size in a mapped cache file.

use std::sync::Arc;

use super::folder::Pack;
use crate::recipe::CENTER_CROP;

/// Color images with a class each.
#[derive(Clone, Debug)]
pub struct Images {
    /// Height and width in pixels of the views that training makes.
    pub size: usize,
    /// Share of a picture's shorter side that a view without augmentation shows, unless it has that size already.
    pub center_crop: f64,
    /// Class of each image, from 0; where an image may show several, the first of them.
    pub labels: Vec<u16>,
    /// Where an image may show several classes: whether each image shows each class, `[n, classes]` row by row; none
    /// where that is not to be counted, since it is hard to see (VOC's difficult objects).
    pub shown: Option<Vec<Option<bool>>>,
    /// Number of classes.
    pub classes: usize,
    /// Name of each class.
    pub class_names: Vec<String>,
    pixels: Pixels,
}

/// Where the pixels are.
#[derive(Clone, Debug)]
enum Pixels {
    /// Height and width of each image, and `[n, side, side, 3]`.
    Memory(usize, Vec<u8>),
    /// The pictures of these numbers in the cache file.
    Mapped(Arc<Pack>, Vec<usize>),
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
    /// Square images in memory: `pixels` `[labels.len(), size, size, 3]`, channel values 0 to 255.
    pub fn in_memory(size: usize, pixels: Vec<u8>, labels: Vec<u16>, classes: usize, class_names: Vec<String>) -> Self {
        debug_assert_eq!(pixels.len(), labels.len() * size * size * 3);
        let pixels = Pixels::Memory(size, pixels);
        Self { size, center_crop: CENTER_CROP, labels, shown: None, classes, class_names, pixels }
    }

    /// All pictures of a cache file; views have `size` pixels.
    pub(super) fn mapped(size: usize, pack: Arc<Pack>, class_names: Vec<String>) -> Self {
        let labels = pack.labels().collect();
        let pixels = Pixels::Mapped(Arc::clone(&pack), (0..pack.len()).collect());
        Self { size, center_crop: CENTER_CROP, labels, shown: None, classes: class_names.len(), class_names, pixels }
    }

    /// The same images, which show these classes; see [`Images::shown`].
    pub fn showing(self, shown: Vec<Option<bool>>) -> Self {
        debug_assert_eq!(shown.len(), self.len() * self.classes);
        let first = |row: &[Option<bool>]| {
            let of = |what| row.iter().position(|&shown| shown == what);
            of(Some(true)).or_else(|| of(None)).unwrap_or(0) as u16
        };
        Self { labels: shown.chunks_exact(self.classes).map(first).collect(), shown: Some(shown), ..self }
    }

    /// The same images, with other views of them where these are stated.
    pub(super) fn seen_as(self, size: Option<usize>, center_crop: Option<f64>) -> Self {
        let (size, center_crop) = (size.unwrap_or(self.size), center_crop.unwrap_or(self.center_crop));
        Self { size, center_crop, ..self }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// One image; panics if there are not that many.
    pub fn picture(&self, index: usize) -> Picture<'_> {
        match &self.pixels {
            &Pixels::Memory(side, ref pixels) => {
                let length = side * side * 3;
                Picture { height: side, width: side, pixels: &pixels[index * length..][..length] }
            }
            Pixels::Mapped(pack, numbers) => pack.picture(numbers[index]),
        }
    }

    /// A hash that tells images apart and does not depend on their order: of the pixels for those in memory, of the
    /// encoded file for pictures, so that it does not depend on the decoder either.
    pub(super) fn key(&self, index: usize) -> [u8; 16] {
        match &self.pixels {
            Pixels::Memory(..) => short_hash(self.picture(index).pixels),
            Pixels::Mapped(pack, numbers) => pack.key(numbers[index]),
        }
    }

    /// The images with the given indices, in that order.
    pub fn select(&self, indices: &[usize]) -> Self {
        let pixels = match &self.pixels {
            &Pixels::Memory(side, _) => {
                Pixels::Memory(side, indices.iter().flat_map(|&index| self.picture(index).pixels).copied().collect())
            }
            Pixels::Mapped(pack, numbers) => {
                Pixels::Mapped(Arc::clone(pack), indices.iter().map(|&index| numbers[index]).collect())
            }
        };
        Self {
            size: self.size,
            center_crop: self.center_crop,
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
            shown: self.shown.as_ref().map(|shown| {
                indices.iter().flat_map(|&index| &shown[index * self.classes..][..self.classes]).copied().collect()
            }),
            classes: self.classes,
            class_names: self.class_names.clone(),
            pixels,
        }
    }

    /// BLAKE3 of size, center crop, labels and pixels as 32 hexadecimal digits: equal if and only if training sees the same data.
    ///
    /// Mapped pictures count by the checksums of their pixels, so that this does not read them.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.size as u64).to_le_bytes());
        hasher.update(&(self.len() as u64).to_le_bytes());
        if self.center_crop != CENTER_CROP {
            hasher.update(&self.center_crop.to_le_bytes());
        }
        for label in &self.labels {
            hasher.update(&label.to_le_bytes());
        }
        for shown in self.shown.iter().flatten() {
            hasher.update(&[shown.map_or(2, u8::from)]);
        }
        match &self.pixels {
            Pixels::Memory(side, pixels) => {
                if *side != self.size {
                    hasher.update(&(*side as u64).to_le_bytes());
                }
                hasher.update_rayon(pixels);
            }
            Pixels::Mapped(pack, numbers) => {
                for &number in numbers {
                    let Picture { height, width, .. } = pack.picture(number);
                    hasher.update(&(height as u32).to_le_bytes());
                    hasher.update(&(width as u32).to_le_bytes());
                    hasher.update(&pack.checksum(number));
                }
            }
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

/// The first 16 bytes of BLAKE3.
pub(super) fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(size: usize, pixels: &[u8], labels: &[u16]) -> Images {
        Images::in_memory(size, pixels.to_vec(), labels.to_vec(), 2, vec!["a".into(), "b".into()])
    }

    #[test]
    fn selection_keeps_pixels_and_labels_together() {
        let swapped = images(1, &[1, 2, 3, 4, 5, 6], &[0, 1]).select(&[1, 0]);
        assert_eq!((swapped.picture(0).pixels, swapped.labels[0]), (&[4, 5, 6][..], 1));
        assert_eq!((swapped.picture(1).pixels, swapped.labels[1]), (&[1, 2, 3][..], 0));
    }

    #[test]
    fn images_may_show_several_classes() {
        let shown = vec![Some(false), Some(true), None, Some(false)];
        let images = images(1, &[1, 2, 3, 4, 5, 6], &[0, 0]).showing(shown.clone());
        assert_eq!((&images.labels[..], &images.shown), (&[1, 0][..], &Some(shown)));
        let swapped = images.select(&[1, 0, 1]);
        assert_eq!(swapped.labels, [0, 1, 0]);
        let expected = vec![None, Some(false), Some(false), Some(true), None, Some(false)];
        assert_eq!(swapped.shown, Some(expected));
        let other = images.clone().showing(vec![Some(false), Some(true), Some(true), Some(false)]);
        assert!(other.labels == images.labels && other.fingerprint() != images.fingerprint());
    }

    #[test]
    fn views_may_have_another_size_than_the_images() {
        let original = images(2, &[9; 24], &[0, 1]);
        let seen = original.clone().seen_as(Some(8), Some(1.0)).select(&[1]);
        assert_eq!((seen.size, seen.center_crop, seen.picture(0).width), (8, 1.0, 2));
        assert_eq!(seen.picture(0), original.picture(1));
        let prints = [(None, None), (Some(8), None), (None, Some(1.0))]
            .map(|(size, crop)| original.clone().seen_as(size, crop).fingerprint());
        assert!(prints[0] == original.fingerprint() && prints[0] != prints[1] && prints[0] != prints[2]);
    }

    #[test]
    fn fingerprint_depends_on_all_that_training_sees() {
        let original = images(1, &[1, 2, 3, 4, 5, 6], &[0, 1]);
        // Pinned: it is stored with results, so it must not change between releases.
        assert_eq!(original.fingerprint(), "f4234330894749889100fd80436efeac");
        let resized = Images { size: 2, ..original.clone() };
        let changes = [resized, images(1, &[1, 2, 3, 4, 5, 6], &[1, 1]), images(1, &[1, 2, 3, 4, 5, 7], &[0, 1])];
        for changed in changes {
            assert_ne!(changed.fingerprint(), original.fingerprint());
        }
        let renamed = Images { class_names: vec!["x".into(), "y".into()], ..original.clone() };
        assert_eq!(renamed.fingerprint(), original.fingerprint());
    }
}
