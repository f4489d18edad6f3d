//! The tidy CSV: complete, exact, and readable by a CSV parser.

use ablate::report::tidy_csv;

use super::*;

fn tidy(results: &Results) -> String {
    tidy_csv("mini", &results.sweeps[0], 0, &results.plan, &|id| results.view(id))
}

fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(|row| row.expect("the CSV is well formed")).collect()
}

#[test]
fn one_row_per_job_and_metric() {
    let mut sweep = two_by_two(&[0]);
    sweep.axes.truncate(1);
    let mut results = Results::complete(vec![sweep]);
    let [_, evaluation] = results.jobs(&[1], 0);
    results.views.insert(evaluation, JobView::Running { progress: None });
    insta::assert_snapshot!(results.without_ids(&tidy(&results)), @r#"
    sweep,job,kind,seed,batch size,evaluation,metric,unit,value,protocol,data,code,commit,device,threads,wall_seconds,images_per_second,started,state
    mini,#0,pretrain,0,64,,Loss,nats,4,"NT-Xent, 20 epochs",shapes-5f3c,0.1.0-a1b2,a1b2c3,cpu,2,12.25,812.5,2026-01-01T00:00:00Z,done
    mini,#1,evaluate,0,64,linear,Top1,percent,5.5,"linear, 90 epochs",shapes-5f3c,0.1.0-a1b2,a1b2c3,cpu,2,12.25,812.5,2026-01-01T00:00:00Z,done
    mini,#1,evaluate,0,64,linear,Top5,percent,99,"linear, 90 epochs",shapes-5f3c,0.1.0-a1b2,a1b2c3,cpu,2,12.25,812.5,2026-01-01T00:00:00Z,done
    mini,#2,pretrain,0,128,,Loss,nats,3.75,"NT-Xent, 20 epochs",shapes-5f3c,0.1.0-a1b2,a1b2c3,cpu,2,12.25,812.5,2026-01-01T00:00:00Z,done
    mini,#3,evaluate,0,128,linear,Top1,percent,,,,,,,,,,,running
    mini,#3,evaluate,0,128,linear,Top5,percent,,,,,,,,,,,running
    mini,#3,evaluate,0,128,linear,MeanPerClass,percent,,,,,,,,,,,running
    mini,#3,evaluate,0,128,linear,MeanAveragePrecision,percent,,,,,,,,,,,running
    mini,#3,evaluate,0,128,linear,TrainTop1,percent,,,,,,,,,,,running
    "#);
}

#[test]
fn values_come_back_exactly() {
    let mut results = Results::complete(vec![two_by_two(&[0, 1, 2])]);
    let [_, evaluation] = results.jobs(&[0, 1], 2);
    let exact = 100.0 / 3.0;
    results.edit(evaluation, |record| {
        record.metrics.insert(Metric::Top1, exact);
        record.wall_seconds = 1e-7;
    });
    let rows = rows(&tidy(&results));
    assert_eq!(rows.len(), 12 * 3);
    let row = rows.iter().find(|row| row["job"] == evaluation.to_string() && row["metric"] == "Top1").unwrap();
    assert_eq!(row["value"].parse(), Ok(exact));
    assert_eq!(row["wall_seconds"].parse(), Ok(1e-7));
    assert_eq!((row["batch size"].as_str(), row["temperature"].as_str()), ("64", "τ = 0.5"));
    assert_eq!((row["seed"].as_str(), row["started"].as_str()), ("2", "2026-01-01T00:00:00Z"));
}

#[test]
fn jobs_that_are_not_done_have_a_state_and_no_value() {
    let results = Results::none(vec![two_by_two(&[0])]);
    let rows = rows(&tidy(&results));
    // Three metrics of pretraining and five of evaluation for each of four trials.
    assert_eq!(rows.len(), 4 * 8);
    assert!(rows.iter().all(|row| row["state"] == "missing" && row["value"].is_empty() && !row["metric"].is_empty()));
}

#[test]
fn hostile_labels_and_axis_names_stay_in_their_column() {
    let mut sweep = two_by_two(&[0]);
    sweep.axes[0].name = "seed".to_owned();
    sweep.axes[0].values[0].label = "=HYPERLINK(\"x\"),\n1".to_owned();
    sweep.axes[0].values[1].label = "-0.5".to_owned();
    let rows = rows(&tidy(&Results::complete(vec![sweep])));
    assert_eq!(rows[0]["seed (axis)"], "'=HYPERLINK(\"x\"),\n1");
    assert_eq!(rows.last().unwrap()["seed (axis)"], "-0.5");
    assert!(rows.iter().all(|row| row["seed"] == "0"));
}

#[test]
fn a_shared_job_has_a_row_for_each_of_its_trials() {
    let mut sweep = two_by_two(&[0]);
    // The second temperature is the first again, so both columns share their jobs.
    sweep.axes[1].values[1].patch = sweep.axes[1].values[0].patch.clone();
    let rows = rows(&tidy(&Results::complete(vec![sweep])));
    let losses: Vec<_> = rows.iter().filter(|row| row["metric"] == "Loss").collect();
    assert_eq!(losses.len(), 4);
    assert_eq!(losses[0]["job"], losses[1]["job"]);
    assert_ne!(losses[0]["temperature"], losses[1]["temperature"]);
}
