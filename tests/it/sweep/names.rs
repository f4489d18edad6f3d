//! Names and labels that are empty, taken, unknown or unused.

use super::explain;

#[test]
fn empty_texts() {
    let text = explain(&[
        (r#""Widths and temperatures""#, r#""""#),
        (r#"name: "width""#, r#"name: " ""#),
        (r#""long": ()"#, r#""": ()"#),
    ]);
    insta::assert_snapshot!(text, @r#"
        error: `title` must not be empty
         --> wrong.ron:2:12
          |
        2 |     title: "",
          |            ^^ empty text
          |
          = help: write a text between the quotes

        error: the name of this axis must not be empty
          --> wrong.ron:14:16
           |
        14 |         (name: " ", values: {"1": (), "2": (encoder: (width: 2))}),
           |                ^^^ empty text
           |
           = help: write a text between the quotes

        error: the label of this value must not be empty
          --> wrong.ron:15:37
           |
        15 |         (name: "training", values: {"": (), "cold": (objective: NtXent(temperature: 0.1)), "none": (objective: Untrained)}),
           |                                     ^^ empty text
           |
           = help: write a text between the quotes
    "#);
}

#[test]
fn repeated_names() {
    let text = explain(&[
        (r#"name: "training""#, r#"name: "width""#),
        (r#""short": (epochs: 10)"#, r#""linear": (epochs: 10)"#),
        ("seeds: [0, 1]", "seeds: [0, 1, 0]"),
        (r#""cold""#, r#""long""#),
    ]);
    insta::assert_snapshot!(text, @r#"
        error: two axes have the same name
          --> wrong.ron:15:16
           |
        14 |         (name: "width", values: {"1": (), "2": (encoder: (width: 2))}),
           |                ------- first here
        15 |         (name: "width", values: {"long": (), "long": (objective: NtXent(temperature: 0.1)), "none": (objective: Untrained)}),
           |                ^^^^^^^ again here
           |
           = help: rename one of the two, or delete it

        error: a label is used twice
          --> wrong.ron:15:46
           |
        15 |         (name: "width", values: {"long": (), "long": (objective: NtXent(temperature: 0.1)), "none": (objective: Untrained)}),
           |                                  ------      ^^^^^^ again here
           |                                  |
           |                                  first here
           |
           = help: rename one of the two, or delete it

        error: a seed is written twice
          --> wrong.ron:17:19
           |
        17 |     seeds: [0, 1, 0],
           |             -     ^ again here
           |             |
           |             first here
           |
           = help: delete one of the two

        error: a label is used twice
          --> wrong.ron:18:33
           |
        18 |     evaluations: {"linear": (), "linear": (epochs: 10)},
           |                   --------      ^^^^^^^^ again here
           |                   |
           |                   first here
           |
           = help: rename one of the two, or delete it
    "#);
}

#[test]
fn nothing_given() {
    let text = explain(&[
        ("seeds: [0, 1]", "seeds: []"),
        (r#"{"linear": (), "short": (epochs: 10)}"#, "{}"),
        (r#"values: {"1": (), "2": (encoder: (width: 2))}"#, "values: {}"),
    ]);
    insta::assert_snapshot!(text, @r#"
        error: the values of an axis must not be empty
          --> wrong.ron:14:33
           |
        14 |         (name: "width", values: {}),
           |                                 ^^ at least one value is needed
           |
           = help: write `"label": ()`, an entry that changes nothing, to begin with

        error: `seeds` must not be empty
          --> wrong.ron:17:12
           |
        17 |     seeds: [],
           |            ^^ at least one seed is needed
           |
           = help: for example `seeds: [0, 1, 2]`

        error: `evaluations` must not be empty
          --> wrong.ron:18:18
           |
        18 |     evaluations: {},
           |                  ^^ at least one evaluation is needed
           |
           = help: write `"label": ()`, an entry that changes nothing, to begin with
    "#);
}

#[test]
fn no_tables() {
    let text = explain(&[("tables: [\n", "tables: [/*\n"), ("        ),\n    ],\n)\n", "        ),\n    */],\n)\n")]);
    insta::assert_snapshot!(text, @r"
        error: `tables` must not be empty
          --> wrong.ron:19:13
           |
        19 |     tables: [/*
           |             ^ at least one table is needed
           |
           = help: for example `tables: […]`
    ");
}

#[test]
fn line_break_in_a_label() {
    let text = explain(&[(r#""cold""#, r#""co\nld""#)]);
    insta::assert_snapshot!(text, @r#"
        error: the label of this value must be one line of plain text
          --> wrong.ron:15:49
           |
        15 |         (name: "training", values: {"long": (), "co\nld": (objective: NtXent(temperature: 0.1)), "none": (objective: Untrained)}),
           |                                                 ^^^^^^^^ contains a line break or control character
           |
           = help: write it on one line, with spaces instead of tabs
    "#);
}

#[test]
fn table_name() {
    let text = explain(&[(r#"name: "widths""#, r#"name: "Table 1/a""#)]);
    insta::assert_snapshot!(text, @r#"
    error: the name of a table becomes a file name
      --> wrong.ron:21:19
       |
    21 |             name: "Table 1/a",
       |                   ^^^^^^^^^^^ has other characters
       |
       = help: use letters, digits, `-` and `_` only: `"table-1-a"`; the title may contain anything
    "#);
}

#[test]
fn table_name_of_the_tidy_csv() {
    let text = explain(&[(r#"name: "widths""#, r#"name: "Jobs""#)]);
    insta::assert_snapshot!(text, @r#"
    error: the name of a table becomes a file name
      --> wrong.ron:21:19
       |
    21 |             name: "Jobs",
       |                   ^^^^^^ this one is taken
       |
       = help: choose another name: `jobs.csv` holds the numbers of all jobs
    "#);
}

#[test]
fn unknown_axis() {
    let text = explain(&[(r#"columns: ["width"]"#, r#"columns: ["widht"]"#)]);
    insta::assert_snapshot!(text, @r#"
    error: there is no axis `widht`
      --> wrong.ron:24:23
       |
    24 |             columns: ["widht"],
       |                       ^^^^^^^ unknown axis
       |
       = help: did you mean `width`? The axes here are `width` and `training`
    "#);
}

#[test]
fn axis_used_twice() {
    let text = explain(&[(r#"columns: ["width"]"#, r#"columns: ["width", "training"]"#)]);
    insta::assert_snapshot!(text, @r#"
        error: axis `training` is used twice by this table
          --> wrong.ron:24:32
           |
        23 |             rows: ["training"],
           |                    ---------- first here
        24 |             columns: ["width", "training"],
           |                                ^^^^^^^^^^ again here
           |
           = help: delete one of the two
    "#);
}

#[test]
fn axis_left_out() {
    let text = explain(&[(r#"columns: ["width"]"#, "columns: []")]);
    insta::assert_snapshot!(text, @r#"
    error: this table leaves out `width`
      --> wrong.ron:23:19
       |
    23 |             rows: ["training"],
       |                   ^^^^^^^^^^^^ every axis must be used once
       |
       = help: add `width` to `rows` or `columns`, or to `over` to average over them
    "#);
}

#[test]
fn no_rows() {
    let text = explain(&[
        (r#"rows: ["training"]"#, "rows: []"),
        (r#"columns: ["width"]"#, r#"columns: ["width", "training"]"#),
    ]);
    insta::assert_snapshot!(text, @r#"
        error: `rows` must not be empty
          --> wrong.ron:23:19
           |
        23 |             rows: [],
           |                   ^^ at least one axis is needed
           |
           = help: for example `rows: ["augmentation"]`
    "#);
}

#[test]
fn unknown_evaluation() {
    let text = explain(&[(r#"evaluation: "linear""#, r#"evaluation: "Linear""#)]);
    insta::assert_snapshot!(text, @r#"
    error: there is no evaluation `Linear`
      --> wrong.ron:25:50
       |
    25 |             metrics: [(metric: Top1, evaluation: "Linear"), (metric: Loss)],
       |                                                  ^^^^^^^^ unknown evaluation
       |
       = help: did you mean `linear`? The evaluations here are `linear` and `short`
    "#);
}

#[test]
fn evaluation_left_out() {
    let text = explain(&[(r#"(metric: Top1, evaluation: "linear")"#, "(metric: Top1)")]);
    insta::assert_snapshot!(text, @r#"
    error: `Top1` needs the evaluation it comes from
      --> wrong.ron:25:23
       |
    25 |             metrics: [(metric: Top1), (metric: Loss)],
       |                       ^^^^^^^^^^^^^^ no evaluation is named
       |
       = help: write `(metric: Top1, evaluation: "linear")`
    "#);
}

#[test]
fn evaluation_of_the_loss() {
    let text = explain(&[("(metric: Loss)", r#"(metric: Loss, evaluation: "linear")"#)]);
    insta::assert_snapshot!(text, @r#"
    error: `Loss` is measured while pretraining, not by an evaluation
      --> wrong.ron:25:88
       |
    25 |             metrics: [(metric: Top1, evaluation: "linear"), (metric: Loss, evaluation: "linear")],
       |                                                                                        ^^^^^^^^ not expected
       |
       = help: write `(metric: Loss)`
    "#);
}

#[test]
fn unknown_metric() {
    let text = explain(&[("metric: Top1", "metric: Accuracy")]);
    insta::assert_snapshot!(text, @r#"
    error: `metric` cannot be `Accuracy`
      --> wrong.ron:25:32
       |
    25 |             metrics: [(metric: Accuracy, evaluation: "linear"), (metric: Loss)],
       |                                ^^^^^^^^ unknown name
       |
       = help: the names here are `Top1`, `Top5`, `MeanPerClass`, `MeanAveragePrecision`, `TrainTop1`, `Loss`, `ContrastiveAccuracy`, `ContrastiveEntropy` and `OnlineTop1`
    "#);
}

#[test]
fn repeated_metric() {
    let text = explain(&[("(metric: Loss)", "(metric: Loss), (metric: Loss)")]);
    insta::assert_snapshot!(text, @r#"
        error: a metric is shown twice by this table
          --> wrong.ron:25:77
           |
        25 |             metrics: [(metric: Top1, evaluation: "linear"), (metric: Loss), (metric: Loss)],
           |                                                             --------------  ^^^^^^^^^^^^^^ again here
           |                                                             |
           |                                                             first here
           |
           = help: delete one of the two
    "#);
}

#[test]
fn axes_to_average_over() {
    let text = explain(&[(r#"columns: ["width"]"#, r#"columns: [], over: ["width", "widht"]"#)]);
    insta::assert_snapshot!(text, @r#"
    error: there is no axis `widht`
      --> wrong.ron:24:42
       |
    24 |             columns: [], over: ["width", "widht"],
       |                                          ^^^^^^^ unknown axis
       |
       = help: did you mean `width`? The axes here are `width` and `training`
    "#);
    let text = explain(&[(r#"columns: ["width"]"#, r#"columns: [], over: ["width"], average: true"#)]);
    insta::assert_snapshot!(text, @r#"
    error: a table whose cells average over axes has no averages of rows
      --> wrong.ron:24:52
       |
    24 |             columns: [], over: ["width"], average: true,
       |                                                    ^^^^ averages of averages
       |
       = help: leave out `average`, or write the axes of `over` as rows or columns
    "#);
    let scatter = r#"columns: [], over: ["width"], figure: Scatter(series: Columns)"#;
    let text = explain(&[(r#"columns: ["width"]"#, scatter), ("(metric: Loss)", "")]);
    insta::assert_snapshot!(text, @r#"
    error: a cell that averages over axes has no encoder whose size could be drawn
      --> wrong.ron:24:51
       |
    24 |             columns: [], over: ["width"], figure: Scatter(series: Columns),
       |                                                   ^^^^^^^^^^^^^^^^^^^^^^^^ not of this table
       |
       = help: write the axes of `over` as rows or columns, or draw `figure: Bars(groups: Rows)`
    "#);
    let text = explain(&[(r#"columns: ["width"]"#, r#"columns: ["width"], only: [{"width": "thin"}]"#)]);
    insta::assert_snapshot!(text, @r#"
    error: `width` has no value `thin`
      --> wrong.ron:24:50
       |
    24 |             columns: ["width"], only: [{"width": "thin"}],
       |                                                  ^^^^^^ unknown value
       |
       = help: the values here are `1` and `2`
    "#);
}

#[test]
fn tables_that_would_stay_empty() {
    let only = r#"columns: ["width"], only: [{"width": "2", "training": "long"}]"#;
    let text = explain(&[
        (r#"columns: ["width"]"#, only),
        ("    tables: [", "    exclude: [{\"width\": \"2\"}],\n    tables: ["),
    ]);
    insta::assert_snapshot!(text, @r#"
    error: no trial of this sweep meets a condition of this table
      --> wrong.ron:25:39
       |
    25 |             columns: ["width"], only: [{"width": "2", "training": "long"}],
       |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the table would be empty
       |
       = help: leave out `only`, or the table
    "#);
    let neighbors = r#""linear": (protocol: NearestNeighbors(neighbors: 1))"#;
    let text = explain(&[(r#""linear": ()"#, neighbors), ("metric: Top1, evaluation", "metric: Top5, evaluation")]);
    insta::assert_snapshot!(text, @r#"
    error: the evaluation "linear" reports no Top5 here
      --> wrong.ron:25:23
       |
    25 |             metrics: [(metric: Top5, evaluation: "linear"), (metric: Loss)],
       |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ its cells would stay empty
       |
       = help: choose a metric that its protocol and data give: of images that show several classes it is MeanAveragePrecision, of nearest neighbors Top1 and MeanPerClass
    "#);
}
