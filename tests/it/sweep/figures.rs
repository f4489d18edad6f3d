//! Which tables can be drawn how.

use ablate::sweep::{self, Figure, Side};

use super::{VALID, explain};

/// What is said of the valid file with one metric, drawn as written, with another change.
fn drawn_as(figure: &str, change: (&str, &str)) -> String {
    let metrics = format!("metrics: [(metric: Top1, evaluation: \"linear\")], figure: {figure},");
    explain(&[(METRICS, &metrics), change])
}

const METRICS: &str = r#"metrics: [(metric: Top1, evaluation: "linear"), (metric: Loss)],"#;
const COLUMNS: (&str, &str) = (
    "rows: [\"training\"],\n            columns: [\"width\"]",
    "rows: [\"training\", \"width\"],\n            columns: []",
);

#[test]
fn figures_are_read() {
    for (text, figure) in [
        ("HeatMap", Figure::HeatMap),
        ("Bars(groups: Rows)", Figure::Bars { groups: Side::Rows }),
        ("Scatter(series: Columns)", Figure::Scatter { series: Side::Columns }),
    ] {
        let metrics = format!("metrics: [(metric: Top1, evaluation: \"linear\")], figure: {text},");
        let read =
            sweep::parse("valid.ron", &VALID.replace(METRICS, &metrics)).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(read.tables[0].figure, Some(figure));
    }
}

#[test]
fn a_figure_of_several_metrics() {
    insta::assert_snapshot!(explain(&[("columns: [\"width\"],", "columns: [\"width\"], figure: HeatMap,")]), @r#"
        error: a figure shows one metric, and this table has 2
          --> wrong.ron:24:41
           |
        24 |             columns: ["width"], figure: HeatMap,
           |                                         ^^^^^^^ not of this table
           |
           = help: make a second table with the metric to draw
    "#);
}

#[test]
fn groups_of_columns_without_columns() {
    insta::assert_snapshot!(drawn_as("Bars(groups: Columns)", COLUMNS), @r#"
        error: this table has no columns to make groups of
          --> wrong.ron:25:70
           |
        25 |             metrics: [(metric: Top1, evaluation: "linear")], figure: Bars(groups: Columns),
           |                                                                      ^^^^^^^^^^^^^^^^^^^^^ not of this table
           |
           = help: write `figure: Bars(groups: Rows)`
    "#);
}

#[test]
fn series_of_rows_with_one_column() {
    insta::assert_snapshot!(drawn_as("Scatter(series: Rows)", COLUMNS), @r#"
        error: each row is a series of points, and this table has one column
          --> wrong.ron:25:70
           |
        25 |             metrics: [(metric: Top1, evaluation: "linear")], figure: Scatter(series: Rows),
           |                                                                      ^^^^^^^^^^^^^^^^^^^^^ not of this table
           |
           = help: write `figure: Scatter(series: Columns)`
    "#);
}

#[test]
fn averages_have_no_encoder() {
    let average = ("columns: [\"width\"],", "columns: [\"width\"], average: true,");
    insta::assert_snapshot!(drawn_as("Scatter(series: Columns)", average), @r#"
        error: averages have no encoder whose size could be drawn
          --> wrong.ron:25:70
           |
        25 |             metrics: [(metric: Top1, evaluation: "linear")], figure: Scatter(series: Columns),
           |                                                                      ^^^^^^^^^^^^^^^^^^^^^^^^ not of this table
           |
           = help: leave out `average`, or write `figure: HeatMap`
    "#);
}

#[test]
fn encoders_of_one_size() {
    let same = ("\"2\": (encoder: (width: 2))", "\"2\": (schedule: (epochs: 2))");
    insta::assert_snapshot!(drawn_as("Scatter(series: Columns)", same), @r#"
        error: all encoders of this sweep have the same size
          --> wrong.ron:25:70
           |
        25 |             metrics: [(metric: Top1, evaluation: "linear")], figure: Scatter(series: Columns),
           |                                                                      ^^^^^^^^^^^^^^^^^^^^^^^^ all points would stand one over another
           |
           = help: write `figure: Bars(groups: Rows)`, or add an axis that changes `encoder`
    "#);
}

#[test]
fn unknown_kinds_and_sides() {
    insta::assert_snapshot!(drawn_as("Bar(groups: Rows)", ("seeds: [0, 1]", "seeds: [0, 1]")), @r#"
        error: `figure` cannot be `Bar`
          --> wrong.ron:25:70
           |
        25 |             metrics: [(metric: Top1, evaluation: "linear")], figure: Bar(groups: Rows),
           |                                                                      ^^^ unknown name
           |
           = help: did you mean `Bars`? The names here are `HeatMap`, `Bars` and `Scatter`
    "#);
    insta::assert_snapshot!(drawn_as("Bars(groups: Row)", ("seeds: [0, 1]", "seeds: [0, 1]")), @r#"
        error: `groups` cannot be `Row`
          --> wrong.ron:25:83
           |
        25 |             metrics: [(metric: Top1, evaluation: "linear")], figure: Bars(groups: Row),
           |                                                                                   ^^^ unknown name
           |
           = help: did you mean `Rows`? The names here are `Rows` and `Columns`
    "#);
    insta::assert_snapshot!(drawn_as("Bars", ("seeds: [0, 1]", "seeds: [0, 1]")), @r#"
        error: `Bars` needs settings
          --> wrong.ron:25:70
           |
        25 |             metrics: [(metric: Top1, evaluation: "linear")], figure: Bars,
           |                                                                      ^^^^ nothing follows
           |
           = help: write `Bars(groups: …)`
    "#);
}

#[test]
fn names_of_learning_curves_are_taken() {
    insta::assert_snapshot!(explain(&[("name: \"widths\"", "name: \"Curves-loss\"")]), @r#"
        error: the name of a table becomes a file name
          --> wrong.ron:21:19
           |
        21 |             name: "Curves-loss",
           |                   ^^^^^^^^^^^^^ this one is taken
           |
           = help: choose another name: those of learning curves begin with `curves-`
    "#);
}
