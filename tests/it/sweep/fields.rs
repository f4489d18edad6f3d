//! Fields that are unknown, missing, repeated or misplaced.

use super::explain;

#[test]
fn unknown_field() {
    let text = explain(&[("zero_init_residual", "zero_init_residuals")]);
    insta::assert_snapshot!(text, @r#"
    error: `encoder` has no field `zero_init_residuals`
     --> wrong.ron:6:67
      |
    6 |         encoder: (architecture: ResNet8, width: 1.0, stem: Cifar, zero_init_residuals: true),
      |                                                                   ^^^^^^^^^^^^^^^^^^^ unknown field
      |
      = help: did you mean `zero_init_residual`? The fields here are `architecture`, `width`, `stem`, `zero_init_residual`, `projection_shortcut`, `input_normalization` and `precision`
    "#);
}

#[test]
fn field_of_another_part() {
    let text = explain(&[(r#""cold": (objective: NtXent(temperature: 0.1))"#, r#""cold": (temperature: 0.1)"#)]);
    insta::assert_snapshot!(text, @r#"
    error: "cold" has no field `temperature`
      --> wrong.ron:15:58
       |
    15 |         (name: "training", values: {"long": (), "cold": (temperature: 0.1), "none": (objective: Untrained)}),
       |                                                          ^^^^^^^^^^^ unknown field
       |
       = help: write `objective: NtXent(temperature: …)`
    "#);
}

#[test]
fn field_in_two_places() {
    let text = explain(&[(r#""2": (encoder: (width: 2))"#, r#""2": (batch_size: 100)"#)]);
    insta::assert_snapshot!(text, @r#"
    error: "2" has no field `batch_size`
      --> wrong.ron:14:49
       |
    14 |         (name: "width", values: {"1": (), "2": (batch_size: 100)}),
       |                                                 ^^^^^^^^^^ unknown field
       |
       = help: write `schedule: (batch_size: …)` or `evaluation: (batch_size: …)`
    "#);
}

#[test]
fn missing_fields() {
    let text = explain(&[
        ("width: 1.0, stem: Cifar, zero_init_residual: true", "width: 1.0"),
        ("data: (source: Shapes, train_images: 1000, test_images: 500)", "data: ()"),
    ]);
    insta::assert_snapshot!(text, @r#"
    error: `data` lacks `source`, `train_images` and `test_images`
     --> wrong.ron:4:15
      |
    4 |         data: (),
      |               ^^ fields are missing here
      |
      = help: every field must be written; add `source: Shapes, train_images: 1000, test_images: 500`

    error: `encoder` lacks `stem` and `zero_init_residual`
     --> wrong.ron:6:18
      |
    6 |         encoder: (architecture: ResNet8, width: 1.0),
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ fields are missing here
      |
      = help: every field must be written; add `stem: Cifar, zero_init_residual: true`
    "#);
}

#[test]
fn missing_sections() {
    let text =
        explain(&[("    seeds: [0, 1],\n", ""), ("    evaluations: {\"linear\": (), \"short\": (epochs: 10)},\n", "")]);
    insta::assert_snapshot!(text, @r#"
    error: the sweep file lacks `seeds` and `evaluations`
     --> wrong.ron:1:1
      |
    1 | (
      | ^ fields are missing here
      |
      = help: every field must be written; add `seeds: [0, 1, 2], evaluations: { "linear": (), "linear, 10 epochs": (epochs: 10) }`
    "#);
}

#[test]
fn unknown_section() {
    let text = explain(&[("    seeds:", "    figures: {},\n    seeds:")]);
    insta::assert_snapshot!(text, @"
    error: the sweep file has no field `figures`
      --> wrong.ron:17:5
       |
    17 |     figures: {},
       |     ^^^^^^^ unknown field
       |
       = help: the fields here are `title`, `axes`, `seeds`, `evaluations`, `tables`, `base`, `include`, `profiles`, `changes`, `only`, `exclude`, `zip` and `scheduling`
    ");
}

#[test]
fn repeated_field() {
    let text = explain(&[(
        "momentum: 0.9, weight_decay: 0.0),\n        schedule",
        "momentum: 0.9, momentum: 0.5, weight_decay: 0.0),\n        schedule",
    )]);
    insta::assert_snapshot!(text, @r"
        error: `momentum` is written twice
         --> wrong.ron:9:96
          |
        9 |         optimizer: (algorithm: Sgd(nesterov: false), learning_rate: Fixed(0.1), momentum: 0.9, momentum: 0.5, weight_decay: 0.0),
          |                                                                                 --------       ^^^^^^^^ again here
          |                                                                                 |
          |                                                                                 first here
          |
          = help: delete one of the two
    ");
}

#[test]
fn value_without_name() {
    let text = explain(&[("data: (source: Shapes,", "data: (Shapes,")]);
    insta::assert_snapshot!(text, @r#"
    error: `data` contains a value without a name
     --> wrong.ron:4:16
      |
    4 |         data: (Shapes, train_images: 1000, test_images: 500),
      |                ^^^^^^ expected a name and `:` before it
      |
      = help: write `name: value`; the names here are `source`, `train_images`, `validation_images`, `subset_seed`, `test_images`, `corrupt_images`, `image_size`, `center_crop` and `folder`
    "#);
}

#[test]
fn group_with_a_name() {
    let text = explain(&[("encoder: (", "encoder: ResNet(")]);
    insta::assert_snapshot!(text, @r#"
    error: no name may stand before the group of `encoder`
     --> wrong.ron:6:18
      |
    6 |         encoder: ResNet(architecture: ResNet8, width: 1.0, stem: Cifar, zero_init_residual: true),
      |                  ^^^^^^ not expected
      |
      = help: delete `ResNet`
    "#);
}

#[test]
fn several_mistakes_at_once() {
    let text = explain(&[
        ("architecture: ResNet8, width: 1.0", "architecture: ResNet51, width: wide"),
        (r#""none": (objective: Untrained)"#, r#""none": (objective: Untraned)"#),
        ("seeds: [0, 1]", "seeds: [0, -1]"),
        (r#"rows: ["training"]"#, r#"rows: ["trainig"]"#),
    ]);
    insta::assert_snapshot!(text, @r#"
        error: `architecture` cannot be `ResNet51`
         --> wrong.ron:6:33
          |
        6 |         encoder: (architecture: ResNet51, width: wide, stem: Cifar, zero_init_residual: true),
          |                                 ^^^^^^^^ unknown name
          |
          = help: did you mean `ResNet152`? The names here are `ResNet8`, `ResNet14`, `ResNet20`, `ResNet18`, `ResNet34`, `ResNet50`, `ResNet101` and `ResNet152`

        error: `width` must be a number, not the word `wide`
         --> wrong.ron:6:50
          |
        6 |         encoder: (architecture: ResNet51, width: wide, stem: Cifar, zero_init_residual: true),
          |                                                  ^^^^ expected a number
          |
          = help: numbers are written like `20`, `0.5` or `1e-6`

        error: `objective` cannot be `Untraned`
          --> wrong.ron:15:116
           |
        15 |         (name: "training", values: {"long": (), "cold": (objective: NtXent(temperature: 0.1)), "none": (objective: Untraned)}),
           |                                                                                                                    ^^^^^^^^ unknown name
           |
           = help: did you mean `Untrained`? The names here are `NtXent`, `NtLogistic`, `MarginTriplet`, `Supervised`, `Pretrained` and `Untrained`

        error: a seed must not be negative
          --> wrong.ron:17:16
           |
        17 |     seeds: [0, -1],
           |                ^^ not possible
           |
           = help: write 0 or a larger whole number

        error: there is no axis `trainig`
          --> wrong.ron:23:20
           |
        23 |             rows: ["trainig"],
           |                    ^^^^^^^^^ unknown axis
           |
           = help: did you mean `training`? The axes here are `width` and `training`
    "#);
}
