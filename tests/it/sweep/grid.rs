//! Mistakes that only the whole grid shows.

use ablate::sweep;

use super::{VALID, explain};

#[test]
fn impossible_value_in_the_base() {
    let text = explain(&[("momentum: 0.9, weight_decay: 0.0),\n    ),", "momentum: 1.5, weight_decay: 0.0),\n    ),")]);
    insta::assert_snapshot!(text, @r#"
    error: momentum 1.5 is impossible
      --> wrong.ron:11:81
       |
    11 |         evaluation: (epochs: 90, batch_size: 100, learning_rate: 0.1, momentum: 1.5, weight_decay: 0.0),
       |                                                                                 ^^^ impossible value
       |
       = help: write a number from 0 to below 1
    "#);
}

#[test]
fn impossible_value_in_one_axis() {
    let text = explain(&[("temperature: 0.1", "temperature: 0")]);
    insta::assert_snapshot!(text, @r#"
    error: temperature 0 is impossible
      --> wrong.ron:15:89
       |
    15 |         (name: "training", values: {"long": (), "cold": (objective: NtXent(temperature: 0)), "none": (objective: Untrained)}),
       |                                                                                         ^ impossible value
       |
       = help: write a number above 0; the paper uses 0.1
    "#);
}

#[test]
fn value_of_an_axis_against_the_base() {
    let text = explain(&[(r#""2": (encoder: (width: 2))"#, r#""2": (data: (train_images: 200))"#)]);
    insta::assert_snapshot!(text, @r#"
    error: a batch of 250 is larger than the 200 training images
      --> wrong.ron:10:44
       |
    10 |         schedule: (epochs: 20, batch_size: 250, warmup_epochs: 2, decay: Cosine),
       |                                            ^^^ impossible with `width` = "2"
    ...
    14 |         (name: "width", values: {"1": (), "2": (data: (train_images: 200))}),
       |                                           --- together with this
       |
       = help: write at most data.train_images
    "#);
}

#[test]
fn values_of_two_axes() {
    let text = explain(&[
        (r#""2": (encoder: (width: 2))"#, r#""2": (data: (train_images: 260))"#),
        (r#""cold": (objective: NtXent(temperature: 0.1))"#, r#""cold": (schedule: (batch_size: 300))"#),
    ]);
    insta::assert_snapshot!(text, @r#"
    error: a batch of 300 is larger than the 260 training images
      --> wrong.ron:15:81
       |
    14 |         (name: "width", values: {"1": (), "2": (data: (train_images: 260))}),
       |                                           --- together with this
    15 |         (name: "training", values: {"long": (), "cold": (schedule: (batch_size: 300)), "none": (objective: Untrained)}),
       |                                                                                 ^^^ impossible with `width` = "2" and `training` = "cold"
       |
       = help: write at most data.train_images
    "#);
}

#[test]
fn impossible_evaluation() {
    let text = explain(&[(r#""short": (epochs: 10)"#, r#""short": (epochs: 0)"#)]);
    insta::assert_snapshot!(text, @r#"
    error: zero epochs train nothing
      --> wrong.ron:18:51
       |
    18 |     evaluations: {"linear": (), "short": (epochs: 0)},
       |                                                   ^ impossible value
       |
       = help: write at least 1; the paper uses 90
    "#);
}

#[test]
fn impossible_list_element() {
    let text = explain(&[("Grayscale(probability: 0.2)", "Grayscale(probability: 2)")]);
    insta::assert_snapshot!(text, @r#"
    error: 2 is not a probability
     --> wrong.ron:5:88
      |
    5 |         augmentation: (both: [HorizontalFlip(probability: 0.5), Grayscale(probability: 2)]),
      |                                                                                        ^ impossible value
      |
      = help: write a number from 0 to 1
    "#);
}

#[test]
fn value_that_changes_nothing() {
    let text = explain(&[(r#""2": (encoder: (width: 2))"#, r#""2": (encoder: (width: 1))"#)]);
    insta::assert_snapshot!(text, @r#"
    error: "2" changes nothing: same recipe as "1"
      --> wrong.ron:14:43
       |
    14 |         (name: "width", values: {"1": (), "2": (encoder: (width: 1))}),
       |                                  ---      ^^^ the same recipe again
       |                                  |
       |                                  same recipe
       |
       = help: remove one of the two, or let them differ; both are values of `width`
    "#);
}

/// The valid file with two axes of the rules and changes given, and a table that has them on its sides.
fn with_two_axes(first: &str, second: &str, rows: &str, columns: &str, more: &str) -> String {
    let (before, rest) = VALID.split_once("    axes: [").unwrap();
    let (_, after) = rest.split_once("\n    ],\n").unwrap();
    let axes = format!("\n        (name: \"a\", {first}),\n        (name: \"b\", {second}),\n    ],\n    {more}\n");
    format!("{before}    axes: [{axes}{after}")
        .replace("rows: [\"training\"]", &format!("rows: [{rows}]"))
        .replace("columns: [\"width\"]", &format!("columns: [{columns}]"))
}

#[test]
fn tables_are_bounded_by_what_they_lay_out() {
    let [first, second] = ["schedule: (epochs: x)", "head: (dimension: x)"]
        .map(|change| format!("values: Range(from: 11, to: 3010, step: 1), change: ({change})"));
    let wide = with_two_axes(&first, &second, "\"a\"", "\"b\"", "zip: [[\"a\", \"b\"]],");
    insta::assert_snapshot!(sweep::parse("wrong.ron", &wide).unwrap_err().to_string(), @r"
    error: the table `widths` has 18,000,000 cells
      --> wrong.ron:21:9
       |
    21 |         (
       |         ^ 3,000 rows × 3,000 columns
       |
       = help: at most 2,000,000 cells are possible: put axes that advance together on the same side, or leave out some of their values
    ");
    let long = with_two_axes(&first, &second, "\"a\", \"b\"", "", "zip: [[\"a\", \"b\"]],");
    assert_eq!(sweep::parse("long.ron", &long).unwrap().points().count(), 3000);
    // Nine million combinations, of which the table shows those that are asked for.
    let few = "only: [{\"a\": \"11\"}, {\"a\": \"12\", \"b\": \"11\"}],";
    assert_eq!(
        sweep::parse("few.ron", &with_two_axes(&first, &second, "\"a\"", "\"b\"", few)).unwrap().points().count(),
        3001
    );
}

#[test]
fn conditions_are_bounded_by_the_points_they_are_compared_with() {
    let [first, second] = ["schedule: (epochs: x)", "head: (dimension: x)"]
        .map(|change| format!("values: Range(from: 11, to: 3010, step: 1), change: ({change})"));
    let conditions: String = (11..61).map(|value| format!("{{\"a\": \"{value}\", \"b\": \"{value}\"}},")).collect();
    let text = with_two_axes(&first, &second, "\"a\"", "\"b\"", &format!("only: [\n{conditions}\n],"));
    insta::assert_snapshot!(sweep::parse("wrong.ron", &text).unwrap_err().to_string(), @r"
    error: 9,000,000 points are too many for so many conditions
      --> wrong.ron:13:11
       |
    13 |     axes: [
       |           ^ these axes are multiplied
       |
       = help: each is compared with 100 labels in `only`, `exclude` and `changes`; at most 500,000,000 comparisons are possible: write fewer conditions, or several sweep files
    ");
}

#[test]
fn grid_too_large() {
    let seeds: Vec<_> = (0..500_000).map(|seed| seed.to_string()).collect();
    let seeds = format!("seeds: [\n{}]", seeds.join(","));
    let text = explain(&[("seeds: [0, 1]", &seeds)]);
    insta::assert_snapshot!(text, @r#"
    error: the grid has 9,000,000 jobs
      --> wrong.ron:13:11
       |
    13 |     axes: [
       |           ^ these axes are multiplied
       |
       = help: 2 `width` × 3 `training` × 500,000 seeds × (1 pretraining + 2 evaluations); at most 1,000,000 jobs are possible
    "#);
}
