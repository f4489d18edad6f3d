//! Texts about a run: the plan before it, the progress during it, the status after it.

use std::time::Duration;

use ablate::report::{Outcome, Progress, job_labels, plan_text, summary};

use super::*;

#[test]
fn a_plan_lists_its_jobs_and_what_sharing_saves() {
    let mut other = two_by_two(&[0]);
    other.title = "Control".to_owned();
    other.axes.truncate(1);
    other.axes[0].values[1] = value("untrained", patch("(objective: Untrained)"));
    let mut results = Results::complete(vec![two_by_two(&[0]), other]);
    let [pretrain, evaluation] = results.jobs(&[1, 1], 0);
    results.views.remove(&evaluation);
    let cost = |id| (id == pretrain).then(|| "20 000 images".to_owned());
    let text = plan_text(&results.sweeps, &results.plan, &|id| results.view(id), &cost, &results.outlook(&[]));
    insta::assert_snapshot!(results.without_ids(&text), @"
    SimCLR in miniature: 4 trials × 1 seed
    Control: 2 trials × 1 seed
    10 jobs: 4 pretrain, 5 evaluate, 1 initialize; 2 more saved by sharing
    9 done, 1 missing
    time left: unknown, since no job was measured on cpu

    job00000  pretrain    64 + τ = 0.1, seed 0                      done
    job00001  evaluate    64 + τ = 0.1, seed 0                      done
    job00002  pretrain    64 + τ = 0.5, seed 0 (and 1 other sweep)  done
    job00003  evaluate    64 + τ = 0.5, seed 0 (and 1 other sweep)  done
    job00004  pretrain    128 + τ = 0.1, seed 0                     done
    job00005  evaluate    128 + τ = 0.1, seed 0                     done
    job00006  pretrain    128 + τ = 0.5, seed 0                     done     20 000 images
    job00007  evaluate    128 + τ = 0.5, seed 0                     missing
    job00008  initialize  untrained, seed 0                         done
    job00009  evaluate    untrained, seed 0                         done
    ");
}

#[test]
fn labels_leave_out_axes_that_do_not_matter() {
    let mut sweep = two_by_two(&[0]);
    let epochs = EvaluationPatch { epochs: Some(10), ..EvaluationPatch::default() };
    let patch = RecipePatch { evaluation: Some(epochs), ..RecipePatch::default() };
    sweep.axes[1] = axis("probe", vec![value("long", RecipePatch::default()), value("short", patch)]);
    sweep.evaluations[0].patch = EvaluationPatch::default();
    let results = Results::none(vec![sweep]);
    let labels = job_labels(&results.sweeps, &results.plan);
    let [pretrain, evaluation] = results.jobs(&[1, 1], 0);
    assert_eq!(labels[&pretrain], "128, seed 0");
    assert_eq!(labels[&evaluation], "128 + short, seed 0");
}

#[test]
fn status_counts_and_names_failures() {
    let mut results = Results::complete(vec![two_by_two(&[0])]);
    let [pretrain, evaluation] = results.jobs(&[0, 1], 0);
    let message = "loss is NaN\nat epoch 3".to_owned();
    results.views.insert(pretrain, JobView::Failed { class: "non-finite loss".to_owned(), message });
    results.views.insert(evaluation, JobView::Skipped { because: "its pretraining failed".to_owned() });
    let text = |results: &Results| {
        let log = |id: JobId| Some(format!("results/jobs/{id}/log.txt"));
        let text = summary(&results.sweeps, &results.plan, &|id| results.view(id), &log);
        results.without_ids(&text)
    };
    insta::assert_snapshot!(text(&results), @"
    SimCLR in miniature: 8 jobs: 6 done, 1 failed, 1 skipped

    1 failure:
      pretrain job00002 (64 + τ = 0.5, seed 0)
        non-finite loss: loss is NaN at epoch 3
        log: results/jobs/#2/log.txt

    6 of 8 jobs are done; `ablate run` tries the other 2 again once the failures are fixed
    ");
    insta::assert_snapshot!(text(&Results::none(vec![two_by_two(&[0])])), @"
    SimCLR in miniature: 8 jobs: 8 missing

    0 of 8 jobs are done; `ablate run` does the other 8
    ");
    insta::assert_snapshot!(text(&Results::complete(vec![two_by_two(&[0])])), @"
    SimCLR in miniature: 8 jobs: 8 done

    all 8 jobs are done
    ");
}

#[test]
fn progress_follows_a_run() {
    let results = Results::none(vec![two_by_two(&[0])]);
    let [pretrain, evaluation] = results.jobs(&[0, 1], 0);
    let [other, _] = results.jobs(&[1, 1], 0);
    let label = "crop + color, seed 0";
    let at = |progress: &Progress, seconds| results.without_ids(&progress.line(200, Duration::from_secs(seconds)));

    let mut progress = Progress::new(4, 1);
    for (id, weight) in [(pretrain, 6.0), (evaluation, 2.0), (other, 6.0)] {
        progress.weigh(id, weight);
    }
    let mut seen = vec![at(&progress, 0)];
    seen.push(results.without_ids(&progress.started(pretrain, "pretrain", label, "cuda:0")));
    progress.started(other, "pretrain", "other, seed 0", "cuda:1");
    seen.push(at(&progress, 5));
    progress.phase(pretrain, "decoded 64 of\n500 pictures");
    seen.push(at(&progress, 10));
    progress.epoch(pretrain, 10, 20, 4.2131, 811.6, "1.2 GB");
    // 3 of 14 units took 60 s.
    seen.push(at(&progress, 60));
    let metrics = Metrics::from([(Metric::Loss, 3.908)]);
    let done = Outcome::Done { metrics, wall_seconds: 12.3 };
    seen.push(results.without_ids(&progress.ended(pretrain, "pretrain", label, &done)));
    let failed = Outcome::Failed { class: "bug".to_owned(), message: "index\nout of bounds".to_owned() };
    seen.push(results.without_ids(&progress.ended(other, "pretrain", "other, seed 0", &failed)));
    let metrics = Metrics::from([(Metric::Top1, 61.25)]);
    // 6 of the remaining 8 units took 90 s.
    seen.push(at(&progress, 90));
    progress.started(evaluation, "evaluate", label, "cpu");
    let done = Outcome::Done { metrics, wall_seconds: 75.0 };
    seen.push(results.without_ids(&progress.ended(evaluation, "evaluate", label, &done)));
    seen.push(at(&progress, 100));
    insta::assert_snapshot!(seen.join("\n"), @"
    [1/4 jobs] 0 running · 0 failed
    start   pretrain job00002 crop + color, seed 0
    [1/4 jobs] 2 running · cuda:0 pretrain job00002 (crop + color, seed 0) · 0 failed
    [1/4 jobs] 2 running · cuda:0 pretrain job00002 (crop + color, seed 0) decoded 64 of 500 pictures · 0 failed
    [1/4 jobs] 2 running · cuda:0 pretrain job00002 (crop + color, seed 0) epoch 10/20 loss 4.213 812 img/s 1.2 GB · 0 failed · about 4 min left
    done    pretrain job00002 crop + color, seed 0: loss 3.91 in 12.3 s
    FAILED  pretrain job00006 other, seed 0: bug: index out of bounds
    [2/4 jobs] 0 running · 1 failed · about 30 s left
    done    evaluate job00003 crop + color, seed 0: top-1 61.2 % in 1 min 15 s
    [3/4 jobs] 0 running · 1 failed
    ");
}

#[test]
fn remaining_time_is_not_guessed() {
    let results = Results::none(vec![two_by_two(&[0])]);
    let [pretrain, evaluation] = results.jobs(&[0, 0], 0);
    let mut progress = Progress::new(2, 0);
    progress.weigh(pretrain, 1.0);
    progress.started(pretrain, "pretrain", "a", "");
    progress.epoch(pretrain, 1, 2, 1.0, 1.0, "");
    let line = |progress: &Progress| progress.line(200, Duration::from_secs(60));
    assert!(!line(&progress).contains("left"), "the other job's cost is not known");
    progress.weigh(evaluation, 1.0);
    assert!(line(&progress).ends_with("about 3 min left"));
}

#[test]
fn progress_fits_the_width_and_keeps_the_counts() {
    let results = Results::none(vec![two_by_two(&[0])]);
    let [pretrain, _] = results.jobs(&[0, 0], 0);
    let mut progress = Progress::new(2, 0);
    progress.started(pretrain, "pretrain", "random crop and resize + color distortion, seed 0", "cpu");
    progress.epoch(pretrain, 14, 20, 4.2131, 811.6, "");
    let lines: Vec<String> = [100, 70, 48, 20].map(|width| progress.line(width, Duration::ZERO)).into();
    insta::assert_snapshot!(results.without_ids(&lines.join("\n")), @"
    [0/2 jobs] 1 running · cpu pretrain job00000 (random c…) epoch 14/20 loss 4.213 812 img/s · 0 failed
    [0/2 jobs] 1 running · cpu pretrain job00000 epoch 14/20 l… · 0 failed
    [0/2 jobs] 1 running · 0 failed
    [0/2 jobs] 1 runnin…
    ");
    for width in 0..120 {
        assert!(progress.line(width, Duration::ZERO).chars().count() <= width);
    }
}
