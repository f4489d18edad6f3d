//! Each operation at explicit parameters.

use ablate::{
    recipe::{Interpolation, Policy},
    train::{
        augment::{
            Adjustment, Bytes, CropBox, Hole, Jitter, Operation, Planes, Shift, Step, apply, blur, blur_radius,
            center_view, crop_picture, crop_planes, cutout, equalize, flip, grayscale, jitter, noise, rotate, sobel,
            solarize, sub_policies,
        },
        data::Picture,
        random::{Purpose, Stream},
    },
};
use serde_json::Value;

use super::{FIXTURE, assert_close, list, numbers, planes};

#[test]
fn crops_are_resized_as_pil_torch_and_numpy_do_it() {
    let case = &FIXTURE["resizing"];
    let pixels: Vec<u8> = numbers(&case["picture"]).into_iter().map(|byte| byte as u8).collect();
    let picture = Picture { height: 13, width: 17, pixels: &pixels };
    for each in list(&case["cases"]) {
        let cut: Vec<usize> = numbers(&each["box"]).into_iter().map(|number| number as usize).collect();
        let cut = CropBox { top: cut[0], left: cut[1], height: cut[2], width: cut[3] };
        let size = each["size"].as_u64().unwrap() as usize;
        for (kind, name) in [(Interpolation::Bicubic, "bicubic"), (Interpolation::Bilinear, "bilinear")] {
            assert_close(&crop_picture(picture, cut, kind, size), &each[name], &format!("{name} {cut:?}"));
        }
    }
    for each in list(&case["centers"]) {
        let size = each["size"].as_u64().unwrap() as usize;
        let view = center_view(picture, size, each["proportion"].as_f64().unwrap());
        assert_close(&Planes::from_interleaved(size, &view), &each["view"], &format!("center at {size}"));
    }
}

#[test]
fn crops_are_resized_as_tensorflow_1_does_it() {
    let fixture: Value = serde_json::from_str(include_str!("../../fixtures/bicubic_tf1.json")).unwrap();
    let [height, width] = [0_usize, 1].map(|place| fixture["picture"][place].as_u64().unwrap() as usize);
    let pixel = |place: usize| ((place * place * 31 + place * 7) % 257 % 256) as u8;
    let pixels: Vec<u8> = (0..height * width * 3).map(pixel).collect();
    let picture = Picture { height, width, pixels: &pixels };
    for each in list(&fixture["cases"]) {
        let cut: Vec<usize> = numbers(&each["box"]).into_iter().map(|number| number as usize).collect();
        let cut = CropBox { top: cut[0], left: cut[1], height: cut[2], width: cut[3] };
        let size = each["size"].as_u64().unwrap() as usize;
        let view = crop_picture(picture, cut, Interpolation::BicubicTf1, size);
        assert_close(&view, &each["view"], &format!("{cut:?} at {size}"));
    }
}

#[test]
fn a_later_crop_cuts_from_the_view() {
    let bytes: Vec<u8> = (0..7 * 7 * 3).map(|index| (index * 37 % 256) as u8).collect();
    let picture = Picture { height: 7, width: 7, pixels: &bytes };
    let whole = crop_picture(picture, CropBox::whole(7, 7), Interpolation::Bilinear, 7);
    let cut = CropBox { top: 1, left: 3, height: 5, width: 2 };
    for kind in [Interpolation::Bicubic, Interpolation::BicubicTf1, Interpolation::Bilinear] {
        assert_eq!(crop_planes(&whole, cut, kind), crop_picture(picture, cut, kind, 7));
    }
}

#[test]
fn a_picture_of_the_right_size_is_taken_as_it_is() {
    let bytes: Vec<u8> = (0..4 * 4 * 3).map(|index| index * 5).collect();
    let view = center_view(Picture { height: 4, width: 4, pixels: &bytes }, 4, 0.5);
    assert!(view.iter().zip(&bytes).all(|(value, &byte)| *value == f32::from(byte) / 255.0));
}

#[test]
fn jitter_and_grayscale_are_those_of_colorsys() {
    let case = &FIXTURE["color"];
    for each in list(&case["cases"]) {
        let parameters: Vec<f32> = numbers(&each["parameters"]).into_iter().map(|number| number as f32).collect();
        let adjustment = |name: &Value| {
            Adjustment::ALL.into_iter().find(|adjustment| format!("{adjustment:?}") == name.as_str().unwrap()).unwrap()
        };
        let order: Vec<_> = list(&each["order"]).iter().map(adjustment).collect();
        let mut image = planes(&case["image"]);
        let additive = each["kind"] == "Additive";
        let jitters = Jitter {
            brightness: if additive { Shift::Add(parameters[0]) } else { Shift::Multiply(parameters[0]) },
            contrast: parameters[1],
            saturation: parameters[2],
            hue: parameters[3],
            order: order.try_into().unwrap(),
        };
        jitter(&mut image, &jitters);
        assert_close(&image, &each["result"], &format!("{jitters:?}"));
    }
    let mut image = planes(&case["image"]);
    grayscale(&mut image);
    for channel in image.channels() {
        for (value, gray) in channel.iter().zip(numbers(&case["gray"])) {
            assert!((value - gray as f32).abs() < 1e-6, "{value} {gray}");
        }
    }
}

#[test]
fn blur_is_a_convolution_padded_with_zeros() {
    let case = &FIXTURE["blurring"];
    for each in list(&case["cases"]) {
        let mut image = planes(&case["image"]);
        let (sigma, radius) = (each["sigma"].as_f64().unwrap(), each["radius"].as_u64().unwrap() as usize);
        blur(&mut image, sigma, radius);
        assert_close(&image, &each["result"], &format!("sigma {sigma}, radius {radius}"));
    }
    for pair in list(&case["radii"]) {
        let [size, radius] = [0, 1].map(|place| pair[place].as_u64().unwrap() as usize);
        assert_eq!(blur_radius(size, 0.1), radius, "{size} pixels");
    }
    // Fractions whose product with the size falls a little short of a whole number count as that number.
    assert_eq!(blur_radius(100, 0.58), 29);
}

#[test]
fn pixels_are_moved_removed_and_compared() {
    let case = &FIXTURE["windows"];
    let changed = |change: &dyn Fn(&mut Planes)| {
        let mut image = planes(&case["image"]);
        change(&mut image);
        image
    };
    assert_close(&changed(&sobel), &case["sobel"], "sobel");
    assert_close(&changed(&flip), &case["flipped"], "flip");
    assert_close(&changed(&|image| solarize(image, 0.4)), &case["solarized"], "solarize");
    for (quarters, turned) in list(&case["turns"]).iter().enumerate() {
        assert_close(&changed(&|image| rotate(image, quarters as u32)), turned, &format!("{quarters} quarters"));
    }
    for each in list(&case["holes"]) {
        let hole: Vec<i64> = numbers(&each["hole"]).into_iter().map(|number| number as i64).collect();
        let hole = Hole { top: hole[0], left: hole[1], side: hole[2] as usize };
        assert_close(&changed(&|image| cutout(image, hole)), &each["result"], &format!("{hole:?}"));
    }
}

#[test]
fn noise_has_the_asked_moments() {
    let mut image = Planes { size: 150, values: vec![0.5; 3 * 150 * 150] };
    noise(&mut image, 0.1, &mut Stream::new(3, Purpose::Augmentation, [0, 0], 0));
    let values: Vec<f64> = image.values.iter().map(|&value| (f64::from(value) - 0.5) / 0.1).collect();
    let count = values.len() as f64;
    let moment = |power| values.iter().map(|value: &f64| value.powi(power)).sum::<f64>() / count;
    // Five standard errors: of the mean 1, of the square √2, of the cube √15, of the fourth power √96 over √n. Values
    // clipped at five deviations are too rare to count.
    for (power, expected, deviation) in [(1, 0.0, 1.0_f64), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        assert!((moment(power) - expected).abs() < 5.0 * (deviation / count).sqrt(), "{power}: {}", moment(power));
    }
    // Neighbors are independent.
    let lag = |distance: usize| values.iter().zip(&values[distance..]).map(|(a, b)| a * b).sum::<f64>() / count;
    assert!([1, 2, 150].into_iter().all(|distance| lag(distance).abs() < 5.0 / count.sqrt()));
}

#[test]
fn eight_bit_operations_are_those_of_pil() {
    let case = &FIXTURE["eight_bit"];
    let size = case["size"].as_u64().unwrap() as usize;
    let bytes = |value: &Value| numbers(value).into_iter().map(|number| number as u8).collect::<Vec<_>>();
    for each in list(&case["cases"]) {
        let (name, magnitude) = (each["name"].as_str().unwrap(), each["magnitude"].as_f64().unwrap());
        let factor = (1.0 + magnitude) as f32;
        let operation = match name {
            "ShearX" => Operation::ShearX(magnitude),
            "ShearY" => Operation::ShearY(magnitude),
            "TranslateX" => Operation::TranslateX(magnitude as i64),
            "TranslateY" => Operation::TranslateY(magnitude as i64),
            "Rotate" => Operation::Rotate(magnitude),
            "Brightness" => Operation::Brightness(factor),
            "Color" => Operation::Color(factor),
            "Contrast" => Operation::Contrast(factor),
            "Sharpness" => Operation::Sharpness(factor),
            "Posterize" => Operation::Posterize(magnitude as u32),
            "Solarize" => Operation::Solarize(magnitude),
            "AutoContrast" => Operation::AutoContrast,
            "Equalize" => Operation::Equalize,
            "Invert" => Operation::Invert,
            other => panic!("what is {other}?"),
        };
        let mut image = Bytes::from_interleaved(size, &bytes(&case["image"]));
        apply(&mut image, operation);
        let mut pixels = vec![0; 3 * size * size];
        image.interleave(&mut pixels);
        assert_eq!(pixels, bytes(&each["result"]), "{operation:?}");
    }
}

#[test]
fn equalizing_rounds_to_eight_bits() {
    let case = &FIXTURE["eight_bit"];
    let size = case["size"].as_u64().unwrap() as usize;
    let unit = |value: &Value| numbers(value).into_iter().map(|byte| (byte / 255.0) as f32).collect::<Vec<_>>();
    // A third of a level is rounded away.
    let source: Vec<f32> = unit(&case["image"]).iter().map(|value| value * (1.0 - 0.001)).collect();
    let mut image = Planes::from_interleaved(size, &source);
    equalize(&mut image);
    let expected = list(&case["cases"]).iter().find(|each| each["name"] == "Equalize").unwrap();
    assert_eq!(image, Planes::from_interleaved(size, &unit(&expected["result"])));
}

#[test]
fn policies_and_magnitudes_are_torchvisions() {
    let magnitudes = &FIXTURE["policies"]["magnitudes"];
    for (policy, name) in [(Policy::ImageNet, "ImageNet"), (Policy::Cifar10, "Cifar10")] {
        let table = list(&FIXTURE["policies"]["tables"][name]);
        assert_eq!(sub_policies(policy).len(), table.len());
        for (ours, theirs) in sub_policies(policy).iter().flatten().zip(table.iter().flat_map(list)) {
            let [kind, probability, magnitude] = [0, 1, 2].map(|place| &theirs[place]);
            assert_eq!(format!("{:?}", ours.kind), kind.as_str().unwrap(), "{name}");
            assert_eq!(ours.probability, probability.as_f64().unwrap(), "{name}");
            assert_eq!(u64::from(ours.magnitude), magnitude.as_u64().unwrap_or(0), "{name}");
            for magnitude in 0..10 {
                check_magnitude(Step { magnitude, ..*ours }, &magnitudes[kind.as_str().unwrap()]);
            }
        }
    }
}

/// The parameter of a step in both directions, against torchvision's table of magnitudes for 32 pixels.
fn check_magnitude(step: Step, theirs: &Value) {
    let values = numbers(&theirs["values"]);
    for negative in [false, true] {
        let operation = step.operation(negative, 32);
        let ours = match operation {
            Operation::ShearX(value) | Operation::ShearY(value) | Operation::Rotate(value) => value,
            Operation::TranslateX(pixels) | Operation::TranslateY(pixels) => pixels as f64,
            Operation::Brightness(factor)
            | Operation::Color(factor)
            | Operation::Contrast(factor)
            | Operation::Sharpness(factor) => f64::from(factor) - 1.0,
            Operation::Posterize(bits) => f64::from(bits),
            Operation::Solarize(threshold) => threshold,
            Operation::AutoContrast | Operation::Equalize | Operation::Invert => return assert!(values.is_empty()),
        };
        let theirs_here = values[usize::from(step.magnitude)];
        let sign = if negative && theirs["signed"].as_bool().unwrap() { -1.0 } else { 1.0 };
        let whole = matches!(operation, Operation::TranslateX(_) | Operation::TranslateY(_));
        let expected = sign * if whole { theirs_here.trunc() } else { theirs_here };
        // Their table is in float32.
        assert!((ours - expected).abs() < 1e-4, "{operation:?} is not {expected}");
    }
}
