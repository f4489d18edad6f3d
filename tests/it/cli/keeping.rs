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
fn only_what_no_sweep_asks_for_is_removed_and_only_on_demand() {
    let lab = Lab::new();
    lab.run(&[]);
    std::fs::write(lab.path("other.ron"), SWEEP.replace("\"cold\"", "\"cool\"")).unwrap();
    assert_eq!(lab.ablate(&["run", "other.ron"]).0, 0);
    let jobs = || lab.path("results/jobs").read_dir().unwrap().count();
    // A value that is gone keeps its results until they are collected, also if another sweep asks for some.
    lab.write(&SWEEP.replace("\"cold\": (objective: NtXent(temperature: 0.1)),", ""));
    lab.run(&[]);
    assert!(lab.ablate(&["gc"]).1.contains("would remove 0 jobs"));
    std::fs::write(lab.path("other.ron"), SWEEP.replace("\"cold\": (objective: NtXent(temperature: 0.1)),", ""))
        .unwrap();
    assert_eq!(lab.ablate(&["run", "other.ron"]).0, 0);
    let (code, shown, _) = lab.ablate(&["gc"]);
    assert!(code == 0 && shown.contains("would remove 4 jobs") && shown.contains("other, tiny"), "{shown}");
    assert_eq!(jobs(), 8);
    let table = lab.table();
    let (code, shown, _) = lab.ablate(&["gc", "--delete", "--encoders"]);
    assert!(code == 0 && shown.contains("removed 4 jobs") && shown.contains("and 2 encoders"), "{shown}");
    assert_eq!(jobs(), 4);
    lab.run(&[]);
    assert_eq!((lab.table(), lab.journal("Started").len()), (table.clone(), 4));
    // A new evaluation makes the encoders again, a removed value runs again.
    lab.write(&SWEEP.replace("\"linear\": ()", "\"linear\": (), \"more\": (epochs: 4)"));
    let (_, told) = lab.run(&[]);
    assert!(told.contains("encoder.safetensors is missing") && told.contains("runs again"), "{told}");
    // Everything that only one sweep asked for goes with it.
    let (code, shown, _) = lab.ablate(&["gc", "--forget", "tiny", "--delete"]);
    assert!(code == 0 && shown.contains("removed 8 jobs"), "{shown}");
    let (code, _, told) = lab.ablate(&["gc", "--forget", "tiny"]);
    assert!(code == 2 && told.contains("those that did: other"), "{told}");
}

#[test]
fn a_store_that_does_not_know_its_sweeps_loses_nothing() {
    let lab = Lab::new();
    lab.run(&[]);
    std::fs::remove_dir_all(lab.path("results/sweeps")).unwrap();
    let (code, _, told) = lab.ablate(&["gc", "--delete"]);
    assert!(code == 2 && told.contains("does not know which sweeps ran in it"), "{told}");
    lab.run(&[]);
    std::fs::write(lab.path("results/sweeps/tiny.json"), "{}").unwrap();
    let (code, _, told) = lab.ablate(&["gc", "--delete"]);
    assert!(code == 1 && told.contains("tiny.json is damaged"), "{told}");
    assert_eq!(lab.path("results/jobs").read_dir().unwrap().count(), 8);
}

#[test]
fn another_file_under_the_same_name_is_said() {
    let lab = Lab::new();
    lab.run(&[]);
    std::fs::create_dir(lab.path("elsewhere")).unwrap();
    std::fs::write(lab.path("elsewhere/tiny.ron"), SWEEP).unwrap();
    let (code, _, told) = lab.ablate(&["run", "elsewhere/tiny.ron"]);
    assert!(code == 0 && told.contains("its tables are replaced"), "{told}");
    assert!(!lab.ablate(&["run", "elsewhere/tiny.ron"]).2.contains("replaced"));
}
