//! How many views per second one core makes with SimCLR's augmentation on CIFAR-10: crop, flip, color jitter of
//! strength 0.5 and color drop, from 32 × 32 pixels of 8 bits to float32; and how many views' choices all cores draw
//! for a device that makes the views itself.
//!
//! `cargo bench --bench augmentation`; with a Python that has torchvision in `ABLATE_TORCHVISION_PYTHON`, its PIL
//! pipeline takes turns with ours and the ratio is printed.

use std::{env, hint::black_box, process::Command, time::Instant};

use ablate::{
    recipe::{Augmentation, BoxSampling, Brightness, Interpolation, JitterOrder, Transform},
    train::{
        augment::{augment, device::Choices},
        data::{Images, Picture},
        random::{Purpose, Stream},
    },
};

const SIZE: usize = 32;
/// Different pictures, and views that a round makes.
const PICTURES: usize = 256;
const VIEWS: usize = 20_000;
/// The fastest round counts.
const ROUNDS: usize = 5;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    let pixels = pictures();
    let pipeline = pipeline();
    println!("views of {SIZE} px per second, one thread; best of {ROUNDS}");
    for length in 1..=pipeline.len() {
        println!("{:>8.0}  ablate, first {length} of {}", ours(&pixels, &pipeline[..length], 1), pipeline.len());
    }
    println!("{:>8.0}  drawn for a device, all threads", drawn(&pixels, pipeline.clone()));
    let Some(python) = env::var_os("ABLATE_TORCHVISION_PYTHON") else {
        println!("{:>8.0}  ablate", ours(&pixels, &pipeline, ROUNDS));
        return println!("set ABLATE_TORCHVISION_PYTHON to a Python with torchvision to compare");
    };
    let (mut best, mut theirs) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        best = best.max(ours(&pixels, &pipeline, 1));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/augmentation_torchvision.py");
        let output = match Command::new(&python).arg(script).output() {
            Ok(output) if output.status.success() => output.stdout,
            Ok(output) => return eprintln!("{script} failed: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => return eprintln!("cannot start {}: {error}", python.display()),
        };
        let text = String::from_utf8_lossy(&output);
        match text.trim().parse::<f64>() {
            Ok(number) => theirs = theirs.max(number),
            Err(_) => return eprintln!("{script} printed no number: {text}"),
        }
    }
    println!("{best:>8.0}  ablate\n{theirs:>8.0}  torchvision (PIL)\n{:>8.1}  ratio", best / theirs);
}

fn pipeline() -> Vec<Transform> {
    vec![
        Transform::RandomResizedCrop {
            area: (0.08, 1.0),
            aspect: (3.0 / 4.0, 4.0 / 3.0),
            sampling: BoxSampling::UniformArea,
            interpolation: Interpolation::Bicubic,
        },
        Transform::HorizontalFlip { probability: 0.5 },
        Transform::ColorJitter {
            strength: 0.5,
            probability: 0.8,
            order: JitterOrder::Random,
            brightness: Brightness::Additive,
        },
        Transform::Grayscale { probability: 0.2 },
    ]
}

/// Random bytes; what an image shows has no influence on the time.
fn pictures() -> Vec<u8> {
    let mut stream = Stream::new(0, Purpose::Shapes, [0, 0], 0);
    (0..PICTURES * 3 * SIZE * SIZE).map(|_| stream.below(256) as u8).collect()
}

/// Views per second of which the choices are drawn and laid out, in batches of all pictures.
fn drawn(pixels: &[u8], transforms: Vec<Transform>) -> f64 {
    let images = Images::in_memory(SIZE, pixels.to_vec(), vec![0; PICTURES], 1, vec!["noise".to_owned()]);
    let (batch, augmentation) = ((0..PICTURES).collect::<Vec<_>>(), Augmentation::symmetric(transforms));
    let round = |_| {
        let start = Instant::now();
        let batches = VIEWS / (2 * PICTURES);
        for epoch in 0..batches {
            black_box(Choices::of_pairs(&images, &batch, &augmentation, 0, epoch));
        }
        (batches * 2 * PICTURES) as f64 / start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(0.0, f64::max)
}

/// Views per second of the fastest round.
fn ours(pixels: &[u8], transforms: &[Transform], rounds: usize) -> f64 {
    let mut view = vec![0.0; 3 * SIZE * SIZE];
    let round = |_| {
        let start = Instant::now();
        for number in 0..VIEWS {
            let pixels = &pixels[number % PICTURES * view.len()..][..view.len()];
            let picture = Picture { height: SIZE, width: SIZE, pixels };
            let mut stream = Stream::new(0, Purpose::Augmentation, [0, number as u64], 0);
            augment(picture, SIZE, transforms, &mut stream, &mut view);
            black_box(&view);
        }
        VIEWS as f64 / start.elapsed().as_secs_f64()
    };
    (0..rounds).map(round).fold(0.0, f64::max)
}
