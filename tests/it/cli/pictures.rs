//! Folders of pictures on the command line.

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
};

use rustix::process::Signal;

use super::{
    Lab, SWEEP,
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
