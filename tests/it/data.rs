//! Real data sets, where they are at hand; the tests say so and pass where they are not.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use ablate::{
    recipe::{Count, DataSource},
    train::data::{self, Images, Part, Split},
};

/// The folder with real data: `ABLATE_TEST_DATA`, or `shared/data` beside the repository or beside its worktrees.
fn real_data(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = env::var_os("ABLATE_TEST_DATA").map(PathBuf::from).into_iter();
    let folder = folders
        .chain([root.join("../shared/data"), root.join("../../shared/data")])
        .find(|folder| folder.join(name).exists());
    if folder.is_none() {
        eprintln!("skipped: no {name} in ABLATE_TEST_DATA or ../shared/data");
    }
    folder
}

fn load(source: DataSource, split: Split, images: usize, folder: &Path) -> Images {
    data::load(&Part::of_size(source, split, images), Some(folder), &mut data::unwatched).unwrap().images
}

/// The only number of images that a class has, if it is the same for all.
fn images_per_class(images: &Images) -> Option<usize> {
    let mut counts = vec![0; images.classes];
    images.labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    counts.iter().all(|count| *count == counts[0]).then(|| counts[0])
}

#[test]
fn generated_images_stay_what_they_are() {
    // Sums of the first image of each class, and of its upper half: results rest on these pictures. Another mathematics
    // library may round a few values otherwise.
    let expected = [
        (226_077, 113_828),
        (215_303, 108_672),
        (178_955, 95_732),
        (249_837, 119_938),
        (196_804, 105_284),
        (266_868, 129_087),
        (285_488, 145_046),
        (206_723, 110_101),
        (225_269, 109_375),
        (247_333, 126_616),
    ];
    let part = Part::of_size(DataSource::Shapes, Split::Train, 10);
    let images = data::load(&part, None, &mut data::unwatched).unwrap().images;
    for (index, (whole, upper)) in expected.into_iter().enumerate() {
        let pixels = images.picture(index).pixels;
        let sum = |pixels: &[u8]| pixels.iter().map(|&byte| i64::from(byte)).sum::<i64>();
        let found = (sum(pixels), sum(&pixels[..pixels.len() / 2]));
        let off = (found.0 - whole).abs().max((found.1 - upper).abs());
        assert!(usize::from(images.labels[index]) == index && off <= 20, "{index}: {found:?}");
    }
}

#[test]
fn cifar10_subsets_are_balanced_and_reproducible() {
    let Some(folder) = real_data("cifar-10-batches-bin") else { return };
    let load = |split, images| load(DataSource::Cifar10, split, images, &folder);

    let train = load(Split::Train, 10_000);
    assert_eq!(images_per_class(&train), Some(1_000));
    assert_eq!((train.size, train.class_names[0].as_str(), train.class_names[9].as_str()), (32, "airplane", "truck"));
    // Pinned: every copy of CIFAR-10, whatever the order of its records, must give this subset.
    assert_eq!(train.fingerprint(), "6ca1283022206c28fc883db7a88ecf58");

    let test = load(Split::Test, 2_000);
    assert_eq!(images_per_class(&test), Some(200));
    assert_eq!(test.fingerprint(), "23ce8dfc33224f2d2905d5f63f56b098");
    assert_eq!(test.fingerprint(), load(Split::Test, 2_000).fingerprint());
}

#[test]
fn cifar100_has_fine_classes() {
    let Some(folder) = real_data("cifar-100-binary") else { return };
    let summary = data::check(DataSource::Cifar100, 0, Some(&folder)).unwrap();
    assert_eq!(summary.folder, Some(folder.join("cifar-100-binary")));
    let test = load(DataSource::Cifar100, Split::Test, 1_000, &folder);
    assert_eq!(images_per_class(&test), Some(10));
    assert_eq!((test.classes, test.class_names[0].as_str(), test.class_names[99].as_str()), (100, "apple", "worm"));
}

#[test]
fn fashion_mnist_is_read_from_its_official_files() {
    let Some(folder) = real_data("fashion-mini") else { return };
    let place = tempfile::tempdir().unwrap();
    for name in
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    {
        fs::copy(folder.join("fashion-mini").join(format!("fashion-mini-{name}")), place.path().join(name)).unwrap();
    }
    let summary = data::check(DataSource::FashionMnist, 0, Some(place.path())).unwrap();
    assert_eq!((summary.train_images, summary.test_images), (600, 300));
    let all = Part::of_size(DataSource::FashionMnist, Split::Test, 300);
    let images = data::load(&all, Some(place.path()), &mut data::unwatched).unwrap().images;
    assert_eq!((images.len(), images.size, images.class_names[9].as_str()), (300, 28, "Ankle boot"));
    // Pinned, as computed by NumPy from the files: the mean gray value of the trousers.
    let gray =
        |index: usize| images.picture(index).pixels.chunks_exact(3).map(|pixel| u64::from(pixel[0])).sum::<u64>();
    let trousers: Vec<u64> = (0..300).filter(|&index| images.labels[index] == 1).map(gray).collect();
    assert_eq!((trousers.len(), trousers.iter().sum::<u64>()), (30, 1_369_001));
}

#[test]
fn imagenette_is_decoded_once() {
    const TAR: &str = "imagenette224-jpeg-700.tar";
    let Some(folder) = real_data(TAR) else { return };
    let place = tempfile::tempdir().unwrap();
    tar::Archive::new(fs::File::open(folder.join(TAR)).unwrap()).unpack(place.path()).unwrap();
    let root = place.path().join("imagenette");
    let source = data::describe(&root, 64).unwrap().unwrap();
    assert_eq!((source.classes(), source.available()), (10, (500, 200)));

    let load = |split, images, apart| {
        let part = Part { images, apart, ..Part::of_size(source, split, 0) };
        data::load(&part, Some(&root), &mut data::unwatched).unwrap()
    };
    let all = load(Split::Train, Count::All, Count::Number(0));
    assert_eq!((all.notes.len(), all.left_out.len(), all.images.len(), all.images.size), (1, 0, 500, 64));
    assert_eq!((images_per_class(&all.images), all.images.class_names[0].as_str()), (Some(50), "n01440764"));
    assert!((0..500).all(|index| all.images.picture(index).height.min(all.images.picture(index).width) == 224));
    // The mean of all pixels, as Pillow decodes them. Another way of rounding shifts it by less than half a step.
    let (mut sum, mut count) = (0, 0);
    for index in 0..500 {
        let pixels = all.images.picture(index).pixels;
        sum += pixels.iter().map(|&value| u64::from(value)).sum::<u64>();
        count += pixels.len();
    }
    let mean = sum as f64 / count as f64;
    assert!((mean - 113.8126).abs() < 0.5, "{mean}");

    let again = load(Split::Train, Count::Number(400), Count::Number(100));
    assert!(again.notes.is_empty());
    let validation = load(Split::Validation, Count::Number(100), Count::Number(400)).images;
    assert_eq!((images_per_class(&again.images), images_per_class(&validation)), (Some(40), Some(10)));
    assert!((0..100).all(|one| (0..400).all(|other| validation.picture(one) != again.images.picture(other))));
    let labeled = data::labeled(&all.images, 0.1, 0);
    assert_eq!(images_per_class(&all.images.select(&labeled)), Some(5));
}

#[test]
fn the_command_line_describes_and_checks_folders_of_pictures() {
    let place = tempfile::tempdir().unwrap();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
    for (split, class, name) in
        [("train", "a", "full.jpg"), ("train", "b", "rgb.png"), ("val", "a", "gray.jpg"), ("val", "b", "rgba.png")]
    {
        let folder = place.path().join(split).join(class);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(pictures.join(name), folder.join(name)).unwrap();
    }
    let ablate = |command: &str, folder: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_ablate"))
            .args(["data", command, "--data-dir"])
            .arg(folder)
            .output()
            .unwrap();
        let hide = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&place.path().display().to_string(), "ROOT");
        (output.status.code(), hide(&output.stdout), hide(&output.stderr))
    };
    let (code, shown, told) = ablate("verify", place.path());
    assert_eq!(code, Some(0), "{told}");
    insta::assert_snapshot!(shown, @r"
    source: Folder(classes: 2, size: 224, images: (2, 2), contents: (0xcde1f9ab77bcf133, 0x849e20928b4a1f0a))
    Folder: 2 training and 2 test images, ROOT
    ");
    assert_eq!(told.lines().filter(|line| line.starts_with("decoded 2 pictures of ROOT/")).count(), 2, "{told}");
    assert!(ablate("list", place.path()).1.contains("Folder              2      any       2      2  ROOT"));

    fs::write(place.path().join("val/a/gray.jpg"), "<html>").unwrap();
    let (code, shown, _) = ablate("verify", place.path());
    assert_eq!(code, Some(1));
    assert!(shown.contains("corrupt: ROOT/val/a/gray.jpg: neither a JPEG nor a PNG file"), "{shown}");
    let (code, _, told) = ablate("verify", &place.path().join("val"));
    assert_eq!(code, Some(2));
    assert!(told.contains("ROOT/val has no folder `train` of class folders"), "{told}");
}
