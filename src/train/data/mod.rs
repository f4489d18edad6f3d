//! The data sets: files or a generator in, class-balanced images in memory out.

mod cifar;
pub mod download;
mod error;
#[cfg(test)]
mod fixture;
mod images;
mod shapes;
mod subset;

pub use error::{Error, ErrorKind};
pub use images::{Images, Picture};

use std::path::{Path, PathBuf};

use crate::recipe::DataSource;
use cifar::Layout;

/// Which half of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The images to train on.
    Train,
    /// The images to test on.
    Test,
}

impl Split {
    /// The name as it is written in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// Loads `images` images, an equal share per class, in an order that does not depend on that of the files.
///
/// `folder` holds the data files, or a folder of theirs under its official name; the generated set needs none.
pub fn load(source: DataSource, split: Split, images: usize, folder: Option<&Path>) -> Result<Images, Error> {
    let classes = source.classes();
    if images == 0 || !images.is_multiple_of(classes) {
        return Err(ErrorKind::Uneven { images, classes }.into());
    }
    let Some(layout) = Layout::of(source) else {
        return Ok(shapes::generate(split, images));
    };
    let folder = folder.ok_or(ErrorKind::NoFolder { source })?;
    let all = layout.read(folder, split)?;
    match subset::balanced(&all, images) {
        Ok(chosen) => Ok(all.select(&chosen)),
        Err(subset::Shortage { class, found, wanted }) => {
            let class = all.class_names[class].clone();
            Err(ErrorKind::TooFew { source, split, class, found, wanted, classes }.into())
        }
    }
}

/// What the files of a data set hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Where the files are; `None` for the generated set.
    pub folder: Option<PathBuf>,
    /// Number of training images.
    pub train_images: usize,
    /// Number of test images.
    pub test_images: usize,
}

/// Checks that all files of a data set are there, have a possible length and hold only known labels.
///
/// Official checksums are not compared, so that subsets and reordered copies pass.
pub fn verify(source: DataSource, folder: Option<&Path>) -> Result<Summary, Error> {
    match Layout::of(source) {
        Some(layout) => layout.verify(folder.ok_or(ErrorKind::NoFolder { source })?),
        None => {
            let (train_images, test_images) = source.available();
            Ok(Summary { folder: None, train_images, test_images })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_images_need_no_folder() {
        let images = load(DataSource::Shapes, Split::Test, 20, None).unwrap();
        assert_eq!((images.len(), images.size, images.classes), (20, 24, 10));
    }

    #[test]
    fn a_share_per_class_must_be_a_whole_number() {
        for images in [0, 15] {
            let error = load(DataSource::Shapes, Split::Train, images, None).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Uneven { images, classes: 10 });
        }
    }

    #[test]
    fn files_need_a_folder() {
        let error = load(DataSource::Cifar10, Split::Train, 10, None).unwrap_err();
        insta::assert_snapshot!(error, @"the folder of Cifar10 is not known: get the data set with `ablate data get cifar10`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
    }
}
