//! What a cell says when it is not simply a number, and what the notes add.

use ablate::report::{CellState, latex, markdown, table_csv, terminal};

use super::*;

fn failed(message: &str) -> JobView {
    JobView::Failed { class: "out of memory".to_owned(), message: message.to_owned() }
}

/// The state of the cell in the first row and column after a change to the complete results of three seeds.
fn first_state(change: impl FnOnce(&mut Results)) -> CellState {
    let mut results = Results::complete(vec![two_by_two(&[0, 1, 2])]);
    change(&mut results);
    results.table().rows[0].cells[0].state.clone()
}

/// A table with cells in most states.
fn mixed() -> Table {
    let mut results = Results::complete(vec![two_by_two(&[0, 1, 2])]);
    let [_, evaluation] = results.jobs(&[0, 0], 1);
    results.views.insert(evaluation, JobView::Queued);
    let [pretrain, evaluation] = results.jobs(&[0, 1], 2);
    results.views.insert(pretrain, failed("needs 9 GB"));
    results.views.insert(evaluation, JobView::Skipped { because: "pretraining failed".to_owned() });
    for seed in 0..3 {
        let [pretrain, evaluation] = results.jobs(&[1, 0], seed);
        results.views.insert(pretrain, JobView::Running { progress: Some(0.404) });
        results.views.remove(&evaluation);
        for id in results.jobs(&[1, 1], seed) {
            results.views.remove(&id);
        }
    }
    results.table()
}

#[test]
fn mixed_states_on_a_terminal() {
    insta::assert_snapshot!(terminal(&mixed(), 100, false), @"
    Batch size and temperature
    ┌─────────────┬──────────────────────────────────────┬─────────────────────────┐
    │ temperature │               τ = 0.1                │         τ = 0.5         │
    │             ├───────────────────────┬──────────────┼───────────┬─────────────┤
    │ batch size  │       top-1 (%)       │ loss (nats)  │ top-1 (%) │ loss (nats) │
    ├─────────────┼───────────────────────┼──────────────┼───────────┼─────────────┤
    │ 64          │ 6.0 ± 0.7 (2/3 seeds) │  4.12 ± 0.12 │   skipped │      FAILED │
    │ 128         │          running 40 % │ running 40 % │         – │           – │
    └─────────────┴───────────────────────┴──────────────┴───────────┴─────────────┘
    mean ± sample standard deviation over 3 seeds (0, 1, 2)
    pretraining protocol: NT-Xent, 20 epochs
    protocol of linear: linear, 90 epochs
    data: shapes-5f3c
    code: 0.1.0-a1b2
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    1 of 8 cells: failed (out of memory: needs 9 GB)
    1 of 8 cells: skipped (pretraining failed: out of memory: needs 9 GB)
    1 of 8 cells: some seeds still to come
    2 of 8 cells: running
    2 of 8 cells: not run yet
    ");
}

#[test]
fn mixed_states_in_markdown() {
    insta::assert_snapshot!(markdown(&mixed()), @"
    **Batch size and temperature**

    | batch size |    τ = 0.1, top-1 (%) | τ = 0.1, loss (nats) | τ = 0.5, top-1 (%) | τ = 0.5, loss (nats) |
    | :--------- | --------------------: | -------------------: | -----------------: | -------------------: |
    | 64         | 6.0 ± 0.7 (2/3 seeds) |          4.12 ± 0.12 |            skipped |               FAILED |
    | 128        |          running 40 % |         running 40 % |                  – |                    – |

    - mean ± sample standard deviation over 3 seeds (0, 1, 2)
    - pretraining protocol: NT-Xent, 20 epochs
    - protocol of linear: linear, 90 epochs
    - data: shapes-5f3c
    - code: 0.1.0-a1b2
    - device: cpu (2 threads)
    - measured: 2026-01-01 (UTC)
    - 1 of 8 cells: failed (out of memory: needs 9 GB)
    - 1 of 8 cells: skipped (pretraining failed: out of memory: needs 9 GB)
    - 1 of 8 cells: some seeds still to come
    - 2 of 8 cells: running
    - 2 of 8 cells: not run yet
    ");
}

#[test]
fn mixed_states_in_latex() {
    insta::assert_snapshot!(latex(&mixed()), @r#"
    % Table "table-1", written by ablate 0.1.0; needs \usepackage{booktabs} \usepackage{siunitx}.
    % mean ± sample standard deviation over 3 seeds (0, 1, 2)
    % pretraining protocol: NT-Xent, 20 epochs
    % protocol of linear: linear, 90 epochs
    % data: shapes-5f3c
    % code: 0.1.0-a1b2
    % device: cpu (2 threads)
    % measured: 2026-01-01 (UTC)
    % 1 of 8 cells: failed (out of memory: needs 9 GB)
    % 1 of 8 cells: skipped (pretraining failed: out of memory: needs 9 GB)
    % 1 of 8 cells: some seeds still to come
    % 2 of 8 cells: running
    % 2 of 8 cells: not run yet
    \begin{table}
      \centering
      \sisetup{detect-weight=true}
      \caption{Batch size and temperature}
      \label{tab:table-1}
      \begin{tabular}{
        l
        S[table-format=1.1, table-space-text-post={${}\pm 0.7$~(2/3 seeds)}, table-align-text-post=false]
        S[table-format=1.2, table-space-text-post={${}\pm 0.12$}, table-align-text-post=false]
        c
        c
      }
        \toprule
        temperature & \multicolumn{2}{c}{$\tau$ = 0.1} & \multicolumn{2}{c}{$\tau$ = 0.5} \\
        \cmidrule(lr){2-3} \cmidrule(lr){4-5}
        batch size & {top-1 (\%)} & {loss (nats)} & {top-1 (\%)} & {loss (nats)} \\
        \midrule
        64 & 6.0 {${}\pm 0.7$~(2/3 seeds)} & 4.12 {${}\pm 0.12$} & {skipped} & {FAILED} \\
        128 & {running 40 \%} & {running 40 \%} & {--} & {--} \\
        \bottomrule
      \end{tabular}
      \par\smallskip\footnotesize\raggedright
      mean $\pm$ sample standard deviation over 3 seeds (0, 1, 2)\par
      pretraining protocol: NT-Xent, 20 epochs\par
      protocol of linear: linear, 90 epochs\par
      data: shapes-5f3c\par
      code: 0.1.0-a1b2\par
      device: cpu (2 threads)\par
      measured: 2026-01-01 (UTC)\par
      1 of 8 cells: failed (out of memory: needs 9 GB)\par
      1 of 8 cells: skipped (pretraining failed: out of memory: needs 9 GB)\par
      1 of 8 cells: some seeds still to come\par
      2 of 8 cells: running\par
      2 of 8 cells: not run yet\par
    \end{table}
    "#);
}

#[test]
fn mixed_states_in_csv() {
    insta::assert_snapshot!(table_csv(&mixed()), @r#"
    batch size,"τ = 0.1, top-1 (%)","τ = 0.1, loss (nats)","τ = 0.5, top-1 (%)","τ = 0.5, loss (nats)"
    64,6.0 ± 0.7 (2/3 seeds),4.12 ± 0.12,skipped,FAILED
    128,running 40 %,running 40 %,–,–
    "#);
}

#[test]
fn one_seed_has_no_spread() {
    insta::assert_snapshot!(terminal(&Results::complete(vec![two_by_two(&[7])]).table(), 80, false), @"
    Batch size and temperature
    ┌─────────────┬─────────────────────────┬─────────────────────────┐
    │ temperature │         τ = 0.1         │         τ = 0.5         │
    │             ├───────────┬─────────────┼───────────┬─────────────┤
    │ batch size  │ top-1 (%) │ loss (nats) │ top-1 (%) │ loss (nats) │
    ├─────────────┼───────────┼─────────────┼───────────┼─────────────┤
    │ 64          │       9.0 │        4.88 │      29.0 │        4.62 │
    │ 128         │      49.0 │        4.38 │      69.0 │        4.12 │
    └─────────────┴───────────┴─────────────┴───────────┴─────────────┘
    one seed (7), so no spread
    pretraining protocol: NT-Xent, 20 epochs
    protocol of linear: linear, 90 epochs
    data: shapes-5f3c
    code: 0.1.0-a1b2
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    ");
}

#[test]
fn mean_and_deviation_are_those_of_the_seeds() {
    let table = Results::complete(vec![two_by_two(&[0, 1, 2])]).table();
    let cell = &table.rows[1].cells[2];
    assert_eq!(cell.values().collect::<Vec<_>>(), [(0, Some(65.5)), (1, Some(66.0)), (2, Some(66.5))]);
    assert_eq!((cell.n, cell.mean, cell.deviation), (3, Some(66.0), Some(0.5)));
}

#[test]
fn a_failed_seed_hides_the_mean_of_the_others() {
    let mut results = Results::complete(vec![two_by_two(&[0, 1, 2])]);
    let [_, evaluation] = results.jobs(&[0, 0], 2);
    results.views.insert(evaluation, failed("x"));
    let cell = results.table().rows[0].cells[0].clone();
    assert_eq!(cell.state, CellState::Failed("out of memory: x".to_owned()));
    assert_eq!((cell.n, cell.mean, cell.deviation), (2, None, None));
}

#[test]
fn pretraining_explains_an_evaluation_that_has_not_begun() {
    let state = first_state(|results| {
        let [pretrain, evaluation] = results.jobs(&[0, 0], 0);
        results.views.insert(pretrain, failed("x"));
        results.views.remove(&evaluation);
    });
    assert_eq!(state, CellState::Skipped("pretraining failed: out of memory: x".to_owned()));
}

#[test]
fn a_metric_that_is_not_reported_is_not_a_failure() {
    let state = first_state(|results| {
        for seed in 0..3 {
            let [_, evaluation] = results.jobs(&[0, 0], seed);
            results.edit(evaluation, |record| record.metrics.clear());
        }
    });
    assert_eq!(state, CellState::NotMeasured);
}

#[test]
fn seeds_measured_differently_are_never_averaged() {
    type Change = fn(&mut DoneView);
    let changes: [(&str, usize, Change); 5] = [
        ("protocol", 1, |record| record.protocol += ", flipped"),
        ("data", 1, |record| record.data += "-other"),
        ("code", 1, |record| record.code += "-other"),
        ("pretraining data", 0, |record| record.data += "-other"),
        ("pretraining code", 0, |record| record.code += "-other"),
    ];
    for (name, job, change) in changes {
        let state = first_state(|results| {
            let id = results.jobs(&[0, 0], 1)[job];
            results.edit(id, change);
        });
        assert_eq!(state, CellState::NotComparable(name.to_owned()));
    }
    // Where it ran is reported, not compared.
    let state = first_state(|results| {
        let id = results.jobs(&[0, 0], 1)[1];
        results.edit(id, |record| record.device = "cuda".to_owned());
    });
    assert_eq!(state, CellState::Done);
}

#[test]
fn seeds_that_differ_are_shown_and_named() {
    let mut results = Results::complete(vec![two_by_two(&[0, 1])]);
    let [_, evaluation] = results.jobs(&[0, 0], 1);
    results.edit(evaluation, |record| {
        record.protocol = "linear, 10 epochs".to_owned();
        record.code = "0.2.0".to_owned();
    });
    insta::assert_snapshot!(terminal(&results.table(), 100, false), @"
    Batch size and temperature
    ┌─────────────┬──────────────────────────────┬──────────────────────────┐
    │ temperature │           τ = 0.1            │         τ = 0.5          │
    │             ├────────────────┬─────────────┼────────────┬─────────────┤
    │ batch size  │   top-1 (%)    │ loss (nats) │ top-1 (%)  │ loss (nats) │
    ├─────────────┼────────────────┼─────────────┼────────────┼─────────────┤
    │ 64          │ not comparable │ 4.06 ± 0.09 │ 25.8 ± 0.4 │ 3.81 ± 0.09 │
    │ 128         │     45.8 ± 0.4 │ 3.56 ± 0.09 │ 65.8 ± 0.4 │ 3.31 ± 0.09 │
    └─────────────┴────────────────┴─────────────┴────────────┴─────────────┘
    mean ± sample standard deviation over 2 seeds (0, 1)
    pretraining protocol: NT-Xent, 20 epochs
    CELLS DIFFER in protocol of linear, compare with care: linear, 10 epochs | linear, 90 epochs
    data: shapes-5f3c
    pretraining code: 0.1.0-a1b2
    CELLS DIFFER in evaluation code, compare with care: 0.1.0-a1b2 | 0.2.0
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    1 of 8 cells: not comparable (seeds differ in protocol, code)
    ");
}

#[test]
fn cells_that_differ_from_each_other_are_told_in_a_note() {
    let mut results = Results::complete(vec![two_by_two(&[0])]);
    let [pretrain, evaluation] = results.jobs(&[1, 1], 0);
    results.edit(pretrain, |record| record.data = "shapes-train".to_owned());
    results.edit(evaluation, |record| {
        record.protocol = "linear, 10 epochs".to_owned();
        record.device = "NVIDIA H100".to_owned();
        record.backend = "cuda, bfloat16".to_owned();
        record.threads = 1;
        record.started_unix += 86_400;
    });
    let table = results.table();
    assert!(table.cells().all(|cell| cell.state == CellState::Done));
    insta::assert_snapshot!(table.notes.join("\n"), @"
    one seed (0), so no spread
    pretraining protocol: NT-Xent, 20 epochs
    CELLS DIFFER in protocol of linear, compare with care: linear, 10 epochs | linear, 90 epochs
    CELLS DIFFER in pretraining data, compare with care: shapes-5f3c | shapes-train
    evaluation data: shapes-5f3c
    code: 0.1.0-a1b2
    CELLS DIFFER in evaluation backend, compare with care: cuda, bfloat16 | flex, float32
    device: NVIDIA H100 (1 thread), cpu (2 threads)
    measured: 2026-01-01 to 2026-01-02 (UTC)
    ");
}

#[test]
fn an_untrained_encoder_has_no_data_to_differ_in() {
    let mut results = Results::complete(vec![two_by_two(&[0])]);
    let [pretrain, _] = results.jobs(&[0, 0], 0);
    results.edit(pretrain, |record| record.data = String::new());
    assert!(results.table().notes.contains(&"data: shapes-5f3c".to_owned()), "{:?}", results.table().notes);
    results.edit(pretrain, |record| record.data = "others".to_owned());
    assert!(results.table().notes.iter().any(|note| note.starts_with("CELLS DIFFER in pretraining data")));
}

#[test]
fn unfinished_cells_say_the_gravest_of_their_seeds() {
    let stale = || JobView::Stale { why: "momentum: 0.9 → 0.8".to_owned() };
    let absent = || JobView::WithoutData { message: "cifar10".to_owned() };
    let state = |seeds: [(JobView, JobView); 3]| {
        first_state(|results| {
            for (seed, views) in seeds.into_iter().enumerate() {
                let [pretrain, evaluation] = results.jobs(&[0, 0], seed as u64);
                results.views.insert(pretrain, views.0);
                results.views.insert(evaluation, views.1);
            }
        })
    };
    let missing = || (JobView::Missing, JobView::Missing);
    let running = || JobView::Running { progress: None };
    assert_eq!(state([missing(), missing(), (JobView::Missing, JobView::Queued)]), CellState::Queued);
    assert_eq!(
        state([missing(), (running(), stale()), (stale(), JobView::Queued)]),
        CellState::Running { progress: None }
    );
    assert_eq!(state([missing(), (stale(), stale()), missing()]), CellState::Stale("momentum: 0.9 → 0.8".to_owned()));
    assert_eq!(state([(running(), stale()), (absent(), stale()), missing()]), CellState::NoData("cifar10".to_owned()));
    let skipped = || JobView::Skipped { because: "no luck".to_owned() };
    assert_eq!(
        state([(skipped(), JobView::Missing), (stale(), absent()), missing()]),
        CellState::NoData("cifar10".to_owned())
    );
    assert_eq!(
        state([(failed("a"), JobView::Queued), (JobView::Missing, stale()), missing()]),
        CellState::Skipped("pretraining failed: out of memory: a".to_owned())
    );
}

#[test]
fn the_value_so_far_stands_in_a_cell_that_is_being_made() {
    let mut results = Results::complete(vec![two_by_two(&[0, 1, 2])]);
    let [pretrain, evaluation] = results.jobs(&[0, 0], 2);
    results.views.insert(pretrain, JobView::Running { progress: Some(0.5) });
    results.views.insert(evaluation, JobView::Stale { why: "momentum: 0.9 → 0.8".to_owned() });
    let table = results.table();
    assert_eq!(table.rows[0].cells[0].text().plain(), "5.8 ± 0.4 (2/3 seeds, running)");
}
