//! Rows whose numbers are taken from papers, and notes of a table's author.

use ablate::{
    report::{CellState, html, latex, markdown, table_csv, terminal, tidy_csv},
    sweep::{Best, CitedRow, Published},
};

use super::*;

fn cited(row: &str, source: &str, values: &[Option<f64>]) -> CitedRow {
    CitedRow { labels: vec![row.to_owned()], source: source.to_owned(), values: values.to_vec() }
}

/// Two seeds, all done, with rows of two sources; better than ours, so that a comparison would show.
fn results(profile: Option<&str>) -> Results {
    let mut sweep = two_by_two(&[0, 1]);
    let table = &mut sweep.tables[0];
    table.best = Some(Best::Column);
    table.published = Some(Published {
        source: "SimCLR, Table 1".to_owned(),
        tolerance: vec![0.5],
        values: vec![vec![Some(5.5), None, None, None], vec![None; 4]],
    });
    table.cited = vec![
        cited("MoCo", "SimCLR, Table 6", &[Some(60.6), None, Some(99.0), None]),
        cited("CPC & co", "a letter", &[Some(163.8), Some(1.5), None, None]),
        cited("PIRL", "SimCLR, Table 6", &[None, None, Some(63.64), None]),
    ];
    table.note = Some("ours are of ResNet-8".to_owned());
    sweep.profile = profile.map(str::to_owned);
    Results::complete(vec![sweep])
}

#[test]
fn cited_rows_stand_above_ours_and_are_never_compared() {
    let table = results(None).table();
    assert_eq!(table.rows.len(), 5);
    assert_eq!(table.rows[0].cells[0].state, CellState::Cited("†".to_owned()));
    assert_eq!(table.rows[0].cells[1].state, CellState::NotPlanned);
    assert!(table.rows[..3].iter().flat_map(|row| &row.cells).all(|cell| {
        cell.rank.is_none() && cell.reproduces().is_none() && !cell.is_average() && cell.points.is_empty()
    }));
    assert!(table.rows[4].cells[0].rank.is_some());
    assert_eq!(table.reproduced(), (1, 1));
    insta::assert_snapshot!(terminal(&table, 140, false), @"
    Batch size and temperature
    ┌─────────────┬────────────────────────────────────────────────────────┬────────────────────────────────────────┐
    │ temperature │                        τ = 0.1                         │                τ = 0.5                 │
    │             ├───────────────────────────────────┬────────────────────┼───────────────────┬────────────────────┤
    │ batch size  │             top-1 (%)             │    loss (nats)     │     top-1 (%)     │    loss (nats)     │
    ├─────────────┼───────────────────────────────────┼────────────────────┼───────────────────┼────────────────────┤
    │ MoCo        │  60.6†                            │                    │ 99.0†             │                    │
    │ CPC & co    │ 163.8‡                            │ 1.50‡              │                   │                    │
    │ PIRL        │                                   │                    │ 63.6†             │                    │
    │ 64          │   5.8 ± 0.4 ² (paper 5.5, +0.2 ✓) │ 4.06 ± 0.09 ²      │ 25.8 ± 0.4 ²      │ 3.81 ± 0.09 ²      │
    │ 128         │  45.8 ± 0.4 ¹ n.s.                │ 3.56 ± 0.09 ¹ n.s. │ 65.8 ± 0.4 ¹ n.s. │ 3.31 ± 0.09 ¹ n.s. │
    └─────────────┴───────────────────────────────────┴────────────────────┴───────────────────┴────────────────────┘
    mean ± sample standard deviation over 2 seeds (0, 1)
    pretraining protocol: NT-Xent, 20 epochs
    protocol of linear: linear, 90 epochs
    data: shapes-5f3c
    code: 0.1.0-a1b2
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    ¹ best and ² second best of each column and metric, where all have the same protocol, evaluation data and code; n.s.: not significantly
    better than another, or by the same for every seed (two-sided paired t-test over 2 seeds, p < 0.05; best and second are chosen by these same
    numbers, for which p is not corrected)
    paper: SimCLR, Table 1; 1 of 1 cells within 0.5 of it
    † cited from SimCLR, Table 6; not measured here
    ‡ cited from a letter; not measured here
    ours are of ResNet-8
    ");
}

#[test]
fn every_format_marks_cited_numbers() {
    let results = results(Some("paper"));
    let table = results.table();
    let first = |text: String, from: &str| {
        let start = text.find(from).unwrap();
        text[start..].lines().next().unwrap().to_owned()
    };
    insta::assert_snapshot!(first(markdown(&table), "| CPC"), @r"| CPC \& co  |                          163.8‡ |                1.50‡ |                    |                      |");
    insta::assert_snapshot!(first(table_csv(&table), "CPC"), @"CPC & co,163.8‡,1.50‡,,");
    insta::assert_snapshot!(first(latex(&table), "    CPC"), @r"    CPC \& co & 163.8 {\textsuperscript{\ddag}} & 1.50 {\textsuperscript{\ddag}} & {} & {} \\");
    insta::assert_snapshot!(first(latex(&table), "  \\textsuperscript{\\dag}"), @r"  \textsuperscript{\dag} cited from SimCLR, Table 6; not measured here\par");
    let page = html(&results.sweeps[0], 0, &results.plan, &[table], &[], &|id| results.view(id), &|_| None);
    assert!(page.contains("<td class=\"cited\">163.8‡</td>"), "{page}");
    let tidy = tidy_csv("sweep", &results.sweeps[0], 0, &results.plan, &|id| results.view(id));
    let lines: Vec<_> = tidy.lines().filter(|line| line.ends_with(",cited")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
        sweep,,,,MoCo,τ = 0.1,linear,Top1,percent,60.6,"SimCLR, Table 6",,,,,,,,,cited
        sweep,,,,MoCo,τ = 0.5,linear,Top1,percent,99,"SimCLR, Table 6",,,,,,,,,cited
        sweep,,,,CPC & co,τ = 0.1,linear,Top1,percent,163.8,a letter,,,,,,,,,cited
        sweep,,,,CPC & co,τ = 0.1,,Loss,nats,1.5,a letter,,,,,,,,,cited
        sweep,,,,PIRL,τ = 0.5,linear,Top1,percent,63.64,"SimCLR, Table 6",,,,,,,,,cited
    "#);
}

#[test]
fn another_profile_cites_nothing() {
    let table = results(Some("smoke")).table();
    assert_eq!(table.rows.len(), 2);
    assert!(!table.notes.iter().any(|note| note.contains("cited")), "{:?}", table.notes);
    assert!(table.notes.iter().any(|note| note == "ours are of ResNet-8"), "{:?}", table.notes);
}

#[test]
fn rows_of_latex_have_as_many_cells_as_there_are_columns() {
    let mut results = results(None);
    let [_, evaluation] = results.jobs(&[0, 1], 1);
    results.views.remove(&evaluation);
    let text = latex(&results.table());
    let (_, preamble) = text.split_once("\\begin{tabular}{\n").unwrap();
    let (preamble, body) = preamble.split_once("\n  }\n").unwrap();
    let columns = preamble.lines().map(str::trim).map(|line| if line.starts_with('l') { line.len() } else { 1 });
    let columns: usize = columns.sum();
    assert_eq!(columns, 5);
    let mut rows = 0;
    for line in body.lines().filter(|line| line.ends_with("\\\\")) {
        let line = line.replace("\\&", "");
        let spans = line.split("\\multicolumn{").skip(1).map(|rest| rest[..1].parse::<usize>().unwrap() - 1);
        assert_eq!(line.split(" & ").count() + spans.sum::<usize>(), columns, "{line}");
        // In the columns of numbers, everything else is in braces.
        for cell in line.trim_end_matches(" \\\\").split(" & ").skip(1) {
            let text = cell.trim_start_matches("\\bfseries ");
            assert!(text.starts_with(['{', '\\']) || text.starts_with(|c: char| c.is_ascii_digit()), "{cell}");
        }
        rows += 1;
    }
    assert_eq!(rows, 2 + 5);
}
