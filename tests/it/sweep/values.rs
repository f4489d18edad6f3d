//! Values of the wrong kind.

use super::explain;

#[test]
fn unknown_name() {
    let text = explain(&[("kind: Nonlinear", "kind: NonLinear")]);
    insta::assert_snapshot!(text, @r#"
    error: `kind` cannot be `NonLinear`
     --> wrong.ron:7:22
      |
    7 |         head: (kind: NonLinear, dimension: 64, batch_norm: true),
      |                      ^^^^^^^^^ unknown name
      |
      = help: did you mean `Nonlinear`? The names here are `Identity`, `Linear` and `Nonlinear`
    "#);
}

#[test]
fn quoted_name() {
    let text = explain(&[("source: Shapes", r#"source: "Shapes""#)]);
    insta::assert_snapshot!(text, @r#"
    error: `source` must be a name without quotes, not text
     --> wrong.ron:4:24
      |
    4 |         data: (source: "Shapes", train_images: 1000, test_images: 500),
      |                        ^^^^^^^^ expected a name without quotes
      |
      = help: write `Shapes`
    "#);
}

#[test]
fn settings_left_out() {
    let text = explain(&[("objective: NtXent(temperature: 0.5)", "objective: NtXent")]);
    insta::assert_snapshot!(text, @r#"
    error: `NtXent` needs settings
     --> wrong.ron:8:20
      |
    8 |         objective: NtXent,
      |                    ^^^^^^ nothing follows
      |
      = help: write `NtXent(temperature: 0.5)`
    "#);
}

#[test]
fn settings_of_the_untrained() {
    let text = explain(&[(r#""none": (objective: Untrained)"#, r#""none": (objective: Untrained(epochs: 0))"#)]);
    insta::assert_snapshot!(text, @r#"
    error: `Untrained` takes no settings
      --> wrong.ron:15:125
       |
    15 | ...nt(temperature: 0.1)), "none": (objective: Untrained(epochs: 0))}),
       |                                                        ^^^^^^^^^^^ not expected
       |
       = help: write `Untrained`
    "#);
}

#[test]
fn number_in_quotes() {
    let text = explain(&[("width: 1.0", r#"width: "1.0""#)]);
    insta::assert_snapshot!(text, @r#"
    error: `width` must be a number, not text
     --> wrong.ron:6:49
      |
    6 |         encoder: (architecture: ResNet8, width: "1.0", stem: Cifar, zero_init_residual: true),
      |                                                 ^^^^^ expected a number
      |
      = help: write `1.0`, without quotes
    "#);
}

#[test]
fn whole_numbers() {
    let text = explain(&[
        ("epochs: 20", "epochs: 2.5"),
        ("batch_size: 250", "batch_size: -250"),
        ("dimension: 64", "dimension: 64.0"),
        ("train_images: 1000", "train_images: 1e30"),
    ]);
    insta::assert_snapshot!(text, @r#"
    error: `train_images` is too large
     --> wrong.ron:4:46
      |
    4 |         data: (source: Shapes, train_images: 1e30, test_images: 500),
      |                                              ^^^^ not possible
      |
      = help: write a smaller number

    error: `dimension` must be written as a whole number
     --> wrong.ron:7:44
      |
    7 |         head: (kind: Nonlinear, dimension: 64.0, batch_norm: true),
      |                                            ^^^^ not possible
      |
      = help: write `64`

    error: `epochs` must be a whole number
      --> wrong.ron:10:28
       |
    10 |         schedule: (epochs: 2.5, batch_size: -250, warmup_epochs: 2, decay: Cosine),
       |                            ^^^ not possible
       |
       = help: write `2` or `3`

    error: `batch_size` must not be negative
      --> wrong.ron:10:45
       |
    10 |         schedule: (epochs: 2.5, batch_size: -250, warmup_epochs: 2, decay: Cosine),
       |                                             ^^^^ not possible
       |
       = help: write 0 or a larger whole number
    "#);
}

#[test]
fn malformed_number() {
    let text = explain(&[("learning_rate: Fixed(0.1)", "learning_rate: Fixed(0.1.2)")]);
    insta::assert_snapshot!(text, @r#"
    error: `0.1.2` is not a number
     --> wrong.ron:9:75
      |
    9 |         optimizer: (algorithm: Sgd(nesterov: false), learning_rate: Fixed(0.1.2), momentum: 0.9, weight_decay: 0.0),
      |                                                                           ^^^^^ expected a number
      |
      = help: numbers are written like `20`, `0.5` or `1e-6`
    "#);
}

#[test]
fn python_truth_value() {
    let text = explain(&[("batch_norm: true", "batch_norm: True")]);
    insta::assert_snapshot!(text, @r#"
    error: `batch_norm` must be `true` or `false`, not the word `True`
     --> wrong.ron:7:60
      |
    7 |         head: (kind: Nonlinear, dimension: 64, batch_norm: True),
      |                                                            ^^^^ expected `true` or `false`
      |
      = help: write `true`
    "#);
}

#[test]
fn bare_number_for_a_named_choice() {
    let text = explain(&[("learning_rate: Fixed(0.1)", "learning_rate: 0.1")]);
    insta::assert_snapshot!(text, @r#"
    error: `learning_rate` must be a name, not a number
     --> wrong.ron:9:69
      |
    9 |         optimizer: (algorithm: Sgd(nesterov: false), learning_rate: 0.1, momentum: 0.9, weight_decay: 0.0),
      |                                                                     ^^^ expected a name
      |
      = help: the names here are `Fixed`, `LinearScaling` and `SquareRootScaling`, for example `learning_rate: LinearScaling(1.0)`
    "#);
}

#[test]
fn list_for_a_change() {
    let text = explain(&[(r#""2": (encoder: (width: 2))"#, r#""2": [width, 2]"#)]);
    insta::assert_snapshot!(text, @r#"
        error: "2" must be a group of fields `(name: value, …)`, not a list `[…]`
          --> wrong.ron:14:48
           |
        14 |         (name: "width", values: {"1": (), "2": [width, 2]}),
           |                                                ^^^^^^^^^^ expected a group of fields `(name: value, …)`
           |
           = help: write `(name: value, …)`
    "#);
}

#[test]
fn pair_of_one() {
    let text = explain(&[(
        "HorizontalFlip(probability: 0.5), Grayscale(probability: 0.2)",
        "RandomResizedCrop(area: 1, aspect: (1, 1), sampling: UniformArea, interpolation: Bicubic)",
    )]);
    insta::assert_snapshot!(text, @r#"
    error: `area` must be 2 values in parentheses
     --> wrong.ron:5:55
      |
    5 |         augmentation: (both: [RandomResizedCrop(area: 1, aspect: (1, 1), sampling: UniformArea, interpolation: Bicubic)]),
      |                                                       ^ expected 2 values in parentheses
      |
      = help: for example `area: (0.08, 1.0)`
    "#);
}
