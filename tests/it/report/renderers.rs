//! How tables look in each format.

use ablate::report::{latex, markdown, table_csv, terminal};

use super::*;

/// Labels that mean something to one format or another.
fn with_special_labels() -> Results {
    let mut sweep = two_by_two(&[0]);
    sweep.tables[0].title = "50 % of A&B_c | d".to_owned();
    sweep.axes[0].name = "x_1 | {y}".to_owned();
    sweep.axes[0].values[0].label = "=SUM(A1) & 50 %".to_owned();
    sweep.axes[0].values[1].label = "[a\\b]\n*c*~^$#".to_owned();
    sweep.axes[1].values[0].label = "<τ> ≤ 0.1".to_owned();
    sweep.axes[1].values[1].label = "-1 \u{1b}[31m|".to_owned();
    Results::complete(vec![sweep])
}

#[test]
fn complete_on_a_terminal() {
    insta::assert_snapshot!(terminal(&Results::complete(vec![two_by_two(&[0, 1, 2])]).table(), 80, false), @"
    Batch size and temperature
    ┌─────────────┬──────────────────────────┬──────────────────────────┐
    │ temperature │         τ = 0.1          │         τ = 0.5          │
    │             ├────────────┬─────────────┼────────────┬─────────────┤
    │ batch size  │ top-1 (%)  │ loss (nats) │ top-1 (%)  │ loss (nats) │
    ├─────────────┼────────────┼─────────────┼────────────┼─────────────┤
    │ 64          │  6.0 ± 0.5 │ 4.12 ± 0.12 │ 26.0 ± 0.5 │ 3.88 ± 0.12 │
    │ 128         │ 46.0 ± 0.5 │ 3.62 ± 0.12 │ 66.0 ± 0.5 │ 3.38 ± 0.12 │
    └─────────────┴────────────┴─────────────┴────────────┴─────────────┘
    mean ± sample standard deviation over 3 seeds (0, 1, 2)
    pretraining protocol: NT-Xent, 20 epochs
    protocol of linear: linear, 90 epochs
    data: shapes-5f3c
    code: 0.1.0-a1b2
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    ");
}

#[test]
fn complete_in_markdown() {
    insta::assert_snapshot!(markdown(&Results::complete(vec![two_by_two(&[0, 1, 2])]).table()), @"
    **Batch size and temperature**

    | batch size | τ = 0.1, top-1 (%) | τ = 0.1, loss (nats) | τ = 0.5, top-1 (%) | τ = 0.5, loss (nats) |
    | :--------- | -----------------: | -------------------: | -----------------: | -------------------: |
    | 64         |          6.0 ± 0.5 |          4.12 ± 0.12 |         26.0 ± 0.5 |          3.88 ± 0.12 |
    | 128        |         46.0 ± 0.5 |          3.62 ± 0.12 |         66.0 ± 0.5 |          3.38 ± 0.12 |

    - mean ± sample standard deviation over 3 seeds (0, 1, 2)
    - pretraining protocol: NT-Xent, 20 epochs
    - protocol of linear: linear, 90 epochs
    - data: shapes-5f3c
    - code: 0.1.0-a1b2
    - device: cpu (2 threads)
    - measured: 2026-01-01 (UTC)
    ");
}

#[test]
fn complete_in_latex() {
    insta::assert_snapshot!(latex(&Results::complete(vec![two_by_two(&[0, 1, 2])]).table()), @r#"
    % Table "table-1", written by ablate 0.1.0; needs \usepackage{booktabs} \usepackage{siunitx}.
    % mean ± sample standard deviation over 3 seeds (0, 1, 2)
    % pretraining protocol: NT-Xent, 20 epochs
    % protocol of linear: linear, 90 epochs
    % data: shapes-5f3c
    % code: 0.1.0-a1b2
    % device: cpu (2 threads)
    % measured: 2026-01-01 (UTC)
    \begin{table}
      \centering
      \sisetup{detect-weight=true}
      \caption{Batch size and temperature}
      \label{tab:table-1}
      \begin{tabular}{
        l
        S[table-format=2.1, table-space-text-post={${}\pm 0.5$}, table-align-text-post=false]
        S[table-format=1.2, table-space-text-post={${}\pm 0.12$}, table-align-text-post=false]
        S[table-format=2.1, table-space-text-post={${}\pm 0.5$}, table-align-text-post=false]
        S[table-format=1.2, table-space-text-post={${}\pm 0.12$}, table-align-text-post=false]
      }
        \toprule
        temperature & \multicolumn{2}{c}{$\tau$ = 0.1} & \multicolumn{2}{c}{$\tau$ = 0.5} \\
        \cmidrule(lr){2-3} \cmidrule(lr){4-5}
        batch size & {top-1 (\%)} & {loss (nats)} & {top-1 (\%)} & {loss (nats)} \\
        \midrule
        64 & 6.0 {${}\pm 0.5$} & 4.12 {${}\pm 0.12$} & 26.0 {${}\pm 0.5$} & 3.88 {${}\pm 0.12$} \\
        128 & 46.0 {${}\pm 0.5$} & 3.62 {${}\pm 0.12$} & 66.0 {${}\pm 0.5$} & 3.38 {${}\pm 0.12$} \\
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
    \end{table}
    "#);
}

#[test]
fn complete_in_csv() {
    insta::assert_snapshot!(table_csv(&Results::complete(vec![two_by_two(&[0, 1, 2])]).table()), @r#"
    batch size,"τ = 0.1, top-1 (%)","τ = 0.1, loss (nats)","τ = 0.5, top-1 (%)","τ = 0.5, loss (nats)"
    64,6.0 ± 0.5,4.12 ± 0.12,26.0 ± 0.5,3.88 ± 0.12
    128,46.0 ± 0.5,3.62 ± 0.12,66.0 ± 0.5,3.38 ± 0.12
    "#);
}

#[test]
fn two_row_axes_and_several_evaluations() {
    let mut sweep = two_by_two(&[0, 1]);
    sweep.evaluations.push(evaluation("short", 10));
    sweep.tables[0].rows = vec![1, 0];
    sweep.tables[0].columns = vec![];
    sweep.tables[0].metrics = vec![shows(Metric::Top1, Some(0)), shows(Metric::Top1, Some(1))];
    let table = Results::complete(vec![sweep]).table();
    insta::assert_snapshot!(terminal(&table, 80, false), @"
    Batch size and temperature
    ┌─────────────┬────────────┬───────────────────┬──────────────────┐
    │ temperature │ batch size │ top-1 (%), linear │ top-1 (%), short │
    ├─────────────┼────────────┼───────────────────┼──────────────────┤
    │ τ = 0.1     │ 64         │         5.8 ± 0.4 │        6.8 ± 0.4 │
    │             │ 128        │        45.8 ± 0.4 │       46.8 ± 0.4 │
    │ τ = 0.5     │ 64         │        25.8 ± 0.4 │       26.8 ± 0.4 │
    │             │ 128        │        65.8 ± 0.4 │       66.8 ± 0.4 │
    └─────────────┴────────────┴───────────────────┴──────────────────┘
    mean ± sample standard deviation over 2 seeds (0, 1)
    protocol of linear: linear, 90 epochs
    protocol of short: linear, 90 epochs
    data: shapes-5f3c
    code: 0.1.0-a1b2
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    ");
    insta::assert_snapshot!(table_csv(&table), @r#"
    temperature,batch size,"top-1 (%), linear","top-1 (%), short"
    τ = 0.1,64,5.8 ± 0.4,6.8 ± 0.4
    τ = 0.1,128,45.8 ± 0.4,46.8 ± 0.4
    τ = 0.5,64,25.8 ± 0.4,26.8 ± 0.4
    τ = 0.5,128,65.8 ± 0.4,66.8 ± 0.4
    "#);
}

#[test]
fn special_characters_on_a_terminal() {
    insta::assert_snapshot!(terminal(&with_special_labels().table(), 80, false), @r"
    50 % of A&B_c | d
    ┌─────────────────┬─────────────────────────┬─────────────────────────┐
    │ temperature     │        <τ> ≤ 0.1        │        -1 [31m|         │
    │                 ├───────────┬─────────────┼───────────┬─────────────┤
    │ x_1 | {y}       │ top-1 (%) │ loss (nats) │ top-1 (%) │ loss (nats) │
    ├─────────────────┼───────────┼─────────────┼───────────┼─────────────┤
    │ =SUM(A1) & 50 % │       5.5 │        4.00 │      25.5 │        3.75 │
    │ [a\b] *c*~^$#   │      45.5 │        3.50 │      65.5 │        3.25 │
    └─────────────────┴───────────┴─────────────┴───────────┴─────────────┘
    one seed (0), so no spread
    pretraining protocol: NT-Xent, 20 epochs
    protocol of linear: linear, 90 epochs
    data: shapes-5f3c
    code: 0.1.0-a1b2
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    ");
}

#[test]
fn special_characters_in_markdown() {
    insta::assert_snapshot!(markdown(&with_special_labels().table()), @r"
    **50 % of A\&B\_c \| d**

    | x\_1 \| {y}          | \<τ\> ≤ 0.1, top-1 (%) | \<τ\> ≤ 0.1, loss (nats) | -1 \[31m\|, top-1 (%) | -1 \[31m\|, loss (nats) |
    | :------------------- | ---------------------: | -----------------------: | --------------------: | ----------------------: |
    | =SUM(A1) \& 50 %     |                    5.5 |                     4.00 |                  25.5 |                    3.75 |
    | \[a\\b\] \*c\*\~^\$# |                   45.5 |                     3.50 |                  65.5 |                    3.25 |

    - one seed (0), so no spread
    - pretraining protocol: NT-Xent, 20 epochs
    - protocol of linear: linear, 90 epochs
    - data: shapes-5f3c
    - code: 0.1.0-a1b2
    - device: cpu (2 threads)
    - measured: 2026-01-01 (UTC)
    ");
}

#[test]
fn special_characters_in_latex() {
    insta::assert_snapshot!(latex(&with_special_labels().table()), @r#"
    % Table "table-1", written by ablate 0.1.0; needs \usepackage{booktabs} \usepackage{siunitx}.
    % one seed (0), so no spread
    % pretraining protocol: NT-Xent, 20 epochs
    % protocol of linear: linear, 90 epochs
    % data: shapes-5f3c
    % code: 0.1.0-a1b2
    % device: cpu (2 threads)
    % measured: 2026-01-01 (UTC)
    \begin{table}
      \centering
      \sisetup{detect-weight=true}
      \caption{50 \% of A\&B\_c \textbar{} d}
      \label{tab:table-1}
      \begin{tabular}{
        l
        S[table-format=2.1]
        S[table-format=1.2]
        S[table-format=2.1]
        S[table-format=1.2]
      }
        \toprule
        temperature & \multicolumn{2}{c}{\textless{}$\tau$\textgreater{} $\leq$ 0.1} & \multicolumn{2}{c}{-1 {[}31m\textbar{}} \\
        \cmidrule(lr){2-3} \cmidrule(lr){4-5}
        x\_1 \textbar{} \{y\} & {top-1 (\%)} & {loss (nats)} & {top-1 (\%)} & {loss (nats)} \\
        \midrule
        =SUM(A1) \& 50 \% & 5.5 & 4.00 & 25.5 & 3.75 \\
        {[}a\textbackslash{}b{]} {*}c{*}\textasciitilde{}\textasciicircum{}\$\# & 45.5 & 3.50 & 65.5 & 3.25 \\
        \bottomrule
      \end{tabular}
      \par\smallskip\footnotesize\raggedright
      one seed (0), so no spread\par
      pretraining protocol: NT-Xent, 20 epochs\par
      protocol of linear: linear, 90 epochs\par
      data: shapes-5f3c\par
      code: 0.1.0-a1b2\par
      device: cpu (2 threads)\par
      measured: 2026-01-01 (UTC)\par
    \end{table}
    "#);
}

#[test]
fn special_characters_in_csv() {
    insta::assert_snapshot!(table_csv(&with_special_labels().table()), @r#"
    x_1 | {y},"<τ> ≤ 0.1, top-1 (%)","<τ> ≤ 0.1, loss (nats)","'-1 [31m|, top-1 (%)","'-1 [31m|, loss (nats)"
    '=SUM(A1) & 50 %,5.5,4.00,25.5,3.75
    [a\b] *c*~^$#,45.5,3.50,65.5,3.25
    "#);
}

#[test]
fn a_narrow_terminal_stacks_columns_and_keeps_numbers() {
    let mut sweep = two_by_two(&[0, 1, 2]);
    sweep.axes[0].name = "number of images per batch".to_owned();
    sweep.axes[0].values[0].label = "sixty-four images and not one more of them".to_owned();
    insta::assert_snapshot!(terminal(&Results::complete(vec![sweep]).table(), 30, false), @"
    Batch size and temperature
    ┌───────────────┬────────────┐
    │ temperature   │  τ = 0.1   │
    │               ├────────────┤
    │ number of     │ top-1 (%)  │
    │ images per    │            │
    │ batch         │            │
    ├───────────────┼────────────┤
    │ sixty-four    │  6.0 ± 0.5 │
    │ images and    │            │
    │ not one more… │            │
    │ 128           │ 46.0 ± 0.5 │
    └───────────────┴────────────┘
    ┌──────────────┬─────────────┐
    │ temperature  │   τ = 0.1   │
    │              ├─────────────┤
    │ number of    │ loss (nats) │
    │ images per   │             │
    │ batch        │             │
    ├──────────────┼─────────────┤
    │ sixty-four   │ 4.12 ± 0.12 │
    │ images and   │             │
    │ not one mor… │             │
    │ 128          │ 3.62 ± 0.12 │
    └──────────────┴─────────────┘
    ┌───────────────┬────────────┐
    │ temperature   │  τ = 0.5   │
    │               ├────────────┤
    │ number of     │ top-1 (%)  │
    │ images per    │            │
    │ batch         │            │
    ├───────────────┼────────────┤
    │ sixty-four    │ 26.0 ± 0.5 │
    │ images and    │            │
    │ not one more… │            │
    │ 128           │ 66.0 ± 0.5 │
    └───────────────┴────────────┘
    ┌──────────────┬─────────────┐
    │ temperature  │   τ = 0.5   │
    │              ├─────────────┤
    │ number of    │ loss (nats) │
    │ images per   │             │
    │ batch        │             │
    ├──────────────┼─────────────┤
    │ sixty-four   │ 3.88 ± 0.12 │
    │ images and   │             │
    │ not one mor… │             │
    │ 128          │ 3.38 ± 0.12 │
    └──────────────┴─────────────┘
    mean ± sample standard
    deviation over 3 seeds (0, 1,
    2)
    pretraining protocol: NT-Xent,
    20 epochs
    protocol of linear: linear, 90
    epochs
    data: shapes-5f3c
    code: 0.1.0-a1b2
    device: cpu (2 threads)
    measured: 2026-01-01 (UTC)
    ");
}

#[test]
fn lines_fit_every_width_that_holds_a_column() {
    let table = with_special_labels().table();
    for width in 24..120 {
        let text = terminal(&table, width, false);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width, "{widest} > {width}:\n{text}");
        assert!(text.contains("65.5") && text.contains("3.25"), "{text}");
    }
}

#[test]
fn color_changes_nothing_but_styles() {
    let mut results = Results::complete(vec![two_by_two(&[0, 1])]);
    let [_, evaluation] = results.jobs(&[0, 0], 0);
    let failed = JobView::Failed { class: "bug".to_owned(), message: "boom".to_owned() };
    results.views.insert(evaluation, failed);
    let table = results.table();
    let colored = terminal(&table, 80, true);
    assert!(colored.contains("\u{1b}[31m") && colored.contains("FAILED\u{1b}[0m"));
    let plain =
        ["1", "2", "31", "33", "0"].iter().fold(colored, |text, style| text.replace(&format!("\u{1b}[{style}m"), ""));
    assert_eq!(plain, terminal(&table, 80, false));
}

#[test]
fn latex_says_what_it_needs() {
    let tex = |label: &str| {
        let mut sweep = two_by_two(&[0]);
        sweep.axes[0].values[0].label = label.to_owned();
        sweep.tables[0].note = Some("a → b ≈ τ".to_owned());
        latex(&Results::complete(vec![sweep]).table())
    };
    let plain = tex("--x \"é\"");
    assert!(plain.starts_with("% Table ") && !plain.contains("adjustbox"), "{plain}");
    assert!(
        plain.contains(r#"-{}-x \texttt{"}é\texttt{"}"#) && plain.contains(r"$\rightarrow$ b $\approx$ $\tau$"),
        "{plain}"
    );
    let foreign = tex("标");
    assert!(foreign.starts_with("% Compile it with XeLaTeX or LuaLaTeX and a font that has these characters: 标\n"));
    let wide = tex(&"wide ".repeat(20));
    assert!(
        wide.contains(r"\usepackage{adjustbox}") && wide.contains(r"\begin{adjustbox}{max width=\linewidth}"),
        "{wide}"
    );
}
