//! How long what is left takes: as text, and only as far as it was measured.

use ablate::report::plan_text;

use super::*;

/// A plan's head and first lines, with the outlook.
fn planned(results: &Results, measured: &[(JobId, f64)]) -> String {
    let cost = |id| Some(results.plan.cost(id).to_string());
    let outlook = results.outlook(measured);
    let text = plan_text(&results.sweeps, &results.plan, &|id| results.view(id), &cost, &outlook);
    results.without_ids(&text)
}

/// One trial done of four, on each of two seeds.
fn begun() -> (Results, Vec<(JobId, f64)>) {
    let mut results = Results::complete(vec![two_by_two(&[0, 1])]);
    let done: Vec<JobId> = [0, 1].iter().flat_map(|&seed| results.jobs(&[0, 0], seed)).collect();
    results.views.retain(|id, _| done.contains(id));
    let measured = done.into_iter().zip([600.0, 20.0, 630.0, 25.0]).collect();
    (results, measured)
}

#[test]
fn a_plan_tells_the_time_of_what_is_left() {
    let (results, measured) = begun();
    insta::assert_snapshot!(planned(&results, &measured), @"
    SimCLR in miniature: 4 trials × 2 seeds
    16 jobs: 8 pretrain, 8 evaluate
    4 done, 12 missing
    time left: about 31 min (20 min to 52 min), 2 jobs at a time; about 1 h 1 min (39 min to 1 h 43 min) of device time; from 4 measured jobs

    job00000  pretrain  64 + τ = 0.1, seed 0   done     811 GMAC
    job00001  evaluate  64 + τ = 0.1, seed 0   done     7.91 GMAC
    job00002  pretrain  64 + τ = 0.5, seed 0   missing  811 GMAC   10 min
    job00003  evaluate  64 + τ = 0.5, seed 0   missing  7.91 GMAC  22 s
    job00004  pretrain  128 + τ = 0.1, seed 0  missing  757 GMAC   10 min
    job00005  evaluate  128 + τ = 0.1, seed 0  missing  7.91 GMAC  22 s
    job00006  pretrain  128 + τ = 0.5, seed 0  missing  757 GMAC   10 min
    job00007  evaluate  128 + τ = 0.5, seed 0  missing  7.91 GMAC  22 s
    job00008  pretrain  64 + τ = 0.1, seed 1   done     811 GMAC
    job00009  evaluate  64 + τ = 0.1, seed 1   done     7.91 GMAC
    job00010  pretrain  64 + τ = 0.5, seed 1   missing  811 GMAC   10 min
    job00011  evaluate  64 + τ = 0.5, seed 1   missing  7.91 GMAC  22 s
    job00012  pretrain  128 + τ = 0.1, seed 1  missing  757 GMAC   10 min
    job00013  evaluate  128 + τ = 0.1, seed 1  missing  7.91 GMAC  22 s
    job00014  pretrain  128 + τ = 0.5, seed 1  missing  757 GMAC   10 min
    job00015  evaluate  128 + τ = 0.5, seed 1  missing  7.91 GMAC  22 s
    ");
    insta::assert_snapshot!(planned(&results, &measured[..1]), @"
    SimCLR in miniature: 4 trials × 2 seeds
    16 jobs: 8 pretrain, 8 evaluate
    4 done, 12 missing
    time left: about 30 min (18 min to 1 h 3 min), 2 jobs at a time; about 58 min (34 min to 2 h 6 min) of device time; from 1 measured job

    job00000  pretrain  64 + τ = 0.1, seed 0   done     811 GMAC
    job00001  evaluate  64 + τ = 0.1, seed 0   done     7.91 GMAC
    job00002  pretrain  64 + τ = 0.5, seed 0   missing  811 GMAC   10 min
    job00003  evaluate  64 + τ = 0.5, seed 0   missing  7.91 GMAC  6 s
    job00004  pretrain  128 + τ = 0.1, seed 0  missing  757 GMAC   9 min
    job00005  evaluate  128 + τ = 0.1, seed 0  missing  7.91 GMAC  6 s
    job00006  pretrain  128 + τ = 0.5, seed 0  missing  757 GMAC   9 min
    job00007  evaluate  128 + τ = 0.5, seed 0  missing  7.91 GMAC  6 s
    job00008  pretrain  64 + τ = 0.1, seed 1   done     811 GMAC
    job00009  evaluate  64 + τ = 0.1, seed 1   done     7.91 GMAC
    job00010  pretrain  64 + τ = 0.5, seed 1   missing  811 GMAC   10 min
    job00011  evaluate  64 + τ = 0.5, seed 1   missing  7.91 GMAC  6 s
    job00012  pretrain  128 + τ = 0.1, seed 1  missing  757 GMAC   9 min
    job00013  evaluate  128 + τ = 0.1, seed 1  missing  7.91 GMAC  6 s
    job00014  pretrain  128 + τ = 0.5, seed 1  missing  757 GMAC   9 min
    job00015  evaluate  128 + τ = 0.5, seed 1  missing  7.91 GMAC  6 s
    ");
}

#[test]
fn no_time_is_made_up() {
    let (results, measured) = begun();
    let head = |text: String| text.lines().take(4).map(|line| format!("{line}\n")).collect::<String>();
    insta::assert_snapshot!(head(planned(&results, &[])), @"
    SimCLR in miniature: 4 trials × 2 seeds
    16 jobs: 8 pretrain, 8 evaluate
    4 done, 12 missing
    time left: unknown, since no job was measured on cpu
    ");
    assert!(!planned(&results, &[]).contains("about"));
    assert_eq!(results.outlook(&[]).text(), "", "status says nothing");
    // Jobs of another size by orders of magnitude.
    let mut far = two_by_two(&[0]);
    far.base.schedule.epochs *= 100_000;
    far.base.encoder.width = 2.0;
    let mut both = Results::none(vec![two_by_two(&[0, 1]), far]);
    both.views = results.views;
    insta::assert_snapshot!(both.outlook(&measured).text(), @"
    time left: unknown for 4 jobs like none that was measured; of the others about 37 min (20 min to 1 h 10 min), 2 jobs at a time; about 1 h 7 min (40 min to 2 h 8 min) of device time; from 4 measured jobs
      SimCLR in miniature, table-1: about 37 min (20 min to 1 h 10 min)
      SimCLR in miniature, table-1: unknown
    ");
    let complete = Results::complete(vec![two_by_two(&[0])]);
    assert_eq!(complete.outlook(&[]).line(), None);
}

#[test]
fn status_tells_when_each_table_is_complete() {
    let (mut results, measured) = begun();
    insta::assert_snapshot!(results.outlook(&measured).text(), @"time left: about 31 min (20 min to 52 min), 2 jobs at a time; about 1 h 1 min (39 min to 1 h 43 min) of device time; from 4 measured jobs");
    let of_pretraining = TableSpec {
        name: "losses".to_owned(),
        metrics: vec![shows(Metric::Loss, None)],
        only: vec![ablate::sweep::Condition { values: vec![(0, vec![0])] }],
        ..results.sweeps[0].tables[0].clone()
    };
    results.sweeps[0].tables.push(of_pretraining);
    insta::assert_snapshot!(results.outlook(&measured).text(), @"
    time left: about 31 min (20 min to 52 min), 2 jobs at a time; about 1 h 1 min (39 min to 1 h 43 min) of device time; from 4 measured jobs
      table-1: about 31 min (20 min to 52 min)
      losses: about 21 min (18 min to 32 min)
    ");
}

#[test]
fn a_run_at_work_has_as_many_slots_as_jobs_and_the_rest_of_what_runs() {
    let (mut results, measured) = begun();
    let jobs: Vec<JobId> = results.plan.jobs().map(|job| job.id).collect();
    for &id in &jobs {
        results.views.entry(id).or_insert(JobView::Queued);
    }
    let [first, evaluation] = results.jobs(&[1, 1], 0);
    results.views.insert(first, JobView::Running { progress: Some(0.75) });
    let outlook = results.outlook(&measured);
    assert_eq!(outlook.slots, 1, "one runs while others wait");
    let whole = results.outlook(&measured).jobs[&results.jobs(&[1, 1], 1)[0]];
    assert!((outlook.jobs[&first].seconds / whole.seconds - 0.25).abs() < 1e-9);
    insta::assert_snapshot!(outlook.text(), @"time left: about 54 min (35 min to 1 h 29 min), one job at a time; from 4 measured jobs");
    // What failed is not tried again by the run at work.
    results.views.insert(evaluation, JobView::Failed { class: "bug".to_owned(), message: "x".to_owned() });
    assert!(!results.outlook(&measured).jobs.contains_key(&evaluation));
}
