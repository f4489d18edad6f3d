//! Which images of a data set a job uses.

use super::{Error, ErrorKind, Images, Split, subset};
use crate::recipe::{Count, Data, DataSource, TrainSet};

/// Which images to load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The data set.
    pub source: DataSource,
    /// Which part of it.
    pub split: Split,
    /// How many images of that.
    pub images: Count,
    /// How many images of the same files are kept apart: validation images beside training images and the reverse.
    pub apart: Count,
    /// Which shuffle of the images the choice follows; see [`Data::subset_seed`].
    pub subset_seed: u64,
    /// Most corrupt images that are left out.
    pub corrupt_images: usize,
    /// See [`Data::image_size`].
    pub image_size: Option<usize>,
    /// See [`Data::center_crop`].
    pub center_crop: Option<f64>,
}

impl Part {
    /// A part of the data of a recipe.
    pub fn of(data: &Data, split: Split) -> Self {
        let validation = Count::Number(data.validation_images);
        let (images, apart, subset_seed) = match split {
            Split::Train => (data.train_images, validation, data.subset_seed),
            Split::Validation => (validation, data.train_images, data.subset_seed),
            Split::Test => (data.test_images, Count::Number(0), 0),
        };
        let Data { source, corrupt_images, image_size, center_crop, .. } = *data;
        Self { source, split, images, apart, subset_seed, corrupt_images, image_size, center_crop }
    }

    /// So many images of a split, an equal share per class.
    pub fn of_size(source: DataSource, split: Split, images: usize) -> Self {
        let (images, apart) = (Count::Number(images), Count::Number(0));
        let (image_size, center_crop) = (None, None);
        Self { source, split, images, apart, subset_seed: 0, corrupt_images: 0, image_size, center_crop }
    }

    /// The images that training sees.
    pub fn train(set: &TrainSet) -> Self {
        Self {
            source: set.source,
            split: Split::Train,
            images: set.images,
            apart: Count::Number(set.set_aside),
            subset_seed: set.subset_seed,
            corrupt_images: set.corrupt_images,
            image_size: set.image_size,
            center_crop: None,
        }
    }
}

impl Part {
    /// Checks that there can be an equal share per class.
    pub(super) fn check(&self) -> Result<(), Error> {
        let classes = self.source.classes();
        for count in [self.images, self.apart] {
            if let Count::Number(images) = count
                && !images.is_multiple_of(classes)
            {
                return Err(ErrorKind::Uneven { images, classes }.into());
            }
        }
        if self.images == Count::Number(0) {
            return Err(ErrorKind::Uneven { images: 0, classes }.into());
        }
        Ok(())
    }

    /// Checks that `All` means all: a plan counts on it. `found` is the number of images in the split's files.
    pub(super) fn check_complete(&self, found: usize) -> Result<(), Error> {
        let (train, test) = self.source.available();
        let expected = if self.split == Split::Test { test } else { train };
        if found == expected || ![self.images, self.apart].contains(&Count::All) {
            return Ok(());
        }
        Err(ErrorKind::Incomplete { source: self.source, split: self.split.of_files(), found, expected }.into())
    }

    /// Chooses from all images of the split's files.
    pub(super) fn choose(&self, all: &Images) -> Result<Images, Error> {
        let chosen = match self.split {
            Split::Validation => subset::last(all, self.images.of(0), self.apart, self.subset_seed),
            Split::Train | Split::Test => subset::first(all, self.images, self.apart.of(0), self.subset_seed),
        };
        match chosen {
            Ok(chosen) => Ok(all.select(&chosen).seen_as(self.image_size, self.center_crop)),
            Err(subset::Shortage { class, found, wanted }) => {
                let Self { source, split, apart, .. } = *self;
                let class = all.class_names[class].as_str().into();
                let apart = apart != Count::Number(0);
                Err(ErrorKind::TooFew { source, split, class, found, wanted, apart }.into())
            }
        }
    }
}
