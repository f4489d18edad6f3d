//! Learning curves: which lines there are, what is said of missing ones, and that any numbers can be drawn.

use std::{fs, path::Path};

use ablate::{
    report::{Curves, curves, png},
    store::EpochMetrics,
};
use proptest::prelude::*;

use super::*;

/// Twenty epochs of loss and accuracy that fall and rise by the trial's number and the seed.
fn epochs(number: usize, seed: u64, count: usize) -> EpochMetrics {
    let at = |epoch: usize| (epoch as f64, (number + 1) as f64, seed as f64);
    let loss = |epoch| {
        let (epoch, number, seed) = at(epoch);
        Some(1.0 + 4.0 / (1.0 + 0.05 * number * epoch) + 0.1 * seed)
    };
    let accuracy = |epoch| {
        let (epoch, number, seed) = at(epoch);
        Some(90.0 - 80.0 / (1.0 + 0.02 * number * epoch) + seed)
    };
    let columns = BTreeMap::from([
        ("loss_nats".to_owned(), (1..=count).map(loss).collect()),
        ("contrastive_accuracy_percent".to_owned(), (1..=count).map(accuracy).collect()),
        ("online_top1_percent".to_owned(), vec![None; count]),
    ]);
    EpochMetrics { epochs: (1..=count).collect(), columns, problem: None }
}

fn read(results: &Results) -> BTreeMap<JobId, EpochMetrics> {
    let number = |point: &[usize]| 20 * point[0] + point[1];
    let trials = results.plan.trials.iter();
    trials.map(|trial| (trial.pretrain, epochs(number(&trial.point), trial.seed, 20))).collect()
}

fn drawn(results: &Results, read: &BTreeMap<JobId, EpochMetrics>) -> Vec<Curves> {
    curves(&results.sweeps[0], 0, &results.plan, read)
}

/// All texts of a drawing; it must be well-formed, without numbers that are none.
fn texts(svg: &str) -> String {
    let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
    for node in document.descendants() {
        let finite = |value: &str| !value.contains("NaN") && !value.contains("inf");
        assert!(node.attributes().all(|attribute| finite(attribute.value())), "{node:?}");
    }
    document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text())
        .fold(String::new(), |all, text| all + text + "\n")
}

#[test]
fn every_measured_metric_has_a_drawing_with_a_line_for_each_trial_and_seed() {
    let results = Results::none(vec![two_by_two(&[0, 1])]);
    let drawings = drawn(&results, &read(&results));
    let names: Vec<&str> = drawings.iter().map(|drawing| drawing.name).collect();
    assert_eq!(names, ["curves-loss", "curves-contrastive-accuracy"]);
    let said = texts(&drawings[0].svg);
    for text in [
        "64 + τ = 0.1\n",
        "128 + τ = 0.5\n",
        "batch size + temperature:\n",
        "loss in pretraining (nats)\n",
        "epoch\n",
        "thick: mean",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    // Four trials of two seeds: a line for each seed and one for each mean.
    assert_eq!(drawings[0].svg.matches("stroke-opacity").count(), 8);
    assert!(!said.contains("of 8 jobs"), "{said}");
    let one = Results::none(vec![two_by_two(&[0])]);
    assert_eq!(drawn(&one, &read(&one))[0].svg.matches("stroke-opacity").count(), 0);
}

#[test]
fn what_is_missing_damaged_or_infinite_is_said() {
    let results = Results::none(vec![two_by_two(&[0, 1])]);
    let mut read = read(&results);
    let job = |point: [usize; 2], seed| results.jobs(&point, seed)[0];
    read.remove(&job([0, 0], 0));
    read.insert(job([0, 1], 1), epochs(1, 1, 7));
    read.get_mut(&job([1, 0], 0)).unwrap().problem = Some("line 9 is damaged".to_owned());
    let diverged = read.get_mut(&job([1, 1], 1)).unwrap();
    diverged.columns.get_mut("loss_nats").unwrap()[9..].fill(Some(f64::INFINITY));
    let said = texts(&drawn(&results, &read)[0].svg);
    for text in [
        "1 of 8 jobs reported nothing of this",
        "1 of 8 jobs did not reach their last epoch",
        "1 of 8 jobs left a damaged file",
        "1 of 8 jobs reported values that are not finite",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    assert!(drawn(&results, &BTreeMap::new()).is_empty());
}

/// A sweep of many temperatures.
fn many(count: usize) -> Results {
    let mut sweep = two_by_two(&[0]);
    sweep.axes[1].values =
        (0..count).map(|index| value(&format!("τ {index}"), temperature_patch(0.1 + index as f64))).collect();
    Results::none(vec![sweep])
}

#[test]
fn of_many_trials_some_have_a_color_and_the_others_are_gray() {
    let results = many(20);
    let drawing = &drawn(&results, &read(&results))[0];
    let said = texts(&drawing.svg);
    assert!(said.contains("in color: 12 of 40 trials") && said.contains("others\n"), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains(" + τ ")).count(), 12);
    // The gray line in the legend is one more.
    assert_eq!(drawing.svg.matches("#c4c4c4").count(), 28 + 1);
}

#[test]
fn trials_that_share_their_pretraining_share_a_line() {
    let mut sweep = two_by_two(&[0]);
    sweep.axes[1].values =
        vec![value("short", patch("(evaluation: (epochs: 2))")), value("long", patch("(evaluation: (epochs: 9))"))];
    let results = Results::none(vec![sweep]);
    let said = texts(&drawn(&results, &read(&results))[0].svg);
    assert!(said.contains("64\n") && said.contains("128\n") && !said.contains("short"), "{said}");
}

#[test]
fn long_training_is_thinned_without_losing_spikes() {
    let results = Results::none(vec![two_by_two(&[0])]);
    let mut read = read(&results);
    let job = results.jobs(&[0, 0], 0)[0];
    let mut long = epochs(0, 0, 10_000);
    long.columns.get_mut("loss_nats").unwrap()[4321] = Some(99.0);
    read.insert(job, long);
    let drawing = &drawn(&results, &read)[0];
    assert!(drawing.svg.len() < 40_000, "{}", drawing.svg.len());
    // The spike is the highest point: somewhere a line reaches nearly to the tick of 100.
    assert!(texts(&drawing.svg).contains("100\n"));
    let document = roxmltree::Document::parse(&drawing.svg).unwrap();
    let heights = document.descendants().filter(|node| node.attribute("stroke-width") == Some("2")).flat_map(|node| {
        let path = node.attribute("d").unwrap_or("").replace(['M', 'L'], " ");
        let numbers: Vec<f64> = path.split_whitespace().map(|number| number.parse().unwrap()).collect();
        numbers.chunks(2).map(|pair| pair[1]).collect::<Vec<_>>()
    });
    let tick = document.descendants().find(|node| node.is_element() && node.text() == Some("100")).unwrap();
    let top: f64 = tick.attribute("y").unwrap().parse().unwrap();
    let heights: Vec<f64> = heights.filter(|height| *height > top - 10.0).collect();
    let highest = heights.into_iter().fold(f64::INFINITY, f64::min);
    assert!((highest - top).abs() < 9.0, "{highest} {top}");
}

/// Curves to look at: `target/tmp/gallery/curves*.png`.
#[test]
fn gallery() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    fs::create_dir_all(&folder).unwrap();
    let few = Results::none(vec![two_by_two(&[0, 1])]);
    for (name, results) in [("curves", few), ("curves-many", many(20))] {
        let drawing = &drawn(&results, &read(&results))[1];
        fs::write(folder.join(format!("{name}.svg")), &drawing.svg).unwrap();
        fs::write(folder.join(format!("{name}.png")), png(&drawing.svg).unwrap()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_numbers_are_drawn_well_formed(
        values in prop::collection::vec(prop::collection::vec(prop::option::of(prop::num::f64::ANY), 0..9), 8),
        first in 1_usize..5,
    ) {
        let results = Results::none(vec![two_by_two(&[0, 1])]);
        let read = results.plan.trials.iter().zip(values).map(|(trial, values)| {
            let epochs = (first..first + values.len()).collect();
            let columns = BTreeMap::from([("loss_nats".to_owned(), values)]);
            (trial.pretrain, EpochMetrics { epochs, columns, problem: None })
        });
        for drawing in drawn(&results, &read.collect()) {
            texts(&drawing.svg);
            prop_assert!(png(&drawing.svg).is_ok());
        }
    }
}
