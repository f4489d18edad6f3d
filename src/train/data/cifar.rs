//! CIFAR-10 and CIFAR-100 in their official binary layouts (<https://www.cs.toronto.edu/~kriz/cifar.html>).

use std::{
    fs,
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use super::{
    CorruptImage, Error, ErrorKind, Images, Split,
    files::{Files, unreadable},
};
use crate::recipe::DataSource;

/// Height and width of an image in pixels.
const SIZE: usize = 32;
/// Number of bytes of one color plane; a record ends with the red, the green and the blue one.
const PLANE: usize = SIZE * SIZE;

/// The files of a data set. They may hold fewer records than the official ones, but whole ones.
#[derive(Debug)]
pub struct Layout {
    source: DataSource,
    /// Name of the folder in the official archive.
    folder: &'static str,
    train: &'static [&'static str],
    test: &'static [&'static str],
    names: &'static str,
    /// The largest value of each label byte that precedes the pixels; the last is the class.
    largest_labels: &'static [u8],
}

/// CIFAR-10.
pub const CIFAR10: Layout = Layout {
    source: DataSource::Cifar10,
    folder: "cifar-10-batches-bin",
    train: &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
    test: &["test_batch.bin"],
    names: "batches.meta.txt",
    largest_labels: &[9],
};

/// CIFAR-100. Each record has a coarse label before the fine one, which is the class.
pub const CIFAR100: Layout = Layout {
    source: DataSource::Cifar100,
    folder: "cifar-100-binary",
    train: &["train.bin"],
    test: &["test.bin"],
    names: "fine_label_names.txt",
    largest_labels: &[19, 99],
};

impl Files for Layout {
    fn folder(&self) -> &'static str {
        self.folder
    }

    fn locate(&self, folder: &Path) -> PathBuf {
        let inner = folder.join(self.folder);
        if inner.is_dir() { inner } else { folder.to_owned() }
    }

    fn is_present(&self, folder: &Path) -> bool {
        let folder = self.locate(folder);
        self.train.iter().chain(self.test).any(|file| folder.join(file).exists())
    }

    fn read(&self, folder: &Path, split: Split) -> Result<(Images, Vec<CorruptImage>), Error> {
        let folder = self.locate(folder);
        let class_names = self.read_class_names(&folder)?;
        let files: Vec<Vec<u8>> =
            self.split(split).par_iter().map(|file| self.read_file(&folder, file)).collect::<Result<_, _>>()?;
        let (mut records, mut corrupt) = (Vec::new(), Vec::new());
        for (name, file) in self.split(split).iter().zip(&files) {
            for (number, record) in file.chunks_exact(self.record_bytes()).enumerate() {
                let (labels, planes) = record.split_at(self.largest_labels.len());
                match self.impossible_label(labels) {
                    Some(reason) => {
                        corrupt.push(CorruptImage { path: folder.join(name), record: Some(number), reason });
                    }
                    None => records.push((labels, planes)),
                }
            }
        }
        let labels = records.iter().filter_map(|(labels, _)| labels.last()).map(|&label| label.into()).collect();
        let mut pixels = vec![0; records.len() * 3 * PLANE];
        pixels.par_chunks_exact_mut(3 * PLANE).zip(&records).for_each(|(image, (_, planes))| interleave(planes, image));
        Ok((Images::in_memory(SIZE, pixels, labels, self.source.classes(), class_names), corrupt))
    }
}

impl Layout {
    /// Checks the labels of a record.
    fn impossible_label(&self, labels: &[u8]) -> Option<String> {
        let (label, largest) = labels.iter().zip(self.largest_labels).find(|(label, largest)| label > largest)?;
        Some(format!("label {label}, but the largest is {largest}; the file is damaged or of another format"))
    }

    fn split(&self, split: Split) -> &'static [&'static str] {
        match split {
            Split::Test => self.test,
            Split::Train | Split::Validation => self.train,
        }
    }

    fn record_bytes(&self) -> usize {
        self.largest_labels.len() + 3 * PLANE
    }

    /// Reads one file and checks its length.
    fn read_file(&self, folder: &Path, file: &str) -> Result<Vec<u8>, Error> {
        let bytes = self.bytes(folder, file)?;
        let path = || folder.join(file);
        let record_bytes = self.record_bytes();
        if bytes.is_empty() || !bytes.len().is_multiple_of(record_bytes) {
            let bytes = bytes.len();
            return Err(ErrorKind::Length { source: self.source, path: path(), bytes, record_bytes }.into());
        }
        Ok(bytes)
    }

    /// Reads the names of the classes, one per line; the official files end with an empty line.
    fn read_class_names(&self, folder: &Path) -> Result<Vec<String>, Error> {
        let bytes = self.bytes(folder, self.names)?;
        let text = String::from_utf8_lossy(&bytes);
        let names: Vec<_> = text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let (found, expected) = (names.len(), self.source.classes());
        if found == expected {
            Ok(names)
        } else {
            Err(ErrorKind::ClassNames { path: folder.join(self.names), found, expected }.into())
        }
    }

    fn bytes(&self, folder: &Path, file: &str) -> Result<Vec<u8>, Error> {
        let path = folder.join(file);
        fs::read(&path).map_err(|error| unreadable(self.source, folder, path, error))
    }
}

/// Writes an image given as three color planes pixel by pixel.
fn interleave(planes: &[u8], image: &mut [u8]) {
    for (channel, plane) in planes.chunks_exact(PLANE).enumerate() {
        for (pixel, &value) in image.chunks_exact_mut(3).zip(plane) {
            pixel[channel] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        recipe::Count,
        train::data::{Part, Summary, fixture, load, unwatched},
    };

    fn part(split: Split, images: usize) -> Part {
        Part::of_size(DataSource::Cifar10, split, images)
    }

    #[test]
    fn planes_become_pixels() {
        let folder = tempfile::tempdir().unwrap();
        fixture::write_cifar10(folder.path(), 1);
        let mut record = vec![3];
        record.extend([10; PLANE]);
        record.extend([20; PLANE]);
        record.extend((0..PLANE).map(|index| (index % 32) as u8));
        fs::write(folder.path().join("test_batch.bin"), record).unwrap();

        let images = CIFAR10.read(folder.path(), Split::Test).unwrap().0;
        assert_eq!((images.labels.as_slice(), images.size), (&[3][..], 32));
        assert_eq!(images.picture(0).pixels[..6], [10, 20, 0, 10, 20, 1]);
        assert_eq!(images.picture(0).pixels[32 * 3..][..3], [10, 20, 0], "second row");
    }

    #[test]
    fn the_fine_label_of_cifar100_is_the_class() {
        let folder = tempfile::tempdir().unwrap();
        let names: String = (0..100).map(|class| format!("class{class}\n")).collect();
        fs::write(folder.path().join("fine_label_names.txt"), names).unwrap();
        let mut record = vec![7, 42];
        record.extend([9; 3 * PLANE]);
        fs::write(folder.path().join("train.bin"), record).unwrap();

        let images = CIFAR100.read(folder.path(), Split::Train).unwrap().0;
        assert_eq!((images.labels.as_slice(), images.classes), (&[42][..], 100));
        assert_eq!(images.class_names[42], "class42");
        assert!(images.picture(0).pixels.iter().all(|&value| value == 9));
    }

    #[test]
    fn batches_are_joined_in_either_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("cifar-10-batches-bin");
        fixture::write_cifar10(&folder, 2);
        for path in [parent.path(), &folder] {
            let images = load(&part(Split::Train, 100), Some(path), &mut unwatched).unwrap().images;
            assert_eq!((images.len(), images.class_names[9].as_str()), (100, "truck"));
            let summary = CIFAR10.verify(path, 0).unwrap();
            let folder = Some(folder.clone());
            assert_eq!(summary, Summary { folder, train_images: 100, test_images: 20, ..Summary::default() });
        }
    }

    /// The message of loading ten test images after `damage` was done, without the path of the temporary folder.
    fn message(damage: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        fixture::write_cifar10(folder.path(), 1);
        damage(folder.path());
        let error = load(&part(Split::Test, 10), Some(folder.path()), &mut unwatched).unwrap_err();
        error.to_string().replace(&folder.path().display().to_string(), "FOLDER")
    }

    #[test]
    fn missing_files_are_named_with_remedies() {
        insta::assert_snapshot!(message(|folder| fs::remove_file(folder.join("test_batch.bin")).unwrap()), @"the file FOLDER/test_batch.bin of Cifar10 does not exist: get the data set with `ablate data get cifar10`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
        insta::assert_snapshot!(message(|folder| fs::remove_dir_all(folder).unwrap()), @"the folder FOLDER does not exist: get the data set with `ablate data get cifar10`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
    }

    #[test]
    fn damaged_files_are_named_with_the_record() {
        let change = |change: fn(&mut Vec<u8>)| {
            message(|folder| {
                let path = folder.join("test_batch.bin");
                let mut bytes = fs::read(&path).unwrap();
                change(&mut bytes);
                fs::write(&path, bytes).unwrap();
            })
        };
        insta::assert_snapshot!(change(|bytes| bytes.truncate(3 * 3073 + 5)), @"FOLDER/test_batch.bin is truncated or of another format: its 9224 bytes end within record 3 (from 0), since records of Cifar10 have 3073 bytes; move its folder away and get the data set with `ablate data get cifar10`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
        insta::assert_snapshot!(change(Vec::clear), @"FOLDER/test_batch.bin is truncated or of another format: its 0 bytes end within record 0 (from 0), since records of Cifar10 have 3073 bytes; move its folder away and get the data set with `ablate data get cifar10`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
        insta::assert_snapshot!(change(|bytes| bytes[2 * 3073] = 10), @"1 image is corrupt, and `data.corrupt_images` allows 0; FOLDER/test_batch.bin, record 2 (from 0): label 10, but the largest is 9; the file is damaged or of another format; replace the files, or leave such images out by `data.corrupt_images: 1`");
        insta::assert_snapshot!(change(|bytes| bytes.truncate(9 * 3073)), @"the test images of Cifar10 at hand have 0 of class `truck`, but 1 per class are asked for: `data.test_images` can be at most 0 here; get the data set with `ablate data get cifar10`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
        insta::assert_snapshot!(message(|folder| fs::write(folder.join("batches.meta.txt"), "cat\n\n").unwrap()), @"FOLDER/batches.meta.txt names 1 classes instead of 10");
    }

    #[test]
    fn corrupt_records_can_be_left_out() {
        let folder = tempfile::tempdir().unwrap();
        fixture::write_cifar10(folder.path(), 2);
        let path = folder.path().join("test_batch.bin");
        let mut bytes = fs::read(&path).unwrap();
        bytes[2 * 3073] = 77;
        fs::write(&path, bytes).unwrap();
        let loaded =
            load(&Part { corrupt_images: 1, ..part(Split::Test, 10) }, Some(folder.path()), &mut unwatched).unwrap();
        assert_eq!((loaded.images.len(), loaded.left_out.len(), loaded.left_out[0].record), (10, 1, Some(2)));
        let all = Part { images: Count::All, corrupt_images: 1, ..part(Split::Test, 10) };
        let error = load(&all, Some(folder.path()), &mut unwatched).unwrap_err();
        insta::assert_snapshot!(error, @"Cifar10 has 10000 test images, but its files at hand hold 20: complete them, or write `test_images: 20` in place of `All`");
        assert_eq!(CIFAR10.verify(folder.path(), 1).unwrap().left_out, loaded.left_out);
        assert!(matches!(CIFAR10.verify(folder.path(), 0).unwrap_err().kind, ErrorKind::Corrupt { .. }));
    }

    #[test]
    fn validation_images_are_apart_from_training_images() {
        let folder = tempfile::tempdir().unwrap();
        fixture::write_cifar10(folder.path(), 2);
        let load = |split, images, apart| {
            load(&Part { images, apart, ..part(split, 0) }, Some(folder.path()), &mut unwatched)
                .map(|loaded| loaded.images)
        };
        let validation = load(Split::Validation, Count::Number(20), Count::Number(80)).unwrap();
        let train = load(Split::Train, Count::Number(80), Count::Number(20)).unwrap();
        assert_eq!((validation.len(), train.len()), (20, 80));
        assert!((0..20).all(|one| (0..80).all(|other| validation.picture(one) != train.picture(other))));
        let error = load(Split::Validation, Count::Number(20), Count::Number(90)).unwrap_err();
        insta::assert_snapshot!(error, @"the validation images of Cifar10 at hand have 10 of class `airplane`, but 11 per class are asked for in training and validation: `data.train_images` and `data.validation_images` together can be at most 100 here; get the data set with `ablate data get cifar10`, or name its folder by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
    }

    #[test]
    fn an_unreadable_file_keeps_the_cause() {
        let folder = tempfile::tempdir().unwrap();
        fixture::write_cifar10(folder.path(), 1);
        let path = folder.path().join("data_batch_3.bin");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = CIFAR10.verify(folder.path(), 0).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Read { path });
        assert!(std::error::Error::source(&error).is_some());
    }
}
