//! Which images a job sees.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::patch::{patchable, replaceable};

patchable! {
    /// A data set and how much of it is used; subsets are class-balanced and independent of the record order.
    pub struct Data patched by DataPatch {
        /// Where the images come from.
        pub source: DataSource,
        /// Number of training images, an equal share per class.
        pub train_images: usize,
        /// Number of test images, an equal share per class.
        pub test_images: usize,
        /// Folder of the data files. It does not affect the result, so it is not part of the job's identity; the
        /// flag `--data-dir` and the variable `ABLATE_DATA_DIR` go before it.
        #[serde(default, skip_serializing)]
        pub folder: Option<PathBuf>,
    }
}

/// A known data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DataSource {
    /// Generated on the fly: ten shapes in random colors, 24 × 24 pixels (see `train::data::shapes`).
    Shapes,
    /// CIFAR-10 in its official binary layout, 32 × 32 pixels, 10 classes (Krizhevsky 2009).
    Cifar10,
    /// CIFAR-100 in its official binary layout, 32 × 32 pixels, 100 fine classes (Krizhevsky 2009).
    Cifar100,
}

replaceable!(DataSource, Option<PathBuf>);

impl DataSource {
    /// Number of classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Shapes | Self::Cifar10 => 10,
            Self::Cifar100 => 100,
        }
    }

    /// Height and width of an image in pixels.
    pub fn image_size(self) -> usize {
        match self {
            Self::Shapes => 24,
            Self::Cifar10 | Self::Cifar100 => 32,
        }
    }

    /// Most training images that exist, and most test images.
    pub fn available(self) -> (usize, usize) {
        match self {
            Self::Shapes => (100_000, 100_000),
            Self::Cifar10 | Self::Cifar100 => (50_000, 10_000),
        }
    }

    /// The name as it is written in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shapes => "Shapes",
            Self::Cifar10 => "Cifar10",
            Self::Cifar100 => "Cifar100",
        }
    }
}

/// The part of [`Data`] that pretraining sees: no test images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSet {
    /// Where the images come from.
    pub source: DataSource,
    /// Number of training images, an equal share per class.
    pub images: usize,
}
