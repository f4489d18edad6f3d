//! What profiles add and leave out: more changes, fewer evaluations; and what tables hold besides measurements.

use ablate::sweep::{Source, Sweep};

use super::VALID;

fn read(text: &str, profile: Option<&str>) -> Result<Sweep, String> {
    let include = |_: &str| Err("there is none".to_owned());
    Source { name: "file.ron", text, profile, include: &include }.parse().map_err(|wrong| wrong.to_string())
}

/// [`VALID`] with parts at its end and in its table.
fn with(parts: &str, of_table: &str) -> String {
    let end = VALID.trim_end().strip_suffix(')').unwrap();
    format!("{end}    {parts}\n)").replace("metrics: [", &format!("{of_table}\n            metrics: ["))
}

#[test]
fn changes_of_a_profile_follow_those_of_the_file() {
    let change = |label: &str, epochs: usize| {
        format!("(when: {{ \"training\": \"{label}\" }}, change: (schedule: (epochs: {epochs}))),")
    };
    let text = with(
        &format!(
            "changes: [{} {}], profiles: {{ \"smoke\": (changes: [{}]), \"paper\": () }},",
            change("long", 30),
            change("cold", 40),
            change("long", 3)
        ),
        "",
    );
    let epochs = |profile| {
        let sweep = read(&text, profile).unwrap();
        sweep.trials().map(|trial| trial.recipe.schedule.epochs).take(3).collect::<Vec<_>>()
    };
    assert_eq!(epochs(None), [30, 40, 20]);
    assert_eq!(epochs(Some("paper")), [30, 40, 20]);
    assert_eq!(epochs(Some("smoke")), [3, 40, 20]);
    let wrong = text.replace("epochs: 3))", "epochs: 1))");
    insta::assert_snapshot!(read(&wrong, Some("smoke")).unwrap_err(), @r#"
        error: 2 epochs of warm-up do not fit into 1 epochs
          --> file.ron:10:64
           |
        10 | ...s: 2, decay: Cosine),
           |       ^ impossible with a conditional change
        ...
        29 | ...le: (epochs: 30))), (when: { "training": "cold" }, change: (schedule: (epochs: 40))),], profiles: { "smoke": (changes: [(when: { "training": "long" }, change: (schedule: (epochs: 1))),]...
           |                                                                                                                                                                   ----------------------- together with this
           |
           = help: write at most the number of epochs
    "#);
    let wrong =
        text.replace("(changes: [(when: { \"training\": \"long\"", "(changes: [(when: { \"training\": \"lnog\"");
    insta::assert_snapshot!(read(&wrong, Some("smoke")).unwrap_err(), @r#"
        error: `training` has no value `lnog`
          --> file.ron:29:202
           |
        29 | ... profiles: { "smoke": (changes: [(when: { "training": "lnog" }, change: (schedule: (epochs: 3))),]), "paper": () },
           |                                                          ^^^^^^ unknown value
           |
           = help: did you mean `long`? The values here are `long`, `cold` and `none`
    "#);
}

/// The number of epochs of pretraining and of both evaluations, the seeds, the labels of the first axis that are left.
fn summary(sweep: &Sweep) -> String {
    let epochs = |index: usize| {
        let mut evaluation = sweep.base.evaluation.clone();
        sweep.evaluations[index].apply(&mut evaluation);
        evaluation.epochs
    };
    let trials: Vec<_> = sweep.trials().map(|trial| trial.recipe.schedule.epochs).collect();
    format!("{trials:?}, evaluations {} and {}, seeds {:?}", epochs(0), epochs(1), sweep.seeds)
}

#[test]
fn a_profile_can_begin_like_another() {
    let text = with(
        "profiles: {
        \"large\": (like: \"small\", evaluations: { \"short\": (epochs: 6) }, seeds: [7],
            changes: [(when: { \"width\": \"2\" }, change: (schedule: (epochs: 9)))]),
        \"small\": (base: (schedule: (epochs: 4)), seeds: [5], only: [{ \"training\": \"long\" }],
            evaluations: { \"linear\": (epochs: 3), \"short\": (epochs: 2) }),
    },",
        "",
    );
    assert_eq!(summary(&read(&text, Some("small")).unwrap()), "[4, 4], evaluations 3 and 2, seeds [5]");
    assert_eq!(summary(&read(&text, Some("large")).unwrap()), "[4, 9], evaluations 3 and 6, seeds [7]");
}

#[test]
fn an_included_profile_can_begin_like_another_of_which_the_file_says_more() {
    let start = VALID.find("base: ").unwrap() + "base: ".len();
    let end = VALID.find("    axes: [").unwrap();
    let base = VALID[start..end].trim().trim_end_matches(',');
    let shared = format!(
        "(base: {base}, profiles: {{
            \"small\": (base: (schedule: (epochs: 4), data: (test_images: 50)), seeds: [5]),
            \"real\": (like: \"small\", base: (data: (test_images: 60))),
        }})"
    );
    let text = format!("{}include: \"shared.ron\",\n{}", &VALID[..start - "base: ".len()], &VALID[end..]);
    let text = text.trim_end().strip_suffix(')').unwrap().to_owned();
    let text = text + "profiles: { \"small\": (base: (schedule: (warmup_epochs: 1)), only: [{ \"width\": \"1\" }]) })";
    let include = |_: &str| Ok(("shared.ron".to_owned(), shared.clone()));
    let read = |profile| Source { name: "file.ron", text: &text, profile: Some(profile), include: &include }.parse();
    let (small, real) = (read("small").unwrap(), read("real").unwrap());
    assert_eq!(summary(&small), "[4, 4, 4], evaluations 90 and 10, seeds [5]");
    assert_eq!(summary(&real), summary(&small));
    assert_eq!(small.base.data.test_images, 50.into());
    let expected = ablate::recipe::Recipe {
        data: ablate::recipe::Data { test_images: 60.into(), ..small.base.data.clone() },
        ..small.base.clone()
    };
    assert_eq!((real.base, real.profiles), (expected, vec!["real".to_owned(), "small".to_owned()]));
}

#[test]
fn a_profile_is_like_one_that_exists_and_is_like_no_other() {
    let text = with("profiles: { \"a\": (like: \"smal\"), \"b\": (like: \"b\"), \"small\": () },", "");
    insta::assert_snapshot!(read(&text, None).unwrap_err(), @r#"
    error: there is no profile `smal`
      --> file.ron:29:29
       |
    29 |     profiles: { "a": (like: "smal"), "b": (like: "b"), "small": () },
       |                             ^^^^^^ not among these
       |
       = help: did you mean `small`? The profiles here are `a`, `b` and `small`

    error: `b` is like another profile itself
      --> file.ron:29:50
       |
    29 |     profiles: { "a": (like: "smal"), "b": (like: "b"), "small": () },
       |                                                  ^^^ not possible
       |
       = help: name that profile, and write here what else is needed
    "#);
}

/// Two evaluations in the table, of which the profile leaves out one.
fn leaving_out(which: &str) -> String {
    with(
        &format!("profiles: {{ \"smoke\": (evaluations: {{ {which} }}) }},"),
        "cited: [(row: \"A\", source: \"B\", values: [1, 2, 3, 4, 5, 6])],\n            published: (source: \"C\", \
         tolerance: [1, 2, 3], values: [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]]),",
    )
    .replace("(metric: Loss)]", "(metric: Top1, evaluation: \"short\"), (metric: Loss)]")
}

#[test]
fn a_profile_can_do_without_an_evaluation() {
    let text = leaving_out("\"linear\": None, \"short\": (epochs: 3)");
    assert_eq!(read(&text, None).unwrap().evaluations.len(), 2);
    let sweep = read(&text, Some("smoke")).unwrap();
    let names: Vec<_> = sweep.evaluations.iter().map(|evaluation| evaluation.name.as_str()).collect();
    assert_eq!(names, ["short"]);
    let table = &sweep.tables[0];
    assert_eq!(table.metrics.iter().map(|shows| shows.evaluation).collect::<Vec<_>>(), [Some(0), None]);
    let some = |numbers: &[f64]| numbers.iter().map(|&number| Some(number)).collect::<Vec<_>>();
    let published = table.published.as_ref().unwrap();
    assert_eq!((&published.values[2], &published.tolerance), (&some(&[2.0, 3.0, 5.0, 6.0]), &vec![2.0, 3.0]));
    assert_eq!(table.cited[0].values, some(&[2.0, 3.0, 5.0, 6.0]));
    // A table that shows nothing else is gone.
    let text = text.replace("(metric: Top1, evaluation: \"short\"), (metric: Loss)]", "]").replace(", 5, 6]", "]");
    let only = text.replace("[1, 2, 3, 4]", "[1, 2]").replace("tolerance: [1, 2, 3]", "tolerance: 1");
    assert_eq!(read(&only, Some("smoke")).unwrap().tables.len(), 0);
}

#[test]
fn a_profile_keeps_at_least_one_evaluation() {
    insta::assert_snapshot!(read(&leaving_out("\"linear\": None, \"short\": None"), Some("smoke")).unwrap_err(), @r#"
        error: this profile leaves out every evaluation
          --> file.ron:30:42
           |
        30 |     profiles: { "smoke": (evaluations: { "linear": None, "short": None }) },
           |                                          ^^^^^^^^ and all others
           |
           = help: let it keep at least one
    "#);
    // Values of axes are left out by conditions.
    let text = with("profiles: { \"smoke\": (axes: { \"width\": { \"2\": None } }) },", "");
    insta::assert_snapshot!(read(&text, Some("smoke")).unwrap_err(), @r#"
        error: "2" must be a group of fields `(name: value, …)`, not the word `None`
          --> file.ron:29:51
           |
        29 |     profiles: { "smoke": (axes: { "width": { "2": None } }) },
           |                                                   ^^^^ expected a group of fields `(name: value, …)`
           |
           = help: write `(name: value, …)`
    "#);
}

#[test]
fn cited_rows_have_the_shape_of_their_table() {
    let text = with("", "note: \"n\", cited: [(row: \"A\", source: \"B\", values: [1, None, 3, 4.5])],");
    let table = read(&text, None).unwrap().tables.remove(0);
    assert_eq!(table.note.as_deref(), Some("n"));
    assert_eq!((table.cited[0].labels.as_slice(), table.cited[0].source.as_str()), (&["A".to_owned()][..], "B"));
    assert_eq!(table.cited[0].values, [Some(1.0), None, Some(3.0), Some(4.5)]);
    let wrong = with(
        "",
        "cited: [\n                (row: \"A\", source: \"B\", values: [1, 2]),\n                \
         (row: [\"A\", \"B\"], source: \"B\", values: [1, 2, 3, 4]),\n                \
         (row: \"A\", values: [1, 2, 3, four]),\n            ],",
    );
    insta::assert_snapshot!(read(&wrong, None).unwrap_err(), @r#"
    error: there are 2 numbers in this row, but the table has 4
      --> file.ron:26:49
       |
    26 |                 (row: "A", source: "B", values: [1, 2]),
       |                                                 ^^^^^^ does not fit the table
       |
       = help: write one list per row of the table and one number per column, metrics innermost, averages last; `None` where nothing is published; combinations that `only` and `exclude` leave out count, too

    error: there are 2 labels, but 1 axes make the rows
      --> file.ron:27:23
       |
    27 |                 (row: ["A", "B"], source: "B", values: [1, 2, 3, 4]),
       |                       ^^^^^^^^^^ does not fit the table
       |
       = help: write one label for each axis in `rows`: `row: "label"`, or `row: ["label", "label"]`

    error: this cited row lacks `source`
      --> file.ron:28:17
       |
    28 |                 (row: "A", values: [1, 2, 3, four]),
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a field is missing here
       |
       = help: every field must be written; add `source: "SimCLR, Table 6"`

    error: two cited rows have the same labels
      --> file.ron:28:23
       |
    26 |                 (row: "A", source: "B", values: [1, 2]),
       |                       --- first here
    27 |                 (row: ["A", "B"], source: "B", values: [1, 2, 3, 4]),
    28 |                 (row: "A", values: [1, 2, 3, four]),
       |                       ^^^ again here
       |
       = help: rename one of the two, or delete it

    error: an element of `values` must be a number, not the word `four`
      --> file.ron:28:46
       |
    28 |                 (row: "A", values: [1, 2, 3, four]),
       |                                              ^^^^ expected a number
       |
       = help: numbers are written like `20`, `0.5` or `1e-6`
    "#);
}
