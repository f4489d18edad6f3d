//! Why a data set cannot be loaded.

use std::{fmt, io, path::PathBuf};

use super::{CorruptImage, Split};
use crate::recipe::DataSource;

/// A data set cannot be loaded.
#[derive(Debug)]
pub struct Error {
    /// What is wrong, and where.
    pub kind: ErrorKind,
    source: Option<io::Error>,
}

/// What is wrong with a data set, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The images cannot be shared equally by the classes.
    Uneven {
        /// Number of images asked for.
        images: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The data set comes from files, but no folder was named.
    NoFolder {
        /// The data set.
        source: DataSource,
    },
    /// The named folder does not exist.
    MissingFolder {
        /// The data set.
        source: DataSource,
        /// The folder.
        path: PathBuf,
    },
    /// A file of the data set does not exist.
    MissingFile {
        /// The data set.
        source: DataSource,
        /// The file.
        path: PathBuf,
    },
    /// The system refused to read a file; the cause is the error's source.
    Read {
        /// The file.
        path: PathBuf,
    },
    /// A file does not hold a whole number of records, or none at all.
    Length {
        /// The data set.
        source: DataSource,
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        bytes: usize,
        /// The length of a record in bytes.
        record_bytes: usize,
    },
    /// A file is not one of images or labels in the IDX layout.
    Idx {
        /// The data set.
        source: DataSource,
        /// The file.
        path: PathBuf,
        /// Its length in bytes, unpacked.
        bytes: usize,
    },
    /// There are not as many labels as images.
    LabelCount {
        /// The file of labels.
        path: PathBuf,
        /// Number of labels.
        labels: usize,
        /// Number of images.
        images: usize,
    },
    /// A folder of pictures has no folder for a split.
    NoSplit {
        /// The data folder.
        root: PathBuf,
        /// The split.
        split: Split,
        /// Possible names of its folder.
        names: &'static [&'static str],
    },
    /// A split has another number of class folders than stated.
    ClassFolders {
        /// Folder of the split.
        path: PathBuf,
        /// Number of class folders.
        found: usize,
        /// Number stated in the recipe.
        stated: usize,
    },
    /// A class of the test images is none of the training images.
    OtherClass {
        /// Folder of the class.
        path: PathBuf,
        /// Folder of the training images.
        train: PathBuf,
    },
    /// A split has another number of pictures than stated.
    PictureCount {
        /// Folder of the split.
        path: PathBuf,
        /// Number of pictures.
        found: usize,
        /// Number stated in the recipe.
        stated: usize,
    },
    /// A folder has as many pictures as the recipe says, but others.
    OtherPictures {
        /// Folder of the split.
        path: PathBuf,
        /// What its contents are.
        found: u64,
        /// What the recipe says that they are.
        stated: u64,
    },
    /// A line of VOC's lists of classes says something else than a picture and whether it shows the class.
    List {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A picture stands twice in VOC's lists of one split.
    ListedTwice {
        /// The folder of the lists.
        path: PathBuf,
        /// The picture.
        name: String,
    },
    /// VOC's lists of two classes are about other pictures.
    Lists {
        /// One list.
        path: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// All images are asked for, and the files hold only some.
    Incomplete {
        /// The data set.
        source: DataSource,
        /// The split of the files.
        split: Split,
        /// Number of images in the files.
        found: usize,
        /// Number of images in the complete data set.
        expected: usize,
    },
    /// A cache of decoded pictures cannot be written or read back; the cause is the error's source.
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What was tried before, and why it could not be written, as fragments.
        earlier: Vec<String>,
    },
    /// More images are corrupt than the recipe allows.
    Corrupt {
        /// The corrupt images.
        images: Vec<CorruptImage>,
        /// Number of corrupt images that would be left out.
        allowed: usize,
    },
    /// Whoever watches asked to stop.
    Stopped,
    /// The list of class names has the wrong length.
    ClassNames {
        /// The file.
        path: PathBuf,
        /// Number of names in it.
        found: usize,
        /// Number of classes.
        expected: usize,
    },
    /// A class has fewer images than asked for.
    TooFew {
        /// The data set.
        source: DataSource,
        /// The half of it.
        split: Split,
        /// Name of the class.
        class: Box<str>,
        /// Number of its images that there are.
        found: usize,
        /// Number of its images that were asked for.
        wanted: usize,
        /// Whether some of them are kept apart, for validation or for training.
        apart: bool,
    },
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl Error {
    /// A refusal of the system to read `path`.
    pub(super) fn read(path: PathBuf, source: io::Error) -> Self {
        Self { kind: ErrorKind::Read { path }, source: Some(source) }
    }

    /// A refusal of the system to write a cache or to read it back.
    pub(super) fn cache(path: PathBuf, earlier: Vec<String>, source: io::Error) -> Self {
        Self { kind: ErrorKind::Cache { path, earlier }, source: Some(source) }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uneven { images, classes } => {
                write!(
                    f,
                    "{images} images cannot be shared equally by {classes} classes: ask for a multiple of {classes}"
                )
            }
            Self::NoFolder { source } => {
                write!(f, "the folder of {} is not known: {}", source.name(), Remedy(*source))
            }
            Self::MissingFolder { source, path } => {
                write!(f, "the folder {} does not exist: {}", path.display(), Remedy(*source))
            }
            Self::MissingFile { source, path } => {
                write!(f, "the file {} of {} does not exist: {}", path.display(), source.name(), Remedy(*source))
            }
            Self::Read { path } => write!(f, "cannot read {}", path.display()),
            Self::Length { source, path, bytes, record_bytes } => write!(
                f,
                "{} is truncated or of another format: its {bytes} bytes end within record {} (from 0), since records \
                 of {} have {record_bytes} bytes; move its folder away and {}",
                path.display(),
                bytes / record_bytes,
                source.name(),
                Remedy(*source),
            ),
            Self::Idx { source, path, bytes } => write!(
                f,
                "{} is truncated or of another format: its {bytes} bytes are no IDX file of 28 × 28 images or of \
                 labels; move its folder away and {}",
                path.display(),
                Remedy(*source),
            ),
            Self::LabelCount { path, labels, images } => {
                write!(
                    f,
                    "{} has {labels} labels for {images} images; the files do not belong together",
                    path.display()
                )
            }
            Self::NoSplit { root, split, names } => write!(
                f,
                "{} has no folder `{}` with the {} images: pictures must lie in {0}/{3}/CLASS/",
                root.display(),
                names.join("` or `"),
                split.name(),
                names.first().copied().unwrap_or_default(),
            ),
            Self::ClassFolders { path, found, stated } => write!(
                f,
                "{} has {found} class folders, but the recipe says {stated}: write `classes: {found}` in `data.source`, \
                 or complete the folder",
                path.display(),
            ),
            Self::OtherClass { path, train } => write!(
                f,
                "{} is no class of the training images in {}: both must have the same class folders",
                path.display(),
                train.display(),
            ),
            Self::PictureCount { path, found, stated } => write!(
                f,
                "{} has {found} pictures (jpg, jpeg, png), but the recipe says {stated}: write {found} in `images` of \
                 `data.source`, or complete the folder",
                path.display(),
            ),
            Self::OtherPictures { path, found, stated } => write!(
                f,
                "{} has other pictures than the recipe says: their contents are {found:#x}, not {stated:#x}; name the \
                 right folder, or write what `ablate data verify` prints",
                path.display(),
            ),
            Self::List { path, line } => write!(
                f,
                "{}:{line} must be the name of a picture and 1, 0 or -1, as `000005 -1`: unpack the data set again",
                path.display()
            ),
            Self::ListedTwice { path, name } => {
                write!(f, "picture {name} stands twice in the lists in {}: unpack the data set again", path.display())
            }
            Self::Lists { path, other } => write!(
                f,
                "{} and {} are about other pictures: unpack the data set again",
                path.display(),
                other.display()
            ),
            Self::Incomplete { source, split, found, expected } if source.is_multi_label() => write!(
                f,
                "{} has {expected} {} images, but its files at hand hold {found}: unpack the data set again",
                source.name(),
                split.name(),
            ),
            Self::Incomplete { source, split, found, expected } => write!(
                f,
                "{} has {expected} {split} images, but its files at hand hold {found}: complete them, or write \
                 `{split}_images: {found}` in place of `All`",
                source.name(),
                split = split.name(),
            ),
            Self::Cache { path, earlier } => {
                earlier.iter().try_for_each(|refusal| write!(f, "{refusal}, and "))?;
                write!(
                    f,
                    "the cache of decoded pictures {} cannot be kept: make room there, or reduce the pictures by \
                     `short_side` in `data.source`",
                    path.display(),
                )
            }
            Self::Corrupt { images, allowed } => corrupt(f, images, *allowed),
            Self::Stopped => f.write_str("stopped on request"),
            Self::ClassNames { path, found, expected } => {
                write!(f, "{} names {found} classes instead of {expected}", path.display())
            }
            Self::TooFew { source, split, class, found, wanted, apart } => {
                let (split, name) = (split.name(), source.name());
                write!(
                    f,
                    "the {split} images of {name} at hand have {found} of class `{class}`, but {wanted} per class are \
                     asked for{}: {} can be at most {} here; {}",
                    if *apart { " in training and validation" } else { "" },
                    if *apart {
                        "`data.train_images` and `data.validation_images` together".to_owned()
                    } else {
                        format!("`data.{split}_images`")
                    },
                    found * source.classes(),
                    Remedy(*source),
                )
            }
        }
    }
}

/// Names the first few corrupt images.
fn corrupt(f: &mut fmt::Formatter<'_>, images: &[CorruptImage], allowed: usize) -> fmt::Result {
    const NAMED: usize = 5;
    let (count, s) = (images.len(), if images.len() == 1 { " is" } else { "s are" });
    write!(f, "{count} image{s} corrupt, and `data.corrupt_images` allows {allowed}")?;
    for image in images.iter().take(NAMED) {
        write!(f, "; {image}")?;
    }
    if count > NAMED {
        write!(f, "; and {} more", count - NAMED)?;
    }
    write!(f, "; replace the files, or leave such images out by `data.corrupt_images: {count}`")
}

/// How to come by the files of a data set.
pub(super) struct Remedy(pub DataSource);

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == DataSource::Voc2007 {
            return f.write_str(
                "unpack VOCtrainval_06-Nov-2007.tar and VOCtest_06-Nov-2007.tar from \
                 http://host.robots.ox.ac.uk/pascal/VOC/voc2007/ into one folder, and name that by --data-dir, \
                 ABLATE_DATA_DIR or `data.folder` in the recipe",
            );
        }
        if self.0.is_pictures() {
            return f.write_str(
                "name the folder of the pictures by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe",
            );
        }
        write!(
            f,
            "get the data set with `ablate data get {}`, or name its folder by --data-dir, ABLATE_DATA_DIR or \
             `data.folder` in the recipe",
            self.0.command_name(),
        )
    }
}
