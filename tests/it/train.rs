//! Training as a whole: layers, jobs; determinism, resuming from weights, failures.

use std::{ops::ControlFlow, time::Duration};

use ablate::{
    recipe::{Architecture, Encoder, Metric, Metrics, Patchable, Precision, PretrainJob, ProjectionShortcut, Stem},
    train::{
        self, EpochReport, Error, Pretrained, Watch,
        data::Split,
        device::{Cpu, Device, Processor},
        model::{Mode, ResNet, load_weights, save_weights},
    },
};
use burn::{
    module::Module,
    tensor::{Tensor, TensorData},
};

use crate::{
    recipes::{patch, shapes, tiny},
    softmax::{Classifier, Rule, cosine},
    watching::{StopAfter, go_on},
};

fn encoder(architecture: Architecture, width: f64) -> Encoder {
    let precision = Precision::Float32;
    Encoder {
        architecture,
        width,
        stem: Stem::Cifar,
        zero_init_residual: true,
        projection_shortcut: ProjectionShortcut::WhereShapeChanges,
        input_normalization: None,
        precision,
    }
}

fn pretrain(job: &PretrainJob) -> Pretrained {
    train::pretrain(
        Processor::Cpu,
        job,
        &shapes(Split::Train, job.data.map_or(40, |data| data.count())),
        None,
        &mut go_on,
    )
    .unwrap()
}

/// File and metrics after running the job on `threads` threads.
fn trained(job: &PretrainJob, threads: usize) -> (Vec<u8>, Metrics) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let result = pool.install(|| pretrain(job));
    (result.file, result.metrics)
}

/// Every kind of state: momentum, second moments, probe, heads, micro-batches, a classifier.
const KINDS: [&str; 7] = [
    "()",
    "(encoder: (precision: BFloat16))",
    "(optimizer: (algorithm: AdamW(beta2: 0.99, epsilon: 1e-8), learning_rate: Fixed(0.01)))",
    "(optimizer: (algorithm: Lars(trust_coefficient: 0.001)), online_probe: (learning_rate: 0.1, momentum: 0.9))",
    "(schedule: (micro_batch: 5), head: (hidden_layers: 2), objective: MarginTriplet(margin: 0.8, mining: SemiHard))",
    "(objective: Supervised)",
    "(objective: Supervised, schedule: (micro_batch: 5))",
];

#[test]
fn bfloat16_trains_to_nearly_the_same_loss_in_float32_weights() {
    for change in ["()", "(objective: Supervised)"] {
        let of = |precision: &str| {
            let mut recipe = tiny(change);
            // At a low rate, so that steps do not make more of a difference than there is.
            let change = format!("(encoder: (precision: {precision}), optimizer: (learning_rate: Fixed(1e-3)))");
            recipe.apply(&patch(&change));
            trained(&recipe.pretrain_job(0), 2)
        };
        let ((float_file, float32), (file, bfloat16)) = (of("Float32"), of("BFloat16"));
        let (float32, bfloat16) = (float32[&Metric::Loss], bfloat16[&Metric::Loss]);
        // Every operand is off by up to 1/256, in either direction; nine layers add up to a few times that.
        let share = (bfloat16 - float32).abs() / float32;
        assert!(share > 0.0 && share < 4.0 / 256.0, "{change}: {float32} and {bfloat16}");
        assert_eq!(file.len(), float_file.len());
        // Weights are kept in float32: most have bits that bfloat16 has not.
        let weights = file[file.len() - 4096..].chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        assert!(weights.filter(|bits| bits & 0xffff != 0).count() > 512);
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for kind in KINDS {
        let job = tiny(kind).pretrain_job(0);
        assert_eq!(trained(&job, 1), trained(&job, 3), "{kind}");
    }
}

#[test]
fn seeds_change_the_result() {
    assert_ne!(trained(&tiny("()").pretrain_job(0), 2).0, trained(&tiny("()").pretrain_job(1), 2).0);
}

#[test]
fn stopping_and_going_on_gives_the_same_bits() {
    for kind in KINDS {
        let job = tiny(kind).pretrain_job(0);
        let images = shapes(Split::Train, 40);
        let straight = pretrain(&job);
        // Four steps an epoch, three epochs: inside of epochs and between them.
        for stops in [vec![1], vec![4], vec![3, 1, 5], vec![11]] {
            let mut checkpoint: Option<Vec<u8>> = None;
            for steps in stops {
                let mut watch = StopAfter::new(steps);
                let result = train::pretrain(Processor::Cpu, &job, &images, checkpoint.as_deref(), &mut watch);
                assert!(matches!(result, Err(Error::Stopped)), "{kind}");
                checkpoint = watch.checkpoint;
            }
            let mut watch = StopAfter::new(usize::MAX);
            let resumed = train::pretrain(Processor::Cpu, &job, &images, checkpoint.as_deref(), &mut watch).unwrap();
            assert!(resumed.file == straight.file && resumed.metrics == straight.metrics, "{kind}");
            assert_eq!(watch.epochs, [1, 2, 3], "earlier epochs are reported again");
            assert_eq!(resumed.remarks.len(), 1);
            assert!(resumed.earlier > Duration::ZERO && resumed.images == straight.images);
        }
    }
}

#[test]
fn a_checkpoint_of_another_job_is_refused() {
    let images = shapes(Split::Train, 40);
    let mut watch = StopAfter::new(2);
    let _ = train::pretrain(Processor::Cpu, &tiny("()").pretrain_job(0), &images, None, &mut watch);
    let other = tiny("(encoder: (width: 1.0))").pretrain_job(0);
    let error =
        train::pretrain(Processor::Cpu, &other, &images, watch.checkpoint.as_deref(), &mut go_on).err().unwrap();
    assert!(matches!(error, Error::Checkpoint(_)), "{error}");
    // Nor does one go on with other images.
    let others = shapes(Split::Test, 40);
    let same = tiny("()").pretrain_job(0);
    let error = train::pretrain(Processor::Cpu, &same, &others, watch.checkpoint.as_deref(), &mut go_on).err().unwrap();
    assert!(error.to_string().contains("other images"), "{error}");
}

#[test]
fn jobs_say_that_they_are_alive_after_every_micro_batch() {
    struct Alive(usize);
    impl Watch for Alive {
        fn epoch(&mut self, _: &EpochReport) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn alive(&mut self) {
            self.0 += 1;
        }
    }
    // Twelve steps of two micro-batches, which a contrastive objective passes twice.
    for (change, expected) in
        [("(schedule: (micro_batch: 5))", 48), ("(objective: Supervised, schedule: (micro_batch: 5))", 24)]
    {
        let mut watch = Alive(0);
        let job = tiny(change).pretrain_job(0);
        train::pretrain(Processor::Cpu, &job, &shapes(Split::Train, 40), None, &mut watch).unwrap();
        assert_eq!(watch.0, expected, "{change}");
    }
}

#[test]
fn fewer_images_than_a_batch_train_nothing_and_say_so() {
    let job = tiny("()").pretrain_job(0);
    let images = shapes(Split::Train, 40).select(&[0, 1, 2]);
    let error = train::pretrain(Processor::Cpu, &job, &images, None, &mut go_on).err().unwrap();
    insta::assert_snapshot!(error, @"a batch of 10 does not fit the 3 images at hand: lower the batch size");
}

#[test]
fn the_loss_falls_below_chance() {
    // 20 views: chance is ln 19 = 2.94. Without augmentation partners are equal, so that the loss falls fast, to 1.23; with
    // a frozen encoder to 1.35, without the negatives of the own branch to 0.84.
    let job = tiny("(augmentation: (both: []), schedule: (epochs: 12))").pretrain_job(0);
    let loss = pretrain(&job).metrics[&Metric::Loss];
    assert!((1.18..1.28).contains(&loss), "{loss}");
}

#[test]
fn an_undecided_classifier_costs_the_logarithm_of_the_number_of_classes() {
    // At a rate of next to nothing it stays undecided; shares of micro-batches add up to one.
    for micro in ["None", "5"] {
        let change = format!(
            "(objective: Supervised, optimizer: (learning_rate: Fixed(1e-30)), schedule: (micro_batch: {micro}))"
        );
        let loss = pretrain(&tiny(&change).pretrain_job(0)).metrics[&Metric::Loss];
        assert!((loss - 10_f64.ln()).abs() < 1e-6, "{micro}: {loss}");
    }
}

#[test]
fn classifiers_learn_beside_the_encoder() {
    for (kind, least) in [
        ("(objective: Supervised, augmentation: (both: []), schedule: (epochs: 40))", 90.0),
        ("(online_probe: (learning_rate: 5.0, momentum: 0.9), augmentation: (both: []), schedule: (epochs: 40))", 30.0),
    ] {
        let metrics = pretrain(&tiny(kind).pretrain_job(0)).metrics;
        assert!(metrics[&Metric::OnlineTop1] > least, "{kind}: {metrics:?}");
    }
}

#[test]
fn the_online_probe_takes_the_steps_of_softmax_regression() {
    // At a rate of next to nothing the encoder stays as it is, and without augmentation both views of all images are
    // the same at every step: the probe sees the same features, first without a step (the warm-up).
    let job = tiny(
        "(
            augmentation: (both: []), optimizer: (learning_rate: Fixed(1e-30)), schedule: (epochs: 8, batch_size: 40),
            online_probe: (learning_rate: 4.0, momentum: 0.9),
        )",
    )
    .pretrain_job(0);
    let images = shapes(Split::Train, 40);
    let mut told = vec![];
    let mut watch = |report: &EpochReport| {
        told.push(report.online_top1.unwrap());
        ControlFlow::Continue(())
    };
    train::pretrain(Processor::Cpu, &job, &images, None, &mut watch).unwrap();
    let mut network = ResNet::<Cpu>::new(&job.encoder, job.seed, &Device::default());
    let pixels = TensorData::new(train::augment::plain_batch(&images, 0..40), [40, 24, 24, 3]);
    let features = network.forward(Tensor::from_data(pixels, &Device::default()), Mode::BatchStatistics);
    let features: Vec<f32> = features.into_data().iter::<f32>().collect();
    let mut probe = Classifier::new(features.len() / 40, 10, Rule::Sgd, 0.9, 0.0);
    for (step, &told) in told.iter().enumerate() {
        // Of equal logits the first counts, here all ten.
        let right = if step < 2 { 10.0 } else { probe.accuracy(&features, &images.labels) };
        assert!((told - right).abs() < 1e-9, "step {step}: {told} instead of {right}");
        let rate = if step == 0 { 0.0 } else { cosine(4.0 * 40.0 / 256.0, step - 1, 7) };
        probe.step(&features, &images.labels, rate);
    }
    assert!(told[7] > 20.0, "{told:?}");
}

#[test]
fn each_epoch_ends_at_the_rate_of_its_last_step() {
    let mut rates = vec![];
    let mut watch = |report: &EpochReport| {
        rates.push(report.learning_rate);
        assert!(report.images_per_second > 0.0 && report.images_per_second.is_finite());
        ControlFlow::Continue(())
    };
    let job = tiny("()").pretrain_job(0);
    train::pretrain(Processor::Cpu, &job, &shapes(Split::Train, 40), None, &mut watch).unwrap();
    // Four steps of warm-up from 0, then eight of the cosine.
    let expected = [0.1 * 3.0 / 4.0, cosine(0.1, 3, 8), cosine(0.1, 7, 8)];
    assert!(rates.iter().zip(expected).all(|(rate, expected)| (rate - expected).abs() < 1e-12), "{rates:?}");
}

#[test]
fn the_online_probe_leaves_the_encoder_alone() {
    let probed = pretrain(&tiny("(online_probe: (learning_rate: 1.0, momentum: 0.9))").pretrain_job(0));
    assert!(probed.file == pretrain(&tiny("()").pretrain_job(0)).file);
}

#[test]
fn a_diverging_loss_is_an_error_that_says_where() {
    let job = tiny("(optimizer: (learning_rate: Fixed(1e30)))").pretrain_job(0);
    let error = train::pretrain(Processor::Cpu, &job, &shapes(Split::Train, 40), None, &mut go_on).err().unwrap();
    assert!(matches!(error, Error::NonFinite { .. }), "{error}");
    assert!(error.to_string().contains("learning rate"), "{error}");
}

#[test]
fn weights_that_became_infinite_are_never_a_checkpoint() {
    // The loss of a step is that of the weights before it: what one step did is seen by the next.
    let job = tiny("(optimizer: (learning_rate: Fixed(1e39)), schedule: (warmup_epochs: 0))").pretrain_job(0);
    let mut watch = StopAfter::new(1);
    let error = train::pretrain(Processor::Cpu, &job, &shapes(Split::Train, 40), None, &mut watch).err().unwrap();
    assert!(matches!(error, Error::NonFiniteAfter { step: 1, .. }), "{error}");
    assert!(watch.checkpoint.is_none());
}

#[test]
fn watching_can_stop_a_job() {
    let mut epochs = 0;
    let mut watch = |report: &EpochReport| {
        epochs = report.epoch;
        ControlFlow::Break(())
    };
    let result =
        train::pretrain(Processor::Cpu, &tiny("()").pretrain_job(0), &shapes(Split::Train, 40), None, &mut watch);
    assert!(matches!(result, Err(Error::Stopped)));
    assert_eq!(epochs, 1);
}

#[test]
fn weights_survive_a_round_trip_and_refuse_another_shape() {
    let network = |width, seed| ResNet::<Cpu>::new(&encoder(Architecture::ResNet8, width), seed, &Device::default());
    let bytes = save_weights(&network(0.5, 7)).unwrap();
    let other = network(0.5, 8);
    assert_ne!(save_weights(&other).unwrap(), bytes);
    assert_eq!(save_weights(&load_weights(other, "", &bytes).unwrap()).unwrap(), bytes);
    let error = load_weights(network(1.0, 7), "", &bytes).err().unwrap().to_string();
    insta::assert_snapshot!(error, @"tensor conv1.weight is F32 [8, 3, 3, 3], not F32 [16, 3, 3, 3]");
    let error = load_weights(network(0.5, 7), "", b"garbage").err().unwrap().to_string();
    assert!(error.contains("not a readable safetensors file"), "{error}");
}

#[test]
fn parameters_and_features_have_the_published_sizes() {
    // The closed forms of the plan against the networks themselves, in which each scale and shift has two statistics.
    for (architecture, stem) in [
        (Architecture::ResNet20, Stem::Cifar),
        (Architecture::ResNet18, Stem::Cifar),
        (Architecture::ResNet18, Stem::ImageNet),
        (Architecture::ResNet50, Stem::ImageNet),
    ] {
        let recipe = Encoder { stem, ..encoder(architecture, 0.25) };
        let mut network = ResNet::<Cpu>::new(&recipe, 0, &Device::default());
        let statistics: usize = train::model::tensors(&network, "")
            .iter()
            .filter(|(name, _)| name.contains("running"))
            .map(|(_, (shape, _))| shape[0])
            .sum();
        assert_eq!(network.num_params() - statistics, ablate::plan::parameters(&recipe));
        let images = Tensor::<Cpu, 4>::zeros([2, 33, 33, 3], &Device::default());
        assert_eq!(network.forward(images, Mode::Inference).dims(), [2, recipe.dimension()]);
    }
}
