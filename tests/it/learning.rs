//! What is said to be trained moves with every step, and what is said to be frozen stays, bit for bit: every kind of job
//! that there is, on every backend of this build, before and after it goes on from a checkpoint.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use ablate::{
    recipe::{
        Algorithm, HeadKind, JobSpec, Mining, Negatives, Objective, Patchable, Precision, ProbeTask,
        ProjectionShortcut, Protocol, Recipe, Representation,
    },
    schedule,
    train::{
        self, EpochReport, Watch, Wish,
        data::Split,
        device::Processor,
        protocol::{self, Encoded, Evaluated, Sets},
    },
};
use safetensors::SafeTensors;
use schemars::JsonSchema;
use serde_json::Value;

use crate::{
    recipes::{patch, shapes, tiny},
    watching::go_on,
};

/// Pretrainings, and the parts of the network that each trains.
const PRETRAININGS: [(&str, &[&str]); 16] = [
    ("()", &["encoder", "head"]),
    ("(encoder: (zero_init_residual: true))", &["encoder", "head"]),
    ("(encoder: (projection_shortcut: EveryStage))", &["encoder", "head"]),
    ("(schedule: (micro_batch: 5))", &["encoder", "head"]),
    ("(encoder: (precision: BFloat16))", &["encoder", "head"]),
    ("(encoder: (architecture: ResNet50, stem: ImageNet, width: 0.125))", &["encoder", "head"]),
    (
        "(objective: NtXent(temperature: 0.5, normalize: false, negatives: OneView), head: (kind: Linear))",
        &["encoder", "head"],
    ),
    ("(objective: NtLogistic(temperature: 0.5), head: (kind: Identity))", &["encoder"]),
    ("(objective: NtLogistic(temperature: 0.5, mining: SemiHard), head: (hidden_layers: 3))", &["encoder", "head"]),
    ("(objective: MarginTriplet(margin: 0.4), head: (batch_norm: false))", &["encoder", "head"]),
    ("(objective: MarginTriplet(margin: 0.8, mining: SemiHard), schedule: (micro_batch: 5))", &["encoder", "head"]),
    (
        "(optimizer: (algorithm: Lars(trust_coefficient: 0.001)), online_probe: (learning_rate: 0.1, momentum: 0.9))",
        &["encoder", "head"],
    ),
    ("(optimizer: (algorithm: AdamW(beta2: 0.99, epsilon: 1e-8), learning_rate: Fixed(0.01)))", &["encoder", "head"]),
    ("(objective: Supervised)", &["encoder", "classifier"]),
    (
        "(objective: Supervised, schedule: (micro_batch: 5), optimizer: (algorithm: Sgd(nesterov: true)))",
        &["encoder", "classifier"],
    ),
    ("(objective: Supervised, encoder: (precision: BFloat16))", &["encoder", "classifier"]),
];

/// Objectives that train nothing.
const AT_REST: [&str; 2] = ["(objective: Untrained)", "(objective: Pretrained(file: \"weights\", blake3: \"00ff\"))"];

/// Evaluations of an encoder, and what each trains by gradient steps.
const EVALUATIONS: [(&str, &[&str]); 16] = [
    ("(evaluation: (protocol: Linear))", &["classifier"]),
    ("(evaluation: (representation: Projection))", &["classifier"]),
    ("(evaluation: (train_augmentation: [HorizontalFlip(probability: 0.5)]))", &["classifier"]),
    ("(evaluation: (solver: Lars(trust_coefficient: 0.001)))", &["classifier"]),
    ("(evaluation: (protocol: FineTune))", &["encoder", "classifier"]),
    (
        "(evaluation: (protocol: FineTune, train_augmentation: [HorizontalFlip(probability: 0.5)]))",
        &["encoder", "classifier"],
    ),
    (
        "(evaluation: (protocol: FineTune, micro_batch: 5, solver: Lars(trust_coefficient: 0.01)))",
        &["encoder", "classifier"],
    ),
    (
        "(evaluation: (protocol: FineTune, solver: AdamW(beta2: 0.99, epsilon: 1e-8), learning_rate: 0.1))",
        &["encoder", "classifier"],
    ),
    ("(encoder: (precision: BFloat16), evaluation: (protocol: FineTune))", &["encoder", "classifier"]),
    ("(objective: Untrained, evaluation: (protocol: FineTune))", &["encoder", "classifier"]),
    ("(evaluation: (protocol: TransformationProbe(task: Rotation, hidden: 8)))", &["hidden", "output"]),
    ("(evaluation: (protocol: TransformationProbe(task: Grayscale, hidden: 8)))", &["hidden", "output"]),
    (
        "(evaluation: (protocol: TransformationProbe(task: GaussianNoise(sigma: 0.1), hidden: 8)))",
        &["hidden", "output"],
    ),
    ("(evaluation: (protocol: TransformationProbe(task: Sobel, hidden: 8)))", &["hidden", "output"]),
    (
        "(data: (validation_images: 40), evaluation: (protocol: LogisticRegression(regularization: (1e-4, 1e-2), values: 2)))",
        &[],
    ),
    ("(evaluation: (protocol: NearestNeighbors(neighbors: 3)))", &[]),
];

/// The classifier of supervised pretraining, which is not trained again.
const OWN_CLASSIFIER: &str = "(objective: Supervised, evaluation: (protocol: OwnClassifier))";

/// The tiny recipe with a change. Without weight decay, what moves does so by its gradient, and without zeros at the ends
/// of residual branches everything has one from the second step on, when no classifier is zero any more.
fn recipe(change: &str) -> Recipe {
    let mut recipe = tiny(
        "(
            encoder: (zero_init_residual: false),
            optimizer: (weight_decay: 0.0),
            schedule: (epochs: 2, warmup_epochs: 0),
            evaluation: (epochs: 2, weight_decay: 0.0),
        )",
    );
    recipe.apply(&patch(change));
    recipe
}

/// Keeps a checkpoint after every step.
#[derive(Default)]
struct KeepAll(Vec<Vec<u8>>);

impl Watch for KeepAll {
    fn epoch(&mut self, _: &EpochReport) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn wish(&mut self) -> Wish {
        Wish::Checkpoint
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        self.0.push(bytes.to_vec());
        ControlFlow::Continue(())
    }
}

/// The bytes of tensors by name.
type Named = BTreeMap<String, Vec<u8>>;

fn named(file: &[u8]) -> Named {
    let file = SafeTensors::deserialize(file).unwrap();
    file.tensors().into_iter().map(|(name, tensor)| (name, tensor.data().to_vec())).collect()
}

/// The tensors whose names begin with a prefix, without it.
fn below(all: &Named, prefix: &str) -> Named {
    all.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(prefix)?.to_owned(), bytes.clone()))).collect()
}

/// A parameter's name in an optimizer as that of its weights in a checkpoint, which are torchvision's.
fn as_weights(name: &str) -> String {
    let mut shortcut = false;
    let parts = name.split('.').filter(|&part| part != "layers").map(|part| {
        let name = match part {
            "conv" if shortcut => "0",
            "bn" if shortcut => "1",
            other => other,
        };
        shortcut = part == "downsample";
        name
    });
    parts.collect::<Vec<_>>().join(".")
}

/// Refuses two states, one step apart, between which not every parameter of `parts` moved and every running statistic
/// of theirs; `module` and `optimizer` say where their tensors are.
fn every_part_moves(before: &Named, after: &Named, (module, optimizer): (&str, &str), parts: &[&str], kind: &str) {
    let (before, now) = (below(before, module), below(after, module));
    let found: BTreeSet<&str> = now.keys().map(|name| name.split('.').next().unwrap()).collect();
    assert_eq!(found, parts.iter().copied().collect(), "{kind}: parts");
    assert!(before.keys().eq(now.keys()), "{kind}");
    for (name, bytes) in &now {
        assert_ne!(&before[name], bytes, "{kind}: {name} stays");
    }
    let trained: BTreeSet<&String> = now.keys().filter(|name| !name.contains("running_")).collect();
    let memory: BTreeSet<String> = below(after, &format!("{optimizer}.first.")).keys().map(|n| as_weights(n)).collect();
    assert!(trained.iter().copied().eq(&memory), "{kind}: {trained:?} and the optimizer's {memory:?}");
}

/// The states after each step of a run; it goes on from the first to the same ones.
fn steps_of(kind: &str, run: &dyn Fn(Option<&[u8]>, &mut KeepAll)) -> Vec<Named> {
    let checkpoints = |from: Option<&[u8]>| {
        let mut kept = KeepAll::default();
        run(from, &mut kept);
        kept.0
    };
    let straight = checkpoints(None);
    let states: Vec<Named> = straight.iter().map(|file| named(file)).collect();
    if let [first, rest @ ..] = &straight[..] {
        assert!(rest.len() > 1, "{kind}: {} steps", straight.len());
        let resumed = checkpoints(Some(first));
        assert!(resumed.iter().map(|file| named(file)).eq(states[1..].iter().cloned()), "{kind}: another course");
    }
    states
}

/// What this build and machine can compute on.
fn processors() -> Vec<Processor> {
    let gpu = Processor::gpu().filter(|_| {
        let there = schedule::gpus().is_ok_and(|found| !found.usable.is_empty());
        if !there {
            println!("skipped on GPUs: there is none");
        }
        there
    });
    [Some(Processor::Cpu), gpu].into_iter().flatten().collect()
}

#[test]
fn what_is_pretrained_moves_with_every_step() {
    let images = shapes(Split::Train, 40);
    for processor in processors() {
        for (kind, parts) in PRETRAININGS {
            let recipe = recipe(kind);
            assert_eq!(recipe.problems(), [], "{kind}");
            let job = recipe.pretrain_job(0);
            let states = steps_of(kind, &|from, kept| {
                train::pretrain(processor, &job, &images, from, kept).unwrap();
            });
            assert_eq!(states.len(), 8, "{kind}");
            for pair in states.windows(2) {
                every_part_moves(&pair[0], &pair[1], ("network.", "optimizer"), parts, kind);
                if recipe.online_probe.is_some() {
                    every_part_moves(&pair[0], &pair[1], ("probe.", "probe-optimizer"), &["classifier"], kind);
                }
            }
        }
    }
}

/// The file of an encoder.
fn encoder(processor: Processor, recipe: &Recipe) -> Vec<u8> {
    let job = recipe.pretrain_job(0);
    match &recipe.objective {
        Objective::Untrained => train::initialize(&job).unwrap(),
        _ => train::pretrain(processor, &job, &shapes(Split::Train, 40), None, &mut go_on).unwrap().file,
    }
}

fn evaluate(
    processor: Processor,
    recipe: &Recipe,
    file: &[u8],
    checkpoint: Option<&[u8]>,
    watch: &mut dyn Watch,
) -> Result<Evaluated, train::Error> {
    let [train, validation, test] =
        [(Split::Train, 40), (Split::Validation, 40), (Split::Test, 20)].map(|(split, count)| shapes(split, count));
    let sets = Sets { train: &train, validation: Some(&validation), test: &test };
    let encoded = Encoded { job: &recipe.pretrain_job(0), file };
    protocol::evaluate(processor, &recipe.evaluation_job(0), encoded, sets, checkpoint, watch)
}

#[test]
fn an_evaluation_moves_what_it_trains_and_nothing_else() {
    for processor in processors() {
        for (kind, parts) in EVALUATIONS.into_iter().chain([(OWN_CLASSIFIER, &[][..])]) {
            let recipe = recipe(kind);
            assert_eq!(recipe.problems(), [], "{kind}");
            let file = encoder(processor, &recipe);
            // Fails if a network that is not trained is not bit for bit what it was before.
            let states = steps_of(kind, &|from, kept| {
                evaluate(processor, &recipe, &file, from, kept).unwrap();
            });
            assert_eq!(states.len(), if parts.is_empty() { 0 } else { 4 }, "{kind}");
            for pair in states.windows(2) {
                every_part_moves(&pair[0], &pair[1], ("module.", "optimizer"), parts, kind);
            }
            if parts.contains(&"encoder") {
                let before = below(&states[0], "module.encoder.");
                let of_file: BTreeSet<String> =
                    named(&file).into_keys().filter(|name| !name.starts_with("projection.")).collect();
                assert_eq!(before.len(), of_file.len(), "{kind}: the encoder is that of the file, and all of it");
            }
        }
    }
}

#[test]
fn the_encoder_of_a_fine_tuning_begins_with_the_weights_of_its_file() {
    // At a rate that moves nothing by as much as this.
    let recipe = recipe("(evaluation: (protocol: FineTune, learning_rate: 1e-6))");
    let file = encoder(Processor::Cpu, &recipe);
    let mut kept = KeepAll::default();
    evaluate(Processor::Cpu, &recipe, &file, None, &mut kept).unwrap();
    let (file, tuned) = (named(&file), below(&named(&kept.0[0]), "module.encoder."));
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    let stem = (floats(&file["conv1.weight"]), floats(&tuned["conv1.weight"]));
    assert!(stem.0.iter().zip(&stem.1).all(|(a, b)| (a - b).abs() < 1e-4), "{stem:?}");
}

#[test]
fn encoders_that_are_not_trained_stay_as_they_are() {
    let untrained = recipe(AT_REST[0]);
    let file = train::initialize(&untrained.pretrain_job(3)).unwrap();
    assert!(named(&file) == named(&train::initialize(&untrained.pretrain_job(3)).unwrap()));
    let elsewhere = recipe(AT_REST[1]).pretrain_job(0);
    let taken = train::take_over(&elsewhere, &encoder(Processor::Cpu, &recipe("()"))).unwrap().file;
    assert!(named(&taken) == named(&train::take_over(&elsewhere, &taken).unwrap().file));
    // Their jobs are not for training.
    for change in AT_REST {
        let job = recipe(change).pretrain_job(0);
        assert!(train::pretrain(Processor::Cpu, &job, &shapes(Split::Train, 40), None, &mut go_on).is_err());
    }
}

/// The names of an enumeration's variants.
fn variants<T: JsonSchema>() -> BTreeSet<String> {
    let schema = serde_json::to_value(schemars::schema_for!(T)).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of_one = |one: &Value| -> Vec<String> {
        let plain = one["enum"].as_array().into_iter().flatten().chain([&one["const"]]).filter_map(text);
        plain.chain(one["required"].as_array().into_iter().flatten().filter_map(text)).collect()
    };
    let alternatives = schema["oneOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
    alternatives.iter().flat_map(of_one).collect()
}

#[test]
fn no_kind_is_left_out() {
    let pretrainings = PRETRAININGS.iter().map(|case| case.0).chain(AT_REST);
    let evaluations = EVALUATIONS.iter().map(|case| case.0).chain([OWN_CLASSIFIER]);
    let words = |change: &str| -> BTreeSet<String> {
        let text = format!("{:?}", recipe(change));
        text.split(|letter: char| !letter.is_alphanumeric()).map(str::to_owned).collect()
    };
    let trained: BTreeSet<String> = pretrainings.clone().flat_map(words).collect();
    let evaluated: BTreeSet<String> = evaluations.clone().flat_map(words).collect();
    for (kinds, where_, least) in [
        (variants::<Objective>(), &trained, 6),
        (variants::<HeadKind>(), &trained, 3),
        (variants::<Algorithm>(), &trained, 3),
        (variants::<Precision>(), &trained, 2),
        (variants::<ProjectionShortcut>(), &trained, 2),
        (variants::<Negatives>(), &trained, 2),
        (variants::<Mining>(), &trained, 2),
        (variants::<Protocol>(), &evaluated, 6),
        (variants::<ProbeTask>(), &evaluated, 4),
        (variants::<Representation>(), &evaluated, 2),
        (variants::<Algorithm>(), &evaluated, 3),
        (variants::<Precision>(), &evaluated, 2),
    ] {
        assert!(kinds.len() >= least, "{kinds:?}");
        let missing: Vec<&String> = kinds.difference(where_).collect();
        assert!(missing.is_empty(), "add a case of {missing:?}");
    }
    // What jobs say that they compute with is what the cases have.
    let parts: BTreeSet<&str> = pretrainings
        .map(|change| JobSpec::Pretrain(recipe(change).pretrain_job(0)))
        .chain(evaluations.map(|change| JobSpec::Evaluate(recipe(change).evaluation_job(0))))
        .flat_map(|spec| spec.parts().collect::<Vec<_>>())
        .collect();
    let expected = ["NT-Logistic", "NT-Xent", "bfloat16", "fine-tuning", "float32", "linear", "logistic regression"];
    let more = ["margin triplet", "nearest neighbors", "own classifier", "probe", "supervised"];
    assert_eq!(parts, expected.into_iter().chain(more).collect());
}
