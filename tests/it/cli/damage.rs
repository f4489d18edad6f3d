//! A damaged file of a job costs at most that job, is named, and running again repairs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use ablate::store::Store;
use rustix::process::Signal;

use super::{
    Lab, SWEEP,
    surroundings::{signal, wait_until},
};

/// The sweep with another evaluation of the same pretrainings.
fn with_another_evaluation() -> String {
    SWEEP.replace("\"linear\": ()", "\"linear\": (), \"more\": (epochs: 4)")
}

/// A file of the job that succeeded first, which is a pretraining.
fn file_of_the_first(lab: &Lab, name: &str) -> PathBuf {
    lab.path("results/jobs").join(&lab.journal("Succeeded")[0]).join(name)
}

/// What happens to a file.
type Harm = fn(&Path);

/// Changes one byte in the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// What is damaged before a run that has four new evaluations to do costs so many jobs beyond these, and nothing else.
fn costs(name: &str, harm: Harm, jobs: usize, words: Option<&str>) {
    let calm = Lab::new();
    calm.write(&with_another_evaluation());
    calm.run(&[]);
    let lab = Lab::new();
    lab.run(&[]);
    let path = file_of_the_first(&lab, name);
    let sound = fs::read(&path).unwrap();
    harm(&path);
    lab.write(&with_another_evaluation());
    let (_, told) = lab.run(&[]);
    let job = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    assert!(words.is_none_or(|words| told.contains(&format!("{job}/{name} {words}"))), "{told}");
    assert_eq!(lab.journal("Started").len(), 8 + 4 + jobs, "{told}");
    assert_eq!(lab.journal("Failed"), [""; 0]);
    assert_eq!((lab.numbers(), lab.table()), (calm.numbers(), calm.table()));
    assert_eq!(fs::read(&path).unwrap() == sound, name != "record.json", "as it was, but for a record's times");
    // Now all is well.
    let (_, told) = lab.run(&[]);
    assert!(told.starts_with("nothing to do: all 12 jobs are in results\n"), "{told}");
}

#[test]
fn a_damaged_encoder_is_made_again_when_it_is_needed() {
    costs("encoder.safetensors", damage, 1, Some("is not the file that its record names: running again repairs it"));
}

#[test]
fn a_damaged_record_of_a_pretraining_is_made_again() {
    costs("record.json", damage, 1, Some("is damaged: running again repairs it"));
}

#[test]
fn damaged_settings_of_a_finished_job_are_written_again() {
    costs("job.json", damage, 0, Some("is damaged: running again repairs it"));
    costs("job.json", |path| fs::remove_file(path).unwrap(), 0, None);
}

#[test]
fn damaged_settings_of_a_job_that_is_to_run_are_written_again() {
    let (calm, lab) = (Lab::new(), Lab::new());
    calm.run(&[]);
    lab.run(&["--only", "temperature=cold"]);
    for job in calm.journal("Succeeded") {
        let folder = lab.path("results/jobs").join(job);
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("job.json"), "{}").unwrap();
        }
    }
    lab.run(&[]);
    lab.assert_done_once_as(&calm, "damaged settings");
}

/// A sweep that stopped in its first pretraining, and the checkpoint that it kept.
fn stopped(sweep: &str) -> (Lab, PathBuf) {
    let lab = Lab::new();
    lab.write(sweep);
    let mut run = lab.command(&["run", "tiny.ron", "--jobs", "1"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let epochs = |job: &str| fs::read_to_string(lab.path("results/jobs").join(job).join("metrics.csv"));
    wait_until("some epochs are over", || {
        lab.lines()
            .iter()
            .find(|line| line.event == "Started")
            .is_some_and(|line| epochs(&line.job).is_ok_and(|text| text.lines().count() > 3))
    });
    signal(&run, Signal::INT);
    run.wait().unwrap();
    let job = lab.journal("Interrupted")[0].clone();
    let checkpoint = lab.path("results/jobs").join(job).join("checkpoint.bin");
    (lab, checkpoint)
}

#[test]
fn a_job_whose_checkpoint_is_damaged_starts_from_its_beginning_and_says_so() {
    // Long enough to be stopped before it ends, whatever else the machine does.
    let sweep = SWEEP.replace("epochs: 2, batch_size: 20", "epochs: 120, batch_size: 20");
    let sweep = sweep.replace("seeds: [0, 1]", "seeds: [0]");
    let calm = Lab::new();
    calm.write(&sweep);
    calm.run(&[]);
    let harms: [(Harm, &str); 3] = [
        (damage, "checkpoint.bin is damaged"),
        (|path| fs::write(path, "").unwrap(), "checkpoint.bin is damaged"),
        // Whole, but not what this job can go on from.
        (not_mine, "starts from its beginning"),
    ];
    for (harm, words) in harms {
        let (lab, checkpoint) = stopped(&sweep);
        harm(&checkpoint);
        let (_, told) = lab.run(&[]);
        let folder = checkpoint.parent().unwrap();
        let log = fs::read_to_string(folder.join("log.txt")).unwrap();
        for text in [log, told] {
            let warning = text.lines().find(|line| line.contains(words));
            assert!(warning.is_some_and(|line| line.ends_with("; the job starts from its beginning")), "{text}");
        }
        assert!(!fs::read_to_string(folder.join("record.json")).unwrap().contains("went on from a checkpoint"));
        assert!(!checkpoint.exists());
        lab.assert_done_once_as(&calm, words);
    }
}

fn not_mine(checkpoint: &Path) {
    let mut folders = checkpoint.ancestors().skip(1);
    let job = folders.next().unwrap().file_name().unwrap().to_str().unwrap();
    let store = Store::open(folders.nth(1).unwrap()).unwrap().unwrap();
    store.keep_checkpoint(job.parse().unwrap(), b"of another program").unwrap();
}
