//! Which images a job sees.

mod check;
mod count;

pub use count::Count;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patch::{patchable, replaceable};

patchable! {
    /// A data set and how much of it is used; subsets are class-balanced and independent of the record order.
    pub struct Data patched by DataPatch {
        /// Where the images come from.
        pub source: DataSource,
        /// Training images: an equal share per class, or all that there are.
        pub train_images: Count,
        /// Number of images taken out of the training images to choose settings by, an equal share per class; 0 for
        /// none, as unless written. They are the same whatever the number of training images.
        #[serde(default)]
        pub validation_images: usize,
        /// Which training and validation images a subset has, and which labels a share of them: 0, as unless written,
        /// or another shuffle of the images. Test images do not depend on it.
        #[serde(default)]
        pub subset_seed: u64,
        /// Test images: an equal share per class, or all that there are.
        pub test_images: Count,
        /// Most corrupt images in the files of a split that are left out; with more, a job fails; 0 unless written. It is
        /// part of a job's identity: a result in spite of corrupt images is none of the complete data set.
        #[serde(default)]
        pub corrupt_images: usize,
        /// Height and width in pixels of the views of a data set whose images all have one size, which are resized to
        /// it by bicubic interpolation; their own size unless written. The paper transfers to CIFAR at 224 (appendix
        /// B.8). A folder of pictures has its `size` instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub image_size: Option<usize>,
        /// Share of a picture's shorter side that a view without augmentation shows: the central square. 0.875 unless
        /// written, as the paper's 224 of 256 pixels; 1 where the paper transfers by logistic regression (appendix
        /// B.8.1). Pictures that have the size of a view are always taken as they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub center_crop: Option<f64>,
        /// Folder of the data files. It does not affect the result, so it is not part of the job's identity; the
        /// flag `--data-dir` and the variable `ABLATE_DATA_DIR` go before it.
        #[serde(default, skip_serializing)]
        pub folder: Option<PathBuf>,
    }
}

/// The share of a picture's shorter side that evaluation looks at unless stated otherwise, as in the reference code
/// (`CROP_PROPORTION`).
pub const CENTER_CROP: f64 = 0.875;

/// Number of VOC 2007's validation pictures.
pub(super) const VOC_VALIDATION: usize = 2_510;

/// A data set: a known one, or any folder of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum DataSource {
    /// Generated on the fly: ten shapes in random colors, 24 × 24 pixels (see `train::data::shapes`).
    Shapes,
    /// CIFAR-10 in its official binary layout, 32 × 32 pixels, 10 classes (Krizhevsky 2009).
    Cifar10,
    /// CIFAR-100 in its official binary layout, 32 × 32 pixels, 100 fine classes (Krizhevsky 2009).
    Cifar100,
    /// MNIST in its official IDX layout, 28 × 28 gray pixels, 10 digits (LeCun et al. 1998).
    Mnist,
    /// Fashion-MNIST in the layout of MNIST, 10 kinds of clothes (Xiao et al. 2017).
    FashionMnist,
    /// Kuzushiji-MNIST in the layout of MNIST, 10 cursive characters (Clanuwat et al. 2018).
    KMnist,
    /// ImageNet (ILSVRC 2012) in class folders named by WordNet ids, 1000 classes, 1,281,167 training pictures and 50,000
    /// for testing, views of 224 pixels unless `image_size` says otherwise (Russakovsky et al. 2015).
    ImageNet,
    /// PASCAL VOC 2007 in the layout of its development kit: 20 classes of which a picture shows one or several, 2,501
    /// training, 2,510 validation and 4,952 test pictures, views of 224 pixels unless `image_size` says otherwise
    /// (Everingham et al. 2010). It is taken as a whole; its validation pictures are the authors' own.
    Voc2007,
    /// JPEG and PNG pictures of any size in `train/<class>/` and `val/<class>/` (or `test/<class>/`), the layout of
    /// ImageNet; a class is its position among the sorted folder names. What is stated here is compared with the
    /// files when they are read, so that planning needs none.
    Folder {
        /// Number of class folders in each split.
        classes: usize,
        /// Height and width in pixels of the views that training makes.
        size: usize,
        /// Number of pictures in all of `train` and in all of `val`.
        images: (usize, usize),
        /// Which pictures are in `train` and in `val`: numbers that follow from the names and lengths of all files, so
        /// that results of one data set are never taken for those of another; `ablate data verify` prints them. Unless
        /// written, any pictures in these numbers will do, as in a sweep that others run with copies of their own; the
        /// record of a job still says which pictures it saw.
        #[serde(default, skip_serializing_if = "are_unknown")]
        contents: (u64, u64),
        /// Length in pixels to which the shorter side is reduced once, when the cache is built; `None` keeps pictures
        /// as they are. It saves space and time, but crops of small areas are then blurred: they are enlarged from
        /// what is left.
        short_side: Option<usize>,
    },
}

fn are_unknown(contents: &(u64, u64)) -> bool {
    *contents == (0, 0)
}

replaceable!(DataSource, Option<PathBuf>, Option<f64>);

impl DataSource {
    /// The data sets that need no settings.
    pub const KNOWN: [Self; 6] =
        [Self::Shapes, Self::Cifar10, Self::Cifar100, Self::Mnist, Self::FashionMnist, Self::KMnist];

    /// Number of classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Shapes | Self::Cifar10 | Self::Mnist | Self::FashionMnist | Self::KMnist => 10,
            Self::Cifar100 => 100,
            Self::ImageNet => 1000,
            Self::Voc2007 => 20,
            Self::Folder { classes, .. } => classes,
        }
    }

    /// Height and width in pixels of the images, or of the views of pictures in a folder.
    pub fn image_size(self) -> usize {
        match self {
            Self::Shapes => 24,
            Self::Mnist | Self::FashionMnist | Self::KMnist => 28,
            Self::Cifar10 | Self::Cifar100 => 32,
            Self::ImageNet | Self::Voc2007 => 224,
            Self::Folder { size, .. } => size,
        }
    }

    /// Most training images that exist, and most test images.
    pub fn available(self) -> (usize, usize) {
        match self {
            Self::Shapes => (100_000, 100_000),
            Self::Cifar10 | Self::Cifar100 => (50_000, 10_000),
            Self::Mnist | Self::FashionMnist | Self::KMnist => (60_000, 10_000),
            Self::ImageNet => (1_281_167, 50_000),
            Self::Voc2007 => (2_501 + VOC_VALIDATION, 4_952),
            Self::Folder { images, .. } => images,
        }
    }

    /// Whether its images are pictures of any size in files of their own.
    pub fn is_pictures(self) -> bool {
        matches!(self, Self::ImageNet | Self::Voc2007 | Self::Folder { .. })
    }

    /// Whether an image may show several classes.
    pub fn is_multi_label(self) -> bool {
        self == Self::Voc2007
    }

    /// The name as it is written in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shapes => "Shapes",
            Self::Cifar10 => "Cifar10",
            Self::Cifar100 => "Cifar100",
            Self::Mnist => "Mnist",
            Self::FashionMnist => "FashionMnist",
            Self::KMnist => "KMnist",
            Self::ImageNet => "ImageNet",
            Self::Voc2007 => "Voc2007",
            Self::Folder { .. } => "Folder",
        }
    }

    /// The name as it is written on the command line.
    pub fn command_name(self) -> &'static str {
        match self {
            Self::Shapes => "shapes",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::KMnist => "kmnist",
            Self::ImageNet => "imagenet",
            Self::Voc2007 => "voc2007",
            Self::Folder { .. } => "folder",
        }
    }
}

/// The part of [`Data`] that training sees: no test images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSet {
    /// Where the images come from.
    pub source: DataSource,
    /// Training images: an equal share per class, or all that there are.
    pub images: Count,
    /// Number of validation images that [`Count::All`] leaves out; 0 with a number of images, which are the same
    /// with or without validation images.
    pub set_aside: usize,
    /// See [`Data::subset_seed`]; 0 where all images are taken.
    pub subset_seed: u64,
    /// See [`Data::corrupt_images`].
    pub corrupt_images: usize,
    /// See [`Data::image_size`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
}

impl TrainSet {
    /// Number of images, if the files are complete and sound.
    pub fn count(&self) -> usize {
        self.images.of(self.source.available().0.saturating_sub(self.set_aside))
    }

    /// Height and width in pixels of the views that training makes.
    pub fn image_size(&self) -> usize {
        self.image_size.unwrap_or_else(|| self.source.image_size())
    }
}

impl Data {
    /// What training sees.
    pub fn train_set(&self) -> TrainSet {
        let set_aside = if self.train_images == Count::All { self.validation_images } else { 0 };
        let everything = self.train_images == Count::All && set_aside == 0;
        TrainSet {
            source: self.source,
            images: self.train_images,
            set_aside,
            subset_seed: if everything { 0 } else { self.subset_seed },
            corrupt_images: self.corrupt_images,
            image_size: self.image_size.filter(|&size| size != self.source.image_size()),
        }
    }

    /// Height and width in pixels of the views.
    pub fn image_size(&self) -> usize {
        self.image_size.unwrap_or_else(|| self.source.image_size())
    }

    /// The share of a picture's shorter side that views without augmentation show; `None` where pictures have the size
    /// of a view and are taken as they are.
    pub fn effective_center_crop(&self) -> Option<f64> {
        let resized = self.source.is_pictures() || self.image_size() != self.source.image_size();
        resized.then(|| self.center_crop.unwrap_or(CENTER_CROP))
    }

    /// The same data without settings that have no effect.
    pub fn normalized(&self) -> Self {
        Self {
            image_size: self.train_set().image_size,
            center_crop: self.effective_center_crop().filter(|&share| share != CENTER_CROP),
            ..self.clone()
        }
    }

    /// What training and a test on the test images see: validation images count only where they are missing elsewhere.
    pub fn without_validation(&self) -> Self {
        Self { validation_images: self.train_set().set_aside, ..self.clone() }
    }

    /// Number of test images, if the files are complete and sound.
    pub fn test_count(&self) -> usize {
        self.test_images.of(self.source.available().1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(train_images: Count, validation_images: usize) -> Data {
        Data {
            source: DataSource::Cifar10,
            train_images,
            validation_images,
            test_images: Count::All,
            subset_seed: 0,
            corrupt_images: 0,
            image_size: None,
            center_crop: None,
            folder: None,
        }
    }

    #[test]
    fn validation_images_count_where_training_would_have_them() {
        let (all, some) = (data(Count::All, 5_000), data(Count::Number(10_000), 5_000));
        assert_eq!((all.train_set().set_aside, all.train_set().count()), (5_000, 45_000));
        assert_eq!((some.train_set().set_aside, some.train_set().count()), (0, 10_000));
        assert_eq!(all.without_validation(), all);
        assert_eq!(some.without_validation(), data(Count::Number(10_000), 0));
        assert_eq!(all.test_count(), 10_000);
    }

    #[test]
    fn folders_are_written_with_what_planning_needs() {
        let text = "(source: Folder(classes: 10, size: 64, images: (500, 200), contents: (0x1, 2)), train_images: \"All\", \
                    validation_images: 0, test_images: 200, corrupt_images: 0)";
        let read: Data = ron::from_str(text).unwrap();
        let source =
            DataSource::Folder { classes: 10, size: 64, images: (500, 200), contents: (1, 2), short_side: None };
        assert_eq!((read.source, read.train_images, read.test_images), (source, Count::All, Count::Number(200)));
        let json = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Data>(&json).unwrap(), read);
        // Pictures that are not known are not written, either.
        let any: DataSource = ron::from_str("Folder(classes: 10, size: 64, images: (500, 200))").unwrap();
        assert!(!serde_json::to_string(&any).unwrap().contains("contents"));
        let Err(error) = ron::from_str::<DataSource>("Folder(classes: 10, size: 64)") else { panic!() };
        assert!(error.to_string().contains("images"), "{error}");
    }
}
