//! Profiles, included files, conditions and generated values.

use ablate::sweep::{Source, Sweep};

use super::{VALID, explain, valid};

/// [`VALID`] with more parts at its end.
fn with(parts: &str) -> String {
    let end = VALID.trim_end().strip_suffix(')').unwrap();
    format!("{end}{parts}\n)")
}

fn read(text: &str, profile: Option<&str>) -> Result<Sweep, String> {
    let include = |name: &str| match name {
        "shared.ron" => Ok(("sweeps/shared.ron".to_owned(), SHARED.to_owned())),
        "wrong.ron" => Ok(("sweeps/wrong.ron".to_owned(), SHARED.replace("width: 1.0", "width: wide"))),
        _ => Err("cannot read it: No such file or directory (os error 2)".to_owned()),
    };
    Source { name: "file.ron", text, profile, include: &include }.parse().map_err(|wrong| wrong.to_string())
}

/// The labels of all trials.
fn trials(sweep: &Sweep) -> Vec<String> {
    let label = |(axis, value): (usize, &usize)| sweep.axes[axis].values[*value].label.as_str();
    sweep.points().map(|point| point.iter().enumerate().map(label).collect::<Vec<_>>().join("/")).collect()
}

const SHARED: &str = r#"(
    base: (
        data: (source: Shapes, train_images: 1000, test_images: 500),
        augmentation: (both: [HorizontalFlip(probability: 0.5)]),
        encoder: (architecture: ResNet8, width: 1.0, stem: Cifar, zero_init_residual: true),
        head: (kind: Nonlinear, dimension: 64, batch_norm: true),
        objective: NtXent(temperature: 0.5),
        optimizer: (algorithm: Sgd(nesterov: false), learning_rate: Fixed(0.1), momentum: 0.9, weight_decay: 0.0),
        schedule: (epochs: 20, batch_size: 250, warmup_epochs: 2, decay: Cosine),
        evaluation: (epochs: 90, batch_size: 100, learning_rate: 0.1, momentum: 0.9, weight_decay: 0.0),
    ),
    profiles: {"small": (base: (data: (train_images: 100), schedule: (batch_size: 50), evaluation: (batch_size: 50)), seeds: [7])},
)"#;

const PROFILES: &str = r#"
    profiles: {
        "paper": (),
        "smoke": (
            base: (schedule: (epochs: 3), evaluation: (epochs: 2)),
            axes: {"width": {"2": (encoder: (width: 0.5))}},
            evaluations: {"short": (epochs: 1)},
            seeds: [5],
            only: [{"training": ["long", "none"]}],
        ),
    },"#;

#[test]
fn a_profile_is_the_same_sweep_at_another_scale() {
    let text = with(PROFILES);
    let plain = read(&text, None).unwrap();
    assert_eq!(read(&text, Some("paper")).unwrap().trials().collect::<Vec<_>>(), plain.trials().collect::<Vec<_>>());
    assert_eq!(
        (plain.profile.as_deref(), plain.profiles.clone()),
        (None, vec!["paper".to_owned(), "smoke".to_owned()])
    );
    let smoke = read(&text, Some("smoke")).unwrap();
    assert_eq!(smoke.profile.as_deref(), Some("smoke"));
    assert_eq!(trials(&smoke), ["1/long", "1/none", "2/long", "2/none"]);
    assert_eq!(smoke.seeds, [5]);
    let widest = smoke.trials().nth(2).unwrap().recipe;
    assert_eq!((widest.encoder.width, widest.schedule.epochs, widest.evaluation.epochs), (0.5, 3, 2));
    let epochs = smoke.evaluations.iter().map(|evaluation| {
        let mut changed = widest.evaluation.clone();
        evaluation.apply(&mut changed);
        changed.epochs
    });
    assert_eq!(epochs.collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn wrong_profiles_are_explained() {
    insta::assert_snapshot!(read(&with(PROFILES), Some("smok")).unwrap_err(), @r"
        error: there is no profile `smok`
          --> file.ron:29:15
           |
        29 |     profiles: {
           |               ^ not among these
           |
           = help: did you mean `smoke`? The profiles here are `paper` and `smoke`
    ");
    let wrong = PROFILES
        .replace("seeds: [5]", "seed: [5]")
        .replace("\"width\": {\"2\"", "\"width\": {\"3\"")
        .replace("\"short\"", "\"quick\"")
        .replace("\"training\": [\"long\"", "\"train\": [\"long\"");
    insta::assert_snapshot!(read(&with(&wrong), Some("smoke")).unwrap_err(), @r#"
        error: there is no value `3`
          --> file.ron:33:30
           |
        33 |             axes: {"width": {"3": (encoder: (width: 0.5))}},
           |                              ^^^ unknown value
           |
           = help: the values here are `1` and `2`

        error: there is no evaluation `quick`
          --> file.ron:34:27
           |
        34 |             evaluations: {"quick": (epochs: 1)},
           |                           ^^^^^^^ unknown evaluation
           |
           = help: the evaluations here are `linear` and `short`

        error: profile "smoke" has no field `seed`
          --> file.ron:35:13
           |
        35 |             seed: [5],
           |             ^^^^ unknown field
           |
           = help: did you mean `seeds`? The fields here are `like`, `base`, `axes`, `evaluations`, `seeds`, `only` and `changes`

        error: there is no axis `train`
          --> file.ron:36:21
           |
        36 |             only: [{"train": ["long", "none"]}],
           |                     ^^^^^^^ unknown axis
           |
           = help: did you mean `training`? The axes here are `width` and `training`
    "#);
    // What is impossible only in a profile is shown there.
    let wrong = PROFILES.replace("schedule: (epochs: 3)", "schedule: (epochs: 1)");
    insta::assert_snapshot!(read(&with(&wrong), Some("smoke")).unwrap_err(), @r"
        error: 2 epochs of warm-up do not fit into 1 epochs
          --> file.ron:10:64
           |
        10 |         schedule: (epochs: 20, batch_size: 250, warmup_epochs: 2, decay: Cosine),
           |                                                                ^ impossible value
           |
           = help: write at most the number of epochs
    ");
    let wrong = PROFILES.replace("width: 0.5", "width: 0.0");
    insta::assert_snapshot!(read(&with(&wrong), Some("smoke")).unwrap_err(), @r#"
        error: 0 is not a width multiplier
          --> file.ron:33:53
           |
        33 |             axes: {"width": {"2": (encoder: (width: 0.0))}},
           |                                                     ^^^ impossible value
           |
           = help: write a number above 0 and up to 64; 1 is the standard network
    "#);
}

/// [`VALID`] without a base of its own.
fn including(name: &str, base: &str) -> String {
    let (before, rest) = VALID.split_once("    base: (").unwrap();
    let (_, after) = rest.split_once("\n    ),\n").unwrap();
    format!("{before}    include: \"{name}\",\n{base}{after}")
}

#[test]
fn a_base_can_be_shared_by_files() {
    let sweep = read(&including("shared.ron", ""), None).unwrap();
    assert_eq!(sweep.base.augmentation.both.len(), 1);
    assert_eq!((sweep.seeds.as_slice(), sweep.profiles.as_slice()), (&[0, 1][..], &["small".to_owned()][..]));
    let own = "    base: (schedule: (epochs: 30), evaluation: (batch_size: 25)),\n";
    let sweep = read(&including("shared.ron", own), Some("small")).unwrap();
    assert_eq!((sweep.base.schedule.epochs, sweep.base.schedule.batch_size), (30, 50));
    assert_eq!((sweep.base.evaluation.batch_size, sweep.seeds), (50, vec![7]));
}

#[test]
fn wrong_included_files_are_explained() {
    insta::assert_snapshot!(read(&including("missing.ron", ""), None).unwrap_err(), @r#"
        error: `missing.ron` cannot be included: cannot read it: No such file or directory (os error 2)
         --> file.ron:3:14
          |
        3 |     include: "missing.ron",
          |              ^^^^^^^^^^^^^ this file
          |
          = help: write its path from the folder of this file
    "#);
    insta::assert_snapshot!(read(&including("wrong.ron", ""), None).unwrap_err(), @r"
        error: `width` must be a number, not the word `wide`
         --> sweeps/wrong.ron:5:49
          |
        5 |         encoder: (architecture: ResNet8, width: wide, stem: Cifar, zero_init_residual: true),
          |                                                 ^^^^ expected a number
          |
          = help: numbers are written like `20`, `0.5` or `1e-6`
    ");
    let impossible = including("shared.ron", "").replace("(encoder: (width: 2))", "(schedule: (warmup_epochs: 30))");
    insta::assert_snapshot!(read(&impossible, None).unwrap_err(), @r#"
        error: 30 epochs of warm-up do not fit into 20 epochs
         --> file.ron:5:75
          |
        5 |         (name: "width", values: {"1": (), "2": (schedule: (warmup_epochs: 30))}),
          |                                                                           ^^ impossible value
          |
          = help: write at most the number of epochs
    "#);
    insta::assert_snapshot!(explain(&[("    base: (", "    bases: (")]).lines().next().unwrap(), @"error: the sweep file has no field `bases`");
}

#[test]
fn a_change_can_take_an_optional_setting_back() {
    let text = VALID
        .replace("warmup_epochs: 2, decay: Cosine", "warmup_epochs: 2, decay: Cosine, micro_batch: 50")
        .replace("\"2\": (encoder: (width: 2))", "\"2\": (schedule: (micro_batch: None))");
    let sweep = read(&text, None).unwrap();
    let micro = sweep.trials().map(|trial| trial.recipe.schedule.micro_batch).step_by(3).collect::<Vec<_>>();
    assert_eq!(micro, [Some(50), None]);
}

#[test]
fn changes_apply_where_their_conditions_hold() {
    let text = with(
        "changes: [(when: {\"width\": \"2\", \"training\": [\"long\", \"cold\"]}, change: (schedule: (epochs: 5)))],",
    );
    let sweep = read(&text, None).unwrap();
    let epochs = sweep.trials().map(|trial| trial.recipe.schedule.epochs).collect::<Vec<_>>();
    assert_eq!(epochs, [20, 20, 20, 5, 5, 20]);
    let wrong = text.replace("(epochs: 5)", "(epochs: 1)");
    insta::assert_snapshot!(read(&wrong, None).unwrap_err(), @r#"
        error: 2 epochs of warm-up do not fit into 1 epochs
          --> file.ron:10:64
           |
        10 |         schedule: (epochs: 20, batch_size: 250, warmup_epochs: 2, decay: Cosine),
           |                                                                ^ impossible with a conditional change
        ...
        28 | changes: [(when: {"width": "2", "training": ["long", "cold"]}, change: (schedule: (epochs: 1)))],
           |                                                                        ----------------------- together with this
           |
           = help: write at most the number of epochs
    "#);
    let wrong = text.replace("when:", "where:").replace("\"cold\"]", "\"warm\"]");
    insta::assert_snapshot!(read(&wrong, None).unwrap_err(), @r#"
        error: this change lacks `when`
          --> file.ron:28:11
           |
        28 | changes: [(where: {"width": "2", "training": ["long", "warm"]}, change: (schedule: (epochs: 5)))],
           |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a field is missing here
           |
           = help: every field must be written; add `when: { "axis": "label" }`

        error: this change has no field `where`
          --> file.ron:28:12
           |
        28 | changes: [(where: {"width": "2", "training": ["long", "warm"]}, change: (schedule: (epochs: 5)))],
           |            ^^^^^ unknown field
           |
           = help: the fields here are `when` and `change`
    "#);
}

#[test]
fn conditions_choose_trials() {
    for (parts, expected) in [
        ("only: [{\"width\": \"2\"}, {\"training\": [\"none\"]}],", vec!["1/none", "2/long", "2/cold", "2/none"]),
        (
            "exclude: [{\"width\": \"2\", \"training\": [\"cold\", \"none\"]}],",
            vec!["1/long", "1/cold", "1/none", "2/long"],
        ),
        ("only: [{\"width\": \"1\"}], exclude: [{\"training\": \"long\"}],", vec!["1/cold", "1/none"]),
    ] {
        assert_eq!(trials(&read(&with(parts), None).unwrap()), expected, "{parts}");
    }
    let zipped = with("zip: [[\"width\", \"training\"]],").replace("\"none\": (objective: Untrained)", "");
    assert_eq!(trials(&read(&zipped, None).unwrap()), ["1/long", "2/cold"]);
    assert_eq!(trials(&valid()).len(), 6);
}

#[test]
fn wrong_conditions_are_explained() {
    insta::assert_snapshot!(read(&with("only: [{\"widht\": \"1\"}], exclude: [{\"width\": [\"4\"]}, ()],"), None).unwrap_err(), @r#"
        error: there is no axis `widht`
          --> file.ron:28:9
           |
        28 | only: [{"widht": "1"}], exclude: [{"width": ["4"]}, ()],
           |         ^^^^^^^ unknown axis
           |
           = help: did you mean `width`? The axes here are `width` and `training`

        error: `width` has no value `4`
          --> file.ron:28:46
           |
        28 | only: [{"widht": "1"}], exclude: [{"width": ["4"]}, ()],
           |                                              ^^^ unknown value
           |
           = help: the values here are `1` and `2`

        error: a condition must be values of axes `{"axis": "label", …}`, not a group `(…)`
          --> file.ron:28:53
           |
        28 | only: [{"widht": "1"}], exclude: [{"width": ["4"]}, ()],
           |                                                     ^^ expected values of axes `{"axis": "label", …}`
           |
           = help: write `{"axis": "label", …}`
    "#);
    insta::assert_snapshot!(read(&with("zip: [[\"width\", \"training\", \"width\"]],"), None).unwrap_err(), @r#"
        error: `width` has 2 values and `training` has 3
          --> file.ron:28:17
           |
        28 | zip: [["width", "training", "width"]],
           |                 ^^^^^^^^^^ cannot advance together
           |
           = help: axes that are zipped need equally many values

        error: an axis is zipped twice
          --> file.ron:28:29
           |
        28 | zip: [["width", "training", "width"]],
           |        ------- first here   ^^^^^^^ again here
           |
           = help: delete one of the two
    "#);
    insta::assert_snapshot!(read(&with("only: [{\"width\": \"1\"}], exclude: [{\"width\": \"1\"}],"), None).unwrap_err(), @r"
        error: `only`, `exclude` and `zip` leave no trial
          --> file.ron:13:11
           |
        13 |     axes: [
           |           ^ no combination of these values is taken
           |
           = help: loosen a condition: a trial must meet one in each `only`, none in `exclude`, and every `zip`
    ");
}

#[test]
fn an_axis_stands_once_in_a_profile() {
    let twice = PROFILES
        .replace("\"width\": {\"2\": (encoder: (width: 0.5))}", "\"width\": {\"2\": ()}, \"width\": {\"2\": ()}");
    let error = read(&with(&twice), Some("smoke")).unwrap_err();
    assert!(error.contains("a profile names an axis twice"), "{error}");
}
