//! The canonical layout: stable, with all comments, without a change of meaning.

use std::{fs, path::Path};

use ablate::sweep;
use proptest::{prelude::*, test_runner::RngSeed};

fn format(text: &str) -> String {
    let formatted = sweep::format("file.ron", text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}"));
    let again = sweep::format("file.ron", &formatted).unwrap_or_else(|wrong| panic!("{formatted}\n{wrong}"));
    assert_eq!(formatted, again, "not stable:\n{text}");
    formatted
}

#[test]
fn shipped_files_are_formatted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("src/cli/starter.ron"), root.join("src/sweep/example.ron")];
    for folder in ["sweeps", "sweeps/shared"] {
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|ending| ending == "ron")));
    }
    assert!(files.len() > 15);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(format(&text) == text, "{} is not formatted: run `ablate fmt`", file.display());
    }
}

#[test]
fn what_fits_stands_on_one_line_unless_it_was_broken() {
    let text = "( title :\"a\",seeds:[ 0,1 , ], axes: [
            1,2
        ], evaluations:{\"linear\":( ) ,}, empty: [
        ], base: (augmentation: (both: [Crop(area: (0.1, 1.0), aspect: (0.75, 1.3333)), Flip(probability: 0.5), Blur(kernel: 0.1)])))";
    insta::assert_snapshot!(format(text), @r#"
        (
            title: "a",
            seeds: [0, 1],
            axes: [
                1,
                2,
            ],
            evaluations: { "linear": () },
            empty: [],
            base: (augmentation: (both: [
                Crop(area: (0.1, 1.0), aspect: (0.75, 1.3333)),
                Flip(probability: 0.5),
                Blur(kernel: 0.1),
            ])),
        )
    "#);
}

#[test]
fn comments_stay_where_they_are() {
    let text = "// first\n\n\n// of the file\n#![enable(implicit_some)] // extension\n(// behind a bracket\n  // above\n\n  /* before */ a: 1, /* behind */ // too
        b /* hoisted */ : // for the value\n  Name /* inside */ (2 /* of a tuple */, /* before */ 3),\n\n\n  c: [ // none\n ], // d\n  /* several\n     lines */ e: {\n // only this\n},
        f: 4 // no comma\n  // last\n) // behind all\n\n// the end";
    insta::assert_snapshot!(format(text), @r"
        // first

        // of the file
        #![enable(implicit_some)] // extension
        ( // behind a bracket
            // above

            /* before */ a: 1, /* behind */ // too
            /* hoisted */
            // for the value
            /* inside */ b: Name(2 /* of a tuple */, /* before */ 3),

            c: [
                // none
            ], // d
            /* several
             lines */
            e: {
                // only this
            },
            f: 4, // no comma
            // last
        ) // behind all

        // the end
    ");
}

#[test]
fn only_the_last_of_several_brackets_shares_lines() {
    let text = "[(when: {\"a\": \"b\"}, change: (both: [\n Crop,\n Flip,\n])), (base: (both: [\n Crop,\n]), seeds: [0]), (axes: { \"a\": {\n\"b\": ()\n} })]";
    insta::assert_snapshot!(format(text), @r#"
        [
            (when: { "a": "b" }, change: (both: [
                Crop,
                Flip,
            ])),
            (
                base: (both: [
                    Crop,
                ]),
                seeds: [0],
            ),
            (axes: { "a": {
                "b": (),
            } }),
        ]
    "#);
}

#[test]
fn windows_line_ends_and_tabs_are_replaced() {
    let text = "(\r\n\ta: 1, // b\r\n\t/* c\r\n\td */\r\n\te: 2,\r\n)\r\n";
    assert_eq!(format(text), "(\n    a: 1, // b\n    /* c\n\td */\n    e: 2,\n)\n");
}

#[test]
fn wrong_files_are_left_as_they_are() {
    insta::assert_snapshot!(sweep::format("wrong.ron", "(a: 1 b: 2)").unwrap_err().to_string(), @r"
        error: a comma is missing
         --> wrong.ron:1:6
          |
        1 | (a: 1 b: 2)
          |      ^ expected `,` here
          |
          = help: write `,` between entries
    ");
    // A comment inside of a label has no place to go.
    insta::assert_snapshot!(sweep::format("odd.ron", "{ (a: /* b */ 1) /* c */: 2 }").unwrap_err().to_string(), @r"
        error: this file cannot be formatted without changing it
         --> odd.ron:1:1
          |
        1 | { (a: /* b */ 1) /* c */: 2 }
          | ^ left as it is
          |
          = help: comments may stand above an entry or behind it, not inside of a label; if this is no help, report it
    ");
}

/// A tree as tokens, between which anything blank may stand.
fn tokens() -> impl Strategy<Value = Vec<String>> {
    let leaf = "[a-z]{1,30}|-?[0-9]{1,3}(\\.[0-9]{1,20})?|\"[a-z(,:/\\* é]{0,20}\"|r#\"a\"\\nb\"#|'c'";
    let leaf = leaf.prop_map(|text: String| vec![text]);
    leaf.prop_recursive(6, 60, 6, |inner| {
        let enclosed = |open: Vec<String>, entries: Vec<Vec<String>>, comma: bool, close: &str| {
            let mut all = open;
            let count = entries.len();
            for (index, entry) in entries.into_iter().enumerate() {
                all.extend(entry);
                if index + 1 < count || comma {
                    all.push(",".to_owned());
                }
            }
            all.push(close.to_owned());
            all
        };
        let keyed = |key: &'static str| {
            (key, inner.clone())
                .prop_map(|(key, value): (String, Vec<String>)| [vec![key, ":".to_owned()], value].concat())
        };
        let entries = |entry: BoxedStrategy<Vec<String>>| (prop::collection::vec(entry, 0..6), any::<bool>());
        let list = entries(inner.clone().boxed())
            .prop_map(move |(inside, comma)| enclosed(vec!["[".to_owned()], inside, comma, "]"));
        let map = entries(keyed("\"[a-z ]{0,40}\"").boxed())
            .prop_map(move |(inside, comma)| enclosed(vec!["{".to_owned()], inside, comma, "}"));
        let group =
            (prop::option::of("[A-Z][a-z]{0,30}"), entries(prop_oneof![keyed("[a-z_]{1,20}"), inner.clone()].boxed()))
                .prop_map(move |(name, (inside, comma))| {
                    let open = name.into_iter().chain(["(".to_owned()]).collect();
                    enclosed(open, inside, comma, ")")
                });
        prop_oneof![list, map, group]
    })
}

/// Blanks and comments; `§` becomes the number of the comment.
fn gap() -> impl Strategy<Value = String> {
    let plain = prop::sample::select(vec![
        "",
        "",
        "",
        "",
        " ",
        "\n",
        "\n",
        "\n\n",
        " \n\n\t\n ",
        "//§\n",
        " // §\n",
        "\n  // §\n\n",
        "/*§*/",
        " /* § */ ",
        "\n/* §\n  \n*/",
        "/* /* § */ */\n",
        " /* § */ // §\r\n",
        "// §\n// §\n\n\n// §\n",
    ]);
    plain.prop_map(str::to_owned)
}

/// Everything but blanks, comments and commas at ends of brackets.
fn essence(tokens: &[String]) -> Vec<String> {
    let ends = |index: usize| tokens.get(index + 1).is_some_and(|next| matches!(next.as_str(), ")" | "]" | "}"));
    let kept = tokens.iter().enumerate().filter(|&(index, token)| token != "," || !ends(index));
    kept.map(|(_, token)| token.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::with_cases(1500)
    })]

    #[test]
    fn any_file_keeps_its_meaning_and_its_comments(
        tokens in tokens(),
        gaps in prop::collection::vec(gap(), 1..200),
    ) {
        let mut text = String::new();
        for (index, token) in tokens.iter().enumerate() {
            text += &gaps[index % gaps.len()];
            text += token;
        }
        text += &gaps[tokens.len() % gaps.len()];
        let mut pieces = text.split('§');
        let mut numbered = pieces.next().unwrap_or_default().to_owned();
        let count = pieces.clone().count();
        pieces.enumerate().for_each(|(number, piece)| numbered += &format!("§{number}§{piece}"));
        let formatted = format(&numbered);
        let numbers: Vec<usize> = formatted.split('§').skip(1).step_by(2).map(|number| number.parse().unwrap()).collect();
        prop_assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        // The tokens that come out are those that went in.
        let (mut rest, mut place) = (formatted.as_str(), 0);
        let wanted = essence(&tokens);
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            } else if rest.starts_with("//") {
                rest = &rest[rest.find('\n').unwrap()..];
            } else if rest.starts_with("/*") {
                let nested = rest.starts_with("/* /*");
                rest = &rest[rest.find(if nested { "*/ */" } else { "*/" }).unwrap() + if nested { 5 } else { 2 }..];
            } else if wanted.get(place).is_some_and(|token| rest.starts_with(token.as_str())) {
                rest = &rest[wanted[place].len()..];
                place += 1;
            } else {
                prop_assert!(rest.starts_with(','), "{} instead of {:?} in\n{}", rest, wanted.get(place), formatted);
                rest = &rest[1..];
            }
        }
        prop_assert_eq!(place, wanted.len());
        // Without long texts and comments at line ends, no line is too long.
        prop_assert!(formatted.lines().all(|line| !line.ends_with([' ', '\t']) || line.contains("/*") || line.trim().is_empty()));
    }
}
