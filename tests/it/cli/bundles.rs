//! A bundle lets others check the tables: the same bytes without training, and any cell again.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use super::{Lab, SWEEP};

/// All files below a folder, by their paths.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

/// The sweep in two files, the base in a folder below.
fn with_include(lab: &Lab) {
    fs::create_dir(lab.path("shared")).unwrap();
    let (start, end) = (SWEEP.find("    base: ").unwrap(), SWEEP.find("    axes: ").unwrap());
    fs::write(lab.path("shared/base.ron"), format!("({})", &SWEEP[start..end])).unwrap();
    lab.write(&format!("{}    include: \"shared/base.ron\",\n{}", &SWEEP[..start], &SWEEP[end..]));
}

#[test]
fn a_bundle_gives_the_same_bytes_and_any_cell_again() {
    let lab = Lab::new();
    with_include(&lab);
    // Jobs of other sweeps stay out.
    fs::write(lab.path("other.ron"), SWEEP.replace("temperature: 1.0", "temperature: 2.0")).unwrap();
    assert_eq!(lab.ablate(&["run", "other.ron", "--store", "deep/store"]).0, 0);
    lab.run(&["--store", "deep/store"]);
    let bundle = |name: &str| {
        let (code, shown, told) = lab.ablate(&["export", "tiny.ron", "--store", "deep/store", "--bundle", name]);
        assert!(code == 0 && shown.contains("README.md says how to check them"), "{shown}{told}");
        fs::read(lab.path(name)).unwrap()
    };
    fs::create_dir(lab.path("away")).unwrap();
    assert_eq!(bundle("tiny.tar.gz"), bundle("away/other.tgz"), "equal content gives equal bytes");
    let untarred = Command::new("tar").args(["xzf", "other.tgz"]).current_dir(lab.path("away")).status().unwrap();
    assert!(untarred.success());

    let other = Lab { folder: tempfile::tempdir_in(lab.path("away/tiny")).unwrap() };
    let ablate = |arguments: &[&str]| other.command(arguments).current_dir(lab.path("away/tiny")).output().unwrap();
    let names: Vec<String> = files(&lab.path("away/tiny")).into_keys().collect();
    for name in ["README.md", "environment.txt", "sweeps/tiny.ron", "sweeps/shared/base.ron", "results/journal.jsonl"] {
        assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
    }
    assert_eq!(names.iter().filter(|name| name.ends_with("record.json")).count(), 8);
    assert!(!names.iter().any(|name| name.ends_with(".safetensors")));
    let bytes = files(&lab.path("away/tiny"));
    let place = lab.path("").display().to_string();
    let telling = bytes.iter().filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains(&place));
    assert_eq!(telling.map(|(name, _)| name).collect::<Vec<_>>(), Vec::<&String>::new(), "they tell of {place}");

    let output = ablate(&["export", "sweeps/tiny.ron", "--store", "results", "--out", "tables"]);
    assert!(output.status.success(), "{output:?}");
    let again = files(&lab.path("away/tiny/tables"));
    assert!(again.len() > 4 && again == files(&lab.path("away/tiny/results/tables/tiny")));
    assert_eq!(again, files(&lab.path("deep/store/tables/tiny")));

    let output = ablate(&["run", "sweeps/tiny.ron", "--only", "temperature=cold", "--store", "again"]);
    assert!(output.status.success(), "{output:?}");
    let output = ablate(&["diff", "results", "again"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("done in both, with equal numbers: 4 jobs"));
}

#[test]
fn a_bundle_with_stale_cells_gives_the_same_bytes() {
    let lab = Lab::new();
    lab.run(&[]);
    // Changed since it ran: a pretraining with its evaluation.
    lab.write(&SWEEP.replace("temperature: 1.0", "temperature: 2.0"));
    assert_eq!(lab.ablate(&["export", "tiny.ron"]).0, 0);
    let (code, _, told) = lab.ablate(&["export", "tiny.ron", "--bundle", "stale.tar.gz"]);
    assert_eq!(code, 0, "{told}");
    let untarred = Command::new("tar").args(["xzf", "stale.tar.gz"]).current_dir(lab.path("")).status().unwrap();
    assert!(untarred.success());
    let (here, there) = (lab.path("results/tables/tiny"), lab.path("tiny/results/tables/tiny"));
    assert!(fs::read_to_string(here.join("tiny.md")).unwrap().contains("NtXent.temperature: 1.0 → 2.0"));
    assert_eq!(files(&here), files(&there));
    let (sweep, store) = ("tiny/sweeps/tiny.ron", "tiny/results");
    let (code, _, told) = lab.ablate(&["export", sweep, "--store", store, "--out", "again"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(files(&there), files(&lab.path("again")));
}

#[test]
fn a_bundle_waits_for_the_run_at_work() {
    let lab = Lab::new();
    lab.run(&[]);
    let _held = lab.hold_lock(std::process::id());
    let (code, _, told) = lab.ablate(&["export", "tiny.ron", "--bundle", "tiny.tar.gz"]);
    assert!(code == 2 && told.contains("a run is at work in results: bundle its results when it has ended"), "{told}");
}

#[test]
fn a_bundle_of_nothing_or_of_files_from_elsewhere_is_refused() {
    let lab = Lab::new();
    let (code, _, told) = lab.ablate(&["export", "tiny.ron", "--bundle", "tiny.tar.gz"]);
    assert!(code == 2 && told.contains("there are no results in results"), "{told}");
    with_include(&lab);
    lab.run(&[]);
    fs::create_dir(lab.path("below")).unwrap();
    let text = fs::read_to_string(lab.path("tiny.ron")).unwrap().replace("shared/", "../shared/");
    fs::write(lab.path("below/tiny.ron"), text).unwrap();
    let (code, _, told) = lab.ablate(&["export", "below/tiny.ron", "--bundle", "tiny.tar.gz"]);
    assert!(code == 2 && told.contains("includes ../shared/base.ron, which lies outside its folder"), "{told}");
    let (code, _, told) = lab.ablate(&["export", "tiny.ron", "--bundle", "nowhere/tiny.tar.gz"]);
    assert!(code == 1 && told.contains("cannot write nowhere/tiny.tar.gz"), "{told}");
    assert!(!lab.path("tiny.tar.gz").exists());
}
