//! The real CIFAR files, where they are at hand; the tests say so and pass where they are not.

use std::{
    env,
    path::{Path, PathBuf},
};

use ablate::{
    recipe::DataSource,
    train::data::{Images, Split, load, verify},
};

/// The folder with real data: `ABLATE_TEST_DATA`, or `shared/data` beside the repository or beside its worktrees.
fn real_data(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = env::var_os("ABLATE_TEST_DATA").map(PathBuf::from).into_iter();
    let folder = folders
        .chain([root.join("../shared/data"), root.join("../../shared/data")])
        .find(|folder| folder.join(name).is_dir());
    if folder.is_none() {
        eprintln!("skipped: no {name} in ABLATE_TEST_DATA or ../shared/data");
    }
    folder
}

/// The only number of images that a class has, if it is the same for all.
fn images_per_class(images: &Images) -> Option<usize> {
    let mut counts = vec![0; images.classes];
    images.labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    counts.iter().all(|count| *count == counts[0]).then(|| counts[0])
}

#[test]
fn cifar10_subsets_are_balanced_and_reproducible() {
    let Some(folder) = real_data("cifar-10-batches-bin") else { return };
    let load = |split, images| load(DataSource::Cifar10, split, images, Some(&folder)).unwrap();

    let train = load(Split::Train, 10_000);
    assert_eq!(images_per_class(&train), Some(1_000));
    assert_eq!((train.size, train.class_names[0].as_str(), train.class_names[9].as_str()), (32, "airplane", "truck"));
    // Pinned: every copy of CIFAR-10, whatever the order of its records, must give this subset.
    assert_eq!(train.fingerprint(), "6ca1283022206c28fc883db7a88ecf58");

    let test = load(Split::Test, 2_000);
    assert_eq!(images_per_class(&test), Some(200));
    assert_eq!(test.fingerprint(), "23ce8dfc33224f2d2905d5f63f56b098");
    assert_eq!(test, load(Split::Test, 2_000));
}

#[test]
fn cifar100_has_fine_classes() {
    let Some(folder) = real_data("cifar-100-binary") else { return };
    let summary = verify(DataSource::Cifar100, Some(&folder)).unwrap();
    assert_eq!(summary.folder, Some(folder.join("cifar-100-binary")));
    let test = load(DataSource::Cifar100, Split::Test, 1_000, Some(&folder)).unwrap();
    assert_eq!(images_per_class(&test), Some(10));
    assert_eq!((test.classes, test.class_names[0].as_str(), test.class_names[99].as_str()), (100, "apple", "worm"));
}
