//! Evaluations as a whole: what they find, determinism, stopping and going on.

use std::{ops::ControlFlow, time::Duration};

use ablate::{
    recipe::{Metric, Recipe, Representation},
    train::{
        self, EpochReport, Error, Watch,
        data::{Images, Split},
        device::{Cpu, Device, Processor},
        model::ResNet,
        protocol::{self, Encoded, Evaluated, Frozen, Sets},
    },
};

use crate::{
    recipes::{shapes, tiny},
    softmax::{Classifier, Rule, cosine},
    watching::{StopAfter, go_on},
};

/// The file of the recipe's pretraining job.
fn pretrained(recipe: &Recipe) -> Vec<u8> {
    let job = recipe.pretrain_job(0);
    train::pretrain(
        Processor::Cpu,
        &job,
        &shapes(Split::Train, job.data.map_or(40, |data| data.count())),
        None,
        &mut go_on,
    )
    .unwrap()
    .file
}

fn evaluate(recipe: &Recipe, file: &[u8]) -> Result<Evaluated, Error> {
    evaluate_watched(recipe, file, None, &mut go_on)
}

fn evaluate_watched(
    recipe: &Recipe,
    file: &[u8],
    checkpoint: Option<&[u8]>,
    watch: &mut dyn Watch,
) -> Result<Evaluated, Error> {
    let [train, validation, test] = [
        shapes(Split::Train, recipe.data.train_set().count()),
        shapes(Split::Validation, 40),
        shapes(Split::Test, recipe.data.test_count()),
    ];
    let sets = Sets { train: &train, validation: Some(&validation), test: &test };
    let encoded = Encoded { job: &recipe.pretrain_job(0), file };
    protocol::evaluate(Processor::Cpu, &recipe.evaluation_job(0), encoded, sets, checkpoint, watch)
}

#[test]
fn every_protocol_tells_shapes_apart_better_than_chance() {
    // Training images are also tested on, so that every protocol that learns at all gets far above 10 %.
    let recipe = |change: &str| {
        let mut recipe = tiny(
            "(
                data: (validation_images: 40),
                encoder: (width: 1.0),
                evaluation: (epochs: 300, learning_rate: 100.0, batch_size: 40),
            )",
        );
        ablate::recipe::Patchable::apply(&mut recipe, &crate::recipes::patch(change));
        recipe
    };
    let file = pretrained(&recipe("()"));
    let supervised = pretrained(&recipe("(objective: Supervised, augmentation: (both: []))"));
    for (change, metric, least, file) in [
        ("()", Metric::TrainTop1, 95.0, &file),
        ("(evaluation: (representation: Projection))", Metric::TrainTop1, 50.0, &file),
        (
            "(evaluation: (train_augmentation: [HorizontalFlip(probability: 0.5)], epochs: 60))",
            Metric::TrainTop1,
            45.0,
            &file,
        ),
        (
            "(evaluation: (protocol: LogisticRegression(regularization: (1e-8, 1e-2), values: 4)))",
            Metric::TrainTop1,
            85.0,
            &file,
        ),
        // A frozen encoder gets to 62.5 %.
        ("(evaluation: (protocol: FineTune, learning_rate: 0.5, epochs: 100))", Metric::TrainTop1, 95.0, &file),
        ("(objective: Supervised, evaluation: (protocol: OwnClassifier))", Metric::MeanPerClass, 0.0, &supervised),
        (
            "(evaluation: (protocol: TransformationProbe(task: Rotation, hidden: 16), learning_rate: 1.0, epochs: 1000))",
            Metric::TrainTop1,
            // A frozen hidden layer gets to 62.5 %, below to 85 %.
            90.0,
            &file,
        ),
        (
            "(evaluation: (protocol: TransformationProbe(task: Grayscale, hidden: 16), learning_rate: 1.0, epochs: 1000))",
            Metric::TrainTop1,
            95.0,
            &file,
        ),
    ] {
        let recipe = recipe(change);
        assert_eq!(recipe.problems(), [], "{change}");
        let metrics = evaluate(&recipe, file).unwrap().metrics;
        assert!(metrics[&metric] > least, "{change}: {metrics:?}");
        assert!(metrics.values().all(|value| (0.0..=100.0).contains(value)), "{change}: {metrics:?}");
    }
}

#[test]
fn linear_evaluation_takes_the_steps_of_softmax_regression() {
    // A batch is all images, so that their order does not matter.
    let file = pretrained(&tiny("()"));
    for (solver, rule) in [
        ("Sgd(nesterov: true)", Rule::Nesterov),
        ("Sgd(nesterov: false)", Rule::Sgd),
        // The classifier is exempt from layer-wise adaptation.
        ("Lars(trust_coefficient: 0.001)", Rule::Lars),
    ] {
        let recipe = tiny(&format!(
            "(evaluation: (solver: {solver}, epochs: 12, batch_size: 40, learning_rate: 4.0, weight_decay: 0.1))"
        ));
        let mut reports = vec![];
        let mut watch = |report: &EpochReport| {
            reports.push((report.loss, report.learning_rate));
            ControlFlow::Continue(())
        };
        let metrics = evaluate_watched(&recipe, &file, None, &mut watch).unwrap().metrics;
        let (train, test) = (shapes(Split::Train, 40), shapes(Split::Test, 20));
        let (seen, unseen) = (features(&recipe, &file, &train), features(&recipe, &file, &test));
        let mut classifier = Classifier::new(seen.len() / 40, 10, rule, 0.9, 0.1);
        for (step, &(loss, rate)) in reports.iter().enumerate() {
            let expected = cosine(4.0 * 40.0 / 256.0, step, 12);
            assert!((rate - expected).abs() < 1e-12, "{solver} {step}: {rate} instead of {expected}");
            let expected = classifier.step(&seen, &train.labels, expected);
            assert!((loss - expected).abs() < 1e-5 * expected, "{solver} {step}: {loss} instead of {expected}");
        }
        let [on_train, on_test] =
            [(&seen, &train), (&unseen, &test)].map(|(x, images)| classifier.accuracy(x, &images.labels));
        assert_eq!((metrics[&Metric::TrainTop1], metrics[&Metric::Top1]), (on_train, on_test), "{solver}");
    }
}

/// Features of images by the encoder in a file of the recipe's.
fn features(recipe: &Recipe, file: &[u8], images: &Images) -> Vec<f32> {
    let empty = ResNet::<Cpu>::new(&recipe.encoder, 0, &Device::default());
    let mut network = Frozen::load(empty, None, Representation::Encoder, file).unwrap();
    network.features(images, &mut go_on).unwrap().into_data().iter::<f32>().collect()
}

#[test]
fn neighbors_vote_as_by_hand() {
    let file = pretrained(&tiny("()"));
    let (train, test) = (shapes(Split::Train, 40), shapes(Split::Test, 20));
    let (bank, queries) = (features(&tiny("()"), &file, &train), features(&tiny("()"), &file, &test));
    let dimension = bank.len() / 40;
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let mut found = vec![];
    for (neighbors, temperature) in [(1, None), (9, None), (9, Some(0.002)), (40, Some(0.002)), (40, Some(1.0))] {
        let right = queries.chunks(dimension).zip(&test.labels).filter(|&(query, &label)| {
            let mut near: Vec<(f64, u16)> = bank
                .chunks(dimension)
                .zip(&train.labels)
                .map(|(row, &label)| (product(row, query) / (product(row, row) * product(query, query)).sqrt(), label))
                .collect();
            near.sort_by(|one, other| other.0.total_cmp(&one.0));
            // Each votes for its class; of equally many votes the nearer ones win.
            let mut votes = [(0.0, 0.0); 10];
            for (similarity, label) in &near[..neighbors] {
                let weight = temperature.map_or(1.0, |temperature| ((similarity - near[0].0) / temperature).exp());
                let (sum, nearness) = &mut votes[usize::from(*label)];
                (*sum, *nearness) = (*sum + weight, *nearness + similarity);
            }
            let best = votes.iter().fold((0.0, 0.0), |best, &vote| if vote > best { vote } else { best });
            votes[usize::from(label)] == best
        });
        let expected = 100.0 * right.count() as f64 / 20.0;
        let temperature = temperature.map_or("None".to_owned(), |temperature| temperature.to_string());
        let recipe = tiny(&format!(
            "(evaluation: (protocol: NearestNeighbors(neighbors: {neighbors}, temperature: {temperature})))"
        ));
        let top1 = evaluate(&recipe, &file).unwrap().metrics[&Metric::Top1];
        assert_eq!(top1, expected, "{neighbors} {temperature}");
        found.push(top1);
    }
    found.sort_by(f64::total_cmp);
    found.dedup();
    assert!(found.len() > 1, "neighbors and temperature make no difference here");
}

#[test]
fn evaluations_do_not_depend_on_the_number_of_threads() {
    let file = pretrained(&tiny("()"));
    for change in [
        "()",
        "(evaluation: (train_augmentation: [HorizontalFlip(probability: 0.5)], epochs: 3))",
        "(evaluation: (protocol: FineTune, epochs: 2))",
        "(data: (validation_images: 40), evaluation: (protocol: LogisticRegression(regularization: (1e-4, 1e-2), values: 2)))",
        "(evaluation: (protocol: NearestNeighbors(neighbors: 5, temperature: 0.1)))",
        "(evaluation: (protocol: TransformationProbe(task: Sobel, hidden: 8), epochs: 3))",
    ] {
        let recipe = tiny(change);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| evaluate(&recipe, &file).unwrap())
        };
        assert_eq!(run(1), run(3), "{change}");
    }
}

#[test]
fn labels_may_be_few_and_batches_larger_than_they_are() {
    // One labeled image per class: fine-tuning goes through the ten of them until a batch of 16 is full.
    let recipe = tiny("(evaluation: (protocol: FineTune, label_fraction: 0.25, batch_size: 16, epochs: 4))");
    assert_eq!(recipe.problems(), []);
    let file = pretrained(&recipe);
    let all = shapes(Split::Train, 40);
    let few = all.select(&train::data::labeled(&all, 0.25, 0));
    assert_eq!(few.len(), 10);
    let test = shapes(Split::Test, 20);
    let sets = Sets { train: &few, validation: None, test: &test };
    let mut epochs = vec![];
    let mut watch = |report: &EpochReport| {
        epochs.push(report.epoch);
        ControlFlow::Continue(())
    };
    let encoded = Encoded { job: &recipe.pretrain_job(0), file: &file };
    protocol::evaluate(Processor::Cpu, &recipe.evaluation_job(0), encoded, sets, None, &mut watch).unwrap();
    // 40 images make two batches of 16.
    assert_eq!(epochs, [1, 4]);
}

/// Every kind of evaluation that trains, with the questions that it asks before its first step.
const TRAINING: [(&str, usize); 5] = [
    ("()", 2),
    ("(evaluation: (train_augmentation: [HorizontalFlip(probability: 0.5)], epochs: 5))", 2),
    ("(evaluation: (protocol: FineTune, epochs: 5))", 0),
    (
        "(evaluation: (protocol: FineTune, epochs: 5, micro_batch: 5, solver: AdamW(beta2: 0.99, epsilon: 1e-8), learning_rate: 0.1))",
        0,
    ),
    ("(evaluation: (protocol: TransformationProbe(task: Rotation, hidden: 8), epochs: 5))", 2),
];

#[test]
fn stopping_an_evaluation_and_going_on_gives_the_same_bits() {
    let file = pretrained(&tiny("()"));
    for (kind, before) in TRAINING {
        let recipe = tiny(kind);
        assert_eq!(recipe.problems(), [], "{kind}");
        let straight = evaluate(&recipe, &file).unwrap();
        // Two steps an epoch: inside of epochs and between them; and before the first.
        for stops in [vec![1], vec![before + 2], vec![before + 3, before + 1, before + 4]] {
            let mut checkpoint: Option<Vec<u8>> = None;
            for &questions in &stops {
                let mut watch = StopAfter::new(questions);
                let result = evaluate_watched(&recipe, &file, checkpoint.as_deref(), &mut watch);
                assert!(matches!(result, Err(Error::Stopped)), "{kind}");
                checkpoint = watch.checkpoint.or(checkpoint);
            }
            let mut watch = StopAfter::new(usize::MAX);
            let resumed = evaluate_watched(&recipe, &file, checkpoint.as_deref(), &mut watch).unwrap();
            assert_eq!((&resumed.metrics, resumed.images), (&straight.metrics, straight.images), "{kind} {stops:?}");
            assert_eq!(resumed.remarks.len(), usize::from(checkpoint.is_some()), "{kind} {stops:?}");
            assert_eq!(watch.epochs.last(), Some(&recipe.evaluation.epochs));
            assert!(watch.epochs.is_sorted_by(|one, next| one < next), "earlier epochs are reported again");
        }
    }
}

#[test]
fn an_evaluation_goes_on_with_the_same_encoder_only() {
    let (file, other) = (pretrained(&tiny("()")), pretrained(&tiny("(schedule: (epochs: 1))")));
    let mut watch = StopAfter::new(4);
    let _ = evaluate_watched(&tiny("()"), &file, None, &mut watch);
    let checkpoint = watch.checkpoint.unwrap();
    let error = evaluate_watched(&tiny("()"), &other, Some(&checkpoint), &mut go_on).unwrap_err();
    assert!(matches!(error, Error::Checkpoint(_)), "{error}");
    // Nor with other micro-batches, which normalization would see.
    let tuned = |micro: &str| tiny(&format!("(evaluation: (protocol: FineTune, epochs: 5, micro_batch: {micro}))"));
    let mut watch = StopAfter::new(3);
    let _ = evaluate_watched(&tuned("5"), &file, None, &mut watch);
    let checkpoint = watch.checkpoint.unwrap();
    let error = evaluate_watched(&tuned("None"), &file, Some(&checkpoint), &mut go_on).unwrap_err();
    assert!(matches!(error, Error::Checkpoint(_)), "{error}");
    assert!(evaluate_watched(&tuned("5"), &file, Some(&checkpoint), &mut go_on).is_ok());
}

#[test]
fn fine_tuning_is_not_lost_when_it_is_stopped_after_its_last_step() {
    let recipe = tiny("(evaluation: (protocol: FineTune, epochs: 5))");
    let file = pretrained(&recipe);
    // Ten steps, each with a question, then one before the test images.
    let mut watch = StopAfter::new(11);
    assert!(matches!(evaluate_watched(&recipe, &file, None, &mut watch), Err(Error::Stopped)));
    let mut rest = StopAfter::new(usize::MAX);
    let resumed = evaluate_watched(&recipe, &file, watch.checkpoint.as_deref(), &mut rest).unwrap();
    assert_eq!(resumed.metrics, evaluate(&recipe, &file).unwrap().metrics);
    assert!(resumed.remarks[0].contains("after step 10"), "{:?}", resumed.remarks);
}

#[test]
fn time_before_a_checkpoint_is_told() {
    let recipe = tiny("(evaluation: (epochs: 2))");
    let file = pretrained(&recipe);
    assert_eq!(evaluate(&recipe, &file).unwrap().earlier, Duration::ZERO);
    let mut watch = StopAfter::new(4);
    assert!(matches!(evaluate_watched(&recipe, &file, None, &mut watch), Err(Error::Stopped)));
    let resumed = evaluate_watched(&recipe, &file, watch.checkpoint.as_deref(), &mut go_on).unwrap();
    assert!(resumed.earlier > Duration::ZERO);
}

#[test]
fn a_classifier_that_became_infinite_is_never_a_checkpoint() {
    let recipe = tiny("(evaluation: (learning_rate: 1e41))");
    let file = pretrained(&recipe);
    // Two questions before the features of the two sets, then one after the first step.
    let mut watch = StopAfter::new(3);
    let error = evaluate_watched(&recipe, &file, None, &mut watch).unwrap_err();
    assert!(matches!(error, Error::NonFiniteAfter { step: 1, .. }), "{error}");
    assert!(watch.checkpoint.is_none());
}

#[test]
fn evaluations_without_steps_stop_when_they_are_asked_to() {
    let file = pretrained(&tiny("()"));
    let logistic = "(
        data: (validation_images: 40),
        evaluation: (protocol: LogisticRegression(regularization: (1e-8, 1e-2), values: 4)),
    )";
    // Two or three questions about features, then those of the protocol.
    for (kind, questions) in [
        (logistic, vec![1, 3, 4, 9]),
        ("(evaluation: (protocol: NearestNeighbors(neighbors: 3)))", vec![1, 2, 3]),
        ("(evaluation: (protocol: TransformationProbe(task: Sobel, hidden: 8)))", vec![1, 2]),
    ] {
        for questions in questions {
            let result = evaluate_watched(&tiny(kind), &file, None, &mut StopAfter::new(questions));
            assert!(matches!(result, Err(Error::Stopped)), "{kind} {questions}: {result:?}");
        }
    }
}

#[test]
fn micro_batches_of_fine_tuning_change_what_batch_normalization_sees_only() {
    let file = pretrained(&tiny("()"));
    let tuned = |micro: &str| {
        let recipe = tiny(&format!("(evaluation: (protocol: FineTune, epochs: 4, micro_batch: {micro}))"));
        let mut losses = vec![];
        let mut watch = |report: &EpochReport| {
            losses.push(report.loss);
            ControlFlow::Continue(())
        };
        evaluate_watched(&recipe, &file, None, &mut watch).unwrap();
        losses
    };
    assert_eq!(tuned("20"), tuned("None"), "all at a time is no micro-batch");
    assert_ne!(tuned("5"), tuned("None"));
}

#[test]
fn an_undecided_classifier_costs_the_logarithm_of_the_number_of_classes() {
    // At a rate of next to nothing it stays undecided; shares of micro-batches add up to one.
    let file = pretrained(&tiny("()"));
    for micro in ["None", "5"] {
        let change =
            format!("(evaluation: (protocol: FineTune, epochs: 2, learning_rate: 1e-30, micro_batch: {micro}))");
        let mut watch = |report: &EpochReport| {
            assert!((report.loss - 10_f64.ln()).abs() < 1e-6, "{micro}: {}", report.loss);
            ControlFlow::Continue(())
        };
        evaluate_watched(&tiny(&change), &file, None, &mut watch).unwrap();
    }
}

#[test]
fn a_probes_test_images_are_transformed_by_draws_of_their_own() {
    let recipe = tiny("(evaluation: (protocol: TransformationProbe(task: Rotation, hidden: 16), epochs: 200))");
    let file = pretrained(&recipe);
    let images = shapes(Split::Train, 40);
    let sets = Sets { train: &images, validation: None, test: &images };
    let encoded = Encoded { job: &recipe.pretrain_job(0), file: &file };
    let metrics = protocol::evaluate(Processor::Cpu, &recipe.evaluation_job(0), encoded, sets, None, &mut go_on);
    let metrics = metrics.unwrap().metrics;
    assert!(metrics[&Metric::Top1] < metrics[&Metric::TrainTop1], "{metrics:?}");
}

#[test]
fn images_may_show_several_classes() {
    // Each of red, green and blue is in an image or not, anywhere; the classes are the colors, green does not count
    // where blue is missing.
    let images = |count: usize, offset: usize| {
        let (mut pixels, mut shown) = (Vec::new(), Vec::new());
        for number in 0..count {
            let colors = [0, 1, 2].map(|bit| (number + offset) >> bit & 1 == 1);
            let level =
                |color: bool, place: usize| if color { 255 - (7 * place % 60) as u8 } else { (5 * place % 50) as u8 };
            pixels.extend((0..24 * 24).flat_map(|place| colors.map(|color| level(color, place + number))));
            shown.extend([Some(colors[0]), colors[2].then_some(colors[1]), Some(colors[2])]);
        }
        let names = ["red", "green", "blue"].map(str::to_owned).to_vec();
        Images::in_memory(24, pixels, vec![0; count], 3, names).showing(shown)
    };
    let (train, validation, test) = (images(40, 0), images(24, 3), images(16, 5));
    let sets = Sets { train: &train, validation: Some(&validation), test: &test };
    let file = pretrained(&tiny("()"));
    for change in [
        "(evaluation: (epochs: 300, learning_rate: 100.0, batch_size: 40))",
        "(evaluation: (epochs: 100, learning_rate: 0.5, batch_size: 20, protocol: FineTune))",
        "(evaluation: (epochs: 100, learning_rate: 0.5, batch_size: 20, micro_batch: 10, protocol: FineTune))",
        "(data: (validation_images: 40), evaluation: (protocol: LogisticRegression(regularization: (1e-6, 1e-2), values: 3)))",
    ] {
        let recipe = tiny(change);
        let encoded = Encoded { job: &recipe.pretrain_job(0), file: &file };
        let found =
            protocol::evaluate(Processor::Cpu, &recipe.evaluation_job(0), encoded, sets, None, &mut go_on).unwrap();
        assert_eq!(found.metrics.keys().collect::<Vec<_>>(), [&Metric::MeanAveragePrecision], "{change}");
        assert!(found.metrics[&Metric::MeanAveragePrecision] > 95.0, "{change}: {found:?}");
    }
    let describe = |change: &str| protocol::describe(&tiny(change).evaluation_job(0));
    let voc = "transfer_data: (source: Voc2007, train_images: \"All\", test_images: \"All\")";
    assert!(describe(&format!("(evaluation: ({voc}, protocol: FineTune))")).contains(", each class by itself;"));
}
