//! A gallery of wrong files: each is refused at its place, with the line, a caret and what to do.

use ablate::sweep::{self, Source};

use super::VALID;

/// What is said of a file; checks that every message has a place and a remedy.
fn wrong(text: &str) -> String {
    let found = sweep::parse("wrong.ron", text).expect_err("the file should be wrong");
    let told = found.to_string();
    for diagnostic in found.iter() {
        let line = text[..diagnostic.span.start].matches('\n').count() + 1;
        assert!(diagnostic.help.as_ref().is_some_and(|help| !help.is_empty()), "no remedy: {told}");
        assert!(told.contains(&format!("--> wrong.ron:{line}:")) && told.contains('^'), "no place: {told}");
        assert!(!diagnostic.label.is_empty() && !diagnostic.message.is_empty(), "no message: {told}");
    }
    told
}

/// What is said of [`VALID`] after replacing texts that it contains.
fn spoiled(replacements: &[(&str, &str)]) -> String {
    let text = replacements.iter().fold(VALID.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "the valid file does not contain {old:?}");
        text.replacen(old, new, 1)
    });
    wrong(&text)
}

/// [`VALID`] with axes of its own before the others.
fn with_axes(axes: &str) -> String {
    VALID.replace("    axes: [", &format!("    axes: [\n{axes}"))
}

fn large_grid() -> String {
    let axis = |name: &str, change: &str| {
        format!("        (name: \"{name}\", values: Range(from: 101, to: 1100, step: 1), change: ({change})),\n")
    };
    with_axes(&[axis("epochs", "schedule: (epochs: x)"), axis("dimension", "head: (dimension: x)")].concat())
        .replace("rows: [", "rows: [\"epochs\", \"dimension\", ")
}

fn many_axes() -> String {
    let axis = |number: usize| format!("        (name: \"{number}\", values: {{ \"a\": () }}),\n");
    with_axes(&(0..40).map(axis).collect::<String>())
}

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(wrong(""), @r"
        error: the file is empty
         --> wrong.ron:1:1
          |
        1 |
          | ^ nothing here
          |
          = help: a sweep file has the form `(title: …, base: …, axes: […], seeds: […], evaluations: {…}, tables: […])`
    ");
}

#[test]
fn a_file_of_comments() {
    insta::assert_snapshot!(wrong("// to do"), @r"
        error: the file is empty
         --> wrong.ron:1:9
          |
        1 | // to do
          |         ^ nothing here
          |
          = help: a sweep file has the form `(title: …, base: …, axes: […], seeds: […], evaluations: {…}, tables: […])`
    ");
}

#[test]
fn a_byte_order_mark_in_the_middle() {
    insta::assert_snapshot!(wrong("(\u{feff}title: \"a\")"), @r#"
        error: the invisible character U+FEFF has no meaning here
         --> wrong.ron:1:2
          |
        1 | (﻿title: "a")
          |  ^ unexpected
          |
          = help: delete it
    "#);
}

#[test]
fn a_half_written_file() {
    insta::assert_snapshot!(wrong("(\n    title: \"a\",\n    base: ("), @r"
        error: `)` is missing
         --> wrong.ron:3:12
          |
        3 |     base: (
          |           -^ the file ends here
          |           |
          |           this `(` is not closed
          |
          = help: write `)` where it ends
    ");
}

#[test]
fn brackets_in_brackets_without_end() {
    insta::assert_snapshot!(wrong(&format!("(title: {}", "[".repeat(100))), @r"
        error: brackets are nested deeper than 64 levels
         --> wrong.ron:1:72
          |
        1 | (title: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
          |                                                                        ^ too deep
          |
          = help: a sweep needs fewer than ten levels: look for brackets that are not closed
    ");
}

#[test]
fn a_list_instead_of_a_sweep() {
    insta::assert_snapshot!(wrong("[1, 2]"), @r"
        error: the sweep file must be a group of fields `(name: value, …)`, not a list `[…]`
         --> wrong.ron:1:1
          |
        1 | [1, 2]
          | ^^^^^^ expected a group of fields `(name: value, …)`
          |
          = help: write `(name: value, …)`
    ");
}

#[test]
fn a_python_dictionary() {
    insta::assert_snapshot!(wrong("{\"title\": \"a\"}"), @r#"
        error: the sweep file must be a group of fields `(name: value, …)`, not a map `{…}`
         --> wrong.ron:1:1
          |
        1 | {"title": "a"}
          | ^^^^^^^^^^^^^^ expected a group of fields `(name: value, …)`
          |
          = help: write `(` and `)` instead of these brackets, and names without quotes
    "#);
}

#[test]
fn yaml() {
    insta::assert_snapshot!(wrong("title: a\nseeds: [0]\n"), @r"
        error: the file goes on after its end
         --> wrong.ron:1:6
          |
        1 | title: a
          |      ^ not expected
          |
          = help: the whole file stands in parentheses: `(title: …, base: …, …)`
    ");
}

#[test]
fn a_comment_without_end() {
    insta::assert_snapshot!(wrong("(title: \"a\", /* seeds: [0])"), @r#"
        error: a comment is not closed
         --> wrong.ron:1:14
          |
        1 | (title: "a", /* seeds: [0])
          |              ^^ it starts here
          |
          = help: write `*/` where it ends
    "#);
}

#[test]
fn a_bare_name() {
    insta::assert_snapshot!(wrong("sweep"), @r"
        error: the sweep file must be a group of fields `(name: value, …)`, not the word `sweep`
         --> wrong.ron:1:1
          |
        1 | sweep
          | ^^^^^ expected a group of fields `(name: value, …)`
          |
          = help: write `(name: value, …)`
    ");
}

#[test]
fn tabs_do_not_move_the_caret() {
    insta::assert_snapshot!(wrong(&VALID.replace("    seeds: [0, 1],", "\tseeds:\t[0, one],")), @r"
        error: a seed must be a whole number, not the word `one`
          --> wrong.ron:17:13
           |
        17 |     seeds:    [0, one],
           |                   ^^^ expected a whole number
           |
           = help: whole numbers are written like `20` or `1_000`
    ");
}

#[test]
fn windows_line_ends_do_not_move_the_line() {
    insta::assert_snapshot!(wrong(&VALID.replace("[0, 1]", "[0, 0]").replace('\n', "\r\n")), @r"
        error: a seed is written twice
          --> wrong.ron:17:16
           |
        17 |     seeds: [0, 0],
           |             -  ^ again here
           |             |
           |             first here
           |
           = help: delete one of the two
    ");
}

#[test]
fn wide_characters_do_not_move_the_caret() {
    insta::assert_snapshot!(wrong(&VALID.replace("\"long\": ()", "\"長い 🚀\": (), \"e\u{301}\": (epochs: 3)")), @r#"
        error: "é" has no field `epochs`
          --> wrong.ron:15:56
           |
        15 | ...   (name: "training", values: {"長い 🚀": (), "é": (epochs: 3), "cold": (objective: NtXent(temperature: 0.1)), "none": (objective...
           |                                                        ^^^^^^ unknown field
           |
           = help: write `schedule: (epochs: …)` or `evaluation: (epochs: …)`
    "#);
}

#[test]
fn a_number_larger_than_all() {
    insta::assert_snapshot!(spoiled(&[("epochs: 20,", "epochs: 99999999999999999999999,")]), @r"
        error: `epochs` is too large
          --> wrong.ron:10:28
           |
        10 |         schedule: (epochs: 99999999999999999999999, batch_size: 250, warmup_epochs: 2, decay: Cosine),
           |                            ^^^^^^^^^^^^^^^^^^^^^^^ not possible
           |
           = help: write a smaller number
    ");
}

#[test]
fn a_number_with_a_unit() {
    insta::assert_snapshot!(spoiled(&[("epochs: 20,", "epochs: 20k,")]), @r"
        error: `20k` is not a whole number
          --> wrong.ron:10:28
           |
        10 |         schedule: (epochs: 20k, batch_size: 250, warmup_epochs: 2, decay: Cosine),
           |                            ^^^ expected a whole number
           |
           = help: numbers are written like `20`, `0.5` or `1e-6`
    ");
}

#[test]
fn a_number_out_of_range() {
    insta::assert_snapshot!(spoiled(&[("Fixed(0.1)", "Fixed(1e999)")]), @r"
        error: the value of `Fixed` must be a finite number
         --> wrong.ron:9:75
          |
        9 |         optimizer: (algorithm: Sgd(nesterov: false), learning_rate: Fixed(1e999), momentum: 0.9, weight_decay: 0.0),
          |                                                                           ^^^^^ not possible
          |
          = help: write a smaller number
    ");
}

#[test]
fn a_decimal_comma() {
    insta::assert_snapshot!(spoiled(&[("temperature: 0.5", "temperature: 0,5")]), @r"
        error: `NtXent` contains a value without a name
         --> wrong.ron:8:42
          |
        8 |         objective: NtXent(temperature: 0,5),
          |                                          ^ expected a name and `:` before it
          |
          = help: write `0.5`: decimals have a point
    ");
}

#[test]
fn not_a_number() {
    insta::assert_snapshot!(spoiled(&[("Fixed(0.1)", "Fixed(NaN)")]), @r"
        error: the value of `Fixed` must be a number, not the word `NaN`
         --> wrong.ron:9:75
          |
        9 |         optimizer: (algorithm: Sgd(nesterov: false), learning_rate: Fixed(NaN), momentum: 0.9, weight_decay: 0.0),
          |                                                                           ^^^ expected a number
          |
          = help: numbers are written like `20`, `0.5` or `1e-6`
    ");
}

#[test]
fn a_negative_seed() {
    insta::assert_snapshot!(spoiled(&[("seeds: [0, 1]", "seeds: [-1]")]), @r"
        error: a seed must not be negative
          --> wrong.ron:17:13
           |
        17 |     seeds: [-1],
           |             ^^ not possible
           |
           = help: write 0 or a larger whole number
    ");
}

#[test]
fn a_seed_that_is_not_a_list() {
    insta::assert_snapshot!(spoiled(&[("seeds: [0, 1]", "seeds: 3")]), @r"
        error: `seeds` must be a list `[…]`, not a number
          --> wrong.ron:17:12
           |
        17 |     seeds: 3,
           |            ^ expected a list `[…]`
           |
           = help: write `[3]`
    ");
}

#[test]
fn no_list_at_all() {
    insta::assert_snapshot!(spoiled(&[("seeds: [0, 1]", "seeds: None")]), @r"
        error: `seeds` must be a list `[…]`, not the word `None`
          --> wrong.ron:17:12
           |
        17 |     seeds: None,
           |            ^^^^ expected a list `[…]`
           |
           = help: write `[…]`
    ");
}

#[test]
fn a_text_for_a_number() {
    insta::assert_snapshot!(spoiled(&[("batch_size: 250", r#"batch_size: "many""#)]), @r#"
        error: `batch_size` must be a whole number, not text
          --> wrong.ron:10:44
           |
        10 |         schedule: (epochs: 20, batch_size: "many", warmup_epochs: 2, decay: Cosine),
           |                                            ^^^^^^ expected a whole number
           |
           = help: whole numbers are written like `20` or `1_000`
    "#);
}

#[test]
fn a_truth_value_for_a_number() {
    insta::assert_snapshot!(spoiled(&[("width: 1.0", "width: true")]), @r"
        error: `width` must be a number, not the word `true`
         --> wrong.ron:6:49
          |
        6 |         encoder: (architecture: ResNet8, width: true, stem: Cifar, zero_init_residual: true),
          |                                                 ^^^^ expected a number
          |
          = help: numbers are written like `20`, `0.5` or `1e-6`
    ");
}

#[test]
fn an_unknown_escape() {
    insta::assert_snapshot!(spoiled(&[(r#""Widths and temperatures""#, r#""C:\data""#)]), @r#"
        error: an escape in this text is unknown
         --> wrong.ron:2:12
          |
        2 |     title: "C:\data",
          |            ^^^^^^^^^ unknown escape character
          |
          = help: write `\\` for a backslash and `\"` for a quote
    "#);
}

#[test]
fn a_value_left_out() {
    insta::assert_snapshot!(spoiled(&[("batch_norm: true", "batch_norm:")]), @r"
        error: a value is missing before `)`
         --> wrong.ron:7:59
          |
        7 |         head: (kind: Nonlinear, dimension: 64, batch_norm:),
          |                                                           ^ expected a value
          |
          = help: write the value after the `:`
    ");
}

#[test]
fn two_commas() {
    insta::assert_snapshot!(spoiled(&[("dimension: 64,", "dimension: 64,,")]), @r"
        error: a value is missing before `,`
         --> wrong.ron:7:47
          |
        7 |         head: (kind: Nonlinear, dimension: 64,, batch_norm: true),
          |                                               ^ expected a value
          |
          = help: delete this `,`, or write the value before it
    ");
}

#[test]
fn a_colon_too_many() {
    insta::assert_snapshot!(spoiled(&[("dimension: 64", "dimension:: 64")]), @r"
        error: a value is missing before `:`
         --> wrong.ron:7:43
          |
        7 |         head: (kind: Nonlinear, dimension:: 64, batch_norm: true),
          |                                           ^ expected a value
          |
          = help: write one `:` between a name and its value
    ");
}

#[test]
fn a_field_written_twice() {
    insta::assert_snapshot!(spoiled(&[(r#"title: "Widths"#, r#"title: "a", title: "Widths"#)]), @r#"
        error: `title` is written twice
         --> wrong.ron:2:17
          |
        2 |     title: "a", title: "Widths and temperatures",
          |     -----       ^^^^^ again here
          |     |
          |     first here
          |
          = help: delete one of the two
    "#);
}

#[test]
fn an_evaluation_written_twice() {
    insta::assert_snapshot!(spoiled(&[(r#""short": (epochs: 10)"#, r#""linear": (epochs: 10)"#)]), @r#"
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
fn a_typing_error_in_a_part() {
    insta::assert_snapshot!(spoiled(&[("evaluations:", "evalutions:")]), @r#"
    error: the sweep file has no field `evalutions`
      --> wrong.ron:18:5
       |
    18 |     evalutions: {"linear": (), "short": (epochs: 10)},
       |     ^^^^^^^^^^ unknown field
       |
       = help: did you mean `evaluations`? The fields here are `title`, `axes`, `seeds`, `evaluations`, `tables`, `base`, `include`, `profiles`, `changes`, `only`, `exclude`, `zip` and `scheduling`
    "#);
}

#[test]
fn a_typing_error_in_a_transformation() {
    insta::assert_snapshot!(spoiled(&[("HorizontalFlip", "HorizontalFlips")]), @r"
        error: an element of `both` cannot be `HorizontalFlips`
         --> wrong.ron:5:31
          |
        5 |         augmentation: (both: [HorizontalFlips(probability: 0.5), Grayscale(probability: 0.2)]),
          |                               ^^^^^^^^^^^^^^^ unknown name
          |
          = help: did you mean `HorizontalFlip`? The names here are `RandomResizedCrop`, `HorizontalFlip`, `ColorJitter`, `Grayscale`, `GaussianBlur`, `Cutout`, `Rotate`, `Sobel`, `GaussianNoise`, `Equalize`, `Solarize` and `AutoAugment`
    ");
}

#[test]
fn two_values_for_one() {
    insta::assert_snapshot!(spoiled(&[("Fixed(0.1)", "Fixed(0.1, 0.2)")]), @r"
        error: `Fixed` takes one value in parentheses
         --> wrong.ron:9:69
          |
        9 |         optimizer: (algorithm: Sgd(nesterov: false), learning_rate: Fixed(0.1, 0.2), momentum: 0.9, weight_decay: 0.0),
          |                                                                     ^^^^^^^^^^^^^^^ expected one value in parentheses
          |
          = help: write `Fixed(…)`
    ");
}

#[test]
fn a_value_of_another_axis() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"only: [{ "width": "long" }],
    tables: ["#)]), @r#"
        error: `width` has no value `long`
          --> wrong.ron:19:23
           |
        19 |     only: [{ "width": "long" }],
           |                       ^^^^^^ unknown value
           |
           = help: the values here are `1` and `2`
    "#);
}

#[test]
fn an_axis_named_twice_by_a_condition() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"only: [{ "width": "1", "width": "2" }],
    tables: ["#)]), @r#"
        error: an axis is named twice by this condition
          --> wrong.ron:19:28
           |
        19 |     only: [{ "width": "1", "width": "2" }],
           |              -------       ^^^^^^^ again here
           |              |
           |              first here
           |
           = help: write one list with all its labels: `"axis": ["label", "label"]`
    "#);
}

#[test]
fn an_empty_condition() {
    insta::assert_snapshot!(spoiled(&[("tables: [", "exclude: [{}],
    tables: [")]), @r#"
        error: a condition must be values of axes `{"axis": "label", …}`, not a map `{…}`
          --> wrong.ron:19:15
           |
        19 |     exclude: [{}],
           |               ^^ expected values of axes `{"axis": "label", …}`
           |
           = help: write `{"axis": "label", …}`
    "#);
}

#[test]
fn zipped_axes_of_different_lengths() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"zip: [["width", "training"]],
    tables: ["#)]), @r#"
        error: `width` has 2 values and `training` has 3
          --> wrong.ron:19:21
           |
        19 |     zip: [["width", "training"]],
           |                     ^^^^^^^^^^ cannot advance together
           |
           = help: axes that are zipped need equally many values
    "#);
}

#[test]
fn an_unknown_axis_in_zip() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"zip: [["widht"]],
    tables: ["#)]), @r#"
        error: there is no axis `widht`
          --> wrong.ron:19:12
           |
        19 |     zip: [["widht"]],
           |            ^^^^^^^ unknown axis
           |
           = help: did you mean `width`? The axes here are `width` and `training`
    "#);
}

#[test]
fn nothing_left_to_run() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"exclude: [{ "width": ["1", "2"] }],
    tables: ["#)]), @r"
        error: `only`, `exclude` and `zip` leave no trial
          --> wrong.ron:13:11
           |
        13 |     axes: [
           |           ^ no combination of these values is taken
           |
           = help: loosen a condition: a trial must meet one in each `only`, none in `exclude`, and every `zip`
    ");
}

#[test]
fn a_change_without_effect() {
    insta::assert_snapshot!(spoiled(&[(r#""long": ()"#, r#""long": (schedule: (epochs: 20)), "same": (schedule: (epochs: 20))"#)]), @r#"
        error: "same" changes nothing: same recipe as "long"
          --> wrong.ron:15:71
           |
        15 | ...   (name: "training", values: {"long": (schedule: (epochs: 20)), "same": (schedule: (epochs: 20)), "cold": (objective: NtXent(tem...
           |                                   ------ same recipe                ^^^^^^ the same recipe again
           |
           = help: remove one of the two, or let them differ; both are values of `training`
    "#);
}

#[test]
fn an_unknown_label_in_a_change() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"changes: [(when: { "training": "warm" }, change: (schedule: (epochs: 5)))],
    tables: ["#)]), @r#"
        error: `training` has no value `warm`
          --> wrong.ron:19:36
           |
        19 |     changes: [(when: { "training": "warm" }, change: (schedule: (epochs: 5)))],
           |                                    ^^^^^^ unknown value
           |
           = help: the values here are `long`, `cold` and `none`
    "#);
}

#[test]
fn published_numbers_of_another_shape() {
    insta::assert_snapshot!(spoiled(&[("metrics: [", r#"published: (source: "a", tolerance: 1, values: [[1, 2], [3, 4]]),
            metrics: ["#)]), @r#"
    error: there are 2 rows, but the table has 3
      --> wrong.ron:25:60
       |
    25 |             published: (source: "a", tolerance: 1, values: [[1, 2], [3, 4]]),
       |                                                            ^^^^^^^^^^^^^^^^ does not fit the table
       |
       = help: write one list per row of the table and one number per column, metrics innermost, averages last; `None` where nothing is published; combinations that `only` and `exclude` leave out count, too

    error: there are 2 numbers in this row, but the table has 4
      --> wrong.ron:25:61
       |
    25 |             published: (source: "a", tolerance: 1, values: [[1, 2], [3, 4]]),
       |                                                             ^^^^^^ does not fit the table
       |
       = help: write one list per row of the table and one number per column, metrics innermost, averages last; `None` where nothing is published; combinations that `only` and `exclude` leave out count, too

    error: there are 2 numbers in this row, but the table has 4
      --> wrong.ron:25:69
       |
    25 |             published: (source: "a", tolerance: 1, values: [[1, 2], [3, 4]]),
       |                                                                     ^^^^^^ does not fit the table
       |
       = help: write one list per row of the table and one number per column, metrics innermost, averages last; `None` where nothing is published; combinations that `only` and `exclude` leave out count, too
    "#);
}

#[test]
fn published_numbers_without_a_source() {
    insta::assert_snapshot!(spoiled(&[("metrics: [", "published: (tolerance: 1, values: [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]),
            metrics: [")]), @r#"
        error: `published` lacks `source`
          --> wrong.ron:25:24
           |
        25 |             published: (tolerance: 1, values: [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]),
           |                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a field is missing here
           |
           = help: every field must be written; add `source: "SimCLR, Table 1"`
    "#);
}

#[test]
fn a_published_number_in_words() {
    insta::assert_snapshot!(spoiled(&[("metrics: [", r#"published: (source: "a", tolerance: 1, values: [[1, 2, 3, 4], [1, 2, 3, n/a], [1, 2, 3, 4]]),
            metrics: ["#)]), @r#"
        error: `/` has no meaning here
          --> wrong.ron:25:86
           |
        25 |             published: (source: "a", tolerance: 1, values: [[1, 2, 3, 4], [1, 2, 3, n/a], [1, 2, 3, 4]]),
           |                                                                                      ^ unexpected
           |
           = help: formulas are not computed: write the resulting number
    "#);
}

#[test]
fn a_published_text() {
    insta::assert_snapshot!(spoiled(&[("metrics: [", r#"published: (source: "a", tolerance: 1, values: [[1, 2, 3, 4], [1, "2.5", 3, 4], [1, 2, 3, 4]]),
            metrics: ["#)]), @r#"
        error: an element of an element of `values` must be a number, not text
          --> wrong.ron:25:79
           |
        25 |             published: (source: "a", tolerance: 1, values: [[1, 2, 3, 4], [1, "2.5", 3, 4], [1, 2, 3, 4]]),
           |                                                                               ^^^^^ expected a number
           |
           = help: write `2.5`, without quotes
    "#);
}

#[test]
fn tolerances_for_other_metrics() {
    insta::assert_snapshot!(spoiled(&[("metrics: [", r#"published: (source: "a", tolerance: [1, 2, 3], values: [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]),
            metrics: ["#)]), @r#"
        error: there are 3 tolerances for 2 metrics
          --> wrong.ron:25:49
           |
        25 |             published: (source: "a", tolerance: [1, 2, 3], values: [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]),
           |                                                 ^^^^^^^^^ one for each, or one for all
           |
           = help: write one number, or a list with one number for each metric
    "#);
}

#[test]
fn two_tables_of_one_name() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"tables: [
        (name: "Widths", title: "a", rows: ["training", "width"], columns: [], metrics: [(metric: Loss)]),"#)]), @r#"
        error: two tables have the same name
          --> wrong.ron:22:19
           |
        20 |         (name: "Widths", title: "a", rows: ["training", "width"], columns: [], metrics: [(metric: Loss)]),
           |                -------- first here
        21 |         (
        22 |             name: "widths",
           |                   ^^^^^^^^ again here
           |
           = help: rename one of the two, or delete it
    "#);
}

#[test]
fn a_profile_with_unknown_parts() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"profiles: { "smoke": (base: (), table: []) },
    tables: ["#)]), @r#"
        error: profile "smoke" has no field `table`
          --> wrong.ron:19:37
           |
        19 |     profiles: { "smoke": (base: (), table: []) },
           |                                     ^^^^^ unknown field
           |
           = help: the fields here are `like`, `base`, `axes`, `evaluations`, `seeds`, `only` and `changes`
    "#);
}

#[test]
fn profiles_in_a_list() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"profiles: ["smoke"],
    tables: ["#)]), @r#"
        error: `profiles` must be labelled entries `{"label": (…), …}`, not a list `[…]`
          --> wrong.ron:19:15
           |
        19 |     profiles: ["smoke"],
           |               ^^^^^^^^^ expected labelled entries `{"label": (…), …}`
           |
           = help: write `{"label": (…), …}`
    "#);
}

#[test]
fn a_file_that_includes_nothing() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"include: "",
    tables: ["#)]), @r#"
        error: `include` must not be empty
          --> wrong.ron:19:14
           |
        19 |     include: "",
           |              ^^ empty text
           |
           = help: write a text between the quotes
    "#);
}

#[test]
fn a_file_that_includes_what_is_not_there() {
    insta::assert_snapshot!(spoiled(&[("tables: [", r#"include: "shared.ron",
    tables: ["#)]), @r#"
        error: `shared.ron` cannot be included: files cannot be included here
          --> wrong.ron:19:14
           |
        19 |     include: "shared.ron",
           |              ^^^^^^^^^^^^ this file
           |
           = help: write its path from the folder of this file
    "#);
}

#[test]
fn a_grid_of_absurd_size() {
    insta::assert_snapshot!(wrong(&large_grid()), @r"
        error: the grid has 36,000,000 jobs
          --> wrong.ron:13:11
           |
        13 |     axes: [
           |           ^ these axes are multiplied
           |
           = help: 1,000 `epochs` × 1,000 `dimension` × 2 `width` × 3 `training` × 2 seeds × (1 pretraining + 2 evaluations); at most 1,000,000 jobs are possible
    ");
}

#[test]
fn too_many_axes() {
    insta::assert_snapshot!(wrong(&many_axes()), @r#"
        error: a sweep has at most 32 axes
          --> wrong.ron:46:9
           |
        46 |         (name: "32", values: { "a": () }),
           |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ one too many
           |
           = help: split the sweep into several files, or let one value change several fields
    "#);
}

#[test]
fn a_rule_of_absurd_size() {
    insta::assert_snapshot!(spoiled(&[(r#"{"1": (), "2": (encoder: (width: 2))}"#, "Range(from: 1, to: 1e9, step: 1), change: (schedule: (epochs: x))")]), @r#"
        error: the range has more than 100,000 numbers
          --> wrong.ron:14:33
           |
        14 |         (name: "width", values: Range(from: 1, to: 1e9, step: 1), change: (schedule: (epochs: x))),
           |                                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ no such numbers
           |
           = help: take a larger step
    "#);
}

#[test]
fn a_base_that_cannot_be_trained() {
    insta::assert_snapshot!(spoiled(&[("batch_size: 250,", "batch_size: 1,")]), @r"
        error: a batch of 1 has no negatives
          --> wrong.ron:10:44
           |
        10 |         schedule: (epochs: 20, batch_size: 1, warmup_epochs: 2, decay: Cosine),
           |                                            ^ impossible value
           |
           = help: write at least 2
    ");
}

#[test]
fn a_kernel_of_no_image() {
    insta::assert_snapshot!(spoiled(&[("HorizontalFlip(probability: 0.5)", "RandomResizedCrop(area: (0.5, 0.1), aspect: (0.75, 1.3333), interpolation: Bicubic)")]), @r"
        error: (0.5, 0.1) is not a range of areas
         --> wrong.ron:5:55
          |
        5 | ...   augmentation: (both: [RandomResizedCrop(area: (0.5, 0.1), aspect: (0.75, 1.3333), interpolation: Bicubic), Grayscale(probabilit...
          |                                                     ^^^^^^^^^^ impossible value
          |
          = help: write (smallest, largest) with 0 < smallest <= largest <= 1; the paper uses (0.08, 1.0)
    ");
}

/// What is said of a sweep that includes this text, with a profile.
fn wrong_include(shared: &str, profile: Option<&str>) -> String {
    let (before, rest) = VALID.split_once("    base: (").unwrap();
    let (_, after) = rest.split_once("\n    ),\n").unwrap();
    let text = format!("{before}    include: \"shared.ron\",\n{after}");
    let include = |name: &str| Ok((format!("folder/{name}"), shared.to_owned()));
    let found = Source { name: "wrong.ron", text: &text, profile, include: &include }.parse().unwrap_err();
    assert!(found.iter().all(|diagnostic| diagnostic.help.is_some()), "{found}");
    found.to_string()
}

/// What the [`VALID`] file could include.
fn shared(more: &str) -> String {
    let (_, rest) = VALID.split_once("    base: (").unwrap();
    let (base, _) = rest.split_once("\n    ),\n").unwrap();
    format!("(\n    base: ({base}\n    ),\n{more})\n")
}

#[test]
fn an_included_file_that_is_empty() {
    insta::assert_snapshot!(wrong_include("", None), @r"
        error: the file is empty
         --> folder/shared.ron:1:1
          |
        1 |
          | ^ nothing here
          |
          = help: a sweep file has the form `(title: …, base: …, axes: […], seeds: […], evaluations: {…}, tables: […])`
    ");
}

#[test]
fn an_included_file_that_is_a_sweep() {
    insta::assert_snapshot!(wrong_include(&shared("    seeds: [0],\n"), None), @r"
        error: an included file has no field `seeds`
          --> folder/shared.ron:12:5
           |
        12 |     seeds: [0],
           |     ^^^^^ unknown field
           |
           = help: the fields here are `base` and `profiles`
    ");
}

#[test]
fn an_included_file_that_includes_another() {
    insta::assert_snapshot!(wrong_include(&shared("    include: \"other.ron\",\n"), None), @r#"
        error: an included file has no field `include`
          --> folder/shared.ron:12:5
           |
        12 |     include: "other.ron",
           |     ^^^^^^^ unknown field
           |
           = help: the fields here are `base` and `profiles`
    "#);
}

#[test]
fn an_included_file_without_a_base() {
    insta::assert_snapshot!(wrong_include("(profiles: {})", None), @r#"
        error: an included file lacks `base`
         --> folder/shared.ron:1:1
          |
        1 | (profiles: {})
          | ^^^^^^^^^^^^^^ a field is missing here
          |
          = help: every field must be written; add `base: (…)`

        error: `profiles` must not be empty
         --> folder/shared.ron:1:12
          |
        1 | (profiles: {})
          |            ^^ at least one profile is needed
          |
          = help: write `"label": ()`, an entry that changes nothing, to begin with
    "#);
}

#[test]
fn an_included_profile_with_axes() {
    insta::assert_snapshot!(wrong_include(&shared("    profiles: { \"smoke\": (axes: {}) },\n"), Some("smoke")), @r#"
        error: a profile of an included file cannot change `axes`
          --> folder/shared.ron:12:33
           |
        12 |     profiles: { "smoke": (axes: {}) },
           |                                 ^^ not known in this file
           |
           = help: write `axes` into this profile of the sweep file, which has the axes
    "#);
}

#[test]
fn a_profile_that_no_file_has() {
    insta::assert_snapshot!(wrong_include(&shared("    profiles: { \"smoke\": () },\n"), Some("paper")), @r"
        error: there is no profile `paper`
         --> wrong.ron:1:1
          |
        1 | (
          | ^ not among these
          |
          = help: only `smoke` is possible here
    ");
}

#[test]
fn an_included_file_with_brackets_open() {
    insta::assert_snapshot!(wrong_include(&shared("    profiles: { \"smoke\": (,\n"), None), @r#"
        error: a value is missing before `,`
          --> folder/shared.ron:12:27
           |
        12 |     profiles: { "smoke": (,
           |                           ^ expected a value
           |
           = help: delete this `,`, or write the value before it
    "#);
}

#[test]
fn a_decimal_comma_in_a_pair() {
    insta::assert_snapshot!(wrong("(base: (data: 0,5))"), @r#"
        error: the sweep file lacks `title`, `axes`, `seeds`, `evaluations` and `tables`
         --> wrong.ron:1:1
          |
        1 | (base: (data: 0,5))
          | ^^^^^^^^^^^^^^^^^^^ fields are missing here
          |
          = help: every field must be written; add `title: "Does SimCLR need color distortion?", axes: […], seeds: [0, 1, 2], evaluations: { "linear": (), "linear, 10 epochs": (epochs: 10) }, tables: […]`

        error: `data` must be a group of fields `(name: value, …)`, not a number
         --> wrong.ron:1:15
          |
        1 | (base: (data: 0,5))
          |               ^ expected a group of fields `(name: value, …)`
          |
          = help: write `(name: value, …)`

        error: `base` contains a value without a name
         --> wrong.ron:1:17
          |
        1 | (base: (data: 0,5))
          |                 ^ expected a name and `:` before it
          |
          = help: write `0.5`: decimals have a point
    "#);
}
