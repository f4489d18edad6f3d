//! Features of images, with and without labels, checked once where they enter.

use super::error::{Error, ErrorKind};

/// Features of one or more images, all finite.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a> {
    values: &'a [f32],
    dimension: usize,
}

impl<'a> Features<'a> {
    /// Features `[n, dimension]`, row by row; fails if rows are incomplete or a value is not finite.
    pub fn new(values: &'a [f32], dimension: usize) -> Result<Self, Error> {
        if values.is_empty() || dimension == 0 || !values.len().is_multiple_of(dimension) {
            return Err(ErrorKind::Shape { values: values.len(), dimension }.into());
        }
        if let Some(position) = values.iter().position(|value| !value.is_finite()) {
            return Err(ErrorKind::NotFinite { image: position / dimension }.into());
        }
        Ok(Self { values, dimension })
    }

    /// Number of images, n.
    pub fn images(self) -> usize {
        self.values.len() / self.dimension
    }

    /// Values per image, d.
    pub fn dimension(self) -> usize {
        self.dimension
    }

    /// All values, `[n, d]`.
    pub fn values(self) -> &'a [f32] {
        self.values
    }
}

/// Features with a class for each image.
#[derive(Clone, Copy, Debug)]
pub struct Labeled<'a> {
    /// Features, `[n, d]`.
    pub features: Features<'a>,
    labels: &'a [u16],
    classes: usize,
}

impl<'a> Labeled<'a> {
    /// Fails if there is not one label below `classes` for each image.
    pub fn new(features: Features<'a>, labels: &'a [u16], classes: usize) -> Result<Self, Error> {
        let images = features.images();
        if labels.len() != images {
            return Err(ErrorKind::Labels { labels: labels.len(), images }.into());
        }
        if let Some(image) = labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(ErrorKind::Label { label: labels[image], classes, image }.into());
        }
        Ok(Self { features, labels, classes })
    }

    /// Class of each image, below [`Self::classes`].
    pub fn labels(self) -> &'a [u16] {
        self.labels
    }

    /// Number of classes.
    pub fn classes(self) -> usize {
        self.classes
    }

    /// Fails unless `other` has as many features per image and as many classes.
    pub(super) fn check_like(self, other: Labeled<'_>) -> Result<(), Error> {
        check_dimensions(self.features, other.features)?;
        if self.classes != other.classes {
            let (first, second) = (self.classes, other.classes);
            return Err(ErrorKind::Mismatch { what: "their number of classes", first, second }.into());
        }
        Ok(())
    }
}

/// Fails unless both have as many features per image.
pub(super) fn check_dimensions(one: Features<'_>, other: Features<'_>) -> Result<(), Error> {
    if one.dimension != other.dimension {
        let (first, second) = (one.dimension, other.dimension);
        return Err(ErrorKind::Mismatch { what: "features per image", first, second }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_features_and_labels_are_named() {
        let text = |result: Result<(), Error>| result.unwrap_err().to_string();
        let features = |values: &[f32], dimension| Features::new(values, dimension).map(|_| ());
        assert_eq!(text(features(&[1.0; 5], 2)), "5 feature values are not one or more images of 2 values each");
        assert_eq!(text(features(&[], 2)), "0 feature values are not one or more images of 2 values each");
        assert_eq!(
            text(features(&[0.0, 0.0, 0.0, f32::NAN], 2)),
            "the features of image 1 are not finite: the encoder diverged, lower its learning rate"
        );
        let two = Features::new(&[0.0; 4], 2).unwrap();
        let labeled = |labels: &[u16]| Labeled::new(two, labels, 3).map(|_| ());
        assert_eq!(text(labeled(&[0])), "there are 1 labels for 2 images");
        assert_eq!(text(labeled(&[0, 3])), "image 1 has label 3, but classes run from 0 to 2");
        assert_eq!(labeled(&[0, 2]), Ok(()));
    }

    #[test]
    fn sets_that_do_not_fit_are_named() {
        let (narrow, wide) = (Features::new(&[0.0; 2], 1).unwrap(), Features::new(&[0.0; 4], 2).unwrap());
        let one = Labeled::new(narrow, &[0, 1], 2).unwrap();
        let error = one.check_like(Labeled::new(wide, &[0, 1], 2).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "the two sets of images differ in features per image: 1 and 2");
        let error = one.check_like(Labeled::new(narrow, &[0, 1], 5).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "the two sets of images differ in their number of classes: 2 and 5");
    }
}
