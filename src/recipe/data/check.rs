//! Checks that the wanted images can exist.

use super::{Count, Data, DataSource, VOC_VALIDATION};
use crate::recipe::validate::{Problem, problem};

/// Most classes of a folder: labels have two bytes.
const MOST_CLASSES: usize = 1 << 16;
/// Smallest views in pixels.
const SMALLEST_VIEW: usize = 8;
/// Largest views in pixels.
const LARGEST_VIEW: usize = 1024;

impl Data {
    /// Adds every impossible value of the data at `path`.
    pub(in crate::recipe) fn check(&self, path: &[&str], found: &mut Vec<Problem>) {
        let before = found.len();
        self.check_folder(path, found);
        self.check_views(path, found);
        if found.len() > before {
            // What follows divides by the number of classes and would repeat the same mistake.
            return;
        }
        if self.source == DataSource::Voc2007 {
            self.check_voc(path, found);
            return;
        }
        let (source, (most_train, most_test)) = (self.source, self.source.available());
        check_count(&[path, &["train_images"]].concat(), self.train_images, most_train, source, found);
        if self.validation_images > 0 {
            check_count(
                &[path, &["validation_images"]].concat(),
                self.validation_images.into(),
                most_train,
                source,
                found,
            );
        }
        check_count(&[path, &["test_images"]].concat(), self.test_images, most_test, source, found);
        if self.subset_seed != 0 && source == DataSource::Shapes {
            found.push(problem(
                &[path, &["subset_seed"]].concat(),
                "generated images have no subsets to choose from".into(),
                "leave it out, or write 0".into(),
            ));
        }
        let train = if let Count::Number(number) = self.train_images { number } else { 1 };
        if found.len() == before && train.saturating_add(self.validation_images) > most_train {
            found.push(problem(
                &[path, &["validation_images"]].concat(),
                format!(
                    "{} training and {} validation images are more than the {most_train} of {}",
                    self.train_images,
                    self.validation_images,
                    source.name()
                ),
                "take fewer; validation images are taken out of the training images".into(),
            ));
        }
    }

    /// VOC 2007 has no subsets: how a share of several labels would be equal is not defined.
    fn check_voc(&self, path: &[&str], found: &mut Vec<Problem>) {
        let mut report = |field: &str, message: String, remedy: &str| {
            found.push(problem(&[path, &[field]].concat(), message, remedy.to_owned()));
        };
        for (field, count) in [("train_images", self.train_images), ("test_images", self.test_images)] {
            if count != Count::All {
                report(field, format!("{count} images of Voc2007: it is taken as a whole"), "write `All`");
            }
        }
        if ![0, VOC_VALIDATION].contains(&self.validation_images) {
            report(
                "validation_images",
                format!("{} validation images of Voc2007: they are its authors' own", self.validation_images),
                "write 2510, or leave it out",
            );
        }
        if self.subset_seed != 0 {
            report("subset_seed", "Voc2007 has no subsets to choose from".into(), "leave it out, or write 0");
        }
    }

    fn check_views(&self, path: &[&str], found: &mut Vec<Problem>) {
        if let Some(size) = self.image_size {
            let path = [path, &["image_size"]].concat();
            if matches!(self.source, DataSource::Folder { .. }) {
                let remedy = "write it as `size` of the source, and leave this out".to_owned();
                found.push(problem(&path, "the views of a folder have its own size".into(), remedy));
            } else if !(SMALLEST_VIEW..=LARGEST_VIEW).contains(&size) {
                let remedy = format!("write a number from {SMALLEST_VIEW} to {LARGEST_VIEW}; the paper uses 224");
                found.push(problem(&path, format!("views of {size} pixels are impossible"), remedy));
            }
        }
        if let Some(share) = self.center_crop
            && !(share > 0.0 && share <= 1.0)
        {
            found.push(problem(
                &[path, &["center_crop"]].concat(),
                format!("{share} is not a share of a picture's side"),
                "write a number above 0 and up to 1; the paper uses 0.875, and 1 for transfer".into(),
            ));
        }
    }

    fn check_folder(&self, path: &[&str], found: &mut Vec<Problem>) {
        let DataSource::Folder { classes, size, images, contents, short_side } = self.source else { return };
        let mut report = |field: &str, message: String, remedy: String| {
            found.push(problem(&[path, &["source", field]].concat(), message, remedy));
        };
        if !(2..=MOST_CLASSES).contains(&classes) {
            let remedy = format!("write the number of class folders, from 2 to {MOST_CLASSES}");
            report("classes", format!("{classes} classes are impossible"), remedy);
        } else if images.0 < classes || images.1 < classes {
            report(
                "images",
                format!("{} training and {} test pictures are fewer than one per class", images.0, images.1),
                format!("write the number of files of each split, at least {classes}"),
            );
        }
        if (contents.0 == 0) != (contents.1 == 0) {
            report(
                "contents",
                "0 says nothing of the pictures of a split".into(),
                "write the two numbers that `ablate data verify --data-dir DIR` prints, or leave out `contents`".into(),
            );
        }
        if !(SMALLEST_VIEW..=LARGEST_VIEW).contains(&size) {
            let remedy = format!("write a number from {SMALLEST_VIEW} to {LARGEST_VIEW}; the paper uses 224");
            report("size", format!("views of {size} pixels are impossible"), remedy);
        } else if let Some(short_side) = short_side
            && short_side < size
        {
            report(
                "short_side",
                format!("pictures reduced to {short_side} pixels are smaller than views of {size}"),
                format!("write None or at least {size}"),
            );
        }
    }
}

fn check_count(path: &[&str], count: Count, most: usize, source: DataSource, found: &mut Vec<Problem>) {
    let Count::Number(images) = count else { return };
    let (classes, name) = (source.classes(), source.name());
    let most = most / classes * classes;
    if images == 0 || images > most {
        found.push(problem(
            path,
            format!("{name} has 1 to {most} such images, not {images}"),
            format!("write a multiple of {classes} from {classes} to {most}"),
        ));
    } else if !images.is_multiple_of(classes) {
        found.push(problem(
            path,
            format!("{images} images cannot be shared equally by the {classes} classes of {name}"),
            format!("write a multiple of {classes}, for example {}", (images / classes).max(1) * classes),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: DataSource =
        DataSource::Folder { classes: 10, size: 64, images: (507, 200), contents: (1, 2), short_side: None };

    fn problems(source: DataSource, train: impl Into<Count>, validation: usize, test: impl Into<Count>) -> String {
        let (train_images, test_images) = (train.into(), test.into());
        let data = Data {
            image_size: None,
            center_crop: None,
            source,
            train_images,
            validation_images: validation,
            subset_seed: 0,
            test_images,
            corrupt_images: 0,
            folder: None,
        };
        let mut found = Vec::new();
        data.check(&["data"], &mut found);
        let line = |problem: &Problem| format!("{}: {}: {}\n", problem.path.join("."), problem.message, problem.remedy);
        found.iter().map(line).collect()
    }

    fn folder(classes: usize, size: usize, images: (usize, usize), short_side: Option<usize>) -> String {
        problems(DataSource::Folder { classes, size, images, contents: (1, 2), short_side }, Count::All, 0, Count::All)
    }

    #[test]
    fn possible_numbers_pass() {
        for source in DataSource::KNOWN.into_iter().chain([FOLDER]) {
            assert_eq!(problems(source, Count::All, 0, Count::All), "");
            assert_eq!(problems(source, 300, 200, 100), "");
            assert_eq!(problems(source, Count::All, 100, Count::All), "");
        }
        assert_eq!(folder(10, 64, (507, 200), Some(64)), "");
        let any = DataSource::Folder { classes: 10, size: 64, images: (507, 200), contents: (0, 0), short_side: None };
        assert_eq!(problems(any, Count::All, 0, Count::All), "");
    }

    #[test]
    fn impossible_numbers_are_explained() {
        insta::assert_snapshot!(problems(FOLDER, 510, 0, 15), @r"
        data.train_images: Folder has 1 to 500 such images, not 510: write a multiple of 10 from 10 to 500
        data.test_images: 15 images cannot be shared equally by the 10 classes of Folder: write a multiple of 10, for example 10
        ");
        insta::assert_snapshot!(problems(DataSource::Cifar100, 0, 5, Count::All), @r"
        data.train_images: Cifar100 has 1 to 50000 such images, not 0: write a multiple of 100 from 100 to 50000
        data.validation_images: 5 images cannot be shared equally by the 100 classes of Cifar100: write a multiple of 100, for example 100
        ");
        insta::assert_snapshot!(problems(DataSource::Cifar10, 45_010, 5_000, Count::All), @"data.validation_images: 45010 training and 5000 validation images are more than the 50000 of Cifar10: take fewer; validation images are taken out of the training images");
        insta::assert_snapshot!(problems(DataSource::Mnist, Count::All, 60_000, Count::All), @"data.validation_images: All training and 60000 validation images are more than the 60000 of Mnist: take fewer; validation images are taken out of the training images");
    }

    #[test]
    fn impossible_folders_are_explained() {
        insta::assert_snapshot!(folder(0, 64, (507, 200), None), @"data.source.classes: 0 classes are impossible: write the number of class folders, from 2 to 65536");
        insta::assert_snapshot!(folder(10, 0, (507, 200), None), @"data.source.size: views of 0 pixels are impossible: write a number from 8 to 1024; the paper uses 224");
        insta::assert_snapshot!(folder(10, 64, (507, 9), None), @"data.source.images: 507 training and 9 test pictures are fewer than one per class: write the number of files of each split, at least 10");
        let half = DataSource::Folder { classes: 10, size: 64, images: (507, 200), contents: (0, 2), short_side: None };
        insta::assert_snapshot!(problems(half, Count::All, 0, Count::All), @"data.source.contents: 0 says nothing of the pictures of a split: write the two numbers that `ablate data verify --data-dir DIR` prints, or leave out `contents`");
        insta::assert_snapshot!(folder(10, 64, (507, 200), Some(63)), @"data.source.short_side: pictures reduced to 63 pixels are smaller than views of 64: write None or at least 64");
    }
}
