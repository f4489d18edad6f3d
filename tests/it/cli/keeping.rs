//! What is kept, compared and removed: `diff` and `gc`.

use super::{Lab, SWEEP};

#[test]
fn a_trial_that_runs_anew_is_equal_to_what_it_was() {
    let lab = Lab::new();
    lab.run(&[]);
    let (_, shown, _) = lab.ablate(&["explain", "tiny.ron", "temperature=warm"]);
    let command = shown.lines().find_map(|line| line.strip_prefix("run all of it anew:")).unwrap().trim();
    assert_eq!(command, "ablate run tiny.ron --only temperature=warm --store again");
    lab.run(&["--only", "temperature=warm", "--store", "again"]);
    let (code, shown, _) = lab.ablate(&["diff", "results", "again"]);
    assert_eq!(code, 0, "{shown}");
    insta::assert_snapshot!(shown, @"
    done in both, with equal numbers: 4 jobs
    done in both, with other numbers: 0 jobs
    done in results only: 4 jobs
    done in again only: 0 jobs
    ");
    let (code, shown, _) = lab.ablate(&["diff", "results", "again", "--sweep", "tiny.ron"]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("Tiny: 2 of 4 cells equal") && shown.contains("cold | top-1 (%): "), "{shown}");
}

#[test]
fn jobs_and_tables_are_compared() {
    let lab = Lab::new();
    lab.run(&[]);
    let other = SWEEP.replace("temperature: 1.0", "temperature: 2.0").replace("\"cold\"", "\"cool\"");
    std::fs::write(lab.path("other.ron"), &other).unwrap();
    assert_eq!(lab.ablate(&["run", "other.ron"]).0, 0);
    let (code, shown, _) = lab.ablate(&["diff", "tiny.ron", "other.ron"]);
    assert_eq!(code, 1);
    assert!(shown.starts_with("Tiny: ") && shown.contains("only in the first:\n  cold | loss (nats)"), "{shown}");
    assert!(shown.contains("warm | loss (nats): "), "{shown}");

    let asked = |sweep: &str| std::fs::read_to_string(lab.path(&format!("results/sweeps/{sweep}.json"))).unwrap();
    let warm = |sweep: &str| {
        let asked: serde_json::Value = serde_json::from_str(&asked(sweep)).unwrap();
        let name = "[[[\"temperature\",\"warm\"]],0,\"linear\"]";
        asked["cells"][name]["job"].as_str().unwrap().to_owned()
    };
    let (a, b) = (warm("tiny"), warm("other"));
    let (code, shown, _) = lab.ablate(&["diff", &a[..12], &format!("results/jobs/{b}")]);
    assert_eq!(code, 1);
    assert!(shown.starts_with(&format!("evaluate {} → evaluate {}\nsettings:\n", &a[..8], &b[..8])), "{shown}");
    assert!(shown.contains("NtXent.temperature: 1.0 → 2.0"), "{shown}");
    let (code, shown, _) = lab.ablate(&["diff", &a, &a]);
    assert!(code == 0 && shown.contains("settings: equal\nnumbers: equal\n"), "{shown}");
    let (code, _, told) = lab.ablate(&["diff", "results", &a]);
    assert!(code == 2 && told.contains("different kinds"), "{told}");
}

#[test]
fn what_has_no_counterpart_is_a_difference() {
    let lab = Lab::new();
    lab.run(&[]);
    // A value and a table that the other has not; everything that both have is equal.
    let more = SWEEP.replace("\"warm\"", "\"hot\": (objective: NtXent(temperature: 10.0)),\n\"warm\"");
    std::fs::write(lab.path("more.ron"), &more).unwrap();
    let (code, shown, _) = lab.ablate(&["diff", "tiny.ron", "more.ron"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(shown, @"
    Tiny: 4 of 4 cells equal
    only in the second:
      hot | loss (nats)
      hot | top-1 (%)
    ");
    let tables = "tables: [(name: \"other\", title: \"Other\", rows: [\"temperature\"], columns: [],
        metrics: [(metric: Loss)]), (";
    std::fs::write(lab.path("tables.ron"), SWEEP.replace("tables: [(", tables)).unwrap();
    let (code, shown, _) = lab.ablate(&["diff", "tables.ron", "tiny.ron"]);
    assert!(code == 1 && shown.contains("Tiny: 4 of 4 cells equal\n\nOther: only in the first"), "{shown}");
    assert!(lab.ablate(&["diff", "tiny.ron", "tables.ron"]).1.contains("Other: only in the second"));
    // Stores that share nothing, jobs that are not done.
    std::fs::write(lab.path("apart.ron"), SWEEP.replace("seeds: [0, 1]", "seeds: [2]")).unwrap();
    assert_eq!(lab.ablate(&["run", "apart.ron", "--store", "apart"]).0, 0);
    let (code, shown, _) = lab.ablate(&["diff", "results", "apart"]);
    assert!(code == 1 && shown.ends_with("nothing could be compared\n"), "{shown}");
    let job = lab.journal("Succeeded")[0].clone();
    std::fs::create_dir_all(lab.path("bare/jobs")).unwrap();
    for file in ["FORMAT", &format!("jobs/{job}/job.json")] {
        std::fs::create_dir_all(lab.path("bare").join(file).parent().unwrap()).unwrap();
        std::fs::copy(lab.path("results").join(file), lab.path("bare").join(file)).unwrap();
    }
    let queued = std::fs::read_to_string(lab.path("results/journal.jsonl")).unwrap();
    let queued: String = queued
        .lines()
        .filter(|line| line.contains("Queued") && line.contains(&job))
        .map(|l| format!("{l}\n"))
        .collect();
    std::fs::write(lab.path("bare/journal.jsonl"), queued).unwrap();
    let (code, shown, told) = lab.ablate(&["diff", &format!("results/jobs/{job}"), &format!("bare/jobs/{job}")]);
    assert!(code == 1 && shown.contains("settings: equal\nnumbers: not both are done"), "{shown}{told}");
}

#[test]
fn options_that_a_comparison_has_no_use_for_are_refused() {
    let lab = Lab::new();
    lab.run(&[]);
    let job = lab.journal("Succeeded")[0].clone();
    for arguments in [
        ["diff", "tiny.ron", "tiny.ron", "--sweep", "tiny.ron"],
        ["diff", &job, &job, "--sweep", "tiny.ron"],
        ["diff", &job, &job, "--profile", "p"],
        ["diff", "results", "results", "--profile", "p"],
    ] {
        let (code, _, told) = lab.ablate(&arguments);
        assert!(code == 2 && told.contains("has no part in this comparison: leave it out"), "{arguments:?} {told}");
    }
}

/// The sweep with one value less.
fn without_cold() -> String {
    SWEEP.replace("\"cold\": (objective: NtXent(temperature: 0.1)),", "")
}

#[test]
fn only_what_no_sweep_asks_for_is_removed_and_only_on_demand() {
    let lab = Lab::new();
    lab.run(&[]);
    std::fs::write(lab.path("other.ron"), SWEEP.replace("\"cold\"", "\"cool\"")).unwrap();
    assert_eq!(lab.ablate(&["run", "other.ron"]).0, 0);
    let jobs = || lab.path("results/jobs").read_dir().unwrap().count();
    // A value that is gone keeps its results until they are collected, also if another sweep asks for some.
    lab.write(&without_cold());
    lab.run(&[]);
    assert_eq!(lab.ablate(&["gc"]).1, "nothing to remove\nkept: what other, tiny asked for when last run\n");
    std::fs::write(lab.path("other.ron"), without_cold()).unwrap();
    assert_eq!(lab.ablate(&["run", "other.ron"]).0, 0);
    let (code, shown, _) = lab.ablate(&["gc"]);
    assert!(code == 0 && shown.contains("would remove 4 jobs") && shown.contains("other, tiny"), "{shown}");
    let lines = |kind: &str| shown.lines().filter(|line| line.starts_with(kind) && line.ends_with(", done")).count();
    assert_eq!((lines("  pretrain "), lines("  evaluate "), jobs()), (2, 2, 8));
    let table = lab.table();
    let (code, shown, _) = lab.ablate(&["gc", "--delete", "--encoders"]);
    assert!(code == 0 && shown.contains("removed 4 jobs") && shown.contains("and 2 encoders"), "{shown}");
    assert_eq!(shown.matches("  encoder of pretrain ").count(), 2);
    assert_eq!(jobs(), 4);
    lab.run(&[]);
    assert_eq!((lab.table(), lab.journal("Started").len()), (table.clone(), 4));
    // A new evaluation makes the encoders again, a removed value runs again.
    lab.write(&SWEEP.replace("\"linear\": ()", "\"linear\": (), \"more\": (epochs: 4)"));
    let (_, told) = lab.run(&[]);
    assert!(told.contains("2 finished pretrainings without encoder") && told.contains("trained again"), "{told}");
    // Everything that only one sweep asked for goes with it.
    let (code, shown, _) = lab.ablate(&["gc", "--forget", "tiny", "--delete"]);
    assert!(code == 0 && shown.contains("removed 8 jobs"), "{shown}");
    let (code, _, told) = lab.ablate(&["gc", "--forget", "tiny"]);
    assert!(code == 2 && told.contains("those that did: other"), "{told}");
}

#[test]
fn encoders_that_only_unchosen_trials_need_are_not_made_again() {
    let lab = Lab::new();
    lab.run(&[]);
    assert_eq!(lab.ablate(&["gc", "--delete", "--encoders"]).0, 0);
    lab.write(&SWEEP.replace("\"linear\": ()", "\"linear\": (), \"more\": (epochs: 4)"));
    let (_, told) = lab.run(&["--only", "temperature=warm"]);
    assert!(told.contains("2 finished pretrainings without encoder"), "{told}");
    assert!(told.contains("4 of 6 chosen jobs to run, 2 done already; 6 are not chosen"), "{told}");
    // Without its journal, a store still knows what was done.
    std::fs::remove_file(lab.path("results/journal.jsonl")).unwrap();
    let (_, told) = lab.run(&["--only", "temperature=cold"]);
    assert!(told.contains("taken over from an interrupted run: 10 finished jobs"), "{told}");
}

#[test]
fn a_store_that_does_not_know_its_sweeps_loses_nothing() {
    let lab = Lab::new();
    lab.run(&[]);
    std::fs::remove_dir_all(lab.path("results/sweeps")).unwrap();
    let (code, shown, _) = lab.ablate(&["gc", "--delete"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(shown, @"
    nothing to remove
    kept: 8 jobs of which no sweep is known that asked for them; --unknown removes them, too
    ");
    let (code, _, told) = lab.ablate(&["gc", "--delete", "--unknown"]);
    assert!(code == 2 && told.contains("does not know which sweeps ran in it"), "{told}");
    // What one sweep asks for leaves the others as they are, unless it is said that they may go.
    lab.write(&without_cold());
    lab.run(&[]);
    assert!(lab.ablate(&["gc", "--delete"]).1.contains("kept: 4 jobs of which no sweep is known"));
    assert_eq!(lab.path("results/jobs").read_dir().unwrap().count(), 8);
    std::fs::write(lab.path("results/sweeps/tiny.json"), "{}").unwrap();
    let (code, _, told) = lab.ablate(&["gc", "--delete", "--unknown"]);
    assert!(code == 1 && told.contains("tiny.json is damaged"), "{told}");
    lab.run(&[]);
    assert!(lab.ablate(&["gc", "--delete", "--unknown"]).1.starts_with("removed 4 jobs"));
    assert_eq!(lab.path("results/jobs").read_dir().unwrap().count(), 4);
}

#[test]
fn a_refused_run_changes_nothing_that_sweeps_asked_for() {
    let lab = Lab::new();
    lab.run(&[]);
    let asked = || std::fs::read(lab.path("results/sweeps/tiny.json")).unwrap();
    let before = asked();
    lab.write(&without_cold().replace("\"warm\": (", "\"warm\": (data: (source: Cifar10), "));
    for more in [&["--only", "temperature=cold"][..], &["--data-dir", "nowhere"], &["--memory", "0.0001"]] {
        let (code, _, told) = lab.ablate(&[&["run", "tiny.ron"], more].concat());
        assert_eq!(code, 2, "{told}");
        assert!(asked() == before, "{more:?}");
    }
    assert!(lab.ablate(&["gc"]).1.starts_with("nothing to remove"));
}

#[test]
fn another_file_under_the_same_name_is_said() {
    let lab = Lab::new();
    lab.run(&[]);
    std::fs::create_dir(lab.path("elsewhere")).unwrap();
    std::fs::write(lab.path("elsewhere/tiny.ron"), SWEEP).unwrap();
    let run = || lab.ablate(&["run", "elsewhere/tiny.ron"]);
    let (code, _, told) = run();
    assert!(code == 0 && !told.contains("replaced"), "it asks for the same: {told}");
    // Another sweep has not become stale, it is another.
    lab.run(&[]);
    std::fs::write(lab.path("elsewhere/tiny.ron"), SWEEP.replace("temperature: 1.0", "temperature: 2.0")).unwrap();
    let status = || lab.ablate(&["status", "elsewhere/tiny.ron"]).1;
    assert!(status().contains("4 missing") && !status().contains("stale"), "{}", status());
    let (code, _, told) = run();
    assert_eq!(code, 0);
    let said = "tiny was ../tiny.ron when it last ran in results: its tables are replaced, and 4 jobs that it asked for \
                may be left to `ablate gc`";
    assert!(told.contains(said), "{told}");
    assert!(!run().2.contains("replaced"));
    assert!(lab.ablate(&["gc"]).1.starts_with("would remove 4 jobs"));
}

#[test]
fn sweeps_and_store_may_move_together() {
    let lab = Lab::new();
    std::fs::create_dir(lab.path("here")).unwrap();
    std::fs::write(lab.path("here/tiny.ron"), SWEEP).unwrap();
    assert_eq!(lab.ablate(&["run", "here/tiny.ron", "--store", "here/results"]).0, 0);
    std::fs::rename(lab.path("here"), lab.path("there")).unwrap();
    std::fs::write(lab.path("there/tiny.ron"), SWEEP.replace("temperature: 1.0", "temperature: 2.0")).unwrap();
    let (_, shown, _) = lab.ablate(&["status", "there/tiny.ron", "--store", "there/results"]);
    assert!(shown.contains("4 done, 4 stale"), "{shown}");
}

#[test]
fn sweeps_are_forgotten_once_and_only_on_demand() {
    let lab = Lab::new();
    lab.run(&[]);
    std::fs::write(lab.path("other.ron"), SWEEP).unwrap();
    assert_eq!(lab.ablate(&["run", "other.ron"]).0, 0);
    let gc = |more: &[&str]| lab.ablate(&[&["gc", "--forget", "other", "--forget", "other"], more].concat());
    assert!(gc(&[]).1.ends_with("--delete forgets the sweeps\n"));
    let (code, shown, told) = gc(&["--delete"]);
    assert!(code == 0 && shown == "nothing to remove\nkept: what tiny asked for when last run\n", "{shown}{told}");
    let (code, shown, _) = lab.ablate(&["gc", "--forget", "tiny", "--unknown", "--delete"]);
    assert!(code == 0 && shown.starts_with("removed 8 jobs"), "{shown}");
}

#[test]
fn a_run_that_keeps_no_encoder_leaves_those_of_other_sweeps() {
    let lab = Lab::new();
    lab.run(&[]);
    std::fs::write(lab.path("other.ron"), SWEEP.replace("temperature: 0.1", "temperature: 0.2")).unwrap();
    assert_eq!(lab.ablate(&["run", "other.ron", "--keep", "last"]).0, 0);
    let left = |file: &str| {
        let jobs = lab.path("results/jobs").read_dir().unwrap();
        jobs.filter(|job| job.as_ref().unwrap().path().join(file).exists()).count()
    };
    assert_eq!(left("encoder.safetensors"), 6);
    let (_, shown, _) = lab.ablate(&["gc", "--encoders"]);
    assert!(shown.starts_with("would remove 6 encoders and 2 checkpoints that no job needs any more"), "{shown}");
    let (code, _, told) = lab.ablate(&["run", "other.ron", "--keep", "none"]);
    assert!(code == 0 && told.contains("nothing to do"), "{told}");
    assert!(told.contains("removed 4 encoders and 2 checkpoints that no job needs any more"), "{told}");
    // What stays are those of the value that only the first has; checkpoints that an earlier run kept are no use without encoders.
    assert_eq!((left("encoder.safetensors"), left("checkpoint.bin")), (2, 0), "{told}");
}

#[test]
fn what_can_go_is_said_while_a_run_is_at_work() {
    let lab = Lab::new();
    lab.run(&[]);
    lab.write(&without_cold());
    lab.run(&[]);
    let lock = lab.hold_lock(std::process::id());
    let (code, shown, told) = lab.ablate(&["gc"]);
    assert!(code == 0 && shown.starts_with("would remove 4 jobs"), "{shown}{told}");
    assert!(shown.contains("a run is at work: --delete has to wait for its end\n"), "{shown}");
    let (code, _, told) = lab.ablate(&["gc", "--delete"]);
    assert!(code == 1 && told.contains("is in use by process"), "{told}");
    drop(lock);
    assert!(lab.ablate(&["gc", "--delete"]).1.starts_with("removed 4 jobs"));
}
