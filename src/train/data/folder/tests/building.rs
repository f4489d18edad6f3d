//! Caches whose building is watched, stopped, waited for or ended by a full disk.

use std::{ops::ControlFlow, os::unix::fs::symlink};

use super::*;
use crate::train::data::{Progress, Stage};

/// Pictures of [`many`]: two whole chunks of files and a part of a third.
const MANY: usize = 150;

/// Training pictures that are decoded in several chunks.
fn many() -> Site {
    let site = Site { root: tempfile::tempdir().unwrap() };
    for number in 0..MANY {
        site.write(&format!("train/{}/{number}.png", ["cat", "dog"][number % 2]), &png(1, 1, number as u8));
    }
    site
}

/// Opens the cache of the training pictures while `watch` does.
fn open(site: &Site, trust: Trust, watch: &mut Watcher<'_>) -> Result<(Pack, Vec<String>), Error> {
    let listing = Listing::read(site.root.path(), Split::Train).unwrap();
    cache::open(&listing, None, &Places::within(site.root.path(), None), trust, watch)
}

/// What the watcher is told while the cache is opened.
fn told(site: &Site, trust: Trust) -> Vec<Progress> {
    let mut told = Vec::new();
    let watch = &mut |progress| {
        told.push(progress);
        ControlFlow::Continue(())
    };
    assert_eq!(open(site, trust, watch).unwrap().0.len(), MANY);
    told
}

/// Names of the files beside the cache, sorted.
fn names(site: &Site) -> Vec<String> {
    let entries = fs::read_dir(site.path(".ablate-cache")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_watcher_is_told_until_all_is_done() {
    let site = many();
    let done = |stage, counts: &[usize]| -> Vec<_> {
        counts.iter().map(|&done| Progress { stage, done, all: MANY }).collect()
    };
    assert_eq!(told(&site, Trust::Usual), done(Stage::Decoding, &[0, 64, 128, MANY]));
    assert_eq!(told(&site, Trust::Usual), [], "it is there and has not changed");
    assert_eq!(told(&site, Trust::Nothing), done(Stage::Comparing, &[0, MANY]));
}

#[test]
fn a_stopped_build_leaves_nothing_behind() {
    let site = many();
    for wanted in [0, 64, MANY] {
        let watch = &mut |progress: Progress| match progress.done {
            done if done >= wanted => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let error = open(&site, Trust::Usual, watch).unwrap_err();
        assert_eq!((error.kind, names(&site)), (ErrorKind::Stopped, vec!["train-v1.pack.lock".to_owned()]));
    }
    assert_eq!(told(&site, Trust::Usual).len(), 4, "the next one begins from the start");
    assert_eq!(names(&site), ["train-v1.checked", "train-v1.pack", "train-v1.pack.lock"]);
}

#[test]
fn a_stopped_comparison_is_no_damage() {
    let site = many();
    told(&site, Trust::Usual);
    let sound = fs::read(site.pack()).unwrap();
    let error = open(&site, Trust::Nothing, &mut |_| ControlFlow::Break(())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Stopped);
    assert!(fs::read(site.pack()).unwrap() == sound);
    assert_eq!(told(&site, Trust::Nothing).len(), 2);
}

#[test]
fn who_waits_for_another_builder_can_be_stopped() {
    let site = many();
    fs::create_dir(site.path(".ablate-cache")).unwrap();
    let other = fs::File::create(site.path(".ablate-cache/train-v1.pack.lock")).unwrap();
    other.lock().unwrap();
    let mut told = Vec::new();
    let watch = &mut |progress: Progress| {
        told.push(progress.stage);
        if told.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    assert_eq!(open(&site, Trust::Usual, watch).unwrap_err().kind, ErrorKind::Stopped);
    assert_eq!(told, [Stage::Waiting; 3]);
    other.unlock().unwrap();
    assert!(open(&site, Trust::Usual, &mut unwatched).is_ok());
}

/// Makes a disk of a folder of caches that is full from its first byte; `None` where there is no such device.
fn fill(folder: &Path) -> Option<()> {
    fs::create_dir_all(folder).unwrap();
    Path::new("/dev/full").exists().then(|| symlink("/dev/full", folder.join("train-v1.part")).unwrap())
}

#[test]
fn a_full_disk_gives_way_to_the_next_place() {
    let (site, user) = (many(), tempfile::tempdir().unwrap());
    let places = Places::within(site.root.path(), Some(user.path()));
    let listing = Listing::read(site.root.path(), Split::Train).unwrap();
    let open = || cache::open(&listing, None, &places, Trust::Usual, &mut unwatched);
    // Without such a device, there is no full disk to be had.
    let Some(()) = fill(&site.path(".ablate-cache")) else { return };
    let (pack, notes) = open().unwrap();
    let elsewhere = fs::read_dir(user.path().join("ablate")).unwrap().next().unwrap().unwrap().path();
    let hide = |text: &str| site.hide(text).replace(&elsewhere.display().to_string(), "USER");
    assert_eq!((pack.len(), names(&site)), (MANY, vec!["train-v1.pack.lock".to_owned()]));
    insta::assert_snapshot!(hide(&notes.concat()), @"decoded 150 pictures of ROOT/train into USER/train-v1.pack (0 MB); ROOT/.ablate-cache/train-v1.part cannot be written (No space left on device (os error 28))");
    assert!(open().unwrap().1.is_empty(), "it is found there");

    fs::remove_dir_all(&elsewhere).unwrap();
    fill(&site.path(".ablate-cache"));
    fill(&elsewhere);
    let error = open().unwrap_err();
    insta::assert_snapshot!(hide(&error.to_string()), @"ROOT/.ablate-cache/train-v1.part cannot be written (No space left on device (os error 28)), and the cache of decoded pictures USER/train-v1.part cannot be kept: make room there, or reduce the pictures by `short_side` in `data.source`");
    insta::assert_snapshot!(std::error::Error::source(&error).unwrap(), @"No space left on device (os error 28)");
    assert_eq!(names(&site), ["train-v1.pack.lock"]);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
}
