//! Views made by tensor operations, on the CPU backend, beside those of the CPU path.

use ablate::{
    recipe::{
        Augmentation, BoxSampling, Brightness, Interpolation, JitterOrder, Policy,
        Transform::{self, *},
    },
    train::{
        augment::{
            device::{Choices, ResidentImages, obstacle},
            view_pairs, views,
        },
        data::Images,
        device::{Cpu, Device},
        random::{Purpose, Stream},
    },
};
use proptest::prelude::*;

use super::TOLERANCE;

/// Random square pictures, of which views of another size may be made.
fn images(count: usize, side: usize, size: usize) -> Images {
    let mut stream = Stream::new(1, Purpose::Shapes, [0, 0], 0);
    let bytes = (0..count * side * side * 3).map(|_| stream.below(256) as u8).collect();
    let mut images = Images::in_memory(side, bytes, vec![0; count], 1, vec!["noise".to_owned()]);
    images.size = size;
    images
}

fn on_device(images: &Images, choices: &Choices) -> Vec<f32> {
    let resident = ResidentImages::<Cpu>::upload(images, &Device::default()).unwrap();
    let views = resident.views(choices);
    assert_eq!(views.dims()[1..], [images.size, images.size, 3]);
    views.into_data().iter::<f32>().collect()
}

/// The absolute differences between the pairs of all images, made here and there.
fn differences(images: &Images, augmentation: &Augmentation, seed: u64) -> Vec<f32> {
    let batch: Vec<usize> = (0..images.len()).rev().collect();
    let expected = view_pairs(images, &batch, augmentation, seed, 3);
    let ours = on_device(images, &Choices::of_pairs(images, &batch, augmentation, seed, 3));
    assert_eq!(ours.len(), expected.len());
    ours.iter().zip(&expected).map(|(ours, expected)| (ours - expected).abs()).collect()
}

fn largest(differences: &[f32]) -> f32 {
    differences.iter().copied().fold(0.0, f32::max)
}

fn crop(sampling: BoxSampling, interpolation: Interpolation) -> Transform {
    RandomResizedCrop { area: (0.08, 1.0), aspect: (0.75, 4.0 / 3.0), sampling, interpolation }
}

fn crops() -> [Transform; 3] {
    [
        crop(BoxSampling::UniformArea, Interpolation::Bicubic),
        crop(BoxSampling::UniformHeight, Interpolation::Bilinear),
        crop(BoxSampling::UniformAreaLogAspect, Interpolation::BicubicTf1),
    ]
}

/// Transformations without a jump, so that small differences stay small.
fn smooth(probability: f64) -> Vec<Transform> {
    let jitter = |strength, order, brightness| ColorJitter { strength, probability, order, brightness };
    let mut all = vec![
        HorizontalFlip { probability },
        jitter(1.0, JitterOrder::Random, Brightness::Additive),
        jitter(0.5, JitterOrder::Fixed, Brightness::Multiplicative),
        Grayscale { probability },
        GaussianBlur { kernel: 0.1, sigma: (0.1, 2.0), probability },
        GaussianBlur { kernel: 0.6, sigma: (0.1, 2.0), probability },
        Cutout { size: 0.5, probability },
        Rotate { probability },
        GaussianNoise { sigma: (0.0, 0.5), probability },
        Solarize { threshold: 0.5, probability },
        Sobel { probability },
    ];
    all.extend(crops());
    all
}

/// By how much a transformation can stretch a difference: a jitter by its factors of brightness and contrast, Sobel by
/// the sum of its window, a crop by that of cubic weights without their signs, in both directions.
fn stretch(transform: &Transform) -> f32 {
    match *transform {
        ColorJitter { strength, .. } => (1.0 + 0.8 * strength as f32).powi(2),
        Sobel { .. } => 2.0,
        RandomResizedCrop { interpolation: Interpolation::BicubicTf1, .. } => 1.9,
        RandomResizedCrop { .. } => 1.6,
        _ => 1.0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pipelines_are_those_of_the_cpu(
        both in prop::collection::vec(prop::sample::select(smooth(0.6)), 0..4),
        first in prop::collection::vec(prop::sample::select(smooth(0.6)), 0..3),
        second in prop::collection::vec(prop::sample::select(smooth(0.6)), 0..3),
        (side, size) in (1_usize..20, 1_usize..20),
        seed in any::<u64>(),
    ) {
        let augmentation = Augmentation { both, first, second };
        let of_list = |list: &[Transform]| list.iter().map(stretch).product::<f32>();
        let Augmentation { both, first, second } = &augmentation;
        let bound = TOLERANCE * 1.6 * of_list(both) * of_list(first).max(of_list(second));
        let worst = largest(&differences(&images(3, side, size), &augmentation, seed));
        prop_assert!(worst < bound, "{worst} is more than {bound}: {augmentation:?}");
    }
}

#[test]
fn each_transformation_is_that_of_the_cpu() {
    for transform in smooth(0.7) {
        let augmentation = Augmentation::symmetric(vec![transform]);
        for seed in 0..10 {
            let worst = largest(&differences(&images(6, 24, 24), &augmentation, seed));
            assert!(worst < TOLERANCE, "{worst} {augmentation:?}");
        }
    }
}

/// Transformations that compare with a threshold or round to 8 bits.
fn with_jumps(probability: f64) -> Vec<Transform> {
    let mut all = vec![Equalize { probability }, Solarize { threshold: 0.3, probability }];
    all.extend([Policy::ImageNet, Policy::Cifar10].map(|policy| AutoAugment { policy }));
    all
}

#[test]
fn what_starts_from_8_bits_is_exact() {
    for transform in with_jumps(0.7) {
        // Once for a picture with few levels, in which an equalization may do nothing.
        for (side, seeds) in [(24, 60), (2, 60), (1, 5)] {
            for seed in 0..seeds {
                let augmentation = Augmentation::symmetric(vec![transform.clone(); 2]);
                let worst = largest(&differences(&images(8, side, side), &augmentation, seed));
                assert!(worst <= f32::EPSILON, "{worst} {transform:?} {side} {seed}");
            }
        }
    }
}

#[test]
fn jumps_after_rounding_are_rare() {
    // What lies within rounding of a threshold or halfway between two levels may come out on either side, and moves
    // the histogram that others are equalized by. Bilinear weights that are multiples of a quarter make values exactly
    // halfway, so that this happens at one value in a thousand.
    for transform in with_jumps(0.7) {
        for crop in crops() {
            let augmentation = Augmentation::symmetric(vec![crop, transform.clone()]);
            let all: Vec<f32> = (0..20).flat_map(|seed| differences(&images(8, 24, 24), &augmentation, seed)).collect();
            let share = all.iter().filter(|&&difference| difference > 1e-5).count() as f64 / all.len() as f64;
            assert!(share < 3e-3, "{share} of {augmentation:?}");
        }
    }
}

/// SimCLR's augmentation on ImageNet.
fn papers(strength: f64) -> Vec<Transform> {
    vec![
        crops()[0].clone(),
        HorizontalFlip { probability: 0.5 },
        ColorJitter { strength, probability: 0.8, order: JitterOrder::Random, brightness: Brightness::Additive },
        Grayscale { probability: 0.2 },
        GaussianBlur { kernel: 0.1, sigma: (0.1, 2.0), probability: 0.5 },
    ]
}

#[test]
fn the_papers_views_are_right_to_five_digits() {
    for strength in [0.5, 1.0] {
        let augmentation = Augmentation::symmetric(papers(strength));
        let worst = (0..10).map(|seed| largest(&differences(&images(32, 32, 32), &augmentation, seed)));
        let worst = worst.fold(0.0, f32::max);
        assert!(worst < 1e-5, "{worst}");
    }
}

#[test]
fn first_views_alone_are_those_of_supervised_training() {
    let (images, batch) = (images(9, 20, 16), [8, 0, 3, 3]);
    let augmentation = Augmentation {
        both: papers(1.0),
        first: vec![Solarize { threshold: 0.5, probability: 0.5 }],
        second: vec![Sobel { probability: 1.0 }],
    };
    let expected = views(&images, batch.len(), |row| {
        let stream = Stream::new(7, Purpose::Augmentation, [2, batch[row] as u64], 0);
        (batch[row], augmentation.of_view(0), stream)
    });
    let choices = Choices::of_first_views(&images, &batch, &augmentation, 7, 2);
    let ours = on_device(&images, &choices);
    assert_eq!(ours.len(), expected.len());
    assert!(ours.iter().zip(&expected).all(|(ours, expected)| (ours - expected).abs() < 1e-5));
}

#[test]
fn little_crosses_the_bus() {
    let images = images(10, 32, 32);
    let batch: Vec<usize> = (0..10).collect();
    let bytes = |transforms| Choices::of_pairs(&images, &batch, &Augmentation::symmetric(transforms), 0, 0).bytes();
    // A crop has 6 numbers, a jitter 20, a chance 1, a blur of radius 1 has 2, and the image is 1: 120 bytes a view.
    assert!(bytes(papers(0.5)) <= 20 * 120);
    assert_eq!(bytes(vec![]), 20 * 4);
    // Noise is as large as the views that have some.
    assert!(bytes(vec![GaussianNoise { sigma: (0.1, 0.1), probability: 0.5 }]) < 20 * 4 * 3 * 32 * 32);
}

#[test]
fn every_recipe_runs_and_only_images_can_keep_it_off() {
    assert_eq!(obstacle(&images(3, 5, 7)), None);
    assert_eq!(obstacle(&images(3, 5, 7).select(&[])), Some("there are no images"));
    assert!(ResidentImages::<Cpu>::upload(&images(3, 5, 7).select(&[]), &Device::default()).is_none());
    assert_eq!(ResidentImages::<Cpu>::bytes(&images(3, 5, 7)), 3 * 5 * 5 * 3);
}
