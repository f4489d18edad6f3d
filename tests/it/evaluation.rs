//! Evaluation protocols against scikit-learn and float64 NumPy (`tests/fixtures/evaluation.py`), and their invariances.

use ablate::{
    recipe::{Architecture, Encoder, Precision, ProjectionShortcut, Stem},
    train::{
        device::{Cpu, Device},
        evaluation::{
            Classifier, Features, Fingerprint, Labeled, Limits, Stop, average_precision, fit, grid_search, knn,
            lbfgs::minimize,
            log_spaced, loss_and_gradient, mean_average_precision,
            metrics::{accuracy, confusion, hits, mean_per_class, predictions, top_k, top_k_hits},
        },
        model::{Mode, ResNet, load_weights, save_weights},
        random::{Purpose, Stream},
    },
};
use burn::tensor::Tensor;
use proptest::prelude::*;
use serde_json::Value;

fn fixture(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../fixtures/evaluation.json")).unwrap();
    all[name].clone()
}

/// The numbers of a nested list, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// The rows of a list of lists as float32, and their length.
fn rows(value: &Value) -> (Vec<f32>, usize) {
    (numbers(value).into_iter().map(|number| number as f32).collect(), value[0].as_array().unwrap().len())
}

fn labels(value: &Value) -> Vec<u16> {
    numbers(value).into_iter().map(|number| number as u16).collect()
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn assert_close(ours: f64, reference: f64, tolerance: f64, what: &str) {
    assert!((ours - reference).abs() <= tolerance, "{what}: {ours} instead of {reference}");
}

/// Largest difference between two sets of parameters after the mean over the classes is taken off each row.
fn gauge_distance(ours: &[f64], reference: &[f64], classes: usize) -> f64 {
    let centered = |parameters: &[f64]| -> Vec<f64> {
        let rows = parameters.chunks_exact(classes);
        rows.flat_map(|row| {
            let mean = row.iter().sum::<f64>() / classes as f64;
            row.iter().map(move |value| value - mean).collect::<Vec<_>>()
        })
        .collect()
    };
    assert_eq!(ours.len(), reference.len());
    centered(ours).iter().zip(centered(reference)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Features of two or more loose clusters; every image is different.
fn clusters(count: usize, dimension: usize, classes: usize, seed: u64) -> (Vec<f32>, Vec<u16>) {
    let mut stream = Stream::new(seed, Purpose::Shapes, [0, 0], 0);
    let labels: Vec<u16> = (0..count).map(|_| stream.below(classes as u32) as u16).collect();
    let values = labels
        .iter()
        .flat_map(|&label| (0..dimension).map(move |column| f32::from(column % classes == usize::from(label))))
        .map(|center| center + stream.normal())
        .collect();
    (values, labels)
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn accuracy_agrees_with_scikit_learn() {
    let case = fixture("metrics");
    let (scores, classes) = (numbers(&case["scores"]), size(&case["classes"]));
    let labels = labels(&case["y"]);
    for (ours, reference) in top_k(&scores, &labels, classes, [1, 2, 5]).into_iter().zip(numbers(&case["top"])) {
        assert_close(ours, reference, 1e-10, "top-k");
    }
    let predicted = predictions(&scores, classes);
    let right = hits(&predicted, &labels);
    assert_eq!(right, top_k_hits(&scores, &labels, classes, 1));
    assert_close(mean_per_class(&right, &labels, classes), case["per_class"].as_f64().unwrap(), 1e-10, "per class");
    let counts: Vec<u64> = numbers(&case["confusion"]).into_iter().map(|number| number as u64).collect();
    assert_eq!(confusion(&predicted, &labels, classes), counts);
}

#[test]
fn average_precision_agrees_with_the_voc_development_kit() {
    let case = fixture("metrics");
    let (scores, classes) = (numbers(&case["scores"]), size(&case["classes"]));
    let labels = labels(&case["y"]);
    let check = |ours: ablate::train::evaluation::MeanAveragePrecision, name: &str| {
        let reference = numbers(&case[name]);
        for (ours, reference) in ours.per_class.iter().zip(&reference) {
            assert_close(ours.unwrap(), *reference, 1e-10, name);
        }
        assert_close(ours.mean, reference.iter().sum::<f64>() / classes as f64, 1e-10, name);
    };
    let single = |image: usize, class| Some(usize::from(labels[image]) == class);
    check(mean_average_precision(&scores, classes, single), "ap_single");
    let (coarse, positive, difficult) =
        (numbers(&case["coarse"]), numbers(&case["positive"]), numbers(&case["difficult"]));
    let multi = |image: usize, class: usize| Some(positive[image * classes + class] == 1.0);
    check(mean_average_precision(&coarse, classes, multi), "ap_multi");
    let counted = |image, class| (difficult[image * classes + class] == 0.0).then(|| multi(image, class)).flatten();
    check(mean_average_precision(&coarse, classes, counted), "ap_without_difficult");
}

#[test]
fn logistic_optima_agree_with_newtons_method_and_scikit_learn() {
    for case in fixture("logistic").as_array().unwrap() {
        let ((values, dimension), classes) = (rows(&case["x"]), size(&case["classes"]));
        let labels = labels(&case["y"]);
        let data = Labeled::new(Features::new(&values, dimension).unwrap(), &labels, classes).unwrap();
        for optimum in case["optima"].as_array().unwrap() {
            let number = |name: &str| optimum[name].as_f64().unwrap();
            let (lambda, loss) = (number("lambda"), number("loss"));
            let limits = Limits { iterations: 10_000, gradient: 1e-11 };
            let found = fit(data, lambda, Classifier::zeros(dimension, classes), limits, &mut || true).unwrap();
            assert_eq!(found.stop, Stop::Converged, "λ {lambda}, gradient {}", found.gradient);
            assert_close(found.loss, loss, 1e-8 * loss, &format!("loss at λ {lambda}"));
            let reference = numbers(&optimum["parameters"]);
            let largest = reference.iter().fold(0_f64, |largest, value| largest.max(value.abs()));
            // ‖θ - θ*‖ ≤ ‖g‖ / μ, and the curvature μ of these cases is above 1e-6, the smallest λ but 0.
            let distance = gauge_distance(&found.classifier.parameters, &reference, classes);
            assert!(distance <= 1e-4 * largest.max(1.0), "λ {lambda}: {distance} of {largest}");
        }
    }
}

#[test]
fn the_grid_chooses_as_scikit_learn_would() {
    let case = fixture("grid");
    let ((x, dimension), (x_val, _)) = (rows(&case["x"]), rows(&case["x_val"]));
    let (y, y_val, classes) = (labels(&case["y"]), labels(&case["y_val"]), size(&case["classes"]));
    let train = Labeled::new(Features::new(&x, dimension).unwrap(), &y, classes).unwrap();
    let validation = Labeled::new(Features::new(&x_val, dimension).unwrap(), &y_val, classes).unwrap();
    let lambdas = log_spaced(1e-6, 1e5, 45);
    for (ours, reference) in lambdas.iter().zip(numbers(&case["lambdas"])) {
        assert_close(*ours, reference, 1e-12 * reference, "λ");
    }
    let limits = Limits { iterations: 10_000, gradient: 1e-10 };
    let search = grid_search(train, validation, &lambdas, limits, &mut || true).unwrap();
    let reference = numbers(&case["accuracies"]).into_iter().zip(numbers(&case["losses"]));
    for (point, (validation, loss)) in search.curve.iter().zip(reference) {
        assert_eq!(point.stop, Stop::Converged);
        assert_close(point.validation, validation, 1e-10, &format!("accuracy at λ {}", point.lambda));
        assert_close(point.loss, loss, 1e-8 * loss, &format!("loss at λ {}", point.lambda));
    }
    let best = size(&case["best"]);
    assert!(0 < best && best < 44, "the case should not choose an end of the grid");
    assert_eq!(search.lambda, lambdas[best]);
    let loss = case["loss"].as_f64().unwrap();
    assert_close(search.fit.loss, loss, 1e-8 * loss, "loss on both splits");
    let parameters = numbers(&case["parameters"]);
    assert!(gauge_distance(&search.fit.classifier.parameters, &parameters, classes) < 1e-6);
}

#[test]
fn the_gradient_is_that_of_the_loss() {
    // Enough images for several blocks and parts.
    let (values, labels) = clusters(3000, 7, 4, 1);
    let data = Labeled::new(Features::new(&values, 7).unwrap(), &labels, 4).unwrap();
    let mut stream = Stream::new(2, Purpose::Shapes, [0, 0], 0);
    let parameters: Vec<f64> = (0..32).map(|_| f64::from(stream.normal())).collect();
    let mut gradient = vec![0.0; 32];
    loss_and_gradient(data, 0.3, &parameters, &mut gradient);
    for index in 0..32 {
        let at = |change: f64| {
            let mut moved = parameters.clone();
            moved[index] += change;
            loss_and_gradient(data, 0.3, &moved, &mut [0.0; 32])
        };
        // Central differences: h² / 6 · f''' and ε · f / h are both below 1e-9 for h = 1e-5.
        let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert_close(gradient[index], difference, 2e-9, &format!("parameter {index}"));
    }
}

#[test]
fn rosenbrock_valleys_are_walked_to_the_end() {
    for dimension in [2, 10, 100] {
        let start: Vec<f64> = (0..dimension).map(|index| if index % 2 == 0 { -1.2 } else { 1.0 }).collect();
        let minimum = minimize(start, Limits { iterations: 1000, gradient: 1e-9 }, &mut || true, |x, gradient| {
            gradient.fill(0.0);
            let mut value = 0.0;
            for i in 0..dimension - 1 {
                let (bend, rest) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
                value += 100.0 * bend * bend + rest * rest;
                gradient[i] -= 400.0 * x[i] * bend + 2.0 * rest;
                gradient[i + 1] += 200.0 * bend;
            }
            value
        });
        assert_eq!(minimum.stop, Stop::Converged);
        // The smallest curvature at the minimum is above 0.1.
        assert!(minimum.point.iter().all(|x| (x - 1.0).abs() < 1e-7), "{dimension}: {:?}", minimum.point);
    }
}

#[test]
fn threads_do_not_change_a_bit_of_an_evaluation() {
    let (values, labels) = clusters(5000, 9, 3, 5);
    let (queries, query_labels) = clusters(300, 9, 3, 6);
    let run = || {
        let data = Labeled::new(Features::new(&values, 9).unwrap(), &labels, 3).unwrap();
        let queries = Features::new(&queries, 9).unwrap();
        let test = Labeled::new(queries, &query_labels, 3).unwrap();
        let limits = Limits { iterations: 5, gradient: 0.0 };
        let search = grid_search(data, test, &[1e-4, 1e-2], limits, &mut || true).unwrap();
        let votes = knn::weighted(data, queries, 20, 0.1).unwrap();
        (search, votes)
    };
    assert_eq!(with_threads(1, run), with_threads(3, run));
}

#[test]
fn neighbors_agree_with_numpy() {
    let case = fixture("neighbors");
    let ((bank, dimension), (queries, _)) = (rows(&case["bank"]), rows(&case["queries"]));
    let (y, classes) = (labels(&case["y"]), size(&case["classes"]));
    let bank = Labeled::new(Features::new(&bank, dimension).unwrap(), &y, classes).unwrap();
    let queries = Features::new(&queries, dimension).unwrap();
    for case in case["cases"].as_array().unwrap() {
        let k = size(&case["k"]);
        let votes = knn::weighted(bank, queries, k, case["temperature"].as_f64().unwrap()).unwrap();
        assert_eq!(predictions(&votes, classes), labels(&case["weighted"]), "k = {k}");
        assert_eq!(knn::majority(bank, queries, k).unwrap(), labels(&case["majority"]), "k = {k}");
        if !case["votes"].is_null() {
            for (votes, reference) in votes.chunks(classes).zip(case["votes"].as_array().unwrap()) {
                let sum: f64 = votes.iter().sum();
                for (vote, reference) in votes.iter().zip(numbers(reference)) {
                    // float32 cosines are right to 1e-6, over T = 0.1.
                    assert_close(vote / sum, reference, 2e-5, "vote");
                }
            }
        }
    }
}

#[test]
fn equal_images_vote_in_the_order_of_the_training_set() {
    // 1300 copies of one image fill several blocks; the first k of them are the neighbors.
    let bank = Features::new(&[0.3; 1300 * 3], 3).unwrap();
    let found = knn::nearest(bank, Features::new(&[0.7, 0.7, 0.7], 3).unwrap(), 600).unwrap();
    assert!(found.iter().enumerate().all(|(place, neighbor)| neighbor.index as usize == place));
}

#[test]
fn fingerprints_tell_a_frozen_encoder_from_a_changed_one() {
    let recipe = Encoder {
        architecture: Architecture::ResNet8,
        width: 0.25,
        stem: Stem::Cifar,
        zero_init_residual: false,
        projection_shortcut: ProjectionShortcut::WhereShapeChanges,
        input_normalization: None,
        precision: Precision::Float32,
    };
    let device = Device::default();
    let mut encoder = ResNet::<Cpu>::new(&recipe, 0, &device);
    let before = Fingerprint::of(&encoder);
    let images = Tensor::<Cpu, 4>::ones([2, 8, 8, 3], &device);
    encoder.forward(images.clone(), Mode::Inference);
    assert_eq!(Fingerprint::of(&encoder), before);
    // Saved and loaded it is the same, whatever burn's parameter ids.
    let loaded = load_weights(ResNet::<Cpu>::new(&recipe, 1, &device), "", &save_weights(&encoder).unwrap()).unwrap();
    assert_eq!(Fingerprint::of(&loaded).to_string(), before.to_string());
    // A forward pass in training mode moves the running statistics and nothing else.
    encoder.forward(images, Mode::Train);
    let after = Fingerprint::of(&encoder);
    let changed = after.changed(&before);
    assert!(changed.contains(&"bn1.running_mean"), "{changed:?}");
    assert!(changed.iter().all(|name| name.contains("running")), "{changed:?}");
    assert_ne!(after.to_string(), before.to_string());
    // Another seed draws other convolutions; normalization starts alike.
    let other = Fingerprint::of(&ResNet::<Cpu>::new(&recipe, 1, &device));
    assert!(other.changed(&before).iter().all(|name| name.contains("conv")), "{:?}", other.changed(&before));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn convex_quadratics_reach_their_closed_form(
        dimension in 1_usize..12,
        entries in proptest::collection::vec(-1.0_f64..1.0, 144),
        target in proptest::collection::vec(-5.0_f64..5.0, 12),
    ) {
        // f(x) = (|M (x - t)|² + |x - t|² / 10) / 2 has its minimum 0 at t and no curvature below 0.1.
        let minimum = minimize(vec![0.0; dimension], Limits { iterations: 1000, gradient: 1e-10 }, &mut || true, |x, gradient| {
            let distance: Vec<f64> = (0..dimension).map(|i| x[i] - target[i]).collect();
            let mut value = 0.0;
            for (gradient, d) in gradient.iter_mut().zip(&distance) {
                *gradient = 0.1 * d;
                value += 0.05 * d * d;
            }
            for row in 0..dimension {
                let product: f64 = (0..dimension).map(|i| entries[row * 12 + i] * distance[i]).sum();
                value += product * product / 2.0;
                (0..dimension).for_each(|i| gradient[i] += entries[row * 12 + i] * product);
            }
            value
        });
        prop_assert_eq!(minimum.stop, Stop::Converged);
        for (x, t) in minimum.point.iter().zip(&target) {
            prop_assert!((x - t).abs() < 1e-8);
        }
    }

    #[test]
    fn a_constant_added_to_all_logits_changes_nothing(seed: u64, shift in -100.0_f64..100.0) {
        let (values, labels) = clusters(50, 4, 3, seed);
        let data = Labeled::new(Features::new(&values, 4).unwrap(), &labels, 3).unwrap();
        let mut stream = Stream::new(seed, Purpose::Shapes, [1, 0], 0);
        let parameters: Vec<f64> = (0..15).map(|_| f64::from(stream.normal())).collect();
        let mut shifted = parameters.clone();
        shifted[12..].iter_mut().for_each(|bias| *bias += shift);
        let (mut gradient, mut shifted_gradient) = (vec![0.0; 15], vec![0.0; 15]);
        let loss = loss_and_gradient(data, 0.1, &parameters, &mut gradient);
        let shifted_loss = loss_and_gradient(data, 0.1, &shifted, &mut shifted_gradient);
        // Logits of up to 200 are rounded at 3e-14.
        prop_assert!((loss - shifted_loss).abs() < 1e-12);
        prop_assert!(gradient.iter().zip(&shifted_gradient).all(|(a, b)| (a - b).abs() < 1e-12));
        let logits = |parameters| Classifier { classes: 3, parameters }.logits(data.features).unwrap();
        let [logits, shifted] = [logits(parameters), logits(shifted)];
        prop_assert_eq!(top_k_hits(&logits, &labels, 3, 1), top_k_hits(&shifted, &labels, 3, 1));
        prop_assert_eq!(predictions(&logits, 3), predictions(&shifted, 3));
    }

    #[test]
    fn permuting_the_images_permutes_the_predictions(seed: u64, count in 2_usize..200) {
        let (values, labels) = clusters(150, 5, 3, seed);
        let bank = Labeled::new(Features::new(&values, 5).unwrap(), &labels, 3).unwrap();
        let (queries, _) = clusters(count, 5, 3, seed ^ 1);
        let mut order: Vec<usize> = (0..count).collect();
        Stream::new(seed, Purpose::Shapes, [2, 0], 0).shuffle(&mut order);
        let permuted: Vec<f32> = order.iter().flat_map(|&index| queries[index * 5..][..5].to_vec()).collect();
        let [plain, permuted] = [&queries, &permuted].map(|values| Features::new(values, 5).unwrap());
        let limits = Limits { iterations: 3, gradient: 0.0 };
        let classifier = fit(bank, 0.1, Classifier::zeros(5, 3), limits, &mut || true).unwrap().classifier;
        for scores in [&|queries| knn::weighted(bank, queries, 20, 0.1).unwrap(),
                       &|queries| classifier.logits(queries).unwrap()] as [&dyn Fn(Features<'_>) -> Vec<f64>; 2] {
            let (plain, permuted) = (scores(plain), scores(permuted));
            for (row, &index) in permuted.chunks(3).zip(&order) {
                prop_assert_eq!(row, &plain[index * 3..][..3]);
            }
        }
    }

    #[test]
    // With this seed, two images of different classes are equally near in float32.
    fn the_order_of_the_training_images_does_not_matter(seed in prop_oneof![4 => any::<u64>(), 1 => Just(655_385_395_665_316_318)]) {
        let (values, labels) = clusters(600, 5, 3, seed);
        let mut order: Vec<usize> = (0..600).collect();
        Stream::new(seed, Purpose::Shapes, [3, 0], 0).shuffle(&mut order);
        let permuted: Vec<f32> = order.iter().flat_map(|&index| values[index * 5..][..5].to_vec()).collect();
        let permuted_labels: Vec<u16> = order.iter().map(|&index| labels[index]).collect();
        let plain = Labeled::new(Features::new(&values, 5).unwrap(), &labels, 3).unwrap();
        let permuted = Labeled::new(Features::new(&permuted, 5).unwrap(), &permuted_labels, 3).unwrap();
        let (queries, _) = clusters(70, 5, 3, seed ^ 1);
        let queries = Features::new(&queries, 5).unwrap();
        // All images differ, so that not even those that are equally near depend on it.
        prop_assert_eq!(knn::majority(plain, queries, 20).unwrap(), knn::majority(permuted, queries, 20).unwrap());
        prop_assert_eq!(
            knn::weighted(plain, queries, 20, 0.1).unwrap(),
            knn::weighted(permuted, queries, 20, 0.1).unwrap()
        );
        let limits = Limits { iterations: 1000, gradient: 1e-10 };
        let [one, other] =
            [plain, permuted].map(|data| fit(data, 0.1, Classifier::zeros(5, 3), limits, &mut || true).unwrap().classifier);
        // ‖θ - θ*‖ ≤ ‖g‖ / μ; the curvature is above 0.01.
        prop_assert!(gauge_distance(&one.parameters, &other.parameters, 3) < 1e-7);
    }

    #[test]
    fn average_precision_ignores_monotone_changes_of_the_scores(
        ranked in proptest::collection::vec((-5_i8..5, any::<bool>()), 1..40),
    ) {
        let by = |f: fn(f64) -> f64| average_precision(ranked.iter().map(|&(score, positive)| (f(f64::from(score)), positive)));
        let plain = by(|score| score);
        prop_assert_eq!(plain, by(|score| (2.0 * score + 1.0).exp()));
        prop_assert_eq!(plain.is_some(), ranked.iter().any(|(_, positive)| *positive));
        prop_assert!(plain.is_none_or(|value| (0.0..=100.0 + 1e-9).contains(&value)));
        // Percent of hits never exceeds what it counts.
        let marks: Vec<bool> = ranked.iter().map(|(_, positive)| *positive).collect();
        prop_assert!((0.0..=100.0).contains(&accuracy(&marks)));
    }
}

#[test]
fn as_many_neighbors_as_a_block_of_the_bank_has_are_the_nearest_of_all() {
    // 512 images are compared at a time; the nearest are spread over all of them.
    let angle = |index: usize| ((index * 7919) % 1100) as f32 / 1100.0 * std::f32::consts::PI;
    let values: Vec<f32> = (0..1100).flat_map(|index| [angle(index).cos(), angle(index).sin()]).collect();
    let bank = Features::new(&values, 2).unwrap();
    let mut nearest: Vec<u32> = (0..1100).collect();
    nearest.sort_by(|&one, &other| angle(one as usize).total_cmp(&angle(other as usize)));
    let found = knn::nearest(bank, Features::new(&[1.0, 0.0], 2).unwrap(), 512).unwrap();
    let sorted = |mut indices: Vec<u32>| {
        indices.sort_unstable();
        indices
    };
    let found = found.iter().map(|neighbor| neighbor.index).collect();
    assert_eq!(sorted(found), sorted(nearest[..512].to_vec()));
}
