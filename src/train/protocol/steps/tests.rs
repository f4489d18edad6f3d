//! The order of images and their views.

use burn::tensor::Tolerance;

use super::*;
use crate::{
    recipe::{Algorithm, BoxSampling, DataSource, Interpolation, Transform},
    train::{
        data,
        device::{Cpu, Device},
    },
};

/// Ten generated images.
fn ten_images() -> Images {
    let part = data::Part::of_size(DataSource::Shapes, data::Split::Train, 10);
    data::load(&part, None, &mut |_| std::ops::ControlFlow::Continue(())).unwrap().images
}

/// Two epochs of flipped crops.
fn training(batch_size: usize) -> ClassifierTraining {
    let crop = Transform::RandomResizedCrop {
        area: (0.3, 1.0),
        aspect: (0.75, 1.33),
        sampling: BoxSampling::default(),
        interpolation: Interpolation::Bicubic,
    };
    ClassifierTraining {
        augmentation: vec![crop, Transform::HorizontalFlip { probability: 0.5 }],
        epochs: 2,
        batch_size,
        micro_batch: None,
        learning_rate: 0.1,
        solver: Algorithm::Sgd { nesterov: true },
        momentum: 0.9,
        weight_decay: 0.0,
    }
}

#[test]
fn a_device_makes_the_views_that_the_processor_makes() {
    let (images, training) = (ten_images(), training(5));
    let parts = |on_device| {
        let course = Course {
            training: &training,
            seed: 4,
            what: "classifier's",
            targets: Targets::of(&images),
            views: Some(ViewsOf { images: &images, on_device, at_a_time: 2 }),
            part: 5,
            kept_at_end: false,
            resumption: Resumption { checkpoint: None, data: "" },
        };
        course.parts(0..2).collect::<Vec<_>>()
    };
    let (host, device) =
        (ViewMaker::<Cpu>::by_processor(&images), ViewMaker::<Cpu>::on_device(&images, &Device::default()));
    for (made, chosen) in parts(false).into_iter().zip(parts(true)) {
        assert_eq!((made.views.len(), &made.images), (3, &chosen.images));
        let [made, chosen] = [made.all_views(&host), chosen.all_views(&device)].map(Option::unwrap);
        assert_eq!(made.dims()[0], 5);
        made.into_data().assert_approx_eq::<f32>(&chosen.into_data(), Tolerance::absolute(1e-5));
    }
    assert!(parts(true).remove(0).all_views(&host).is_none(), "numbers without images make no views");
}

#[test]
fn batches_are_cut_from_one_order_in_which_each_epoch_is_shuffled_anew() {
    let (images, training) = (ten_images(), training(4));
    let course = Course {
        training: &training,
        seed: 4,
        what: "classifier's",
        targets: Targets::of(&images),
        views: Some(ViewsOf { images: &images, on_device: false, at_a_time: 4 }),
        part: 4,
        kept_at_end: false,
        resumption: Resumption { checkpoint: None, data: "" },
    };
    // By hand: every image once an epoch, the third batch half of one epoch and half of the next.
    let places: Vec<(usize, usize)> = (0..2)
        .flat_map(|epoch| {
            let mut order: Vec<usize> = (0..10).collect();
            Stream::new(4, Purpose::EvaluationOrder, [epoch as u64, 0], 0).shuffle(&mut order);
            order.into_iter().map(move |index| (index, epoch))
        })
        .collect();
    assert!(places[..10].iter().zip(&places[10..]).any(|(one, other)| one.0 != other.0));
    for first in [0, 3] {
        let made: Vec<Part> = course.parts(first..5).collect();
        assert_eq!(made.len(), 5 - first);
        for (made, expected) in made.iter().zip(places.chunks(4).skip(first)) {
            assert_eq!(made.images, expected);
            let [Pixels::Made(pixels)] = &made.views[..] else { panic!("the processor makes views") };
            let expected = augment::views(&images, 4, |row| {
                let (index, epoch) = expected[row];
                let numbers = [epoch as u64, index as u64];
                (index, &training.augmentation, Stream::new(4, Purpose::EvaluationAugmentation, numbers, 0))
            });
            assert!(*pixels == expected);
        }
    }
}
