//! What can be wrong with the input of an evaluation.

use std::fmt;

/// An evaluation that cannot be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What is wrong with the input of an evaluation; images are numbered from 0.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Features do not fill whole rows, or there are none.
    Shape {
        /// Number of values.
        values: usize,
        /// Values per image.
        dimension: usize,
    },
    /// A feature is infinite or not a number.
    NotFinite {
        /// Image it belongs to.
        image: usize,
    },
    /// There are more or fewer labels than images.
    Labels {
        /// Number of labels.
        labels: usize,
        /// Number of images.
        images: usize,
    },
    /// A label is not one of the classes.
    Label {
        /// The label.
        label: u16,
        /// Number of classes.
        classes: usize,
        /// Image it belongs to.
        image: usize,
    },
    /// Two sets that belong together differ in features per image or in classes.
    Mismatch {
        /// What differs.
        what: &'static str,
        /// Its value in the first set.
        first: usize,
        /// Its value in the second set.
        second: usize,
    },
    /// More neighbors are wanted than there are training images, or none.
    Neighbors {
        /// Neighbors per image.
        k: usize,
        /// Number of training images.
        images: usize,
    },
    /// The temperature of the votes is not positive.
    Temperature {
        /// The temperature.
        temperature: f64,
    },
    /// A regularization strength is negative or not finite, or there is none to choose from.
    Lambda {
        /// The strength, if there is one.
        lambda: Option<f64>,
    },
    /// It was asked to stop.
    Stopped,
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::Shape { values, dimension } => {
                write!(f, "{values} feature values are not one or more images of {dimension} values each")
            }
            ErrorKind::NotFinite { image } => {
                write!(f, "the features of image {image} are not finite: the encoder diverged, lower its learning rate")
            }
            ErrorKind::Labels { labels, images } => write!(f, "there are {labels} labels for {images} images"),
            ErrorKind::Label { label, classes, image } => {
                write!(f, "image {image} has label {label}, but classes run from 0 to {}", classes.saturating_sub(1))
            }
            ErrorKind::Mismatch { what, first, second } => {
                write!(f, "the two sets of images differ in {what}: {first} and {second}")
            }
            ErrorKind::Neighbors { k, images } => write!(
                f,
                "cannot take the {k} nearest of {images} training images: set the number of neighbors to 1..={images}"
            ),
            ErrorKind::Temperature { temperature } => {
                write!(f, "the temperature of the neighbors' votes is {temperature}: set it above 0 (0.1 is usual)")
            }
            ErrorKind::Lambda { lambda: Some(lambda) } => {
                write!(f, "the regularization strength {lambda} is not a finite number of 0 or more")
            }
            ErrorKind::Lambda { lambda: None } => f.write_str("the grid has no regularization strength to choose from"),
            ErrorKind::Stopped => f.write_str("stopped on request"),
        }
    }
}

impl std::error::Error for Error {}
