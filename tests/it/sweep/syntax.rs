//! Files that are not RON.

use super::explain;

#[test]
fn missing_comma() {
    let text = explain(&[(r#"title: "Widths and temperatures","#, r#"title: "Widths and temperatures""#)]);
    insta::assert_snapshot!(text, @r#"
        error: a comma is missing
         --> wrong.ron:2:37
          |
        2 |     title: "Widths and temperatures"
          |                                     ^ expected `,` here
          |
          = help: write `,` between entries
    "#);
}

#[test]
fn missing_closing_bracket() {
    let text = explain(&[("test_images: 500),", "test_images: 500,")]);
    insta::assert_snapshot!(text, @r"
        error: `)` is missing
          --> wrong.ron:28:3
           |
         1 | (
           | - this `(` is not closed
        ...
         4 |         data: (source: Shapes, train_images: 1000, test_images: 500,
           |               - going by the indentation, this is the one that lacks its end
        ...
        28 | )
           |  ^ the file ends here
           |
           = help: write `)` where it ends
    ");
}

#[test]
fn mismatched_brackets() {
    let text = explain(&[("Grayscale(probability: 0.2)]),", "Grayscale(probability: 0.2)),")]);
    insta::assert_snapshot!(text, @r"
        error: `]` is missing before `)`
         --> wrong.ron:5:92
          |
        5 |         augmentation: (both: [HorizontalFlip(probability: 0.5), Grayscale(probability: 0.2)),
          |                              - this `[` is not closed                                      ^ expected `]`
          |
          = help: write `]` where `[` ends; brackets close in the order `( [ { } ] )`
    ");
}

#[test]
fn surplus_bracket() {
    let text = explain(&[("seeds: [0, 1],", "seeds: [0, 1]),")]);
    insta::assert_snapshot!(text, @r#"
    error: the file goes on after its end
      --> wrong.ron:17:19
       |
    17 |     seeds: [0, 1]),
       |                  -^ not expected
       |                  |
       |                  the sweep ends here
       |
       = help: the whole file is one `(…)`; perhaps there is one closing bracket too many before this
    "#);
}

#[test]
fn unclosed_text() {
    let text = explain(&[(r#"title: "Linear evaluation""#, r#"title: "Linear evaluation"#)]);
    insta::assert_snapshot!(text, @r#"
        error: a comma is missing
          --> wrong.ron:23:21
           |
        22 |             title: "Linear evaluation,
           |                    - this text goes on to another line: is its `"` missing?
        23 |             rows: ["training"],
           |                     ^ expected `,` here
           |
           = help: write `,` between entries
    "#);
}

#[test]
fn equals_sign() {
    let text = explain(&[("seeds: [0, 1]", "seeds = [0, 1]")]);
    insta::assert_snapshot!(text, @r#"
    error: `=` has no meaning here
      --> wrong.ron:17:11
       |
    17 |     seeds = [0, 1],
       |           ^ unexpected
       |
       = help: write `:` between a name and its value
    "#);
}

#[test]
fn quoted_field_name() {
    let text = explain(&[("seeds: [0, 1]", r#""seeds": [0, 1]"#)]);
    insta::assert_snapshot!(text, @r#"
    error: the name of a field is a plain word
      --> wrong.ron:17:5
       |
    17 |     "seeds": [0, 1],
       |     ^^^^^^^ not a plain word
       |
       = help: write `seeds: …`
    "#);
}

#[test]
fn single_quotes() {
    let text = explain(&[(r#""Linear evaluation""#, "'Linear evaluation'")]);
    insta::assert_snapshot!(text, @r#"
    error: the title of this table must be text in double quotes, not something in single quotes
      --> wrong.ron:22:20
       |
    22 |             title: 'Linear evaluation',
       |                    ^^^^^^^^^^^^^^^^^^^ expected text in double quotes
       |
       = help: write `"Linear evaluation"`
    "#);
}

#[test]
fn labels_in_a_list() {
    let text = explain(&[(r#"{"linear": (), "short": (epochs: 10)}"#, r#"["linear": (), "short": (epochs: 10)]"#)]);
    insta::assert_snapshot!(text, @r#"
    error: `:` has no meaning here
      --> wrong.ron:18:27
       |
    18 |     evaluations: ["linear": (), "short": (epochs: 10)],
       |                  -        ^ unexpected
       |                  |
       |                  inside this `[`
       |
       = help: names stand in `(name: …)` and labels in `{"label": …}`; perhaps a bracket is missing
    "#);
}

#[test]
fn typographic_quotes() {
    let text = explain(&[(r#""Linear evaluation""#, "“Linear evaluation”")]);
    insta::assert_snapshot!(text, @r#"
    error: `“` has no meaning here
      --> wrong.ron:22:20
       |
    22 |             title: “Linear evaluation”,
       |                    ^ unexpected
       |
       = help: texts stand between straight quotes: `"…"`
    "#);
}

#[test]
fn formula() {
    let text = explain(&[("temperature: 0.5", "temperature: 1/2")]);
    insta::assert_snapshot!(text, @r#"
    error: `/` has no meaning here
     --> wrong.ron:8:41
      |
    8 |         objective: NtXent(temperature: 1/2),
      |                                         ^ unexpected
      |
      = help: formulas are not computed: write the resulting number
    "#);
}

#[test]
fn extension() {
    let text = explain(&[("(\n    title", "#![enable(unwrap_newtypes)]\n(\n    title")]);
    insta::assert_snapshot!(text, @r#"
    error: sweep files take no extensions
     --> wrong.ron:1:1
      |
    1 | #![enable(unwrap_newtypes)]
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^ not supported
      |
      = help: delete this line
    "#);
}
