//! Mistakes that only the whole grid shows.

use super::explain;

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

#[test]
fn grid_too_large() {
    let seeds: Vec<_> = (0..500_000).map(|seed| seed.to_string()).collect();
    let seeds = format!("seeds: [\n{}]", seeds.join(","));
    let text = explain(&[("seeds: [0, 1]", &seeds)]);
    insta::assert_snapshot!(text, @r#"
    error: the grid has 6,000,000 jobs
      --> wrong.ron:13:11
       |
    13 |     axes: [
       |           ^ these axes are multiplied
       |
       = help: 2 `width` × 3 `training` × 500,000 seeds × 2 evaluations; at most 1,000,000 jobs are possible
    "#);
}
