//! PASCAL VOC 2007 in the layout of its development kit (Everingham et al. 2010): pictures in one folder, and for each
//! class and split a list that says which pictures show it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;

use super::{
    cache::{self, Places, Trust},
    listing::{Listing, PictureFile},
    with_root,
};
use crate::{
    recipe::{Count, DataSource},
    train::data::{
        CorruptImage, Error, ErrorKind, Images, Loaded, Part, Split, Summary, Watcher, corrupt, files::unreadable,
    },
};

const SOURCE: DataSource = DataSource::Voc2007;

/// The classes, in the order of the alphabet.
const CLASSES: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// The lists of the pictures in the files of a split: its authors' own training and validation pictures.
fn parts(split: Split) -> &'static [&'static str] {
    match split.of_files() {
        Split::Test => &["test"],
        _ => &["train", "val"],
    }
}

/// The place of the validation pictures among them.
const VALIDATION: usize = 1;

/// Loads a part: training pictures are those of both lists unless validation pictures are kept apart.
pub fn load(part: &Part, folder: &Path, watch: &mut Watcher<'_>) -> Result<Loaded, Error> {
    let root = locate(folder);
    let list = List::read(&root, part.split)?;
    part.check_complete(list.names.len())?;
    let Opened { images, parts, left_out, notes } = list.open(&root, Trust::Usual, watch)?;
    corrupt::allow(part.corrupt_images, &left_out)?;
    let wanted = |index: &usize| match part.split {
        Split::Test => true,
        Split::Validation => parts[*index] == VALIDATION,
        Split::Train => parts[*index] != VALIDATION || part.apart == Count::Number(0),
    };
    let mut chosen: Vec<usize> = (0..images.len()).filter(wanted).collect();
    // In an order that does not depend on the names of the files, as that of other data sets.
    chosen.sort_by_key(|&index| images.key(index));
    Ok(Loaded { images: images.select(&chosen).seen_as(part.image_size, part.center_crop), left_out, notes })
}

/// Compares the lists and the files with each other without decoding any.
pub fn check(folder: &Path) -> Result<Summary, Error> {
    let root = locate(folder);
    let count = |split| List::read(&root, split)?.listing(&root).map(|listing| listing.files.len());
    let (train_images, test_images) = (count(Split::Train)?, count(Split::Test)?);
    Ok(Summary { folder: Some(root), train_images, test_images, ..Summary::default() })
}

/// Decodes all pictures, or compares them with their checksums if they are in a cache.
pub fn inspect(folder: &Path, watch: &mut Watcher<'_>) -> Result<Summary, Error> {
    let root = locate(folder);
    let mut summary = Summary { folder: Some(root.clone()), ..Summary::default() };
    for split in [Split::Train, Split::Test] {
        let Opened { images, left_out, notes, .. } = List::read(&root, split)?.open(&root, Trust::Nothing, watch)?;
        let count = if split == Split::Test { &mut summary.test_images } else { &mut summary.train_images };
        *count = images.len();
        summary.left_out.extend(left_out);
        summary.notes.extend(notes);
    }
    Ok(summary)
}

/// The folder with `JPEGImages` and `ImageSets`: that which the archives make inside `folder`, or `folder` itself.
fn locate(folder: &Path) -> PathBuf {
    let unpacked = folder.join("VOCdevkit/VOC2007");
    let known = [unpacked.clone(), folder.join("VOC2007"), folder.to_owned()];
    known.into_iter().find(|root| root.join("ImageSets/Main").is_dir()).unwrap_or(unpacked)
}

/// All pictures of a split that can be decoded.
struct Opened {
    images: Images,
    /// The list of each, by its place among [`parts`].
    parts: Vec<usize>,
    left_out: Vec<CorruptImage>,
    notes: Vec<String>,
}

/// Which pictures a split has, and what they show.
#[derive(Debug)]
struct List {
    split: Split,
    /// Names of the pictures without ending, by list and in its order.
    names: Vec<String>,
    /// The list of each, by its place among [`parts`].
    parts: Vec<usize>,
    /// `[names, classes]`, as [`Images::shown`].
    shown: Vec<Option<bool>>,
}

impl List {
    fn read(root: &Path, split: Split) -> Result<Self, Error> {
        let mut list = Self { split, names: vec![], parts: vec![], shown: vec![] };
        for (number, part) in parts(split).iter().enumerate() {
            let path = |class: &str| root.join(format!("ImageSets/Main/{class}_{part}.txt"));
            let of_classes: Vec<(Vec<String>, Vec<Option<bool>>)> =
                CLASSES.iter().map(|class| read_list(root, path(class))).collect::<Result<_, _>>()?;
            let names = &of_classes[0].0;
            if let Some(other) = of_classes.iter().position(|(others, _)| others != names) {
                return Err(ErrorKind::Lists { path: path(CLASSES[0]), other: path(CLASSES[other]) }.into());
            }
            list.names.extend(names.iter().cloned());
            list.parts.extend(std::iter::repeat_n(number, names.len()));
            for picture in 0..names.len() {
                list.shown.extend(of_classes.iter().map(|(_, shown)| shown[picture]));
            }
        }
        // What is trained on must not be chosen by, too.
        let mut seen = BTreeSet::new();
        match list.names.iter().find(|name| !seen.insert(*name)) {
            Some(name) => Err(ErrorKind::ListedTwice { path: root.join("ImageSets/Main"), name: name.clone() }.into()),
            None => Ok(list),
        }
    }

    /// The files of the pictures.
    fn listing(&self, root: &Path) -> Result<Listing, Error> {
        let find = |name: &String| {
            let path = Path::new("JPEGImages").join(format!("{name}.jpg"));
            let whole = root.join(&path);
            // What a picture shows is none of the cache's business.
            PictureFile::find(root, path, 0).map_err(|error| unreadable(SOURCE, root, whole, error))
        };
        let split = if self.split.of_files() == Split::Test { "test" } else { "trainval" };
        let files = self.names.par_iter().map(find).collect::<Result<_, _>>()?;
        let classes = CLASSES.map(str::to_owned).to_vec();
        Ok(Listing { root: root.to_owned(), split, classes, files })
    }

    /// The pictures, from the cache or into it.
    fn open(&self, root: &Path, trust: Trust, watch: &mut Watcher<'_>) -> Result<Opened, Error> {
        let listing = self.listing(root)?;
        let (pack, notes) = cache::open(&listing, None, &Places::of(root), trust, watch)?;
        let missing: BTreeSet<&Path> = pack.corrupt().iter().map(|image| image.path.as_path()).collect();
        let sound: Vec<usize> =
            (0..listing.files.len()).filter(|&file| !missing.contains(listing.files[file].path.as_path())).collect();
        let row = |&file: &usize| self.shown[file * CLASSES.len()..][..CLASSES.len()].iter().copied();
        let (shown, parts) =
            (sound.iter().flat_map(row).collect(), sound.iter().map(|&file| self.parts[file]).collect());
        let left_out = with_root(root, &pack);
        let images = Images::mapped(SOURCE.image_size(), Arc::new(pack), listing.classes).showing(shown);
        Ok(Opened { images, parts, left_out, notes })
    }
}

/// The pictures of a list and whether each shows the class.
fn read_list(root: &Path, path: PathBuf) -> Result<(Vec<String>, Vec<Option<bool>>), Error> {
    let text = fs::read_to_string(&path).map_err(|error| unreadable(SOURCE, root, path.clone(), error))?;
    let mut found = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        let (name, shown) = match (words.next(), words.next(), words.next()) {
            (Some(name), Some("1"), None) => (name, Some(true)),
            (Some(name), Some("-1"), None) => (name, Some(false)),
            (Some(name), Some("0"), None) => (name, None),
            _ => return Err(ErrorKind::List { path, line: index + 1 }.into()),
        };
        found.0.push(name.to_owned());
        found.1.push(shown);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{
        recipe::Count,
        train::data::{self, fixture::png, unwatched},
    };

    /// Number of different pictures.
    const PICTURES: usize = 50;

    /// Whether a picture shows a class.
    fn shows(number: usize, class: usize) -> Option<bool> {
        if (number + class).is_multiple_of(11) { None } else { Some((number + 3 * class).is_multiple_of(7)) }
    }

    /// As many pictures as the data set has, in its layout: links to a few files, since only the lists tell them apart.
    fn devkit(complete: bool) -> TempDir {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let root = folder.path().join("VOCdevkit/VOC2007");
        let [lists, pictures] = ["ImageSets/Main", "JPEGImages"].map(|name| root.join(name));
        fs::create_dir_all(&lists).unwrap();
        fs::create_dir_all(&pictures).unwrap();
        for number in 0..PICTURES {
            fs::write(root.join(format!("{number}.png")), png(2, 3, number as u8)).unwrap();
        }
        let mut start = 0;
        for (part, count) in [("train", 2_501), ("val", 2_510), ("test", 4_952)] {
            let numbers = start..start + if complete { count } else { 20 };
            start = numbers.end;
            for number in numbers.clone() {
                let file = root.join(format!("{}.png", number % PICTURES));
                fs::hard_link(file, pictures.join(format!("{number:06}.jpg"))).unwrap();
            }
            for (class, name) in CLASSES.iter().enumerate() {
                let line = |number| {
                    let mark = shows(number, class).map_or(" 0", |shown| if shown { " 1" } else { "-1" });
                    format!("{number:06} {mark}\n")
                };
                let text: String = numbers.clone().map(line).collect();
                fs::write(lists.join(format!("{name}_{part}.txt")), text).unwrap();
            }
        }
        folder
    }

    fn part(split: Split, apart: usize) -> Part {
        Part { images: Count::All, apart: apart.into(), ..Part::of_size(SOURCE, split, 0) }
    }

    #[test]
    fn pictures_and_what_they_show_are_those_of_the_lists() {
        let folder = devkit(true);
        let load = |split, apart| data::load(&part(split, apart), Some(folder.path()), &mut unwatched).unwrap();
        let (all, test) = (load(Split::Train, 0), load(Split::Test, 0));
        assert!(all.notes.concat().contains("decoded 5011 pictures") && test.notes.concat().contains("4952"));
        let (train, validation) = (load(Split::Train, 2_510), load(Split::Validation, 0));
        assert!(train.notes.is_empty() && validation.notes.is_empty(), "all from one cache");
        assert_eq!([&all, &train, &validation, &test].map(|part| part.images.len()), [5_011, 2_501, 2_510, 4_952]);
        // The pictures that look the same come with all that any of them shows, each as often.
        for (images, numbers) in [
            (&all.images, 0..5_011),
            (&train.images, 0..2_501),
            (&validation.images, 2_501..5_011),
            (&test.images, 5_011..9_963),
        ] {
            let shown = images.shown.as_ref().unwrap();
            let mut found: Vec<(u8, Vec<Option<bool>>)> = (0..images.len())
                .map(|index| (images.picture(index).pixels[0], shown[20 * index..][..20].to_vec()))
                .collect();
            let mut expected: Vec<(u8, Vec<Option<bool>>)> = numbers
                .map(|number| ((number % PICTURES) as u8, (0..20).map(|class| shows(number, class)).collect()))
                .collect();
            found.sort();
            expected.sort();
            assert!(found == expected);
        }
        assert_eq!((all.images.size, all.images.classes, &all.images.class_names[14][..]), (224, 20, "person"));
        let summary = data::check(SOURCE, 0, Some(folder.path())).unwrap();
        assert_eq!((summary.train_images, summary.test_images), (5_011, 4_952));
        assert_eq!(data::inspect(SOURCE, Some(folder.path()), &mut unwatched).unwrap().left_out, []);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let folder = devkit(false);
        let message = |part: &Part| {
            let error = data::load(part, Some(folder.path()), &mut unwatched).unwrap_err();
            error.to_string().replace(&folder.path().display().to_string(), "DATA")
        };
        let list = |name: &str| folder.path().join("VOCdevkit/VOC2007/ImageSets/Main").join(name);
        let train = part(Split::Train, 0);
        insta::assert_snapshot!(message(&train), @"Voc2007 has 5011 train images, but its files at hand hold 40: unpack the data set again");
        fs::write(list("bird_train.txt"), "000000 -1\n000001 2\n").unwrap();
        insta::assert_snapshot!(message(&train), @"DATA/VOCdevkit/VOC2007/ImageSets/Main/bird_train.txt:2 must be the name of a picture and 1, 0 or -1, as `000005 -1`: unpack the data set again");
        fs::write(list("bird_train.txt"), "000000 -1\n").unwrap();
        insta::assert_snapshot!(message(&train), @"DATA/VOCdevkit/VOC2007/ImageSets/Main/aeroplane_train.txt and DATA/VOCdevkit/VOC2007/ImageSets/Main/bird_train.txt are about other pictures: unpack the data set again");
        for class in CLASSES {
            fs::copy(list(&format!("{class}_val.txt")), list(&format!("{class}_train.txt"))).unwrap();
        }
        insta::assert_snapshot!(message(&train), @"picture 000020 stands twice in the lists in DATA/VOCdevkit/VOC2007/ImageSets/Main: unpack the data set again");
        fs::remove_file(list("bird_train.txt")).unwrap();
        insta::assert_snapshot!(message(&train), @"the file DATA/VOCdevkit/VOC2007/ImageSets/Main/bird_train.txt of Voc2007 does not exist: unpack VOCtrainval_06-Nov-2007.tar and VOCtest_06-Nov-2007.tar from http://host.robots.ox.ac.uk/pascal/VOC/voc2007/ into one folder, and name that by --data-dir, ABLATE_DATA_DIR or `data.folder` in the recipe");
        fs::remove_dir_all(folder.path().join("VOCdevkit/VOC2007/JPEGImages")).unwrap();
        let error = data::check(SOURCE, 0, Some(&folder.path().join("nowhere"))).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::MissingFolder { .. }), "{error}");
        let error = List::read(&locate(folder.path()), Split::Test).unwrap().listing(&locate(folder.path()));
        assert!(matches!(error.unwrap_err().kind, ErrorKind::MissingFile { .. }));
    }
}
