//! What cells say while they are no number yet: stale, queued, running, without data; and runs of a part of a sweep.

use std::fs;

use super::{Lab, SWEEP, surroundings};

#[test]
fn a_cell_whose_recipe_changed_says_what_has_changed() {
    let lab = Lab::new();
    lab.run(&[]);
    let was = lab.table();
    // Of the evaluation, of one trial's pretraining, and of something that changes nothing.
    lab.write(&SWEEP.replace("evaluation: (epochs: 3", "evaluation: (epochs: 4"));
    let (_, shown, _) = lab.ablate(&["table", "tiny.ron"]);
    assert!(
        shown.contains("2 of 4 cells: stale, made before the sweep was changed (Evaluate.task.Linear.epochs: 3 → 4)"),
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
    assert!(told.contains("without data: 4 jobs are left out") && shown.contains("no data"), "{shown}{told}");
    assert!(shown.contains("2 of 4 cells: no data ("), "{shown}");
    assert_eq!(lab.journal("Succeeded").len(), 8);
    // Pretraining without data takes its evaluations with it.
    lab.write(&SWEEP.replace("\"warm\": (", "\"warm\": (data: (source: Cifar10), "));
    let (code, shown, told) = lab.ablate(&arguments);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("without data: 4 jobs"), "{told}");
    assert!(shown.lines().any(|line| line.contains("warm") && line.matches("no data").count() == 2), "{shown}");
}

#[test]
fn a_part_of_a_sweep_can_be_run() {
    let lab = Lab::new();
    let (shown, told) = lab.run(&["--only", "temperature=warm"]);
    assert!(told.contains("4 of 8 jobs to run"), "{told}");
    assert!(shown.lines().any(|line| line.contains("cold") && line.contains("–")), "{shown}");
    let (_, told) = lab.run(&["--only", "temperature=warm"]);
    assert!(told.contains("nothing to do; 4 of 8 jobs are in results"), "{told}");
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--only", "temperature=hot"]);
    assert!(code == 2 && told.contains("its values are: cold, warm"), "{told}");
    lab.run(&["--only", "temperature=warm", "--only", "temperature=cold"]);
    assert_eq!(lab.journal("Succeeded").len(), 8);
}
