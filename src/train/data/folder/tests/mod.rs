//! Folders of pictures, and caches that are torn, stale, locked or in the way.

mod building;
mod damage;
mod pillow;

use std::{fs, path::PathBuf, thread, time::Duration};

use tempfile::TempDir;

use super::{
    cache::{Places, Trust},
    decode::decode,
    listing::Listing,
    pack::{Pack, Unusable},
    *,
};
use crate::{
    recipe::Count,
    train::data::{Part, check, fixture::png, inspect, load, unwatched},
};
use pillow::file;

/// Two classes of pictures, `train` with 3 and 2, `val` with 1 each.
struct Site {
    root: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { root: tempfile::tempdir().unwrap() };
        site.write("train/cat/1.png", &file("rgb.png"));
        site.write("train/cat/2.JPEG", &file("usual.jpeg"));
        site.write("train/cat/3.png", &png(2, 3, 7));
        site.write("train/dog/1.jpg", &file("gray.jpg"));
        site.write("train/dog/2.png", &png(5, 1, 8));
        site.write("val/cat/a.png", &png(4, 4, 9));
        site.write("val/dog/a.png", &png(4, 4, 10));
        // None of these counts.
        site.write("train/cat/._1.png", b"of macOS");
        site.write("train/cat/notes.txt", b"text");
        site.write("train/.hidden/1.png", b"text");
        site.write("train/readme.png", b"text");
        site
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), bytes).unwrap();
    }

    fn pack(&self) -> PathBuf {
        self.path(".ablate-cache/train-v1.pack")
    }

    /// Opens the cache of the training pictures.
    fn open(&self, trust: Trust) -> (Pack, Vec<String>) {
        let listing = Listing::read(self.root.path(), Split::Train).unwrap();
        cache::open(&listing, None, &Places::within(self.root.path(), None), trust, &mut unwatched).unwrap()
    }

    /// What the log says when the cache is opened, without what differs between runs; empty if it was used as it is.
    fn notes(&self) -> String {
        let (pack, notes) = self.open(Trust::Usual);
        assert_eq!((pack.len(), pack.picture(0).pixels), (5, &decode(&file("rgb.png")).unwrap().pixels[..]));
        self.hide(&notes.concat())
    }

    fn hide(&self, text: &str) -> String {
        text.replace(&self.root.path().display().to_string(), "ROOT")
    }

    /// The message of an error, from here or from below.
    fn message(&self, error: &Error) -> String {
        self.hide(&error.to_string())
    }
}

const STATED: DataSource =
    DataSource::Folder { classes: 2, size: 16, images: (5, 2), contents: (0, 0), short_side: None };

fn part(split: Split, images: Count) -> Part {
    Part { images, ..Part::of_size(STATED, split, 0) }
}

#[test]
fn pictures_of_all_sizes_are_served_from_the_cache() {
    let site = Site::new();
    let load = |split, images| load(&part(split, images), Some(site.root.path()), &mut unwatched).unwrap();
    let first = load(Split::Train, Count::All);
    assert!(
        site.hide(&first.notes.concat())
            .starts_with("decoded 5 pictures of ROOT/train into ROOT/.ablate-cache/train-v1.pack (")
    );
    let images = first.images;
    assert_eq!((images.len(), images.size, images.classes), (5, 16, 2));
    assert_eq!(images.class_names, ["cat", "dog"]);
    let mut found: Vec<_> = (0..5)
        .map(|index| {
            let picture = images.picture(index);
            (images.labels[index], picture.height, picture.width, picture.pixels[0])
        })
        .collect();
    found.sort_unstable();
    let [rgb, usual, gray] = ["rgb.png", "usual.jpeg", "gray.jpg"].map(|name| decode(&file(name)).unwrap().pixels[0]);
    let mut expected = [(0, 28, 40, rgb), (0, 28, 40, usual), (0, 2, 3, 7), (1, 28, 40, gray), (1, 5, 1, 8)];
    expected.sort_unstable();
    assert_eq!(found, expected);

    let second = load(Split::Train, Count::All);
    assert!(second.notes.is_empty());
    assert_eq!(second.images.fingerprint(), images.fingerprint());
    let balanced = load(Split::Train, Count::Number(4)).images;
    assert_eq!(balanced.labels.iter().filter(|&&label| label == 0).count(), 2);
    assert_ne!(balanced.fingerprint(), images.fingerprint());
    assert_eq!(load(Split::Test, Count::All).images.len(), 2);
    let _ = images.picture(4);
}

#[test]
fn names_and_the_decoder_do_not_change_a_subset() {
    let (one, other) = (Site::new(), Site::new());
    fs::rename(other.path("train/cat/1.png"), other.path("train/cat/9.png")).unwrap();
    let subset = |site: &Site| {
        let loaded = load(&part(Split::Train, Count::Number(2)), Some(site.root.path()), &mut unwatched).unwrap();
        loaded.images.fingerprint()
    };
    assert_eq!(subset(&one), subset(&other));
}

#[test]
fn pictures_can_be_reduced_once() {
    let site = Site::new();
    let source = DataSource::Folder { classes: 2, size: 8, images: (5, 2), contents: (0, 0), short_side: Some(14) };
    let loaded =
        load(&Part { source, ..part(Split::Train, Count::All) }, Some(site.root.path()), &mut unwatched).unwrap();
    let sizes = (0..5).map(|index| (loaded.images.picture(index).height, loaded.images.picture(index).width));
    assert_eq!(sizes.filter(|size| *size == (14, 20)).count(), 3);
    assert!(site.path(".ablate-cache/train-short14-v1.pack").exists());
}

#[test]
fn changed_files_are_decoded_anew() {
    let site = Site::new();
    site.notes();
    assert_eq!(site.notes(), "");
    let again =
        "decoded 5 pictures of ROOT/train into ROOT/.ablate-cache/train-v1.pack (0 MB), since files have changed";
    // Another length, another time, another name, another class.
    site.write("train/dog/1.jpg", &file("full.jpg"));
    assert_eq!(site.notes(), again);
    let time = fs::metadata(site.path("train/dog/1.jpg")).unwrap().modified().unwrap() + Duration::from_secs(1);
    fs::File::options().write(true).open(site.path("train/dog/1.jpg")).unwrap().set_modified(time).unwrap();
    assert_eq!(site.notes(), again);
    fs::rename(site.path("train/dog/1.jpg"), site.path("train/dog/3.jpg")).unwrap();
    assert_eq!(site.notes(), again);
    fs::create_dir(site.path("train/cow")).unwrap();
    assert_eq!(site.notes(), again);
    assert_eq!(site.open(Trust::Usual).0.labels().collect::<Vec<_>>(), [0, 0, 0, 2, 2]);
    assert_eq!(site.notes(), "");
}

#[test]
fn a_torn_or_flipped_cache_is_found() {
    let site = Site::new();
    for name in ["1.png", "2.JPEG"] {
        fs::write(site.path("train/cat").join(name), png(1, 1, 1)).unwrap();
    }
    fs::write(site.path("train/dog/1.jpg"), png(1, 1, 2)).unwrap();
    site.open(Trust::Usual);
    let (sound, place) = (fs::read(site.pack()).unwrap(), site.path("copy"));
    let identity = Listing::read(site.root.path(), Split::Train).unwrap().identity(None);
    let is_sound = |bytes: &[u8]| {
        fs::write(&place, bytes).unwrap();
        match Pack::open(&place, &identity).and_then(|pack| pack.check_pictures(&mut unwatched)) {
            Ok(()) => true,
            Err(Unusable::Damaged(_)) => false,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert!(is_sound(&sound));
    assert!((0..sound.len()).all(|length| !is_sound(&sound[..length])));
    assert!(!is_sound(&[&sound[..], b"x"].concat()));
    for position in 0..sound.len() {
        let mut flipped = sound.clone();
        flipped[position] ^= 1 << (position % 8);
        assert!(!is_sound(&flipped), "byte {position}");
    }
}

#[test]
fn a_damaged_cache_is_built_anew() {
    let site = Site::new();
    site.notes();
    let sound = fs::read(site.pack()).unwrap();
    let mut flipped = sound.clone();
    flipped[200] ^= 1;
    fs::write(site.pack(), &flipped).unwrap();
    insta::assert_snapshot!(site.notes(), @"decoded 5 pictures of ROOT/train into ROOT/.ablate-cache/train-v1.pack (0 MB), since the earlier one is damaged: picture 0 (from 0) is not what was written");
    assert!(fs::read(site.pack()).unwrap() == sound);
    fs::write(site.pack(), &sound[..sound.len() - 1]).unwrap();
    insta::assert_snapshot!(site.notes(), @"decoded 5 pictures of ROOT/train into ROOT/.ablate-cache/train-v1.pack (0 MB), since the earlier one is damaged: it has 10492 bytes instead of 10493");
    fs::write(site.pack(), &sound[..90]).unwrap();
    insta::assert_snapshot!(site.notes(), @"decoded 5 pictures of ROOT/train into ROOT/.ablate-cache/train-v1.pack (0 MB), since the earlier one is damaged: it ends within its header");
    // A copy with other times is checked, found sound and kept.
    fs::write(site.pack(), &sound).unwrap();
    assert_eq!(site.notes(), "");
}

#[test]
fn decay_without_a_trace_is_found_when_nothing_is_trusted() {
    let site = Site::new();
    site.notes();
    let mut bytes = fs::read(site.pack()).unwrap();
    let last = 128 + 3 * 28 * 40 * 2;
    bytes[last] ^= 1;
    fs::write(site.pack(), bytes).unwrap();
    cache::remember(&site.pack());
    assert_eq!(site.notes(), "");
    let (_, notes) = site.open(Trust::Nothing);
    assert!(notes.concat().contains("picture 2 (from 0) is not what was written"), "{notes:?}");
    assert!(site.open(Trust::Nothing).1.is_empty());
}

#[test]
fn a_cache_lies_elsewhere_where_the_data_cannot_be_written() {
    let (site, user) = (Site::new(), tempfile::tempdir().unwrap());
    // A file in the way keeps even the superuser from making a folder.
    site.write(".ablate-cache", b"");
    let places = Places::within(site.root.path(), Some(user.path()));
    let listing = Listing::read(site.root.path(), Split::Train).unwrap();
    let (_, notes) = cache::open(&listing, None, &places, Trust::Usual, &mut unwatched).unwrap();
    let note = site.hide(&notes.concat()).replace(&user.path().display().to_string(), "USER");
    let name = note.split('/').find(|part| part.len() == 32).unwrap_or_default().to_owned();
    insta::assert_snapshot!(note.replace(&name, "HASH"), @"decoded 5 pictures of ROOT/train into USER/ablate/HASH/train-v1.pack (0 MB); ROOT/.ablate-cache cannot be written (File exists (os error 17))");
    assert!(cache::open(&listing, None, &places, Trust::Usual, &mut unwatched).unwrap().1.is_empty());

    let nowhere = Places::within(site.root.path(), None);
    let error = cache::open(&listing, None, &nowhere, Trust::Usual, &mut unwatched).unwrap_err();
    insta::assert_snapshot!(site.message(&error), @"the cache of decoded pictures ROOT/.ablate-cache cannot be kept: make room there, or reduce the pictures by `short_side` in `data.source`");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn of_two_builders_one_waits() {
    let site = Site::new();
    let built: usize = thread::scope(|scope| {
        let builders: Vec<_> = (0..4).map(|_| scope.spawn(|| site.open(Trust::Usual).1.len())).collect();
        builders.into_iter().map(|builder| builder.join().unwrap()).sum()
    });
    assert_eq!(built, 1);
    let mut names: Vec<_> =
        fs::read_dir(site.path(".ablate-cache")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["train-v1.checked", "train-v1.pack", "train-v1.pack.lock"]);
}

#[test]
fn what_a_killed_builder_left_is_replaced() {
    let site = Site::new();
    site.write(".ablate-cache/train-v1.part", &[1; 100_000]);
    assert!(site.notes().starts_with("decoded 5"));
    assert!(!site.path(".ablate-cache/train-v1.part").exists());
}

#[test]
fn corrupt_pictures_fail_the_load_or_are_left_out_by_name() {
    let site = Site::new();
    site.write("train/cat/0.jpg", b"<html>");
    site.write("train/cat/3.png", &png(2, 3, 7)[..40]);
    let source = DataSource::Folder { classes: 2, size: 16, images: (6, 2), contents: (0, 0), short_side: None };
    let part = Part { source, ..part(Split::Train, Count::All) };
    let error = load(&part, Some(site.root.path()), &mut unwatched).unwrap_err();
    insta::assert_snapshot!(site.message(&error), @"2 images are corrupt, and `data.corrupt_images` allows 0; ROOT/train/cat/0.jpg: neither a JPEG nor a PNG file; ROOT/train/cat/3.png: damaged PNG data: unexpected end of file; replace the files, or leave such images out by `data.corrupt_images: 2`");
    // The second time from the cache.
    for _ in 0..2 {
        let loaded = load(&Part { corrupt_images: 2, ..part }, Some(site.root.path()), &mut unwatched).unwrap();
        assert_eq!((loaded.images.len(), loaded.left_out.len()), (4, 2));
        assert_eq!(loaded.left_out[0].path, site.path("train/cat/0.jpg"));
    }
    assert!(load(&Part { corrupt_images: 1, ..part }, Some(site.root.path()), &mut unwatched).is_err());
    assert_eq!(check(source, 0, Some(site.root.path())).unwrap().train_images, 6, "nothing is decoded");
    let summary = inspect(source, Some(site.root.path()), &mut unwatched).unwrap();
    assert_eq!((summary.train_images, summary.test_images, summary.left_out.len()), (4, 2, 2));
}

#[test]
fn a_folder_that_is_not_as_stated_is_explained() {
    let site = Site::new();
    let message = |source| {
        site.message(
            &load(&Part { source, ..part(Split::Test, Count::All) }, Some(site.root.path()), &mut unwatched)
                .unwrap_err(),
        )
    };
    let stated = |classes, images| DataSource::Folder { classes, size: 16, images, contents: (0, 0), short_side: None };
    let DataSource::Folder { classes, images, contents, .. } = describe(site.root.path(), 16).unwrap() else {
        panic!()
    };
    assert_eq!((classes, images), (2, (5, 2)));
    let exact = |contents| DataSource::Folder { classes, size: 16, images, contents, short_side: None };
    assert!(check(exact(contents), 0, Some(site.root.path())).is_ok());
    let other = message(exact((contents.0, contents.1 + 1))).replace(&format!("{:#x}", contents.1), "0xA");
    insta::assert_snapshot!(other.replace(&format!("{:#x}", contents.1 + 1), "0xB"), @"ROOT/val has other pictures than the recipe says: their contents are 0xA, not 0xB; name the right folder, or write what `ablate data verify` prints");
    insta::assert_snapshot!(message(stated(3, (5, 2))), @"ROOT/train has 2 class folders, but the recipe says 3: write `classes: 2` in `data.source`, or complete the folder");
    insta::assert_snapshot!(message(stated(2, (5, 3))), @"ROOT/val has 2 pictures (jpg, jpeg, png), but the recipe says 3: write 2 in `images` of `data.source`, or complete the folder");
    fs::rename(site.path("val"), site.path("test")).unwrap();
    assert_eq!(check(STATED, 0, Some(site.root.path())).unwrap().test_images, 2);
    fs::rename(site.path("test/cat"), site.path("test/cow")).unwrap();
    insta::assert_snapshot!(message(STATED), @"ROOT/test/cow is no class of the training images in ROOT/train: both must have the same class folders");
    fs::rename(site.path("test"), site.path("tests")).unwrap();
    insta::assert_snapshot!(message(STATED), @"ROOT has no folder `val` or `test` with the test images: pictures must lie in ROOT/val/CLASS/");
    let none = load(&part(Split::Train, Count::All), Some(&site.path("none")), &mut unwatched).unwrap_err();
    insta::assert_snapshot!(site.message(&none), @"the folder ROOT/none does not exist: name the folder of the pictures by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
    let many = load(&part(Split::Train, Count::Number(8)), Some(site.root.path()), &mut unwatched).unwrap_err();
    insta::assert_snapshot!(site.message(&many), @"the train images of Folder at hand have 2 of class `dog`, but 4 per class are asked for: `data.train_images` can be at most 4 here; name the folder of the pictures by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
}

#[test]
fn a_file_that_cannot_be_read_fails_the_load() {
    let site = Site::new();
    fs::remove_file(site.path("train/cat/1.png")).unwrap();
    fs::create_dir(site.path("train/cat/1.png")).unwrap();
    let error = load(&part(Split::Train, Count::All), Some(site.root.path()), &mut unwatched).unwrap_err();
    insta::assert_snapshot!(site.message(&error), @"cannot read ROOT/train/cat/1.png");
    assert!(!site.pack().exists());
}
