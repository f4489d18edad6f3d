//! Cells that average over the values of axes, as over seeds, and tables of some of the trials.

use ablate::{
    report::{CellState, terminal},
    sweep::{Best, Condition, Published, Selection},
};

use super::*;

/// Batch sizes as rows, over the temperatures.
fn over_temperatures(seeds: &[u64]) -> Sweep {
    let mut sweep = two_by_two(seeds);
    let table = &mut sweep.tables[0];
    (table.columns, table.over) = (vec![], vec![1]);
    sweep
}

#[test]
fn every_run_counts_once() {
    // Top-1 is 5.5 + 20 × number of the trial + seed / 2; of batch 64 the numbers are 0 and 1, of batch 128 2 and 3.
    let table = Results::complete(vec![over_temperatures(&[0, 1])]).table();
    assert_eq!((table.rows.len(), table.columns.len()), (2, 2));
    for (row, base) in [(0, 5.5), (1, 45.5)] {
        let cell = &table.rows[row].cells[0];
        let values = [0.0, 0.5, 20.0, 20.5].map(|more| base + more);
        let mean = values.iter().sum::<f64>() / 4.0;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
        assert_eq!((cell.n, cell.mean, cell.points.len()), (4, Some(mean), 2));
        assert!((cell.deviation.unwrap() - deviation).abs() < 1e-12);
    }
    insta::assert_snapshot!(table.notes[0], @"mean ± sample standard deviation over temperature (τ = 0.1, τ = 0.5), 2 seeds (0, 1)");
}

#[test]
fn a_table_may_show_some_of_the_trials() {
    let mut sweep = over_temperatures(&[0]);
    let condition = |values: &[usize]| Condition { values: vec![(1, values.to_vec())] };
    sweep.tables[0].only = vec![condition(&[1])];
    let table = Results::complete(vec![sweep.clone()]).table();
    assert_eq!([0, 1].map(|row| table.rows[row].cells[0].mean), [Some(25.5), Some(65.5)]);
    insta::assert_snapshot!(table.notes[0], @"one seed (0); temperature is τ = 0.5, so no spread");
    // Two conditions add up; a row of which nothing is left is gone.
    sweep.tables[0].only = vec![condition(&[0]), Condition { values: vec![(0, vec![1])] }];
    let table = Results::complete(vec![sweep.clone()]).table();
    assert_eq!([0, 1].map(|row| table.rows[row].cells[0].n), [1, 2]);
    sweep.tables[0].only = vec![Condition { values: vec![(0, vec![0])] }];
    assert_eq!(Results::complete(vec![sweep]).table().rows.len(), 1);
}

#[test]
fn what_is_missing_or_differs_is_said_of_runs() {
    let mut results = Results::complete(vec![over_temperatures(&[0, 1])]);
    let [_, evaluation] = results.jobs(&[0, 1], 1);
    results.views.remove(&evaluation);
    let table = results.table();
    assert_eq!(table.rows[0].cells[0].state, CellState::Partial { done: 3, of: 4, running: false });
    let text = terminal(&table, 100, false);
    assert!(text.contains("(3/4 runs)") && text.contains("1 of 4 cells: some runs still to come"), "{text}");
    let [_, evaluation] = results.jobs(&[1, 1], 0);
    results.edit(evaluation, |record| record.protocol = "other".to_owned());
    assert!(terminal(&results.table(), 100, false).contains("not comparable (runs differ in protocol)"));
}

#[test]
fn ranks_compare_runs_in_pairs() {
    let rank = |only: Vec<Condition>| {
        let mut sweep = over_temperatures(&[0, 1]);
        (sweep.tables[0].best, sweep.tables[0].only) = (Some(Best::Column), only);
        let mut results = Results::complete(vec![sweep]);
        results.scatter();
        let table = results.table();
        (table.rows[1].cells[0].rank, table.notes.concat())
    };
    let (clear, note) = rank(vec![]);
    assert_eq!(clear, Some(ablate::report::Rank::Best));
    assert!(note.contains("two-sided t-test of paired runs, of two or more, p < 0.05"), "{note}");
    // Of other temperatures, there is nothing to pair.
    let only = [(0, 0), (1, 1)];
    let only = only.map(|(batch, temperature)| Condition { values: vec![(0, vec![batch]), (1, vec![temperature])] });
    assert_eq!(rank(only.to_vec()).0, Some(ablate::report::Rank::NotSignificantlyBest));
}

#[test]
fn every_trial_behind_a_cell_is_shown() {
    let results = Results::complete(vec![over_temperatures(&[0])]);
    let page = ablate::report::html(
        &results.sweeps[0],
        0,
        &results.plan,
        &[results.table()],
        &[],
        &|id| results.view(id),
        &|_| None,
    );
    let panel = page.split("<div popover").nth(1).unwrap();
    assert!(panel.contains("temperature = τ = 0.1") && panel.contains("temperature = τ = 0.5"), "{panel}");
}

#[test]
fn a_cell_that_leaves_out_values_is_said_and_not_compared_with_the_paper() {
    let published = |only: Vec<Condition>, planned: Selection| {
        let mut sweep = over_temperatures(&[0, 1]);
        sweep.tables[0].metrics.truncate(1);
        sweep.tables[0].only = only;
        sweep.tables[0].published =
            Some(Published { source: "paper".to_owned(), tolerance: vec![1.0], values: vec![vec![Some(15.0)]; 2] });
        sweep.selection = planned;
        let table = Results::complete(vec![sweep]).table();
        let published = table.rows.iter().map(|row| row.cells[0].published.is_some()).collect::<Vec<_>>();
        (published, table.notes.iter().any(|note| note.contains("1 of 2 leave out values")))
    };
    assert_eq!(published(vec![], Selection::default()), (vec![true, true], false));
    // What the table itself shows is what the paper averages over.
    let one_temperature = vec![Condition { values: vec![(1, vec![0])] }];
    assert_eq!(published(one_temperature, Selection::default()), (vec![true, true], false));
    // The sweep has one temperature of the larger batch.
    let exclude = vec![Condition { values: vec![(0, vec![1]), (1, vec![1])] }];
    assert_eq!(published(vec![], Selection { exclude, ..Selection::default() }), (vec![true, false], true));
}
