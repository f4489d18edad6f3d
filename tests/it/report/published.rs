//! Published numbers beside the cells, averages of rows, and points that the sweep leaves out.

use ablate::{
    report::{CellState, figure, latex, markdown, table_csv, terminal},
    sweep::{Condition, Figure, Published},
};

use super::*;

/// The complete results of two seeds, with top-1 as the only metric: 5.75, 25.75, 45.75 and 65.75.
fn results(change: impl FnOnce(&mut Sweep)) -> Results {
    let mut sweep = two_by_two(&[0, 1]);
    sweep.tables[0].metrics.truncate(1);
    change(&mut sweep);
    Results::complete(vec![sweep])
}

fn published(values: Vec<Vec<Option<f64>>>) -> Option<Published> {
    Some(Published { source: "SimCLR, Table 1".to_owned(), tolerance: vec![0.5], values })
}

#[test]
fn published_numbers_stand_beside_ours() {
    let values = vec![vec![Some(5.25), Some(27.0), None], vec![None, Some(66.0), Some(55.8)]];
    let mut results = results(|sweep| {
        sweep.tables[0].published = published(values);
        sweep.tables[0].average = true;
    });
    let table = results.table();
    assert_eq!(table.reproduced(), (3, 4));
    insta::assert_snapshot!(terminal(&table, 140, false), @"
    Batch size and temperature
    ┌─────────────┬────────────────────────────────┬─────────────────────────────────┬─────────────────────────────────┐
    │ temperature │            τ = 0.1             │             τ = 0.5             │             average             │
    │             ├────────────────────────────────┴─────────────────────────────────┴─────────────────────────────────┤
    │ batch size  │                                             top-1 (%)                                              │
    ├─────────────┼────────────────────────────────┬─────────────────────────────────┬─────────────────────────────────┤
    │ 64          │  5.8 ± 0.4 (paper 5.2, +0.5 ✓) │ 25.8 ± 0.4 (paper 27.0, −1.2 ✗) │ 15.8 ± 0.4                      │
    │ 128         │ 45.8 ± 0.4                     │ 65.8 ± 0.4 (paper 66.0, −0.2 ✓) │ 55.8 ± 0.4 (paper 55.8, ±0.0 ✓) │
    └─────────────┴────────────────────────────────┴─────────────────────────────────┴─────────────────────────────────┘
    mean ± sample standard deviation over 2 seeds (0, 1)
    protocol: linear, 90 epochs
    data: shapes-5f3c
    code: 0.1.0-a1b2
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    paper: SimCLR, Table 1; 3 of 4 cells within 0.5 points of it
    ");
    insta::assert_snapshot!(markdown(&table).lines().nth(4).unwrap(), @"| 64         | 5.8 ± 0.4 (paper 5.2, +0.5 ✓) | 25.8 ± 0.4 (paper 27.0, −1.2 ✗) |                      15.8 ± 0.4 |");
    insta::assert_snapshot!(table_csv(&table), @r#"
        batch size,"τ = 0.1, top-1 (%)","τ = 0.5, top-1 (%)","average, top-1 (%)"
        64,"5.8 ± 0.4 (paper 5.2, +0.5 ✓)","25.8 ± 0.4 (paper 27.0, −1.2 ✗)",15.8 ± 0.4
        128,45.8 ± 0.4,"65.8 ± 0.4 (paper 66.0, −0.2 ✓)","55.8 ± 0.4 (paper 55.8, ±0.0 ✓)"
    "#);
    insta::assert_snapshot!(latex(&table).lines().find(|line| line.contains("64 &")).unwrap(), @r"    64 & 5.8 {${}\pm 0.4$~(paper 5.2, +0.5 $\surd$)} & 25.8 {${}\pm 0.4$~(paper 27.0, $-$1.2 $\times$)} & 15.8 {${}\pm 0.4$} \\");
    // What is not done cannot be compared, and is no failure to reproduce either.
    let [_, evaluation] = results.jobs(&[0, 1], 1);
    results.views.remove(&evaluation);
    let table = results.table();
    assert_eq!(table.reproduced(), (3, 3));
    insta::assert_snapshot!(table.rows[0].cells[1].text().plain(), @"25.5 (1/2 seeds) (paper 27.0)");
    insta::assert_snapshot!(table.notes.last().unwrap(), @"paper: SimCLR, Table 1; 3 of 3 cells within 0.5 points of it, 1 to come");
}

#[test]
fn another_profile_is_not_compared_with_the_paper() {
    let values = vec![vec![Some(5.25), Some(27.0)], vec![None, None]];
    let of_profile = |profile: Option<&str>| {
        let results = results(|sweep| {
            sweep.tables[0].published = published(values.clone());
            sweep.profile = profile.map(str::to_owned);
        });
        results.table().reproduced()
    };
    assert_eq!([None, Some("paper"), Some("smoke")].map(of_profile), [(1, 2), (1, 2), (0, 0)]);
}

#[test]
fn averages_are_of_rows_and_wait_for_all_of_them() {
    let mut results = results(|sweep| sweep.tables[0].average = true);
    let average = results.table().rows[0].cells[2].clone();
    // Seeds 0 and 1: (5.5 + 25.5) / 2 and (6 + 26) / 2.
    assert_eq!((average.state, average.mean, average.n), (CellState::Done, Some(15.75), 2));
    assert!((average.deviation.unwrap() - 0.5 / 2_f64.sqrt()).abs() < 1e-12);
    let [_, evaluation] = results.jobs(&[0, 1], 1);
    results.views.remove(&evaluation);
    assert_eq!(results.table().rows[0].cells[2].state, CellState::Missing);
}

#[test]
fn what_the_sweep_leaves_out_is_empty() {
    let without = |conditions: Vec<Vec<(usize, Vec<usize>)>>| {
        let exclude = conditions.into_iter().map(|values| Condition { values }).collect();
        results(|sweep| {
            sweep.selection.exclude = exclude;
            sweep.tables[0].average = true;
        })
        .table()
    };
    let table = without(vec![vec![(0, vec![1]), (1, vec![0])]]);
    assert_eq!(table.rows[1].cells[0].state, CellState::NotPlanned);
    assert_eq!(table.rows[1].cells[2].mean, table.rows[1].cells[1].mean, "the average is of what there is");
    insta::assert_snapshot!(table_csv(&table), @r#"
        batch size,"τ = 0.1, top-1 (%)","τ = 0.5, top-1 (%)","average, top-1 (%)"
        64,5.8 ± 0.4,25.8 ± 0.4,15.8 ± 0.4
        128,,65.8 ± 0.4,65.8 ± 0.4
    "#);
    let table = without(vec![vec![(1, vec![0])]]);
    assert_eq!((table.rows.len(), table.columns.len()), (2, 2), "a column without cells is left out");
    let table = without(vec![vec![(0, vec![1])]]);
    assert_eq!((table.rows.len(), table.columns.len()), (1, 3));
}

#[test]
fn only_what_the_sweep_asks_for_is_compared() {
    let all = vec![vec![Some(5.75), Some(25.75), Some(15.75)], vec![Some(45.75), Some(65.75), Some(55.75)]];
    let results = results(|sweep| {
        sweep.tables[0].published = published(all);
        sweep.tables[0].average = true;
        sweep.selection.exclude = vec![Condition { values: vec![(0, vec![1]), (1, vec![0])] }];
    });
    let table = results.table();
    // Three cells, and the average of the complete row.
    assert_eq!(table.reproduced(), (4, 4));
    assert_eq!(table.cells().filter(|cell| cell.published.is_some()).count(), 4);
    assert!(table.rows[1].cells[2].published.is_none(), "the average of one of two columns is not the paper's");
}

#[test]
fn an_average_says_why_there_is_none() {
    let mut results = results(|sweep| sweep.tables[0].average = true);
    let [_, evaluation] = results.jobs(&[0, 1], 1);
    results.views.insert(evaluation, JobView::Failed { class: "bug".to_owned(), message: "oh".to_owned() });
    let table = results.table();
    assert_eq!(table.rows[0].cells[2].text().plain(), "FAILED");
    assert_eq!(table.notes.last().unwrap(), "1 of 4 cells: failed (bug: oh)");
}

#[test]
fn a_heat_map_has_a_color_and_a_number_for_every_cell() {
    let mut results = results(|sweep| {
        sweep.tables[0].average = true;
        sweep.tables[0].figure = Some(Figure::HeatMap);
        sweep.tables[0].title = "Crop & color < both".to_owned();
        sweep.axes[1].values[0].label = "a label that is too long to stand upright".to_owned();
    });
    let [_, evaluation] = results.jobs(&[1, 1], 1);
    results.views.insert(evaluation, JobView::Failed { class: "bug".to_owned(), message: "oh".to_owned() });
    let drawing = figure(&results.sweeps[0], &results.table()).unwrap();
    assert!(drawing.contains("Crop &amp; color &lt; both"), "{drawing}");
    // The smallest number is dark with white ink, the largest bright with black, and a failure gray.
    for expected in [
        "fill=\"#440154\"",
        "fill=\"white\" text-anchor=\"middle\">5.8<",
        "fill=\"#fde725\"",
        "fill=\"black\" text-anchor=\"middle\">45.8<",
        ">FAILED<",
        "rotate(-45",
    ] {
        assert!(drawing.contains(expected), "{expected}\n{drawing}");
    }
    assert_eq!(drawing.matches("stroke=\"white\"").count(), 6, "two rows of two cells and an average");
    assert_eq!(drawing.matches('<').count(), drawing.matches('>').count());
}
