//! Fine-tuning: the whole network is trained with a new classifier (paper §6.2, appendix B.5).

use burn::{backend::Autodiff, module::Module, tensor::Tensor};

use super::{
    extract::in_batches,
    steps::{self, Course, Outcome},
};
use crate::train::{
    Error,
    augment::plain_batch,
    data::Images,
    device::Compute,
    matrix_values,
    model::{Linear, Mode, ResNet},
    ops::Ops,
    views::ViewMaker,
    watch::Watch,
};

/// An encoder with a classifier on h; the field's name exempts it from layer-wise adaptation, as in the reference code.
#[derive(Module, Debug)]
pub(super) struct Classified<B: Ops> {
    pub encoder: ResNet<B>,
    pub classifier: Linear<B>,
}

impl<B: Compute> Classified<B> {
    /// Logits of all images without augmentation, `[n, classes]` row by row.
    pub fn logits(&mut self, images: &Images, watch: &mut dyn Watch) -> Result<Vec<f32>, Error> {
        let plain = |range| plain_batch(images, range);
        let parts = in_batches(images.len(), images.size, plain, watch, |views| {
            matrix_values(self.classifier.forward(self.encoder.forward(views, Mode::Inference)))
        })?;
        Ok(parts.concat())
    }
}

/// Trains `encoder`, loaded where it is trained, and a new classifier on the course's views. Batch normalization uses and records the statistics of what goes
/// through the encoder at a time.
pub(super) fn train<B: Compute>(
    course: &Course<'_>,
    encoder: ResNet<Autodiff<B>>,
    (dimension, classes): (usize, usize),
    maker: &ViewMaker<B>,
    watch: &mut dyn Watch,
) -> Result<Outcome<Classified<Autodiff<B>>>, Error> {
    let classifier = Linear::zeros(dimension, classes, &B::Device::default());
    let logits = |network: &mut Classified<Autodiff<B>>, part: steps::Part, _: &mut dyn Watch| {
        let h = network.encoder.forward(Tensor::from_inner(part.all_views(maker)?), Mode::Train);
        Some(network.classifier.forward(h))
    };
    steps::train(course, Classified { encoder, classifier }, logits, watch)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, ops::ControlFlow};

    use burn::module::AutodiffModule;
    use serde_json::{Value, json};

    use super::{
        super::{
            steps::{Resumption, ViewsOf},
            targets::Targets,
        },
        *,
    };
    use crate::{
        plan::fixture,
        recipe::{Algorithm, Architecture, ClassifierTraining, Encoder, Transform},
        train::{
            device::{Cpu, Device, TrainCpu},
            model::{encode, load_weights, tensors},
            views::Pixels,
            watch::EpochReport,
        },
    };

    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/fine_tuning.json");
    const IMAGES: usize = 8;
    const SIZE: usize = 8;
    const CLASSES: usize = 3;
    /// More than there are images, so that every step ends an epoch and its loss is reported by itself.
    const BATCH: usize = 12;

    /// The numbers of `tests/fixtures/fine_tuning.py`: uniform in [-0.5, 0.5), seeded by the name.
    fn numbers(name: &str, count: usize) -> Vec<f64> {
        let mut crc = flate2::Crc::new();
        crc.update(name.as_bytes());
        let mut state = crc.sum();
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24) - 0.5
        };
        (0..count).map(next).collect()
    }

    fn images() -> Images {
        let pixels = numbers("images", IMAGES * SIZE * SIZE * 3).into_iter().map(|x| ((x + 0.5) * 256.0) as u8);
        let labels = (0..IMAGES).map(|index| (index % CLASSES) as u16).collect();
        Images::in_memory(SIZE, pixels.collect(), labels, CLASSES, vec![String::new(); CLASSES])
    }

    /// The file of the script's encoder.
    fn encoder_file(encoder: &Encoder, trained_before: bool) -> Vec<u8> {
        let network = ResNet::<Cpu>::new(encoder, 0, &Device::default());
        let mut all = tensors(&network, "");
        for (name, (shape, bytes)) in &mut all {
            let (name, count) = (name.as_str(), shape.iter().product());
            let (scale, offset) = match shape.len() {
                1 if !trained_before => {
                    let zero = name.ends_with("bn2.weight") || name.ends_with("bias") || name.ends_with("running_mean");
                    (0.0, if zero { 0.0 } else { 1.0 })
                }
                1 if name.ends_with("running_var") => (1.0, 1.0),
                1 if name.ends_with("weight") => (0.2, 0.5),
                1 => (0.2, 0.0),
                _ => ((24.0 / shape[1..].iter().product::<usize>() as f64).sqrt(), 0.0),
            };
            let values = numbers(name, count).into_iter().map(|number| (number * scale + offset) as f32);
            *bytes = values.flat_map(f32::to_le_bytes).collect();
        }
        encode(&all).unwrap()
    }

    fn encoder() -> Encoder {
        Encoder { architecture: Architecture::ResNet8, width: 0.25, ..fixture::recipe().encoder }
    }

    fn training(case: &Value) -> ClassifierTraining {
        let flip = Transform::HorizontalFlip { probability: 0.5 };
        let (solver, learning_rate) = match case["solver"].as_str().unwrap() {
            "Lars" => (Algorithm::Lars { trust_coefficient: 0.02 }, 40.0),
            _ => (Algorithm::Sgd { nesterov: true }, 4.0),
        };
        ClassifierTraining {
            augmentation: if case["flip"].as_bool().unwrap() { vec![flip] } else { vec![] },
            solver,
            epochs: 9,
            batch_size: BATCH,
            micro_batch: case["micro_batch"].as_u64().map(|size| size as usize),
            learning_rate,
            momentum: 0.9,
            weight_decay: 0.01,
        }
    }

    fn course<'a>(training: &'a ClassifierTraining, images: &'a Images) -> Course<'a> {
        let part = training.micro_batch.unwrap_or(BATCH);
        Course {
            training,
            seed: 5,
            what: "fine-tuning",
            targets: Targets::of(images),
            views: Some(ViewsOf { images, on_device: false, at_a_time: part }),
            part,
            kept_at_end: false,
            resumption: Resumption { checkpoint: None, data: "" },
        }
    }

    /// The images of each step in their order, and whether each is flipped.
    fn draws(images: &Images) -> Value {
        let training = training(&json!({ "solver": "Lars", "flip": true, "micro_batch": 1 }));
        let course = course(&training, images);
        let parts: Vec<Value> = course
            .parts(0..6)
            .map(|part| {
                let (index, _) = part.images[0];
                let Pixels::Made(view) = &part.views[0] else { panic!("the processor makes views") };
                json!([index, *view != plain_batch(images, index..index + 1)])
            })
            .collect();
        parts.chunks(BATCH).map(<[Value]>::to_vec).collect()
    }

    /// Losses of the steps, and the logits of all images at the end.
    fn tuned(case: &Value, images: &Images) -> (Vec<f64>, Vec<f64>) {
        let training = training(case);
        let course = course(&training, images);
        let file = encoder_file(&encoder(), case["trained_before"].as_bool().unwrap());
        let network = load_weights(ResNet::<TrainCpu>::new(&encoder(), 1, &Device::default()), "", &file).unwrap();
        let mut losses = vec![];
        let mut watch = |report: &EpochReport| {
            losses.push(report.loss);
            ControlFlow::Continue(())
        };
        let maker = ViewMaker::<Cpu>::by_processor(images);
        let shape = (encoder().dimension(), CLASSES);
        let outcome = train(&course, network, shape, &maker, &mut watch).unwrap();
        let logits = outcome.module.valid().logits(images, &mut |_: &EpochReport| ControlFlow::Continue(())).unwrap();
        (losses, logits.into_iter().map(f64::from).collect())
    }

    #[test]
    fn losses_and_logits_are_those_of_pytorch() {
        let mut fixture: Value = serde_json::from_str(&fs::read_to_string(FIXTURE).unwrap_or("{}".into())).unwrap();
        let images = images();
        let draws = draws(&images);
        if env::var_os("ABLATE_WRITE_DRAWS").is_some() {
            fixture["draws"] = draws;
            fs::write(FIXTURE, fixture.to_string()).unwrap();
            return;
        }
        assert_eq!(fixture["draws"], draws, "run with ABLATE_WRITE_DRAWS=1, then tests/fixtures/fine_tuning.py");
        let numbers =
            |value: &Value| -> Vec<f64> { value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
        let cases = fixture["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 16);
        for case in cases {
            let settings = format!("{} {} {}", case["solver"], case["flip"], case["micro_batch"]);
            let (losses, logits) = tuned(case, &images);
            for (what, found, expected) in [("losses", losses, &case["losses"]), ("logits", logits, &case["logits"])] {
                let expected = numbers(expected);
                assert_eq!(found.len(), expected.len(), "{settings}: {what}");
                // A frozen encoder's losses are off by 0.008 and more.
                let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0));
                let worst = worst.fold(0.0, f64::max);
                assert!(worst < 1e-5, "{settings}, {}: {what} are off by {worst:.1e}", case["trained_before"]);
            }
        }
    }
}
