//! Generated values, axes that advance together, and numbers in the shape of a table.

use ablate::sweep::{self, Sweep};

use super::VALID;

fn read(text: &str) -> Result<Sweep, String> {
    sweep::parse("file.ron", text).map_err(|wrong| wrong.to_string())
}

#[test]
fn rules_generate_values() {
    let axis = "{\"1\": (), \"2\": (encoder: (width: 2))}";
    let log = "Log(from: 0.01, to: 1, count: 3), change: (optimizer: (learning_rate: Fixed(x)))";
    let sweep = read(&VALID.replace(axis, log)).unwrap();
    assert_eq!(sweep.axes[0].values.iter().map(|value| value.label.as_str()).collect::<Vec<_>>(), ["0.01", "0.1", "1"]);
    let rates: Vec<f64> = sweep.trials().map(|trial| trial.recipe.optimizer.learning_rate.factor()).collect();
    assert_eq!(rates, [0.01, 0.01, 0.01, 0.1, 0.1, 0.1, 1.0, 1.0, 1.0]);
    let range = "Range(from: 20, to: 60, step: 20), change: (schedule: (epochs: x))";
    let sweep = read(&VALID.replace(axis, range)).unwrap();
    assert_eq!(sweep.trials().map(|trial| trial.recipe.schedule.epochs).step_by(3).collect::<Vec<_>>(), [20, 40, 60]);
}

#[test]
fn wrong_rules_are_explained() {
    let axis = "{\"1\": (), \"2\": (encoder: (width: 2))}";
    let rules = [
        "Log(from: 0, to: 1, count: 3), change: (optimizer: (learning_rate: Fixed(x)))",
        "Range(from: 2, to: 1, step: 1), change: (schedule: (epochs: x))",
        "Range(from: 0.5, to: 2, step: 1), change: (schedule: (epochs: x))",
        "Linear(from: 1, to: 2, count: 3), change: (schedule: (epochs: x))",
        "Range(from: 1, to: 2, step: 1), change: (schedule: (epochs: 3))",
        "Range(from: 1, to: 2, step: 1)",
        "{\"1\": (), \"2\": (encoder: (width: 2))}, change: (schedule: (epochs: x))",
    ];
    let found = rules.map(|rule| {
        let text = read(&VALID.replace(axis, rule)).unwrap_err();
        let told = text.lines().filter(|line| line.starts_with("error") || line.contains("help:"));
        told.map(|line| format!("{}\n", line.trim_start())).collect::<String>()
    });
    insta::assert_snapshot!(found.concat(), @r"
        error: numbers at equal ratios are above 0, at least two
        = help: write from > 0, to > 0, count >= 2
        error: the range is empty
        = help: write from <= to and step > 0
        error: `epochs` must be a whole number
        = help: write `0` or `1`
        error: `epochs` must be a whole number
        = help: write `1` or `2`
        error: `values` cannot be `Linear`
        = help: the names here are `Range` and `Log`
        error: `x` stands nowhere in this change
        = help: write `x` where the number belongs, as in `(schedule: (epochs: x))`
        error: this axis lacks `change`
        = help: add `change: (…)` with `x` where the number belongs, as in `(schedule: (epochs: x))`
        error: `change` belongs to values that a rule generates
        = help: write `values: Range(…)` or `Log(…)`, or put changes behind the labels
    ");
}

#[test]
fn published_numbers_have_the_shape_of_their_table() {
    let published = |values: &str| {
        let numbers = format!("average: true, published: (source: \"paper\", tolerance: 1, values: {values}),");
        VALID.replace("metrics: [", &format!("{numbers}\n            metrics: ["))
    };
    let row = "[1, 2, 3, 4, None, 6]";
    let table = read(&published(&format!("[{row}, {row}, {row}]"))).unwrap().tables.remove(0);
    let numbers = table.published.unwrap();
    assert_eq!((table.average, numbers.tolerance, numbers.values.len()), (true, vec![1.0], 3));
    assert_eq!(numbers.values[2], [Some(1.0), Some(2.0), Some(3.0), Some(4.0), None, Some(6.0)]);
    insta::assert_snapshot!(read(&published(&format!("[{row}, [1, 2]]"))).unwrap_err(), @r#"
    error: there are 2 rows, but the table has 3
      --> file.ron:25:79
       |
    25 |             average: true, published: (source: "paper", tolerance: 1, values: [[1, 2, 3, 4, None, 6], [1, 2]]),
       |                                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ does not fit the table
       |
       = help: write one list per row of the table and one number per column, metrics innermost, averages last; `None` where nothing is published; combinations that `only` and `exclude` leave out count, too

    error: there are 2 numbers in this row, but the table has 6
      --> file.ron:25:103
       |
    25 |             average: true, published: (source: "paper", tolerance: 1, values: [[1, 2, 3, 4, None, 6], [1, 2]]),
       |                                                                                                       ^^^^^^ does not fit the table
       |
       = help: write one list per row of the table and one number per column, metrics innermost, averages last; `None` where nothing is published; combinations that `only` and `exclude` leave out count, too
    "#);
    let wrong = published(&format!("[{row}, {row}, {row}]")).replace("tolerance: 1", "tolerance: -1");
    insta::assert_snapshot!(read(&wrong).unwrap_err(), @r#"
        error: a tolerance must not be negative
          --> file.ron:25:68
           |
        25 | ...   average: true, published: (source: "paper", tolerance: -1, values: [[1, 2, 3, 4, None, 6], [1, 2, 3, 4, None, 6], [1, 2, 3, 4,...
           |                                                              ^^ not possible
           |
           = help: write 0 or more
    "#);
}

#[test]
fn axes_that_advance_together_count_once() {
    // Three axes of a hundred values would make a million points.
    let axis = |name: &str, change: &str| {
        format!("(name: \"{name}\", values: Range(from: 101, to: 200, step: 1), change: ({change})),\n")
    };
    let axes = [
        axis("epochs", "schedule: (epochs: x)"),
        axis("dimension", "head: (dimension: x)"),
        axis("tests", "evaluation: (epochs: x)"),
    ]
    .concat();
    let names = "\"epochs\", \"dimension\", \"tests\"";
    let (before, rest) = VALID.split_once("    axes: [").unwrap();
    let (_, after) = rest.split_once("\n    ],\n").unwrap();
    let text = format!("{before}    axes: [{axes}],\n    zip: [[{names}]],\n{after}")
        .replace("rows: [\"training\"]", &format!("rows: [{names}]"))
        .replace("columns: [\"width\"]", "columns: []");
    let sweep = read(&text).unwrap();
    assert_eq!(sweep.points().collect::<Vec<_>>(), (0..100).map(|value| vec![value; 3]).collect::<Vec<_>>());
    let error = read(&text.replace("zip:", "exclude: [{\"epochs\": \"101\"}], // zip:")).unwrap_err();
    assert!(error.contains("the grid has"), "{error}");
}

#[test]
fn rules_are_bounded_before_they_take_memory() {
    let axis = "{\"1\": (), \"2\": (encoder: (width: 2))}";
    let rule = |to: usize| format!("Range(from: 1, to: {to}, step: 1), change: (schedule: (epochs: x))");
    let error = read(&VALID.replace(axis, &rule(100_001))).unwrap_err();
    assert!(error.contains("more than 100,000 numbers"), "{error}");
    let other = "{\"long\": (), \"cold\": (objective: NtXent(temperature: 0.1)), \"none\": (objective: Untrained)}";
    let error = read(&VALID.replace(axis, &rule(60_000)).replace(other, &rule(60_000))).unwrap_err();
    assert!(error.contains("the rules of this file"), "{error}");
    let equal = "Log(from: 0.1, to: 0.1, count: 3), change: (optimizer: (learning_rate: Fixed(x)))";
    let error = read(&VALID.replace(axis, equal)).unwrap_err();
    assert!(error.contains("gives 0.1 more than once"), "{error}");
}
