//! Folders of JPEG and PNG pictures, mostly in the layout of ImageNet: `{train,val}/<class>/<picture>`.

mod cache;
mod decode;
mod jpeg;
mod listing;
mod map;
mod pack;
mod resize;
#[cfg(test)]
mod tests;
pub(super) mod voc;

pub(super) use listing::is_present;
pub(super) use pack::Pack;

use std::{path::Path, sync::Arc};

use super::{CorruptImage, Error, ErrorKind, Images, Split, Summary, Watcher};
use crate::recipe::DataSource;
use cache::{Places, Trust};
use listing::Listing;

/// What a recipe says about a folder of pictures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stated {
    /// The whole of it, for messages.
    pub source: DataSource,
    /// See [`DataSource::Folder`].
    pub classes: usize,
    /// See [`DataSource::Folder`].
    pub size: usize,
    /// See [`DataSource::Folder`].
    pub images: (usize, usize),
    /// See [`DataSource::Folder`]; 0 for not known.
    pub contents: (u64, u64),
    /// See [`DataSource::Folder`].
    pub short_side: Option<usize>,
}

impl Stated {
    /// What the recipe says, if the data set is a folder of pictures.
    pub fn of(source: DataSource) -> Option<Self> {
        let (contents, short_side) = match source {
            DataSource::Folder { contents, short_side, .. } => (contents, short_side),
            DataSource::ImageNet => ((0, 0), None),
            _ => return None,
        };
        let (classes, size, images) = (source.classes(), source.image_size(), source.available());
        Some(Self { source, classes, size, images, contents, short_side })
    }

    /// Lists the files of a split and compares them with the recipe.
    fn list(&self, root: &Path, split: Split) -> Result<Listing, Error> {
        if !root.is_dir() {
            return Err(ErrorKind::MissingFolder { source: self.source, path: root.to_owned() }.into());
        }
        let listing = Listing::read(root, split)?;
        let (path, found) = (listing.folder(), listing.classes.len());
        // Without any class, there are no images to share equally.
        if found != self.classes || found == 0 {
            return Err(ErrorKind::ClassFolders { path, found, stated: self.classes }.into());
        }
        let stated = if split == Split::Test { self.images.1 } else { self.images.0 };
        let found = listing.files.len();
        if found != stated {
            return Err(ErrorKind::PictureCount { path, found, stated }.into());
        }
        let stated = if split == Split::Test { self.contents.1 } else { self.contents.0 };
        let found = listing.contents();
        if stated != 0 && found != stated {
            return Err(ErrorKind::OtherPictures { path, found, stated }.into());
        }
        Ok(listing)
    }

    /// Lists both splits; they must have the same classes.
    fn list_both(&self, root: &Path) -> Result<[Listing; 2], Error> {
        let (train, test) = (self.list(root, Split::Train)?, self.list(root, Split::Test)?);
        // The numbers of classes are equal, so one that is only here stands against one that is only there.
        if let Some(class) = test.classes.iter().find(|class| !train.classes.contains(class)) {
            let path = test.folder().join(class);
            return Err(ErrorKind::OtherClass { path, train: train.folder() }.into());
        }
        Ok([train, test])
    }

    /// All pictures of a split that can be decoded, those that cannot, and what a log should say.
    pub fn read(
        &self,
        root: &Path,
        split: Split,
        watch: &mut Watcher<'_>,
    ) -> Result<(Images, Vec<CorruptImage>, Vec<String>), Error> {
        let listing = match split {
            Split::Train | Split::Validation => self.list(root, split)?,
            // A label is a position among the classes of the training images.
            Split::Test => {
                self.list_both(root)?.into_iter().nth(1).ok_or(ErrorKind::NoFolder { source: self.source })?
            }
        };
        let (pack, notes) = cache::open(&listing, self.short_side, &Places::of(root), Trust::Usual, watch)?;
        let corrupt = with_root(root, &pack);
        Ok((Images::mapped(self.size, Arc::new(pack), listing.classes), corrupt, notes))
    }

    /// Compares the files with the recipe without decoding any.
    pub fn check(&self, root: &Path) -> Result<Summary, Error> {
        let [train, test] = self.list_both(root)?;
        Ok(Summary {
            folder: Some(root.to_owned()),
            train_images: train.files.len(),
            test_images: test.files.len(),
            ..Summary::default()
        })
    }

    /// Decodes all pictures, or compares them with their checksums if they are in a cache.
    pub fn inspect(&self, root: &Path, watch: &mut Watcher<'_>) -> Result<Summary, Error> {
        let [train, test] = self.list_both(root)?;
        let places = Places::of(root);
        let (train, train_notes) = cache::open(&train, self.short_side, &places, Trust::Nothing, watch)?;
        let (test, test_notes) = cache::open(&test, self.short_side, &places, Trust::Nothing, watch)?;
        Ok(Summary {
            folder: Some(root.to_owned()),
            train_images: train.len(),
            test_images: test.len(),
            left_out: [with_root(root, &train), with_root(root, &test)].concat(),
            notes: [train_notes, test_notes].concat(),
        })
    }
}

/// The corrupt pictures by their full paths.
fn with_root(root: &Path, pack: &Pack) -> Vec<CorruptImage> {
    let place = |image: &CorruptImage| CorruptImage { path: root.join(&image.path), ..image.clone() };
    pack.corrupt().iter().map(place).collect()
}

/// What a recipe has to say about the pictures in `root`, for views of `size` pixels.
pub(super) fn describe(root: &Path, size: usize) -> Result<DataSource, Error> {
    let (train, test) = (Listing::read(root, Split::Train)?, Listing::read(root, Split::Test)?);
    let images = (train.files.len(), test.files.len());
    let contents = (train.contents(), test.contents());
    Ok(DataSource::Folder { classes: train.classes.len(), size, images, contents, short_side: None })
}
