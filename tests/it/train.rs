//! Training as a whole: crops, layers, jobs; determinism, resuming from weights, failures.

use std::ops::ControlFlow;

use ablate::{
    recipe::{
        Algorithm, Architecture, Data, DataSource, Decay, Encoder, Head, HeadKind, Interpolation, LearningRate,
        LinearEvaluation, LinearEvaluationJob, Metric, Optimizer, PretrainJob, Schedule, Stem, TrainSet, Training,
        Transform,
    },
    train::{
        self, Error,
        augment::{CropBox, crop_and_resize, flip, random_box},
        data::{self, Split},
        device::{Cpu, Device},
        model::{Mode, ResNet, load_weights, save_weights},
        random::{Purpose, Stream},
    },
};
use burn::{module::Module, tensor::Tensor};

fn job(seed: u64, learning_rate: f64) -> PretrainJob {
    PretrainJob {
        data: TrainSet { source: DataSource::Shapes, images: 40 },
        encoder: encoder(Architecture::ResNet8, 0.5),
        training: Training::Contrastive {
            augmentation: vec![
                Transform::RandomResizedCrop {
                    area: (0.2, 1.0),
                    aspect: (0.75, 1.3333),
                    interpolation: Interpolation::Bicubic,
                },
                Transform::HorizontalFlip { probability: 0.5 },
                Transform::ColorJitter { strength: 0.5, probability: 0.8 },
                Transform::Grayscale { probability: 0.2 },
            ],
            head: Head { kind: HeadKind::Nonlinear, dimension: 16, batch_norm: true },
            temperature: 0.5,
            optimizer: Optimizer {
                algorithm: Algorithm::Sgd { nesterov: false },
                learning_rate: LearningRate::Fixed(learning_rate),
                momentum: 0.9,
                weight_decay: 1e-4,
            },
            schedule: Schedule { epochs: 3, batch_size: 10, warmup_epochs: 1, decay: Decay::Cosine },
        },
        seed,
    }
}

fn encoder(architecture: Architecture, width: f64) -> Encoder {
    Encoder { architecture, width, stem: Stem::Cifar, zero_init_residual: true }
}

/// Weights and metrics after running the job on `threads` threads.
fn trained(job: &PretrainJob, threads: usize) -> (Vec<u8>, Vec<(Metric, f64)>) {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
        let images = data::load(job.data.source, Split::Train, job.data.images, None).unwrap();
        let result = train::pretrain(job, &images, &mut |_| ControlFlow::Continue(())).unwrap();
        (save_weights(&result.encoder).unwrap(), result.metrics.into_iter().collect())
    })
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    assert_eq!(trained(&job(0, 0.1), 1), trained(&job(0, 0.1), 3));
}

#[test]
fn seeds_change_the_result() {
    assert_ne!(trained(&job(0, 0.1), 2).0, trained(&job(1, 0.1), 2).0);
}

#[test]
fn the_loss_falls_below_chance() {
    let mut job = job(0, 0.1);
    let Training::Contrastive { schedule, augmentation, .. } = &mut job.training else { unreachable!() };
    schedule.epochs = 12;
    augmentation.clear();
    // 20 views: chance is ln 19. Without augmentation partners are equal, so that the loss can fall fast.
    let (_, metrics) = trained(&job, 2);
    let loss = metrics.iter().find(|(metric, _)| *metric == Metric::Loss).unwrap().1;
    assert!(loss < 0.8 * 19_f64.ln(), "{loss}");
}

#[test]
fn a_diverging_loss_is_an_error_that_says_where() {
    let job = job(0, 1e30);
    let images = data::load(DataSource::Shapes, Split::Train, 40, None).unwrap();
    let error = train::pretrain(&job, &images, &mut |_| ControlFlow::Continue(())).err().unwrap();
    assert!(matches!(error, Error::NonFinite { .. }), "{error}");
    assert!(error.to_string().contains("learning rate"), "{error}");
}

#[test]
fn watching_can_stop_a_job() {
    let images = data::load(DataSource::Shapes, Split::Train, 40, None).unwrap();
    let mut epochs = 0;
    let result = train::pretrain(&job(0, 0.1), &images, &mut |report| {
        epochs = report.epoch;
        ControlFlow::Break(())
    });
    assert!(matches!(result, Err(Error::Stopped)));
    assert_eq!(epochs, 1);
}

#[test]
fn weights_survive_a_round_trip_and_refuse_another_shape() {
    let network = |width| ResNet::<Cpu>::new(&encoder(Architecture::ResNet8, width), 7, &Device::default());
    let bytes = save_weights(&network(0.5)).unwrap();
    let other = ResNet::<Cpu>::new(&encoder(Architecture::ResNet8, 0.5), 8, &Device::default());
    assert_ne!(save_weights(&other).unwrap(), bytes);
    assert_eq!(save_weights(&load_weights(other, &bytes).unwrap()).unwrap(), bytes);
    let error = load_weights(network(1.0), &bytes).err().unwrap().to_string();
    assert!(error.contains("not F32 [3, 3, 3, 16]") || error.contains("not F32"), "{error}");
    let error = load_weights(network(0.5), b"garbage").err().unwrap().to_string();
    assert!(error.contains("not a readable safetensors file"), "{error}");
}

#[test]
fn parameters_and_features_have_the_published_sizes() {
    // Without classifier, running statistics (two per scale and shift pair) not counted: ResNet-20 of He et al. has
    // 0.27 M parameters, ResNet-18 with a CIFAR stem 11,168,832.
    for (architecture, parameters, dimension) in
        [(Architecture::ResNet20, 271_824, 64), (Architecture::ResNet18, 11_168_832, 512)]
    {
        let recipe = encoder(architecture, 1.0);
        let mut network = ResNet::<Cpu>::new(&recipe, 0, &Device::default());
        assert_eq!(ablate::plan::parameters(&recipe), parameters);
        // Each normalization has two running statistics beside its two parameters.
        let normalized: usize = network.num_params() - parameters;
        assert!(normalized > 0 && normalized < parameters / 50, "{normalized}");
        let images = Tensor::<Cpu, 4>::zeros([2, 16, 16, 3], &Device::default());
        assert_eq!(network.forward(images, Mode::Inference).dims(), [2, dimension]);
    }
}

#[test]
fn linear_evaluation_learns_what_is_linear() {
    // An untrained encoder's features of ten training images are told apart easily; the test is only that training
    // accuracy rises far above chance and that metrics lie in their ranges.
    let recipe = encoder(Architecture::ResNet8, 1.0);
    let images = data::load(DataSource::Shapes, Split::Train, 20, None).unwrap();
    let job = LinearEvaluationJob {
        data: Data { source: DataSource::Shapes, train_images: 20, test_images: 20, folder: None },
        evaluation: LinearEvaluation {
            epochs: 2000,
            batch_size: 20,
            learning_rate: 100.0,
            momentum: 0.9,
            weight_decay: 0.0,
        },
        seed: 0,
    };
    let network = ResNet::<Cpu>::new(&recipe, 0, &Device::default());
    let metrics =
        train::linear_evaluation(&job, network, &images, &images, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(metrics[&Metric::Top1], metrics[&Metric::TrainTop1]);
    assert!(metrics[&Metric::Top1] >= 60.0 && metrics[&Metric::Top5] >= metrics[&Metric::Top1], "{metrics:?}");
}

#[test]
fn a_crop_of_everything_changes_nothing() {
    let image: Vec<f32> = (0..8 * 8 * 3).map(|i| (i % 97) as f32 / 97.0).collect();
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        let mut view = vec![0.0; image.len()];
        crop_and_resize(&image, 8, CropBox { top: 0, left: 0, height: 8, width: 8 }, interpolation, &mut view);
        assert!(view.iter().zip(&image).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

#[test]
fn resizing_keeps_linear_ramps_and_sees_only_the_box() {
    // Both kernels reproduce a ramp away from the edges: pixel centers of 4 columns spread over 8.
    let size = 8;
    let ramp: Vec<f32> =
        (0..size * size).flat_map(|i| [if i % size < 6 { (i % size) as f32 / 10.0 } else { 9.0 }; 3]).collect();
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        let mut view = vec![0.0; ramp.len()];
        crop_and_resize(&ramp, size, CropBox { top: 2, left: 2, height: 4, width: 4 }, interpolation, &mut view);
        for column in 3..5 {
            let expected = (2.0 + (column as f32 + 0.5) / 2.0 - 0.5) / 10.0;
            assert!((view[column * 3] - expected).abs() < 1e-5, "{} {expected}", view[column * 3]);
        }
        assert!(view.iter().all(|&value| value < 0.6), "pixels outside of the box leaked in");
    }
}

#[test]
fn random_boxes_fit_and_have_the_asked_area() {
    let mut stream = Stream::new(0, Purpose::Augmentation, [0, 0], 0);
    let mut mean = 0.0;
    for _ in 0..4000 {
        let cut = random_box(32, (0.2, 0.8), (0.75, 4.0 / 3.0), &mut stream);
        assert!(cut.top + cut.height <= 32 && cut.left + cut.width <= 32);
        mean += (cut.height * cut.width) as f64 / 1024.0 / 4000.0;
    }
    assert!((mean - 0.5).abs() < 0.02, "{mean}");
    assert_eq!(random_box(1, (0.08, 1.0), (0.75, 1.3), &mut stream), CropBox { top: 0, left: 0, height: 1, width: 1 });
}

#[test]
fn flipping_twice_is_nothing() {
    let image: Vec<f32> = (0..5 * 5 * 3).map(|i| i as f32).collect();
    let mut flipped = image.clone();
    flip(&mut flipped, 5);
    assert_eq!(flipped[..3], image[12..15]);
    flip(&mut flipped, 5);
    assert_eq!(flipped, image);
}
