//! Data sets in a few large files of official names.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{CorruptImage, Error, ErrorKind, Images, Split, Summary, cifar, corrupt, idx};
use crate::recipe::DataSource;

/// The files of a data set. They may hold fewer records than the official ones, but whole ones.
pub trait Files: fmt::Debug + Sync {
    /// The folder below the user's data folder into which a download goes.
    fn folder(&self) -> &'static str;

    /// The folder with the files: one of a known name inside `folder`, or `folder` itself.
    fn locate(&self, folder: &Path) -> PathBuf;

    /// Whether at least one of the files is there.
    fn is_present(&self, folder: &Path) -> bool;

    /// Reads one half of the data set, in the order of the files; corrupt images are left out.
    fn read(&self, folder: &Path, split: Split) -> Result<(Images, Vec<CorruptImage>), Error>;

    /// Checks all files without keeping any; at most `corrupt_images` of a split may be corrupt.
    fn verify(&self, folder: &Path, corrupt_images: usize) -> Result<Summary, Error> {
        let ((train, mut left_out), (test, more)) = (self.read(folder, Split::Train)?, self.read(folder, Split::Test)?);
        corrupt::allow(corrupt_images, &left_out)?;
        corrupt::allow(corrupt_images, &more)?;
        left_out.extend(more);
        let folder = Some(self.locate(folder));
        Ok(Summary { folder, train_images: train.len(), test_images: test.len(), left_out, notes: Vec::new() })
    }
}

/// The files of a data set that comes in such.
pub fn of(source: DataSource) -> Option<&'static dyn Files> {
    match source {
        DataSource::Cifar10 => Some(&cifar::CIFAR10),
        DataSource::Cifar100 => Some(&cifar::CIFAR100),
        DataSource::Mnist => Some(&idx::MNIST),
        DataSource::FashionMnist => Some(&idx::FASHION_MNIST),
        DataSource::KMnist => Some(&idx::KMNIST),
        DataSource::Shapes | DataSource::ImageNet | DataSource::Voc2007 | DataSource::Folder { .. } => None,
    }
}

/// Tells a file that is not there from a folder that is not there and from one that cannot be read.
pub fn unreadable(source: DataSource, folder: &Path, path: PathBuf, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound if folder.is_dir() => ErrorKind::MissingFile { source, path }.into(),
        io::ErrorKind::NotFound => ErrorKind::MissingFolder { source, path: folder.to_owned() }.into(),
        _ => Error::read(path, error),
    }
}

impl Error {
    /// Whether the files simply are not there, and nothing is wrong with any: pictures of another number of classes are
    /// another data set.
    pub fn is_absence(&self) -> bool {
        match self.kind {
            ErrorKind::MissingFile { .. } | ErrorKind::MissingFolder { .. } => true,
            ErrorKind::NoSplit { split, .. } => split == Split::Train,
            ErrorKind::ClassFolders { found, .. } => found > 0,
            _ => false,
        }
    }
}
