//! The best and the second best of a table, and whether they differ by more than chance; when tables are equal.

use ablate::{
    report::{Rank, compare_tables, latex, markdown, terminal},
    sweep::Best,
};

use super::*;

/// The ranks of all cells of two_by_two, in which top-1 and loss take turns.
fn ranks(best: Best, change: impl FnOnce(&mut Results)) -> Vec<Vec<Option<Rank>>> {
    let table = ranked(best, &[0, 1, 2], change);
    table.rows.iter().map(|row| row.cells.iter().map(|cell| cell.rank).collect()).collect()
}

fn ranked(best: Best, seeds: &[u64], change: impl FnOnce(&mut Results)) -> Table {
    let mut sweep = two_by_two(seeds);
    sweep.tables[0].best = Some(best);
    let mut results = Results::complete(vec![sweep]);
    results.scatter();
    change(&mut results);
    results.table()
}

const BEST: Option<Rank> = Some(Rank::Best);
const SECOND: Option<Rank> = Some(Rank::Second);

#[test]
fn cells_are_compared_within_their_group_and_metric() {
    // Top-1 grows and the loss falls from cell to cell, by the same for every seed.
    let unchanged = |_: &mut Results| {};
    assert_eq!(ranks(Best::Row, unchanged), [[SECOND, SECOND, BEST, BEST]; 2]);
    assert_eq!(ranks(Best::Column, unchanged), [[SECOND; 4], [BEST; 4]]);
    assert_eq!(ranks(Best::Table, unchanged), [[None; 4], [SECOND, SECOND, BEST, BEST]]);
}

#[test]
fn a_best_that_chance_may_have_made_is_not_a_clear_one() {
    let scattered = |results: &mut Results| {
        let [_, evaluation] = results.jobs(&[0, 1], 1);
        results.edit(evaluation, |record| {
            record.metrics.insert(Metric::Top1, 7.0);
        });
    };
    assert_eq!(ranks(Best::Row, scattered)[0][2], Some(Rank::NotSignificantlyBest));
    // Nor is one of a single seed.
    let table = ranked(Best::Row, &[0], |_| {});
    assert_eq!(table.rows[0].cells[2].rank, Some(Rank::NotSignificantlyBest));
    let unfinished = |results: &mut Results| {
        let [_, evaluation] = results.jobs(&[0, 1], 1);
        results.views.remove(&evaluation);
    };
    assert_eq!(ranks(Best::Row, unfinished)[0], [None, SECOND, None, BEST], "what is not done is not ranked");
}

#[test]
fn equal_cells_share_their_place() {
    let top1 = |results: &mut Results, point: [usize; 2], value: f64| {
        for seed in 0..3 {
            let [_, evaluation] = results.jobs(&point, seed);
            results.edit(evaluation, |record| {
                record.metrics.insert(Metric::Top1, value + seed as f64);
            });
        }
    };
    let of_values = |values: [f64; 4]| {
        let ranks = ranks(Best::Table, |results| {
            for (number, value) in values.into_iter().enumerate() {
                top1(results, [number / 2, number % 2], value);
            }
        });
        // Top-1 stands in the first and the third column.
        [ranks[0][0], ranks[0][2], ranks[1][0], ranks[1][2]]
    };
    let shared = Some(Rank::NotSignificantlyBest);
    assert_eq!(of_values([10.0, 50.0, 50.0, 20.0]), [None, shared, shared, None]);
    assert_eq!(of_values([10.0; 4]), [None; 4]);
    // Differences that are the same for every seed cannot be tested.
    assert_eq!(of_values([10.0, 50.0, 20.0, 20.0]), [None, shared, SECOND, SECOND]);
}

#[test]
fn tables_with_the_same_seeds_in_another_order_are_equal() {
    let table = |seeds: &[u64], more: f64| {
        let mut results = Results::complete(vec![two_by_two(seeds)]);
        for &seed in seeds {
            let [_, evaluation] = results.jobs(&[0, 0], seed);
            let value = [10.3, 20.2, 60.9][seed as usize] + more;
            results.edit(evaluation, |record| {
                record.metrics.insert(Metric::Top1, value);
            });
        }
        results.table()
    };
    let (one, other) = (table(&[0, 1, 2], 0.0), table(&[2, 1, 0], 0.0));
    assert_ne!(one.rows[0].cells[0].mean, other.rows[0].cells[0].mean, "the last bits differ");
    assert!(compare_tables(&one, &other).equal);
    let comparison = compare_tables(&one, &table(&[0, 1, 2], 1e-6));
    assert!(!comparison.equal && comparison.text.contains("7 of 8 cells equal"), "{}", comparison.text);
}

#[test]
fn what_is_not_comparable_is_not_ranked() {
    let other_data = |results: &mut Results| {
        for seed in 0..3 {
            let [_, evaluation] = results.jobs(&[0, 1], seed);
            results.edit(evaluation, |record| record.data = "others".to_owned());
        }
    };
    let other_program = |results: &mut Results| {
        for seed in 0..3 {
            let [pretrain, _] = results.jobs(&[0, 1], seed);
            results.edit(pretrain, |record| record.code = "0.2.0".to_owned());
        }
    };
    // Evaluations, too, depend on the program that pretrained.
    assert_eq!(ranks(Best::Table, other_program)[1], [None; 4]);
    let ranks = ranks(Best::Row, other_data);
    assert_eq!(
        (ranks[0].as_slice(), ranks[1].as_slice()),
        (&[None, SECOND, None, BEST][..], &[SECOND, SECOND, BEST, BEST][..])
    );
}

#[test]
fn every_format_marks_them() {
    let table = ranked(Best::Row, &[0, 1, 2], |results| {
        let [_, evaluation] = results.jobs(&[0, 1], 1);
        results.edit(evaluation, |record| {
            record.metrics.insert(Metric::Top1, 7.0);
        });
    });
    insta::assert_snapshot!(terminal(&table, 140, false), @"
    Batch size and temperature
    ┌─────────────┬──────────────────────────────┬────────────────────────────────────┐
    │ temperature │           τ = 0.1            │              τ = 0.5               │
    │             ├──────────────┬───────────────┼────────────────────┬───────────────┤
    │ batch size  │  top-1 (%)   │  loss (nats)  │     top-1 (%)      │  loss (nats)  │
    ├─────────────┼──────────────┼───────────────┼────────────────────┼───────────────┤
    │ 64          │  6.0 ± 0.5 ² │ 4.12 ± 0.12 ² │ 19.7 ± 11.0 ¹ n.s. │ 3.87 ± 0.11 ¹ │
    │ 128         │ 46.0 ± 0.5 ² │ 3.61 ± 0.10 ² │ 66.0 ±  0.5 ¹      │ 3.35 ± 0.09 ¹ │
    └─────────────┴──────────────┴───────────────┴────────────────────┴───────────────┘
    mean ± sample standard deviation over 3 seeds (0, 1, 2)
    pretraining protocol: NT-Xent, 20 epochs
    protocol of linear: linear, 90 epochs
    data: shapes-5f3c
    code: 0.1.0-a1b2
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    ¹ best and ² second best of each row and metric, where all have the same protocol, evaluation data and code; n.s.: not significantly better
    than another, or by the same for every seed (two-sided paired t-test over 3 seeds, p < 0.05; best and second are chosen by these same
    numbers, for which p is not corrected)
    ");
    insta::assert_snapshot!(markdown(&table).lines().filter(|line| line.starts_with("| 64") || line.starts_with("| 128")).collect::<Vec<_>>().join("\n"), @"
    | 64         |        6.0 ± 0.5 ² |        4.12 ± 0.12 ² | 19.7 ± 11.0 ¹ n.s. |    **3.87 ± 0.11** ¹ |
    | 128        |       46.0 ± 0.5 ² |        3.61 ± 0.10 ² |   **66.0 ± 0.5** ¹ |    **3.35 ± 0.09** ¹ |
    ");
    insta::assert_snapshot!(latex(&table).lines().filter(|line| line.contains("64 &") || line.contains("128 &")).collect::<Vec<_>>().join("\n"), @r"
    64 & 6.0 {${}\pm 0.5$\textsuperscript{2}} & 4.12 {${}\pm 0.12$\textsuperscript{2}} & 19.7 {${}\pm 11.0$\textsuperscript{1 n.s.}} & \bfseries 3.87 {\boldmath${}\pm 0.11$\mdseries\unboldmath\textsuperscript{1}} \\
    128 & 46.0 {${}\pm 0.5$\textsuperscript{2}} & 3.61 {${}\pm 0.10$\textsuperscript{2}} & \bfseries 66.0 {\boldmath${}\pm 0.5$\mdseries\unboldmath\textsuperscript{1}} & \bfseries 3.35 {\boldmath${}\pm 0.09$\mdseries\unboldmath\textsuperscript{1}} \\
    ");
}
