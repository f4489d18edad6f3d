//! The protocol of an evaluation in one line, as it stands under tables and in records.

use crate::recipe::{
    Algorithm, ClassifierTraining, EvaluationJob, EvaluationTask, PretrainJob, ProbeTask, Representation, Training,
    Transform,
};

/// How pretraining obtains its metrics.
pub fn describe_pretraining(job: &PretrainJob) -> String {
    let micro_batch = match &job.training {
        Training::Trained(trained) => trained.schedule.micro_batch,
        Training::Untrained => None,
        Training::Pretrained { .. } => return "weights from a file".to_owned(),
    };
    format!("means over the batches of the last epoch, augmented training images{}", normalization(micro_batch))
}

/// What batch normalization sees if not the batch.
fn normalization(micro_batch: Option<usize>) -> String {
    micro_batch
        .map_or_else(String::new, |images| format!("; batch normalization over micro-batches of {images} images"))
}

/// How an evaluation obtains its metrics: features, data, solver.
pub fn describe(job: &EvaluationJob) -> String {
    let features = match job.representation {
        Representation::Encoder => "h",
        Representation::Projection => "g(h)",
    };
    let of_each = if job.data.source.is_multi_label() { ", each class by itself" } else { "" };
    let what = match &job.task {
        EvaluationTask::Linear(training) => {
            format!("linear evaluation on frozen {features}, offline, {}{of_each}", steps(training))
        }
        EvaluationTask::LogisticRegression { regularization: (weakest, strongest), values } => format!(
            "logistic regression{of_each} on frozen {features}, offline, no augmentation: L-BFGS, L2 regularization chosen from \
             {values} values between {weakest:e} and {strongest:e} on {} validation images, which the last training \
             includes",
            job.data.validation_images
        ),
        EvaluationTask::NearestNeighbors { neighbors, temperature } => {
            let votes = match temperature {
                Some(temperature) => format!("weighted by exp(cosine / {temperature})"),
                None => "equal votes".to_owned(),
            };
            format!("{neighbors} nearest neighbors on frozen {features}, no augmentation, {votes}")
        }
        EvaluationTask::FineTune(training) => {
            let normalization = normalization(training.micro_batch);
            format!("fine-tuning of the whole network, {}{of_each}{normalization}", steps(training))
        }
        EvaluationTask::OwnClassifier => "the classifier of supervised pretraining, no augmentation".to_owned(),
        EvaluationTask::TransformationProbe { task, hidden, training } => {
            let task = match task {
                ProbeTask::Grayscale => "color from grayscale".to_owned(),
                ProbeTask::Rotation => "rotations".to_owned(),
                ProbeTask::GaussianNoise { sigma } => format!("Gaussian noise of deviation {sigma}"),
                ProbeTask::Sobel => "Sobel filtering".to_owned(),
            };
            format!("perceptron with {hidden} hidden units on frozen {features} tells {task}, {}", steps(training))
        }
    };
    let labels = if job.label_fraction < 1.0 {
        format!("; labels of {} % of the training images", 100.0 * job.label_fraction)
    } else {
        String::new()
    };
    let (source, size) = (job.data.source.name(), job.data.image_size());
    let crop = job.data.effective_center_crop().map_or_else(String::new, |share| format!(", center crop {share}"));
    format!("{what}; test split of {source} at {size} px{crop}{labels}")
}

/// Augmentation, solver and schedule.
fn steps(training: &ClassifierTraining) -> String {
    let augmentation = if training.augmentation.is_empty() {
        "no augmentation".to_owned()
    } else {
        let names: Vec<&str> = training.augmentation.iter().map(Transform::name).collect();
        format!("training images with {}", names.join(", "))
    };
    let solver = match training.solver {
        Algorithm::Sgd { nesterov: true } => "Nesterov SGD",
        Algorithm::Sgd { nesterov: false } => "SGD",
        Algorithm::Lars { .. } => "LARS",
        Algorithm::AdamW { .. } => "AdamW",
    };
    format!(
        "{augmentation}, last epoch: {solver}, {} epochs, batch {}, lr {} x batch/256 (cosine), momentum {}, weight decay {}",
        training.epochs, training.batch_size, training.learning_rate, training.momentum, training.weight_decay
    )
}
