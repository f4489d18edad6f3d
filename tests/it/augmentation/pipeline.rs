//! Random draws and whole views.

use crate::recipes::shapes;
use ablate::{
    recipe::{
        Augmentation, BoxSampling, Brightness, Interpolation, JitterOrder, Policy,
        Transform::{self, *},
    },
    train::{
        augment::{CropBox, Jitter, Shift, augment, crop_picture, plain_batch, random_box, square, view_pairs},
        data::{Images, Picture, Split},
        random::{Purpose, Stream},
    },
};
use proptest::prelude::*;

use super::{FIXTURE, numbers};

fn stream(seed: u64) -> Stream {
    Stream::new(seed, Purpose::Augmentation, [0, 0], 0)
}

/// One of every kind of transformation, with the same chance.
fn every_kind(probability: f64) -> Vec<Transform> {
    let jitter = |order, brightness| ColorJitter { strength: 1.0, probability, order, brightness };
    vec![
        HorizontalFlip { probability },
        jitter(JitterOrder::Random, Brightness::Additive),
        jitter(JitterOrder::Fixed, Brightness::Multiplicative),
        Grayscale { probability },
        GaussianBlur { kernel: 0.1, sigma: (0.1, 2.0), probability },
        Cutout { size: 0.5, probability },
        Rotate { probability },
        GaussianNoise { sigma: (0.0, 0.5), probability },
        Equalize { probability },
        Solarize { threshold: 0.5, probability },
        Sobel { probability },
    ]
}

const SAMPLINGS: [BoxSampling; 3] =
    [BoxSampling::UniformArea, BoxSampling::UniformAreaLogAspect, BoxSampling::UniformHeight];

fn crop(sampling: BoxSampling) -> Transform {
    RandomResizedCrop { area: (0.08, 1.0), aspect: (0.75, 4.0 / 3.0), sampling, interpolation: Interpolation::Bicubic }
}

fn view(picture: Picture<'_>, size: usize, transforms: &[Transform], seed: u64) -> Vec<f32> {
    let mut view = vec![f32::NAN; 3 * size * size];
    augment(picture, size, transforms, &mut stream(seed), &mut view);
    view
}

fn pixels(height: usize, width: usize, seed: u64) -> Vec<u8> {
    let mut stream = stream(seed);
    (0..3 * height * width).map(|_| stream.below(256) as u8).collect()
}

fn any_transforms() -> impl Strategy<Value = Vec<Transform>> {
    let mut all = every_kind(1.0);
    all.extend(SAMPLINGS.map(crop));
    all.extend([Policy::ImageNet, Policy::Cifar10].map(|policy| AutoAugment { policy }));
    prop::collection::vec(prop::sample::select(all), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn views_are_in_range_and_depend_on_the_stream_alone(
        transforms in any_transforms(),
        (height, width, size) in (1_usize..24, 1_usize..24, 1_usize..20),
        seed in any::<u64>(),
    ) {
        let pixels = pixels(height, width, 1);
        let picture = Picture { height, width, pixels: &pixels };
        let first = view(picture, size, &transforms, seed);
        prop_assert!(first.iter().all(|value| (0.0..=1.0).contains(value)), "{transforms:?}");
        prop_assert_eq!(&first, &view(picture, size, &transforms, seed));
    }

    #[test]
    fn boxes_lie_in_the_picture_and_in_their_ranges(
        (height, width) in (1_usize..400, 1_usize..400),
        sampling in prop::sample::select(SAMPLINGS.to_vec()),
        seed in any::<u64>(),
    ) {
        let cut = random_box((height, width), (0.2, 0.8), (0.75, 4.0 / 3.0), sampling, &mut stream(seed));
        prop_assert!(cut.top + cut.height <= height && cut.left + cut.width <= width);
        // Where nothing fits, torchvision's law takes all rows or all columns, whatever their area.
        let may_be_central =
            sampling == BoxSampling::UniformAreaLogAspect && (cut.height == height || cut.width == width);
        if cut != CropBox::whole(height, width) && !may_be_central {
            let area = (cut.height * cut.width) as f64;
            let (h, w) = (cut.height as f64, cut.width as f64);
            // Height and width are each rounded by at most half a pixel.
            let most = (h + 0.5) * (w + 0.5);
            let least = (h - 0.5) * (w - 0.5);
            let whole = (height * width) as f64;
            prop_assert!(most >= 0.2 * whole && least <= 0.8 * whole, "{area} of {whole}");
            prop_assert!((w + 0.5) / (h - 0.5) >= 0.75 && (w - 0.5) / (h + 0.5) <= 4.0 / 3.0, "{cut:?}");
        }
    }
}

#[test]
fn probability_zero_changes_nothing() {
    let pixels = pixels(9, 9, 5);
    let picture = Picture { height: 9, width: 9, pixels: &pixels };
    assert_eq!(view(picture, 9, &every_kind(0.0), 0), view(picture, 9, &[], 0));
}

#[test]
fn each_transformation_does_something() {
    let pixels = pixels(20, 20, 5);
    let picture = Picture { height: 20, width: 20, pixels: &pixels };
    let plain = view(picture, 20, &[], 0);
    for transform in every_kind(1.0).into_iter().chain([crop(BoxSampling::UniformArea)]) {
        // A blur of little deviation may well round away, so several draws count.
        let changed = (0..4).any(|seed| view(picture, 20, std::slice::from_ref(&transform), seed) != plain);
        assert!(changed, "{transform:?}");
    }
}

#[test]
fn heights_of_boxes_are_distributed_as_computed() {
    let case = &FIXTURE["boxes"];
    let draws = 40_000;
    let pair = |name: &str| numbers(&case[name]).try_into().map(|[low, high]: [f64; 2]| (low, high)).unwrap();
    let (rows, columns) = pair("picture");
    for sampling in SAMPLINGS {
        let name = format!("{sampling:?}");
        let expected = numbers(&case[name.as_str()]);
        let mut stream = stream(11);
        let mut counts = vec![0; expected.len()];
        for _ in 0..draws {
            let size = (rows as usize, columns as usize);
            counts[random_box(size, pair("area"), pair("aspect"), sampling, &mut stream).height] += 1;
        }
        for (height, (&count, chance)) in counts.iter().zip(expected).enumerate() {
            let error = (f64::from(count) / f64::from(draws) - chance).abs();
            // Five standard errors, and the grid of the reference.
            let bound = 5.0 * (chance * (1.0 - chance) / f64::from(draws)).sqrt() + 2e-4;
            assert!(error < bound, "{name}: height {height} is off by {error}");
        }
    }
}

#[test]
fn areas_and_logarithms_of_aspect_ratios_are_uniform_where_torchvisions_are() {
    // So large a picture that all draws fit and rounding does not show.
    let (side, draws) = (20_000, 40_000);
    let (area, aspect): ((f64, f64), (f64, f64)) = ((0.08, 0.7), (0.75, 4.0 / 3.0));
    let mut stream = stream(12);
    let mut shares = [vec![], vec![]];
    for _ in 0..draws {
        let cut = random_box((side, side), area, aspect, BoxSampling::UniformAreaLogAspect, &mut stream);
        let (height, width) = (cut.height as f64, cut.width as f64);
        shares[0].push((height * width / (side * side) as f64 - area.0) / (area.1 - area.0));
        shares[1].push((width / height / aspect.0).ln() / (aspect.1 / aspect.0).ln());
    }
    for (shares, name) in shares.iter_mut().zip(["area", "aspect ratio"]) {
        shares.sort_by(f64::total_cmp);
        let distance = |(rank, share): (usize, &f64)| (share - (rank as f64 + 0.5) / f64::from(draws)).abs();
        let furthest = shares.iter().enumerate().map(distance).fold(0.0, f64::max);
        // Kolmogorov and Smirnov: more by chance once in a million times. A ratio that is itself uniform has 0.072.
        assert!(furthest < 2.75 / f64::from(draws).sqrt(), "{name}: {furthest}");
    }
}

#[test]
fn what_does_not_fit_ten_times_is_a_central_box_as_in_torchvision() {
    let law = BoxSampling::UniformAreaLogAspect;
    let wide = &FIXTURE["boxes"]["wide"];
    let pair = |name: &str| numbers(&wide[name]).try_into().map(|[low, high]: [f64; 2]| (low, high)).unwrap();
    let ((rows, columns), draws) = (pair("picture"), 40_000);
    let expected = numbers(&wide["UniformAreaLogAspect"]);
    let [top, left, height, width]: [usize; 4] =
        numbers(&wide["central"]).into_iter().map(|number| number as usize).collect::<Vec<_>>().try_into().unwrap();
    let central = CropBox { top, left, height, width };
    let mut stream = stream(13);
    let (mut counts, mut missed) = (vec![0; expected.len()], 0);
    for _ in 0..draws {
        let cut = random_box((rows as usize, columns as usize), pair("area"), (0.75, 4.0 / 3.0), law, &mut stream);
        counts[cut.height] += 1;
        missed += i32::from(cut == central);
    }
    let is_near = |count: i32, chance: f64, more: f64| {
        let error = f64::from(count) / f64::from(draws) - chance;
        let bound = 5.0 * (chance * (1.0 - chance) / f64::from(draws)).sqrt() + 2e-4;
        error > -bound && error < bound + more
    };
    for (height, (&count, &chance)) in counts.iter().zip(&expected).enumerate() {
        assert!(is_near(count, chance, 0.0), "height {height}: {count} of {draws}, not {chance}");
    }
    // Some boxes that fit lie there too: fewer than one in a hundred, at 33 places.
    assert!(is_near(missed, wide["missed"].as_f64().unwrap(), 0.01), "{missed} of {draws}");
    // Nothing ever fits: as wide or as high as the ratio allows, in the middle, or everything if its ratio is allowed.
    let mut never = |extent, area, aspect| random_box(extent, area, aspect, law, &mut stream);
    let ratios = (0.75, 4.0 / 3.0);
    assert_eq!(never((10, 1000), (0.5, 1.0), ratios), CropBox { top: 0, left: 493, height: 10, width: 13 });
    assert_eq!(never((1000, 10), (0.5, 1.0), ratios), CropBox { top: 493, left: 0, height: 13, width: 10 });
    assert_eq!(never((1, 1), (0.01, 0.02), ratios), CropBox::whole(1, 1));
    assert_eq!(never((1, 1), (1.0, 1.0), (4.0, 5.0)), CropBox::whole(1, 1));
}

#[test]
fn boxes_lie_anywhere() {
    let mut stream = stream(2);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2000 {
        let cut = random_box((8, 8), (0.25, 0.25), (1.0, 1.0), BoxSampling::UniformArea, &mut stream);
        assert_eq!((cut.height, cut.width), (4, 4));
        seen.insert((cut.top, cut.left));
    }
    assert_eq!(seen.len(), 25);
}

#[test]
fn jitters_are_drawn_from_the_papers_ranges() {
    let mut stream = stream(4);
    let draw = |order, brightness, stream: &mut Stream| Jitter::random(0.5, order, brightness, stream);
    let mut orders = std::collections::BTreeSet::new();
    let mut extremes = [(f32::INFINITY, f32::NEG_INFINITY); 5];
    for _ in 0..4000 {
        let added = draw(JitterOrder::Random, Brightness::Additive, &mut stream);
        let multiplied = draw(JitterOrder::Fixed, Brightness::Multiplicative, &mut stream);
        let (Shift::Add(amount), Shift::Multiply(factor)) = (added.brightness, multiplied.brightness) else {
            panic!("{added:?} {multiplied:?}");
        };
        let values = [amount, factor, added.contrast, added.saturation, added.hue];
        for ((low, high), value) in extremes.iter_mut().zip(values) {
            (*low, *high) = (low.min(value), high.max(value));
        }
        orders.insert(format!("{:?}", added.order));
        assert_eq!(format!("{:?}", multiplied.order), "[Brightness, Contrast, Saturation, Hue]");
    }
    assert_eq!(orders.len(), 24);
    let ranges = [(-0.4, 0.4), (0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1)];
    for ((low, high), range) in extremes.into_iter().zip(ranges) {
        // The extremes of 4000 draws miss the ends by more than a hundredth with a chance of 1e-17.
        let width = 0.01 * (range.1 - range.0);
        assert!(low >= range.0 && low < range.0 + width && high <= range.1 && high > range.1 - width, "{low} {high}");
    }
    // At full strength factors stay above zero, at twice that they stop there.
    let strong = Jitter::random(2.0, JitterOrder::Fixed, Brightness::Multiplicative, &mut stream);
    assert!(strong.contrast >= 0.0 && strong.saturation >= 0.0);
}

#[test]
fn only_the_first_view_gets_what_is_first() {
    let images = shapes(Split::Train, 10);
    let gray = vec![Grayscale { probability: 1.0 }];
    let inverted = vec![Solarize { threshold: 0.0, probability: 1.0 }];
    let augmentation = Augmentation { both: vec![], first: gray, second: inverted };
    let views = view_pairs(&images, &[3, 7], &augmentation, 0, 0);
    let plain = plain_batch(&images, 0..10);
    let length = 24 * 24 * 3;
    let view = |row: usize| &views[row * length..][..length];
    let plain = |row: usize| &plain[row * length..][..length];
    for (row, index) in [(0, 3), (1, 7)] {
        assert!(view(row).chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
        assert!(view(2 + row).iter().zip(plain(index)).all(|(ours, plain)| *ours == 1.0 - plain));
    }
    // Both views draw for themselves.
    let both = Augmentation::symmetric(vec![crop(BoxSampling::UniformArea)]);
    let views = view_pairs(&images, &[3], &both, 0, 0);
    assert_ne!(views[..length], views[length..]);
}

#[test]
fn large_pictures_are_cropped_at_full_resolution() {
    let pixels = pixels(30, 47, 9);
    let picture = Picture { height: 30, width: 47, pixels: &pixels };
    let transforms = [crop(BoxSampling::UniformArea), Grayscale { probability: 0.0 }];
    let mut draws = stream(8);
    let area = (0.08, 1.0);
    let cut = random_box((30, 47), area, (0.75, 4.0 / 3.0), BoxSampling::UniformArea, &mut draws);
    let mut expected = vec![0.0; 16 * 16 * 3];
    crop_picture(picture, cut, Interpolation::Bicubic, 16).interleave(&mut expected);
    assert_eq!(view(picture, 16, &transforms, 8), expected);
    // A crop that is not the first cuts from the central square.
    square(picture, 16).interleave(&mut expected);
    assert_eq!(view(picture, 16, &[Grayscale { probability: 0.0 }], 8), expected);
    let middle = CropBox { top: 0, left: 9, height: 30, width: 30 };
    crop_picture(picture, middle, Interpolation::Bicubic, 16).interleave(&mut expected);
    assert_eq!(view(picture, 16, &[], 8), expected);
}

#[test]
fn a_batch_for_evaluation_is_not_augmented() {
    let images: Images = shapes(Split::Test, 10);
    let batch = plain_batch(&images, 2..4);
    let bytes = [images.picture(2).pixels, images.picture(3).pixels].concat();
    assert!(batch.iter().zip(bytes).all(|(&value, byte)| value == f32::from(byte) / 255.0));
    assert_eq!(batch.len(), 2 * 24 * 24 * 3);
}
