//! Caches whose building is watched, stopped or waited for.

use std::ops::ControlFlow;

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
