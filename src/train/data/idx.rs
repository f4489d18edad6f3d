//! MNIST and its relatives in the IDX layout (<http://yann.lecun.com/exdb/mnist/>), plain or compressed by gzip.
//!
//! A file is a number of dimensions, their sizes as big-endian u32, then the values. Gray pixels become equal red,
//! green and blue ones.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use super::{
    CorruptImage, Error, ErrorKind, Images, Split,
    files::{Files, unreadable},
};
use crate::recipe::DataSource;

/// Height and width of an image in pixels.
const SIZE: usize = 28;
/// Beginning of a file of images: unsigned bytes in three dimensions.
const IMAGES: u32 = 0x0803;
/// Beginning of a file of labels: unsigned bytes in one dimension.
const LABELS: u32 = 0x0801;

/// The data sets in this layout; their files have the same names.
#[derive(Debug)]
pub struct Layout {
    source: DataSource,
    /// Name of the folder for the files.
    folder: &'static str,
    /// Name of the folder that torchvision makes.
    torchvision: &'static str,
    class_names: [&'static str; 10],
}

/// MNIST.
pub const MNIST: Layout = Layout {
    source: DataSource::Mnist,
    folder: "mnist",
    torchvision: "MNIST/raw",
    class_names: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
};

/// Fashion-MNIST.
pub const FASHION_MNIST: Layout = Layout {
    source: DataSource::FashionMnist,
    folder: "fashion-mnist",
    torchvision: "FashionMNIST/raw",
    class_names: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
};

/// Kuzushiji-MNIST.
pub const KMNIST: Layout = Layout {
    source: DataSource::KMnist,
    folder: "kmnist",
    torchvision: "KMNIST/raw",
    class_names: ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
};

impl Layout {
    /// Whether the folder's name is that of another data set of the family, whose files have the same names.
    fn is_anothers(&self, folder: &Path) -> bool {
        let is_of = |layout: &Self| folder.ends_with(layout.folder) || folder.ends_with(layout.torchvision);
        !is_of(self) && [&MNIST, &FASHION_MNIST, &KMNIST].into_iter().any(is_of)
    }
}

impl Files for Layout {
    fn folder(&self) -> &'static str {
        self.folder
    }

    fn locate(&self, folder: &Path) -> PathBuf {
        let inside = [folder.join(self.folder), folder.join(self.torchvision)];
        inside
            .into_iter()
            .find(|inner| inner.is_dir())
            .unwrap_or_else(|| if self.is_anothers(folder) { folder.join(self.folder) } else { folder.to_owned() })
    }

    fn is_present(&self, folder: &Path) -> bool {
        let folder = self.locate(folder);
        [Split::Train, Split::Test]
            .into_iter()
            .flat_map(file_names)
            .any(|name| folder.join(&name).exists() || folder.join(format!("{name}.gz")).exists())
    }

    fn read(&self, folder: &Path, split: Split) -> Result<(Images, Vec<CorruptImage>), Error> {
        let folder = self.locate(folder);
        let [images, labels] = file_names(split);
        let (images_path, images) = self.bytes(&folder, &images)?;
        let (labels_path, labels) = self.bytes(&folder, &labels)?;
        let count = |path: &Path, bytes: &[u8], mark: u32, header: usize, record_bytes: usize| {
            let numbers: Vec<usize> = bytes.chunks_exact(4).take(header / 4).map(big_endian).collect();
            let fits = match numbers[..] {
                [found, count, ref sizes @ ..] => {
                    found == mark as usize
                        && sizes.iter().all(|&size| size == SIZE)
                        && bytes.len() == header + count * record_bytes
                        && count > 0
                }
                _ => false,
            };
            let count = numbers.get(1).copied().unwrap_or(0);
            let problem = ErrorKind::Idx { source: self.source, path: path.to_owned(), bytes: bytes.len() };
            if fits { Ok(count) } else { Err(Error::from(problem)) }
        };
        let image_count = count(&images_path, &images, IMAGES, 16, SIZE * SIZE)?;
        let label_count = count(&labels_path, &labels, LABELS, 8, 1)?;
        if image_count != label_count {
            let path = labels_path;
            return Err(ErrorKind::LabelCount { path, labels: label_count, images: image_count }.into());
        }
        let (mut pixels, mut kept, mut corrupt) = (Vec::with_capacity(3 * images.len()), Vec::new(), Vec::new());
        for (record, (image, &label)) in images[16..].chunks_exact(SIZE * SIZE).zip(&labels[8..]).enumerate() {
            if label > 9 {
                let reason = format!("label {label}, but the largest is 9; the file is damaged or of another format");
                corrupt.push(CorruptImage { path: labels_path.clone(), record: Some(record), reason });
            } else {
                pixels.extend(image.iter().flat_map(|&gray| [gray; 3]));
                kept.push(u16::from(label));
            }
        }
        let class_names = self.class_names.map(str::to_owned).to_vec();
        Ok((Images::in_memory(SIZE, pixels, kept, self.class_names.len(), class_names), corrupt))
    }
}

impl Layout {
    /// The path and the content of a file, of its compressed form if there is only that.
    fn bytes(&self, folder: &Path, name: &str) -> Result<(PathBuf, Vec<u8>), Error> {
        let (plain, compressed) = (folder.join(name), folder.join(format!("{name}.gz")));
        let (path, read) = if plain.exists() || !compressed.exists() {
            let read = fs::read(&plain);
            (plain, read)
        } else {
            let read = fs::File::open(&compressed).and_then(|file| {
                let mut bytes = Vec::new();
                MultiGzDecoder::new(io::BufReader::new(file)).read_to_end(&mut bytes).map(|_| bytes)
            });
            (compressed, read)
        };
        match read {
            Ok(bytes) => Ok((path, bytes)),
            Err(error) => Err(unreadable(self.source, folder, path, error)),
        }
    }
}

/// Names of the files with the images and the labels.
fn file_names(split: Split) -> [String; 2] {
    let begin = if split == Split::Test { "t10k" } else { "train" };
    [format!("{begin}-images-idx3-ubyte"), format!("{begin}-labels-idx1-ubyte")]
}

fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::fixture;

    #[test]
    fn gray_becomes_color_and_compression_does_not_matter() {
        let parent = tempfile::tempdir().unwrap();
        fixture::write_idx(&parent.path().join("mnist"), 1, false);
        fixture::write_idx(&parent.path().join("FashionMNIST/raw"), 1, true);
        let read = |layout: &Layout| layout.read(parent.path(), Split::Test).unwrap().0;
        let (plain, packed) = (read(&MNIST), read(&FASHION_MNIST));
        assert_eq!((plain.len(), plain.size, plain.labels[7]), (10, 28, 7));
        assert_eq!(plain.picture(7).pixels[..12], [7, 7, 7, 0, 0, 0, 1, 1, 1, 100, 100, 100]);
        assert_eq!(plain.fingerprint(), packed.fingerprint());
        assert_eq!((plain.class_names[7].as_str(), packed.class_names[7].as_str()), ("7", "Sneaker"));
        assert!(MNIST.is_present(parent.path()) && !KMNIST.is_present(parent.path()));
    }

    #[test]
    fn the_folder_of_a_relative_is_not_taken_for_ones_own() {
        let parent = tempfile::tempdir().unwrap();
        fixture::write_idx(&parent.path().join("mnist"), 1, false);
        fixture::write_idx(&parent.path().join("FashionMNIST/raw"), 1, false);
        let own = |layout: &Layout, name: &str| layout.is_present(&parent.path().join(name));
        assert!(own(&MNIST, "mnist") && !own(&FASHION_MNIST, "mnist") && !own(&KMNIST, "mnist"));
        assert!(own(&FASHION_MNIST, "FashionMNIST/raw") && !own(&MNIST, "FashionMNIST/raw"));
    }

    /// The message of reading the test images after `damage` was done, without the path of the temporary folder.
    fn message(damage: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        fixture::write_idx(folder.path(), 1, false);
        damage(folder.path());
        let error = KMNIST.verify(folder.path(), 0).unwrap_err();
        error.to_string().replace(&folder.path().display().to_string(), "FOLDER")
    }

    #[test]
    fn damaged_files_are_named() {
        let change = |name: &'static str, change: fn(&mut Vec<u8>)| {
            message(|folder| {
                let path = folder.join(name);
                let mut bytes = fs::read(&path).unwrap();
                change(&mut bytes);
                fs::write(&path, bytes).unwrap();
            })
        };
        const IMAGES: &str = "t10k-images-idx3-ubyte";
        const LABELS: &str = "t10k-labels-idx1-ubyte";
        let other_format = change(IMAGES, |bytes| bytes[11] = 32);
        insta::assert_snapshot!(other_format, @"FOLDER/t10k-images-idx3-ubyte is truncated or of another format: its 7856 bytes are no IDX file of 28 × 28 images or of labels; move its folder away and get the data set with `ablate data get kmnist`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
        let cuts: [fn(&mut Vec<u8>); 4] =
            [|bytes| bytes.truncate(7855), |bytes| bytes.truncate(15), Vec::clear, |bytes| bytes.push(0)];
        for cut in cuts {
            assert!(change(IMAGES, cut).contains("is truncated or of another format"));
        }
        insta::assert_snapshot!(change(LABELS, |bytes| { bytes.pop(); bytes[7] = 9; }), @"FOLDER/t10k-labels-idx1-ubyte has 9 labels for 10 images; the files do not belong together");
        insta::assert_snapshot!(change(LABELS, |bytes| bytes[12] = 10), @"1 image is corrupt, and `data.corrupt_images` allows 0; FOLDER/t10k-labels-idx1-ubyte, record 4 (from 0): label 10, but the largest is 9; the file is damaged or of another format; replace the files, or leave such images out by `data.corrupt_images: 1`");
        insta::assert_snapshot!(message(|folder| fs::remove_file(folder.join(LABELS)).unwrap()), @"the file FOLDER/t10k-labels-idx1-ubyte of KMnist does not exist: get the data set with `ablate data get kmnist`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
        insta::assert_snapshot!(message(|folder| {
            fs::remove_file(folder.join(LABELS)).unwrap();
            fs::write(folder.join(format!("{LABELS}.gz")), "no gzip").unwrap();
        }), @"cannot read FOLDER/t10k-labels-idx1-ubyte.gz");
    }

    #[test]
    fn records_with_impossible_labels_can_be_left_out() {
        let folder = tempfile::tempdir().unwrap();
        fixture::write_idx(folder.path(), 1, false);
        let path = folder.path().join("train-labels-idx1-ubyte");
        let mut bytes = fs::read(&path).unwrap();
        bytes[8] = 255;
        fs::write(&path, bytes).unwrap();
        let (images, corrupt) = MNIST.read(folder.path(), Split::Train).unwrap();
        assert_eq!((images.len(), images.labels[0], images.picture(0).pixels[0]), (9, 1, 1));
        assert_eq!((corrupt.len(), corrupt[0].record), (1, Some(0)));
    }
}
