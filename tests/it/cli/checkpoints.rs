//! Files of weights and states: encoders from elsewhere, jobs that go on where they were stopped.

use std::{fs, process::Stdio};

use rustix::process::Signal;

use super::{
    Lab, SWEEP,
    surroundings::{signal, wait_until},
};

#[test]
fn an_encoder_from_elsewhere_is_evaluated() {
    let lab = Lab::new();
    lab.run(&[]);
    let encoder = lab.path("results/jobs").join(&lab.journal("Succeeded")[0]).join("encoder.safetensors");
    fs::copy(encoder, lab.path("mine.safetensors")).unwrap();
    let hash = blake3::hash(&fs::read(lab.path("mine.safetensors")).unwrap()).to_hex().to_string();
    let with = |hash: &str| {
        let axis =
            format!("\"mine\": (objective: Pretrained(file: \"mine.safetensors\", blake3: \"{hash}\")),\n\"warm\"");
        lab.write(&SWEEP.replace("\"warm\"", &axis));
    };
    with(&hash.replace(&hash[..1], "x"));
    let (code, _, told) = lab.ablate(&["run", "tiny.ron"]);
    assert_eq!(code, 2);
    assert!(told.contains("is not a BLAKE3 hash"), "{told}");
    with(&"0".repeat(64));
    let (code, _, told) = lab.ablate(&["run", "tiny.ron"]);
    assert_eq!(code, 2);
    assert!(told.contains(&hash), "{told}");
    with(&hash);
    let (table, _) = lab.run(&[]);
    assert!(table.contains("│ mine"), "{table}");
}

#[test]
fn a_stopped_job_goes_on_from_its_checkpoint() {
    let calm = Lab::new();
    let slow = SWEEP.replace("epochs: 2, batch_size: 20", "epochs: 60, batch_size: 20");
    calm.write(&slow);
    calm.run(&["--jobs", "1"]);
    let lab = Lab::new();
    lab.write(&slow);
    let mut run =
        lab.command(&["run", "tiny.ron", "--jobs", "1"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let metrics = |job: &str| lab.path("results/jobs").join(job).join("metrics.csv");
    wait_until("an epoch is over", || {
        lab.path("results/journal.jsonl").exists()
            && lab
                .journal("Started")
                .first()
                .is_some_and(|job| fs::read_to_string(metrics(job)).is_ok_and(|text| text.lines().count() > 3))
    });
    signal(&run, Signal::INT);
    run.wait().unwrap();
    let job = lab.journal("Started")[0].clone();
    let checkpoint = lab.path("results/jobs").join(&job).join("checkpoint.bin");
    let finished = lab.journal("Succeeded").contains(&job);
    assert!(finished || checkpoint.exists(), "neither finished nor kept");
    lab.run(&["--jobs", "1"]);
    assert!(!checkpoint.exists());
    assert_eq!(lab.table(), calm.table());
    let record = fs::read_to_string(lab.path("results/jobs").join(&job).join("record.json")).unwrap();
    assert!(finished || record.contains("went on from a checkpoint after step"), "{record}");
}

#[test]
fn a_batch_that_does_not_fit_the_memory_is_cut_and_this_is_said() {
    let lab = Lab::new();
    let tuned = "\"linear\": (), \"tuned\": (protocol: FineTune, batch_size: 40)";
    lab.write(&SWEEP.replace("\"linear\": ()", tuned));
    let (_, told) = lab.run(&["--memory", "0.0039"]);
    insta::assert_snapshot!(told.lines().filter(|line| line.starts_with("memory")).collect::<Vec<_>>().join("\n"), @r"
        memory: batches of 20 images do not fit 3.90 MB; 4 jobs go through them by micro-batches of 10, which gives the same gradient, but batch normalization sees the micro-batch
        memory: batches of 40 images do not fit 3.90 MB; 4 jobs go through them by micro-batches of 20, which gives the same gradient, but batch normalization sees the micro-batch
    ");
    let csv = fs::read_to_string(lab.path("results/tables/tiny/jobs.csv")).unwrap();
    for (job, protocol) in [
        (",pretrain,", "augmented training images; batch normalization over micro-batches of"),
        (",evaluate,", "at 24 px; pretraining: means over the batches"),
        (",fine-tune,", "weight decay 0; batch normalization over micro-batches of"),
    ] {
        let lines: Vec<&str> = csv.lines().filter(|line| line.contains(job)).collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.contains(protocol)), "{job} {csv}");
    }
    // What is there is used; what a larger machine adds is not taken for the same.
    lab.write(&SWEEP.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"));
    let (table, _) = lab.run(&[]);
    assert!(table.contains("seeds differ in protocol"), "{table}");
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--memory", "0.0001", "--store", "other"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("not even two images fit"), "{told}");
}

#[test]
fn data_sets_may_lie_in_several_folders() {
    let lab = Lab::new();
    let transfer =
        "evaluation: (transfer_data: (source: Cifar10, train_images: 10, test_images: 10), epochs: 3, batch_size: 10";
    lab.write(&SWEEP.replace("evaluation: (epochs: 3, batch_size: 20", transfer));
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--data-dir", "one", "--data-dir", "two"]);
    assert_eq!(code, 2);
    assert!(told.contains("one") && told.contains("two"), "{told}");
    fs::create_dir(lab.path("one")).unwrap();
    super::write_cifar10(&lab.path("two"), 10);
    lab.run(&["--data-dir", "one", "--data-dir", "two"]);
}

/// The messages of a job that is run by itself, and its numbers.
fn job_by_itself(lab: &Lab, job: &str, more: &[&str]) -> (Vec<serde_json::Value>, serde_json::Value) {
    let (code, shown, told) = lab.ablate(&[&["job", job, "--store", "results"], more].concat());
    assert_eq!(code, 0, "{told}");
    let record = fs::read(lab.path("results/jobs").join(job).join("record.json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    (shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), record["metrics"].clone())
}

#[test]
fn memory_is_told_by_the_process_that_did_the_work() {
    let lab = Lab::new();
    lab.run(&["--keep", "last"]);
    let jobs = lab.journal("Succeeded");
    assert_eq!(jobs.len(), 8);
    for job in jobs {
        // All epochs were done by another process.
        let (messages, numbers) = job_by_itself(&lab, &job, &["--keep-checkpoint"]);
        let memory = |of: &str, messages: &[serde_json::Value]| {
            let of = messages.iter().filter_map(|message| message.get(of));
            of.map(|message| message["memory"].is_u64()).collect::<Vec<bool>>()
        };
        assert!(memory("Epoch", &messages).contains(&false), "{messages:?}");
        assert!(!memory("Epoch", &messages).contains(&true) && memory("Alive", &messages) == [false], "{messages:?}");
        fs::remove_file(lab.path("results/jobs").join(&job).join("checkpoint.bin")).unwrap();
        let (messages, from_the_beginning) = job_by_itself(&lab, &job, &[]);
        assert!(!memory("Epoch", &messages).contains(&false) && memory("Alive", &messages) == [true], "{messages:?}");
        let [.., before, last] = &messages[..] else { panic!("{messages:?}") };
        assert!(before.get("Alive").is_some() && last.get("Done").is_some(), "{messages:?}");
        assert_eq!(numbers, from_the_beginning, "{job}");
    }
}

#[test]
fn signs_of_life_come_with_every_micro_batch() {
    let lab = Lab::new();
    lab.write(&SWEEP.replace("\"linear\": ()", "\"linear\": (), \"tuned\": (protocol: FineTune)"));
    lab.run(&[]);
    let alive = |job: &str, more: &[&str]| {
        let (messages, _) = job_by_itself(&lab, job, more);
        messages.iter().filter(|message| message.get("Alive").is_some()).count()
    };
    let jobs = lab.path("results/jobs");
    let of_kind = |kind: &str| {
        let kind = format!("\"kind\": \"{kind}\"");
        let record = |job: &String| fs::read_to_string(jobs.join(job).join("record.json")).unwrap();
        lab.journal("Succeeded").into_iter().find(|job| record(job).contains(&kind)).unwrap()
    };
    // By default so often that a short job says only how much memory it took.
    let pretraining = of_kind("pretrain");
    assert_eq!(alive(&pretraining, &[]), 1);
    let always = ["--alive-every", "0"];
    // Four steps of one batch, which both passes go through; and the last word.
    assert_eq!(alive(&pretraining, &always), 4 + 1);
    assert_eq!(alive(&pretraining, &[&always[..], &["--micro-batch", "5"]].concat()), 4 * (1 + 2 * 4) + 1);
    // Six steps, and the batches of features of two sets.
    let tuned = of_kind("fine-tune");
    let parts = |micro: &str| alive(&tuned, &[&always[..], &["--micro-batch", micro]].concat());
    assert_eq!(parts("4") - parts("20"), 6 * (5 - 1));
}
