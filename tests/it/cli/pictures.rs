//! Folders of pictures on the command line.

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
};

use rustix::process::Signal;

use super::{
    Lab, SWEEP, png,
    surroundings::{signal, wait_until},
};

/// A lab with pictures of two classes in its folder `pictures`, 20 of each to train on and 10 to test on.
fn lab() -> Lab {
    let lab = Lab::new();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures/usual.jpeg");
    for (split, count) in [("train", 20), ("val", 10)] {
        for class in ["n01440764", "T-shirt"] {
            let folder = lab.path("pictures").join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..count {
                fs::copy(&picture, folder.join(format!("{number}.jpeg"))).unwrap();
            }
        }
    }
    lab
}

#[test]
fn a_run_is_interrupted_while_another_process_decodes() {
    let lab = lab();
    let (_, described, _) = lab.ablate(&["data", "verify", "--data-dir", "pictures"]);
    let source = described.lines().next().unwrap_or_default().replace("size: 224", "size: 24");
    lab.write(&SWEEP.replace("source: Shapes", &source));
    let (cache, lock) = (lab.path("pictures/.ablate-cache"), "train-v1.pack.lock");
    fs::remove_dir_all(&cache).unwrap();
    fs::create_dir(&cache).unwrap();
    let other = fs::File::create(cache.join(lock)).unwrap();
    other.lock().unwrap();

    let mut run = lab.command(&["run", "tiny.ron", "--data-dir", "pictures"]);
    let run = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = || {
        let jobs = fs::read_dir(lab.path("results/jobs")).into_iter().flatten();
        jobs.filter_map(|job| fs::read_to_string(job.ok()?.path().join("log.txt")).ok()).collect::<String>()
    };
    wait_until("a job waits", || log().contains("waiting for another process that decodes 40 pictures"));
    signal(&run, Signal::INT);
    // The lock is still held: a job that would wait for it could not end.
    let Output { status, stderr, .. } = run.wait_with_output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert!(status.code() == Some(1) && told.contains("run the same command again"), "{told}");
    assert!(log().contains("stopped on request"), "{}", log());
    assert!(!lab.journal("Interrupted").is_empty());
    drop(other);
    lab.run(&["--data-dir", "pictures"]);
}

#[test]
fn pictures_are_drawn_with_and_without_augmentation() {
    let lab = lab();
    let draw =
        |more: &[&str]| lab.ablate(&[&["data", "show", "--data-dir", "pictures", "--size", "48"], more].concat());
    let (code, shown, told) = draw(&["--views", "3"]);
    assert_eq!(code, 0, "{told}");
    insta::assert_snapshot!(shown, @"
    contact-sheet.png: 2 of 2 classes (T-shirt, n01440764), 4 images each, then 3 views of the first
    each view: crop and resize, flip, color jitter, color drop
    ");
    assert!(told.starts_with("decoded 40 pictures of pictures/train into pictures/.ablate-cache"), "{told}");
    // Seven cells of two times 48 pixels behind nine letters, and two rows.
    assert_eq!(png(&lab.path("contact-sheet.png")), (9 * 16 + 8 + 7 * 100 + 4, 2 * 100 + 4));
    let (_, shown, told) = draw(&["--views", "0", "--images", "1", "--classes", "1"]);
    assert!(shown.starts_with("contact-sheet.png: 1 of 2 classes (T-shirt), 1 images each") && told.is_empty());
    assert!(draw(&["--each", "--out", "each.png"]).1.starts_with("each.png: 2 images of Folder; rows: original, "));
    let (code, _, told) = draw(&["--images", "21"]);
    insta::assert_snapshot!(told, @"error: of class `T-shirt`, 21 training images would be shown, but there are 20: ask for fewer by --images");
    assert_eq!(code, 2);
    let (_, shown, _) =
        lab.ablate(&["data", "histogram", "--data-dir", "pictures", "--size", "24", "--out", "figure6"]);
    assert!(shown.starts_with("figure6/histogram.svg, .png and .csv: 2 images of Folder, 5 crops of each"), "{shown}");
    let csv = fs::read_to_string(lab.path("figure6/histogram.csv")).unwrap();
    let count = |line: &str| line.rsplit(',').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(csv.lines().skip(1).map(count).sum::<u32>(), 2 * 5 * 2 * 3 * 24 * 24);
    // A named data set has a size of its own; a folder without pictures is no data set.
    assert_eq!(lab.ablate(&["data", "show", "shapes", "--size", "48"]).0, 2);
    let (code, _, told) = lab.ablate(&["data", "show", "--data-dir", "results"]);
    assert!(code == 2 && told.contains("results has no folder `train` of class folders"), "{told}");
}
