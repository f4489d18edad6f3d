//! The data sets: files or a generator in, class-balanced images out.

mod cifar;
mod corrupt;
pub mod download;
mod error;
mod files;
#[cfg(test)]
mod fixture;
mod folder;
mod idx;
mod images;
mod part;
mod progress;
mod shapes;
mod subset;

pub use corrupt::CorruptImage;
pub use error::{Error, ErrorKind};
pub use images::{Images, Picture};
pub use part::Part;
pub use progress::{Progress, Stage, Watcher, unwatched};
pub use subset::labeled;

use std::path::{Path, PathBuf};

use crate::recipe::DataSource;
use folder::Stated;

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The images to train on.
    Train,
    /// The images to test on.
    Test,
    /// Training images set aside to choose settings by.
    Validation,
}

impl Split {
    /// The name as it is written in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
            Self::Validation => "validation",
        }
    }

    /// The split whose files hold the images.
    fn of_files(self) -> Self {
        match self {
            Self::Train | Self::Validation => Self::Train,
            Self::Test => Self::Test,
        }
    }
}

/// Images, and what there is to say about how they were come by.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The images, in an order that does not depend on that of the files.
    pub images: Images,
    /// Corrupt images in the files, which were left out.
    pub left_out: Vec<CorruptImage>,
    /// What a log should say besides: that a cache was built, and where.
    pub notes: Vec<String>,
}

/// Loads a part of a data set.
///
/// `folder` holds the data files, or a folder of theirs under its official name; the generated set needs none. Only
/// pictures in folders take long enough to be watched.
pub fn load(part: &Part, folder: Option<&Path>, watch: &mut Watcher<'_>) -> Result<Loaded, Error> {
    let source = part.source;
    if !source.is_multi_label() {
        part.check()?;
    }
    if source == DataSource::Shapes {
        let images = generate(part).seen_as(part.image_size, part.center_crop);
        return Ok(Loaded { images, left_out: Vec::new(), notes: Vec::new() });
    }
    let folder = folder.ok_or(ErrorKind::NoFolder { source })?;
    if source == DataSource::Voc2007 {
        return folder::voc::load(part, folder, watch);
    }
    let (all, left_out, notes) = read(source, folder, part.split.of_files(), watch)?;
    corrupt::allow(part.corrupt_images, &left_out)?;
    part.check_complete(all.len() + left_out.len())?;
    Ok(Loaded { images: part.choose(&all)?, left_out, notes })
}

/// All sound images in the files of a split, the corrupt ones, and what a log should say.
fn read(
    source: DataSource,
    folder: &Path,
    split: Split,
    watch: &mut Watcher<'_>,
) -> Result<(Images, Vec<CorruptImage>, Vec<String>), Error> {
    if let Some(stated) = Stated::of(source) {
        return stated.read(folder, split, watch);
    }
    let files = files::of(source).ok_or(ErrorKind::NoFolder { source })?;
    let (images, corrupt) = files.read(folder, split)?;
    Ok((images, corrupt, Vec::new()))
}

/// The generated images: validation images are the last that training could have.
fn generate(part: &Part) -> Images {
    let (most_train, most_test) = DataSource::Shapes.available();
    match part.split {
        Split::Train => shapes::generate(Split::Train, 0..part.images.of(most_train - part.apart.of(0))),
        Split::Test => shapes::generate(Split::Test, 0..part.images.of(most_test)),
        Split::Validation => shapes::generate(Split::Train, most_train - part.images.of(0)..most_train),
    }
}

/// What the files of a data set hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Where the files are; `None` for the generated set.
    pub folder: Option<PathBuf>,
    /// Number of training images.
    pub train_images: usize,
    /// Number of test images.
    pub test_images: usize,
    /// Corrupt images, which do not count above.
    pub left_out: Vec<CorruptImage>,
    /// See [`Loaded::notes`].
    pub notes: Vec<String>,
}

/// Checks that all files of a data set are there and have a possible length, and that at most `corrupt_images` images
/// of each split are corrupt; pictures in folders are counted but not decoded.
///
/// Official checksums are not compared, so that subsets and reordered copies pass.
pub fn check(source: DataSource, corrupt_images: usize, folder: Option<&Path>) -> Result<Summary, Error> {
    if source == DataSource::Shapes {
        let (train_images, test_images) = source.available();
        return Ok(Summary { train_images, test_images, ..Summary::default() });
    }
    let folder = folder.ok_or(ErrorKind::NoFolder { source })?;
    match (Stated::of(source), files::of(source)) {
        _ if source == DataSource::Voc2007 => folder::voc::check(folder),
        (Some(stated), _) => stated.check(folder),
        (None, Some(files)) => files.verify(folder, corrupt_images),
        (None, None) => Err(ErrorKind::NoFolder { source }.into()),
    }
}

/// Checks as [`check`] does and looks at every image besides: pictures in folders are decoded, or compared with the
/// checksums of their cache. Any number may be corrupt.
pub fn inspect(source: DataSource, folder: Option<&Path>, watch: &mut Watcher<'_>) -> Result<Summary, Error> {
    match (Stated::of(source), folder) {
        (_, Some(folder)) if source == DataSource::Voc2007 => folder::voc::inspect(folder, watch),
        (Some(stated), Some(folder)) => stated.inspect(folder, watch),
        _ => check(source, usize::MAX, folder),
    }
}

/// The pictures in `folder` as a recipe has to describe them, for views of `size` pixels; `None` if there are none to
/// train on.
pub fn describe(folder: &Path, size: usize) -> Option<Result<DataSource, Error>> {
    folder::is_present(folder).then(|| folder::describe(folder, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Count;

    fn part(split: Split, images: impl Into<Count>, apart: impl Into<Count>) -> Part {
        let (images, apart) = (images.into(), apart.into());
        Part { images, apart, ..Part::of_size(DataSource::Shapes, split, 0) }
    }

    #[test]
    fn generated_images_need_no_folder() {
        let images = load(&part(Split::Test, 20, 0), None, &mut unwatched).unwrap().images;
        assert_eq!((images.len(), images.size, images.classes), (20, 24, 10));
    }

    #[test]
    fn generated_validation_images_are_apart_from_training_images() {
        let images = |split, count: usize| load(&part(split, count, 0), None, &mut unwatched).unwrap().images;
        let (few, more) = (images(Split::Validation, 20), images(Split::Validation, 40));
        let last = few.picture(19);
        assert_eq!((last, few.labels[19]), (more.picture(39), more.labels[39]), "fewer are the last of more");
        let train = images(Split::Train, 40);
        assert!((0..40).all(|one| (0..40).all(|other| train.picture(one) != more.picture(other))));
    }

    #[test]
    fn a_share_per_class_must_be_a_whole_number() {
        for (images, apart, wrong) in [(0, 0, 0), (15, 0, 15), (20, 5, 5)] {
            let error = load(&part(Split::Train, images, apart), None, &mut unwatched).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Uneven { images: wrong, classes: 10 });
        }
    }

    #[test]
    fn files_need_a_folder() {
        let error =
            load(&Part { source: DataSource::Cifar10, ..part(Split::Train, 10, 0) }, None, &mut unwatched).unwrap_err();
        insta::assert_snapshot!(error, @"the folder of Cifar10 is not known: get the data set with `ablate data get cifar10`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
    }
}
