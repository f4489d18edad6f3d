//! The encoders against torchvision's, with weights that a formula gives: names, layouts and arithmetic.

use std::collections::BTreeMap;

use ablate::{
    plan::parameters,
    recipe::{Architecture, Encoder, InputNormalization, Precision, ProjectionShortcut, Stem},
    train::{
        device::{Cpu, Device},
        model::{Mode, ProjectionHead, ResNet, Tensors, encode, floats, load_weights, tensors},
        random::{Purpose, Stream},
    },
};
use burn::tensor::{Tensor, TensorData};
use serde_json::Value;

/// The numbers of `tests/fixtures/resnet.py`: uniform in [-0.5, 0.5), seeded by the name.
fn numbers(name: &str, count: usize) -> Vec<f32> {
    let mut state = crc32(name.as_bytes());
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(next).collect()
}

/// The checksum of gzip and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The file that the script's model would be stored as, from the shapes of `network`.
fn file(network: &ResNet<Cpu>) -> Vec<u8> {
    let filled = |(name, (shape, _)): (String, (Vec<usize>, Vec<u8>))| {
        let count: usize = shape.iter().product();
        let scale = (24.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
        let value = |number: f32| {
            let number = f64::from(number);
            (if shape.len() > 1 {
                number * scale
            } else if name.ends_with("running_var") {
                number + 1.0
            } else if name.ends_with("weight") {
                number * 0.2 + 0.5
            } else {
                number * 0.2
            }) as f32
        };
        let bytes = numbers(&name, count).into_iter().flat_map(|number| value(number).to_le_bytes()).collect();
        (name.clone(), (shape, bytes))
    };
    let mut all: Tensors = tensors(network, "").into_iter().map(filled).collect::<BTreeMap<_, _>>();
    // What torchvision's models have beside: a classifier.
    all.insert("fc.bias".into(), (vec![2], vec![0; 8]));
    encode(&all).unwrap()
}

#[test]
fn features_are_those_of_torchvision() {
    let cases: Value = serde_json::from_str(include_str!("../fixtures/resnet.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let recipe = Encoder {
            architecture: match case["architecture"].as_str().unwrap() {
                "resnet18" => Architecture::ResNet18,
                _ => Architecture::ResNet50,
            },
            width: 1.0,
            stem: if case["stem"] == "Cifar" { Stem::Cifar } else { Stem::ImageNet },
            zero_init_residual: true,
            projection_shortcut: match case["projection_shortcut"].as_str().unwrap() {
                "EveryStage" => ProjectionShortcut::EveryStage,
                _ => ProjectionShortcut::WhereShapeChanges,
            },
            input_normalization: None,
            precision: Precision::Float32,
        };
        let empty = ResNet::<Cpu>::new(&recipe, 0, &Device::default());
        let bytes = file(&empty);
        let mut network = load_weights(empty, "", &bytes).unwrap();
        let size = case["size"].as_u64().unwrap() as usize;
        let planes: Vec<f32> = numbers("images", 2 * 3 * size * size).into_iter().map(|number| number + 0.5).collect();
        let images = Tensor::<Cpu, 4>::from_data(TensorData::new(planes, [2, 3, size, size]), &Device::default());
        let features = network.forward(images.permute([0, 2, 3, 1]), Mode::Inference);
        assert_eq!(features.dims(), [2, case["dimension"].as_u64().unwrap() as usize]);
        let rows: Vec<f32> = features.into_data().iter::<f32>().collect();
        for (image, row) in rows.chunks_exact(recipe.dimension()).enumerate() {
            let expected = case["features"][image].as_array().unwrap();
            for (ours, expected) in row.iter().zip(expected.iter().map(|value| value.as_f64().unwrap())) {
                // float32 against float64 through up to fifty layers of positive weights.
                assert!((f64::from(*ours) - expected).abs() < 1e-5 + 1e-4 * expected.abs(), "{ours} {expected}");
            }
            let (sum, expected) = (row.iter().map(|&value| f64::from(value)).sum::<f64>(), &case["sums"][image]);
            assert!((sum / expected.as_f64().unwrap() - 1.0).abs() < 1e-5, "{sum} {expected}");
        }
    }
}

#[test]
fn a_projection_in_the_first_stage_leaves_all_other_weights_as_they_are() {
    for architecture in [Architecture::ResNet8, Architecture::ResNet18, Architecture::ResNet50] {
        let recipe = |projection_shortcut| Encoder {
            architecture,
            width: 0.25,
            stem: Stem::Cifar,
            zero_init_residual: true,
            projection_shortcut,
            input_normalization: None,
            precision: Precision::Float32,
        };
        let all = |shortcut| tensors(&ResNet::<Cpu>::new(&recipe(shortcut), 3, &Device::default()), "");
        let (plain, mut more) = (all(ProjectionShortcut::WhereShapeChanges), all(ProjectionShortcut::EveryStage));
        if architecture != Architecture::ResNet50 {
            let count = |tensors: &Tensors| -> usize {
                let trained = tensors.iter().filter(|(name, _)| !name.contains("running"));
                trained.map(|(_, (shape, _))| shape.iter().product::<usize>()).sum()
            };
            assert_eq!(count(&more), parameters(&recipe(ProjectionShortcut::EveryStage)));
            assert_eq!(count(&plain), parameters(&recipe(ProjectionShortcut::WhereShapeChanges)));
            let (projection, others): (Tensors, Tensors) =
                more.into_iter().partition(|(name, _)| name.starts_with("layer1.0.downsample."));
            more = others;
            assert_eq!(projection.len(), 5);
        }
        assert!(plain == more, "{architecture:?}");
    }
}

#[test]
fn images_are_normalized_where_the_recipe_says_so() {
    let plain = Encoder {
        architecture: Architecture::ResNet8,
        width: 0.5,
        stem: Stem::Cifar,
        zero_init_residual: false,
        projection_shortcut: ProjectionShortcut::WhereShapeChanges,
        input_normalization: None,
        precision: Precision::Float32,
    };
    let (mean, deviation) = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225));
    let normalizing = Encoder { input_normalization: Some(InputNormalization { mean, deviation }), ..plain.clone() };
    let values: Vec<f32> = (0..2 * 9 * 9 * 3).map(|index| (index as f32 * 0.37).sin().abs()).collect();
    let by_hand = values.chunks_exact(3).flat_map(|pixel| {
        [
            (f64::from(pixel[0]) - mean.0) / deviation.0,
            (f64::from(pixel[1]) - mean.1) / deviation.1,
            (f64::from(pixel[2]) - mean.2) / deviation.2,
        ]
        .map(|value| value as f32)
    });
    let features = |recipe: &Encoder, values: Vec<f32>| {
        let images = Tensor::<Cpu, 4>::from_data(TensorData::new(values, [2, 9, 9, 3]), &Device::default());
        let mut network = ResNet::<Cpu>::new(recipe, 0, &Device::default());
        network.forward(images, Mode::Inference).into_data().iter::<f32>().collect::<Vec<_>>()
    };
    let expected = features(&plain, by_hand.collect());
    let found = features(&normalizing, values.clone());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
    }
    assert_ne!(found, features(&plain, values));
}

#[test]
fn initial_weights_are_drawn_layer_by_layer_as_in_the_reference() {
    let device = Device::default();
    for zero_init_residual in [true, false] {
        let recipe = Encoder {
            architecture: Architecture::ResNet18,
            width: 0.5,
            stem: Stem::Cifar,
            zero_init_residual,
            projection_shortcut: ProjectionShortcut::WhereShapeChanges,
            input_normalization: None,
            precision: Precision::Float32,
        };
        let all = tensors(&ResNet::<Cpu>::new(&recipe, 7, &device), "");
        let values = |name: &str| floats(&all[name].1).collect::<Vec<_>>();
        for (name, (shape, _)) in &all {
            let values = values(name);
            let full = |value: f32| assert!(values.iter().all(|&each| each == value), "{name} is not {value}");
            if shape.len() == 4 {
                // Variance 1 / fan-in, cut at two deviations of the normal that has it once cut.
                let deviation = (1.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
                let squares = values.iter().map(|&value| (f64::from(value) / deviation).powi(2)).sum::<f64>();
                let count = values.len() as f64;
                assert!((squares / count - 1.0).abs() < 5.0 / count.sqrt(), "{name}: {}", squares / count);
                let largest = values.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
                assert!(f64::from(largest) <= 2.0001 * deviation / 0.879_626, "{name}");
            } else if name.ends_with("running_var") {
                full(1.0);
            } else if name.ends_with("weight") {
                full(if zero_init_residual && name.ends_with("bn2.weight") { 0.0 } else { 1.0 });
            } else {
                full(0.0);
            }
        }
        // Each layer has a stream of its own.
        for (layer, (name, fan_in)) in [("conv1", 27), ("layer1.0.conv1", 288)].into_iter().enumerate() {
            let first = Stream::new(7, Purpose::Encoder, [layer as u64 + 1, 0], 0).truncated_normal();
            let expected = (1.0 / fan_in as f32).sqrt() / 0.879_626 * first;
            assert_eq!(values(&format!("{name}.weight"))[0], expected, "{name}");
        }
    }
    // A head's are N(0, 0.01²), one stream a layer.
    let recipe = ablate::recipe::ProjectionHead { hidden_layers: 2, batch_norm: false, dimension: 64 };
    let head = tensors(&ProjectionHead::<Cpu>::new(Some(&recipe), 64, Precision::Float32, 7, &device), "projection.");
    for (layer, number) in [1, 3, 2].into_iter().enumerate() {
        let weights: Vec<f32> = floats(&head[&format!("projection.{layer}.linear.weight")].1).collect();
        assert_eq!(weights[0], 0.01 * Stream::new(7, Purpose::Head, [number, 0], 0).normal(), "{layer}");
        let squares = weights.iter().map(|&value| (f64::from(value) / 0.01).powi(2)).sum::<f64>();
        assert!((squares / 4096.0 - 1.0).abs() < 5.0 * (2.0 / 4096_f64).sqrt(), "{layer}: {}", squares / 4096.0);
    }
}
