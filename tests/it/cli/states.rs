//! What cells say while they are no number yet: stale, queued, running, without data; and runs of a part of a sweep.

use std::{fs, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    Lab, SWEEP,
    surroundings::{self, endless, processes, signal, wait_until},
};

#[test]
fn a_cell_whose_recipe_changed_says_what_has_changed() {
    let lab = Lab::new();
    lab.run(&[]);
    let was = lab.table();
    // Of the evaluation, of one trial's pretraining, and of something that changes nothing.
    lab.write(&SWEEP.replace("evaluation: (epochs: 3", "evaluation: (epochs: 4"));
    let (_, shown, _) = lab.ablate(&["table", "tiny.ron"]);
    assert!(
        shown.contains(
            "2 of 4 cells: stale, made before the sweep or the program was changed (Evaluate.task.Linear.epochs: 3 → 4)"
        ),
        "{shown}"
    );
    lab.write(&SWEEP.replace("temperature: 1.0", "temperature: 2.0"));
    let (_, shown, _) = lab.ablate(&["status", "tiny.ron"]);
    assert!(shown.contains("4 done, 4 stale"), "{shown}");
    let (_, shown, _) = lab.ablate(&["explain", "tiny.ron", "--why-stale"]);
    assert!(shown.contains("temperature = warm") && !shown.contains("cold"), "{shown}");
    assert!(shown.contains("NtXent.temperature: 1.0 → 2.0"), "{shown}");
    lab.write(&SWEEP.replace("Tiny", "Small"));
    assert!(lab.ablate(&["table", "tiny.ron"]).1.contains("Small"));
    assert!(lab.ablate(&["explain", "tiny.ron", "--why-stale"]).1.contains("nothing is stale"));
    // What is new is missing; and what was taken back is there as before.
    lab.write(&SWEEP.replace("\"warm\"", "\"hot\": (objective: NtXent(temperature: 10.0)),\n\"warm\""));
    assert!(lab.ablate(&["status", "tiny.ron"]).1.contains("8 done, 4 missing"));
    lab.write(SWEEP);
    lab.run(&[]);
    assert_eq!(lab.table(), was);
}

#[test]
fn what_is_left_is_timed_by_what_was_measured_for_any_sweep() {
    let lab = Lab::new();
    lab.run(&[]);
    assert!(!lab.ablate(&["status", "tiny.ron"]).1.contains("time left"), "nothing is left");
    lab.write(&SWEEP.replace("\"warm\"", "\"hot\": (objective: NtXent(temperature: 10.0)),\n\"warm\""));
    let (_, shown, _) = lab.ablate(&["status", "tiny.ron"]);
    assert!(shown.contains("time left: about") && shown.contains(" measured jobs"), "{shown}");
    // None of these jobs was measured, but their like.
    lab.write(&SWEEP.replace("seeds: [0, 1]", "seeds: [7, 8]"));
    let (_, shown, _) = lab.ablate(&["plan", "tiny.ron"]);
    assert!(shown.contains("8 missing\ntime left: about") && shown.contains(" measured jobs"), "{shown}");
    assert!(shown.lines().filter(|line| line.ends_with(" s")).count() >= 8, "{shown}");
}

#[test]
fn a_damaged_memory_of_what_was_asked_costs_only_that() {
    let lab = Lab::new();
    lab.run(&[]);
    fs::write(lab.path("results/sweeps/tiny.json"), "{}").unwrap();
    lab.write(&SWEEP.replace("temperature: 1.0", "temperature: 2.0"));
    let (code, shown, told) = lab.ablate(&["status", "tiny.ron"]);
    assert!(code == 0 && shown.contains("4 missing") && told.contains("tiny.json is damaged"), "{shown}{told}");
    lab.run(&[]);
    assert_eq!(lab.journal("Started").len(), 12);
}

#[test]
fn a_run_at_work_shows_what_waits_and_how_far_it_is() {
    let lab = surroundings::endless();
    let mut run = surroundings::start(&lab);
    surroundings::wait_until("an epoch is over", || lab.ablate(&["table", "tiny.ron"]).1.contains("running 0 %"));
    let (_, shown, _) = lab.ablate(&["status", "tiny.ron"]);
    assert!(shown.contains(" queued"), "{shown}");
    run.kill().unwrap();
    run.wait().unwrap();
    surroundings::wait_until("the run has ended", || lab.ablate(&["status", "tiny.ron"]).1.contains("8 missing"));
}

#[test]
fn jobs_without_data_are_left_out_on_demand_and_say_so() {
    let lab = Lab::new();
    let elsewhere =
        "\"linear\": (), \"CIFAR-10\": (transfer_data: (source: Cifar10, train_images: 100, test_images: 100))";
    let both = SWEEP
        .replace("\"linear\": ()", elsewhere)
        .replace("(metric: Loss)", "(metric: Top1, evaluation: \"CIFAR-10\")");
    lab.write(&both);
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--data-dir", "nowhere"]);
    assert!(code == 2 && told.contains("--skip-absent-data runs the 8 of 12 jobs"), "{told}");
    let arguments = ["run", "tiny.ron", "--data-dir", "nowhere", "--skip-absent-data"];
    let (code, shown, told) = lab.ablate(&arguments);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("without data: 4 jobs left out") && shown.contains("no data"), "{shown}{told}");
    assert!(shown.contains("2 of 4 cells: no data (") && told.contains("\nCIFAR-10: "), "{shown}{told}");
    assert_eq!(lab.journal("Succeeded").len(), 8);
    // Pretraining without data takes its evaluations with it.
    lab.write(&SWEEP.replace("\"warm\": (", "\"warm\": (data: (source: Cifar10), "));
    let (code, shown, told) = lab.ablate(&arguments);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("without data: 4 jobs"), "{told}");
    assert!(shown.lines().any(|line| line.contains("warm") && line.matches("no data").count() == 2), "{shown}");
}

#[test]
fn pictures_that_are_not_there_are_left_out_by_name() {
    let lab = Lab::new();
    let folder = |classes: usize| {
        format!(
            "(transfer_data: (source: Folder(classes: {classes}, size: 16, images: (20, 20)), train_images: {classes}, \
             test_images: {classes}), batch_size: 2)"
        )
    };
    let evaluations = format!("\"linear\": (), \"Cars\": {}, \"Birds\": {}", folder(4), folder(5));
    lab.write(
        &SWEEP
            .replace("\"linear\": ()", &evaluations)
            .replace("(metric: Loss)", "(metric: Top1, evaluation: \"Cars\")"),
    );
    let arguments = ["run", "tiny.ron", "--data-dir", ".", "--skip-absent-data"];
    let (code, _, told) = lab.ablate(&arguments);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("\nBirds; Cars: . has no folder `train`"), "{told}");
    // Pictures of another data set are none of these.
    for class in ["a", "b"] {
        fs::create_dir_all(lab.path(&format!("train/{class}"))).unwrap();
    }
    let (code, _, told) = lab.ablate(&arguments);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("\nCars: ./train has 2 class folders, but the recipe says 4"), "{told}");
}

#[test]
fn a_part_of_a_sweep_can_be_run() {
    let lab = Lab::new();
    let (shown, told) = lab.run(&["--only", "temperature=warm"]);
    assert!(told.contains("4 of 4 chosen jobs to run, 0 done already; 4 are not chosen"), "{told}");
    assert!(shown.lines().any(|line| line.contains("cold") && line.contains("–")), "{shown}");
    let (_, told) = lab.run(&["--only", "temperature=warm"]);
    assert!(told.contains("nothing to do: all 4 chosen jobs are in results; 4 are not chosen"), "{told}");
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--only", "temperature=hot"]);
    assert!(code == 2 && told.contains("its values are: cold, warm"), "{told}");
    lab.run(&["--only", "temperature=warm", "--only", "temperature=cold"]);
    assert_eq!(lab.journal("Succeeded").len(), 8);
}

#[test]
fn a_part_of_several_sweeps_can_be_run() {
    let lab = Lab::new();
    // The other has another axis, and a value that the first lacks.
    let other = SWEEP
        .replace("seeds: [0, 1]", "seeds: [2]")
        .replace("axes: [", "axes: [(name: \"size\", values: {\"20\": (), \"10\": (schedule: (batch_size: 10))}),");
    std::fs::write(lab.path("other.ron"), other.replace("rows: [", "rows: [\"size\", ").replace("cold", "cool"))
        .unwrap();
    let plan = |only: &[&str]| {
        let only = only.iter().flat_map(|only| ["--only", only]);
        let arguments: Vec<&str> = ["run", "tiny.ron", "other.ron", "--quiet"].into_iter().chain(only).collect();
        let (code, _, told) = lab.ablate(&arguments);
        let done = lab.path("results/jobs").read_dir().map_or(0, Iterator::count);
        let _ = fs::remove_dir_all(lab.path("results"));
        (code, done, told)
    };
    assert_eq!(plan(&["size=10", "temperature=cool"]), (0, 2, String::new()));
    assert_eq!(plan(&["temperature=cold"]), (0, 4, String::new()));
    let (code, _, told) = plan(&["size=10", "temperature=cold"]);
    assert!(code == 2 && told.contains("--only leaves no trial"), "{told}");
    let (code, _, told) = plan(&["width=2"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(told, @"
    error: tiny: there is no axis `width`; its axes are: temperature
    other: there is no axis `width`; its axes are: size, temperature
    ");
    insta::assert_snapshot!(plan(&["temperature=hot"]).2, @"
    error: tiny: `temperature` has no value `hot`; its values are: cold, warm
    other: `temperature` has no value `hot`; its values are: cool, warm
    ");
    insta::assert_snapshot!(plan(&["warm"]).2, @"
    error: tiny: `warm` is not AXIS=LABEL; its axes are: temperature
    other: `warm` is not AXIS=LABEL; its axes are: size, temperature
    ");
}

#[test]
fn a_run_without_any_data_is_refused() {
    let lab = Lab::new();
    lab.write(&SWEEP.replace("source: Shapes", "source: Cifar10"));
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--data-dir", "nowhere", "--skip-absent-data"]);
    assert!(code == 2 && told.contains("nowhere") && !told.contains("left out"), "{told}");
}

#[test]
fn what_was_skipped_for_a_failure_that_is_repaired_is_missing() {
    let lab = Lab::new();
    lab.run(&[]);
    let path = lab.path("results/journal.jsonl");
    let journal = fs::read_to_string(&path).unwrap();
    let parent = lab.journal("Succeeded")[0].clone();
    let folder = fs::read_dir(lab.path("results/jobs")).unwrap().map(|entry| entry.unwrap().path());
    let child = folder
        .filter(|folder| fs::read_to_string(folder.join("job.json")).unwrap().contains(&format!("    \"{parent}\"")))
        .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
        .next()
        .unwrap();
    let line = |job: &str, event: &str| {
        let text = format!("{{\"time_unix_ms\":1,\"job\":\"{job}\",\"event\":{event}}}");
        format!("{} {text}\n", &blake3::hash(text.as_bytes()).to_hex()[..16])
    };
    let failed = line(&parent, r#"{"Failed":{"class":"crash","message":"gone"}}"#);
    let skipped = line(&child, &format!(r#"{{"Skipped":{{"because":"{parent}"}}}}"#));
    let others: String = journal
        .lines()
        .filter(|line| !line.contains(&parent) && !line.contains(&child))
        .map(|l| format!("{l}\n"))
        .collect();
    let repaired: String = journal
        .lines()
        .filter(|line| line.contains(&format!("\"job\":\"{parent}\"")) && line.contains("Succeeded"))
        .map(|l| format!("{l}\n"))
        .collect();
    fs::write(&path, format!("{others}{failed}{skipped}")).unwrap();
    let (_, shown, told) = lab.ablate(&["status", "tiny.ron"]);
    assert!(shown.contains("6 done, 1 failed, 1 skipped"), "{shown}{told}");
    fs::write(&path, format!("{others}{failed}{skipped}{repaired}")).unwrap();
    let (_, shown, _) = lab.ablate(&["status", "tiny.ron"]);
    assert!(shown.contains("7 done, 1 missing"), "{shown}");
}

#[test]
fn what_happens_is_told_as_lines_of_json() {
    let lab = Lab::new();
    let events = |more: &[&str]| {
        let (code, shown, told) = lab.ablate(&[&["run", "tiny.ron", "--json"], more].concat());
        let lines: Vec<serde_json::Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (code, lines, told)
    };
    let of = |lines: &[serde_json::Value], event: &str| {
        lines.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>()
    };
    let (code, lines, told) = events(&["--quiet"]);
    assert_eq!((code, told.as_str()), (0, ""));
    assert_eq!(
        (&lines[0]["event"], &lines[0]["jobs"], &lines[0]["done_before"]),
        (&"run".into(), &8.into(), &0.into())
    );
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["event"], &last["done"], &last["tables"]),
        (&"finished".into(), &8.into(), &"results/tables/tiny".into())
    );
    assert_eq!((of(&lines, "started").len(), of(&lines, "done").len()), (8, 8));
    let (started, done) = (of(&lines, "started"), of(&lines, "done"));
    assert!(started.iter().any(|line| line["kind"] == "pretrain" && line["label"] == "cold, seed 0"), "{started:?}");
    assert!(done.iter().filter(|line| line["metrics"]["Top1"].is_f64()).count() == 4, "{done:?}");
    assert!(of(&lines, "epoch").iter().all(|line| line["loss"].is_f64() && line["epochs"].is_u64()));
    assert!(lab.path("results/tables/tiny/tiny.csv").exists());
    // Failures and what they take with them.
    lab.write(&SWEEP.replace("learning_rate: Fixed(0.1)", "learning_rate: Fixed(1e30)"));
    let (code, lines, _) = events(&[]);
    assert_eq!(code, 1);
    let (failed, skipped) = (of(&lines, "failed"), of(&lines, "skipped"));
    assert_eq!((failed.len(), skipped.len(), failed[0]["class"].as_str()), (4, 4, Some("non-finite")));
    assert!(skipped.iter().all(|line| failed.iter().any(|failed| failed["job"] == line["because"])), "{skipped:?}");
    assert_eq!(lines.last().unwrap()["failed"], 4);
}

#[test]
fn a_job_that_waits_for_its_next_attempt_is_queued() {
    let lab = endless();
    let arguments = ["run", "tiny.ron", "--jobs", "1", "--backoff", "600", "--only", "temperature=warm"];
    let mut run = lab.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let this = format!("/proc/{}", run.id());
    let journal = || fs::read_to_string(lab.path("results/journal.jsonl")).unwrap_or_default();
    wait_until("a job has started", || journal().contains("Started") && processes(&lab).len() > 1);
    let job = lab.journal("Started")[0].clone();
    let mut follower = lab.command(&["logs", &job, "-f"]).stdout(Stdio::null()).spawn().unwrap();
    wait_until("a job was killed", || {
        // Fails if the job has just ended. Whoever only looks is spared.
        let spared = [this.clone(), format!("/proc/{}", follower.id())];
        for process in processes(&lab).iter().filter(|process| !spared.contains(process)) {
            let _ = kill_process(Pid::from_raw(process["/proc/".len()..].parse().unwrap()).unwrap(), Signal::KILL);
        }
        journal().matches("\"again\":true").count() == 2
    });
    let (_, shown, _) = lab.ablate(&["status", "tiny.ron"]);
    assert!(shown.contains("4 queued") && !shown.contains("failed"), "{shown}");
    assert!(!lab.ablate(&["table", "tiny.ron"]).1.contains("FAILED"));
    assert!(follower.try_wait().unwrap().is_none(), "the job may have more to say");
    // Stopped while they wait, they are as if they had never been started.
    signal(&run, Signal::INT);
    run.wait().unwrap();
    assert!(follower.wait().unwrap().success());
    assert_eq!(lab.journal("Interrupted").len(), 2);
    let (_, shown, _) = lab.ablate(&["status", "tiny.ron"]);
    assert!(shown.contains("8 missing"), "{shown}");
}
