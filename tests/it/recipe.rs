//! Impossible recipes beyond those that sweep files show: where the mistake is, what it is, what to write.

use crate::recipes::tiny;

/// All problems of the tiny recipe with a change, a line each.
fn problems(change: &str) -> String {
    let lines = tiny(change).problems().into_iter();
    lines.map(|problem| format!("{}: {}\n", problem.path.join("."), problem.message)).collect()
}

#[test]
fn settings_of_evaluations() {
    let cases = [
        "(evaluation: (train_augmentation: [HorizontalFlip(probability: 0.5), GaussianBlur(kernel: 9.0, sigma: (0.0, 0.0), probability: 2.0)]))",
        "(evaluation: (transfer_data: (source: Cifar10, train_images: 15, test_images: 20)))",
        "(evaluation: (protocol: FineTune, batch_size: 1000))",
        "(evaluation: (protocol: FineTune, batch_size: 1))",
        "(evaluation: (label_fraction: 0.0))",
        "(evaluation: (protocol: OwnClassifier))",
        "(evaluation: (protocol: NearestNeighbors(neighbors: 41)))",
        "(evaluation: (protocol: LogisticRegression(regularization: (1.0, 0.1), values: 0)))",
        "(head: (kind: Identity), evaluation: (representation: Projection))",
        "(objective: Untrained, evaluation: (representation: Projection))",
        "(evaluation: (protocol: TransformationProbe(task: GaussianNoise(sigma: 0.0), hidden: 0)))",
    ];
    insta::assert_snapshot!(cases.map(problems).concat(), @"
    evaluation.train_augmentation.1.kernel: 9 is not a length of a kernel
    evaluation.train_augmentation.1.sigma: (0, 0) is not a range of deviations
    evaluation.train_augmentation.1.probability: 2 is not a probability
    evaluation.transfer_data.train_images: 15 images cannot be shared equally by the 10 classes of Cifar10
    evaluation.batch_size: a batch of 20 does not fit 15 training images
    evaluation.batch_size: a batch of 1000 does not fit 40 training images
    evaluation.batch_size: a batch of 1 does not fit 40 training images
    evaluation.label_fraction: 0 is not a share of the labels
    evaluation.protocol: only supervised pretraining trains a classifier of its own
    evaluation.protocol.neighbors: 41 nearest of 40 training images are impossible
    evaluation.protocol: there are no validation images to choose the regularization on
    evaluation.protocol.regularization: (1, 0.1) is not a range of regularization
    evaluation.protocol.values: 0 values of regularization are impossible
    evaluation.representation: there is no projection head to evaluate
    evaluation.representation: this objective trains no projection head
    evaluation.protocol.task.sigma: noise of deviation 0 is impossible
    evaluation.protocol.hidden: a hidden layer of 0 units is impossible
    ");
}

#[test]
fn settings_of_training() {
    let cases = [
        "(augmentation: (both: [RandomResizedCrop(area: (0.01, 0.05), aspect: (0.75, 1.25), sampling: UniformHeight, interpolation: Bicubic)]))",
        "(schedule: (micro_batch: 3))",
        "(schedule: (decay: Step(epochs: [2, 1], factor: 2.0)))",
        "(optimizer: (algorithm: AdamW(beta2: 1.0, epsilon: 0.0)))",
        "(objective: MarginTriplet(margin: -1.0))",
        "(objective: Pretrained(file: \"weights\", blake3: \"12\"))",
        "(head: (hidden_layers: 0))",
        "(schedule: (epochs: 10000000))",
        "(data: (subset_seed: 3))",
        "(data: (image_size: 7, center_crop: 1.5))",
        "(encoder: (input_normalization: (mean: (0.5, 0.5, 0.5), deviation: (0.25, 0.25, 0.0))))",
        "(evaluation: (protocol: FineTune, batch_size: 20, micro_batch: 6))",
    ];
    insta::assert_snapshot!(cases.map(problems).concat(), @r"
    augmentation.both.0.area: UniformHeight takes no rectangle of less than a tenth of the image
    schedule.micro_batch: batches of 10 cannot be cut into micro-batches of 3
    schedule.decay.factor: 2 is not a factor of decay
    schedule.decay.epochs: [2, 1] is not an increasing list of epochs within 3
    optimizer.algorithm.beta2: beta2 1 is impossible
    optimizer.algorithm.epsilon: epsilon 0 is impossible
    objective.margin: margin -1 is impossible
    objective.blake3: `12` is not a BLAKE3 hash
    head.hidden_layers: 0 hidden layers are impossible
    schedule.epochs: 10000000 epochs are impossible
    data.subset_seed: generated images have no subsets to choose from
    data.image_size: views of 7 pixels are impossible
    data.center_crop: 1.5 is not a share of a picture's side
    encoder.input_normalization: mean (0.5, 0.5, 0.5) and deviation (0.25, 0.25, 0.0) cannot be subtracted and divided by
    evaluation.micro_batch: batches of 20 cannot be cut into micro-batches of 6
    ");
}

#[test]
fn images_that_show_several_classes() {
    let voc = "(source: Voc2007, train_images: \"All\", validation_images: 2510, test_images: \"All\")";
    for change in [
        format!("(evaluation: (transfer_data: {voc}, protocol: FineTune))"),
        format!("(evaluation: (transfer_data: {voc}, batch_size: 2501))"),
        format!(
            "(evaluation: (transfer_data: {voc}, protocol: LogisticRegression(regularization: (1e-6, 1e5), values: 45)))"
        ),
        format!("(data: {voc}, online_probe: None)"),
    ] {
        assert_eq!(problems(&change), "", "{change}");
    }
    let cases = [
        format!("(data: {voc}, objective: Supervised)"),
        format!("(data: {voc}, online_probe: (learning_rate: 0.1, momentum: 0.9))"),
        format!("(evaluation: (transfer_data: {voc}, protocol: NearestNeighbors(neighbors: 1)))"),
        format!("(evaluation: (transfer_data: {voc}, label_fraction: 0.1))"),
        "(evaluation: (transfer_data: (source: Voc2007, train_images: 200, validation_images: 20, subset_seed: 1, test_images: 20)))".to_owned(),
    ];
    insta::assert_snapshot!(cases.map(|case| problems(&case)).concat(), @"
    objective: images of Voc2007 show several classes, and supervised pretraining learns one
    online_probe: images of Voc2007 show several classes, and the online probe learns one
    evaluation.protocol: images of Voc2007 show several classes, and neighbors vote for one
    evaluation.label_fraction: images of Voc2007 show several classes, so that no share of each is equal
    evaluation.transfer_data.train_images: 200 images of Voc2007: it is taken as a whole
    evaluation.transfer_data.test_images: 20 images of Voc2007: it is taken as a whole
    evaluation.transfer_data.validation_images: 20 validation images of Voc2007: they are its authors' own
    evaluation.transfer_data.subset_seed: Voc2007 has no subsets to choose from
    ");
}
