//! Whatever bytes a file holds, reading it ends, and what it accepts is RON.

use std::collections::BTreeMap;

use ablate::{
    recipe::{EvaluationPatch, Metric, Recipe, RecipePatch},
    sweep,
};
use proptest::{prelude::*, test_runner::RngSeed};
use ron::extensions::Extensions;
use serde::Deserialize;

use super::VALID;

/// What ron and serde alone make of a sweep file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    base: Recipe,
    axes: Vec<Axis>,
    seeds: Vec<u64>,
    evaluations: BTreeMap<String, EvaluationPatch>,
    tables: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Axis {
    name: String,
    values: BTreeMap<String, RecipePatch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    title: String,
    rows: Vec<String>,
    columns: Vec<String>,
    metrics: Vec<Column>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    metric: Metric,
    evaluation: Option<String>,
}

/// Reads a text, and if it is accepted, checks that ron reads the same from it.
fn compare_with_ron(text: &str) {
    let sweep = match sweep::parse("fuzzed.ron", text) {
        Ok(sweep) => sweep,
        Err(diagnostics) => {
            assert!(diagnostics.iter().len() > 0);
            assert!(diagnostics.iter().all(|diagnostic| text.get(diagnostic.span.clone()).is_some()));
            assert!(diagnostics.iter().all(|diagnostic| diagnostic.help.is_some()), "no remedy: {diagnostics}");
            return;
        }
    };
    let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    let file: File = options.from_str(text).expect("an accepted file is RON");
    assert_eq!((&sweep.title, &sweep.base, &sweep.seeds), (&file.title, &file.base, &file.seeds));
    assert_eq!(sweep.axes.len(), file.axes.len());
    for (axis, expected) in sweep.axes.iter().zip(&file.axes) {
        let values: BTreeMap<_, _> =
            axis.values.iter().map(|value| (value.label.clone(), value.patch.clone())).collect();
        assert_eq!((&axis.name, &values), (&expected.name, &expected.values));
    }
    let evaluations: BTreeMap<_, _> =
        sweep.evaluations.iter().map(|evaluation| (evaluation.name.clone(), evaluation.patch.clone())).collect();
    assert_eq!(evaluations, file.evaluations);
    assert_eq!(sweep.tables.len(), file.tables.len());
    for (table, expected) in sweep.tables.iter().zip(&file.tables) {
        let names = |axes: &[usize]| axes.iter().map(|&axis| sweep.axes[axis].name.clone()).collect::<Vec<_>>();
        assert_eq!((&table.name, &table.title), (&expected.name, &expected.title));
        assert_eq!((names(&table.rows), names(&table.columns)), (expected.rows.clone(), expected.columns.clone()));
        let metrics: Vec<_> = table
            .metrics
            .iter()
            .map(|column| (column.metric, column.evaluation.map(|index| sweep.evaluations[index].name.clone())))
            .collect();
        let expected: Vec<_> =
            expected.metrics.iter().map(|column| (column.metric, column.evaluation.clone())).collect();
        assert_eq!(metrics, expected);
    }
}

/// Replaces `length` bytes at `place`, both moved to the next character, by `new`.
fn mutate(text: &mut String, place: usize, length: usize, new: &str) {
    let boundary = |text: &str, mut place: usize| {
        place = place.min(text.len());
        while !text.is_char_boundary(place) {
            place += 1;
        }
        place
    };
    let start = boundary(text, place % (text.len() + 1));
    let end = boundary(text, start + length);
    text.replace_range(start..end, new);
}

#[test]
fn valid_files_mean_what_ron_reads() {
    compare_with_ron(VALID);
    compare_with_ron(include_str!("../../../src/sweep/example.ron"));
    compare_with_ron(&format!("#![enable(implicit_some)]\n/* /* */ \" */ {VALID} // end"));
    compare_with_ron(&VALID.replace('\n', "\r\n"));
    assert!(sweep::parse("crlf.ron", &VALID.replace('\n', "\r\n")).is_ok());
    let explicit = VALID.replace("(width: 2)", "Some(EncoderPatch(width: Some(0x2 ), ))").replace("0x2 ", "+2_0e-1");
    assert_eq!(sweep::parse("explicit.ron", &explicit).unwrap(), sweep::parse("valid.ron", VALID).unwrap());
    let escaped = VALID.replace("\"cold\"", r##"r#"co"ld"#"##).replace("\"none\"", r#""n\x6f\u{6e}\"e""#);
    assert!(sweep::parse("escaped.ron", &escaped).is_ok());
    compare_with_ron(&escaped);
}

#[test]
fn extreme_files_are_refused_quickly() {
    for text in ["(", "[", "{", "a(", "((a:", "/*", "\"", "'a'", "r#", "b\"", "\\", "\u{feff}", "é", "-", "0x"] {
        compare_with_ron(text);
        compare_with_ron(&text.repeat(100_000));
    }
    let many = "\"x\": (y: 1), ".repeat(20_000);
    compare_with_ron(&VALID.replace("\"long\": (),", &format!("\"long\": (),\n{many}")));
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::with_cases(300)
    })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        compare_with_ron(&text);
    }

    #[test]
    fn any_tokens_are_read_or_refused(
        tokens in prop::collection::vec("[(){}\\[\\]:,\"'#!/*\\\\. \n=éa0e+_-]|title|base|Some|r#\"|b'", 0..60),
    ) {
        compare_with_ron(&tokens.concat());
    }

    #[test]
    fn mutated_files_are_read_or_refused(
        mutations in prop::collection::vec(
            (any::<usize>(), 0..4_usize, "[(){}\\[\\]:,\"'#/*\\\\. \n0-9a-zN_+-]{0,3}"),
            1..5,
        ),
    ) {
        let mut text = VALID.to_owned();
        for (place, length, new) in &mutations {
            mutate(&mut text, *place, *length, new);
        }
        compare_with_ron(&text);
    }

    #[test]
    fn files_with_other_numbers_and_blanks_are_read_or_refused(
        mutations in prop::collection::vec((any::<usize>(), "[0-9.e_+ \n-]{0,2}"), 1..4),
    ) {
        let mut text = VALID.to_owned();
        let numbers: Vec<_> = VALID.match_indices(|character: char| " 0123456789".contains(character)).collect();
        for (number, new) in &mutations {
            let (place, old) = numbers[number % numbers.len()];
            mutate(&mut text, place, old.len(), new);
        }
        compare_with_ron(&text);
    }
}
